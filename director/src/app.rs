//! The HTTP interface of a director: maps requests to answers.
//!
//! A function from state to router, tested without sockets. Not here: connections and their limits (`serve`), the
//! reading of bodies (`body`), who may speak for a discussion (`admission`), and decisions (`registry`).

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use crate::admission::{Admitted, refuse_pages};
use crate::api::{Coordinator, Directions, FindCoordinator, First, Newcomers, RegisterNode};
use crate::director::{Director, TryLater, Way};
use crate::discussions::{Asking, Full, Unregistered};
use crate::exposition;
use crate::metrics::Request as Answered;
use crate::problem::Problem;
use crate::registry::Conflict;

/// The routes, by their names in the metrics.
const ENDPOINTS: [&str; 7] = [
    "/",
    "/find_coordinator",
    "/healthz",
    "/metrics",
    "/register_coordinator",
    "/register_leader",
    "/register_node",
];

/// Returns the service of a director. Every answer that is neither a success nor a redirect is an
/// `application/problem+json`.
pub fn app(director: Director) -> Router {
    let coordinators = post(register_coordinator).delete(withdraw_coordinator);
    Router::new()
        .route("/", get(redirect))
        .route("/register_coordinator", coordinators.clone())
        .route("/register_leader", coordinators)
        .route("/register_node", post(register_node))
        .route("/find_coordinator", post(find_coordinator))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(refuse_pages))
        .layer(middleware::from_fn_with_state(director.clone(), count))
        .with_state(director)
}

/// `GET /`: redirects to the coordinator of the open discussion.
async fn redirect(State(director): State<Director>) -> Result<Response, Problem> {
    if !director.serves(None) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "this director is inside a node, and serves that node's private discussion only",
        ));
    }
    let coordinator = director.coordinator(None).ok_or_else(nobody)?;
    let location = format!("http://{}/", coordinator.shown_address());
    Ok((StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response())
}

/// `POST /register_coordinator`: registers or renews, and waits for newcomers.
async fn register_coordinator(
    State(director): State<Director>,
    Admitted {
        said,
        discussion,
        source,
    }: Admitted<Coordinator>,
) -> Result<Json<Newcomers>, Problem> {
    let registered = director.register_coordinator(discussion, said, source.household());
    let newcomers = registered.await?;
    Ok(Json(Newcomers { newcomers }))
}

/// `DELETE /register_coordinator`: ends the registration, when the last node leaves.
async fn withdraw_coordinator(
    State(director): State<Director>,
    Admitted {
        said, discussion, ..
    }: Admitted<Coordinator>,
) -> Result<StatusCode, Problem> {
    director.withdraw(discussion, said.id)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /register_node`: tells a newcomer whom to dial, or to found.
async fn register_node(
    State(director): State<Director>,
    Admitted {
        said,
        discussion,
        source,
    }: Admitted<RegisterNode>,
) -> Result<Response, Problem> {
    let RegisterNode { newcomer, found } = said;
    let told = source.dialable(&newcomer);
    let asking = Asking {
        newcomer: newcomer.id,
        told: told.as_ref(),
        // Anybody may found the open discussion; a private one only if the request says so.
        may_found: found || discussion.is_none(),
        household: source.household(),
    };
    match director.register_node(discussion, asking).await? {
        Way::Join(directions) => Ok(Json(directions).into_response()),
        Way::Found(lease) => {
            let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
            let first = First {
                first: true,
                lease_ms,
                nonce: Some(director.nonce()),
            };
            Ok((StatusCode::CREATED, Json(first)).into_response())
        }
        Way::Unknown => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "no such discussion is known here",
        )),
    }
}

/// `POST /find_coordinator`: looks up the coordinator without announcing the caller.
async fn find_coordinator(
    State(director): State<Director>,
    Admitted { discussion, .. }: Admitted<FindCoordinator>,
) -> Result<Json<Directions>, Problem> {
    director.find(discussion).map(Json).ok_or_else(nobody)
}

/// `GET /healthz`: answers that the director is up.
async fn healthz() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

/// `GET /metrics`: answers with all counts, for Prometheus.
async fn metrics(State(director): State<Director>) -> Response {
    let kind = (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    ([kind], exposition::render(&director)).into_response()
}

async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "a director has no such page")
}

async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this page is asked for by another method: see the Allow header",
    )
}

fn nobody() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "no coordinator is registered: start a node that joins here, or try again",
    )
}

/// Counts each answer by endpoint, method and status.
async fn count(
    State(director): State<Director>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let endpoint = path.map_or("other", |path| known_endpoint(path.as_str()));
    let method = known_method(request.method());
    let response = next.run(request).await;
    let status = response.status().as_u16();
    director.metrics().answered(Answered {
        endpoint,
        method,
        status,
    });
    response
}

fn known_endpoint(path: &str) -> &'static str {
    ENDPOINTS
        .into_iter()
        .find(|known| *known == path)
        .unwrap_or("other")
}

fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

impl From<Conflict> for Problem {
    fn from(Conflict(coordinator): Conflict) -> Self {
        Self::another_ring(coordinator)
    }
}

impl From<Unregistered> for Problem {
    fn from(reason: Unregistered) -> Self {
        match reason {
            Unregistered::Conflict(conflict) => conflict.into(),
            Unregistered::Full => TryLater::from(Full).into(),
        }
    }
}

impl From<TryLater> for Problem {
    fn from(reason: TryLater) -> Self {
        let detail = match reason {
            TryLater::Lapsed => "the coordinator was lost a moment ago: try again",
            TryLater::Held => "those who were to found the discussion did not: try again",
            TryLater::Crowded => "too many discussions are known here: try another director",
            TryLater::Full => "too many newcomers wait for a founder: try again",
            TryLater::Closing => "this director is stopping: try another one, or try again",
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

#[cfg(test)]
mod tests;

//! The director's HTTP face: which request gets which answer.
//!
//! A function from state to router, tested without sockets. Not here: connections and their
//! limits (`serve`), the reading of bodies (`body`), and what is decided (`registry`).

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use crate::api::{First, Newcomers, Problem, RegisterCoordinator, RegisterNode};
use crate::body::Valid;
use crate::director::{Director, TryLater, Way};
use crate::metrics::{self, Request as Answered};
use crate::registry::Conflict;

/// The routes, as the metrics name them.
const ENDPOINTS: [&str; 6] = [
    "/",
    "/healthz",
    "/metrics",
    "/register_coordinator",
    "/register_leader",
    "/register_node",
];

/// The director as a service: every answer that is not a success or a redirect is an
/// `application/problem+json`.
pub fn app(director: Director) -> Router {
    let coordinators = post(register_coordinator).delete(withdraw_coordinator);
    Router::new()
        .route("/", get(redirect))
        .route("/register_coordinator", coordinators.clone())
        .route("/register_leader", coordinators)
        .route("/register_node", post(register_node))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(director.clone(), count))
        .with_state(director)
}

/// `GET /`: to the coordinator of the open discussion.
async fn redirect(State(director): State<Director>) -> Result<Response, Problem> {
    let Some(coordinator) = director.coordinator() else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no coordinator is registered: start a node that joins here, or try again",
        ));
    };
    let location = format!("http://{}/", coordinator.shown_address());
    Ok((StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response())
}

/// `POST /register_coordinator`: register, renew, and hear of newcomers.
async fn register_coordinator(
    State(director): State<Director>,
    Valid(request): Valid<RegisterCoordinator>,
) -> Result<Json<Newcomers>, Problem> {
    only_open(request.discussion.as_ref())?;
    let newcomers = director.register_coordinator(request.coordinator).await?;
    Ok(Json(Newcomers { newcomers }))
}

/// `DELETE /register_coordinator`: the last node leaves.
async fn withdraw_coordinator(
    State(director): State<Director>,
    Valid(request): Valid<RegisterCoordinator>,
) -> Result<StatusCode, Problem> {
    only_open(request.discussion.as_ref())?;
    director.withdraw(request.coordinator.id)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /register_node`: the way in.
async fn register_node(
    State(director): State<Director>,
    Valid(request): Valid<RegisterNode>,
) -> Result<Response, Problem> {
    if request.discussion.is_some() {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "no such discussion is known here",
        ));
    }
    match director.register_node(&request.newcomer).await? {
        Way::Join(coordinator) => Ok(Json(coordinator).into_response()),
        Way::Found(lease) => {
            let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
            let first = First {
                first: true,
                lease_ms,
            };
            Ok((StatusCode::CREATED, Json(first)).into_response())
        }
    }
}

/// `GET /healthz`.
async fn healthz() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

/// `GET /metrics`.
async fn metrics(State(director): State<Director>) -> Response {
    let kind = (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    ([kind], metrics::render(&director)).into_response()
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

/// Nobody can prove that a private discussion is theirs here, so nobody may register one.
fn only_open(discussion: Option<&String>) -> Result<(), Problem> {
    match discussion {
        None => Ok(()),
        Some(_) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "this director serves the open discussion only: leave the field discussion out",
        )),
    }
}

/// Counts every answer by endpoint, method and status.
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

impl From<TryLater> for Problem {
    fn from(reason: TryLater) -> Self {
        let detail = match reason {
            TryLater::Lapsed => "the coordinator was lost a moment ago: try again",
            TryLater::Held => "those who were to found the discussion did not: try again",
            TryLater::Full => "too many newcomers wait for a founder: try again",
            TryLater::Closing => "this director is stopping: try another one, or try again",
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

#[cfg(test)]
mod tests;

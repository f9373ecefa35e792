//! The HTTP interface of a director: maps requests to answers.
//!
//! A function from state to router, tested without sockets. Not here: connections and their limits (`serve`), the
//! decoding of bodies (`body`), who may speak for a discussion (`authorization`), and decisions (`registry`).

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE, LOCATION, UPGRADE};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper::upgrade::OnUpgrade;

use crate::api::{
    CIRCUIT_PROTOCOL, CircuitRequest, Coordinator, Directions, FindCoordinator, FoundingLease,
    Health, Newcomers, RegisterNode,
};
use crate::authorization::{Authority, AuthorizedRequest, refuse_web_pages};
use crate::director::{Director, Instruction, RetryReason};
use crate::discussions::{NodeRequest, RegistrationError, TooManyDiscussions};
use crate::exposition;
use crate::metrics::RequestLabels;
use crate::problem::Problem;
use crate::registry::Conflict;
use crate::rendezvous::NoCircuit;

/// The routes, by their names in the metrics.
const ROUTES: [&str; 8] = [
    "/",
    "/circuit",
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
        .route("/circuit", post(circuit))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(
            director.clone(),
            refuse_web_pages::<Director>,
        ))
        .layer(middleware::from_fn_with_state(director.clone(), count))
        .with_state(director)
}

/// `GET /`: redirects to the coordinator of the open discussion.
async fn redirect(State(director): State<Director>) -> Result<Response, Problem> {
    let coordinator = director.coordinator(None).ok_or_else(no_coordinator)?;
    let location = format!("http://{}/", coordinator.display_address());
    Ok((StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response())
}

/// `POST /register_coordinator`: registers or renews, and waits for newcomers.
async fn register_coordinator(
    State(director): State<Director>,
    AuthorizedRequest {
        content,
        discussion,
        source,
    }: AuthorizedRequest<Coordinator>,
) -> Result<Json<Newcomers>, Problem> {
    let newcomers = director.register_coordinator(discussion, content, source.household());
    let newcomers = newcomers.await?;
    Ok(Json(Newcomers {
        newcomers,
        member: false,
        carries: director.carries(),
    }))
}

/// `DELETE /register_coordinator`: ends the registration, when the last node leaves.
async fn withdraw_coordinator(
    State(director): State<Director>,
    AuthorizedRequest {
        content,
        discussion,
        ..
    }: AuthorizedRequest<Coordinator>,
) -> Result<StatusCode, Problem> {
    director.withdraw(discussion, content.id)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /register_node`: tells a newcomer whom to dial, or to found.
async fn register_node(
    State(director): State<Director>,
    AuthorizedRequest {
        content,
        discussion,
        source,
    }: AuthorizedRequest<RegisterNode>,
) -> Result<Response, Problem> {
    let RegisterNode {
        newcomer,
        may_found,
    } = content;
    let dialable_newcomer = source.keep_dialable(&newcomer);
    let request = NodeRequest {
        newcomer: newcomer.id,
        dialable_newcomer: dialable_newcomer.as_ref(),
        // Anybody may found the open discussion; a private one only if the request says so.
        may_found: may_found || discussion.is_none(),
        household: source.household(),
    };
    match director.register_node(discussion, request).await? {
        Instruction::Join(directions) => Ok(Json(Directions {
            carries: director.carries(),
            ..directions
        })
        .into_response()),
        Instruction::Found(lease) => {
            let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
            let lease = FoundingLease {
                first: true,
                lease_ms,
                nonce: Some(director.nonce()),
                carries: director.carries(),
            };
            Ok((StatusCode::CREATED, Json(lease)).into_response())
        }
        Instruction::Unknown => Err(unknown_discussion()),
    }
}

/// `POST /find_coordinator`: looks up the coordinator without announcing the caller.
async fn find_coordinator(
    State(director): State<Director>,
    AuthorizedRequest { discussion, .. }: AuthorizedRequest<FindCoordinator>,
) -> Result<Json<Directions>, Problem> {
    let directions = director.find_directions(discussion);
    let directions = directions.ok_or_else(no_coordinator)?;
    Ok(Json(Directions {
        carries: director.carries(),
        ..directions
    }))
}

/// `POST /circuit`: carries what two members say to each other that cannot reach each other.
async fn circuit(
    State(director): State<Director>,
    CircuitUpgrade(upgrade): CircuitUpgrade,
    AuthorizedRequest {
        content: CircuitRequest { id, peer },
        discussion,
        source,
    }: AuthorizedRequest<CircuitRequest>,
) -> Result<Response, Problem> {
    let rendezvous = director.rendezvous().ok_or_else(|| {
        let detail = "this director carries no circuits: start it with --carry";
        Problem::new(StatusCode::NOT_IMPLEMENTED, detail)
    })?;
    if director.coordinator(discussion).is_none() {
        return Err(unknown_discussion());
    }
    let met = rendezvous.meet(
        discussion,
        (id, peer),
        source.household(),
        upgrade,
        director.closing(),
    );
    met.await?;
    let headers = [(CONNECTION, "upgrade"), (UPGRADE, CIRCUIT_PROTOCOL)];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

/// The connection of a request that wants to become one end of a circuit.
struct CircuitUpgrade(OnUpgrade);

impl FromRequestParts<Director> for CircuitUpgrade {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Director) -> Result<Self, Problem> {
        let protocol = parts.headers.get(UPGRADE);
        let connection = parts.headers.get(CONNECTION);
        let connection = connection.and_then(|options| options.to_str().ok());
        let asks_for_upgrade = connection.is_some_and(|options| {
            let mut options = options.split(',').map(str::trim);
            options.any(|option| option.eq_ignore_ascii_case("upgrade"))
        });
        let wants_circuit =
            asks_for_upgrade && protocol.is_some_and(|protocol| protocol == CIRCUIT_PROTOCOL);
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        upgrade.filter(|_| wants_circuit).map(Self).ok_or_else(|| {
            let detail = "send Connection: Upgrade and Upgrade: ringtalk-circuit, over HTTP/1.1";
            Problem::new(StatusCode::UPGRADE_REQUIRED, detail)
        })
    }
}

/// `GET /healthz`: answers that the director is up.
async fn healthz(State(director): State<Director>) -> Json<Health> {
    Json(Health {
        status: "ok".into(),
        member: false,
        carries: director.carries(),
    })
}

/// `GET /metrics`: answers with all counts, for Prometheus.
async fn metrics(State(director): State<Director>) -> Response {
    let kind = (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    ([kind], exposition::render(&director)).into_response()
}

pub(crate) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown path")
}

pub(crate) async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method not allowed here: see the Allow header",
    )
}

fn unknown_discussion() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown discussion: check the invite",
    )
}

fn no_coordinator() -> Problem {
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
    let endpoint = path.map_or("other", |path| endpoint_label(path.as_str()));
    let method = method_label(request.method());
    let response = next.run(request).await;
    let status = response.status().as_u16();
    director.metrics().count_request(RequestLabels {
        endpoint,
        method,
        status,
    });
    response
}

fn endpoint_label(path: &str) -> &'static str {
    ROUTES
        .into_iter()
        .find(|known| *known == path)
        .unwrap_or("other")
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

impl From<NoCircuit> for Problem {
    fn from(reason: NoCircuit) -> Self {
        match reason {
            NoCircuit::Crowded => {
                let detail = "this director carries as many circuits as it may: try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            }
            NoCircuit::Closing => RetryReason::Closing.into(),
            NoCircuit::Alone => {
                let detail = "the other node did not ask for this circuit in time";
                Self::new(StatusCode::GATEWAY_TIMEOUT, detail)
            }
        }
    }
}

impl From<Conflict> for Problem {
    fn from(Conflict(coordinator): Conflict) -> Self {
        Self::another_ring(coordinator)
    }
}

impl From<RegistrationError> for Problem {
    fn from(reason: RegistrationError) -> Self {
        match reason {
            RegistrationError::Conflict(conflict) => conflict.into(),
            RegistrationError::TooManyDiscussions => RetryReason::from(TooManyDiscussions).into(),
        }
    }
}

impl From<RetryReason> for Problem {
    fn from(reason: RetryReason) -> Self {
        let detail = match reason {
            RetryReason::Lapsed => {
                "the coordinator stopped answering a moment ago: try again in a few seconds"
            }
            RetryReason::NoFounder => "no node started the discussion in time: try again",
            RetryReason::TooManyDiscussions => {
                "too many discussions are registered here: try another director"
            }
            RetryReason::TooManyHeld => "too many newcomers are waiting here: try again",
            RetryReason::Closing => "this director is stopping: try another one, or try again",
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

#[cfg(test)]
mod tests;

//! The answers of a member in place of a director, on the port where it also accepts links.
//!
//! It points newcomers at the coordinator that it follows, and names itself as a door. It keeps no registrations: it
//! knows from its own ring who coordinates. Not here: connections and their limits (`serve`), what the member knows
//! (`ringtalk-node`).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{CONNECTION, UPGRADE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use ringtalk_wire::{DiscussionId, NodeId};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use crate::api::{
    COORDINATOR_HOLD, Coordinator, Directions, FindCoordinator, Health, Newcomer, Newcomers, Nonce,
    RegisterNode,
};
use crate::app::{method_not_allowed, not_found};
use crate::authorization::{Authority, AuthorizedRequest, refuse_web_pages};
use crate::nonces::Nonces;
use crate::problem::Problem;

/// A newcomer that asked this member how to join, while the member is the coordinator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// The newcomer, with the addresses that the coordinator may dial.
    pub newcomer: Newcomer,
    /// The host that the request came from.
    pub host: IpAddr,
}

/// The facts from which a member answers.
#[derive(Clone, Debug)]
pub struct MemberFacts {
    /// The member's own id.
    pub id: NodeId,
    /// Its discussion, if that is private.
    pub private: Option<DiscussionId>,
    /// How to join, while the member follows a coordinator.
    pub directions: watch::Receiver<Option<Arc<Directions>>>,
    /// The queue for newcomers. If it is full, they are not announced, and dial the coordinator all the same.
    pub arrivals: mpsc::Sender<Arrival>,
    /// The answer to `GET /`, for people with a browser.
    pub page: &'static str,
    /// The protocol that `GET /` tells them to use instead of HTTP.
    pub protocol: HeaderValue,
}

/// A member in the place of a director. Clones share everything.
#[derive(Clone, Debug)]
pub struct MemberDirector(Arc<MemberShared>);

#[derive(Debug)]
struct MemberShared {
    facts: MemberFacts,
    nonces: Nonces,
    started: Instant,
}

impl MemberDirector {
    /// Creates what answers for a member. `seed` must be new, as in [`Director::new`](crate::Director::new).
    pub fn new(facts: MemberFacts, seed: [u8; 16]) -> Self {
        Self(Arc::new(MemberShared {
            facts,
            nonces: Nonces::new(seed),
            started: Instant::now(),
        }))
    }

    /// Returns how to join, or a 503 while the member follows no coordinator.
    fn directions(&self) -> Result<Arc<Directions>, Problem> {
        let directions = self.0.facts.directions.borrow().clone();
        directions.ok_or_else(|| {
            self.mark(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "this member follows no coordinator at the moment: try again",
            ))
        })
    }

    fn now(&self) -> Duration {
        self.0.started.elapsed()
    }
}

impl Authority for MemberDirector {
    fn nonce(&self) -> Nonce {
        self.0.nonces.current(self.now())
    }

    fn accepts(&self, nonce: &Nonce) -> bool {
        self.0.nonces.accepts(self.now(), nonce)
    }

    fn check_scope(&self, discussion: Option<&DiscussionId>) -> Result<(), Problem> {
        if discussion == self.0.facts.private.as_ref() {
            return Ok(());
        }
        let detail = match (discussion, &self.0.facts.private) {
            (None, Some(_)) => {
                "this member is in a private discussion: use the complete invite, including the part after the #"
            }
            (Some(_), Some(_)) => {
                "this member is in a private discussion, and this secret is not of that one: use the complete \
                 invite, including the part after the #"
            }
            (_, None) => {
                "this member is in the open discussion, and this invite is of a private one"
            }
        };
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }

    fn mark(&self, problem: Problem) -> Problem {
        Problem {
            member: true,
            ..problem
        }
    }
}

/// Returns the service of a member.
pub(crate) fn app(member: MemberDirector) -> Router {
    let refuse = middleware::from_fn_with_state(member.clone(), refuse_web_pages::<MemberDirector>);
    Router::new()
        .route("/", get(upgrade))
        .route("/register_coordinator", post(compare_coordinator))
        .route("/register_leader", post(compare_coordinator))
        .route("/register_node", post(register_node))
        .route("/find_coordinator", post(find_coordinator))
        .route("/healthz", get(healthz))
        .fallback(async |State(member): State<MemberDirector>| member.mark(not_found().await))
        .method_not_allowed_fallback(async |State(member): State<MemberDirector>| {
            member.mark(method_not_allowed().await)
        })
        .layer(refuse)
        .with_state(member)
}

/// `GET /`: says how to join. It is never a redirect, because no other address is better.
async fn upgrade(State(member): State<MemberDirector>) -> Response {
    let facts = &member.0.facts;
    let connection = (CONNECTION, HeaderValue::from_static("upgrade"));
    let protocol = (UPGRADE, facts.protocol.clone());
    (
        StatusCode::UPGRADE_REQUIRED,
        [connection, protocol],
        facts.page,
    )
        .into_response()
}

/// `POST /register_coordinator`: confirms the coordinator that this member follows, and names it to any other.
async fn compare_coordinator(
    State(member): State<MemberDirector>,
    AuthorizedRequest { content, .. }: AuthorizedRequest<Coordinator>,
) -> Result<Json<Newcomers>, Problem> {
    let check = || {
        let coordinator = &member.directions()?.coordinator;
        if coordinator.id == content.id {
            return Ok(());
        }
        let other = Box::new(coordinator.clone());
        Err(member.mark(Problem::another_ring(other)))
    };
    check()?;
    // Held open as by a director, so that a caller that repeats its calls without a pause gets no more than that.
    let mut changes = member.0.facts.directions.clone();
    let is_replaced = changes.wait_for(|directions| {
        let coordinator = directions.as_deref().map(|one| one.coordinator.id);
        coordinator != Some(content.id)
    });
    if timeout(COORDINATOR_HOLD, is_replaced).await.is_ok() {
        check()?;
    }
    Ok(Json(Newcomers {
        newcomers: Vec::new(),
        member: true,
        carries: false,
    }))
}

/// `POST /register_node`: tells a newcomer whom to dial, and the coordinator of the newcomer if that is this member.
async fn register_node(
    State(member): State<MemberDirector>,
    AuthorizedRequest {
        content, source, ..
    }: AuthorizedRequest<RegisterNode>,
) -> Result<Json<Directions>, Problem> {
    let directions = member.directions()?;
    let facts = &member.0.facts;
    if directions.coordinator.id == facts.id
        && content.newcomer.id != facts.id
        && let Some(newcomer) = source.keep_dialable(&content.newcomer)
    {
        let host = source.address();
        // A queue that is full drops the announcement: it only helps newcomers that cannot dial.
        let _ = facts.arrivals.try_send(Arrival { newcomer, host });
    }
    Ok(Json(Directions::clone(&directions)))
}

/// `POST /find_coordinator`: as `register_node`, without announcing the caller.
async fn find_coordinator(
    State(member): State<MemberDirector>,
    _request: AuthorizedRequest<FindCoordinator>,
) -> Result<Json<Directions>, Problem> {
    let directions = member.directions()?;
    Ok(Json(Directions::clone(&directions)))
}

/// `GET /healthz`: answers that the member is up.
async fn healthz() -> Json<Health> {
    Json(Health {
        status: "ok".into(),
        member: true,
        carries: false,
    })
}

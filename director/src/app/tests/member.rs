//! The answers of a member in the place of a director.

use std::sync::Arc;

use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, ORIGIN, UPGRADE};
use ringtalk_wire::DiscussionId;
use tokio::sync::{mpsc, watch};

use super::private::KeyHolder;
use super::*;
use crate::api::Directions;
use crate::member::{self, Arrival, MemberDirector, MemberFacts};

/// A member under test.
struct Member {
    app: Router,
    directions: watch::Sender<Option<Arc<Directions>>>,
    arrivals: mpsc::Receiver<Arrival>,
}

impl Member {
    /// Returns the member A of a discussion, which follows this coordinator.
    fn following(coordinator_id: &str, private: Option<DiscussionId>) -> Self {
        let found = serde_json::from_value(found(coordinator_id)).unwrap();
        let (directions, known) = watch::channel(Some(Arc::new(found)));
        let (announced, arrivals) = mpsc::channel(1);
        let facts = MemberFacts {
            id: serde_json::from_value(A.into()).unwrap(),
            private,
            directions: known,
            arrivals: announced,
            page: "join with ringtalk",
            protocol: HeaderValue::from_static("ringtalk/1"),
        };
        Self {
            app: member::app(MemberDirector::new(facts, SEED)),
            directions,
            arrivals,
        }
    }
}

/// Returns the directions to a coordinator, as a member gives them.
fn found(coordinator_id: &str) -> Value {
    let mut found = directions(coordinator(coordinator_id, 1), &[]);
    found["member"] = true.into();
    found
}

#[tokio::test(start_paused = true)]
async fn a_member_points_at_the_coordinator_that_it_follows() {
    let member = Member::following(B, None);
    for path in ["/register_node", "/find_coordinator"] {
        let answer = post(&member.app, path, &node(C)).await;
        assert_eq!(answer, (StatusCode::OK, found(B)), "{path}");
    }
    member.directions.send_replace(None);
    for path in ["/register_node", "/find_coordinator"] {
        let (status, problem) = post(&member.app, path, &node(C)).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(problem["member"], true);
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_announces_newcomers_to_itself_while_it_coordinates() {
    let mut follower = Member::following(B, None);
    post(&follower.app, "/register_node", &node(C)).await;
    assert!(follower.arrivals.try_recv().is_err());
    let mut coordinating = Member::following(A, None);
    post(&coordinating.app, "/find_coordinator", &node(C)).await;
    post(&coordinating.app, "/register_node", &node(A)).await;
    assert!(coordinating.arrivals.try_recv().is_err());
    for _ in 0..2 {
        // The second one finds the queue full, and is answered all the same.
        let (status, _) = post(&coordinating.app, "/register_node", &node(C)).await;
        assert_eq!(status, StatusCode::OK);
    }
    let arrival = coordinating.arrivals.try_recv().unwrap();
    let announced = serde_json::to_value(arrival.newcomer).unwrap();
    assert_eq!(announced, announced_newcomer(C));
}

#[tokio::test(start_paused = true)]
async fn a_member_serves_its_own_discussion_only() {
    let (holder, other) = (KeyHolder::new(1), KeyHolder::new(2));
    let private = Member::following(B, Some(holder.discussion()));
    let open = Member::following(B, None);
    let refusals = [
        (&private, node(C)),
        (&private, other.node(C, false)),
        (&open, holder.node(C, false)),
    ];
    for (member, body) in refusals {
        let (status, problem) = post(&member.app, "/register_node", &body).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(problem["member"], true);
    }
    let (status, _) = post(&private.app, "/register_node", &holder.node(C, true)).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_member_confirms_the_coordinator_that_it_follows_and_names_it_to_others() {
    let member = Member::following(B, None);
    let began = Instant::now();
    let (status, body) = post(&member.app, "/register_coordinator", &coordinator(B, 1)).await;
    assert_eq!(
        (status, began.elapsed()),
        (StatusCode::OK, COORDINATOR_HOLD)
    );
    assert_eq!(body, json!({"newcomers": [], "member": true}));
    let (status, problem) = post(&member.app, "/register_leader", &coordinator(C, 9)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["coordinator"], coordinator(B, 1));
    let held = start_call(&member.app, "/register_coordinator", coordinator(B, 1)).await;
    let next = serde_json::from_value(found(C)).unwrap();
    member.directions.send_replace(Some(Arc::new(next)));
    let (status, problem) = held.await.unwrap();
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["coordinator"], coordinator(C, 1));
    member.directions.send_replace(None);
    let (status, _) = post(&member.app, "/register_coordinator", &coordinator(C, 1)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let unsigned = coordinator(B, 1).to_string();
    let response = send(&member.app, "POST", "/register_coordinator", unsigned).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn a_browser_learns_how_to_join_and_is_never_sent_elsewhere() {
    let member = Member::following(B, None);
    let response = send(&member.app, "GET", "/", Body::empty()).await;
    assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(response.headers()[UPGRADE], "ringtalk/1");
    assert_eq!(response.headers()[CONNECTION], "upgrade");
    assert!(response.headers().get(LOCATION).is_none());
    let kind = &response.headers()[CONTENT_TYPE];
    assert_eq!(kind, "text/plain; charset=utf-8");
    let page = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert_eq!(page, "join with ringtalk");
    let response = send(&member.app, "GET", "/healthz", Body::empty()).await;
    assert_eq!(
        json_body(response).await,
        json!({"status": "ok", "member": true})
    );
}

#[tokio::test(start_paused = true)]
async fn every_problem_says_that_a_member_answers() {
    let member = Member::following(B, None);
    let of_a_page = Request::builder().uri("/healthz").header(ORIGIN, "null");
    let of_a_page = of_a_page.body(Body::empty()).unwrap();
    let responses = [
        (
            StatusCode::FORBIDDEN,
            member.app.clone().oneshot(of_a_page).await.unwrap(),
        ),
        (
            StatusCode::NOT_FOUND,
            send(&member.app, "GET", "/metrics", Body::empty()).await,
        ),
        (
            StatusCode::METHOD_NOT_ALLOWED,
            send_signed(
                &member.app,
                "DELETE",
                "/register_coordinator",
                &coordinator(B, 1),
            )
            .await,
        ),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            send(&member.app, "POST", "/register_node", "{}").await,
        ),
    ];
    for (status, response) in responses {
        assert_eq!(response.status(), status);
        assert_eq!(json_body(response).await["member"], true, "{status}");
    }
}

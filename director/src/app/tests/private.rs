//! Private discussions: who may speak for one, and that they are isolated from each other.

use axum::http::header::WWW_AUTHENTICATE;
use ringtalk_wire::{DiscussionId, PublicKey};

use super::*;
use crate::api::{Coordinator, RegisterNode, signed_bytes};

/// A holder of the registration key of a discussion.
struct Keeper(SigningKey);

impl Keeper {
    fn new(byte: u8) -> Self {
        Self(SigningKey::from_bytes(&[byte; 32]))
    }

    fn discussion(&self) -> DiscussionId {
        DiscussionId::of(&PublicKey(self.0.verifying_key().to_bytes()))
    }

    fn sign<T: serde::Serialize>(&self, path: &str, nonce: Nonce, said: &T) -> Value {
        let bytes = signed_bytes("POST", path, &nonce, &self.discussion(), said);
        let mut body = serde_json::to_value(said).unwrap();
        body["discussion"] = self.discussion().to_string().into();
        body["key"] = Encoded(self.0.verifying_key().to_bytes())
            .to_string()
            .into();
        body["nonce"] = nonce.to_string().into();
        body["signature"] = Encoded(self.0.sign(&bytes).to_bytes()).to_string().into();
        body
    }

    fn coordinator(&self, id: &str) -> Value {
        let said: Coordinator = serde_json::from_value(coordinator(id, 1)).unwrap();
        self.sign("/register_coordinator", nonce(), &said)
    }

    fn node(&self, id: &str, found: bool) -> Value {
        let said = RegisterNode {
            newcomer: serde_json::from_value(node(id)).unwrap(),
            found,
        };
        self.sign("/register_node", nonce(), &said)
    }
}

#[tokio::test(start_paused = true)]
async fn two_private_discussions_and_the_open_one_do_not_see_each_other() {
    let app = settled().await;
    let (one, other) = (Keeper::new(1), Keeper::new(2));
    let mut held_open = Vec::new();
    for body in [one.coordinator(A), other.coordinator(B), coordinator(C, 1)] {
        held_open.push(held(&app, "/register_coordinator", body).await);
    }
    for (asked, id) in [
        (one.node(C, false), A),
        (other.node(C, false), B),
        (node(A), C),
    ] {
        let (status, found) = post(&app, "/register_node", &asked).await;
        assert_eq!((status, &found["id"]), (StatusCode::OK, &Value::from(id)));
    }
    let response = send(&app, "GET", "/", Body::empty()).await;
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    let looked = one.sign("/find_coordinator", nonce(), &json!({}));
    let (status, found) = post(&app, "/find_coordinator", &looked).await;
    assert_eq!((status, &found["id"]), (StatusCode::OK, &Value::from(A)));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_discussion_is_founded_by_who_says_so_only() {
    let app = settled().await;
    let keeper = Keeper::new(1);
    let (status, _) = post(&app, "/register_node", &keeper.node(A, false)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = post(&app, "/register_node", &keeper.node(A, true)).await;
    assert_eq!(status, StatusCode::CREATED);
    let waiting = held(&app, "/register_node", keeper.node(B, false)).await;
    assert!(!waiting.is_finished(), "somebody else is founding");
    let _registering = held(&app, "/register_coordinator", keeper.coordinator(A)).await;
    assert_eq!(waiting.await.unwrap().0, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn who_proves_nothing_is_told_what_to_sign() {
    let app = settled().await;
    let keeper = Keeper::new(1);
    let mut unsigned = coordinator(A, 1);
    unsigned["discussion"] = keeper.discussion().to_string().into();
    let said: Coordinator = serde_json::from_value(coordinator(A, 1)).unwrap();
    let stale = keeper.sign("/register_coordinator", Encoded([8; 16]), &said);
    for body in [unsigned, stale] {
        let response = send(&app, "POST", "/register_coordinator", body.to_string()).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let nonce = nonce().to_string();
        let challenge = format!("Ringtalk nonce=\"{nonce}\"");
        assert_eq!(response.headers()[WWW_AUTHENTICATE], challenge.as_str());
        assert_eq!(json_body(response).await["nonce"], nonce.as_str());
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_speaks_for_anothers_discussion() {
    let app = settled().await;
    let (keeper, thief) = (Keeper::new(1), Keeper::new(2));
    let mut stolen = thief.coordinator(A);
    stolen["discussion"] = keeper.discussion().to_string().into();
    let mut altered = keeper.coordinator(A);
    altered["internal-address"] = "10.6.6.6:4000".into();
    let mut elsewhere = keeper.node(A, true);
    elsewhere["epoch"] = coordinator(A, 1)["epoch"].clone();
    for body in [stolen, altered, elsewhere] {
        let (status, _) = post(&app, "/register_coordinator", &body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{body}");
    }
    let (status, _) = post(&app, "/register_node", &keeper.node(B, false)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_malformed_is_named() {
    let app = app(Director::new(SEED));
    for field in ["discussion", "key", "nonce", "signature"] {
        let mut body = Keeper::new(1).coordinator(A);
        body[field] = "malformed".into();
        let (status, problem) = post(&app, "/register_coordinator", &body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert_eq!(problem["field"], field);
    }
}

#[tokio::test(start_paused = true)]
async fn a_director_inside_a_node_serves_its_own_discussion_only() {
    let (keeper, other) = (Keeper::new(1), Keeper::new(2));
    let app = app(Director::only(keeper.discussion(), SEED));
    for body in [coordinator(A, 1), other.coordinator(A)] {
        let (status, _) = post(&app, "/register_coordinator", &body).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
    let response = send(&app, "GET", "/", Body::empty()).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let (status, _) = post(&app, "/register_coordinator", &keeper.coordinator(A)).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn metrics_name_no_private_discussion() {
    let app = settled().await;
    let keeper = Keeper::new(1);
    post(&app, "/register_coordinator", &keeper.coordinator(A)).await;
    let response = send(&app, "GET", "/metrics", Body::empty()).await;
    let text = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(text.contains("ringtalk_director_private_discussions 1\n"));
    assert!(text.contains("ringtalk_director_registered 0\n"));
    assert!(!text.contains(&keeper.discussion().to_string()));
}

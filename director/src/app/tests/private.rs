//! Private discussions: who may speak for one, and that they are isolated from each other.

use axum::http::header::WWW_AUTHENTICATE;
use ringtalk_wire::{DiscussionId, PublicKey};

use super::*;
use crate::api::{Coordinator, RegisterNode, signed_bytes};

/// A holder of the registration key of a discussion.
pub(super) struct KeyHolder(SigningKey);

impl KeyHolder {
    pub(super) fn new(byte: u8) -> Self {
        Self(SigningKey::from_bytes(&[byte; 32]))
    }

    pub(super) fn discussion(&self) -> DiscussionId {
        DiscussionId::of(&PublicKey(self.0.verifying_key().to_bytes()))
    }

    fn sign<T: serde::Serialize>(&self, path: &str, nonce: Nonce, content: &T) -> Value {
        let bytes = signed_bytes("POST", path, &nonce, &self.discussion(), content);
        let mut body = serde_json::to_value(content).unwrap();
        body["discussion"] = self.discussion().to_string().into();
        body["key"] = Base64Url(self.0.verifying_key().to_bytes())
            .to_string()
            .into();
        body["nonce"] = nonce.to_string().into();
        body["signature"] = Base64Url(self.0.sign(&bytes).to_bytes()).to_string().into();
        body
    }

    pub(super) fn coordinator(&self, id: &str) -> Value {
        let content: Coordinator = serde_json::from_value(coordinator(id, 1)).unwrap();
        self.sign("/register_coordinator", nonce(), &content)
    }

    pub(super) fn node(&self, id: &str, may_found: bool) -> Value {
        let content = RegisterNode {
            newcomer: serde_json::from_value(node(id)).unwrap(),
            may_found,
        };
        self.sign("/register_node", nonce(), &content)
    }
}

#[tokio::test(start_paused = true)]
async fn two_private_discussions_and_the_open_one_do_not_see_each_other() {
    let app = settled_app().await;
    let (one, other) = (KeyHolder::new(1), KeyHolder::new(2));
    let mut held_open = Vec::new();
    for body in [one.coordinator(A), other.coordinator(B), coordinator(C, 1)] {
        held_open.push(start_call(&app, "/register_coordinator", body).await);
    }
    for (request, id) in [
        (one.node(C, false), A),
        (other.node(C, false), B),
        (node(A), C),
    ] {
        let (status, found) = post(&app, "/register_node", &request).await;
        assert_eq!((status, &found["id"]), (StatusCode::OK, &Value::from(id)));
    }
    let response = send(&app, "GET", "/", Body::empty()).await;
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    let looked = one.sign("/find_coordinator", nonce(), &json!({}));
    let (status, found) = post(&app, "/find_coordinator", &looked).await;
    assert_eq!((status, &found["id"]), (StatusCode::OK, &Value::from(A)));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_discussion_is_founded_only_on_request() {
    let app = settled_app().await;
    let holder = KeyHolder::new(1);
    let (status, _) = post(&app, "/register_node", &holder.node(A, false)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = post(&app, "/register_node", &holder.node(A, true)).await;
    assert_eq!(status, StatusCode::CREATED);
    let waiting = start_call(&app, "/register_node", holder.node(B, false)).await;
    assert!(!waiting.is_finished(), "somebody else is founding");
    let _registering = start_call(&app, "/register_coordinator", holder.coordinator(A)).await;
    assert_eq!(waiting.await.unwrap().0, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_proof_gets_the_nonce_to_sign() {
    let app = settled_app().await;
    let holder = KeyHolder::new(1);
    let mut unsigned = coordinator(A, 1);
    unsigned["discussion"] = holder.discussion().to_string().into();
    let content: Coordinator = serde_json::from_value(coordinator(A, 1)).unwrap();
    let stale = holder.sign("/register_coordinator", Base64Url([8; 16]), &content);
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
async fn the_key_of_one_discussion_is_refused_for_another() {
    let app = settled_app().await;
    let (holder, thief) = (KeyHolder::new(1), KeyHolder::new(2));
    let mut stolen = thief.coordinator(A);
    stolen["discussion"] = holder.discussion().to_string().into();
    let mut altered = holder.coordinator(A);
    altered["internal-address"] = "10.6.6.6:4000".into();
    let mut elsewhere = holder.node(A, true);
    elsewhere["epoch"] = coordinator(A, 1)["epoch"].clone();
    for body in [stolen, altered, elsewhere] {
        let (status, _) = post(&app, "/register_coordinator", &body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{body}");
    }
    let (status, _) = post(&app, "/register_node", &holder.node(B, false)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_malformed_field_is_named() {
    let app = app(Director::new(SEED));
    for field in ["discussion", "key", "nonce", "signature"] {
        let mut body = KeyHolder::new(1).coordinator(A);
        body[field] = "malformed".into();
        let (status, problem) = post(&app, "/register_coordinator", &body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert_eq!(problem["field"], field);
    }
}

#[tokio::test(start_paused = true)]
async fn metrics_name_no_private_discussion() {
    let app = settled_app().await;
    let holder = KeyHolder::new(1);
    post(&app, "/register_coordinator", &holder.coordinator(A)).await;
    let response = send(&app, "GET", "/metrics", Body::empty()).await;
    let text = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(text.contains("ringtalk_director_private_discussions 1\n"));
    assert!(text.contains("ringtalk_director_registered 0\n"));
    assert!(!text.contains(&holder.discussion().to_string()));
}

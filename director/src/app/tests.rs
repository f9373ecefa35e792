//! Tests of the app without sockets, under paused time.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, Request, StatusCode};
use axum::response::Response;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use super::app;
use crate::api::{
    Base64Url, COORDINATOR_HOLD, NODE_HOLD, NODE_KEY, NODE_NONCE, NODE_SIGNATURE, Newcomers, Nonce,
    node_signed_bytes,
};
use crate::director::{Director, HELD_NEWCOMERS, HELD_PER_HOUSEHOLD};
use crate::nonces::Nonces;
use crate::registry::{FOUNDING_LEASE, REGISTRATION_LEASE, STARTUP_GRACE};

mod authorization;
mod member;
mod private;

/// Nodes whose keys are the bytes 1, 2 and 3, each 32 times.
const A: &str = "34750f98-bd59-8cfc-946d-a45aaabe933b";
const B: &str = "6a3803d5-f059-802a-9c6d-afbc9ba47292";
const C: &str = "b62e867f-a2f3-8afe-a2d5-d6b1642e1621";

const SEED: [u8; 16] = [7; 16];

/// Returns the nonce of a director with this seed in its first minute.
fn nonce() -> Nonce {
    Nonces::new(SEED).current(Duration::ZERO)
}

/// Returns an app whose director has settled.
async fn settled_app() -> Router {
    let app = app(Director::new(SEED));
    // Waits in virtual time, since the length of a lease is what is tested.
    sleep(STARTUP_GRACE).await;
    app
}

fn node(id: &str) -> Value {
    json!({"id": id, "internal-address": "10.0.0.1:4000", "public-address": "chat.example:4000"})
}

fn coordinator(id: &str, number: u64) -> Value {
    let epoch = json!({"number": number, "coordinator": id});
    json!({"id": id, "internal-address": "10.0.0.1:4000", "epoch": epoch})
}

/// Returns the directions that a node gets from a director.
fn directions(coordinator: Value, candidates: &[Value]) -> Value {
    let mut directions = coordinator;
    directions["candidates"] = candidates.into();
    directions
}

/// Returns a newcomer as its coordinator learns of it, if it calls from this machine.
fn announced_newcomer(id: &str) -> Value {
    json!({"id": id, "internal-address": "127.0.0.1:4000", "public-address": "chat.example:4000"})
}

async fn send(app: &Router, method: &str, path: &str, body: impl Into<Body>) -> Response {
    let request = Request::builder().method(method).uri(path);
    let request = request.header(CONTENT_TYPE, "application/json");
    let request = request.body(body.into()).unwrap();
    app.clone().oneshot(request).await.unwrap()
}

/// Sends a body, signed by A, B or C if it names one of them.
async fn send_signed(app: &Router, method: &str, path: &str, body: &Value) -> Response {
    let body = body.to_string();
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in signature(method, path, &body) {
        request = request.header(name, value);
    }
    let request = request.header(CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(body)).unwrap();
    app.clone().oneshot(request).await.unwrap()
}

/// Returns the headers that sign a body.
fn signature(method: &str, path: &str, body: &str) -> Vec<(HeaderName, String)> {
    let content: Value = serde_json::from_str(body).unwrap();
    let Some(byte) = [A, B, C].into_iter().position(|id| content["id"] == id) else {
        return Vec::new();
    };
    let key = SigningKey::from_bytes(&[byte as u8 + 1; 32]);
    let bytes = node_signed_bytes(method, path, &nonce(), body.as_bytes());
    vec![
        (
            NODE_KEY,
            Base64Url(key.verifying_key().to_bytes()).to_string(),
        ),
        (NODE_NONCE, nonce().to_string()),
        (
            NODE_SIGNATURE,
            Base64Url(key.sign(&bytes).to_bytes()).to_string(),
        ),
    ]
}

async fn post(app: &Router, path: &str, body: &Value) -> (StatusCode, Value) {
    let response = send_signed(app, "POST", path, body).await;
    let status = response.status();
    (status, json_body(response).await)
}

async fn json_body(response: Response) -> Value {
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// Starts a request in the background; it has begun when this returns.
async fn start_call(
    app: &Router,
    path: &'static str,
    body: Value,
) -> JoinHandle<(StatusCode, Value)> {
    let app = app.clone();
    let call = tokio::spawn(async move { post(&app, path, &body).await });
    tokio::task::yield_now().await;
    call
}

#[tokio::test(start_paused = true)]
async fn the_first_founds_and_the_second_waits_until_it_has_registered() {
    let app = settled_app().await;
    let (status, first) = post(&app, "/register_node", &node(A)).await;
    assert_eq!(status, StatusCode::CREATED);
    let nonce = nonce().to_string();
    let expected = json!({"first": true, "lease-ms": 2000, "nonce": nonce});
    assert_eq!(first, expected);

    let waiting = start_call(&app, "/register_node", node(B)).await;
    // Waits in virtual time, since the length of a lease is what is tested.
    sleep(Duration::from_millis(700)).await;
    assert!(!waiting.is_finished());
    let registering = start_call(&app, "/register_coordinator", coordinator(A, 1)).await;

    let before = Instant::now();
    let expected = (StatusCode::OK, directions(coordinator(A, 1), &[]));
    assert_eq!(waiting.await.unwrap(), expected);
    let newcomers = json!({"newcomers": [announced_newcomer(B)]});
    assert_eq!(registering.await.unwrap(), (StatusCode::OK, newcomers));
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn only_one_of_two_newcomers_to_a_fresh_director_founds() {
    let app = app(Director::new(SEED));
    let one = start_call(&app, "/register_node", node(A)).await;
    let other = start_call(&app, "/register_node", node(B)).await;
    // Waits in virtual time, since the length of a lease is what is tested.
    sleep(STARTUP_GRACE + Duration::from_millis(2)).await;
    assert_ne!(one.is_finished(), other.is_finished());
    let (founder, waiting, name) = if one.is_finished() {
        (one, other, A)
    } else {
        (other, one, B)
    };
    assert_eq!(founder.await.unwrap().0, StatusCode::CREATED);
    let _registering = start_call(&app, "/register_coordinator", coordinator(name, 1)).await;
    assert_eq!(waiting.await.unwrap().1["id"], name);
}

#[tokio::test(start_paused = true)]
async fn after_a_founder_fails_exactly_one_waiting_newcomer_founds() {
    let app = settled_app().await;
    post(&app, "/register_node", &node(A)).await;
    let one = start_call(&app, "/register_node", node(B)).await;
    let other = start_call(&app, "/register_node", node(C)).await;
    // Waits in virtual time, since the length of a lease is what is tested.
    sleep(FOUNDING_LEASE + Duration::from_millis(2)).await;
    assert_ne!(one.is_finished(), other.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_waits_for_founders_for_a_bounded_time() {
    let app = settled_app().await;
    post(&app, "/register_node", &node(A)).await;
    let before = Instant::now();
    let crowd: Vec<_> = (1..=9_u8)
        .map(|n| {
            tokio::spawn({
                let app = app.clone();
                let id = format!("{n:08}-0000-8000-8000-000000000000");
                async move { post(&app, "/register_node", &node(&id)).await.0 }
            })
        })
        .collect();
    let mut refused = 0;
    for call in crowd {
        refused += usize::from(call.await.unwrap() == StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(refused > 0);
    assert!(before.elapsed() <= NODE_HOLD + Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn held_newcomers_are_bounded_and_none_leaks() {
    let director = Director::new(SEED);
    let app = app(director.clone());
    let mut crowd = Vec::new();
    for n in 0..HELD_PER_HOUSEHOLD {
        let id = format!("{n:08}-0000-8000-8000-000000000000");
        crowd.push(start_call(&app, "/register_node", node(&id)).await);
    }
    assert_eq!(director.held_newcomers(), HELD_PER_HOUSEHOLD);
    let (status, _) = post(&app, "/register_node", &node(A)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    for call in crowd {
        call.abort();
        let _ = call.await;
    }
    assert_eq!(director.held_newcomers(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_coordinators_call_is_held_two_seconds_at_most() {
    let app = settled_app().await;
    let before = Instant::now();
    let (status, body) = post(&app, "/register_leader", &coordinator(A, 1)).await;
    assert_eq!((status, body), (StatusCode::OK, json!({"newcomers": []})));
    let held = before.elapsed();
    assert!(held >= COORDINATOR_HOLD && held < COORDINATOR_HOLD + Duration::from_millis(5));
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_is_not_lost_to_a_call_that_broke_off() {
    let app = settled_app().await;
    let broken = start_call(&app, "/register_coordinator", coordinator(A, 1)).await;
    broken.abort();
    let _ = broken.await;
    post(&app, "/register_node", &node(B)).await;
    let (_, body) = post(&app, "/register_coordinator", &coordinator(A, 1)).await;
    let answer: Newcomers = serde_json::from_value(body).unwrap();
    assert_eq!(answer.newcomers[0].id.to_string(), B);
}

#[tokio::test(start_paused = true)]
async fn a_later_call_ends_an_earlier_one() {
    let app = settled_app().await;
    let earlier = start_call(&app, "/register_coordinator", coordinator(A, 1)).await;
    let _later = start_call(&app, "/register_coordinator", coordinator(A, 1)).await;
    let before = Instant::now();
    earlier.await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn another_ring_is_told_of_the_registered_one() {
    let app = settled_app().await;
    let old = start_call(&app, "/register_coordinator", coordinator(A, 3)).await;
    let (status, problem) = post(&app, "/register_coordinator", &coordinator(B, 3)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["coordinator"], coordinator(A, 3));

    let _new = start_call(&app, "/register_coordinator", coordinator(B, 4)).await;
    let (status, problem) = old.await.unwrap();
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["coordinator"], coordinator(B, 4));

    let leave = coordinator(A, 3);
    let response = send_signed(&app, "DELETE", "/register_coordinator", &leave).await;
    assert_eq!(response.status(), StatusCode::CONFLICT);
}

#[tokio::test(start_paused = true)]
async fn after_a_withdrawal_the_next_founds_and_after_a_lapse_it_waits() {
    let app = settled_app().await;
    post(&app, "/register_coordinator", &coordinator(A, 1)).await;
    let leave = coordinator(A, 1);
    let response = send_signed(&app, "DELETE", "/register_coordinator", &leave).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let (status, _) = post(&app, "/register_node", &node(B)).await;
    assert_eq!(status, StatusCode::CREATED);

    post(&app, "/register_coordinator", &coordinator(B, 1)).await;
    // Waits in virtual time, since the length of a lease is what is tested.
    sleep(REGISTRATION_LEASE).await;
    let response = send(&app, "POST", "/register_node", node(C).to_string()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "1");
}

#[tokio::test(start_paused = true)]
async fn the_front_page_redirects_to_the_coordinator() {
    let app = settled_app().await;
    let response = send(&app, "GET", "/", Body::empty()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");

    let mut body = coordinator(A, 1);
    post(&app, "/register_coordinator", &body).await;
    let response = send(&app, "GET", "/", Body::empty()).await;
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(response.headers()[LOCATION], "http://10.0.0.1:4000/");

    body["public-address"] = "[2001:db8::1]:80".into();
    post(&app, "/register_coordinator", &body).await;
    let response = send(&app, "GET", "/", Body::empty()).await;
    assert_eq!(response.headers()[LOCATION], "http://[2001:db8::1]:80/");
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let app = app(Director::new(SEED));
    let wrong = [
        ("id", json!("me")),
        ("id", Value::Null),
        ("internal-address", json!("nowhere")),
        ("internal-address", json!("evil:80\r\nset-cookie: a=b")),
        ("public-address", json!(7)),
        ("epoch", json!({"number": -1, "coordinator": A})),
        ("epoch", json!({"number": 1, "coordinator": B})),
        ("discussion", json!([])),
    ];
    for (field, value) in wrong {
        let mut body = coordinator(A, 1);
        body[field] = value;
        let (status, problem) = post(&app, "/register_coordinator", &body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(problem["field"], field);
        assert_eq!(problem["status"], 422);
    }
}

#[tokio::test]
async fn a_malformed_request_gets_a_problem() {
    let app = app(Director::new(SEED));
    let huge = " ".repeat(8 * 1024 + 1);
    let cases = [
        ("POST", "/register_node", "{", StatusCode::BAD_REQUEST),
        ("POST", "/register_node", "[]", StatusCode::BAD_REQUEST),
        ("POST", "/register_node", "", StatusCode::BAD_REQUEST),
        (
            "POST",
            "/register_node",
            &huge,
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        ("GET", "/register_node", "", StatusCode::METHOD_NOT_ALLOWED),
        ("GET", "/nowhere", "", StatusCode::NOT_FOUND),
    ];
    for (method, path, body, status) in cases {
        let response = send(&app, method, path, body.to_owned()).await;
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        if status == StatusCode::METHOD_NOT_ALLOWED {
            assert_eq!(response.headers()[ALLOW], "POST");
        }
        assert_eq!(json_body(response).await["type"], "about:blank");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_times_out() {
    let app = app(Director::new(SEED));
    let response = send(&app, "POST", "/register_node", Body::new(Stuck)).await;
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn the_app_reports_health_and_metrics() {
    let app = settled_app().await;
    let response = send(&app, "GET", "/healthz", Body::empty()).await;
    assert_eq!(json_body(response).await, json!({"status": "ok"}));
    post(&app, "/register_coordinator", &coordinator(A, 1)).await;
    post(&app, "/register_coordinator", &coordinator(B, 1)).await;
    send(&app, "BREW", "/%22evil", Body::empty()).await;
    let response = send(&app, "GET", "/metrics", Body::empty()).await;
    let text = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    for line in [
        "ringtalk_director_registered 1",
        "ringtalk_director_registrations_total 1",
        "ringtalk_director_conflicts_total 1",
        r#"ringtalk_director_requests_total{endpoint="/healthz",method="GET",status="200"} 1"#,
        r#"ringtalk_director_requests_total{endpoint="other",method="other",status="404"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

/// A body that never arrives.
struct Stuck;

impl hyper::body::Body for Stuck {
    type Data = axum::body::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

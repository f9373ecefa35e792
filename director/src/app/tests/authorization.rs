//! Only the node itself may speak for a node, and never a web page.

use std::net::IpAddr;

use axum::http::header::{CONTENT_TYPE, ORIGIN, WWW_AUTHENTICATE};

use super::*;
use crate::source::Source;

const REGISTER: &str = "/register_coordinator";

/// Sends a request with these headers.
async fn ask(
    app: &Router,
    (method, path): (&str, &str),
    headers: &[(HeaderName, String)],
    body: String,
) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Body::from(body)).unwrap();
    app.clone().oneshot(request).await.unwrap()
}

fn json_kind() -> (HeaderName, String) {
    (CONTENT_TYPE, "application/json; charset=utf-8".to_owned())
}

#[tokio::test(start_paused = true)]
async fn an_unsigned_registration_gets_the_nonce_to_sign() {
    let app = settled_app().await;
    let body = coordinator(A, 1).to_string();
    let mut signed = signature("POST", REGISTER, &body);
    let stale = Base64Url([8; 16]).to_string();
    for nonce in ["", "short", &stale] {
        nonce.clone_into(&mut signed[1].1);
        let headers = [signed.clone(), vec![json_kind()]].concat();
        for headers in [headers.clone(), headers[1..].to_vec(), vec![json_kind()]] {
            let response = ask(&app, ("POST", REGISTER), &headers, body.clone()).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            let nonce = super::nonce().to_string();
            let challenge = format!("Ringtalk nonce=\"{nonce}\"");
            assert_eq!(response.headers()[WWW_AUTHENTICATE], challenge.as_str());
            assert_eq!(json_body(response).await["nonce"], nonce.as_str());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_signature_is_valid_for_one_node_and_one_request() {
    let app = settled_app().await;
    let body = coordinator(A, 1).to_string();
    let signed = |method, path, body: &Value| signature(method, path, &body.to_string());
    let mut malformed = signed("POST", REGISTER, &coordinator(A, 1));
    malformed[2].1.pop();
    let mut renamed = signed("POST", REGISTER, &coordinator(A, 1));
    renamed[0].1 = signed("POST", REGISTER, &coordinator(B, 1))[0].1.clone();
    for headers in [
        signed("POST", REGISTER, &coordinator(A, 2)),
        signed("POST", REGISTER, &coordinator(B, 1)),
        signed("DELETE", REGISTER, &coordinator(A, 1)),
        signed("POST", "/register_leader", &coordinator(A, 1)),
        malformed,
        renamed,
    ] {
        let headers = [headers, vec![json_kind()]].concat();
        let response = ask(&app, ("POST", REGISTER), &headers, body.clone()).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{headers:?}");
    }
    let response = send(&app, "GET", "/", Body::empty()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn only_the_node_itself_renews_and_withdraws_its_registration() {
    let app = settled_app().await;
    post(&app, REGISTER, &coordinator(A, 1)).await;
    let mut moved = coordinator(A, 1);
    moved["internal-address"] = "10.6.6.6:4000".into();
    let by_another = signature("DELETE", REGISTER, &coordinator(B, 1).to_string());
    for method in ["POST", "DELETE"] {
        for headers in [vec![], by_another.clone()] {
            let headers = [headers, vec![json_kind()]].concat();
            let response = ask(&app, (method, REGISTER), &headers, moved.to_string()).await;
            assert!(response.status().is_client_error());
        }
    }
    let (_, found) = post(&app, "/find_coordinator", &json!({})).await;
    assert_eq!(found, directions(coordinator(A, 1), &[]));
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_is_told_of_other_registrations() {
    let app = settled_app().await;
    post(&app, REGISTER, &coordinator(A, 1)).await;
    let (status, _) = post(&app, REGISTER, &coordinator(B, 1)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    post(&app, REGISTER, &coordinator(C, 2)).await;
    let others = [coordinator(A, 1), coordinator(B, 1)];
    let expected = directions(coordinator(C, 2), &others);
    for (path, body) in [
        ("/register_node", node(A)),
        ("/find_coordinator", json!({})),
    ] {
        let (_, found) = post(&app, path, &body).await;
        assert_eq!(found, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_of_a_web_page_is_refused_on_every_path() {
    let app = settled_app().await;
    let body = coordinator(A, 1).to_string();
    let signed = signature("POST", REGISTER, &body);
    let page = (ORIGIN, "https://page.example".to_owned());
    for path in [
        REGISTER,
        "/register_leader",
        "/register_node",
        "/find_coordinator",
        "/",
        "/healthz",
        "/nowhere",
    ] {
        for method in ["POST", "DELETE", "OPTIONS", "GET"] {
            let headers = [signed.clone(), vec![json_kind(), page.clone()]].concat();
            let response = ask(&app, (method, path), &headers, body.clone()).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{method} {path}");
        }
    }
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "text/json",
        "",
    ] {
        let headers = [signed.clone(), vec![(CONTENT_TYPE, kind.to_owned())]].concat();
        for path in [REGISTER, "/register_node", "/find_coordinator"] {
            let response = ask(&app, ("POST", path), &headers, body.clone()).await;
            assert_eq!(
                response.status(),
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "{kind}"
            );
        }
    }
    let headers = [signed, vec![json_kind()]].concat();
    let response = ask(&app, ("POST", REGISTER), &headers, body).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_few_households_do_not_take_all_seats_of_held_newcomers() {
    let director = Director::new(SEED);
    let app = app(director.clone());
    let from = |household: u8, n: usize| {
        let id = format!("{n:08}-0000-8000-8000-000000000000");
        let request = Request::builder().method("POST").uri("/register_node");
        let request = request.header(CONTENT_TYPE, "application/json");
        let mut request = request.body(Body::from(node(&id).to_string())).unwrap();
        let caller = IpAddr::from([192, 0, 2, household]);
        let source = Source::new(caller, IpAddr::from([0, 0, 0, 0]));
        request.extensions_mut().insert(source);
        tokio::spawn(app.clone().oneshot(request))
    };
    let crowd: Vec<_> = (0..HELD_NEWCOMERS)
        .map(|n| from((n / HELD_PER_HOUSEHOLD) as u8, n))
        .collect();
    run_other_tasks().await;
    assert_eq!(director.held_newcomers(), HELD_NEWCOMERS);
    let honest = from(77, HELD_NEWCOMERS);
    run_other_tasks().await;
    assert!(!honest.is_finished());
    let gave_way = crowd.iter().filter(|call| call.is_finished()).count();
    assert_eq!(gave_way, 1);
    for call in crowd {
        call.abort();
    }
}

/// Lets all other tasks run as far as they can.
async fn run_other_tasks() {
    for _ in 0..HELD_NEWCOMERS {
        tokio::task::yield_now().await;
    }
}

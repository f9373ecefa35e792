//! Requests that a director reads from anyone, and answers that a node reads from a director.
//!
//! Not here: connections (hyper, in the director's `serve`), and how long a call is held open.

use std::cell::RefCell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode};
use ringtalk_director::Problem;
use ringtalk_director::api::{Coordinator, Directions, FoundingLease, Newcomers};
use ringtalk_director::{Director, app};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use crate::wire::in_proportion;

const CALLS: [(&str, &str); 5] = [
    ("POST", "/register_coordinator"),
    ("DELETE", "/register_coordinator"),
    ("POST", "/register_node"),
    ("POST", "/find_coordinator"),
    ("POST", "/register_leader"),
];

/// The number of requests after which a new director takes over, so that the result of an input does not depend on too
/// many others.
const REQUESTS: u32 = 1_000;

/// A director, its runtime, and the number of requests that it got.
struct Served {
    runtime: Runtime,
    app: Router,
    requests: u32,
}

impl Served {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("there is a clock");
        let app = runtime.block_on(async { app(Director::new([7; 16])) });
        Self {
            runtime,
            app,
            requests: 0,
        }
    }

    /// Returns the status of the answer, if the answer comes at once.
    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> Option<StatusCode> {
        self.requests += 1;
        let request = Request::builder().method(method).uri(path);
        let request = request.header(CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_vec()));
        let request = request.expect("method and path are sound");
        let _inside = self.runtime.enter();
        let answer = pin!(self.app.clone().oneshot(request));
        match answer.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(answer)) => Some(answer.status()),
            Poll::Ready(Err(never)) => match never {},
            Poll::Pending => None,
        }
    }
}

/// Sends a request, which must be answered without an internal error or held open. The first byte chooses the call, the
/// others are the body.
pub(crate) fn request(bytes: &[u8]) {
    thread_local! {
        static SERVED: RefCell<Option<Served>> = const { RefCell::new(None) };
    }
    let (choice, body) = bytes.split_first().unwrap_or((&0, &[]));
    let (method, path) = CALLS[usize::from(*choice) % CALLS.len()];
    let status = SERVED.with_borrow_mut(|served| {
        if served
            .as_ref()
            .is_some_and(|served| served.requests >= REQUESTS)
        {
            *served = None;
        }
        let served = served.get_or_insert_with(Served::new);
        served.ask(method, path, body)
    });
    if let Some(status) = status {
        let bad = status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE;
        assert!(!bad, "the answer to {method} {path} is {status}");
    }
}

/// Reads an answer of a director as each type that a node may expect.
pub(crate) fn answer(bytes: &[u8]) {
    same_again::<Coordinator>(bytes);
    same_again::<Directions>(bytes);
    same_again::<Newcomers>(bytes);
    same_again::<FoundingLease>(bytes);
    let _ = in_proportion(bytes, || serde_json::from_slice::<Problem>(bytes));
}

fn same_again<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(said) = in_proportion(bytes, || serde_json::from_slice::<T>(bytes)) else {
        return;
    };
    let again = serde_json::to_vec(&said).expect("it is JSON");
    let again: T = serde_json::from_slice(&again).expect("what was written can be read");
    assert_eq!(again, said, "an answer decodes to another value");
}

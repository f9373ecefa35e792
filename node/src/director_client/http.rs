//! One request to a director, and its answer: bounded in time and in size.
//!
//! Not here: which request, and what the answer means.

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{HttpConnector, HttpInfo};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ringtalk_director::Problem;
use ringtalk_director::api::Address;
use ringtalk_session::text::escape_line;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

/// The timeout for making a connection.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// How long an unused connection is kept.
const IDLE_TIME: Duration = Duration::from_secs(4);
/// The largest answer that is read: a hundred times as much as a director says.
const ANSWER_BYTES: usize = 64 * 1024;
/// The longest pause that is granted to a director.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The most characters of a problem's detail that the user is shown.
const DETAIL_CHARS: usize = 200;

/// A client for calls to directors.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
}

/// The headers and the body of a request. The default is empty.
#[derive(Clone, Debug, Default)]
pub(super) struct RequestParts {
    headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl RequestParts {
    /// Returns a request with a JSON body.
    pub(super) fn of(body: Vec<u8>) -> Self {
        let kind = HeaderValue::from_static("application/json");
        Self {
            headers: [(CONTENT_TYPE, kind)].into_iter().collect(),
            body,
        }
    }

    /// Adds a header with one part of a signature.
    pub(super) fn sign(&mut self, name: HeaderName, part: &impl ToString) {
        let part = HeaderValue::try_from(part.to_string());
        let part = part.expect("base64url is made of letters, digits, - and _");
        self.headers.insert(name, part);
    }
}

/// An answer of any status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct HttpAnswer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    /// The host that answered.
    pub(super) host: Option<IpAddr>,
    /// The target of a redirect.
    pub(super) location: Option<String>,
    pub(super) body: Bytes,
}

/// The reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("no answer within {} s", .0.as_secs_f32())]
    Slow(Duration),
    #[error("no connection")]
    Connect,
    #[error("the connection broke")]
    Broken,
    #[error("its answer is invalid")]
    Answer,
    #[error("its address is not valid in a URL")]
    Address,
    #[error("{0}")]
    Refused(String),
}

impl Http {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIME));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIME)
            .build(connector);
        Self { client }
    }

    /// Sends a request, and returns the answer if it comes within `deadline`.
    pub(super) async fn call(
        &self,
        method: Method,
        director: &Address,
        path: &str,
        parts: RequestParts,
        deadline: Duration,
    ) -> Result<HttpAnswer, HttpError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{director}{path}"));
        if let Some(headers) = request.headers_mut() {
            headers.extend(parts.headers);
        }
        let request = request.body(Full::from(parts.body));
        let request = request.map_err(|_| HttpError::Address)?;
        let answer = async {
            let response = self.client.request(request).await;
            read(response.map_err(|error| broken(&error))?).await
        };
        within(deadline, answer).await
    }
}

impl HttpAnswer {
    /// Parses the body.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        serde_json::from_slice(&self.body).map_err(|_| HttpError::Answer)
    }

    /// Returns how long the director asks to stay away, but no longer than honest directors ask.
    pub(super) fn pause(&self) -> Duration {
        LONGEST_PAUSE.min(self.retry_after.unwrap_or_default())
    }

    /// Returns what the director says is wrong, in a few words.
    pub(super) fn problem(&self) -> String {
        let detail = self.json::<Problem>().ok().map(|problem| problem.detail);
        let detail: String = detail
            .unwrap_or_default()
            .chars()
            .take(DETAIL_CHARS)
            .collect();
        if detail.is_empty() {
            format!("HTTP status {}", self.status)
        } else {
            // The text comes from outside, and must not look like a line of this program.
            escape_line(&detail)
        }
    }
}

fn broken(error: &hyper_util::client::legacy::Error) -> HttpError {
    if error.is_connect() {
        HttpError::Connect
    } else {
        HttpError::Broken
    }
}

async fn read(response: Response<Incoming>) -> Result<HttpAnswer, HttpError> {
    let (head, body) = response.into_parts();
    let seconds = head.headers.get(RETRY_AFTER);
    let seconds = seconds.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let location = head.headers.get(LOCATION);
    let location = location.and_then(|value| value.to_str().ok());
    let location = location.map(str::to_owned);
    let body = Limited::new(body, ANSWER_BYTES).collect().await;
    let connection = head.extensions.get::<HttpInfo>();
    Ok(HttpAnswer {
        status: head.status,
        host: connection.map(|info| info.remote_addr().ip().to_canonical()),
        retry_after: seconds.map(Duration::from_secs),
        location,
        body: body.map_err(|_| HttpError::Answer)?.to_bytes(),
    })
}

async fn within<T>(
    deadline: Duration,
    answer: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    timeout(deadline, answer)
        .await
        .unwrap_or(Err(HttpError::Slow(deadline)))
}

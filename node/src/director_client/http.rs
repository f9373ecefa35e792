//! One request to a director, and its answer: bounded in time and in size.
//!
//! Not here: which request, and what the answer means.

use std::error::Error;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpInfo;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use ringtalk_director::Problem;
use ringtalk_director::api::Address;
use ringtalk_session::text::escape_line;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connector::{ConnectError, Connector, IS_IT_RUNNING};
use super::metered::MeteredStream;

/// How long an unused connection is kept.
const IDLE_TIME: Duration = Duration::from_secs(4);
/// The largest answer that is read: a hundred times as much as a director says.
const ANSWER_BYTES: usize = 64 * 1024;
/// The longest pause that is granted to a director.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The most characters of a problem's detail that the user is shown.
const DETAIL_CHARS: usize = 200;
/// The advice if something else answers.
pub(super) const IS_IT_A_DIRECTOR: &str =
    "Is that the port of a Ringtalk director, or of the node that started the discussion?";

/// A client for calls to directors. Clones share their connections.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    connector: Connector,
    client: Arc<RwLock<PooledClient>>,
}

type PooledClient = Client<Connector, Full<Bytes>>;

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

    /// Asks to use the connection for another protocol.
    pub(super) fn upgrade_to(&mut self, protocol: &'static str) {
        let asks = HeaderValue::from_static("upgrade");
        self.headers.insert(CONNECTION, asks);
        let protocol = HeaderValue::from_static(protocol);
        self.headers.insert(UPGRADE, protocol);
    }
}

/// The reply to a request.
#[derive(Debug)]
pub(super) enum HttpReply {
    /// An answer of any status but 101.
    Answer(HttpAnswer),
    /// The connection is raw now, as the request asked (101).
    Raw {
        /// The connection.
        stream: TcpStream,
        /// The bytes that have come over it already.
        opening: Vec<u8>,
    },
}

impl HttpReply {
    /// Returns the answer to a request that asked for no other protocol.
    pub(super) fn into_answer(self) -> Result<HttpAnswer, HttpError> {
        match self {
            Self::Answer(answer) => Ok(answer),
            Self::Raw { .. } => Err(HttpError::Answer),
        }
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
    #[error("{reason}")]
    Connect {
        reason: String,
        advice: &'static str,
    },
    #[error("what answers there does not speak HTTP")]
    OtherProtocol,
    #[error("it closed the connection without an answer")]
    HungUp,
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
        let connector = Connector::default();
        let client = Arc::new(RwLock::new(pooled(connector.clone())));
        Self { connector, client }
    }

    /// Closes all connections once their calls have ended, and makes new ones for further calls: this machine has
    /// another address, and what was sent from the old one gets no answer any more.
    pub(super) fn reconnect(&self) {
        let client = pooled(self.connector.clone());
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = client;
    }

    /// Sends a request that asks for no other protocol, and returns the answer if it comes within `deadline`.
    pub(super) async fn call(
        &self,
        method: Method,
        director: &Address,
        path: &str,
        parts: RequestParts,
        deadline: Duration,
    ) -> Result<HttpAnswer, HttpError> {
        let reply = self.send(method, director, path, parts, deadline);
        reply.await?.into_answer()
    }

    /// Sends a request, and returns the reply if it comes within `deadline`.
    pub(super) async fn send(
        &self,
        method: Method,
        director: &Address,
        path: &str,
        parts: RequestParts,
        deadline: Duration,
    ) -> Result<HttpReply, HttpError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{director}{path}"));
        if let Some(headers) = request.headers_mut() {
            headers.extend(parts.headers);
        }
        let request = request.body(Full::from(parts.body));
        let request = request.map_err(|_| HttpError::Address)?;
        let host = request.uri().host().unwrap_or_default().to_owned();
        let client = self.client();
        let answer = async {
            let response = client.request(request).await;
            let response = response.map_err(|error| broken(&error))?;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                return into_raw(response).await;
            }
            read(response).await.map(HttpReply::Answer)
        };
        let answer = within(deadline, answer).await;
        if matches!(answer, Err(HttpError::Slow(_))) {
            self.connector.note_silence(&host);
        }
        answer
    }

    fn client(&self) -> PooledClient {
        let client = self.client.read();
        client.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl HttpError {
    /// Returns what the user can do.
    pub(super) const fn advice(&self) -> &'static str {
        match self {
            Self::Connect { advice, .. } => advice,
            Self::OtherProtocol | Self::HungUp | Self::Answer => IS_IT_A_DIRECTOR,
            Self::Slow(_) | Self::Broken | Self::Address | Self::Refused(_) => IS_IT_RUNNING,
        }
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

    /// Returns true if the answer says what is wrong as directors do. A web server that knows nothing of Ringtalk
    /// answers with the same statuses.
    pub(super) fn is_problem(&self) -> bool {
        self.json::<Problem>().is_ok()
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

fn pooled(connector: Connector) -> PooledClient {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIME)
        .build(connector)
}

fn broken(error: &hyper_util::client::legacy::Error) -> HttpError {
    if let Some(error) = cause::<ConnectError>(error) {
        return HttpError::Connect {
            reason: error.to_string(),
            advice: error.advice(),
        };
    }
    match cause::<hyper::Error>(error) {
        Some(error) if error.is_parse() => HttpError::OtherProtocol,
        Some(error) if error.is_incomplete_message() => HttpError::HungUp,
        _ => HttpError::Broken,
    }
}

/// Returns the first error of a type among the causes of another one.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

async fn into_raw(response: Response<Incoming>) -> Result<HttpReply, HttpError> {
    let upgraded = hyper::upgrade::on(response).await;
    let upgraded = upgraded.map_err(|_| HttpError::Broken)?;
    let parts = upgraded.downcast::<TokioIo<MeteredStream>>();
    let parts = parts.expect("the connector makes no other connections");
    Ok(HttpReply::Raw {
        stream: parts.io.into_inner().into_inner(),
        opening: parts.read_buf.to_vec(),
    })
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

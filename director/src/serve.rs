//! Serves a director on a listener, or a member on single connections: connections, their limits, and shutdown.
//!
//! Every connection is closed in bounded time, whatever its peer does. The number of connections is bounded too:
//! those that have sent a request take seats (`seats`), the others are pending (`pending`). Not here: the answer to a
//! request (`app`).

use std::convert::Infallible;
use std::future::{Future, pending};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONNECTION;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use crate::app::app;
use crate::authorization::may_be_of_web_page;
use crate::carrier::set_keepalive;
use crate::director::Director;
use crate::limits::Limits;
use crate::member::{self, MemberDirector};
use crate::metrics::Metrics;
use crate::pending::{PendingConnection, PendingConnections};
use crate::problem::Problem;
use crate::rate_limiter::RateLimiter;
use crate::seats::{Seat, Seats};
use crate::source::Source;

/// How long the head of a request may take to arrive, and how long a connection may idle between requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of a request is buffered besides its body: enough for an ordinary head, and the least that hyper
/// accepts.
const HEAD_BYTES: usize = 8 * 1024;
/// How old a connection may grow. This bounds what no other limit does, above all a peer that does not read its
/// answer. An honest caller reconnects once a minute.
const CONNECTION_AGE: Duration = Duration::from_secs(60);
/// How long the last answer of an old connection may take: the longest hold, and the time to send it.
const LAST_ANSWER: Duration = Duration::from_secs(10);
/// How many requests of one connection are rejected by the rate limit before it is closed. A caller may have sent
/// this many before it reads the first rejection.
const REFUSALS: usize = 4;
/// How long connections may take to end when the director stops; the whole stop may take 1 s.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);
/// How long to wait before accepting again if the system has no socket to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `director` until `shutdown` completes, then answers all held requests and returns within half a second.
/// Afterwards this director holds no requests any more: create a new one to serve again. Dropping the future closes
/// everything at once.
pub async fn serve(listener: TcpListener, director: Director, shutdown: impl Future<Output = ()>) {
    let service = HttpService::of_director(&director, &listener);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    tokio::select! {
        () = &mut shutdown => {}
        () = service.accept_all(&listener, &mut connections) => {}
    }
    drop(listener);
    director.close();
    let all_ended = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(SHUTDOWN_TIMEOUT, all_ended).await;
}

/// An HTTP service, and the limits that all its connections share. Clones share them too.
#[derive(Clone, Debug)]
pub struct HttpService {
    app: Router,
    metrics: Arc<Metrics>,
    /// Turns true when no more requests are taken.
    closing: watch::Receiver<bool>,
    limits: Limits,
    seats: Seats,
    /// The limit for requests that only programs can make.
    program_limiter: RateLimiter,
    /// The limit for requests that a web page can make too: it must not use up that of the node beside it.
    page_limiter: RateLimiter,
    /// The address on which the service listens.
    listen_address: IpAddr,
    /// Whether a member answers, and not a director.
    is_member: bool,
}

impl HttpService {
    /// Creates the service of a member, which listens at `listen_address`.
    pub fn of_member(member: MemberDirector, listen_address: IpAddr) -> Self {
        // A member leaves without a word: its newcomers have other entrances.
        let (_, never) = watch::channel(false);
        Self {
            is_member: true,
            ..Self::new(
                member::app(member),
                Limits::of_process(0),
                Arc::default(),
                never,
                listen_address,
            )
        }
    }

    fn of_director(director: &Director, listener: &TcpListener) -> Self {
        let listen_address = listener.local_addr().map(|address| address.ip());
        Self::new(
            app(director.clone()),
            Limits::of_process(director.files_for_circuits()),
            Arc::clone(director.metrics()),
            director.closing(),
            listen_address.unwrap_or(IpAddr::from([0, 0, 0, 0])),
        )
    }

    fn new(
        app: Router,
        limits: Limits,
        metrics: Arc<Metrics>,
        closing: watch::Receiver<bool>,
        listen_address: IpAddr,
    ) -> Self {
        Self {
            app,
            metrics,
            closing,
            limits,
            seats: Seats::new(limits.connections, limits.connections_per_household),
            program_limiter: RateLimiter::default(),
            page_limiter: RateLimiter::default(),
            listen_address,
            is_member: false,
        }
    }

    /// Accepts and serves connections forever.
    pub async fn accept_all(&self, listener: &TcpListener, connections: &mut JoinSet<()>) {
        let mut pending = self.pending_connections();
        loop {
            tokio::select! {
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let connection = self.connection(peer.ip());
                        let seat = Arc::clone(&connection.seat);
                        let task = connections.spawn(connection.serve(stream));
                        if pending.add(peer.ip(), SilentConnection { task, seat }) {
                            self.metrics.count_refused_connection();
                        }
                    }
                    Err(error) => {
                        tracing::warn!("cannot accept a connection: {error}");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }

    /// Returns room for as many pending connections as this process can afford.
    pub fn pending_connections(&self) -> PendingConnections<SilentConnection> {
        PendingConnections::at_most(self.limits.pending_connections)
    }

    /// Returns what serves a connection from `peer`.
    pub fn connection(&self, peer: IpAddr) -> HttpConnection {
        HttpConnection {
            service: self.clone(),
            source: Source::new(peer, self.listen_address),
            seat: Arc::default(),
            eviction: Arc::default(),
            refusals: Arc::default(),
        }
    }
}

/// The seat of a connection that has sent a request; `None` inside if there was no room.
type SeatSlot = Arc<OnceLock<Option<Seat>>>;

/// A connection that has not sent a request yet: it is done when it has, or when its task has ended.
#[derive(Debug)]
pub struct SilentConnection {
    task: AbortHandle,
    seat: SeatSlot,
}

impl PendingConnection for SilentConnection {
    fn is_done(&self) -> bool {
        self.seat.get().is_some() || self.task.is_finished()
    }

    fn close(&self) {
        self.task.abort();
    }
}

/// The peer of a connection, and the state to serve it.
#[derive(Clone, Debug)]
pub struct HttpConnection {
    service: HttpService,
    source: Source,
    seat: SeatSlot,
    /// Notified if another household needs the seat.
    eviction: Arc<Notify>,
    /// The number of requests on this connection that the rate limit rejected.
    refusals: Arc<AtomicUsize>,
}

impl HttpConnection {
    /// Returns this connection for [`PendingConnections`], if `task` serves it.
    pub fn pending(&self, task: AbortHandle) -> SilentConnection {
        let seat = Arc::clone(&self.seat);
        SilentConnection { task, seat }
    }

    /// Serves a connection until its peer, its age or the service ends it.
    pub async fn serve(self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        // For connections that become circuits, which have no other time limit.
        set_keepalive(&stream);
        self.serve_stream(stream).await;
    }

    /// Serves a connection whose first bytes were read already.
    pub async fn serve_after(self, first: Vec<u8>, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        let reader = std::io::Cursor::new(first).chain(reader);
        self.serve_stream(tokio::io::join(reader, writer)).await;
    }

    async fn serve_stream(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let mut closing = self.service.closing.clone();
        let eviction = Arc::clone(&self.eviction);
        let service = service_fn(move |request| self.answer(request));
        let http = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut http = pin!(http);
        let closes = async {
            // Without a sender, the service goes on until its process ends.
            if closing.wait_for(|closing| *closing).await.is_err() {
                pending::<()>().await;
            }
        };
        tokio::select! {
            ended = &mut http => return log_end(ended),
            () = eviction.notified() => return tracing::debug!("closed a connection to make room for another household"),
            () = closes => {}
            () = sleep(CONNECTION_AGE) => {}
        }
        http.as_mut().graceful_shutdown();
        if let Ok(ended) = timeout(LAST_ANSWER, http).await {
            log_end(ended);
        } else {
            tracing::debug!("closed a connection: its last answer was not read in time");
        }
    }

    /// Answers a request, unless there is no room for the connection or its household exceeds its rate.
    fn answer(
        &self,
        mut request: hyper::Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<> {
        let household = self.source.household();
        let service = &self.service;
        let seat = self
            .seat
            .get_or_init(|| service.seats.take(household, &self.eviction));
        let has_room = seat.is_some();
        let limiter = if may_be_of_web_page(&request) {
            &service.page_limiter
        } else {
            &service.program_limiter
        };
        let is_allowed = has_room && limiter.allow(household, Instant::now());
        request.extensions_mut().insert(self.source);
        let connection = self.clone();
        async move {
            if is_allowed {
                let app = connection.service.app;
                return TowerToHyperService::new(app).call(request).await;
            }
            if !has_room {
                return Ok(connection.refuse_connection());
            }
            Ok(connection.refuse_request())
        }
    }

    /// Returns the answer to a request above the rate. A caller that does not slow down has to reconnect.
    fn refuse_request(&self) -> Response {
        self.service.metrics.count_refused_request();
        let detail = "too many requests from this address: try again in a moment";
        let problem = self.problem(StatusCode::TOO_MANY_REQUESTS, detail);
        if self.refusals.fetch_add(1, Ordering::Relaxed) + 1 < REFUSALS {
            return problem.into_response();
        }
        ([(CONNECTION, "close")], problem).into_response()
    }

    /// Returns the answer to a connection for which there is no room; it is then closed.
    fn refuse_connection(&self) -> Response {
        self.service.metrics.count_refused_connection();
        let detail = "too many connections: try again in a moment";
        let problem = self.problem(StatusCode::SERVICE_UNAVAILABLE, detail);
        ([(CONNECTION, "close")], problem).into_response()
    }

    fn problem(&self, status: StatusCode, detail: &'static str) -> Problem {
        Problem {
            member: self.service.is_member,
            ..Problem::new(status, detail)
        }
    }
}

fn log_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;

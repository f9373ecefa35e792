//! Serves a director on a listener: connections, their limits, and shutdown.
//!
//! Every connection is closed in bounded time, whatever its peer does. The number of connections is bounded too:
//! those that have sent a request take seats (`seats`), the others are pending (`pending`). Not here: the answer to a
//! request (`app`).

use std::convert::Infallible;
use std::future::Future;
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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use crate::app::app;
use crate::authorization::may_be_of_web_page;
use crate::director::Director;
use crate::limits::Limits;
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
    let mut server = Server::new(director.clone(), &listener);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => server.start_connection(stream, peer.ip(), &mut connections),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    director.close();
    let all_ended = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(SHUTDOWN_TIMEOUT, all_ended).await;
}

/// The state that all connections share.
struct Server {
    app: Router,
    director: Director,
    seats: Seats,
    /// The limit for requests that only programs can make.
    program_limiter: RateLimiter,
    /// The limit for requests that a web page can make too: it must not use up that of the node beside it.
    page_limiter: RateLimiter,
    pending: PendingConnections<SilentConnection>,
    /// The address on which the director listens.
    listen_address: IpAddr,
}

impl Server {
    fn new(director: Director, listener: &TcpListener) -> Self {
        let limits = Limits::of_process();
        let listen_address = listener.local_addr().map(|address| address.ip());
        Self {
            app: app(director.clone()),
            director,
            seats: Seats::new(limits.connections, limits.connections_per_household),
            program_limiter: RateLimiter::default(),
            page_limiter: RateLimiter::default(),
            pending: PendingConnections::at_most(limits.pending_connections),
            listen_address: listen_address.unwrap_or(IpAddr::from([0, 0, 0, 0])),
        }
    }

    /// Serves a new connection, which is pending until it sends a request. If too many are pending, closes one of the
    /// household that has most.
    fn start_connection(&mut self, stream: TcpStream, peer: IpAddr, connections: &mut JoinSet<()>) {
        let connection = Connection {
            app: self.app.clone(),
            director: self.director.clone(),
            program_limiter: self.program_limiter.clone(),
            page_limiter: self.page_limiter.clone(),
            seats: self.seats.clone(),
            source: Source::new(peer, self.listen_address),
            seat: Arc::default(),
            eviction: Arc::default(),
            refusals: Arc::default(),
        };
        let seat = Arc::clone(&connection.seat);
        let task = connections.spawn(serve_connection(stream, connection));
        if self.pending.add(peer, SilentConnection { task, seat }) {
            self.director.metrics().count_refused_connection();
        }
    }
}

/// The seat of a connection that has sent a request; `None` inside if there was no room.
type SeatSlot = Arc<OnceLock<Option<Seat>>>;

/// A connection that has not sent a request yet.
#[derive(Debug)]
struct SilentConnection {
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
#[derive(Clone)]
struct Connection {
    app: Router,
    director: Director,
    program_limiter: RateLimiter,
    page_limiter: RateLimiter,
    seats: Seats,
    source: Source,
    seat: SeatSlot,
    /// Notified if another household needs the seat.
    eviction: Arc<Notify>,
    /// The number of requests on this connection that the rate limit rejected.
    refusals: Arc<AtomicUsize>,
}

impl Connection {
    /// Answers a request, unless there is no room for the connection or its household exceeds its rate.
    fn answer(
        &self,
        mut request: hyper::Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<> {
        let household = self.source.household();
        let seat = self
            .seat
            .get_or_init(|| self.seats.take(household, &self.eviction));
        let has_room = seat.is_some();
        let limiter = if may_be_of_web_page(&request) {
            &self.page_limiter
        } else {
            &self.program_limiter
        };
        let is_allowed = has_room && limiter.allow(household, Instant::now());
        request.extensions_mut().insert(self.source);
        let connection = self.clone();
        async move {
            if is_allowed {
                return TowerToHyperService::new(connection.app).call(request).await;
            }
            if !has_room {
                return Ok(connection.refuse_connection());
            }
            Ok(connection.refuse_request())
        }
    }

    /// Returns the answer to a request above the rate. A caller that does not slow down has to reconnect.
    fn refuse_request(&self) -> Response {
        self.director.metrics().count_refused_request();
        let detail = "too many requests from this address: try again in a moment";
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail);
        if self.refusals.fetch_add(1, Ordering::Relaxed) + 1 < REFUSALS {
            return problem.into_response();
        }
        ([(CONNECTION, "close")], problem).into_response()
    }

    /// Returns the answer to a connection for which there is no room; it is then closed.
    fn refuse_connection(&self) -> Response {
        self.director.metrics().count_refused_connection();
        let detail = "too many connections: try again in a moment";
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        ([(CONNECTION, "close")], problem).into_response()
    }
}

/// Serves one connection until its peer, its age or the director ends it.
async fn serve_connection(stream: TcpStream, connection: Connection) {
    let _ = stream.set_nodelay(true);
    let mut closing = connection.director.closing();
    let eviction = Arc::clone(&connection.eviction);
    let service = service_fn(move |request| connection.answer(request));
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut http = pin!(http);
    tokio::select! {
        ended = &mut http => return log_end(ended),
        () = eviction.notified() => return tracing::debug!("closed a connection to make room for another household"),
        _ = closing.wait_for(|closing| *closing) => {}
        () = sleep(CONNECTION_AGE) => {}
    }
    http.as_mut().graceful_shutdown();
    if let Ok(ended) = timeout(LAST_ANSWER, http).await {
        log_end(ended);
    } else {
        tracing::debug!("closed a connection: its last answer was not read in time");
    }
}

fn log_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;

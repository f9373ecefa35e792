//! Serves a director on a listener: connections, their limits, and shutdown.
//!
//! Every connection is closed in bounded time, whatever its peer does. The number of connections is bounded too: by
//! seats for those that have sent a request (`seats`), as guests for the others (`guests`). Not here: the answer to
//! a request (`app`).

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

use crate::admission::may_be_of_page;
use crate::app::app;
use crate::director::Director;
use crate::guests::{Guest, Guests};
use crate::limits::Limits;
use crate::problem::Problem;
use crate::rates::Rates;
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
const FAREWELL: Duration = Duration::from_millis(500);
/// How long to wait before accepting again if the system has no socket to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `director` until `shutdown` completes, then answers all held requests and returns within half a second.
/// Afterwards this director holds no requests any more: create a new one to serve again. Dropping the future closes
/// everything at once.
pub async fn serve(listener: TcpListener, director: Director, shutdown: impl Future<Output = ()>) {
    let mut door = Door::new(director.clone(), &listener);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => door.open(stream, peer.ip(), &mut connections),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    director.close();
    let farewell = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(FAREWELL, farewell).await;
}

/// The state that all connections share.
struct Door {
    app: Router,
    director: Director,
    seats: Seats,
    /// The limit for requests that only programs can make.
    rates: Rates,
    /// The limit for requests that a web page can make too: it must not use up that of the node beside it.
    page_rates: Rates,
    guests: Guests<Waiting>,
    /// The address on which the director listens.
    listens: IpAddr,
}

impl Door {
    fn new(director: Director, listener: &TcpListener) -> Self {
        let limits = Limits::of_process();
        let listens = listener.local_addr().map(|address| address.ip());
        Self {
            app: app(director.clone()),
            director,
            seats: Seats::new(limits.connections, limits.connections_of_household),
            rates: Rates::default(),
            page_rates: Rates::default(),
            guests: Guests::at_most(limits.guests),
            listens: listens.unwrap_or(IpAddr::from([0, 0, 0, 0])),
        }
    }

    /// Serves a new connection, as a guest until it sends a request. If there are too many guests, closes one of
    /// the network that has most.
    fn open(&mut self, stream: TcpStream, peer: IpAddr, connections: &mut JoinSet<()>) {
        let caller = Caller {
            app: self.app.clone(),
            director: self.director.clone(),
            rates: self.rates.clone(),
            page_rates: self.page_rates.clone(),
            seats: self.seats.clone(),
            source: Source::new(peer, self.listens),
            seat: Arc::default(),
            lost: Arc::default(),
            refusals: Arc::default(),
        };
        let seat = Arc::clone(&caller.seat);
        let task = connections.spawn(attend(stream, caller));
        if self.guests.add(peer, Waiting { task, seat }) {
            self.director.metrics().refused_connection();
        }
    }
}

/// The seat of a connection that has sent a request; `None` inside if there was no room.
type Place = Arc<OnceLock<Option<Seat>>>;

/// A connection that has not sent a request yet.
#[derive(Debug)]
struct Waiting {
    task: AbortHandle,
    seat: Place,
}

impl Guest for Waiting {
    fn is_settled(&self) -> bool {
        self.seat.get().is_some() || self.task.is_finished()
    }

    fn turn_out(&self) {
        self.task.abort();
    }
}

/// The peer of a connection, and the state to serve it.
#[derive(Clone)]
struct Caller {
    app: Router,
    director: Director,
    rates: Rates,
    page_rates: Rates,
    seats: Seats,
    source: Source,
    seat: Place,
    /// Notified if another household needs the seat.
    lost: Arc<Notify>,
    /// The number of requests on this connection that the rate limit rejected.
    refusals: Arc<AtomicUsize>,
}

impl Caller {
    /// Answers a request, unless there is no room for the connection or its household exceeds its rate.
    fn answer(
        &self,
        mut request: hyper::Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<> {
        let household = self.source.household();
        let seat = self
            .seat
            .get_or_init(|| self.seats.take(household, &self.lost));
        let has_room = seat.is_some();
        let rates = if may_be_of_page(&request) {
            &self.page_rates
        } else {
            &self.rates
        };
        let is_admitted = has_room && rates.admit(household, Instant::now());
        request.extensions_mut().insert(self.source);
        let caller = self.clone();
        async move {
            if is_admitted {
                return TowerToHyperService::new(caller.app).call(request).await;
            }
            if !has_room {
                return Ok(caller.turn_away());
            }
            Ok(caller.refuse())
        }
    }

    /// Returns the answer to a request above the rate. A caller that does not slow down has to reconnect.
    fn refuse(&self) -> Response {
        self.director.metrics().refused_request();
        let detail = "too many requests come from this address: wait a little";
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail);
        if self.refusals.fetch_add(1, Ordering::Relaxed) + 1 < REFUSALS {
            return problem.into_response();
        }
        ([(CONNECTION, "close")], problem).into_response()
    }

    /// Returns the answer to a connection for which there is no room; it is then closed.
    fn turn_away(&self) -> Response {
        self.director.metrics().refused_connection();
        let detail = "there is no room for more connections now: wait a little";
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        ([(CONNECTION, "close")], problem).into_response()
    }
}

/// Serves one connection until its peer, its age or the director ends it.
async fn attend(stream: TcpStream, caller: Caller) {
    let _ = stream.set_nodelay(true);
    let mut closing = caller.director.closing();
    let lost = Arc::clone(&caller.lost);
    let service = service_fn(move |request| caller.answer(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = &mut connection => return log_end(ended),
        () = lost.notified() => return tracing::debug!("a connection gave way to another household"),
        _ = closing.wait_for(|closing| *closing) => {}
        () = sleep(CONNECTION_AGE) => {}
    }
    connection.as_mut().graceful_shutdown();
    if let Ok(ended) = timeout(LAST_ANSWER, connection).await {
        log_end(ended);
    } else {
        tracing::debug!("a connection was cut: its last answer was not taken");
    }
}

fn log_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;

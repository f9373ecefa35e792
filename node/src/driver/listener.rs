//! Accepts connections: it leads links through their handshake, and hands HTTP to the service that answers it.
//!
//! The number of pending handshakes is limited (`ringtalk_director::pending`). Not here: what a peer must prove
//! (`link`), whether a peer that has proved it may stay (the core).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ringtalk_director::{HttpConnection, HttpService};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::circuits::Circuits;
use super::inbox::{DriverEvent, Inbox};
use crate::address::canonical;
use crate::link::{
    Credentials, FirstBytes, InboundConnection, LinkError, ReplayFilter, accept_after,
};

/// How many connections are accepted before other tasks get a turn. Each costs about 50 µs, so a flood delays the rest
/// of the node by less than a millisecond at a time.
const ACCEPTED_AT_ONCE: usize = 16;
/// The wait before the next attempt when the system has no socket to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The least time between two warnings about misbehaving strangers.
const WARNING_PAUSE: Duration = Duration::from_secs(1);

/// Accepts connections until nobody reads the inbox any more.
pub(crate) async fn listen(
    listener: TcpListener,
    me: Credentials,
    replay_filter: ReplayFilter,
    circuits: Circuits,
    inbox: Inbox,
    http: HttpService,
) {
    let mut pending = http.pending_connections();
    let handler = HandshakeHandler {
        me,
        replay_filter,
        circuits,
        inbox,
        refusal_warnings: Warnings::default(),
    };
    let (crowd_warnings, accept_warnings) = (Warnings::default(), Warnings::default());
    let mut accepted = 0;
    while !handler.inbox.is_closed() {
        match listener.accept().await {
            Ok((stream, address)) => {
                let address = canonical(address);
                let connection = http.connection(address.ip());
                let handling = handler.clone().run(stream, address, connection.clone());
                let task = tokio::spawn(handling).abort_handle();
                // An HTTP connection stays pending until it has sent a request, however slowly its bytes arrive.
                if pending.add(address.ip(), connection.pending(task)) {
                    crowd_warnings.warn(|| {
                        format!("many connections send nothing, the last one from {address}")
                    });
                }
            }
            Err(error) => {
                accept_warnings.warn(|| format!("cannot accept a connection: {error}"));
                sleep(ACCEPT_PAUSE).await;
            }
        }
        accepted += 1;
        if accepted % ACCEPTED_AT_ONCE == 0 {
            yield_now().await;
        }
    }
}

/// The handler of pending handshakes.
#[derive(Clone, Debug)]
struct HandshakeHandler {
    me: Credentials,
    replay_filter: ReplayFilter,
    circuits: Circuits,
    inbox: Inbox,
    refusal_warnings: Warnings,
}

impl HandshakeHandler {
    async fn run(self, mut stream: TcpStream, address: SocketAddr, http: HttpConnection) {
        match FirstBytes::read(&mut stream).await {
            Ok(opening) if opening.is_http() => {
                http.serve_after(opening.bytes().to_vec(), stream).await;
            }
            Ok(opening) => self.link(opening, stream, address).await,
            Err(error) => {
                tracing::debug!(%address, %error, "an incoming connection ended before it said anything");
            }
        }
    }

    async fn link(self, opening: FirstBytes, stream: TcpStream, address: SocketAddr) {
        let opening = opening.bytes().to_vec();
        match accept_after(opening, stream, address, &self.me, &self.replay_filter).await {
            Ok(InboundConnection::Link(link)) => {
                let dialled = false;
                let _ = self.inbox.send(DriverEvent::Linked { link, dialled }).await;
            }
            Ok(InboundConnection::Circuit {
                peer,
                ticket,
                stream,
            }) => self.circuits.add_connection(peer, ticket, stream),
            // A dialler hangs up if it found another node here, or did not need this link.
            Err(error @ (LinkError::HungUp | LinkError::Io(_) | LinkError::Silent)) => {
                tracing::debug!(%address, %error, "an incoming connection ended during the handshake");
            }
            Err(error) => {
                let text = || format!("refused a connection from {address}: {error}");
                self.refusal_warnings.warn(text);
            }
        }
    }
}

/// Warnings of one kind about strangers, limited in rate.
#[derive(Clone, Debug, Default)]
struct Warnings {
    last: Arc<Mutex<Option<Instant>>>,
}

impl Warnings {
    fn warn(&self, text: impl FnOnce() -> String) {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| now.duration_since(last) >= WARNING_PAUSE) {
            *last = Some(now);
            tracing::warn!("{}", text());
        }
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_director::pending::{PENDING_CONNECTIONS, PENDING_PER_HOUSEHOLD};
    use tokio::io::AsyncReadExt;
    use tokio::sync::mpsc;

    use super::*;
    use crate::link::connect;
    use crate::link::test_support::credentials;
    use crate::reception::Reception;
    use crate::secret::Secret;

    async fn host() -> (SocketAddr, mpsc::Receiver<DriverEvent>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (inbox, events) = mpsc::channel(8);
        let (me, replay_filter) = (credentials(1), ReplayFilter::default());
        let circuits = Circuits::new(me.clone(), replay_filter.clone(), inbox.clone());
        let (id, seed) = (me.id(), [7; 16]);
        let (_, http) = Reception::new(id, &Secret::open(), address, seed);
        tokio::spawn(listen(listener, me, replay_filter, circuits, inbox, http));
        (address, events)
    }

    #[tokio::test]
    async fn a_crowd_of_silent_connections_keeps_no_peer_out() {
        let (address, mut events) = host().await;
        let mut crowd = Vec::new();
        for _ in 0..3 * PENDING_CONNECTIONS {
            crowd.push(TcpStream::connect(address).await.unwrap());
        }
        let half_open = connect(address, &credentials(2), credentials(1).id()).await;
        let _link = half_open.unwrap().complete().await.unwrap();
        let event = events.recv().await.unwrap();
        assert!(matches!(
            event,
            DriverEvent::Linked { link, .. } if link.peer == credentials(2).id()
        ));
    }

    #[tokio::test]
    async fn the_oldest_pending_handshake_is_dropped() {
        let (address, _events) = host().await;
        let mut oldest = TcpStream::connect(address).await.unwrap();
        let mut crowd = Vec::new();
        for _ in 0..PENDING_PER_HOUSEHOLD {
            crowd.push(TcpStream::connect(address).await.unwrap());
        }
        let mut bytes = Vec::new();
        let end = oldest.read_to_end(&mut bytes);
        let closed = tokio::time::timeout(Duration::from_secs(2), end).await;
        assert!(closed.is_ok(), "the connection is still open");
    }
}

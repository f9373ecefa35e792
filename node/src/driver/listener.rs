//! Accepts connections from peers, and leads each through its handshake.
//!
//! A guest is a peer that has not shown yet who it is; the number of guests is limited (`ringtalk_director::guests`).
//! Not here: what a guest must prove (`link`), whether a peer that has proved it is welcome (the core).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ringtalk_director::guests::Guests;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::circuits::Circuits;
use super::inbox::{Happening, Inbox};
use crate::link::{Credentials, LinkError, Openings, Welcomed, welcome};

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
    openings: Openings,
    circuits: Circuits,
    inbox: Inbox,
) {
    let mut guests = Guests::default();
    let reception = Reception {
        me,
        openings,
        circuits,
        inbox,
        refusals: Warnings::default(),
    };
    let (crowds, failures) = (Warnings::default(), Warnings::default());
    let mut accepted = 0;
    while !reception.inbox.is_closed() {
        match listener.accept().await {
            Ok((stream, address)) => {
                let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                let guest = tokio::spawn(reception.clone().receive(stream, address));
                if guests.add(address.ip(), guest.abort_handle()) {
                    crowds
                        .warn(|| format!("many connections say nothing, the last from {address}"));
                }
            }
            Err(error) => {
                failures.warn(|| format!("cannot accept a connection: {error}"));
                sleep(ACCEPT_PAUSE).await;
            }
        }
        accepted += 1;
        if accepted % ACCEPTED_AT_ONCE == 0 {
            yield_now().await;
        }
    }
}

/// The handler of guests' handshakes.
#[derive(Clone, Debug)]
struct Reception {
    me: Credentials,
    openings: Openings,
    circuits: Circuits,
    inbox: Inbox,
    refusals: Warnings,
}

impl Reception {
    async fn receive(self, stream: TcpStream, address: SocketAddr) {
        match welcome(stream, address, &self.me, &self.openings).await {
            Ok(Welcomed::Link(link)) => {
                let dialled = false;
                let _ = self.inbox.send(Happening::Linked { link, dialled }).await;
            }
            Ok(Welcomed::Circuit {
                peer,
                ticket,
                stream,
            }) => self.circuits.arrived(peer, ticket, stream),
            // A dialler hangs up if it found another node here, or did not need this link.
            Err(error @ (LinkError::HungUp | LinkError::Io(_) | LinkError::Silent)) => {
                tracing::debug!(%address, %error, "no link with a stranger");
            }
            Err(error) => {
                let text = || format!("no link with {address}: {error}");
                self.refusals.warn(text);
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
    use ringtalk_director::guests::{GUESTS, GUESTS_OF_NETWORK};
    use tokio::io::AsyncReadExt;
    use tokio::sync::mpsc;

    use super::*;
    use crate::link::greet;
    use crate::link::test_support::credentials;

    async fn host() -> (SocketAddr, mpsc::Receiver<Happening>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (inbox, happenings) = mpsc::channel(8);
        let (me, openings) = (credentials(1), Openings::default());
        let circuits = Circuits::new(me.clone(), openings.clone(), inbox.clone());
        tokio::spawn(listen(listener, me, openings, circuits, inbox));
        (address, happenings)
    }

    #[tokio::test]
    async fn a_crowd_that_says_nothing_keeps_nobody_out() {
        let (address, mut happenings) = host().await;
        let mut crowd = Vec::new();
        for _ in 0..3 * GUESTS {
            crowd.push(TcpStream::connect(address).await.unwrap());
        }
        let greeted = greet(address, &credentials(2), credentials(1).id()).await;
        let _link = greeted.unwrap().answer().await.unwrap();
        let happening = happenings.recv().await.unwrap();
        assert!(matches!(
            happening,
            Happening::Linked { link, .. } if link.peer == credentials(2).id()
        ));
    }

    #[tokio::test]
    async fn the_oldest_guest_gives_way() {
        let (address, _happenings) = host().await;
        let mut oldest = TcpStream::connect(address).await.unwrap();
        let mut crowd = Vec::new();
        for _ in 0..GUESTS_OF_NETWORK {
            crowd.push(TcpStream::connect(address).await.unwrap());
        }
        let mut bytes = Vec::new();
        let end = oldest.read_to_end(&mut bytes);
        let closed = tokio::time::timeout(Duration::from_secs(2), end).await;
        assert!(closed.is_ok(), "the connection is still open");
    }
}

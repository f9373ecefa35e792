//! Lets peers in: accepts connections, and leads each through its handshake.
//!
//! Whoever has not said hello yet is a guest. There is room for so many, and where it is taken the
//! oldest guest gives way: an honest one needs milliseconds, so a crowd that says nothing keeps
//! nobody out. Not here: whether a peer that said hello is welcome (the core).

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ringtalk_wire::Hello;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::inbox::{Happening, Inbox};
use crate::link::{LinkError, welcome};

/// The most guests at once.
const GUESTS: usize = 128;
/// The most guests from one address, so that one machine cannot take all places.
const GUESTS_OF_ADDRESS: usize = 64;
/// How long to wait when the system has no socket to give, before asking again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often a stranger's misbehaviour is worth a warning.
const WARNING_PAUSE: Duration = Duration::from_secs(1);

/// Accepts connections for as long as anybody wants to know of them.
pub(crate) async fn listen(listener: TcpListener, me: Hello, inbox: Inbox) {
    let mut guests = Guests::default();
    let reception = Reception {
        me,
        inbox,
        warnings: Warnings::default(),
    };
    while !reception.inbox.is_closed() {
        match listener.accept().await {
            Ok((stream, address)) => {
                let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                let guest = tokio::spawn(reception.clone().receive(stream, address));
                if guests.add(address.ip(), guest.abort_handle()) {
                    let text = format!("many connections say nothing, the last from {address}");
                    reception.warnings.warn(&text);
                }
            }
            Err(error) => {
                let text = format!("cannot accept a connection: {error}");
                reception.warnings.warn(&text);
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Who leads guests through their handshakes.
#[derive(Clone, Debug)]
struct Reception {
    me: Hello,
    inbox: Inbox,
    warnings: Warnings,
}

impl Reception {
    async fn receive(self, stream: TcpStream, address: SocketAddr) {
        match welcome(stream, address, &self.me).await {
            Ok(link) => {
                let link = Box::new(link);
                let dialled = false;
                let _ = self.inbox.send(Happening::Linked { link, dialled }).await;
            }
            // A dialler that found another node here, or did not need this link, hangs up.
            Err(error @ (LinkError::HungUp | LinkError::Io(_) | LinkError::Silent)) => {
                tracing::debug!(%address, %error, "no link with a stranger");
            }
            Err(error) => {
                let text = format!("no link with {address}: {error}");
                self.warnings.warn(&text);
            }
        }
    }
}

/// Warnings of what strangers do, not more than one at a time.
#[derive(Clone, Debug, Default)]
struct Warnings {
    last: Arc<Mutex<Option<Instant>>>,
}

impl Warnings {
    fn warn(&self, text: &str) {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| now.duration_since(last) >= WARNING_PAUSE) {
            *last = Some(now);
            tracing::warn!("{text}");
        }
    }
}

/// Those who have not said hello yet, the oldest first.
#[derive(Debug, Default)]
struct Guests {
    waiting: VecDeque<(IpAddr, AbortHandle)>,
}

impl Guests {
    /// Takes a guest in; says whether another had to give way.
    fn add(&mut self, address: IpAddr, guest: AbortHandle) -> bool {
        self.waiting.retain(|(_, guest)| !guest.is_finished());
        let same = |(of, _): &&(IpAddr, AbortHandle)| *of == address;
        let crowd = self.waiting.iter().filter(same).count() >= GUESTS_OF_ADDRESS;
        let full = crowd || self.waiting.len() >= GUESTS;
        if full {
            self.turn_out(|of| !crowd || of == address);
        }
        self.waiting.push_back((address, guest));
        full
    }

    /// Closes the oldest connection from a matching address.
    fn turn_out(&mut self, matches: impl Fn(IpAddr) -> bool) {
        let oldest = self.waiting.iter().position(|(of, _)| matches(*of));
        if let Some((_, guest)) = oldest.and_then(|place| self.waiting.remove(place)) {
            guest.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::NodeId;
    use tokio::io::AsyncReadExt;
    use tokio::sync::mpsc;

    use super::*;
    use crate::link::greet;

    fn hello(byte: u8) -> Hello {
        Hello {
            id: NodeId::from_bytes([byte; 16]),
            discussion: NodeId::from_bytes([7; 16]),
        }
    }

    async fn host() -> (SocketAddr, mpsc::Receiver<Happening>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (inbox, happenings) = mpsc::channel(8);
        tokio::spawn(listen(listener, hello(1), inbox));
        (address, happenings)
    }

    #[tokio::test]
    async fn a_crowd_that_says_nothing_keeps_nobody_out() {
        let (address, mut happenings) = host().await;
        let mut crowd = Vec::new();
        for _ in 0..3 * GUESTS {
            crowd.push(TcpStream::connect(address).await.unwrap());
        }
        let greeted = greet(address, &hello(2), hello(1).id).await.unwrap();
        let _link = greeted.answer(&hello(2)).await.unwrap();
        let happening = happenings.recv().await.unwrap();
        assert!(matches!(
            happening,
            Happening::Linked { link, .. } if link.peer == hello(2).id
        ));
    }

    #[tokio::test]
    async fn the_oldest_guest_gives_way() {
        let (address, _happenings) = host().await;
        let mut oldest = TcpStream::connect(address).await.unwrap();
        let mut crowd = Vec::new();
        for _ in 0..GUESTS_OF_ADDRESS {
            crowd.push(TcpStream::connect(address).await.unwrap());
        }
        let mut bytes = Vec::new();
        let end = oldest.read_to_end(&mut bytes);
        let closed = tokio::time::timeout(Duration::from_secs(2), end).await;
        assert!(closed.is_ok(), "the connection is still open");
    }
}

//! The reception of this node: what it answers newcomers over HTTP, on its own port and on `--director-listen`.
//!
//! Not here: the answers themselves (`ringtalk_director::member`), which connections are HTTP (`link::FirstBytes`), and
//! which coordinator the node follows (the core).

use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use hyper::header::HeaderValue;
use ringtalk_director::HttpService;
use ringtalk_director::api::Directions;
use ringtalk_director::member::{Arrival, MemberDirector, MemberFacts};
use ringtalk_proto::Registration;
use ringtalk_wire::{NodeId, VERSION};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::director_client::directions;
use crate::secret::Secret;
use crate::settings::DEFAULT_PORT;

/// The number of ports to try after the default one, before any free port is taken.
const NEXT_PORTS: u16 = 100;
/// How many newcomers may wait until the driver takes them. More of them dial without being announced.
const ARRIVALS: usize = 64;

const PRIVATE_PAGE: &str = "\
This is a Ringtalk node in a private discussion, not a web page.
To join, ask someone inside for the invite, install Ringtalk, and run:

  ringtalk --join INVITE
";
const OPEN_PAGE: &str = "\
This is a Ringtalk node in an open discussion, not a web page.
To join, install Ringtalk and run, with the address of this page:

  ringtalk --join HOST:PORT
";

/// The directions for newcomers, and the newcomers that have asked.
#[derive(Debug)]
pub(crate) struct Reception {
    directions: watch::Sender<Option<Arc<Directions>>>,
    /// What `directions` was made of.
    told: Option<Arc<Registration>>,
    arrivals: mpsc::Receiver<Arrival>,
}

impl Reception {
    /// Creates the reception of a node, and its HTTP service for a listener at this address. `seed` must be new.
    pub(crate) fn new(
        id: NodeId,
        secret: &Secret,
        listen: SocketAddr,
        seed: [u8; 16],
    ) -> (Self, HttpService) {
        let (directions, known) = watch::channel(None);
        let (announced, arrivals) = mpsc::channel(ARRIVALS);
        let is_open = secret.is_open();
        let protocol = HeaderValue::try_from(format!("ringtalk/{VERSION}"));
        let facts = MemberFacts {
            id,
            private: (!is_open).then(|| secret.discussion()),
            directions: known,
            arrivals: announced,
            page: if is_open { OPEN_PAGE } else { PRIVATE_PAGE },
            protocol: protocol.expect("letters and digits make a header"),
        };
        let service = HttpService::of_member(MemberDirector::new(facts, seed), listen.ip());
        let told = None;
        let reception = Self {
            directions,
            told,
            arrivals,
        };
        (reception, service)
    }

    /// Tells newcomers from now on to turn to this coordinator and its doors, or to try again if there is none.
    pub(crate) fn tell(&mut self, now: Option<&Arc<Registration>>) {
        // There is one registration for each view, and this is called in every turn.
        if now.map(Arc::as_ptr) != self.told.as_ref().map(Arc::as_ptr) {
            self.told = now.cloned();
            let directions = now.and_then(|now| directions(now)).map(Arc::new);
            self.directions.send_replace(directions);
        }
    }

    /// Waits for the next newcomer that asks here while this node coordinates. Never returns if HTTP has ended.
    pub(crate) async fn next(&mut self) -> Arrival {
        match self.arrivals.recv().await {
            Some(arrival) => arrival,
            None => pending().await,
        }
    }
}

/// Answers HTTP on a further listener, for as long as the process runs.
pub(crate) async fn serve(listener: TcpListener, service: HttpService) {
    service.accept_all(&listener, &mut JoinSet::new()).await;
}

/// Binds the port of a node that founds: the default one, or the next free one, on all addresses.
pub(crate) async fn bind_default() -> io::Result<TcpListener> {
    for port in DEFAULT_PORT..=DEFAULT_PORT + NEXT_PORTS {
        match bind_everywhere(port).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            other => return other,
        }
    }
    bind_everywhere(0).await
}

/// Binds a port on all addresses of the machine: of IPv6, which includes those of IPv4, or of IPv4 alone if there is no
/// IPv6.
pub(crate) async fn bind_everywhere(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Err(error) if error.kind() != ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_means_the_next_one() {
        let taken = bind_default().await.unwrap();
        let next = bind_default().await.unwrap();
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        assert!(port(&taken) >= DEFAULT_PORT);
        let between = port(&taken) + 1..port(&next);
        for port in between {
            assert!(bind_everywhere(port).await.is_err(), "{port} was free");
        }
        assert!(port(&next) > port(&taken));
    }
}

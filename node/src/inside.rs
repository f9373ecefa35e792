//! The director inside a node, for a discussion that begins here without another program.
//!
//! Not here: what a director does (`ringtalk-director`).

use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use ringtalk_director::{Director, serve};
use tokio::net::TcpListener;

use crate::secret::Secret;

/// The number of ports to try after the intended one, before any free port is taken.
const NEXT_PORTS: u16 = 100;

/// Binds the address. If its port is taken, binds another one, unless `exactly` is set.
pub(crate) async fn bind(listen: SocketAddr, exactly: bool) -> io::Result<TcpListener> {
    let last = if exactly {
        listen.port()
    } else {
        listen.port().saturating_add(NEXT_PORTS)
    };
    for port in listen.port()..=last {
        match TcpListener::bind(SocketAddr::new(listen.ip(), port)).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse && !exactly => {}
            other => return other,
        }
    }
    TcpListener::bind(SocketAddr::new(listen.ip(), 0)).await
}

/// Serves a director that knows nothing yet, for as long as this node runs. With a private secret it serves that
/// discussion only. `seed` must be new.
pub(crate) fn start(listener: TcpListener, secret: &Secret, seed: [u8; 16]) {
    let director = if secret.is_open() {
        Director::new(seed)
    } else {
        Director::only(secret.discussion(), seed)
    };
    tokio::spawn(serve(listener, director, pending()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_means_the_next_unless_it_was_asked_for() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let error = bind(address, true).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let other = bind(address, false).await.unwrap();
        assert_ne!(other.local_addr().unwrap().port(), address.port());
    }
}

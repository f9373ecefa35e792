//! The health check for containers: whether a node, or a director, of this host answers.
//!
//! Not here: how a director is asked (`ringtalk_director::healthcheck`).

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use ringtalk_wire::{PREFACE_BYTES, check_preface};

/// The timeout for connecting to a node, and for each read.
const PATIENCE: Duration = Duration::from_secs(2);

/// Returns success if the node or the director answers.
pub(crate) fn check(node: Option<SocketAddr>, director: SocketAddr) -> ExitCode {
    let answers = node.is_some_and(|node| node_answers(node).is_ok());
    if answers || ringtalk_director::healthcheck(director).is_ok() {
        return ExitCode::SUCCESS;
    }
    let node = node.map_or_else(
        || "no node was asked, because --listen names no port".to_owned(),
        |node| format!("no node answers at {node}"),
    );
    let _ = writeln!(
        io::stderr(),
        "node: no director answers at {director}, and {node}"
    );
    ExitCode::FAILURE
}

/// Checks that a node listens here. A node sends its preface to anyone who connects.
fn node_answers(listen: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&reachable(listen), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut preface = [0; PREFACE_BYTES];
    stream.read_exact(&mut preface)?;
    check_preface(preface).map_err(io::Error::other)
}

/// Returns the address at which a listener of this host can be dialled: loopback, if it listens on any address.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen {
        SocketAddr::V4(address) if address.ip().is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(address) if address.ip().is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other.ip(),
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn a_node_is_known_by_its_preface() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let greetings = [
            ringtalk_wire::preface().to_vec(),
            b"HTTP/1".to_vec(),
            vec![],
        ];
        let node = thread::spawn(move || {
            for greeting in greetings {
                listener.accept().unwrap().0.write_all(&greeting).unwrap();
            }
        });
        let answers: Vec<bool> = (0..3).map(|_| node_answers(address).is_ok()).collect();
        node.join().unwrap();
        assert_eq!(answers, [true, false, false]);
        assert!(node_answers(address).is_err(), "nobody listens any more");
    }
}

//! A capture: everything that one host sends and receives, as it is on the wire.
//!
//! Not here: what the bytes mean (the tests).

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, socket};

use super::Host;

/// The longest packet: offloading may join several into one.
const PACKET_BYTES: usize = 128 * 1024;

/// The packets of one host. It captures until the test program ends.
#[derive(Debug)]
pub struct Capture {
    captured: Arc<Mutex<Vec<u8>>>,
}

impl Capture {
    /// Starts to capture what a host sends and receives.
    ///
    /// # Panics
    ///
    /// If the host's network cannot be captured.
    #[track_caller]
    pub fn on(host: &Host) -> Self {
        let socket = socket_on(host).expect("a capture needs root, as networks do");
        let captured = Arc::default();
        let kept = Arc::clone(&captured);
        thread::spawn(move || keep_all(&socket, &kept));
        Self { captured }
    }

    /// Returns true if these bytes were in one packet.
    pub fn contains(&self, bytes: &[u8]) -> bool {
        let captured = self.captured.lock().unwrap_or_else(PoisonError::into_inner);
        captured.windows(bytes.len()).any(|window| window == bytes)
    }
}

/// Opens a socket that gets all packets of a host. A thread of its own enters the host's network for that.
fn socket_on(host: &Host) -> Result<OwnedFd, nix::Error> {
    let path = format!("/run/netns/{}", host.namespace);
    let opened = thread::spawn(move || {
        let namespace = File::open(path).map_err(|_| nix::Error::ENOENT)?;
        setns(namespace, CloneFlags::CLONE_NEWNET)?;
        socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::EthAll,
        )
    });
    opened.join().expect("opening a socket does not panic")
}

fn keep_all(socket: &OwnedFd, captured: &Mutex<Vec<u8>>) {
    let mut packet = vec![0; PACKET_BYTES];
    while let Ok(length) = recv(socket.as_raw_fd(), &mut packet, MsgFlags::empty()) {
        let mut captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
        captured.extend_from_slice(&packet[..length]);
    }
}

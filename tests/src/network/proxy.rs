//! A TCP proxy in front of a node's listening port, for link faults on any machine.
//!
//! A node behind it listens on the loopback and has the proxy's address as its public address, so everyone who
//! dials the node comes through here. Its own connections go through the proxies of the other nodes.

use std::io::{self, Read};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::stream::{Faults, StreamDirection, Tape, pump};

/// A proxy in front of one node.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    inward: Arc<Faults>,
    outward: Arc<Faults>,
    drops: AtomicBool,
    is_over: AtomicBool,
    connections: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
    /// The bytes that have passed, if they are to be recorded.
    tapes: Mutex<Option<Vec<[Tape; 2]>>>,
}

/// The bytes that have passed on one connection.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The bytes from the dialler.
    pub inward: Vec<u8>,
    /// The bytes from the node behind the proxy.
    pub outward: Vec<u8>,
}

impl Proxy {
    /// Starts a proxy, and reserves a port for the node behind it.
    ///
    /// # Panics
    ///
    /// If the loopback has no free port.
    pub fn start() -> Self {
        Self::in_front_of(reserve().expect("a free port"))
    }

    /// Starts a proxy in front of `target`.
    ///
    /// # Panics
    ///
    /// If the loopback has no free port.
    pub fn in_front_of(target: SocketAddr) -> Self {
        let listener = listen().expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            target,
            inward: Arc::default(),
            outward: Arc::default(),
            drops: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            open: Mutex::default(),
            tapes: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accepting.accept(&listener));
        Self { address, shared }
    }

    /// Returns the address at which the node behind it listens: its `--listen`.
    pub fn target(&self) -> String {
        self.shared.target.to_string()
    }

    /// Returns the address that others dial: the node's `--public-address`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Records what passes on every connection that is made after this call.
    pub fn record(&self) {
        *self.shared.tapes() = Some(Vec::new());
    }

    /// Returns what has passed on each recorded connection, the oldest first.
    pub fn recordings(&self) -> Vec<Recording> {
        let bytes = |tape: &Tape| tape.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let tapes = self.shared.tapes();
        let recording = |[inward, outward]: &[Tape; 2]| Recording {
            inward: bytes(inward),
            outward: bytes(outward),
        };
        tapes.iter().flatten().map(recording).collect()
    }

    /// Delays what passes, in both directions.
    pub fn delay(&self, delay: Duration) {
        self.shared.inward.delay(delay);
        self.shared.outward.delay(delay);
    }

    /// Holds back what passes in one direction: to the ends this looks like a cut, except that no connection is
    /// closed. Bytes that were held back follow after [`Proxy::heal`], as TCP retransmits lost ones.
    pub fn cut_one_way(&self, direction: StreamDirection) {
        self.shared.faults(direction).stall(true);
    }

    /// Holds back what passes in both directions.
    pub fn stall(&self) {
        self.cut_one_way(StreamDirection::Inward);
        self.cut_one_way(StreamDirection::Outward);
    }

    /// Corrupts the next `bytes` bytes that pass in a direction, on any connection that has already passed 1 KiB,
    /// which covers the handshake.
    pub fn corrupt(&self, direction: StreamDirection, bytes: usize) {
        self.shared.faults(direction).corrupt(bytes);
    }

    /// Closes every connection, and every new one, until [`Proxy::heal`].
    pub fn drop_connections(&self) {
        self.shared.drops.store(true, Ordering::SeqCst);
        self.shared.close_all();
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.shared.drops.store(false, Ordering::SeqCst);
        for faults in [&self.shared.inward, &self.shared.outward] {
            faults.delay(Duration::ZERO);
            faults.stall(false);
            faults.corrupt(0);
        }
    }

    /// Returns how many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Returns how many bytes were corrupted so far.
    pub fn corrupted(&self) -> usize {
        self.shared.inward.corrupted() + self.shared.outward.corrupted()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.shared.inward.end();
        self.shared.outward.end();
        self.shared.close_all();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn faults(&self, direction: StreamDirection) -> &Arc<Faults> {
        match direction {
            StreamDirection::Inward => &self.inward,
            StreamDirection::Outward => &self.outward,
        }
    }

    fn accept(&self, listener: &TcpListener) {
        while let Ok((dialler, _)) = listener.accept() {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            self.connections.fetch_add(1, Ordering::SeqCst);
            if !self.drops.load(Ordering::SeqCst) {
                // If nothing listens behind the proxy, the dialler finds its connection closed.
                let _ = self.connect(dialler);
            }
        }
    }

    fn connect(&self, dialler: TcpStream) -> io::Result<()> {
        let node = TcpStream::connect(self.target)?;
        for end in [&dialler, &node] {
            end.set_nodelay(true)?;
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|stream| stream.peer_addr().is_ok());
        open.push(dialler.try_clone()?);
        open.push(node.try_clone()?);
        drop(open);
        let tapes = self.tapes().as_mut().map(|tapes| {
            tapes.push(<[Tape; 2]>::default());
            tapes[tapes.len() - 1].clone()
        });
        let [inward, outward] = tapes.map_or([None, None], |tapes| tapes.map(Some));
        pump(
            dialler.try_clone()?,
            node.try_clone()?,
            Arc::clone(&self.inward),
            inward,
        );
        pump(node, dialler, Arc::clone(&self.outward), outward);
        Ok(())
    }

    fn tapes(&self) -> MutexGuard<'_, Option<Vec<[Tape; 2]>>> {
        self.tapes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close_all(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn listen() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

/// Returns a loopback port that the system assigns to nobody else for a minute: the end that closes a connection
/// first keeps its port that long (TIME-WAIT), and meanwhile only a program that names the port can listen on it.
fn reserve() -> io::Result<SocketAddr> {
    let listener = listen()?;
    let address = listener.local_addr()?;
    let mut dialler = TcpStream::connect(address)?;
    let (accepted, _) = listener.accept()?;
    drop(accepted);
    dialler.read_to_end(&mut Vec::new())?;
    Ok(address)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Instant;

    use super::*;

    /// Returns a proxy, and both ends of a connection through it.
    fn connection() -> (Proxy, TcpStream, TcpStream) {
        let node = listen().unwrap();
        let proxy = Proxy::in_front_of(node.local_addr().unwrap());
        let dialler = TcpStream::connect(proxy.address).unwrap();
        let (node, _) = node.accept().unwrap();
        for end in [&dialler, &node] {
            let timeout = Some(Duration::from_secs(5));
            end.set_read_timeout(timeout).unwrap();
        }
        (proxy, dialler, node)
    }

    fn read<const N: usize>(mut from: &TcpStream) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        from.read_exact(&mut bytes).map(|()| bytes)
    }

    #[test]
    fn bytes_pass_both_ways_and_are_corrupted_one_way() {
        let (proxy, mut dialler, mut node) = connection();
        proxy.corrupt(StreamDirection::Inward, 2);
        dialler.write_all(&[b'1'; 1024]).unwrap();
        assert_eq!(&read(&node).unwrap(), &[b'1'; 1024], "the handshake");
        dialler.write_all(b"two").unwrap();
        assert_eq!(&read(&node).unwrap(), b"\xff\xffo");
        node.write_all(b"three").unwrap();
        assert_eq!(&read(&dialler).unwrap(), b"three");
        assert_eq!((proxy.corrupted(), proxy.connections()), (2, 1));
    }

    #[test]
    fn a_recording_has_both_directions() {
        let node = listen().unwrap();
        let proxy = Proxy::in_front_of(node.local_addr().unwrap());
        proxy.record();
        let mut dialler = TcpStream::connect(proxy.address).unwrap();
        let (mut node, _) = node.accept().unwrap();
        dialler.write_all(b"one").unwrap();
        read::<3>(&node).unwrap();
        node.write_all(b"other").unwrap();
        read::<5>(&dialler).unwrap();
        let recordings = proxy.recordings();
        assert_eq!(recordings.len(), 1);
        assert_eq!(recordings[0].inward, b"one");
        assert_eq!(recordings[0].outward, b"other");
    }

    #[test]
    fn held_back_bytes_follow_after_healing() {
        let (proxy, mut dialler, mut node) = connection();
        proxy.cut_one_way(StreamDirection::Inward);
        dialler.write_all(b"held back").unwrap();
        node.write_all(b"passes").unwrap();
        assert_eq!(&read(&dialler).unwrap(), b"passes");
        node.set_nonblocking(true).unwrap();
        assert!(read::<1>(&node).is_err());
        node.set_nonblocking(false).unwrap();
        proxy.heal();
        assert_eq!(&read(&node).unwrap(), b"held back");
    }

    #[test]
    fn bytes_are_late_by_the_delay() {
        let (proxy, mut dialler, node) = connection();
        proxy.delay(Duration::from_millis(60));
        let since = Instant::now();
        dialler.write_all(b"late").unwrap();
        assert_eq!(&read(&node).unwrap(), b"late");
        assert!(since.elapsed() >= Duration::from_millis(60));
    }

    #[test]
    fn dropped_connections_end_at_both_ends() {
        let (proxy, dialler, node) = connection();
        proxy.drop_connections();
        assert!(read::<1>(&dialler).is_err() && read::<1>(&node).is_err());
        let again = TcpStream::connect(proxy.address).unwrap();
        assert!(read::<1>(&again).is_err());
    }
}

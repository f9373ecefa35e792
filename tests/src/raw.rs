//! A bare TCP connection, for bytes that no proper node or browser would send.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::handshake::{Dialler, OPEN, PREFACE, Session};
use crate::id::NodeId;

/// The first bytes of every link, before the protocol version.
pub const MAGIC: &[u8] = b"RTLK";

/// The number of bytes before the handshake: the magic, and a version of two bytes.
pub const PREFACE_BYTES: usize = PREFACE.len();

/// The time limit for dialling, and for one write.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection without a protocol, or one with an encrypted session after [`Raw::handshake`].
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    session: Option<Session>,
}

impl Raw {
    /// Dials an address.
    pub fn dial(address: &str) -> io::Result<Self> {
        let address: SocketAddr = address.parse().map_err(io::Error::other)?;
        let stream = TcpStream::connect_timeout(&address, DIAL_TIMEOUT)?;
        stream.set_write_timeout(Some(DIAL_TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            session: None,
        })
    }

    /// Dials the node `far`, performs the handshake with a key derived from `number`, and from then on encrypts
    /// what it sends.
    pub fn handshake(address: &str, far: NodeId, number: u64) -> io::Result<Self> {
        let mut raw = Self::dial(address)?;
        raw.stream.set_read_timeout(Some(DIAL_TIMEOUT))?;
        let mut dialler = Dialler::new(number, OPEN);
        raw.stream
            .write_all(&[PREFACE, &dialler.first_message()?].concat())?;
        raw.stream.read_exact(&mut [0; PREFACE_BYTES])?;
        let mut length = [0; 2];
        raw.stream.read_exact(&mut length)?;
        let mut answer = vec![0; u16::from_be_bytes(length).into()];
        raw.stream.read_exact(&mut answer)?;
        if dialler.read_answer(&answer)? != far {
            return Err(io::Error::other("another node answers"));
        }
        let (last, session) = dialler.finish()?;
        raw.stream.write_all(&last)?;
        raw.session = Some(session);
        Ok(raw)
    }

    /// Sends bytes, encrypted if there was a handshake. Returns false on failure, which is no surprise: the far end
    /// may close at any time.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        match &mut self.session {
            Some(session) => {
                let records = session.encrypt(bytes);
                self.send_unencrypted(&records)
            }
            None => self.send_unencrypted(bytes),
        }
    }

    /// Sends bytes unencrypted, even after a handshake.
    pub fn send_unencrypted(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Returns everything that the far end sends until it closes or breaks the connection; `None` if it does
    /// neither in time.
    pub fn read_to_end(&mut self, within: Duration) -> Option<Vec<u8>> {
        let mut everything = Vec::new();
        let _ = self.stream.set_read_timeout(Some(within));
        match self.stream.read_to_end(&mut everything) {
            Err(error) if is_timeout(&error) => None,
            _ => Some(everything),
        }
    }

    /// Returns the next bytes that the far end sends, as many as arrive at once.
    pub fn read_some(&mut self, within: Duration) -> Vec<u8> {
        let mut buffer = vec![0; 4096];
        let _ = self.stream.set_read_timeout(Some(within));
        let length = self.stream.read(&mut buffer).unwrap_or(0);
        buffer.truncate(length);
        buffer
    }

    /// Returns the time until the far end closed or broke the connection; `None` if it did not in time.
    pub fn await_close(&mut self, within: Duration) -> Option<Duration> {
        let since = Instant::now();
        let mut buffer = [0; 4096];
        loop {
            let remaining = within.checked_sub(since.elapsed())?;
            let _ = self
                .stream
                .set_read_timeout(Some(remaining.max(Duration::from_millis(1))));
            match self.stream.read(&mut buffer) {
                Ok(0) => return Some(since.elapsed()),
                Ok(_) => {}
                Err(error) if is_timeout(&error) => {}
                Err(_) => return Some(since.elapsed()),
            }
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// Returns a frame as links carry it: its length as a big-endian `u32`, then its bytes.
pub fn frame(length: u32, bytes: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes(), bytes].concat()
}

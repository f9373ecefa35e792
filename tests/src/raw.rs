//! A bare TCP connection, for everything that no proper node or browser would send.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::id::NodeId;

/// The first bytes of every link, before the protocol version.
pub const MAGIC: &[u8] = b"RTLK";

/// How many bytes come before the first frame: the magic and a version of two bytes.
pub const PREFACE_BYTES: usize = 6;

/// How long dialling and one write may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that speaks no protocol of its own.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
}

impl Raw {
    /// Dials an address.
    pub fn dial(address: &str) -> io::Result<Self> {
        let address: SocketAddr = address.parse().map_err(io::Error::other)?;
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream })
    }

    /// Dials the node `far` and introduces itself in the node's own words, but under the id `as_id`:
    /// who is dialled says hello first, and its hello names its id.
    pub fn introduce(address: &str, far: NodeId, as_id: NodeId) -> io::Result<Self> {
        let mut raw = Self::dial(address)?;
        raw.stream.set_read_timeout(Some(PATIENCE))?;
        let mut preface = [0; PREFACE_BYTES];
        raw.stream.read_exact(&mut preface)?;
        let mut length = [0; 4];
        raw.stream.read_exact(&mut length)?;
        let mut hello = vec![0; u32::from_be_bytes(length).min(1024) as usize];
        raw.stream.read_exact(&mut hello)?;
        let place = hello
            .windows(16)
            .position(|bytes| bytes == far.0.as_bytes());
        let place = place.ok_or_else(|| io::Error::other("the hello does not name its node"))?;
        hello[place..place + 16].copy_from_slice(as_id.0.as_bytes());
        raw.stream
            .write_all(&[&preface[..], &length, &hello].concat())?;
        Ok(raw)
    }

    /// Sends bytes. The far end may close at any time, so a failure is no news.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The first bytes that the far end sends, as many as come at once.
    pub fn read_some(&mut self, within: Duration) -> Vec<u8> {
        let mut buffer = vec![0; 4096];
        let _ = self.stream.set_read_timeout(Some(within));
        let length = self.stream.read(&mut buffer).unwrap_or(0);
        buffer.truncate(length);
        buffer
    }

    /// How long until the far end closed or broke the connection; `None` if it did not in time.
    pub fn closed_after(&mut self, within: Duration) -> Option<Duration> {
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

/// A frame's length and its bytes, as links carry it: a big-endian `u32` in front.
pub fn frame(length: u32, bytes: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes(), bytes].concat()
}

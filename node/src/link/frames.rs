//! The half of a link that reads: it returns frames one by one.
//!
//! Not here: the half that writes (`writer`), the tasks that drive them (`driver::connections`), encryption (`record`).

use std::io;
use std::net::IpAddr;

use ringtalk_wire::{Channel, Frame, HEADER_BYTES};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;

use super::LinkError;
use super::buffer::Buffer;
use super::codec::split_frame;
use super::noise::Keys;
use super::record::{Decryptor, Stream, Streams};

/// The number of bytes to read at once while little comes.
const READ_LEAST: usize = 4 * 1024;
/// The number of bytes to read at once while much comes: a record.
const READ_MOST: usize = 64 * 1024;

/// The half that reads frames.
#[derive(Debug)]
pub struct FrameReader {
    half: OwnedReadHalf,
    decryptor: Decryptor,
    /// The bytes that have come and are not decrypted yet: less than a record, except for what came along with it.
    ciphertext: Buffer,
    /// The bytes that are decrypted and not read yet: of each stream less than a frame, except for the rest of a record.
    streams: Streams,
    /// The stream in which the next frame may be complete.
    fresh: Stream,
    /// The number of bytes to read next.
    read: usize,
    /// The size of the last frame, in bytes.
    last: usize,
}

/// What has come over a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Incoming {
    /// A frame, and the channel on which it came.
    Frame(Channel, Frame),
    /// A part of a frame that is not complete yet.
    Part,
}

impl FrameReader {
    pub(super) fn new(half: OwnedReadHalf, keys: Keys) -> Self {
        Self {
            half,
            decryptor: Decryptor::new(keys),
            ciphertext: Buffer::default(),
            streams: Streams::default(),
            fresh: Stream::Main,
            read: READ_LEAST,
            last: 0,
        }
    }

    /// Returns this machine's address in the connection, if the system tells.
    pub fn local_ip(&self) -> Option<IpAddr> {
        let local = self.half.local_addr().ok()?;
        Some(local.ip().to_canonical())
    }

    /// Returns the size of the last frame in bytes, without its header.
    pub const fn last_bytes(&self) -> usize {
        self.last
    }

    /// Returns the next frame of the lobby, or `None` if the far end has closed the link.
    pub async fn next(&mut self) -> Result<Option<Frame>, LinkError> {
        loop {
            match self.next_part().await? {
                Some(Incoming::Frame(Channel::LOBBY, frame)) => return Ok(Some(frame)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// Returns the next frame, or that a part of it has come from the peer. Returns `None` if the far end has closed
    /// the link.
    pub async fn next_part(&mut self) -> Result<Option<Incoming>, LinkError> {
        loop {
            if let Some(incoming) = self.cut()? {
                return Ok(Some(incoming));
            }
            let decryptor = &mut self.decryptor;
            if let Some(stream) = decryptor.decrypt(&mut self.ciphertext, &mut self.streams)? {
                self.fresh = stream;
                return Ok(Some(self.cut()?.unwrap_or(Incoming::Part)));
            }
            if !self.read().await? {
                return Ok(None);
            }
        }
    }

    /// Reads and discards everything, until the far end closes too. Dropping a socket with unread data would destroy
    /// what the far end has not read yet.
    pub async fn discard(&mut self) {
        (self.ciphertext, self.streams) = (Buffer::default(), Streams::default());
        let mut void = vec![0; 4096];
        while self.half.read(&mut void).await.is_ok_and(|read| read > 0) {}
    }

    /// Returns true if a part of a frame has come that others may overtake.
    pub(crate) const fn has_part(&self) -> bool {
        !self.streams.main.is_empty()
    }

    /// Takes the next frame out of the stream that the last record has continued. The other one has only a part.
    fn cut(&mut self) -> Result<Option<Incoming>, LinkError> {
        let plain = match self.fresh {
            Stream::Main => &mut self.streams.main,
            Stream::Urgent => &mut self.streams.urgent,
        };
        let Some((channel, bytes)) = split_frame(plain.waiting())? else {
            return Ok(None);
        };
        let length = bytes.len();
        let frame = ringtalk_wire::decode(bytes)?;
        plain.advance(HEADER_BYTES + length);
        self.last = length;
        Ok(Some(Incoming::Frame(channel, frame)))
    }

    /// Reads more. Returns false if the far end has closed the link between two frames.
    async fn read(&mut self) -> Result<bool, LinkError> {
        self.ciphertext.end_burst();
        self.streams.main.end_burst();
        self.streams.urgent.end_burst();
        let read = self.half.read(self.ciphertext.room(self.read)).await?;
        self.ciphertext.commit(read);
        self.read = (2 * read).clamp(READ_LEAST, READ_MOST);
        if read > 0 {
            Ok(true)
        } else if self.ciphertext.is_empty() && self.streams.are_empty() {
            Ok(false)
        } else {
            Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
        }
    }
}

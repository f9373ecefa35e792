//! The two halves of a link: frames are read one by one, and written many at a time.
//!
//! Not here: the tasks that drive them (`driver::traffic`), encryption (`record`).

use std::io;

use ringtalk_wire::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::LinkError;
use super::buffer::Buffer;
use super::codec::{PREFIX_BYTES, append, first};
use super::noise::Keys;
use super::record::{Opener, Sealer};

/// The number of bytes to read at once while little comes.
const READ_LEAST: usize = 4 * 1024;
/// The number of bytes to read at once while much comes: a record.
const READ_MOST: usize = 64 * 1024;

/// The half that reads frames.
#[derive(Debug)]
pub struct FrameReader {
    half: OwnedReadHalf,
    opener: Opener,
    /// The bytes that have come and are not decrypted yet: less than a record, except for what came along with it.
    sealed: Buffer,
    /// The bytes that are decrypted and not read yet: less than a frame, except for the rest of its record.
    plain: Buffer,
    /// The number of bytes to read next.
    read: usize,
    /// The size of the last frame, in bytes.
    last: usize,
}

impl FrameReader {
    pub(super) fn new(half: OwnedReadHalf, keys: Keys) -> Self {
        Self {
            half,
            opener: Opener::new(keys),
            sealed: Buffer::default(),
            plain: Buffer::default(),
            read: READ_LEAST,
            last: 0,
        }
    }

    /// Returns the size of the last frame in bytes, without its length.
    pub const fn last_bytes(&self) -> usize {
        self.last
    }

    /// Returns the next frame, or `None` if the far end has closed the link.
    pub async fn next(&mut self) -> Result<Option<Frame>, LinkError> {
        loop {
            if let Some(frame) = self.cut()? {
                return Ok(Some(frame));
            }
            if !self.opener.open(&mut self.sealed, &mut self.plain)? && !self.read().await? {
                return Ok(None);
            }
        }
    }

    /// Reads and discards everything, until the far end closes too. Dropping a socket with unread data would destroy
    /// what the far end has not read yet.
    pub async fn discard(&mut self) {
        (self.sealed, self.plain) = (Buffer::default(), Buffer::default());
        let mut void = vec![0; 4096];
        while self.half.read(&mut void).await.is_ok_and(|read| read > 0) {}
    }

    fn cut(&mut self) -> Result<Option<Frame>, LinkError> {
        let Some(bytes) = first(self.plain.waiting())? else {
            return Ok(None);
        };
        let length = bytes.len();
        let frame = ringtalk_wire::decode(bytes)?;
        self.plain.advance(PREFIX_BYTES + length);
        self.last = length;
        Ok(Some(frame))
    }

    /// Reads more. Returns false if the far end has closed the link between two frames.
    async fn read(&mut self) -> Result<bool, LinkError> {
        self.sealed.rest();
        self.plain.rest();
        let read = self.half.read(self.sealed.room(self.read)).await?;
        self.sealed.filled(read);
        self.read = (2 * read).clamp(READ_LEAST, READ_MOST);
        if read > 0 {
            Ok(true)
        } else if self.sealed.is_empty() && self.plain.is_empty() {
            Ok(false)
        } else {
            Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
        }
    }
}

/// The half that writes frames.
#[derive(Debug)]
pub struct FrameWriter {
    half: OwnedWriteHalf,
    sealer: Sealer,
    plain: Buffer,
    /// The number of frames in `plain`.
    frames: usize,
    /// The encrypted bytes of `plain` that are not written yet.
    sealed: Buffer,
}

impl FrameWriter {
    pub(super) fn new(half: OwnedWriteHalf, keys: Keys) -> Self {
        Self {
            half,
            sealer: Sealer::new(keys),
            plain: Buffer::default(),
            frames: 0,
            sealed: Buffer::default(),
        }
    }

    /// Adds an encoded frame to the next write. Nothing may be added during a write.
    pub fn add(&mut self, frame: &[u8]) {
        debug_assert!(self.sealed.is_empty(), "what is sealed cannot grow");
        append(&mut self.plain, frame);
        self.frames += 1;
    }

    /// Returns the size of the next write in bytes, before it is encrypted.
    pub const fn waiting(&self) -> usize {
        self.plain.len()
    }

    /// Writes everything that was added, or the rest of it. Returns how many bytes of frames that was, without their
    /// lengths and without what encryption adds.
    pub async fn write(&mut self) -> io::Result<usize> {
        self.seal();
        self.half.write_all(self.sealed.waiting()).await?;
        Ok(self.written())
    }

    /// Does the same without waiting. Returns `None` if a rest is left.
    pub fn write_now(&mut self) -> io::Result<Option<usize>> {
        self.seal();
        while !self.sealed.is_empty() {
            match self.half.try_write(self.sealed.waiting()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.sealed.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(self.written()))
    }

    /// Tells the far end that nothing more will come.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.half.shutdown().await
    }

    fn seal(&mut self) {
        if self.sealed.is_empty() {
            self.sealer.seal(self.plain.waiting(), &mut self.sealed);
        }
    }

    fn written(&mut self) -> usize {
        let written = self.plain.len() - self.frames * PREFIX_BYTES;
        self.plain.advance(self.plain.len());
        self.sealed.advance(self.sealed.len());
        self.plain.rest();
        self.sealed.rest();
        self.frames = 0;
        written
    }
}

//! The two halves of a link: frames read one by one, frames written many at a time.
//!
//! Not here: the tasks that drive them (`driver::traffic`), and how bytes are sealed (`record`).

use std::io;
use std::ops::Range;

use bytes::{Buf, BytesMut};
use ringtalk_wire::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::LinkError;
use super::codec::{PREFIX_BYTES, append, first};
use super::noise::Keys;
use super::record::{Opener, Sealer};

/// How much is read at once: many small frames, half a large one.
const READ_BYTES: usize = 32 * 1024;
/// A buffer that grew beyond this for a burst is given back after it.
const KEPT_BYTES: usize = 64 * 1024;

/// Reads frames.
#[derive(Debug)]
pub struct FrameReader {
    half: OwnedReadHalf,
    opener: Opener,
    /// What came, and is not opened yet: less than a record, but for what came along with it.
    sealed: BytesMut,
    /// What was opened, and is not read yet: less than a frame, but for what was in its record.
    plain: BytesMut,
}

impl FrameReader {
    pub(super) fn new(half: OwnedReadHalf, keys: Keys) -> Self {
        Self {
            half,
            opener: Opener::new(keys),
            sealed: BytesMut::new(),
            plain: BytesMut::new(),
        }
    }

    /// The next frame; none where the far end has closed the link.
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

    /// Reads on without a look, until the far end closes too. A socket that is dropped with
    /// something unread in it would tear away what the far end has not read yet.
    pub async fn discard(&mut self) {
        (self.sealed, self.plain) = (BytesMut::new(), BytesMut::new());
        let mut void = vec![0; 4096];
        while self.half.read(&mut void).await.is_ok_and(|read| read > 0) {}
    }

    fn cut(&mut self) -> Result<Option<Frame>, LinkError> {
        let Some(bytes) = first(&self.plain)? else {
            return Ok(None);
        };
        let length = bytes.len();
        let frame = ringtalk_wire::decode(bytes)?;
        self.plain.advance(PREFIX_BYTES + length);
        Ok(Some(frame))
    }

    /// Reads more; false where the far end has closed the link between two frames.
    async fn read(&mut self) -> Result<bool, LinkError> {
        for buffer in [&mut self.sealed, &mut self.plain] {
            if buffer.is_empty() && buffer.capacity() > KEPT_BYTES {
                *buffer = BytesMut::new();
            }
        }
        self.sealed.reserve(READ_BYTES);
        if self.half.read_buf(&mut self.sealed).await? > 0 {
            Ok(true)
        } else if self.sealed.is_empty() && self.plain.is_empty() {
            Ok(false)
        } else {
            Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
        }
    }
}

/// Writes frames.
#[derive(Debug)]
pub struct FrameWriter {
    half: OwnedWriteHalf,
    sealer: Sealer,
    buffer: Vec<u8>,
    /// How many frames are in the buffer.
    frames: usize,
    /// What of the buffer was sealed, and is not written yet.
    unsent: Range<usize>,
}

impl FrameWriter {
    pub(super) const fn new(half: OwnedWriteHalf, keys: Keys) -> Self {
        Self {
            half,
            sealer: Sealer::new(keys),
            buffer: Vec::new(),
            frames: 0,
            unsent: 0..0,
        }
    }

    /// Adds an encoded frame to the next write. Nothing may be added while one is under way.
    pub fn add(&mut self, frame: &[u8]) {
        debug_assert!(self.unsent.is_empty(), "what is sealed cannot grow");
        append(&mut self.buffer, frame);
        self.frames += 1;
    }

    /// How many bytes the next write has, before they are sealed.
    pub const fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// Writes everything that was added, or the rest of it, and says how many bytes of frames it was, their
    /// lengths and what seals them not counted.
    pub async fn write(&mut self) -> io::Result<usize> {
        self.seal();
        let rest = &self.sealer.sealed()[self.unsent.clone()];
        self.half.write_all(rest).await?;
        Ok(self.written())
    }

    /// The same as far as it takes no waiting: nothing where a rest is left.
    pub fn write_now(&mut self) -> io::Result<Option<usize>> {
        self.seal();
        while !self.unsent.is_empty() {
            let rest = &self.sealer.sealed()[self.unsent.clone()];
            match self.half.try_write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.unsent.start += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(self.written()))
    }

    /// Says that nothing more will come.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.half.shutdown().await
    }

    fn seal(&mut self) {
        if self.unsent.is_empty() {
            self.unsent = 0..self.sealer.seal(&self.buffer).len();
        }
    }

    fn written(&mut self) -> usize {
        let written = self.buffer.len() - self.frames * PREFIX_BYTES;
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BYTES);
        self.sealer.shrink();
        (self.frames, self.unsent) = (0, 0..0);
        written
    }
}

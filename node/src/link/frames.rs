//! The two halves of a link: frames read one by one, frames written many at a time.
//!
//! Not here: the tasks that drive them (`driver::traffic`).

use std::io;

use futures_util::StreamExt;
use ringtalk_wire::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_util::codec::FramedRead;

use super::LinkError;
use super::codec::{Cutter, PREFIX_BYTES, append};

/// How much is read at once: many small frames, half a large one.
const READ_BYTES: usize = 32 * 1024;
/// A buffer that grew beyond this for a burst is given back after it.
const KEPT_BYTES: usize = 64 * 1024;

/// Reads frames.
#[derive(Debug)]
pub struct FrameReader {
    frames: FramedRead<OwnedReadHalf, Cutter>,
}

impl FrameReader {
    pub(super) fn new(half: OwnedReadHalf) -> Self {
        let cutter = Cutter::for_handshake();
        Self {
            frames: FramedRead::with_capacity(half, cutter, READ_BYTES),
        }
    }

    /// The next frame; none where the far end has closed the link.
    pub async fn next(&mut self) -> Result<Option<Frame>, LinkError> {
        match self.frames.next().await {
            Some(bytes) => Ok(Some(ringtalk_wire::decode(&bytes?)?)),
            None => Ok(None),
        }
    }

    /// Reads on without a look, until the far end closes too. A socket that is dropped with
    /// something unread in it would tear away what the far end has not read yet.
    pub async fn discard(&mut self) {
        self.frames.read_buffer_mut().clear();
        let half = self.frames.get_mut();
        let mut void = vec![0; 4096];
        while half.read(&mut void).await.is_ok_and(|read| read > 0) {}
    }

    pub(super) fn widen(&mut self) {
        self.frames.decoder_mut().widen();
    }
}

/// Writes frames.
#[derive(Debug)]
pub struct FrameWriter {
    half: OwnedWriteHalf,
    buffer: Vec<u8>,
}

impl FrameWriter {
    pub(super) const fn new(half: OwnedWriteHalf) -> Self {
        Self {
            half,
            buffer: Vec::new(),
        }
    }

    /// Adds an encoded frame to the next write.
    pub fn add(&mut self, frame: &[u8]) {
        append(&mut self.buffer, frame);
    }

    /// How many bytes the next write has.
    pub const fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// Writes everything that was added, and says how many bytes of frames it was, their lengths
    /// not counted.
    pub async fn write(&mut self, frames: usize) -> io::Result<usize> {
        self.half.write_all(&self.buffer).await?;
        let written = self.buffer.len() - frames * PREFIX_BYTES;
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BYTES);
        Ok(written)
    }

    /// Says that nothing more will come.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.half.shutdown().await
    }
}

//! The two halves of a link: frames are read one by one, and written many at a time.
//!
//! Not here: the tasks that drive them (`driver::connections`), encryption (`record`).

use std::io;
use std::net::IpAddr;

use ringtalk_wire::{Frame, HEADER_BYTES};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::LinkError;
use super::buffer::Buffer;
use super::codec::{append_frame, split_frame};
use super::noise::Keys;
use super::record::{Decryptor, Encryptor};

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
    /// The bytes that are decrypted and not read yet: less than a frame, except for the rest of its record.
    plain: Buffer,
    /// The number of bytes to read next.
    read: usize,
    /// The size of the last frame, in bytes.
    last: usize,
}

/// What has come over a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Incoming {
    Frame(Frame),
    /// A part of a frame that is not complete yet.
    Part,
}

impl FrameReader {
    pub(super) fn new(half: OwnedReadHalf, keys: Keys) -> Self {
        Self {
            half,
            decryptor: Decryptor::new(keys),
            ciphertext: Buffer::default(),
            plain: Buffer::default(),
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

    /// Returns the next frame, or `None` if the far end has closed the link.
    pub async fn next(&mut self) -> Result<Option<Frame>, LinkError> {
        loop {
            match self.next_part().await? {
                Some(Incoming::Frame(frame)) => return Ok(Some(frame)),
                Some(Incoming::Part) => {}
                None => return Ok(None),
            }
        }
    }

    /// Returns the next frame, or that a part of it has come from the peer. Returns `None` if the far end has closed
    /// the link.
    pub(crate) async fn next_part(&mut self) -> Result<Option<Incoming>, LinkError> {
        loop {
            if let Some(frame) = self.cut()? {
                return Ok(Some(Incoming::Frame(frame)));
            }
            if self
                .decryptor
                .decrypt(&mut self.ciphertext, &mut self.plain)?
            {
                let frame = self.cut()?.map(Incoming::Frame);
                return Ok(Some(frame.unwrap_or(Incoming::Part)));
            }
            if !self.read().await? {
                return Ok(None);
            }
        }
    }

    /// Reads and discards everything, until the far end closes too. Dropping a socket with unread data would destroy
    /// what the far end has not read yet.
    pub async fn discard(&mut self) {
        (self.ciphertext, self.plain) = (Buffer::default(), Buffer::default());
        let mut void = vec![0; 4096];
        while self.half.read(&mut void).await.is_ok_and(|read| read > 0) {}
    }

    fn cut(&mut self) -> Result<Option<Frame>, LinkError> {
        let Some(bytes) = split_frame(self.plain.waiting())? else {
            return Ok(None);
        };
        let length = bytes.len();
        let frame = ringtalk_wire::decode(bytes)?;
        self.plain.advance(HEADER_BYTES + length);
        self.last = length;
        Ok(Some(frame))
    }

    /// Reads more. Returns false if the far end has closed the link between two frames.
    async fn read(&mut self) -> Result<bool, LinkError> {
        self.ciphertext.end_burst();
        self.plain.end_burst();
        let read = self.half.read(self.ciphertext.room(self.read)).await?;
        self.ciphertext.commit(read);
        self.read = (2 * read).clamp(READ_LEAST, READ_MOST);
        if read > 0 {
            Ok(true)
        } else if self.ciphertext.is_empty() && self.plain.is_empty() {
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
    encryptor: Encryptor,
    plain: Buffer,
    /// The number of frames in `plain`.
    frames: usize,
    /// The encrypted bytes of `plain` that are not written yet.
    ciphertext: Buffer,
}

impl FrameWriter {
    pub(super) fn new(half: OwnedWriteHalf, keys: Keys) -> Self {
        Self {
            half,
            encryptor: Encryptor::new(keys),
            plain: Buffer::default(),
            frames: 0,
            ciphertext: Buffer::default(),
        }
    }

    /// Adds an encoded frame to the next write. Nothing may be added during a write.
    pub fn add(&mut self, frame: &[u8]) {
        debug_assert!(self.ciphertext.is_empty(), "encrypted bytes cannot grow");
        append_frame(&mut self.plain, frame);
        self.frames += 1;
    }

    /// Returns the size of the next write in bytes, before it is encrypted.
    pub const fn waiting(&self) -> usize {
        self.plain.len()
    }

    /// Writes everything that was added, or the rest of it. Returns how many bytes of frames that was, without their
    /// headers and without what encryption adds.
    pub async fn write(&mut self) -> io::Result<usize> {
        self.encrypt();
        self.half.write_all(self.ciphertext.waiting()).await?;
        Ok(self.written())
    }

    /// Does the same without waiting. Returns `None` if a rest is left.
    pub fn write_now(&mut self) -> io::Result<Option<usize>> {
        self.encrypt();
        while !self.ciphertext.is_empty() {
            match self.half.try_write(self.ciphertext.waiting()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.ciphertext.advance(written),
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

    fn encrypt(&mut self) {
        if self.ciphertext.is_empty() {
            self.encryptor
                .encrypt(self.plain.waiting(), &mut self.ciphertext);
        }
    }

    fn written(&mut self) -> usize {
        let written = self.plain.len() - self.frames * HEADER_BYTES;
        self.plain.advance(self.plain.len());
        self.ciphertext.advance(self.ciphertext.len());
        self.plain.end_burst();
        self.ciphertext.end_burst();
        self.frames = 0;
        written
    }
}

//! For the fuzzer: the records of a link, and the frames in them, without a transport.
//!
//! Not here: what must come of them (`tools/fuzz`).

pub use super::noise::fuzzing::{Outcome, Part, handshake};

use bytes::{Buf, BytesMut};

use super::buffer::Buffer;
use super::codec::{PREFIX_BYTES, first};
use super::noise::Keys;
use super::record::{Opener, Sealer};
use super::{Credentials, LinkError};

/// Both ends of a link, in one direction: what one seals the other opens.
#[derive(Debug)]
pub struct Records {
    keys: [Keys; 2],
}

/// What was made of a stream of bytes.
#[derive(Debug)]
pub struct Opened {
    /// What the records said, one after the other.
    pub plain: BytesMut,
    /// What is no whole record yet.
    pub rest: usize,
    /// Why there was no going on, if there was none.
    pub error: Option<LinkError>,
}

impl Records {
    /// After a handshake between these two; nothing where it fails.
    pub fn between(initiator: &Credentials, responder: &Credentials) -> Option<Self> {
        let keys = handshake(initiator, responder, &mut |_, _| ()).keys?;
        Some(Self { keys })
    }

    /// Seals each part by itself, after so many other records.
    pub fn seal<'a>(&self, skipped: u64, parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut sealer = Sealer::new(self.keys[0].clone());
        sealer.skip(skipped);
        let mut stream = Vec::new();
        for part in parts {
            let mut record = Buffer::default();
            sealer.seal(part, &mut record);
            stream.extend_from_slice(record.waiting());
        }
        stream
    }

    /// Opens what came, so many bytes at a time, after so many other records.
    pub fn open(&self, skipped: u64, stream: &[u8], read_bytes: usize) -> Opened {
        let mut opener = Opener::new(self.keys[1].clone());
        opener.skip(skipped);
        let (mut sealed, mut plain) = (Buffer::default(), Buffer::default());
        let mut error = None;
        for chunk in stream.chunks(read_bytes.max(1)) {
            sealed.put(chunk);
            let end = loop {
                match opener.open(&mut sealed, &mut plain) {
                    Ok(true) => {}
                    other => break other,
                }
            };
            error = end.err();
            if error.is_some() {
                break;
            }
        }
        Opened {
            plain: BytesMut::from(plain.waiting()),
            rest: sealed.len(),
            error,
        }
    }
}

/// Cuts the frames out of what records say, and gives each to `take`; what is no whole frame yet
/// stays.
pub fn cut_frames(plain: &mut BytesMut, mut take: impl FnMut(&[u8])) -> Result<(), LinkError> {
    while let Some(frame) = first(plain)? {
        let length = frame.len();
        take(frame);
        plain.advance(PREFIX_BYTES + length);
    }
    Ok(())
}

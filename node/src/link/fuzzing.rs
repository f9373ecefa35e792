//! For the fuzzer: the records of a link, and the frames in them, without a transport.
//!
//! Not here: what the fuzzer checks (`tools/fuzz`).

pub use super::noise::fuzzing::{HandshakePart, Outcome, handshake};

use bytes::{Buf, BytesMut};
use ringtalk_wire::{Channel, HEADER_BYTES};

use super::buffer::Buffer;
use super::codec::{append_frame, split_frame};
use super::noise::Keys;
use super::record::{Decryptor, Encryptor, Stream, Streams};
use super::{Credentials, LinkError};

/// Both ends of a link, in one direction: one encrypts, the other decrypts.
#[derive(Debug)]
pub struct Records {
    keys: [Keys; 2],
}

/// The result of decrypting a stream of bytes.
#[derive(Debug)]
pub struct DecryptedStream {
    /// The contents of the records, one after the other.
    pub plain: BytesMut,
    /// The number of bytes that make no whole record yet.
    pub rest: usize,
    /// The error that ended it, if there was one.
    pub error: Option<LinkError>,
}

impl Records {
    /// Returns the records after a handshake between these two nodes, or `None` if it fails.
    pub fn between(initiator: &Credentials, responder: &Credentials) -> Option<Self> {
        let keys = handshake(initiator, responder, &mut |_, _| ()).keys?;
        Some(Self { keys })
    }

    /// Encrypts each part by itself, after this many other records.
    pub fn encrypt<'a>(&self, skipped: u64, parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut encryptor = Encryptor::new(self.keys[0].clone());
        encryptor.skip(skipped);
        let mut stream = Vec::new();
        for part in parts {
            let mut record = Buffer::default();
            encryptor.encrypt(Stream::Main, part, &mut record);
            stream.extend_from_slice(record.waiting());
        }
        stream
    }

    /// Decrypts a stream, `read_bytes` at a time, after this many other records.
    pub fn decrypt(&self, skipped: u64, stream: &[u8], read_bytes: usize) -> DecryptedStream {
        let mut decryptor = Decryptor::new(self.keys[1].clone());
        decryptor.skip(skipped);
        let (mut ciphertext, mut streams) = (Buffer::default(), Streams::default());
        let mut error = None;
        for chunk in stream.chunks(read_bytes.max(1)) {
            ciphertext.put(chunk);
            let end = loop {
                match decryptor.decrypt(&mut ciphertext, &mut streams) {
                    Ok(Some(_)) => {}
                    other => break other,
                }
            };
            error = end.err();
            if error.is_some() {
                break;
            }
        }
        DecryptedStream {
            plain: BytesMut::from(streams.main.waiting()),
            rest: ciphertext.len(),
            error,
        }
    }
}

/// Cuts the frames out of the contents of records, and gives each to `take`, with its channel. An incomplete frame stays.
pub fn cut_frames(
    plain: &mut BytesMut,
    mut take: impl FnMut(Channel, &[u8]),
) -> Result<(), LinkError> {
    while let Some((channel, frame)) = split_frame(plain)? {
        let length = frame.len();
        take(channel, frame);
        plain.advance(HEADER_BYTES + length);
    }
    Ok(())
}

/// Appends a frame with its header, as a link sends it.
pub fn frame_on(channel: Channel, frame: &[u8], stream: &mut Vec<u8>) {
    let mut framed = Buffer::default();
    append_frame(&mut framed, channel, frame);
    stream.extend_from_slice(framed.waiting());
}

//! Encrypted records, in which the bytes of many frames travel: `PROTOCOL.md` §3.3.
//!
//! A record is a header with its length (`ringtalk_wire`), and then a Noise message. Not here: what the bytes mean
//! (`codec`).

use ringtalk_wire::{
    MAIN_STREAM, RECORD_HEADER_BYTES, URGENT_STREAM, record_header, record_length,
};

use super::LinkError;
use super::buffer::Buffer;
use super::noise::{Keys, TAG_BYTES};

/// The most bytes of a stream in a record that is sent. A record could have 65,518, but it counts as a sign of life only
/// when it is complete: 4 KiB take 0.5 s at 64 kbit/s.
pub(super) const RECORD_BYTES: usize = 4 * 1024;

/// One of the two streams of bytes in one direction of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stream {
    /// Any frame may be in it.
    Main,
    /// Frames that overtake what waits in the main stream.
    Urgent,
}

impl Stream {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Main => MAIN_STREAM,
            Self::Urgent => URGENT_STREAM,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            MAIN_STREAM => Some(Self::Main),
            URGENT_STREAM => Some(Self::Urgent),
            _ => None,
        }
    }
}

/// What has come of both streams and is not read yet.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) main: Buffer,
    pub(super) urgent: Buffer,
}

impl Streams {
    /// Returns true if nothing waits in either.
    pub(super) const fn are_empty(&self) -> bool {
        self.main.is_empty() && self.urgent.is_empty()
    }
}

/// The end that encrypts records.
#[derive(Debug)]
pub(super) struct Encryptor {
    keys: Keys,
    records: u64,
    /// The contents of one record.
    contents: Vec<u8>,
}

impl Encryptor {
    pub(super) const fn new(keys: Keys) -> Self {
        Self {
            keys,
            records: 0,
            contents: Vec::new(),
        }
    }

    /// Encrypts these bytes of a stream into records, behind what is in `ciphertext`.
    pub(super) fn encrypt(&mut self, stream: Stream, plain: &[u8], ciphertext: &mut Buffer) {
        for part in plain.chunks(RECORD_BYTES) {
            self.contents.clear();
            self.contents.extend_from_slice(part);
            self.contents.push(stream.to_byte());
            let length = RECORD_HEADER_BYTES + self.contents.len() + TAG_BYTES;
            let record = self.encrypt_record(ciphertext.room(length));
            debug_assert_eq!(record, length, "a record outgrew its room");
            ciphertext.commit(record);
        }
    }

    fn encrypt_record(&mut self, record: &mut [u8]) -> usize {
        let (header, room) = record.split_at_mut(RECORD_HEADER_BYTES);
        let written = self.keys.write_message(self.records, &self.contents, room);
        let length = written.expect("there is room, and nobody lives to send 2^64 records");
        header.copy_from_slice(&record_header(length as u16));
        self.records += 1;
        RECORD_HEADER_BYTES + length
    }
}

/// The end that decrypts records.
#[derive(Debug)]
pub(super) struct Decryptor {
    keys: Keys,
    records: u64,
}

impl Decryptor {
    pub(super) const fn new(keys: Keys) -> Self {
        Self { keys, records: 0 }
    }

    /// Takes the first record out of `ciphertext`, and appends its contents to the stream that it continues. Returns
    /// that stream, or `None` if the record is not complete yet.
    pub(super) fn decrypt(
        &mut self,
        ciphertext: &mut Buffer,
        streams: &mut Streams,
    ) -> Result<Option<Stream>, LinkError> {
        let Some(header) = ciphertext.waiting().first_chunk::<RECORD_HEADER_BYTES>() else {
            return Ok(None);
        };
        let end = RECORD_HEADER_BYTES + record_length(*header).ok_or(LinkError::Record)?;
        let Some(record) = ciphertext.waiting().get(RECORD_HEADER_BYTES..end) else {
            return Ok(None);
        };
        // The tag needs room too: without it, snow decrypts into a buffer of its own.
        let room = streams.main.room(record.len());
        let length = self.keys.read_message(self.records, record, room);
        let length = length.map_err(|_| LinkError::Record)?;
        let contents = room.get(..length).and_then(<[u8]>::split_last);
        let (&stream, plain) = contents.ok_or(LinkError::Record)?;
        let stream = Stream::from_byte(stream).ok_or(LinkError::Record)?;
        match stream {
            Stream::Main => streams.main.commit(length - 1),
            Stream::Urgent => streams.urgent.put(plain),
        }
        self.records += 1;
        ciphertext.advance(end);
        Ok(Some(stream))
    }
}

/// For the fuzzer, which would find out the tag of a record if it knew its number.
#[cfg(feature = "fuzzing")]
impl Encryptor {
    pub(super) const fn skip(&mut self, records: u64) {
        self.records += records;
    }
}

#[cfg(feature = "fuzzing")]
impl Decryptor {
    pub(super) const fn skip(&mut self, records: u64) {
        self.records += records;
    }
}

#[cfg(test)]
mod tests;

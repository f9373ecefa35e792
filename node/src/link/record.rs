//! Sealed records, in which the bytes of many frames travel: `PROTOCOL.md` §3.3.
//!
//! A record has its length twice, the second time inverted, and then a Noise message. A length that
//! was damaged on its way is thereby known at once; the receiver would else wait for bytes that
//! nobody sends. Not here: what the bytes say (`codec`).

use bytes::{Buf, BytesMut};

use super::LinkError;
use super::noise::{Keys, TAG_BYTES};
use crate::measuring::UNPROTECTED;

/// How many bytes the lengths have.
const HEADER_BYTES: usize = 4;
/// The most bytes that one record seals: Noise messages have 65,535 at most.
const PLAIN_BYTES: usize = u16::MAX as usize - TAG_BYTES;
/// A buffer that grew beyond this for a burst is given back after it.
const KEPT_BYTES: usize = 64 * 1024;

/// Seals what is sent.
#[derive(Debug)]
pub(super) struct Sealer {
    keys: Keys,
    records: u64,
    /// Only as much of it as was sealed last means anything.
    sealed: Vec<u8>,
}

impl Sealer {
    pub(super) const fn new(keys: Keys) -> Self {
        Self {
            keys,
            records: 0,
            sealed: Vec::new(),
        }
    }

    /// Seals these bytes in as few records as possible.
    pub(super) fn seal(&mut self, plain: &[u8]) -> &[u8] {
        let records = plain.len().div_ceil(PLAIN_BYTES);
        let length = plain.len() + records * (HEADER_BYTES + TAG_BYTES);
        if self.sealed.len() < length {
            self.sealed.resize(length, 0);
        }
        let mut end = 0;
        for part in plain.chunks(PLAIN_BYTES) {
            end += self.seal_one(part, end);
        }
        debug_assert_eq!(end, length, "a record outgrew its room");
        &self.sealed[..end]
    }

    /// What was sealed last, and maybe more behind it.
    pub(super) fn sealed(&self) -> &[u8] {
        &self.sealed
    }

    /// Gives back what a burst took.
    pub(super) fn shrink(&mut self) {
        self.sealed.truncate(KEPT_BYTES);
        self.sealed.shrink_to(KEPT_BYTES);
    }

    fn seal_one(&mut self, part: &[u8], start: usize) -> usize {
        let (header, room) = self.sealed[start..].split_at_mut(HEADER_BYTES);
        let sealed = if UNPROTECTED {
            room[..part.len()].copy_from_slice(part);
            Ok(part.len() + TAG_BYTES)
        } else {
            self.keys.write_message(self.records, part, room)
        };
        let length = sealed.expect("there is room, and nobody lives to send 2^64 records");
        header.copy_from_slice(&header_of(length as u16));
        self.records += 1;
        HEADER_BYTES + length
    }
}

/// Opens what is received.
#[derive(Debug)]
pub(super) struct Opener {
    keys: Keys,
    records: u64,
}

impl Opener {
    pub(super) const fn new(keys: Keys) -> Self {
        Self { keys, records: 0 }
    }

    /// Takes the first record out of `sealed`, and appends what it says to `plain`. False where the
    /// record is not complete yet.
    pub(super) fn open(
        &mut self,
        sealed: &mut BytesMut,
        plain: &mut BytesMut,
    ) -> Result<bool, LinkError> {
        let Some(header) = sealed.first_chunk::<HEADER_BYTES>() else {
            return Ok(false);
        };
        let end = HEADER_BYTES + length_in(*header)?;
        if sealed.len() < end {
            sealed.reserve(end - sealed.len());
            return Ok(false);
        }
        let start = plain.len();
        // Room for the tag too: without it snow decrypts into a buffer of its own.
        plain.resize(start + end - HEADER_BYTES, 0);
        let (record, room) = (&sealed[HEADER_BYTES..end], &mut plain[start..]);
        let opened = if UNPROTECTED {
            room.copy_from_slice(record);
            Ok(record.len() - TAG_BYTES)
        } else {
            self.keys.read_message(self.records, record, room)
        };
        plain.truncate(start + opened.as_ref().copied().unwrap_or_default());
        opened.map_err(|_| LinkError::Record)?;
        self.records += 1;
        sealed.advance(end);
        Ok(true)
    }
}

/// For the fuzzer, which would find out the tag of a record whose number it knows.
#[cfg(feature = "fuzzing")]
impl Sealer {
    pub(super) const fn skip(&mut self, records: u64) {
        self.records += records;
    }
}

#[cfg(feature = "fuzzing")]
impl Opener {
    pub(super) const fn skip(&mut self, records: u64) {
        self.records += records;
    }
}

fn header_of(length: u16) -> [u8; HEADER_BYTES] {
    let [high, low] = length.to_be_bytes();
    [high, low, !high, !low]
}

fn length_in(header: [u8; HEADER_BYTES]) -> Result<usize, LinkError> {
    let length = u16::from_be_bytes([header[0], header[1]]);
    if header == header_of(length) && usize::from(length) >= TAG_BYTES {
        Ok(length.into())
    } else {
        Err(LinkError::Record)
    }
}

#[cfg(test)]
mod tests;

//! Encrypted records, in which the bytes of many frames travel: `PROTOCOL.md` §3.3.
//!
//! A record has its length twice, the second time inverted, and then a Noise message. So the receiver notices a
//! damaged length at once; otherwise it would wait for bytes that nobody sends. Not here: what the bytes mean
//! (`codec`).

use super::LinkError;
use super::buffer::Buffer;
use super::noise::{Keys, TAG_BYTES};

/// The size of the two lengths, in bytes.
pub(super) const HEADER_BYTES: usize = 4;
/// The most bytes in one record: Noise messages have at most 65,535.
const PLAIN_BYTES: usize = u16::MAX as usize - TAG_BYTES;

/// The end that encrypts records.
#[derive(Debug)]
pub(super) struct Encryptor {
    keys: Keys,
    records: u64,
}

impl Encryptor {
    pub(super) const fn new(keys: Keys) -> Self {
        Self { keys, records: 0 }
    }

    /// Encrypts these bytes into as few records as possible, behind what is in `ciphertext`.
    pub(super) fn encrypt(&mut self, plain: &[u8], ciphertext: &mut Buffer) {
        for part in plain.chunks(PLAIN_BYTES) {
            let length = HEADER_BYTES + part.len() + TAG_BYTES;
            let record = self.encrypt_record(part, ciphertext.room(length));
            debug_assert_eq!(record, length, "a record outgrew its room");
            ciphertext.commit(record);
        }
    }

    fn encrypt_record(&mut self, part: &[u8], record: &mut [u8]) -> usize {
        let (header, room) = record.split_at_mut(HEADER_BYTES);
        let written = self.keys.write_message(self.records, part, room);
        let length = written.expect("there is room, and nobody lives to send 2^64 records");
        header.copy_from_slice(&header_of(length as u16));
        self.records += 1;
        HEADER_BYTES + length
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

    /// Takes the first record out of `ciphertext`, and appends its contents to `plain`. Returns false if the record is
    /// not complete yet.
    pub(super) fn decrypt(
        &mut self,
        ciphertext: &mut Buffer,
        plain: &mut Buffer,
    ) -> Result<bool, LinkError> {
        let Some(header) = ciphertext.waiting().first_chunk::<HEADER_BYTES>() else {
            return Ok(false);
        };
        let end = HEADER_BYTES + length_in(*header)?;
        let Some(record) = ciphertext.waiting().get(HEADER_BYTES..end) else {
            return Ok(false);
        };
        // The tag needs room too: without it, snow decrypts into a buffer of its own.
        let room = plain.room(record.len());
        let length = self.keys.read_message(self.records, record, room);
        plain.commit(length.map_err(|_| LinkError::Record)?);
        self.records += 1;
        ciphertext.advance(end);
        Ok(true)
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

fn header_of(length: u16) -> [u8; HEADER_BYTES] {
    let [high, low] = length.to_be_bytes();
    [high, low, !high, !low]
}

/// Returns the length that a record's header gives.
pub(super) fn length_in(header: [u8; HEADER_BYTES]) -> Result<usize, LinkError> {
    let length = u16::from_be_bytes([header[0], header[1]]);
    if header == header_of(length) && usize::from(length) >= TAG_BYTES {
        Ok(length.into())
    } else {
        Err(LinkError::Record)
    }
}

#[cfg(test)]
mod tests;

//! Encrypted records, in which the bytes of many frames travel: `PROTOCOL.md` §3.3.
//!
//! A record is a header with its length (`ringtalk_wire`), and then a Noise message. Not here: what the bytes mean
//! (`codec`).

use ringtalk_wire::{RECORD_HEADER_BYTES, record_header, record_length};

use super::LinkError;
use super::buffer::Buffer;
use super::noise::{Keys, TAG_BYTES};

/// The most bytes in a record that is sent. A record could have 65,519, but it counts as a sign of life only when it is
/// complete: 4 KiB take 0.5 s at 64 kbit/s.
const PLAIN_BYTES: usize = 4 * 1024;

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

    /// Encrypts these bytes into records, behind what is in `ciphertext`.
    pub(super) fn encrypt(&mut self, plain: &[u8], ciphertext: &mut Buffer) {
        for part in plain.chunks(PLAIN_BYTES) {
            let length = RECORD_HEADER_BYTES + part.len() + TAG_BYTES;
            let record = self.encrypt_record(part, ciphertext.room(length));
            debug_assert_eq!(record, length, "a record outgrew its room");
            ciphertext.commit(record);
        }
    }

    fn encrypt_record(&mut self, part: &[u8], record: &mut [u8]) -> usize {
        let (header, room) = record.split_at_mut(RECORD_HEADER_BYTES);
        let written = self.keys.write_message(self.records, part, room);
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

    /// Takes the first record out of `ciphertext`, and appends its contents to `plain`. Returns false if the record is
    /// not complete yet.
    pub(super) fn decrypt(
        &mut self,
        ciphertext: &mut Buffer,
        plain: &mut Buffer,
    ) -> Result<bool, LinkError> {
        let Some(header) = ciphertext.waiting().first_chunk::<RECORD_HEADER_BYTES>() else {
            return Ok(false);
        };
        let end = RECORD_HEADER_BYTES + record_length(*header).ok_or(LinkError::Record)?;
        let Some(record) = ciphertext.waiting().get(RECORD_HEADER_BYTES..end) else {
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

#[cfg(test)]
mod tests;

//! The shape of what one end of a link sends, as the carrier of a circuit sees it, who cannot read it.
//!
//! A preface, the messages of a handshake, then records: `PROTOCOL.md` §3.1 to §3.3. Not here: what they say (the links
//! in `ringtalk-node`), and the copying (the carrier in `ringtalk-director`).

use crate::limit::HANDSHAKE_BYTES;
use crate::record::{RECORD_HEADER_BYTES, record_length};
use crate::{PREFACE_BYTES, PrefaceError, check_preface};

/// The size of the length in front of a handshake message, in bytes.
const LENGTH_BYTES: usize = 2;

/// The reason why some bytes cannot be part of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ShapeError {
    /// They do not begin with a preface of this version.
    #[error("{0}")]
    Preface(#[from] PrefaceError),
    /// A message of the handshake is too long.
    #[error("a message of the handshake is too long")]
    Handshake,
    /// A record's header is damaged.
    #[error("the header of a record is damaged")]
    Record,
}

/// The end of a link that sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendingEnd {
    /// The end that dialled.
    Dialler,
    /// The end that was dialled.
    Dialled,
}

/// The state of one direction of a link. The default is that nothing has come yet.
#[derive(Debug, Default)]
pub struct LinkShape {
    next_part: PartKind,
    /// The bytes that tell how long the next part is.
    head: [u8; PREFACE_BYTES],
    /// The number of these that have come.
    filled: usize,
    /// How many bytes of the current part are still to come.
    rest: usize,
}

/// The kind of part that comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum PartKind {
    #[default]
    Preface,
    /// This many messages of the handshake are still to come.
    Handshake(u8),
    Records,
}

impl PartKind {
    const fn head_bytes(self) -> usize {
        match self {
            Self::Preface => PREFACE_BYTES,
            Self::Handshake(_) => LENGTH_BYTES,
            Self::Records => RECORD_HEADER_BYTES,
        }
    }
}

impl LinkShape {
    /// Takes the next bytes that this end sends. Fails if they cannot be part of a link.
    pub fn take(&mut self, sender: SendingEnd, mut bytes: &[u8]) -> Result<(), ShapeError> {
        while !bytes.is_empty() {
            let skipped = self.rest.min(bytes.len());
            self.rest -= skipped;
            bytes = &bytes[skipped..];
            let missing = self.next_part.head_bytes() - self.filled;
            let (head, others) = bytes.split_at(missing.min(bytes.len()));
            self.head[self.filled..self.filled + head.len()].copy_from_slice(head);
            self.filled += head.len();
            bytes = others;
            if self.filled == self.next_part.head_bytes() {
                self.begin_part(sender)?;
            }
        }
        Ok(())
    }

    fn begin_part(&mut self, sender: SendingEnd) -> Result<(), ShapeError> {
        self.filled = 0;
        let [one, two, three, four, ..] = self.head;
        (self.next_part, self.rest) = match self.next_part {
            PartKind::Preface => {
                check_preface(self.head)?;
                // The dialler sends the first and the last of three messages.
                let messages = match sender {
                    SendingEnd::Dialler => 2,
                    SendingEnd::Dialled => 1,
                };
                (PartKind::Handshake(messages), 0)
            }
            PartKind::Handshake(messages) => {
                let length = usize::from(u16::from_be_bytes([one, two]));
                if length > HANDSHAKE_BYTES {
                    return Err(ShapeError::Handshake);
                }
                let next = match messages {
                    0 | 1 => PartKind::Records,
                    more => PartKind::Handshake(more - 1),
                };
                (next, length)
            }
            PartKind::Records => {
                let length = record_length([one, two, three, four]);
                (PartKind::Records, length.ok_or(ShapeError::Record)?)
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::preface;

    fn message(length: u16) -> Vec<u8> {
        [&length.to_be_bytes()[..], &vec![7; length.into()]].concat()
    }

    fn record(length: u16) -> Vec<u8> {
        let head = [length.to_be_bytes(), (!length).to_be_bytes()].concat();
        [head, vec![7; length.into()]].concat()
    }

    fn taken(sender: SendingEnd, bytes: &[u8], at_once: usize) -> bool {
        let mut shape = LinkShape::default();
        let mut parts = bytes.chunks(at_once);
        parts.all(|part| shape.take(sender, part).is_ok())
    }

    #[test]
    fn a_link_is_accepted_in_chunks_of_any_size() {
        let start = preface().to_vec();
        let dialler = [
            start.clone(),
            message(48),
            message(179),
            record(16),
            record(999),
        ]
        .concat();
        let answerer = [start, message(211), record(65_535), record(20)].concat();
        for at_once in [1, 2, 3, 5, 7, 1_000, usize::MAX] {
            assert!(taken(SendingEnd::Dialler, &dialler, at_once));
            assert!(taken(SendingEnd::Dialled, &answerer, at_once));
        }
    }

    #[test]
    fn junk_is_refused() {
        let start = preface().to_vec();
        for junk in [
            b"GET / HTTP/1.1\r\n".to_vec(),
            b"RTLK\x00\x01".to_vec(),
            [start.clone(), message(1_025)].concat(),
            // The dialler sends no third message.
            [start.clone(), message(48), message(179), message(48)].concat(),
            [start.clone(), message(48), message(179), record(15)].concat(),
            [start, message(48), message(179), record(16), vec![9; 4]].concat(),
        ] {
            for at_once in [1, 3, usize::MAX] {
                assert!(!taken(SendingEnd::Dialler, &junk, at_once), "{junk:?}");
            }
        }
    }
}

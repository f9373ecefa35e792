//! Brief bundles: on a link, a bundle's heads name their authors by short ids.
//!
//! Heads are most of the size of a short message, and both ends of a link mostly know the same authors. Anything that is
//! signed, kept and shown has whole ids (`PROTOCOL.md` §4.2): expanding a brief bundle yields the exact bytes that
//! were signed. Not here: who knows which authors, and what happens if an author is unknown (`ringtalk-proto`).

use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Sealed;
use super::decoder::{self, Beginning};
use super::short_id::ShortId;
use crate::codec::encode_any;
use crate::limit::{BRIEF_SHARE, SEALED_BYTES};
use crate::{DecodeError, Interval, ItemId, ItemKind, MessageId, NodeId, Seal};

/// The number of BLAKE3 bytes that travel with a bundle. They keep a receiver that knows a different author of the
/// same short id from taking the bundle for a forgery, even if its author searched for a text with which both look
/// alike.
const CHECK_BYTES: usize = 8;

/// The encoded list of heads of a bundle without heads.
const NO_HEADS: &[u8] = b"\x80";

/// A bundle on its way round the ring with abbreviated heads, for a receiver that most likely knows their authors.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Brief {
    /// The part of the ring that the receiver covers.
    #[serde(rename = "i")]
    pub interval: Interval,
    /// The bytes of the bundle with an empty list of heads.
    #[serde(rename = "b")]
    pub raw: Bytes,
    /// The first bytes of the BLAKE3 of the bundle as it was signed; then, for each head, its author's short id and
    /// its `seq`. A `seq` has seven bits to a byte, the low ones first; all bytes but the last have the top bit
    /// set.
    #[serde(rename = "h")]
    pub heads: Bytes,
    /// The author's seal, over the bundle with its full heads.
    #[serde(rename = "g")]
    pub seal: Seal,
}

impl Brief {
    /// Abbreviates the heads of a bundle. Returns `None` if that saves too little, or if for any head `known` does
    /// not map the short id to that head's author.
    pub fn of(
        sealed: &Sealed,
        interval: Interval,
        known: impl Fn(ShortId) -> Option<NodeId>,
    ) -> Option<Self> {
        let Beginning {
            heads, heads_range, ..
        } = decoder::decode_beginning(&sealed.raw)?;
        if sealed.raw.len() > heads_range.len() * BRIEF_SHARE {
            return None;
        }
        let clear = |head: &MessageId| known(ShortId::of(&head.author)) == Some(head.author);
        if heads.is_empty() || !heads.iter().all(clear) {
            return None;
        }
        let mut short = check(&sealed.raw).to_vec();
        for head in &heads {
            short.extend(ShortId::of(&head.author).0);
            write_number(&mut short, head.seq);
        }
        Some(Self {
            interval,
            raw: [
                &sealed.raw[..heads_range.start],
                NO_HEADS,
                &sealed.raw[heads_range.end..],
            ]
            .concat()
            .into(),
            heads: short.into(),
            seal: sealed.seal,
        })
    }

    /// Restores the bundle as it was signed. Returns `Ok(None)` if the authors that `known` has are not those of
    /// the heads.
    ///
    /// # Errors
    ///
    /// If no correct node sends such a bundle.
    pub fn expand(
        &self,
        known: impl Fn(ShortId) -> Option<NodeId>,
    ) -> Result<Option<Sealed>, DecodeError> {
        let heads_range = self.beginning()?.heads_range;
        let malformed = || DecodeError::Unsound("brief bundle");
        let (said, heads) = self
            .heads
            .split_at_checked(CHECK_BYTES)
            .ok_or_else(malformed)?;
        let short =
            decoder::decode_short_heads(&self.heads.slice_ref(heads)).ok_or_else(malformed)?;
        let whole = short.into_iter().map(|(author, seq)| {
            let author = known(author)?;
            Some(MessageId { author, seq })
        });
        let Some(whole) = whole.collect::<Option<Vec<MessageId>>>() else {
            return Ok(None);
        };
        let (before, after) = (&self.raw[..heads_range.start], &self.raw[heads_range.end..]);
        let raw: Bytes = [before, &encode_any(&whole), after].concat().into();
        let (sealed, seal) = (check(&raw) == *said, self.seal);
        Ok(sealed.then_some(Sealed { raw, seal }))
    }

    /// Returns the id that the bundle claims; the signature is not checked here.
    ///
    /// # Errors
    ///
    /// If no correct node sends such a bundle.
    pub fn item_id(&self) -> Result<ItemId, DecodeError> {
        let Beginning { author, first, .. } = self.beginning()?;
        Ok(ItemId {
            kind: ItemKind::Bundle,
            origin: author,
            number: first,
        })
    }

    /// Returns the size to count in a queue, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.raw.len() + self.heads.len() + size_of::<Seal>()
    }

    fn beginning(&self) -> Result<Beginning, DecodeError> {
        if self.weight() > SEALED_BYTES {
            return Err(DecodeError::TooLong(self.weight()));
        }
        let beginning = decoder::decode_beginning(&self.raw);
        beginning
            .filter(|beginning| {
                beginning.heads.is_empty() && beginning.author == self.seal.signer()
            })
            .ok_or(DecodeError::Unsound("brief bundle"))
    }
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn check(raw: &[u8]) -> [u8; CHECK_BYTES] {
    let hash: [u8; 32] = blake3::hash(raw).into();
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&hash[..CHECK_BYTES]);
    check
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{Bundle, BundleMessage};
    use crate::limit::{BUNDLE_HEADS, COUNTER};
    use crate::{
        Direction, KEY_BYTES, PublicKey, RingKey, SIGNATURE_BYTES, SealHash, Signature, encode_item,
    };

    const KEY: PublicKey = PublicKey([7; KEY_BYTES]);

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    /// Returns another id that begins like `id(byte)`.
    fn twin(byte: u8) -> NodeId {
        let mut bytes = [byte; 16];
        bytes[15] ^= 1;
        NodeId::from_bytes(bytes)
    }

    fn interval() -> Interval {
        Interval {
            direction: Direction::Clockwise,
            limit: RingKey(5),
            layout: 0,
        }
    }

    fn sealed(heads: &[(u8, u64)], text: &str) -> Sealed {
        let head = |&(author, seq)| MessageId {
            author: id(author),
            seq,
        };
        let bundle = Bundle {
            author: NodeId::of(&KEY),
            first: 9,
            previous: SealHash([3; 16]),
            lamport: 5,
            heads: heads.iter().map(head).collect(),
            messages: [BundleMessage::text(1, text)].into(),
        };
        let seal = Seal {
            key: KEY,
            signature: Signature([9; SIGNATURE_BYTES]),
        };
        let raw = encode_item(&bundle);
        Sealed { raw, seal }
    }

    /// Returns the lookup of a node that knows these authors.
    fn known(ids: impl Into<Vec<NodeId>>) -> impl Fn(ShortId) -> Option<NodeId> {
        let ids = ids.into();
        move |short| {
            let mut like = ids.iter().filter(|id| short.ids().contains(*id));
            let one = like.next();
            one.copied().filter(|_| like.next().is_none())
        }
    }

    fn brief(sealed: &Sealed) -> Option<Brief> {
        Brief::of(sealed, interval(), known([id(1), id(2), id(3)]))
    }

    #[test]
    fn what_was_sealed_comes_out_again() {
        for seq in [1, 0x7f, 0x80, 0x3fff, 0x4000, COUNTER] {
            let sealed = sealed(&[(2, seq), (1, 1)], "hello");
            let brief = brief(&sealed).expect("both are known");
            assert!(brief.weight() + 20 < sealed.weight(), "{seq}");
            assert_eq!(brief.item_id().unwrap().number, 9);
            let all = known([id(2), id(1), twin(3), id(4)]);
            assert_eq!(brief.expand(all), Ok(Some(sealed)), "{seq}");
        }
    }

    #[test]
    fn who_knows_fewer_or_others_cannot_tell() {
        let brief = brief(&sealed(&[(1, 1), (2, 4)], "hello")).unwrap();
        assert_eq!(brief.expand(known([id(1)])), Ok(None));
        assert_eq!(brief.expand(known([id(1), id(2), twin(2)])), Ok(None));
        assert_eq!(brief.expand(known([id(1), twin(2)])), Ok(None), "another");
    }

    #[test]
    fn what_would_save_nothing_or_is_not_clear_goes_whole() {
        assert_eq!(brief(&sealed(&[], "hello")), None);
        assert_eq!(brief(&sealed(&[(1, 1), (4, 1)], "hello")), None);
        let much = "a head for each".repeat(2 * BRIEF_SHARE);
        assert_eq!(brief(&sealed(&[(1, 1)], &much)), None);
        assert!(brief(&sealed(&[(1, 1), (2, 1)], &much)).is_some());
        let twins = known([id(1), twin(1)]);
        let ambiguous = Brief::of(&sealed(&[(1, 1)], "hello"), interval(), twins);
        assert_eq!(ambiguous, None);
    }

    /// Replaces the number of the only head.
    fn with_number(heads: &mut Vec<u8>, number: &[u8]) {
        heads.truncate(CHECK_BYTES + ShortId::BYTES);
        heads.extend(number);
    }

    #[test]
    fn nothing_else_is_a_brief_bundle() {
        let whole = sealed(&[(1, 300)], "hello");
        let good = brief(&whole).unwrap();
        let heads = |change: fn(&mut Vec<u8>)| {
            let mut heads = good.heads.to_vec();
            change(&mut heads);
            Brief {
                heads: heads.into(),
                ..good.clone()
            }
        };
        let bad = [
            heads(|bytes| bytes.truncate(CHECK_BYTES - 1)),
            heads(|bytes| bytes.truncate(CHECK_BYTES)),
            heads(|bytes| bytes.truncate(CHECK_BYTES + 5)),
            heads(|bytes| bytes.push(1)),
            // An overlong number, one above the limit, and one without an end.
            heads(|bytes| with_number(bytes, &[0x82, 0])),
            heads(|bytes| with_number(bytes, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1])),
            heads(|bytes| with_number(bytes, &[0xff; 12])),
            heads(|bytes| bytes.extend([1; 5].repeat(BUNDLE_HEADS))),
            Brief {
                raw: whole.raw,
                ..good.clone()
            },
            Brief {
                seal: Seal {
                    key: PublicKey([8; KEY_BYTES]),
                    ..good.seal
                },
                ..good.clone()
            },
        ];
        for brief in bad {
            assert!(brief.expand(known([id(1)])).is_err(), "{brief:?}");
        }
        assert!(good.expand(known([id(1)])).is_ok());
    }
}

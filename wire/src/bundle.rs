//! Bundles: consecutive messages of one author, encoded once and carried untouched by everybody.
//!
//! Not here: how a bundle finds its way round the ring (`frame::Spread`).

mod brief;
mod reading;
mod short_id;

use alloc::vec::Vec;

pub use brief::Brief;
pub use short_id::ShortId;

use bytes::Bytes;
use bytestring::ByteString;
use serde::{Deserialize, Serialize};

use crate::limit::{BUNDLE_TEXT_BYTES, COUNTER, SEALED_BYTES};
use crate::{Announcement, DecodeError, MessageId, NodeId, Seal, SealHash, codec};

/// Consecutive messages of one author. The first depends on the heads, each other one on the
/// message before it, and its Lamport time is one more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Bundle {
    /// Who wrote the messages.
    #[serde(rename = "a")]
    pub author: NodeId,
    /// The sequence number of the first message.
    #[serde(rename = "s")]
    pub first: u64,
    /// What names the author's bundle before this one; zeros in the first. So two different ones after
    /// one, which only their author can make, show each other up.
    #[serde(rename = "p")]
    pub previous: SealHash,
    /// The Lamport time of the first message.
    #[serde(rename = "l")]
    pub lamport: u64,
    /// What the first message depends on: the transitive reduction of its author's clock.
    #[serde(rename = "h")]
    pub heads: Vec<MessageId>,
    /// The messages: at least one.
    #[serde(rename = "m")]
    pub messages: Vec<Text>,
}

impl Bundle {
    /// The sequence number of the last message.
    pub const fn last(&self) -> u64 {
        self.first + self.messages.len() as u64 - 1
    }

    /// The id of the last message.
    pub const fn last_id(&self) -> MessageId {
        MessageId {
            author: self.author,
            seq: self.last(),
        }
    }

    /// The Lamport time of the last message.
    pub const fn last_lamport(&self) -> u64 {
        self.lamport + self.messages.len() as u64 - 1
    }

    /// True where no honest author seals both this one and another, whose seal is given.
    fn contradicts(&self, other: &Self, seal: &Seal) -> bool {
        let overlap = self.first <= other.last() && other.first <= self.last();
        let follows = other.last() + 1 == self.first && self.previous != seal.hash();
        self.author == other.author && self != other && (overlap || follows)
    }

    /// What all the texts weigh, in bytes.
    pub fn text_bytes(&self) -> usize {
        self.messages.iter().map(|message| message.text.len()).sum()
    }

    /// True where the numbers make sense: `PROTOCOL.md` §4.2.
    fn is_sound(&self) -> bool {
        !self.messages.is_empty()
            && self.first >= 1
            && self.lamport >= 1
            && self.last().max(self.last_lamport()) <= COUNTER
            && self.text_bytes() <= BUNDLE_TEXT_BYTES
            && self
                .heads
                .iter()
                .all(|head| head.seq >= 1 && (head.author != self.author || head.seq < self.first))
    }
}

/// What one message says, and when its author's clock said so.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Text {
    /// Milliseconds since 1970 by the author's clock: a label, never an order.
    #[serde(rename = "t")]
    pub timestamp_ms: u64,
    /// The text, 16 KiB of UTF-8 at most, as it was typed.
    #[serde(rename = "x")]
    pub text: ByteString,
}

/// What is signed of something that is sealed: the BLAKE3 of its exact bytes. Ed25519 alone takes SHA-512
/// of them, which takes several times as long.
pub fn item_to_sign(raw: &[u8]) -> Vec<u8> {
    let digest: [u8; 32] = blake3::hash(raw).into();
    codec::encode_any(&("ringtalk item", Bytes::copy_from_slice(&digest)))
}

/// The exact bytes of something, and a signature over what stands for them ([`item_to_sign`]). Relays pass both on untouched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sealed {
    /// The CBOR of a [`Bundle`] or of an [`Announcement`].
    #[serde(rename = "b")]
    pub raw: Bytes,
    /// Who signed them, and the signature.
    #[serde(rename = "g")]
    pub seal: Seal,
}

impl Sealed {
    /// Reads the bundle inside, strictly: its author must be who signed, whatever the signature is
    /// worth.
    pub fn bundle(&self) -> Result<Bundle, DecodeError> {
        if self.weight() > SEALED_BYTES {
            return Err(DecodeError::TooLong(self.weight()));
        }
        let bundle = reading::bundle(&self.raw)?;
        if bundle.is_sound() && bundle.author == self.seal.signer() {
            Ok(bundle)
        } else {
            Err(DecodeError::Unsound("bundle"))
        }
    }

    /// Reads the announcement inside, strictly: the coordinator of whose view it tells must be who
    /// signed, whatever the signature is worth.
    pub fn announcement(&self) -> Result<Announcement, DecodeError> {
        if self.weight() > SEALED_BYTES {
            return Err(DecodeError::TooLong(self.weight()));
        }
        let announcement: Announcement = codec::decode_item(&self.raw)?;
        if announcement.tag().epoch.coordinator == self.seal.signer() {
            Ok(announcement)
        } else {
            Err(DecodeError::Unsound("announcement"))
        }
    }

    /// True where both are bundles of one author that no honest author seals: they have messages of
    /// the same numbers, or one follows another bundle than the one before it. Whether the signatures
    /// hold is to be checked too.
    pub fn contradicts(&self, other: &Self) -> bool {
        let (Ok(one), Ok(two)) = (self.bundle(), other.bundle()) else {
            return false;
        };
        one.contradicts(&two, &other.seal) || two.contradicts(&one, &self.seal)
    }

    /// What its seal is over.
    pub fn to_sign(&self) -> Vec<u8> {
        item_to_sign(&self.raw)
    }

    /// What it weighs in a queue, in bytes.
    pub fn weight(&self) -> usize {
        self.raw.len() + size_of::<Seal>()
    }
}

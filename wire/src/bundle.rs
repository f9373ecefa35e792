//! Bundles: consecutive messages of one author, encoded once and carried untouched by everybody.
//!
//! Not here: how a bundle finds its way round the ring (`frame::Spread`).

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::limit::{
    self, BUNDLE_HEADS, BUNDLE_MESSAGES, BUNDLE_TEXT_BYTES, COUNTER, SEALED_BYTES, TEXT_BYTES,
};
use crate::{Announcement, DecodeError, MessageId, NodeId, Seal, SealHash, codec};

/// Consecutive messages of one author. The first depends on the heads, each other one on the
/// message before it, and its Lamport time is one more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bundle {
    /// Who wrote the messages.
    #[serde(rename = "a")]
    pub author: NodeId,
    /// The sequence number of the first message.
    #[serde(rename = "s", deserialize_with = "limit::counter")]
    pub first: u64,
    /// What names the author's bundle before this one; zeros in the first. So two different ones after
    /// one, which only their author can make, show each other up.
    #[serde(rename = "p")]
    pub previous: SealHash,
    /// The Lamport time of the first message.
    #[serde(rename = "l", deserialize_with = "limit::counter")]
    pub lamport: u64,
    /// What the first message depends on: the transitive reduction of its author's clock.
    #[serde(
        rename = "h",
        deserialize_with = "limit::at_most::<_, _, BUNDLE_HEADS>"
    )]
    pub heads: Vec<MessageId>,
    /// The messages: at least one.
    #[serde(
        rename = "m",
        deserialize_with = "limit::at_most::<_, _, BUNDLE_MESSAGES>"
    )]
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
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Text {
    /// Milliseconds since 1970 by the author's clock: a label, never an order.
    #[serde(rename = "t")]
    pub timestamp_ms: u64,
    /// The text, 16 KiB of UTF-8 at most, as it was typed.
    #[serde(rename = "x", deserialize_with = "limit::short_text::<_, TEXT_BYTES>")]
    pub text: String,
}

/// The exact bytes of something, and a signature over them. Relays pass both on untouched.
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
        let bundle: Bundle = codec::decode_item(&self.raw)?;
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

    /// What it weighs in a queue, in bytes.
    pub fn weight(&self) -> usize {
        self.raw.len() + size_of::<Seal>()
    }
}

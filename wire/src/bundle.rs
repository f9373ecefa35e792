//! Bundles: consecutive messages of one author, encoded once and forwarded unchanged.
//!
//! Not here: how a bundle travels round the ring (`frame::Spread`).

mod body;
mod brief;
mod decoder;
mod short_id;

use alloc::vec::Vec;

pub use body::{Body, BundleMessage};
pub use brief::Brief;
pub use short_id::ShortId;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::limit::{BUNDLE_BODY_BYTES, COUNTER, SEALED_BYTES};
use crate::{Announcement, DecodeError, MessageId, NodeId, RingId, Seal, SealHash, codec};

/// Consecutive messages of one author. The first depends on the heads; each later one depends on the message before
/// it, and its Lamport time is one higher.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Bundle {
    /// The author of the messages.
    #[serde(rename = "a")]
    pub author: NodeId,
    /// The sequence number of the first message.
    #[serde(rename = "s")]
    pub first: u64,
    /// The hash of the seal on the author's previous bundle; zeros in the first bundle. Two different successors of
    /// one bundle therefore expose their author, since nobody else can sign them.
    #[serde(rename = "p")]
    pub previous: SealHash,
    /// The Lamport time of the first message.
    #[serde(rename = "l")]
    pub lamport: u64,
    /// The dependencies of the first message: the transitive reduction of its author's clock.
    #[serde(rename = "h")]
    pub heads: Vec<MessageId>,
    /// The messages: at least one.
    #[serde(rename = "m")]
    pub messages: Vec<BundleMessage>,
}

impl Bundle {
    /// Returns the sequence number of the last message.
    pub const fn last(&self) -> u64 {
        self.first + self.messages.len() as u64 - 1
    }

    /// Returns the id of the last message.
    pub const fn last_id(&self) -> MessageId {
        MessageId {
            author: self.author,
            seq: self.last(),
        }
    }

    /// Returns the Lamport time of the last message.
    pub const fn last_lamport(&self) -> u64 {
        self.lamport + self.messages.len() as u64 - 1
    }

    /// Returns true if no honest author signs both this bundle and `other`, whose seal is given.
    fn contradicts(&self, other: &Self, seal: &Seal) -> bool {
        let overlap = self.first <= other.last() && other.first <= self.last();
        let follows = other.last() + 1 == self.first && self.previous != seal.hash();
        self.author == other.author && self != other && (overlap || follows)
    }

    /// Returns the total length of all bodies, in bytes.
    pub fn body_bytes(&self) -> usize {
        let bodies = self.messages.iter().map(|message| &message.body);
        bodies.map(Body::len).sum()
    }

    /// Returns true if the numbers are possible: `PROTOCOL.md` §4.2.
    fn is_sound(&self) -> bool {
        !self.messages.is_empty()
            && self.first >= 1
            && self.lamport >= 1
            && self.last().max(self.last_lamport()) <= COUNTER
            && self.body_bytes() <= BUNDLE_BODY_BYTES
            && self
                .heads
                .iter()
                .all(|head| head.seq >= 1 && (head.author != self.author || head.seq < self.first))
    }
}

/// Returns the bytes to sign for a sealed item of a ring, which contain the BLAKE3 of its exact bytes. Ed25519 alone
/// would take their SHA-512, which is several times slower.
pub fn item_to_sign(ring: RingId, raw: &[u8]) -> Vec<u8> {
    let digest: [u8; 32] = blake3::hash(raw).into();
    codec::encode_any(&("ringtalk item", ring, Bytes::copy_from_slice(&digest)))
}

/// The exact bytes of an item, and a seal over their hash ([`item_to_sign`]). Relays forward both unchanged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sealed {
    /// The CBOR of a [`Bundle`] or of an [`Announcement`].
    #[serde(rename = "b")]
    pub raw: Bytes,
    /// The signer's key, and the signature.
    #[serde(rename = "g")]
    pub seal: Seal,
}

impl Sealed {
    /// Decodes the bundle strictly. Its author must be the signer; the signature itself is not checked here.
    pub fn bundle(&self) -> Result<Bundle, DecodeError> {
        if self.weight() > SEALED_BYTES {
            return Err(DecodeError::TooLong(self.weight()));
        }
        let bundle = decoder::decode_bundle(&self.raw)?;
        if bundle.is_sound() && bundle.author == self.seal.signer() {
            Ok(bundle)
        } else {
            Err(DecodeError::Unsound("bundle"))
        }
    }

    /// Decodes the announcement strictly. The signer must be the coordinator of the view that it announces; the
    /// signature itself is not checked here.
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

    /// Returns true if both are bundles of one author that no honest author signs: they share sequence numbers, or
    /// one names the wrong bundle as its predecessor. The caller must verify the signatures.
    pub fn contradicts(&self, other: &Self) -> bool {
        let (Ok(one), Ok(two)) = (self.bundle(), other.bundle()) else {
            return false;
        };
        one.contradicts(&two, &other.seal) || two.contradicts(&one, &self.seal)
    }

    /// Returns the bytes that the seal signs in a ring.
    pub fn to_sign(&self, ring: RingId) -> Vec<u8> {
        item_to_sign(ring, &self.raw)
    }

    /// Returns the size to count in a queue, in bytes.
    pub fn weight(&self) -> usize {
        self.raw.len() + size_of::<Seal>()
    }
}

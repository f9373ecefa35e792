//! Who and which: ids of nodes, messages, epochs and views, and places in the ring.
//!
//! Not here: what a member is (`view`), what a message says (`bundle`).

use alloc::collections::VecDeque;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::codec::encode_any;
use crate::limit;
use crate::{Departed, Member, Opening, PublicKey};

/// Names a node for the life of its process. A restarted process is a new node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(Uuid);

impl NodeId {
    /// The id of the node that has this key: nobody can claim another's.
    pub fn of(key: &PublicKey) -> Self {
        Self::from_bytes(fingerprint(key))
    }

    /// The id with these 16 bytes, but for the version and the variant of a UUID.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::new_v8(bytes))
    }

    /// The same id as a UUID, for people and for JSON.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }

    /// The 16 bytes of the UUID.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl From<Uuid> for NodeId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for NodeId {
    /// The first eight hex digits: enough to tell members apart in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.as_bytes();
        write!(f, "{:08x}", u128::from_be_bytes(*bytes) >> 96)
    }
}

/// Names a discussion: nobody can claim another's at a director.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiscussionId(Uuid);

impl DiscussionId {
    /// The id of the discussion that has this registration key.
    pub fn of(key: &PublicKey) -> Self {
        Self(Uuid::new_v8(fingerprint(key)))
    }

    /// The same id as a UUID, for people and for JSON.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }

    /// The 16 bytes of the UUID.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl From<Uuid> for DiscussionId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for DiscussionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for DiscussionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0.as_u128() >> 96)
    }
}

/// The first 16 bytes of a key's SHA-256.
fn fingerprint(key: &PublicKey) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(key.0).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes
}

/// A message: the `seq`-th of its author, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct MessageId {
    /// The node that wrote the message.
    #[serde(rename = "a")]
    pub author: NodeId,
    /// Its place among the author's messages, from 1.
    #[serde(rename = "s", deserialize_with = "limit::counter")]
    pub seq: u64,
}

impl MessageId {
    /// The UUID that names this message outside: version 5 of the sequence number (8 bytes, big
    /// endian) in the name space of the author's id.
    pub fn uuid(&self) -> Uuid {
        Uuid::new_v5(self.author.as_uuid(), &self.seq.to_be_bytes())
    }
}

/// A coordinator's reign. Ordered by number, then by coordinator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Epoch {
    /// Higher wins. The founder's is 1.
    #[serde(deserialize_with = "limit::counter")]
    pub number: u64,
    /// Whose reign it is.
    pub coordinator: NodeId,
}

/// A hash of a view and of all views before it: the first 16 bytes of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ViewHash(pub [u8; 16]);

impl ViewHash {
    /// The hash of a view.
    pub fn of(content: &ViewContent<'_>) -> Self {
        Self(short_hash(content))
    }
}

/// What members must agree on, with the view before it: what the hash of a view is of. It travels as
/// a list, in this order.
#[derive(Clone, Debug)]
pub struct ViewContent<'a> {
    /// The view before it.
    pub parent: ViewHash,
    /// Its coordinator's reign.
    pub epoch: Epoch,
    /// Which view it is.
    pub number: u64,
    /// Counts changes of ring keys.
    pub layout: u64,
    /// The sectors that have members, in ring order, each with its hash.
    pub sectors: &'a [(u8, SectorHash)],
    /// The hashes of the last views before it.
    pub ancestors: &'a VecDeque<ViewHash>,
    /// The last who departed.
    pub departed: &'a VecDeque<Departed>,
    /// How its epoch began, and the last ones before it.
    pub openings: OpeningsHash,
}

impl Serialize for ViewContent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            parent,
            epoch,
            number,
            layout,
            sectors,
            ancestors,
            departed,
            openings,
        } = self;
        let content = (
            parent, epoch, number, layout, sectors, ancestors, departed, openings,
        );
        content.serialize(serializer)
    }
}

/// A hash of the openings that a view names, in order: the first 16 bytes of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct OpeningsHash(pub [u8; 16]);

impl OpeningsHash {
    /// The hash of openings, the oldest first.
    pub fn of(openings: &VecDeque<Opening>) -> Self {
        Self(short_hash(openings))
    }
}

/// The first 16 bytes of the SHA-256 of something's CBOR.
fn short_hash(content: &impl Serialize) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(encode_any(content)).into();
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest[..16]);
    hash
}

/// A hash of the members of one sector, which is a 64th of the ring: the first 16 bytes of a SHA-256.
/// Only the sectors that a view changes are hashed anew.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SectorHash(pub [u8; 16]);

impl SectorHash {
    /// The hash of the members of a sector, in ring order.
    pub fn of(members: &[&Member]) -> Self {
        Self(short_hash(&members))
    }
}

/// A hash of a signature, and so of what it is under: the first 16 bytes of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SealHash(pub [u8; 16]);

impl fmt::Debug for SealHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u128::from_be_bytes(self.0) >> 96)
    }
}

impl fmt::Debug for ViewHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u128::from_be_bytes(self.0) >> 96)
    }
}

/// Names a view: whose, which, and what led to it. Ordered by epoch, then by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ViewTag {
    /// The reign under which the view was published.
    pub epoch: Epoch,
    /// Counts all views of the discussion, through elections too.
    #[serde(deserialize_with = "limit::counter")]
    pub number: u64,
    /// Equal hashes mean equal views with equal histories.
    pub hash: ViewHash,
}

/// A place in the ring. Keys grow clockwise and wrap around.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RingKey(pub u128);

impl RingKey {
    /// How many sectors the ring has.
    pub const SECTORS: usize = 64;

    /// The sector in which the place lies, from 0: its first six bits.
    pub const fn sector(self) -> u8 {
        (self.0 >> 122) as u8
    }

    /// How far `to` lies ahead, going clockwise; 0 for the same place.
    pub const fn clockwise_to(self, to: Self) -> u128 {
        to.0.wrapping_sub(self.0)
    }

    /// The place that lies so far clockwise.
    #[must_use]
    pub const fn plus(self, distance: u128) -> Self {
        Self(self.0.wrapping_add(distance))
    }

    /// The place that lies so far counter-clockwise.
    #[must_use]
    pub const fn minus(self, distance: u128) -> Self {
        Self(self.0.wrapping_sub(distance))
    }
}

impl fmt::Debug for SectorHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u128::from_be_bytes(self.0) >> 96)
    }
}

impl fmt::Debug for OpeningsHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u128::from_be_bytes(self.0) >> 96)
    }
}

impl fmt::Debug for RingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0 >> 96)
    }
}

/// All travel as 16 bytes: CBOR has no integers of 128 bits.
macro_rules! travels_as_bytes {
    ($type:ty, $bytes:ident => $from:expr, $value:ident => $to:expr) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $value = self;
                serializer.serialize_bytes(&$to)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let $bytes = limit::exactly::<D, 16>(deserializer)?;
                Ok($from)
            }
        }
    };
}

travels_as_bytes!(RingKey, bytes => Self(u128::from_be_bytes(bytes)), value => value.0.to_be_bytes());
travels_as_bytes!(ViewHash, bytes => Self(bytes), value => value.0);
travels_as_bytes!(SealHash, bytes => Self(bytes), value => value.0);
travels_as_bytes!(OpeningsHash, bytes => Self(bytes), value => value.0);
travels_as_bytes!(SectorHash, bytes => Self(bytes), value => value.0);

//! Identifiers: of nodes, discussions, rings, messages, epochs, views and places in a ring.
//!
//! Not here: members (`view`), and the content of messages (`bundle`).

use alloc::collections::VecDeque;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::codec::encode_any;
use crate::limit;
use crate::{Departed, Member, Opening, PublicKey};

/// The id of a node for the life of its process. A restarted process is a new node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(Uuid);

impl NodeId {
    /// Returns the id of the node that has this key. It is a hash of the key, so nobody can claim another node's
    /// id.
    pub fn of(key: &PublicKey) -> Self {
        Self::from_bytes(fingerprint(key))
    }

    /// Returns the id with these 16 bytes, except for the version and variant bits of a UUID.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::new_v8(bytes))
    }

    /// Returns the id as a UUID, for users and for JSON.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }

    /// Returns the 16 bytes of the UUID.
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
    /// Writes the first eight hex digits: enough to tell members apart in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.as_bytes();
        write!(f, "{:08x}", u128::from_be_bytes(*bytes) >> 96)
    }
}

/// The id of a discussion. Nobody can claim another discussion's id at a director.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiscussionId(Uuid);

impl DiscussionId {
    /// Returns the id of the discussion that has this registration key.
    pub fn of(key: &PublicKey) -> Self {
        Self(Uuid::new_v8(fingerprint(key)))
    }

    /// Returns the id as a UUID, for users and for JSON.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }

    /// Returns the 16 bytes of the UUID.
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

/// What the hash of a room's id begins with.
const ROOM_PREFIX: &[u8] = b"ringtalk room";

/// The id of a ring: of the lobby or of a room. Every signature names it, so what was signed in one ring proves
/// nothing in another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RingId([u8; 16]);

impl RingId {
    /// Returns the id of the lobby of a discussion: the same 16 bytes.
    pub const fn lobby(discussion: &DiscussionId) -> Self {
        Self(*discussion.as_bytes())
    }

    /// Returns the id of the room that the owner of this key creates with these random bytes.
    pub fn room(creator: &PublicKey, random: &[u8; 16]) -> Self {
        let hash = Sha256::new_with_prefix(ROOM_PREFIX);
        let hash = hash.chain_update(creator.0).chain_update(random);
        Self(first_half(hash))
    }

    /// Returns the id with these 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for RingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_bytes(self.0).fmt(f)
    }
}

impl FromStr for RingId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse::<Uuid>().map(|id| Self(*id.as_bytes()))
    }
}

impl fmt::Debug for RingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u128::from_be_bytes(self.0) >> 96)
    }
}

/// Returns the first 16 bytes of the SHA-256 of a key.
fn fingerprint(key: &PublicKey) -> [u8; 16] {
    first_half(Sha256::new_with_prefix(key.0))
}

/// Returns the first 16 bytes of a SHA-256.
fn first_half(hash: Sha256) -> [u8; 16] {
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes
}

/// The id of a message: the `seq`-th of its author, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct MessageId {
    /// The author of the message.
    #[serde(rename = "a")]
    pub author: NodeId,
    /// Its place among the author's messages, from 1.
    #[serde(rename = "s", deserialize_with = "limit::counter")]
    pub seq: u64,
}

impl MessageId {
    /// Returns the UUID that names this message of the lobby outside the protocol: version 5 of the sequence number (8 bytes,
    /// big endian) in the name space of the author's id.
    pub fn uuid(&self) -> Uuid {
        Uuid::new_v5(self.author.as_uuid(), &self.seq.to_be_bytes())
    }

    /// Returns the UUID that names this message of a room outside the protocol: version 5 of the sequence number and
    /// the room's id, in the same name space.
    pub fn uuid_in_room(&self, room: &RingId) -> Uuid {
        let mut name = [0; 24];
        name[..8].copy_from_slice(&self.seq.to_be_bytes());
        name[8..].copy_from_slice(&room.0);
        Uuid::new_v5(self.author.as_uuid(), &name)
    }
}

/// A coordinator's term of office. Ordered by number, then by coordinator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Epoch {
    /// The number of the term; the higher one wins. The founder's is 1.
    #[serde(deserialize_with = "limit::counter")]
    pub number: u64,
    /// The coordinator in office.
    pub coordinator: NodeId,
}

/// A hash of a view and of all views before it: the first 16 bytes of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ViewHash(pub [u8; 16]);

impl ViewHash {
    /// Returns the hash of a view.
    pub fn of(content: &ViewContent<'_>) -> Self {
        Self(short_hash(content))
    }

    /// Returns the first four bytes: enough to notice that two members follow different views.
    pub fn short(&self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }
}

/// The content of a view that members must agree on, including its predecessor: the input of the view's hash. It is
/// encoded as a list, in this order.
#[derive(Clone, Debug)]
pub struct ViewContent<'a> {
    /// The hash of the previous view.
    pub parent: ViewHash,
    /// The term of its coordinator.
    pub epoch: Epoch,
    /// The number of the view.
    pub number: u64,
    /// Counts the changes of ring keys.
    pub layout: u64,
    /// The sectors that have members, in ring order, each with its hash.
    pub sectors: &'a [(u8, SectorHash)],
    /// The hashes of the previous views.
    pub ancestors: &'a VecDeque<ViewHash>,
    /// The latest departures.
    pub departed: &'a VecDeque<Departed>,
    /// The hash of the openings of its epoch and of the latest ones before it.
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
    /// Returns the hash of openings, oldest first.
    pub fn of(openings: &VecDeque<Opening>) -> Self {
        Self(short_hash(openings))
    }
}

/// Returns the first 16 bytes of the SHA-256 of a value's CBOR.
fn short_hash(content: &impl Serialize) -> [u8; 16] {
    first_half(Sha256::new_with_prefix(encode_any(content)))
}

/// A hash of the members of one sector, which is a 64th of the ring: the first 16 bytes of a SHA-256. A new view
/// needs hashes only of the sectors that it changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SectorHash(pub [u8; 16]);

impl SectorHash {
    /// Returns the hash of the members of a sector, in ring order.
    pub fn of(members: &[&Member]) -> Self {
        Self(short_hash(&members))
    }
}

/// A hash of a signature, and thereby of what it signs: the first 16 bytes of a SHA-256.
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

/// The identity of a view: its term, its number, and a hash of its history. Ordered by epoch, then by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ViewTag {
    /// The term under which the view was published.
    pub epoch: Epoch,
    /// Counts all views of the discussion, across elections.
    #[serde(deserialize_with = "limit::counter")]
    pub number: u64,
    /// Equal hashes mean equal views with equal histories.
    pub hash: ViewHash,
}

/// A place in the ring. Keys grow clockwise and wrap around.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RingKey(pub u128);

impl RingKey {
    /// The number of sectors of the ring.
    pub const SECTORS: usize = 64;

    /// Returns the sector of the place, from 0: its first six bits.
    pub const fn sector(self) -> u8 {
        (self.0 >> 122) as u8
    }

    /// Returns the clockwise distance to `to`; 0 for the same place.
    pub const fn clockwise_to(self, to: Self) -> u128 {
        to.0.wrapping_sub(self.0)
    }

    /// Returns the place at this distance clockwise.
    #[must_use]
    pub const fn plus(self, distance: u128) -> Self {
        Self(self.0.wrapping_add(distance))
    }

    /// Returns the place at this distance counter-clockwise.
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

/// Implements serde for types that travel as 16 bytes: CBOR has no 128-bit integers.
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
travels_as_bytes!(RingId, bytes => Self(bytes), value => value.0);
travels_as_bytes!(SealHash, bytes => Self(bytes), value => value.0);
travels_as_bytes!(OpeningsHash, bytes => Self(bytes), value => value.0);
travels_as_bytes!(SectorHash, bytes => Self(bytes), value => value.0);

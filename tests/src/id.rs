//! Ids as the contract writes them: UUIDs, kept as 16 bytes so that they sort bytewise.

use std::fmt;

use serde::Deserialize;
use uuid::Uuid;

/// Identifies a node for the life of its process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub Uuid);

/// Identifies a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub Uuid);

impl NodeId {
    /// Returns a made-up id, for the checker's own tests and for requests that name no real node.
    pub const fn made_up(number: u64) -> Self {
        Self(made_up(0xa, number))
    }
}

impl MessageId {
    /// Returns a made-up id, for the checker's own tests.
    pub const fn made_up(number: u64) -> Self {
        Self(made_up(0xb, number))
    }
}

/// Returns a UUID of version 8 that encodes a number.
const fn made_up(kind: u128, number: u64) -> Uuid {
    Uuid::from_u128((kind << 124) | (0x8 << 76) | (0x8 << 60) | (number as u128 & 0xfff_ffff))
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

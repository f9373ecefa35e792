//! Short ids: prefixes of node ids, which name authors on a link.
//!
//! Not here: what happens if two nodes share one (`brief`).

use core::ops::RangeInclusive;

use uuid::Uuid;

use crate::NodeId;

/// The first four bytes of a node's id. Of 10,000 nodes, one in 430,000 shares it with another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShortId(pub(super) [u8; Self::BYTES]);

impl ShortId {
    /// The length, in bytes.
    pub(super) const BYTES: usize = 4;

    /// Returns the short id of a node.
    pub fn of(id: &NodeId) -> Self {
        let mut short = [0; Self::BYTES];
        short.copy_from_slice(&id.as_bytes()[..Self::BYTES]);
        Self(short)
    }

    /// Returns the range of all ids that have this prefix.
    pub fn ids(self) -> RangeInclusive<NodeId> {
        let with = |rest: u8| {
            let mut bytes = [rest; 16];
            bytes[..Self::BYTES].copy_from_slice(&self.0);
            NodeId::from(Uuid::from_bytes(bytes))
        };
        with(0)..=with(u8::MAX)
    }
}

//! The vector clock: the last message known of each author.
//!
//! Not here: what makes a message deliverable (`causal` in `ringtalk-proto`).

use alloc::collections::BTreeMap;
use core::fmt;

use crate::{MessageId, NodeId, ShortId};

/// The sequence number of each author up to which all its messages are known; 0 for an absent author.
///
/// Equal clocks have equal hashes. The hash is a sum over the entries, so it is cheap to maintain, and two nodes
/// compare their clocks by eight bytes in a heartbeat.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct VectorClock {
    entries: BTreeMap<NodeId, u64>,
    hash: u64,
}

impl VectorClock {
    /// Creates an empty clock.
    pub const fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            hash: 0,
        }
    }

    /// Returns the sequence number of the last message known of an author, or 0 if there is none.
    pub fn get(&self, author: &NodeId) -> u64 {
        self.entries.get(author).copied().unwrap_or(0)
    }

    /// Returns true if the message is known, and with it all earlier ones of its author.
    pub fn covers(&self, message: MessageId) -> bool {
        self.get(&message.author) >= message.seq
    }

    /// Advances an author's entry to `seq`; an entry never decreases.
    pub fn advance(&mut self, author: NodeId, seq: u64) {
        if seq == 0 {
            return;
        }
        let known = self.entries.entry(author).or_insert(0);
        if seq > *known {
            if *known > 0 {
                self.hash = self.hash.wrapping_sub(entry_hash(author, *known));
            }
            self.hash = self.hash.wrapping_add(entry_hash(author, seq));
            *known = seq;
        }
    }

    /// Returns each author with its last message, in the order of author ids.
    pub fn iter(&self) -> impl Iterator<Item = MessageId> + '_ {
        self.entries
            .iter()
            .map(|(&author, &seq)| MessageId { author, seq })
    }

    /// Returns the authors that have an entry and this short id.
    pub fn beginning_with(&self, short: ShortId) -> impl Iterator<Item = &NodeId> {
        self.entries.range(short.ids()).map(|(author, _)| author)
    }

    /// Returns the number of authors that have an entry.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns true if no author has an entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns a hash of all entries, which makes comparing two clocks cheap.
    pub const fn hash(&self) -> u64 {
        self.hash
    }
}

impl FromIterator<MessageId> for VectorClock {
    fn from_iter<I: IntoIterator<Item = MessageId>>(entries: I) -> Self {
        let mut clock = Self::new();
        for entry in entries {
            clock.advance(entry.author, entry.seq);
        }
        clock
    }
}

impl fmt::Debug for VectorClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.entries).finish()
    }
}

/// Returns the hash of one entry: the splitmix64 finalizer over both halves of the id and the sequence number.
fn entry_hash(author: NodeId, seq: u64) -> u64 {
    let id = u128::from_be_bytes(*author.as_bytes());
    let (high, low) = ((id >> 64) as u64, id as u64);
    mix(mix(mix(high) ^ low) ^ seq)
}

const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    #[test]
    fn hash_depends_on_the_entries_and_not_on_the_way_there() {
        let mut slow = VectorClock::new();
        slow.advance(id(1), 1);
        slow.advance(id(2), 7);
        slow.advance(id(1), 3);
        let mut quick = VectorClock::new();
        quick.advance(id(1), 3);
        quick.advance(id(2), 7);
        assert_eq!(slow, quick);
        quick.advance(id(2), 8);
        assert_ne!(slow.hash(), quick.hash());
    }

    #[test]
    fn an_entry_never_goes_down() {
        let mut clock = VectorClock::new();
        clock.advance(id(1), 5);
        clock.advance(id(1), 2);
        assert_eq!(clock.get(&id(1)), 5);
    }
}

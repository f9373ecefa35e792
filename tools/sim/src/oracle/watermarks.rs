//! How far each node has followed each author, as its own events tell: the bookkeeping that the oracles of order
//! share. It judges nothing.

use std::collections::BTreeMap;

use ringtalk_wire::{MessageId, NodeId, VectorClock};

/// A value for each author.
type ByAuthor<T> = BTreeMap<NodeId, T>;

/// The past of a message: for each author, its last message.
pub(super) type Past = ByAuthor<u64>;

/// How far each node has followed each author.
#[derive(Debug, Default)]
pub(crate) struct Watermarks {
    last: BTreeMap<NodeId, ByAuthor<u64>>,
    passed: BTreeMap<NodeId, ByAuthor<BTreeMap<u64, u64>>>,
    /// How far nodes had followed everybody when they left the ring, one entry a stay.
    former: Vec<ByAuthor<u64>>,
}

impl Watermarks {
    /// Records the start of a node's clock.
    pub(crate) fn start_at(&mut self, node: NodeId, base: &VectorClock) {
        let last = self.last.entry(node).or_default();
        last.extend(base.iter().map(|entry| (entry.author, entry.seq)));
    }

    /// Returns the number up to which all messages of an author were delivered, lie before the start, or were
    /// passed.
    pub(crate) fn of(&self, node: NodeId, author: NodeId) -> u64 {
        let last = self.last.get(&node).and_then(|last| last.get(&author));
        last.copied().unwrap_or(0)
    }

    /// Forgets how far a node has followed everybody, because it has left the ring: it starts anew if it comes back.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.passed.remove(&node);
        self.former.extend(self.last.remove(&node));
    }

    /// Returns how many nodes have followed the author up to a message, now or before they left. An author cannot tell
    /// a node that has come back from a newcomer, so it counts again.
    pub(crate) fn count_of(&self, message: MessageId) -> u64 {
        let nodes = self.last.values().chain(&self.former);
        let reached = nodes.filter_map(|last| last.get(&message.author));
        reached.filter(|&&last| last >= message.seq).count() as u64
    }

    /// Returns all authors that a node has followed, each with its last message.
    pub(crate) fn of_node(&self, node: NodeId) -> impl Iterator<Item = MessageId> {
        let last = self.last.get(&node).into_iter().flatten();
        let followed = last.filter(|&(_, &seq)| seq > 0);
        followed.map(|(&author, &seq)| MessageId { author, seq })
    }

    /// Records that a message was delivered.
    pub(crate) fn advance(&mut self, node: NodeId, message: MessageId) {
        let last = self.last.entry(node).or_default();
        let last = last.entry(message.author).or_default();
        *last = (*last).max(message.seq);
        self.absorb_gaps(node, message.author);
    }

    /// Records that a gap was shown that the clock passes.
    pub(crate) fn pass_gap(&mut self, node: NodeId, author: NodeId, from: u64, to: u64) {
        let passed = self.passed.entry(node).or_default();
        let end = passed.entry(author).or_default().entry(from).or_default();
        *end = (*end).max(to);
        self.absorb_gaps(node, author);
    }

    /// Returns true if a gap of this author was shown that the clock passes, and that reaches beyond `seq`.
    pub(crate) fn has_passed_gap_beyond(&self, node: NodeId, author: NodeId, seq: u64) -> bool {
        let gaps = self.passed.get(&node).and_then(|gaps| gaps.get(&author));
        let mut ends = gaps.into_iter().flat_map(BTreeMap::values);
        ends.any(|&end| end > seq)
    }

    fn absorb_gaps(&mut self, node: NodeId, author: NodeId) {
        let Some(gaps) = self.passed.get(&node).and_then(|gaps| gaps.get(&author)) else {
            return;
        };
        let last = self.last.entry(node).or_default();
        let last = last.entry(author).or_default();
        for (&from, &to) in gaps {
            if from <= *last + 1 {
                *last = (*last).max(to);
            }
        }
    }
}

/// Raises the last message of an author in a past.
pub(super) fn raise(past: &mut Past, author: NodeId, seq: u64) {
    let entry = past.entry(author).or_default();
    *entry = (*entry).max(seq);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, message};

    #[test]
    fn a_passed_gap_counts_when_the_messages_before_it_are_delivered() {
        let mut watermarks = Watermarks::default();
        watermarks.pass_gap(id(1), id(2), 3, 5);
        assert_eq!(watermarks.of(id(1), id(2)), 0);
        watermarks.advance(id(1), message(2, 1));
        watermarks.advance(id(1), message(2, 2));
        assert_eq!(watermarks.of(id(1), id(2)), 5);
    }

    #[test]
    fn a_node_that_left_follows_nobody_but_counts_still() {
        let mut watermarks = Watermarks::default();
        for node in [id(1), id(3)] {
            watermarks.advance(node, message(2, 1));
        }
        watermarks.pass_gap(id(1), id(2), 2, 4);
        watermarks.forget(id(1));
        assert_eq!(watermarks.of(id(1), id(2)), 0);
        assert!(!watermarks.has_passed_gap_beyond(id(1), id(2), 0));
        assert_eq!(watermarks.count_of(message(2, 1)), 2);
        watermarks.advance(id(1), message(2, 1));
        assert_eq!(watermarks.count_of(message(2, 1)), 3, "it has come back");
    }

    #[test]
    fn the_start_counts_as_followed() {
        let mut watermarks = Watermarks::default();
        let base: VectorClock = [message(2, 9)].into_iter().collect();
        watermarks.start_at(id(1), &base);
        assert_eq!(watermarks.of(id(1), id(2)), 9);
        assert_eq!(watermarks.of_node(id(1)).count(), 1);
    }
}

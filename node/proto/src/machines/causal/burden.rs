//! Burden: how many messages of each author are held back, so that the author with most is found at once.
//!
//! Not here: the choice of the bundle to drop when there are too many (`held`).

use alloc::collections::{BTreeMap, BTreeSet};

use ringtalk_wire::NodeId;

/// Numbers of messages, by author.
#[derive(Debug, Default)]
pub(super) struct Burden {
    of: BTreeMap<NodeId, usize>,
    /// The same numbers, the author with the fewest first.
    order: BTreeSet<(usize, NodeId)>,
}

impl Burden {
    /// Adds held messages of an author.
    pub(super) fn add(&mut self, author: NodeId, messages: usize) {
        self.set(author, self.of(&author) + messages);
    }

    /// Subtracts messages that are no longer held.
    pub(super) fn take(&mut self, author: NodeId, messages: usize) {
        let before = self.of(&author);
        debug_assert!(before >= messages, "what is taken was added");
        self.set(author, before.saturating_sub(messages));
    }

    /// Returns the author with most messages; of several, the one with the greatest id.
    pub(super) fn heaviest(&self) -> Option<NodeId> {
        self.order.last().map(|&(_, author)| author)
    }

    fn of(&self, author: &NodeId) -> usize {
        self.of.get(author).copied().unwrap_or(0)
    }

    fn set(&mut self, author: NodeId, messages: usize) {
        if let Some(before) = self.of.remove(&author) {
            self.order.remove(&(before, author));
        }
        if messages > 0 {
            self.of.insert(author, messages);
            self.order.insert((messages, author));
        }
        debug_assert_eq!(
            self.of.len(),
            self.order.len(),
            "both name the same authors"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_author_with_most_is_the_heaviest() {
        let id = |byte| NodeId::from_bytes([byte; 16]);
        let mut burden = Burden::default();
        assert_eq!(burden.heaviest(), None);
        burden.add(id(1), 3);
        burden.add(id(2), 2);
        assert_eq!(burden.heaviest(), Some(id(1)));
        burden.add(id(2), 1);
        assert_eq!(burden.heaviest(), Some(id(2)), "the greatest id of two");
        burden.take(id(2), 3);
        assert_eq!(burden.heaviest(), Some(id(1)));
        burden.take(id(1), 3);
        assert_eq!(burden.heaviest(), None);
    }
}

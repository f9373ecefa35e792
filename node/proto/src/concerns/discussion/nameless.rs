//! Authors without a name, and the peers that brought them.
//!
//! Not here: how many there may be, what happens to them (`authors`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::NodeId;

use crate::Time;

/// Authors without a name.
#[derive(Debug, Default)]
pub(crate) struct Nameless {
    /// Authors whose bundles wait for their admission, and since when.
    awaited: BTreeMap<NodeId, Time>,
    /// The peer that first brought a bundle of each of them.
    by: BTreeMap<NodeId, NodeId>,
    /// How many each peer has brought.
    counts: BTreeMap<NodeId, usize>,
}

impl Nameless {
    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.by.len()
    }

    /// Returns how many of them a peer has brought.
    pub(crate) fn of(&self, peer: &NodeId) -> usize {
        self.counts.get(peer).copied().unwrap_or(0)
    }

    pub(crate) fn contains(&self, author: &NodeId) -> bool {
        self.by.contains_key(author)
    }

    /// Returns true if bundles of an author wait for its admission.
    pub(crate) fn awaits(&self, author: &NodeId) -> bool {
        self.awaited.contains_key(author)
    }

    /// Returns how many authors' admission is awaited.
    pub(crate) fn awaited(&self) -> usize {
        self.awaited.len()
    }

    /// Returns all of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &NodeId> {
        self.by.keys()
    }

    /// Records that bundles of an author wait for its admission.
    pub(crate) fn wait(&mut self, now: Time, author: NodeId, peer: NodeId) {
        self.add(author, peer);
        self.awaited.insert(author, now);
    }

    /// Stops waiting for an author's admission, but remembers the peer that brought it.
    pub(crate) fn add(&mut self, author: NodeId, peer: NodeId) {
        self.awaited.remove(&author);
        self.by.entry(author).or_insert_with(|| {
            *self.counts.entry(peer).or_default() += 1;
            peer
        });
        debug_assert!(self.is_counted(), "each counts for one peer");
    }

    /// Forgets an author that has got a name.
    pub(crate) fn remove(&mut self, author: &NodeId) {
        self.awaited.remove(author);
        let Some(peer) = self.by.remove(author) else {
            return;
        };
        if let Some(count) = self.counts.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&peer);
            }
        }
        debug_assert!(self.is_counted(), "each counts for one peer");
    }

    fn is_counted(&self) -> bool {
        self.counts.values().sum::<usize>() == self.by.len()
    }

    /// Makes all waits begin anew.
    pub(crate) fn wait_anew(&mut self, now: Time) {
        for since in self.awaited.values_mut() {
            *since = now;
        }
    }

    /// Returns authors that have waited for `wait`, or that `is_known`, each with the peer that brought it.
    pub(crate) fn overdue(
        &self,
        now: Time,
        wait: Duration,
        is_known: impl Fn(&NodeId) -> bool,
    ) -> Vec<(NodeId, NodeId)> {
        let overdue = self.awaited.iter();
        let overdue = overdue.filter(|(author, since)| now - **since >= wait || is_known(author));
        overdue
            .filter_map(|(author, _)| Some((*author, *self.by.get(author)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    #[test]
    fn each_counts_for_who_brought_it_first_until_it_has_a_name() {
        let mut nameless = Nameless::default();
        let now = Time::default();
        nameless.wait(now, id(1), id(8));
        nameless.add(id(1), id(9));
        nameless.add(id(2), id(9));
        assert!(nameless.contains(&id(1)) && !nameless.awaits(&id(1)));
        assert_eq!((nameless.of(&id(8)), nameless.of(&id(9))), (1, 1));
        nameless.remove(&id(1));
        nameless.remove(&id(1));
        assert_eq!((nameless.len(), nameless.of(&id(8))), (1, 0));
        assert_eq!(nameless.counts.len(), 1);
    }
}

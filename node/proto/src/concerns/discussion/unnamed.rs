//! Authors without a name, and the peers that introduced them.
//!
//! Not here: how many there may be, what happens to them (`authors`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::NodeId;

use crate::Time;

/// Authors without a name.
#[derive(Debug, Default)]
pub(crate) struct UnnamedAuthors {
    /// Authors whose bundles wait for their admission, and since when.
    awaiting: BTreeMap<NodeId, Time>,
    /// The peer that first sent a bundle of each of them.
    introducers: BTreeMap<NodeId, NodeId>,
    /// How many each peer has introduced.
    counts: BTreeMap<NodeId, usize>,
}

impl UnnamedAuthors {
    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.introducers.len()
    }

    /// Returns how many of them a peer has introduced.
    pub(crate) fn count_of(&self, peer: &NodeId) -> usize {
        self.counts.get(peer).copied().unwrap_or(0)
    }

    pub(crate) fn contains(&self, author: &NodeId) -> bool {
        self.introducers.contains_key(author)
    }

    /// Returns true if bundles of an author wait for its admission.
    pub(crate) fn awaits(&self, author: &NodeId) -> bool {
        self.awaiting.contains_key(author)
    }

    /// Returns how many authors' admission is awaited.
    pub(crate) fn awaiting_count(&self) -> usize {
        self.awaiting.len()
    }

    /// Returns all of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &NodeId> {
        self.introducers.keys()
    }

    /// Records that bundles of an author wait for its admission.
    pub(crate) fn await_admission(&mut self, now: Time, author: NodeId, peer: NodeId) {
        self.add(author, peer);
        self.awaiting.insert(author, now);
    }

    /// Stops waiting for an author's admission, but remembers the peer that introduced it.
    pub(crate) fn add(&mut self, author: NodeId, peer: NodeId) {
        self.awaiting.remove(&author);
        self.introducers.entry(author).or_insert_with(|| {
            *self.counts.entry(peer).or_default() += 1;
            peer
        });
        debug_assert!(self.is_counted(), "each counts for one peer");
    }

    /// Forgets an author that has got a name.
    pub(crate) fn remove(&mut self, author: &NodeId) {
        self.awaiting.remove(author);
        let Some(peer) = self.introducers.remove(author) else {
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
        self.counts.values().sum::<usize>() == self.introducers.len()
    }

    /// Makes all waits begin anew.
    pub(crate) fn restart_waits(&mut self, now: Time) {
        for since in self.awaiting.values_mut() {
            *since = now;
        }
    }

    /// Returns authors that have waited for `wait`, or that `is_known`, each with the peer that introduced it.
    pub(crate) fn overdue(
        &self,
        now: Time,
        wait: Duration,
        is_known: impl Fn(&NodeId) -> bool,
    ) -> Vec<(NodeId, NodeId)> {
        let overdue = self.awaiting.iter();
        let overdue = overdue.filter(|(author, since)| now - **since >= wait || is_known(author));
        overdue
            .filter_map(|(author, _)| Some((*author, *self.introducers.get(author)?)))
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
    fn an_unnamed_author_counts_for_its_first_introducer_until_it_has_a_name() {
        let mut unnamed = UnnamedAuthors::default();
        let now = Time::default();
        unnamed.await_admission(now, id(1), id(8));
        unnamed.add(id(1), id(9));
        unnamed.add(id(2), id(9));
        assert!(unnamed.contains(&id(1)) && !unnamed.awaits(&id(1)));
        assert_eq!((unnamed.count_of(&id(8)), unnamed.count_of(&id(9))), (1, 1));
        unnamed.remove(&id(1));
        unnamed.remove(&id(1));
        assert_eq!((unnamed.len(), unnamed.count_of(&id(8))), (1, 0));
        assert_eq!(unnamed.counts.len(), 1);
    }
}

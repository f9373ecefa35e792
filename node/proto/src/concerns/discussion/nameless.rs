//! Authors without a name, and who brought them.
//!
//! Not here: how many there may be, and what becomes of them (`authors`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::NodeId;

use crate::Time;

/// Authors without a name.
#[derive(Debug, Default)]
pub(crate) struct Nameless {
    /// Of whom something waits for their admission: since when.
    awaited: BTreeMap<NodeId, Time>,
    /// The peer that brought something of each of them first.
    by: BTreeMap<NodeId, NodeId>,
    /// How many each peer has brought.
    counts: BTreeMap<NodeId, usize>,
}

impl Nameless {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by.len()
    }

    /// How many of them a peer has brought.
    pub(crate) fn of(&self, peer: &NodeId) -> usize {
        self.counts.get(peer).copied().unwrap_or(0)
    }

    pub(crate) fn contains(&self, author: &NodeId) -> bool {
        self.by.contains_key(author)
    }

    /// True where something of an author waits for its admission.
    pub(crate) fn awaits(&self, author: &NodeId) -> bool {
        self.awaited.contains_key(author)
    }

    /// How many authors' admission is awaited.
    pub(crate) fn awaited(&self) -> usize {
        self.awaited.len()
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &NodeId> {
        self.by.keys()
    }

    /// Something of an author waits for its admission.
    pub(crate) fn wait(&mut self, now: Time, author: NodeId, peer: NodeId) {
        self.add(author, peer);
        self.awaited.insert(author, now);
    }

    /// Nobody waits for an author's admission any more; whoever brought it is remembered.
    pub(crate) fn add(&mut self, author: NodeId, peer: NodeId) {
        self.awaited.remove(&author);
        self.by.entry(author).or_insert_with(|| {
            *self.counts.entry(peer).or_default() += 1;
            peer
        });
        debug_assert!(self.is_counted(), "each counts for one peer");
    }

    /// An author has a name.
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

    /// All wait anew.
    pub(crate) fn wait_anew(&mut self, now: Time) {
        for since in self.awaited.values_mut() {
            *since = now;
        }
    }

    /// The authors that have been waited for so long, or of whom this is true, each with who brought it.
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

//! Hearing: whose words take part in the order that all share, whose are shown beside it, and for whose nobody waits.
//!
//! `PROTOCOL.md` §4.3. Not here: who has a name, and how many are heard without one (`node::authors`).

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use ringtalk_wire::NodeId;

/// Of how many authors it is remembered that nothing waits for them.
const OVERLOOKED: usize = 4_096;

/// The authors whose bundles are let through, and those that are overlooked.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    known: BTreeSet<NodeId>,
    /// Those of them whose words are shown, and nothing depends on them, each with the last that was delivered.
    aside: BTreeMap<NodeId, u64>,
    /// Authors of whom nothing came: nothing waits for them any more.
    overlooked: BTreeSet<NodeId>,
    /// The same, the oldest first.
    in_turn: VecDeque<NodeId>,
}

/// What whoever depends on an author waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bond {
    /// What it has said.
    Words,
    /// Anything that tells of it.
    News,
    /// Nothing.
    Nothing,
}

impl Hearing {
    /// Lets an author through. If that changes anything, gives the last that was delivered while it was heard aside.
    pub(super) fn admit(&mut self, author: NodeId) -> Option<u64> {
        self.overlooked.remove(&author);
        let aside = self.aside.remove(&author);
        let is_new = self.known.insert(author);
        aside.or(is_new.then_some(0))
    }

    /// Lets an author through aside, of whom this was delivered last; false where it is known already.
    pub(super) fn admit_aside(&mut self, author: NodeId, last: u64) -> bool {
        self.overlooked.remove(&author);
        let is_new = self.known.insert(author);
        if is_new {
            self.aside.insert(author, last);
        }
        is_new
    }

    /// Nothing waits for an author of whom nothing is known.
    pub(super) fn overlook(&mut self, author: NodeId) {
        if self.overlooked.insert(author) {
            self.in_turn.push_back(author);
        }
        if self.in_turn.len() > OVERLOOKED
            && let Some(oldest) = self.in_turn.pop_front()
        {
            self.overlooked.remove(&oldest);
        }
    }

    /// What waits for an author's words, waits for this.
    pub(super) fn bond(&self, author: &NodeId) -> Bond {
        if self.is_aside(author) || self.overlooked.contains(author) {
            Bond::Nothing
        } else if self.knows(author) {
            Bond::Words
        } else {
            Bond::News
        }
    }

    pub(super) fn knows(&self, author: &NodeId) -> bool {
        self.known.contains(author)
    }

    pub(super) fn is_aside(&self, author: &NodeId) -> bool {
        self.aside.contains_key(author)
    }

    /// How many are heard aside.
    pub(super) fn asides(&self) -> usize {
        self.aside.len()
    }

    /// The last message of an author that is heard aside.
    pub(super) fn last_aside(&self, author: &NodeId) -> Option<u64> {
        self.aside.get(author).copied()
    }

    /// Notes that so much of an author was delivered; false where it is not heard aside.
    pub(super) fn advance_aside(&mut self, author: &NodeId, seq: u64) -> bool {
        let last = self.aside.get_mut(author);
        last.map(|last| *last = seq.max(*last)).is_some()
    }

    /// Nobody is let through but those of whom this is true.
    pub(super) fn retain(&mut self, is_known: impl Fn(&NodeId) -> bool) {
        self.known.retain(&is_known);
        self.aside.retain(|author, _| is_known(author));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> NodeId {
        let number = u32::try_from(number).unwrap();
        let mut bytes = [7; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        NodeId::from_bytes(bytes)
    }

    #[test]
    fn a_bounded_number_of_authors_is_overlooked() {
        let mut hearing = Hearing::default();
        for number in (0..OVERLOOKED + 10).rev() {
            hearing.overlook(id(number));
            assert_eq!(hearing.bond(&id(number)), Bond::Nothing);
        }
        assert_eq!(hearing.overlooked.len(), OVERLOOKED);
        assert_eq!(hearing.bond(&id(OVERLOOKED + 9)), Bond::News, "the oldest");
        hearing.admit(id(1));
        assert_eq!(hearing.bond(&id(1)), Bond::Words);
    }

    #[test]
    fn whoever_was_heard_aside_goes_on_from_there() {
        let mut hearing = Hearing::default();
        assert_eq!(hearing.bond(&id(1)), Bond::News);
        assert!(hearing.admit_aside(id(1), 2));
        assert!(!hearing.advance_aside(&id(2), 3));
        assert!(hearing.advance_aside(&id(1), 3));
        assert_eq!(hearing.bond(&id(1)), Bond::Nothing);
        assert_eq!(hearing.admit(id(1)), Some(3));
        assert_eq!(hearing.admit(id(1)), None, "nothing changes");
        assert!(!hearing.admit_aside(id(1), 3), "it stays with the others");
        assert_eq!(hearing.admit(id(2)), Some(0));
    }
}

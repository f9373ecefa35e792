//! Hearing: whose words take part in the order that all share, whose are shown beside it, and for whose nobody waits.
//!
//! `PROTOCOL.md` §4.3. Not here: who has a name, and how many are heard without one (`node::authors`).

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use ringtalk_wire::{Bundle, MessageId, NodeId};

use super::Causal;

/// Of how many authors it is remembered that nothing waits for them.
const OVERLOOKED: usize = 4_096;

/// The authors whose bundles are let through, and those that are overlooked.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    known: BTreeSet<NodeId>,
    /// Those of them that were asked for, and that nobody has named.
    nameless: BTreeSet<NodeId>,
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
        self.nameless.remove(&author);
        let aside = self.aside.remove(&author);
        let is_new = self.known.insert(author);
        aside.or(is_new.then_some(0))
    }

    /// Lets an author through that was asked for and has no name. If that changes anything, gives the last that was delivered
    /// while it was heard aside.
    pub(super) fn admit_nameless(&mut self, author: NodeId) -> Option<u64> {
        let is_named = self.knows(&author) && !self.is_aside(&author);
        if is_named {
            return None;
        }
        let aside = self.admit(author);
        self.nameless.insert(author);
        aside
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

    pub(super) fn is_nameless(&self, author: &NodeId) -> bool {
        self.nameless.contains(author)
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
        self.nameless.retain(&is_known);
        self.aside.retain(|author, _| is_known(author));
    }
}

impl Causal {
    /// Lets an author's bundles through, and has others wait for them.
    pub(crate) fn admit(&mut self, author: NodeId) {
        let aside = self.hearing.admit(author);
        self.let_through(author, aside);
    }

    /// The same for one that was asked for, and that nobody has named.
    pub(crate) fn admit_nameless(&mut self, author: NodeId) {
        let aside = self.hearing.admit_nameless(author);
        self.let_through(author, aside);
    }

    /// An author is ordered from now on, if that is news: so much of it was delivered aside.
    fn let_through(&mut self, author: NodeId, aside: Option<u64>) {
        if let Some(aside) = aside {
            self.clock.advance(author, aside);
            self.release(MessageId { author, seq: 0 });
        }
    }

    /// Lets an author's bundles through that nobody has named and somebody passes on. They are shown, and nothing depends on
    /// them: they may be heard here and not elsewhere, and whoever makes up authors is to keep back nothing. The clock, which
    /// all are to share, has nothing of them.
    pub(crate) fn admit_aside(&mut self, author: NodeId) {
        if self.hearing.admit_aside(author, self.clock.get(&author)) {
            self.release(MessageId { author, seq: 0 });
        }
    }

    /// Somebody has named an author; that matters where anything waits for it.
    pub(crate) fn note_named(&mut self, author: NodeId) {
        let news = MessageId { author, seq: 0 };
        let has_none = self.is_aside(&author) || self.hearing.is_nameless(&author);
        if has_none || self.waiting.contains_key(&news) {
            self.admit(author);
        }
    }

    /// True where a bundle may come to wait to hear of somebody on whose words it depends.
    pub(crate) fn may_wait_for_news(&self, bundle: &Bundle) -> bool {
        let mut missing = self.missing_heads(bundle);
        missing.any(|author| self.hearing.bond(&author) != Bond::Words)
    }

    /// A bundle has waited long enough to hear of those on whose words it depends: it waits for them no more, and neither
    /// does any other, as long as that is remembered. One that is heard aside waits for nobody then.
    ///
    /// It goes on waiting if one of them is `sought`, since somebody says that it has something of it; true then.
    pub(crate) fn go_without(
        &mut self,
        first: MessageId,
        sought: impl Fn(&NodeId) -> bool,
    ) -> bool {
        let Some(held) = self.held.get(&first) else {
            return false;
        };
        let missing = self.missing_heads(&held.deliverable.bundle);
        let strangers = missing.filter(|author| self.hearing.bond(author) == Bond::News);
        let strangers: BTreeSet<NodeId> = strangers.collect();
        if strangers.iter().any(sought) {
            return true;
        }
        for &author in &strangers {
            self.hearing.overlook(author);
        }
        self.stop_waiting(first);
        if let Some(held) = self.held.get_mut(&first) {
            held.alone = true;
            self.file(first);
        }
        for author in strangers {
            self.release(MessageId { author, seq: 0 });
        }
        false
    }

    /// The authors of what a bundle depends on and is not here.
    fn missing_heads(&self, bundle: &Bundle) -> impl Iterator<Item = NodeId> {
        let missing = bundle.heads.iter();
        let missing = missing.filter(|head| !self.has_delivered(**head));
        missing.map(|head| head.author)
    }

    /// There is no room for an author: nothing waits for what it says.
    pub(crate) fn overlook(&mut self, author: NodeId) {
        if !self.knows(&author) {
            self.hearing.overlook(author);
            self.release(MessageId { author, seq: 0 });
        }
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

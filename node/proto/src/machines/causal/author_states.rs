//! Author states: which authors take part in the order that all members share, which are shown beside it, and for
//! which nobody waits.
//!
//! `PROTOCOL.md` §4.3. Not here: the names of authors, and the bounds on nameless ones (`discussion::authors`).

use alloc::collections::btree_map::{BTreeMap, Entry};
use alloc::collections::{BTreeSet, VecDeque};

use ringtalk_wire::{Bundle, MessageId, NodeId};

use super::{Causal, Patience, news_of};

/// How many overlooked authors are remembered.
const OVERLOOKED: usize = 4_096;

/// The state of an author; an unknown author has none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AuthorState {
    /// It has a name: its messages take part in the order.
    Named,
    /// A peer's clock told of it, and nobody has named it: its messages take part in the order.
    Requested,
    /// Its messages are shown, and nothing depends on them. Holds the last one delivered.
    Aside(u64),
    /// The same, but a message of it was asked for that nobody had: it stays aside until it is named.
    AsideUntilNamed(u64),
    /// Nobody told of it in time: nothing waits for it any more.
    Overlooked,
}

impl AuthorState {
    /// Returns the last delivered message of an author that is heard aside.
    const fn last_aside(self) -> Option<u64> {
        match self {
            Self::Aside(last) | Self::AsideUntilNamed(last) => Some(last),
            Self::Named | Self::Requested | Self::Overlooked => None,
        }
    }
}

/// The states of all known authors.
#[derive(Debug, Default)]
pub(super) struct AuthorStates {
    states: BTreeMap<NodeId, AuthorState>,
    /// How many of them are heard aside.
    aside_count: usize,
    /// The overlooked authors, the oldest first; some have another state by now.
    overlooked: VecDeque<NodeId>,
}

/// The thing that a bundle waits for if it depends on an author's messages that are not here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WaitFor {
    /// The messages themselves.
    Messages,
    /// Anything that tells of the author.
    News,
    /// Nothing.
    Nothing,
}

impl AuthorStates {
    /// Lets an author with a name through. If it becomes ordered by this, returns the last message that was delivered
    /// while it was heard aside, or 0.
    pub(super) fn admit(&mut self, author: NodeId) -> Option<u64> {
        self.order(author, AuthorState::Named)
    }

    /// Does the same for an author that was asked for. A named author keeps its name, and a doubted one still needs
    /// one.
    pub(super) fn admit_requested(&mut self, author: NodeId) -> Option<u64> {
        match self.state(&author) {
            Some(AuthorState::Named | AuthorState::AsideUntilNamed(_)) => None,
            _ => self.order(author, AuthorState::Requested),
        }
    }

    fn order(&mut self, author: NodeId, state: AuthorState) -> Option<u64> {
        match self.set(author, state) {
            Some(AuthorState::Named | AuthorState::Requested) => None,
            Some(AuthorState::Aside(last) | AuthorState::AsideUntilNamed(last)) => Some(last),
            Some(AuthorState::Overlooked) | None => Some(0),
        }
    }

    /// Lets an author through aside, whose last delivered message is `last`. Returns false if the author was let
    /// through before.
    pub(super) fn admit_aside(&mut self, author: NodeId, last: u64) -> bool {
        let is_new = !self.knows(&author);
        if is_new {
            self.set(author, AuthorState::Aside(last));
        }
        debug_assert!(self.knows(&author), "what it says is let through now");
        is_new
    }

    /// Notes that nobody had a message of this author that was asked for; `last` was delivered last. Returns false if
    /// the author has a name, or nothing waits for it anyway.
    pub(super) fn give_up_on(&mut self, author: NodeId, last: u64) -> bool {
        let is_asked = self.is_requested(&author);
        if is_asked {
            self.set(author, AuthorState::AsideUntilNamed(last));
        }
        is_asked
    }

    /// Sets an author's state, and returns the one before.
    fn set(&mut self, author: NodeId, state: AuthorState) -> Option<AuthorState> {
        let before = self.states.insert(author, state);
        self.aside_count += usize::from(state.last_aside().is_some());
        self.aside_count -= usize::from(before.is_some_and(|state| state.last_aside().is_some()));
        before
    }

    /// Marks an unknown author as overlooked: nothing waits for it.
    pub(super) fn overlook(&mut self, author: NodeId) {
        if let Entry::Vacant(unknown) = self.states.entry(author) {
            unknown.insert(AuthorState::Overlooked);
            self.overlooked.push_back(author);
        }
        if self.overlooked.len() > OVERLOOKED
            && let Some(oldest) = self.overlooked.pop_front()
            && self.state(&oldest) == Some(AuthorState::Overlooked)
        {
            self.states.remove(&oldest);
        }
        debug_assert!(self.overlooked.len() <= OVERLOOKED);
    }

    fn state(&self, author: &NodeId) -> Option<AuthorState> {
        self.states.get(author).copied()
    }

    /// Returns what a bundle waits for that depends on an author's messages.
    pub(super) fn wait_for(&self, author: &NodeId) -> WaitFor {
        match self.state(author) {
            Some(AuthorState::Named | AuthorState::Requested) => WaitFor::Messages,
            Some(_) => WaitFor::Nothing,
            None => WaitFor::News,
        }
    }

    /// Returns true if anything is known of an author.
    pub(super) fn has_state(&self, author: &NodeId) -> bool {
        self.states.contains_key(author)
    }

    /// Returns true if an author's bundles are let through.
    pub(super) fn knows(&self, author: &NodeId) -> bool {
        let state = self.state(author);
        state.is_some_and(|state| state != AuthorState::Overlooked)
    }

    /// Returns true if an author's messages take part in the order.
    pub(super) fn is_ordered(&self, author: &NodeId) -> bool {
        self.wait_for(author) == WaitFor::Messages
    }

    pub(super) fn is_aside(&self, author: &NodeId) -> bool {
        self.last_aside(author).is_some()
    }

    /// Returns true if an author was asked for and has no name.
    pub(super) fn is_requested(&self, author: &NodeId) -> bool {
        self.state(author) == Some(AuthorState::Requested)
    }

    /// Returns how many authors are heard aside.
    pub(super) const fn aside_count(&self) -> usize {
        self.aside_count
    }

    /// Returns the last delivered message of an author that is heard aside, `None` for any other.
    pub(super) fn last_aside(&self, author: &NodeId) -> Option<u64> {
        self.state(author).and_then(AuthorState::last_aside)
    }

    /// Notes the last delivered message of an author. Returns false if the author is not heard aside.
    pub(super) fn advance_aside(&mut self, author: &NodeId, seq: u64) -> bool {
        let state = self.states.get_mut(author);
        let Some(AuthorState::Aside(last) | AuthorState::AsideUntilNamed(last)) = state else {
            return false;
        };
        *last = seq.max(*last);
        true
    }

    /// Lets through only the authors for whom `is_known` is true.
    pub(super) fn retain(&mut self, is_known: impl Fn(&NodeId) -> bool) {
        self.states
            .retain(|author, state| *state == AuthorState::Overlooked || is_known(author));
        let asides = self
            .states
            .values()
            .filter(|state| state.last_aside().is_some());
        self.aside_count = asides.count();
    }
}

impl Causal {
    /// Lets an author's bundles through, and lets other bundles wait for them.
    pub(crate) fn admit(&mut self, author: NodeId) {
        let aside = self.authors.admit(author);
        self.let_through(author, aside);
    }

    /// Does the same for an author that was asked for, and that nobody has named.
    pub(crate) fn admit_requested(&mut self, author: NodeId) {
        let aside = self.authors.admit_requested(author);
        self.let_through(author, aside);
    }

    /// Makes an author ordered, if it was not; `aside` was delivered of it until then.
    fn let_through(&mut self, author: NodeId, aside: Option<u64>) {
        if let Some(aside) = aside {
            debug_assert!(self.is_ordered(&author));
            self.clock.advance(author, aside);
            self.release(news_of(author));
        }
    }

    /// Lets the bundles of an author through that a peer passes on and nobody has named. They are shown, and nothing
    /// depends on them: other members may not hear this author, and made-up authors must not hold anything up. The
    /// clock leaves them out, since all members are to share it.
    pub(crate) fn admit_aside(&mut self, author: NodeId) {
        if self.authors.admit_aside(author, self.clock.get(&author)) {
            self.release(news_of(author));
        }
    }

    /// Notes that an author was named; this matters only if its state is known or something waits for news of it.
    pub(crate) fn note_named(&mut self, author: NodeId) {
        if self.authors.has_state(&author) || self.waiting.contains_key(&news_of(author)) {
            self.admit(author);
        }
    }

    /// Returns the unknown authors that held bundles wait for news of.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = NodeId> + '_ {
        let news = self.waiting.keys().filter(|awaited| awaited.seq == 0);
        news.map(|news| news.author)
    }

    /// Returns true if a bundle may have to wait for news of an author that it depends on.
    pub(crate) fn may_wait_for_news(&self, bundle: &Bundle) -> bool {
        let mut missing = self.missing_heads(bundle);
        missing.any(|author| self.authors.wait_for(&author) != WaitFor::Messages)
    }

    /// Ends a bundle's wait for news of unknown authors that it depends on, because it has waited long enough. No
    /// other bundle waits for these authors either, as long as they are remembered as overlooked. A bundle of an
    /// author heard aside then waits for nobody.
    ///
    /// Returns true, and the bundle goes on waiting, if one of these authors is `sought`: some peer says that it has
    /// messages of it.
    pub(crate) fn end_news_wait(
        &mut self,
        first: MessageId,
        sought: impl Fn(&NodeId) -> bool,
    ) -> bool {
        let Some(held) = self.held.get(&first) else {
            return false;
        };
        let missing = self.missing_heads(&held.deliverable.bundle);
        let strangers = missing.filter(|author| self.authors.wait_for(author) == WaitFor::News);
        let strangers: BTreeSet<NodeId> = strangers.collect();
        if strangers.iter().any(sought) {
            return true;
        }
        for &author in &strangers {
            self.authors.overlook(author);
        }
        self.stop_waiting(first);
        self.lose_patience(first, Patience::Short);
        for author in strangers {
            self.release(news_of(author));
        }
        false
    }

    /// Gives up on a message that was searched for and that nobody has. If its author has no name, nothing waits for
    /// that author any longer. A bundle that waited for this message then waits for no nameless author at all, since its heads
    /// may name any number of them.
    pub(crate) fn give_up_on(&mut self, message: MessageId) {
        let author = message.author;
        if !self.authors.give_up_on(author, self.clock.get(&author)) {
            return;
        }
        let waiting = self.waiting.get(&message).cloned().unwrap_or_default();
        for first in waiting.into_iter().filter(|first| first.author != author) {
            self.stop_waiting(first);
            self.lose_patience(first, Patience::None);
        }
        let last = MessageId {
            author,
            seq: u64::MAX,
        };
        self.release(last);
    }

    fn lose_patience(&mut self, first: MessageId, patience: Patience) {
        if let Some(held) = self.held.get_mut(&first) {
            held.patience = held.patience.max(patience);
            self.file(first);
        }
    }

    /// Returns the authors of the heads of a bundle that are not delivered.
    fn missing_heads(&self, bundle: &Bundle) -> impl Iterator<Item = NodeId> {
        let missing = bundle.heads.iter();
        let missing = missing.filter(|head| !self.has_delivered(**head));
        missing.map(|head| head.author)
    }

    /// Overlooks an author for whom there is no room: nothing waits for its messages.
    pub(crate) fn overlook(&mut self, author: NodeId) {
        if !self.knows(&author) {
            self.authors.overlook(author);
            self.release(news_of(author));
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::super::test_support::*;
    use super::*;

    fn nth(number: usize) -> NodeId {
        let number = u32::try_from(number).unwrap();
        let mut bytes = [7; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        NodeId::from_bytes(bytes)
    }

    #[test]
    fn the_number_of_overlooked_authors_is_bounded() {
        let mut authors = AuthorStates::default();
        for number in (0..OVERLOOKED + 10).rev() {
            authors.overlook(nth(number));
            assert_eq!(authors.wait_for(&nth(number)), WaitFor::Nothing);
        }
        assert_eq!(authors.states.len(), OVERLOOKED);
        assert_eq!(
            authors.wait_for(&nth(OVERLOOKED + 9)),
            WaitFor::News,
            "the oldest"
        );
        authors.admit(nth(1));
        assert_eq!(authors.wait_for(&nth(1)), WaitFor::Messages);
    }

    #[test]
    fn an_aside_author_continues_after_its_last_message() {
        let mut authors = AuthorStates::default();
        assert_eq!(authors.wait_for(&nth(1)), WaitFor::News);
        assert!(authors.admit_aside(nth(1), 2));
        assert!(!authors.advance_aside(&nth(2), 3));
        assert!(authors.advance_aside(&nth(1), 3));
        assert_eq!(authors.wait_for(&nth(1)), WaitFor::Nothing);
        assert_eq!(authors.admit(nth(1)), Some(3));
        assert_eq!(authors.admit(nth(1)), None, "nothing changes");
        assert!(!authors.admit_aside(nth(1), 3), "it stays with the others");
        assert_eq!(authors.admit(nth(2)), Some(0));
    }

    #[test]
    fn nothing_depends_on_an_aside_author() {
        let mut causal = causal();
        causal.admit_aside(id(9));
        give(&mut causal, &bundle(1, 1, 1, &[]));
        let aside = bundle(9, 1, 7, &[(1, 1), (2, 5)]);
        give(&mut causal, &aside);
        assert_eq!(delivered(&mut causal), [(1, 1)]);
        causal.end_news_wait(aside.last_id(), |_| false);
        assert_eq!(delivered(&mut causal), [(9, 1)], "it waits not for long");
        assert_eq!(causal.clock().get(&id(9)), 0);
        assert_eq!(causal.last_of(&id(9)), 1);
        let (heads, lamport) = causal.heads(8);
        assert_eq!(
            (heads, lamport),
            (Vec::from([bundle(1, 1, 1, &[]).last_id()]), 2)
        );
        give(&mut causal, &bundle(3, 1, 9, &[(9, 8)]));
        assert_eq!(delivered(&mut causal), [(3, 1)], "and nobody waits for it");

        causal.note_named(id(9));
        assert_eq!(
            causal.clock().get(&id(9)),
            1,
            "as if it had always been heard"
        );
        give(&mut causal, &bundle(4, 1, 9, &[(9, 2)]));
        assert_eq!(delivered(&mut causal), []);
        give(&mut causal, &bundle(9, 2, 8, &[]));
        assert_eq!(delivered(&mut causal), [(9, 2), (4, 1)]);
        assert!(causal.waiting.is_empty() && causal.held.is_empty());
    }

    #[test]
    fn bundles_wait_for_a_stranger_until_it_is_known_or_overlooked() {
        let mut causal = causal();
        let [known, other] = [bundle(1, 1, 3, &[(8, 1)]), bundle(2, 1, 3, &[(9, 1)])];
        for bundle in [&known, &other] {
            assert!(causal.may_wait_for_news(bundle));
            give(&mut causal, bundle);
        }
        assert_eq!(delivered(&mut causal), []);
        causal.admit(id(8));
        assert_eq!(delivered(&mut causal), [], "its message has not come");
        for (sought, waits) in [(true, true), (false, false)] {
            for bundle in [&known, &other] {
                let first = bundle.last_id();
                let goes_on = causal.end_news_wait(first, |_| sought);
                assert_eq!(goes_on, waits && first.author == id(2));
            }
            if sought {
                assert_eq!(delivered(&mut causal), [], "somebody has it");
            }
        }
        assert_eq!(
            delivered(&mut causal),
            [(2, 1)],
            "the other is known by now"
        );
        give(&mut causal, &bundle(8, 1, 2, &[]));
        assert_eq!(delivered(&mut causal), [(8, 1), (1, 1)]);

        give(&mut causal, &bundle(3, 1, 4, &[(9, 2)]));
        assert_eq!(
            delivered(&mut causal),
            [(3, 1)],
            "nobody waits a second time"
        );
        causal.admit(id(9));
        give(&mut causal, &bundle(4, 1, 5, &[(9, 2)]));
        assert_eq!(delivered(&mut causal), [], "until somebody tells of it");
    }

    #[test]
    fn a_bundle_whose_wait_has_ended_never_waits_again() {
        let mut causal = causal();
        let bundle = bundle(1, 1, 3, &[(8, 1), (9, 1), (2, 1)]);
        give(&mut causal, &bundle);
        assert!(!causal.end_news_wait(bundle.last_id(), |_| false));
        for number in 0..10_000_u32 {
            let mut stranger = [7; 16];
            stranger[..4].copy_from_slice(&number.to_be_bytes());
            causal.overlook(NodeId::from_bytes(stranger));
        }
        give(&mut causal, &self::bundle(2, 1, 2, &[]));
        assert_eq!(delivered(&mut causal), [(2, 1), (1, 1)]);
    }

    #[test]
    fn nothing_waits_for_an_unnamed_author_whose_message_no_member_has() {
        let mut causal = causal();
        for unnamed in [7, 8, 9] {
            causal.admit_requested(id(unnamed));
        }
        give(&mut causal, &bundle(9, 1, 1, &[]));
        give(&mut causal, &bundle(1, 1, 3, &[(7, 1), (8, 1), (9, 5)]));
        assert_eq!(delivered(&mut causal), [(9, 1)]);
        let message = |author, seq| bundle(author, seq, 1, &[]).last_id();
        causal.give_up_on(message(2, 1));
        assert_eq!(delivered(&mut causal), [], "somebody else");
        causal.give_up_on(message(7, 1));
        assert_eq!(delivered(&mut causal), [(1, 1)], "each once is enough");

        give(&mut causal, &bundle(2, 1, 4, &[(9, 4)]));
        assert_eq!(delivered(&mut causal), []);
        causal.give_up_on(message(9, 4));
        causal.admit_requested(id(9));
        give(&mut causal, &bundle(3, 1, 4, &[(9, 6), (7, 3)]));
        assert_eq!(
            delivered(&mut causal),
            [(2, 1), (3, 1)],
            "it is not asked for a second time"
        );
        give(&mut causal, &bundle(9, 2, 2, &[]));
        assert_eq!(delivered(&mut causal), [(9, 2)], "what there is, is shown");
        causal.note_named(id(9));
        assert_eq!(causal.clock().get(&id(9)), 2);
        give(&mut causal, &bundle(4, 1, 5, &[(9, 3)]));
        assert_eq!(delivered(&mut causal), [], "a name mends it");
        assert_eq!(causal.authors.aside_count(), 1);
    }

    #[test]
    fn a_name_makes_an_overlooked_author_ordered() {
        let mut causal = causal();
        causal.overlook(id(9));
        causal.note_named(id(9));
        give(&mut causal, &bundle(1, 1, 2, &[(9, 1)]));
        assert_eq!(delivered(&mut causal), []);
    }
}

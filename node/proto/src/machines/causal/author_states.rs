//! Author states: whose words take part in the order that all share, whose are shown beside it, and for whose nobody waits.
//!
//! `PROTOCOL.md` §4.3. Not here: who has a name, and how many are heard without one (`node::authors`).

use alloc::collections::btree_map::{BTreeMap, Entry};
use alloc::collections::{BTreeSet, VecDeque};

use ringtalk_wire::{Bundle, MessageId, NodeId};

use super::{Causal, Patience, news_of};

/// Of how many authors it is remembered that nothing waits for them.
const OVERLOOKED: usize = 4_096;

/// Where an author stands. Nothing is known of those that have no state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AuthorState {
    /// It has a name: its words take part in the order.
    Named,
    /// Somebody's clock told of it, and nobody has named it: its words take part in the order.
    Asked,
    /// Its words are shown, and nothing depends on them; this was delivered last.
    Aside(u64),
    /// The same; and of its words something was asked for that nobody had, so that it stays aside until somebody names it.
    Doubted(u64),
    /// Nothing came of it: nothing waits for it any more.
    Overlooked,
}

impl AuthorState {
    /// What was delivered last of an author that is heard aside.
    const fn last_aside(self) -> Option<u64> {
        match self {
            Self::Aside(last) | Self::Doubted(last) => Some(last),
            Self::Named | Self::Asked | Self::Overlooked => None,
        }
    }
}

/// Where every author stands.
#[derive(Debug, Default)]
pub(super) struct AuthorStates {
    states: BTreeMap<NodeId, AuthorState>,
    /// How many of them are heard aside.
    asides: usize,
    /// The overlooked authors, the oldest first; some of them have another state by now.
    overlooked: VecDeque<NodeId>,
}

/// For what a bundle waits that depends on an author's words, where they are not here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WaitFor {
    /// For the words.
    Words,
    /// For anything that tells of the author.
    News,
    /// For nothing.
    Nothing,
}

impl AuthorStates {
    /// Lets an author through that has a name. If it is ordered only now, gives the last that was delivered while it was
    /// heard aside.
    pub(super) fn admit(&mut self, author: NodeId) -> Option<u64> {
        self.order(author, AuthorState::Named)
    }

    /// The same for one that was asked for; one that has a name keeps it, and one that is doubted needs one.
    pub(super) fn admit_asked(&mut self, author: NodeId) -> Option<u64> {
        match self.state(&author) {
            Some(AuthorState::Named | AuthorState::Doubted(_)) => None,
            _ => self.order(author, AuthorState::Asked),
        }
    }

    fn order(&mut self, author: NodeId, state: AuthorState) -> Option<u64> {
        match self.set(author, state) {
            Some(AuthorState::Named | AuthorState::Asked) => None,
            Some(AuthorState::Aside(last) | AuthorState::Doubted(last)) => Some(last),
            Some(AuthorState::Overlooked) | None => Some(0),
        }
    }

    /// Lets an author through aside, of whom this was delivered last; false where it is let through already.
    pub(super) fn admit_aside(&mut self, author: NodeId, last: u64) -> bool {
        let is_new = !self.knows(&author);
        if is_new {
            self.set(author, AuthorState::Aside(last));
        }
        debug_assert!(self.knows(&author), "what it says is let through now");
        is_new
    }

    /// Something of an author was asked for, of whom this was delivered last, and nobody had it. False where it has a name, or
    /// nothing waits for it anyway.
    pub(super) fn doubt(&mut self, author: NodeId, last: u64) -> bool {
        let is_asked = self.is_asked(&author);
        if is_asked {
            self.set(author, AuthorState::Doubted(last));
        }
        is_asked
    }

    /// Notes where an author stands, and returns where it stood.
    fn set(&mut self, author: NodeId, state: AuthorState) -> Option<AuthorState> {
        let before = self.states.insert(author, state);
        self.asides += usize::from(state.last_aside().is_some());
        self.asides -= usize::from(before.is_some_and(|state| state.last_aside().is_some()));
        before
    }

    /// Nothing waits for an author of whom nothing is known.
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

    /// For what a bundle waits that depends on an author's words.
    pub(super) fn wait_for(&self, author: &NodeId) -> WaitFor {
        match self.state(author) {
            Some(AuthorState::Named | AuthorState::Asked) => WaitFor::Words,
            Some(_) => WaitFor::Nothing,
            None => WaitFor::News,
        }
    }

    /// True where anything is known of an author.
    pub(super) fn has_state(&self, author: &NodeId) -> bool {
        self.states.contains_key(author)
    }

    /// True where an author's bundles are let through.
    pub(super) fn knows(&self, author: &NodeId) -> bool {
        let state = self.state(author);
        state.is_some_and(|state| state != AuthorState::Overlooked)
    }

    /// True where an author's words take part in the order.
    pub(super) fn is_ordered(&self, author: &NodeId) -> bool {
        self.wait_for(author) == WaitFor::Words
    }

    pub(super) fn is_aside(&self, author: &NodeId) -> bool {
        self.last_aside(author).is_some()
    }

    /// True for an author that was asked for and has no name.
    pub(super) fn is_asked(&self, author: &NodeId) -> bool {
        self.state(author) == Some(AuthorState::Asked)
    }

    /// How many are heard aside.
    pub(super) const fn asides(&self) -> usize {
        self.asides
    }

    /// The last message of an author that is heard aside.
    pub(super) fn last_aside(&self, author: &NodeId) -> Option<u64> {
        self.state(author).and_then(AuthorState::last_aside)
    }

    /// Notes that so much of an author was delivered; false where it is not heard aside.
    pub(super) fn advance_aside(&mut self, author: &NodeId, seq: u64) -> bool {
        let state = self.states.get_mut(author);
        let Some(AuthorState::Aside(last) | AuthorState::Doubted(last)) = state else {
            return false;
        };
        *last = seq.max(*last);
        true
    }

    /// Nobody is let through but those of whom this is true.
    pub(super) fn retain(&mut self, is_known: impl Fn(&NodeId) -> bool) {
        self.states
            .retain(|author, state| *state == AuthorState::Overlooked || is_known(author));
        let asides = self
            .states
            .values()
            .filter(|state| state.last_aside().is_some());
        self.asides = asides.count();
    }
}

impl Causal {
    /// Lets an author's bundles through, and has others wait for them.
    pub(crate) fn admit(&mut self, author: NodeId) {
        let aside = self.authors.admit(author);
        self.let_through(author, aside);
    }

    /// The same for one that was asked for, and that nobody has named.
    pub(crate) fn admit_asked(&mut self, author: NodeId) {
        let aside = self.authors.admit_asked(author);
        self.let_through(author, aside);
    }

    /// An author is ordered from now on, if that is news: so much of it was delivered aside.
    fn let_through(&mut self, author: NodeId, aside: Option<u64>) {
        if let Some(aside) = aside {
            debug_assert!(self.is_ordered(&author));
            self.clock.advance(author, aside);
            self.release(news_of(author));
        }
    }

    /// Lets an author's bundles through that nobody has named and somebody passes on. They are shown, and nothing depends on
    /// them: they may be heard here and not elsewhere, and whoever makes up authors is to keep back nothing. The clock, which
    /// all are to share, has nothing of them.
    pub(crate) fn admit_aside(&mut self, author: NodeId) {
        if self.authors.admit_aside(author, self.clock.get(&author)) {
            self.release(news_of(author));
        }
    }

    /// Somebody has named an author; that matters where anything waits for it.
    pub(crate) fn note_named(&mut self, author: NodeId) {
        if self.authors.has_state(&author) || self.waiting.contains_key(&news_of(author)) {
            self.admit(author);
        }
    }

    /// The authors of whom nothing is known, and something waits to hear of them.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = NodeId> + '_ {
        let news = self.waiting.keys().filter(|awaited| awaited.seq == 0);
        news.map(|news| news.author)
    }

    /// True where a bundle may come to wait to hear of somebody on whose words it depends.
    pub(crate) fn may_wait_for_news(&self, bundle: &Bundle) -> bool {
        let mut missing = self.missing_heads(bundle);
        missing.any(|author| self.authors.wait_for(&author) != WaitFor::Words)
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

    /// Nobody has a message that was searched for. If its author has no name, nothing waits any longer for what it has said;
    /// and what waited for this waits for the words of nobody who has none: it may name as many such authors as it likes.
    pub(crate) fn doubt(&mut self, message: MessageId) {
        let author = message.author;
        if !self.authors.doubt(author, self.clock.get(&author)) {
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

    /// The authors of what a bundle depends on and is not here.
    fn missing_heads(&self, bundle: &Bundle) -> impl Iterator<Item = NodeId> {
        let missing = bundle.heads.iter();
        let missing = missing.filter(|head| !self.has_delivered(**head));
        missing.map(|head| head.author)
    }

    /// There is no room for an author: nothing waits for what it says.
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
    fn a_bounded_number_of_authors_is_overlooked() {
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
        assert_eq!(authors.wait_for(&nth(1)), WaitFor::Words);
    }

    #[test]
    fn whoever_was_heard_aside_goes_on_from_there() {
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
    fn nothing_depends_on_whoever_is_heard_aside() {
        let mut causal = causal();
        causal.admit_aside(id(9));
        give(&mut causal, &bundle(1, 1, 1, &[]));
        let aside = bundle(9, 1, 7, &[(1, 1), (2, 5)]);
        give(&mut causal, &aside);
        assert_eq!(delivered(&mut causal), [(1, 1)]);
        causal.go_without(aside.last_id(), |_| false);
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
    fn a_stranger_is_waited_for_until_it_is_known_or_overlooked() {
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
                let goes_on = causal.go_without(first, |_| sought);
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
    fn a_bundle_that_goes_without_does_so_whatever_is_forgotten() {
        let mut causal = causal();
        let bundle = bundle(1, 1, 3, &[(8, 1), (9, 1), (2, 1)]);
        give(&mut causal, &bundle);
        assert!(!causal.go_without(bundle.last_id(), |_| false));
        for number in 0..10_000_u32 {
            let mut stranger = [7; 16];
            stranger[..4].copy_from_slice(&number.to_be_bytes());
            causal.overlook(NodeId::from_bytes(stranger));
        }
        give(&mut causal, &self::bundle(2, 1, 2, &[]));
        assert_eq!(delivered(&mut causal), [(2, 1), (1, 1)]);
    }

    #[test]
    fn whoever_is_said_to_have_said_what_nobody_has_is_waited_for_no_more() {
        let mut causal = causal();
        for nameless in [7, 8, 9] {
            causal.admit_asked(id(nameless));
        }
        give(&mut causal, &bundle(9, 1, 1, &[]));
        give(&mut causal, &bundle(1, 1, 3, &[(7, 1), (8, 1), (9, 5)]));
        assert_eq!(delivered(&mut causal), [(9, 1)]);
        let message = |author, seq| bundle(author, seq, 1, &[]).last_id();
        causal.doubt(message(2, 1));
        assert_eq!(delivered(&mut causal), [], "somebody else");
        causal.doubt(message(7, 1));
        assert_eq!(delivered(&mut causal), [(1, 1)], "each once is enough");

        give(&mut causal, &bundle(2, 1, 4, &[(9, 4)]));
        assert_eq!(delivered(&mut causal), []);
        causal.doubt(message(9, 4));
        causal.admit_asked(id(9));
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
        assert_eq!(causal.authors.asides(), 1);
    }

    #[test]
    fn a_name_ends_that_an_author_is_overlooked() {
        let mut causal = causal();
        causal.overlook(id(9));
        causal.note_named(id(9));
        give(&mut causal, &bundle(1, 1, 2, &[(9, 1)]));
        assert_eq!(delivered(&mut causal), []);
    }
}

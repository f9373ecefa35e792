//! Causal delivery: which bundles may be delivered, and which are held back until they may.
//!
//! A bundle is deliverable when its author is known, and the author's previous message and every head have been
//! delivered (`PROTOCOL.md` §4.3). Not here: the arrival of bundles (`spread`), and the recovery of missing ones
//! (`repair`).

mod author_states;
mod held;
mod lamport;
#[cfg(test)]
mod test_support;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use ringtalk_wire::{Bundle, MessageId, NodeId, Sealed, VectorClock};

use crate::Time;
use crate::config::{HELD_BYTES, HELD_MESSAGES};
use crate::planted::{Planted, PlantedBug};
use crate::ranking::Ranking;
use author_states::{AuthorStates, WaitFor};

use lamport::Advances;

pub(crate) use lamport::LamportVerdict;

/// The outcome for a bundle that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reception {
    /// It is new: it is ready for delivery or held back.
    New,
    /// It was delivered before, or is held back already.
    Known,
    /// It overlaps earlier messages of its author, so it cannot be genuine.
    Refused,
}

/// A bundle that is due for delivery.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Deliverable {
    /// Its exact bytes.
    pub(crate) sealed: Sealed,
    /// The decoded bytes.
    pub(crate) bundle: Bundle,
}

/// Returns the placeholder for news of an author, among the messages that held bundles wait for.
const fn news_of(author: NodeId) -> MessageId {
    MessageId { author, seq: 0 }
}

/// A bundle that is held back.
#[derive(Debug)]
struct HeldBundle {
    deliverable: Deliverable,
    /// The message that it waits for; `None` if it is ready.
    awaits: Option<MessageId>,
    patience: Patience,
}

/// Which authors' missing messages a bundle waits for, among those that it depends on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Patience {
    /// All ordered authors; and the bundle waits for news of unknown authors.
    Long,
    /// All ordered authors.
    Short,
    /// Authors that have a name.
    None,
}

/// The clock of the delivered messages, and the bundles that wait for it to advance.
#[derive(Debug, Default)]
pub(crate) struct Causal {
    clock: VectorClock,
    /// The delivered messages that no delivered message depends on, with their Lamport times: the transitive
    /// reduction of the clock, and the heads of the next message of this node.
    frontier: BTreeMap<NodeId, (u64, u64)>,
    lamport: u64,
    /// The Lamport time that the discussion had reached when this node joined, raised since by authors that were too
    /// far ahead.
    horizon: u64,
    advances: Advances,
    authors: AuthorStates,
    /// Held bundles, by the id of their first message.
    held: BTreeMap<MessageId, HeldBundle>,
    /// For each missing message, or news of an author, the held bundles that wait for it.
    waiting: BTreeMap<MessageId, BTreeSet<MessageId>>,
    ready: BTreeSet<MessageId>,
    /// How many messages of each author wait, and how many are ready.
    waiting_burden: Ranking<NodeId>,
    ready_burden: Ranking<NodeId>,
    /// For authors whose held messages directly follow the delivered ones: the first message that is not here.
    reached: BTreeMap<NodeId, u64>,
    held_messages: usize,
    held_bytes: usize,
    planted: Planted,
}

impl Causal {
    /// Activates a planted bug, if it is one of this machine's.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn plant(&mut self, planted: Planted) {
        self.planted = planted;
    }

    /// Makes held bundles wait for nothing, so that nothing ever delivers them: a planted bug.
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn forget_held(&mut self) {
        self.waiting.clear();
        for first in core::mem::take(&mut self.ready) {
            let messages = self.messages_of(first);
            self.ready_burden.take(first.author, messages);
            self.waiting_burden.add(first.author, messages);
        }
    }

    /// Returns a held bundle that has a message in common with this one.
    pub(crate) fn overlapping_held(&self, bundle: &Bundle) -> Option<&Sealed> {
        let last = bundle.last_id();
        let from = MessageId { seq: 0, ..last };
        let (_, held) = self.held.range(from..=last).next_back()?;
        let Deliverable {
            sealed,
            bundle: held,
        } = &held.deliverable;
        (bundle.first <= held.last()).then_some(sealed)
    }

    /// Returns the clock of the delivered messages.
    pub(crate) const fn clock(&self) -> &VectorClock {
        &self.clock
    }

    /// Returns the greatest Lamport time of the delivered messages.
    pub(crate) const fn lamport(&self) -> u64 {
        self.lamport
    }

    /// Returns how many messages are held back, and their bytes.
    pub(crate) const fn held_load(&self) -> (usize, usize) {
        (self.held_messages, self.held_bytes)
    }

    /// Starts the clock at the base of the history, which lies somewhere below the Lamport time `lamport`.
    pub(crate) fn start(&mut self, base: &VectorClock, lamport: u64) {
        self.horizon = lamport;
        for entry in base.iter() {
            self.advance(entry);
        }
    }

    /// Returns true if an author is heard aside: nothing depends on its messages, and no peer is told of them.
    pub(crate) fn is_aside(&self, author: &NodeId) -> bool {
        self.authors.is_aside(author)
    }

    /// Returns the sequence number of an author's last message that was delivered or passed.
    pub(crate) fn last_of(&self, author: &NodeId) -> u64 {
        let aside = self.authors.last_aside(author);
        aside.unwrap_or_else(|| self.clock.get(author))
    }

    /// Returns true if a message was delivered or passed.
    pub(crate) fn has_delivered(&self, message: MessageId) -> bool {
        self.last_of(&message.author) >= message.seq
    }

    /// Returns how many authors were heard.
    pub(crate) fn author_count(&self) -> usize {
        self.clock.len() + self.authors.aside_count()
    }

    /// Returns true if an author is ordered: its messages take part in the order that all members share.
    pub(crate) fn is_ordered(&self, author: &NodeId) -> bool {
        self.authors.is_ordered(author)
    }

    /// Returns true if the author's bundles are let through.
    pub(crate) fn knows(&self, author: &NodeId) -> bool {
        self.authors.knows(author)
    }

    /// Returns true if a message of this author was delivered or passed, or is held back.
    pub(crate) fn has_any_of(&self, author: &NodeId) -> bool {
        let author = *author;
        let from = MessageId { author, seq: 0 };
        let to = MessageId {
            author,
            seq: u64::MAX,
        };
        self.last_of(&author) > 0 || self.held.range(from..=to).next().is_some()
    }

    /// Lets through only bundles of authors for whom `is_known` is true. Nothing of the others may be held.
    pub(crate) fn forget_authors(&mut self, is_known: impl Fn(&NodeId) -> bool) {
        self.authors.retain(is_known);
    }

    /// Returns the heads and the Lamport time of this node's next message. If there are more than `most` heads,
    /// returns those with the greatest Lamport times. The others stay in the frontier, and are heads of what this
    /// node says after that.
    pub(crate) fn heads(&self, most: usize) -> (Vec<MessageId>, u64) {
        let mut latest: Vec<(u64, MessageId)> = self
            .frontier
            .iter()
            .map(|(&author, &(seq, lamport))| (lamport, MessageId { author, seq }))
            .collect();
        if latest.len() > most {
            latest.sort_unstable_by(|one, other| other.cmp(one));
            latest.truncate(most);
        }
        let mut heads: Vec<MessageId> = latest.into_iter().map(|(_, id)| id).collect();
        heads.sort_unstable();
        debug_assert!(
            heads.iter().all(|head| self.has_delivered(*head)),
            "nobody else could deliver what is said next"
        );
        (heads, self.lamport + 1)
    }

    /// Notes that this node has said a message of this Lamport time, which it may not have delivered again.
    pub(crate) fn raise_lamport(&mut self, lamport: u64) {
        self.lamport = self.lamport.max(lamport);
    }

    /// Takes a bundle in; call [`Causal::next`] until it returns `None`.
    pub(crate) fn receive(
        &mut self,
        sealed: Sealed,
        bundle: Bundle,
        patience: Patience,
    ) -> Reception {
        debug_assert!(
            bundle.first > 0 && !bundle.messages.is_empty(),
            "whatever can be read says something"
        );
        let known = self.last_of(&bundle.author);
        let first = MessageId {
            author: bundle.author,
            seq: bundle.first,
        };
        if bundle.last() <= known || self.held.contains_key(&first) {
            return Reception::Known;
        }
        if bundle.first <= known {
            return Reception::Refused;
        }
        self.held_messages += bundle.messages.len();
        self.held_bytes += sealed.weight();
        self.waiting_burden
            .add(bundle.author, bundle.messages.len());
        let held = HeldBundle {
            deliverable: Deliverable { sealed, bundle },
            awaits: None,
            patience,
        };
        self.held.insert(first, held);
        self.file(first);
        self.note_reached(first.author);
        self.shed();
        debug_assert!(self.held_messages <= HELD_MESSAGES && self.held_bytes <= HELD_BYTES);
        Reception::New
    }

    /// Returns the next bundle to deliver, and what its Lamport time is worth. The clock has passed the bundle by
    /// then, unless its time is too far ahead: then the caller passes it. `lamport_of` returns the Lamport time of a
    /// delivered message, if that is still known.
    pub(crate) fn next(
        &mut self,
        now: Time,
        is_member: impl Fn(&NodeId) -> bool,
        lamport_of: impl Fn(MessageId) -> Option<u64>,
    ) -> Option<(Deliverable, LamportVerdict)> {
        let first = self.ready.first().copied()?;
        debug_assert!(self.held.contains_key(&first), "what is ready is held");
        let deliverable = self.unfile(first)?;
        debug_assert!(!self.holds(first), "what is delivered waits no more");
        let bundle = &deliverable.bundle;
        let worth = self.judge(now, bundle, is_member(&bundle.author), lamport_of);
        if worth != LamportVerdict::TooFar {
            self.deliver(bundle);
        }
        Some((deliverable, worth))
    }

    /// Moves the clock over a bundle, another author's or one's own that was just closed.
    pub(crate) fn deliver(&mut self, bundle: &Bundle) {
        if self.is_aside(&bundle.author) && !self.planted.has(PlantedBug::WaitForStrangers) {
            return self.advance(bundle.last_id());
        }
        for head in &bundle.heads {
            if self
                .frontier
                .get(&head.author)
                .is_some_and(|&(seq, _)| seq <= head.seq)
            {
                self.frontier.remove(&head.author);
            }
        }
        let last = (bundle.last(), bundle.last_lamport());
        self.frontier.insert(bundle.author, last);
        self.lamport = self.lamport.max(bundle.last_lamport());
        self.advance(bundle.last_id());
        debug_assert!(self.has_delivered(bundle.last_id()));
    }

    /// Moves the clock over messages that nobody can supply any more.
    pub(crate) fn advance(&mut self, up_to: MessageId) {
        if !self.authors.advance_aside(&up_to.author, up_to.seq) {
            self.clock.advance(up_to.author, up_to.seq);
        }
        self.release(up_to);
        self.forget_passed(up_to);
        self.note_reached(up_to.author);
    }

    /// Returns true if the message was delivered or is held back.
    pub(crate) fn has(&self, message: MessageId) -> bool {
        self.has_delivered(message) || self.holds(message)
    }

    /// Returns how many messages, or news of authors, are waited for.
    pub(crate) fn awaited(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the missing messages that held bundles wait for, each with the author of one that waits. Sequence
    /// number 0 stands for the author's admission.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (MessageId, NodeId)> + '_ {
        let missing = self.waiting.iter();
        missing
            .filter(|&(message, _)| message.seq == 0 || !self.holds(*message))
            .filter_map(|(&message, dependants)| Some((message, dependants.first()?.author)))
    }

    /// Returns the bytes of a held bundle, by the id of its first message.
    pub(crate) fn held(&self, first: MessageId) -> Option<&Sealed> {
        self.held.get(&first).map(|held| &held.deliverable.sealed)
    }

    /// Returns the same bytes mutably, so that simulated nodes can share one copy.
    #[cfg(feature = "simulation")]
    pub(crate) fn held_mut(&mut self, first: MessageId) -> Option<&mut Sealed> {
        let held = self.held.get_mut(&first)?;
        Some(&mut held.deliverable.sealed)
    }

    /// Notes what a held bundle waits for: one missing message at a time.
    fn file(&mut self, first: MessageId) {
        let Some(held) = self.held.get(&first) else {
            return;
        };
        let unmet = self.first_unmet(&held.deliverable.bundle, held.patience);
        debug_assert_ne!(unmet, Some(first), "nothing waits for itself");
        if let Some(held) = self.held.get_mut(&first) {
            held.awaits = unmet;
        }
        match unmet {
            Some(_) if self.planted.has(PlantedBug::DropInsteadOfHolding) => {}
            Some(missing) => {
                self.waiting.entry(missing).or_default().insert(first);
            }
            None => {
                if self.ready.insert(first) {
                    let messages = self.messages_of(first);
                    self.waiting_burden.take(first.author, messages);
                    self.ready_burden.add(first.author, messages);
                }
            }
        }
    }

    fn first_unmet(&self, bundle: &Bundle, patience: Patience) -> Option<MessageId> {
        let author = bundle.author;
        if !self.knows(&author) {
            return Some(news_of(author));
        }
        let previous = MessageId {
            author,
            seq: bundle.first - 1,
        };
        core::iter::once(&previous)
            .chain(&bundle.heads)
            .filter(|needed| {
                !self.has_delivered(**needed) && !self.skips_dependency(author, needed)
            })
            .find_map(|&needed| {
                if needed.author == author {
                    return Some(needed);
                }
                let waits = patience == Patience::Long || !self.is_aside(&author);
                self.obstacle(needed, patience).filter(|_| waits)
            })
    }

    /// Returns what a bundle waits for if it depends on another author's message that is not here.
    fn obstacle(&self, needed: MessageId, patience: Patience) -> Option<MessageId> {
        match self.authors.wait_for(&needed.author) {
            _ if self.planted.has(PlantedBug::WaitForStrangers) => Some(needed),
            WaitFor::Messages => {
                let waits = patience < Patience::None || !self.authors.is_requested(&needed.author);
                waits.then_some(needed)
            }
            WaitFor::News
                if patience > Patience::Long || self.planted.has(PlantedBug::OverlookStrangers) =>
            {
                None
            }
            WaitFor::News => Some(news_of(needed.author)),
            WaitFor::Nothing => None,
        }
    }

    /// Returns true if a planted bug delivers a message without this dependency.
    fn skips_dependency(&self, author: NodeId, needed: &MessageId) -> bool {
        if needed.author == author {
            self.planted.has(PlantedBug::DeliverWithoutPrevious)
        } else {
            self.planted.has(PlantedBug::DeliverWithoutHeads)
        }
    }

    /// Files the bundles again that waited for messages up to this one.
    fn release(&mut self, up_to: MessageId) {
        let from = MessageId { seq: 0, ..up_to };
        let met: Vec<MessageId> = self
            .waiting
            .range(from..=up_to)
            .map(|(&missing, _)| missing)
            .collect();
        for missing in met {
            for first in self.waiting.remove(&missing).unwrap_or_default() {
                self.file(first);
            }
        }
    }

    /// Drops held bundles that the clock has passed: they came twice, by different ways.
    fn forget_passed(&mut self, up_to: MessageId) {
        let from = MessageId { seq: 0, ..up_to };
        let passed: Vec<MessageId> = self.held.range(from..=up_to).map(|(&id, _)| id).collect();
        for first in passed {
            let deliverable = self.unfile(first);
            if deliverable.is_some_and(|passed| passed.bundle.last() > up_to.seq) {
                self.note_dropped(MessageId {
                    seq: up_to.seq + 1,
                    ..up_to
                });
            }
        }
    }

    fn unfile(&mut self, first: MessageId) -> Option<Deliverable> {
        self.stop_waiting(first);
        let HeldBundle { deliverable, .. } = self.held.remove(&first)?;
        self.held_messages -= deliverable.bundle.messages.len();
        self.held_bytes -= deliverable.sealed.weight();
        let burden = if self.ready.remove(&first) {
            &mut self.ready_burden
        } else {
            &mut self.waiting_burden
        };
        burden.take(first.author, deliverable.bundle.messages.len());
        Some(deliverable)
    }

    /// Ends the wait of a held bundle.
    fn stop_waiting(&mut self, first: MessageId) {
        let held = self.held.get_mut(&first);
        let Some(awaited) = held.and_then(|held| held.awaits.take()) else {
            return;
        };
        if let Some(dependants) = self.waiting.get_mut(&awaited) {
            dependants.remove(&first);
            if dependants.is_empty() {
                self.waiting.remove(&awaited);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::test_support::*;
    use super::*;

    #[test]
    fn a_bundle_waits_for_its_heads_and_for_the_authors_previous_message() {
        let mut causal = causal();
        give(&mut causal, &bundle(2, 2, 3, &[(2, 1)]));
        give(&mut causal, &bundle(2, 1, 2, &[(1, 1)]));
        assert_eq!(delivered(&mut causal), []);
        let missing: Vec<MessageId> = causal.missing().map(|(message, _)| message).collect();
        assert_eq!(missing, [bundle(1, 1, 1, &[]).last_id()]);
        give(&mut causal, &bundle(1, 1, 1, &[]));
        assert_eq!(delivered(&mut causal), [(1, 1), (2, 1), (2, 2)]);
        assert_eq!(causal.held_messages, 0);
        assert_eq!(causal.held_bytes, 0);
        assert!(causal.waiting.is_empty());
    }

    #[test]
    fn a_bundle_is_delivered_once() {
        let mut causal = causal();
        let first = bundle(1, 1, 1, &[]);
        assert_eq!(give(&mut causal, &first), Reception::New);
        assert_eq!(give(&mut causal, &first), Reception::Known);
        assert_eq!(delivered(&mut causal), [(1, 1)]);
        assert_eq!(give(&mut causal, &first), Reception::Known);
        assert_eq!(delivered(&mut causal), []);
    }

    #[test]
    fn heads_are_the_transitive_reduction() {
        let mut causal = causal();
        give(&mut causal, &bundle(1, 1, 1, &[]));
        give(&mut causal, &bundle(2, 1, 2, &[(1, 1)]));
        give(&mut causal, &bundle(3, 1, 1, &[]));
        delivered(&mut causal);
        let (heads, lamport) = causal.heads(9);
        let heads: Vec<u8> = heads.iter().map(|head| head.author.as_bytes()[0]).collect();
        assert_eq!(heads, [2, 3], "1 is covered by 2");
        assert_eq!(lamport, 3);
    }

    #[test]
    fn an_author_waits_for_its_admission() {
        let mut causal = causal();
        give(&mut causal, &bundle(9, 1, 1, &[]));
        assert_eq!(delivered(&mut causal), []);
        causal.admit(id(9));
        assert_eq!(delivered(&mut causal), [(9, 1)]);
    }

    #[test]
    fn the_latest_heads_come_first_and_the_others_with_the_next_bundle() {
        let mut causal = causal();
        for (author, lamport) in [(1, 3), (2, 1), (3, 2)] {
            causal.deliver(&bundle(author, 1, lamport, &[]));
        }
        let (heads, lamport) = causal.heads(2);
        assert_eq!(
            heads,
            [id(1), id(3)].map(|author| MessageId { author, seq: 1 })
        );
        let mut own = bundle(4, 1, lamport, &[]);
        own.heads = heads;
        causal.deliver(&own);
        let (heads, _) = causal.heads(2);
        assert_eq!(
            heads,
            [id(2), id(4)].map(|author| MessageId { author, seq: 1 })
        );
    }

    #[test]
    fn skipping_a_gap_releases_the_waiting_bundles() {
        let mut causal = causal();
        give(&mut causal, &bundle(2, 1, 8, &[(1, 5)]));
        causal.advance(bundle(1, 5, 1, &[]).last_id());
        assert_eq!(delivered(&mut causal), [(2, 1)]);
    }
}

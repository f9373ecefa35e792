//! Held bundles: how far they reach, and which of them are dropped when there are too many.
//!
//! The cost of these functions per bundle does not grow with how much is held, since one member may make others hold
//! very much. Not here: the dependencies of a bundle (`causal`), and the author with most (`ranking`).

use alloc::collections::btree_map::Entry;

use ringtalk_wire::{MessageId, NodeId};

use super::Causal;
use crate::config::{HELD_BYTES, HELD_MESSAGES};

impl Causal {
    /// Returns the first message of an author that is neither delivered nor held back.
    pub(crate) fn first_missing(&self, author: NodeId) -> u64 {
        let reached = self.reached.get(&author).copied().unwrap_or(0);
        let mut next = reached.max(self.last_of(&author) + 1);
        while let Some(held) = self.held.get(&MessageId { author, seq: next }) {
            next = held.deliverable.bundle.last() + 1;
        }
        next
    }

    /// Notes the first missing message of an author, so that its held bundles are walked over once, however often
    /// [`Causal::first_missing`] is called.
    pub(super) fn note_reached(&mut self, author: NodeId) {
        if self.held.is_empty() && self.reached.is_empty() {
            return;
        }
        let next = self.first_missing(author);
        if next > self.last_of(&author) + 1 {
            self.reached.insert(author, next);
        } else {
            self.reached.remove(&author);
        }
        debug_assert!(
            self.reached.len() <= self.held.len(),
            "it is noted only of whom something is held"
        );
    }

    /// Notes that a held bundle was dropped without being delivered.
    pub(super) fn note_dropped(&mut self, first: MessageId) {
        let last = self.last_of(&first.author);
        if let Entry::Occupied(mut reached) = self.reached.entry(first.author) {
            let next = first.seq.min(*reached.get());
            if next > last + 1 {
                reached.insert(next);
            } else {
                reached.remove();
            }
        }
    }

    /// Returns how many messages a held bundle has.
    pub(super) fn messages_of(&self, first: MessageId) -> usize {
        let held = self.held.get(&first);
        held.map_or(0, |held| held.deliverable.bundle.messages.len())
    }

    pub(super) fn holds(&self, message: MessageId) -> bool {
        let from = MessageId { seq: 0, ..message };
        let before = self.held.range(from..=message).next_back();
        before.is_some_and(|(_, held)| held.deliverable.bundle.last() >= message.seq)
    }

    /// Drops bundles while a bound is exceeded: the newest of the author with most pending. Anti-entropy brings them
    /// back when there is room.
    pub(super) fn shed(&mut self) {
        while (self.held_messages > HELD_MESSAGES || self.held_bytes > HELD_BYTES)
            && self.give_way()
        {}
    }

    /// Drops one bundle: the newest of the author with most pending. Returns false if none is held.
    pub(crate) fn give_way(&mut self) -> bool {
        let any_waits = self.held.len() > self.ready.len();
        let burden = if any_waits {
            &self.waiting_burden
        } else {
            &self.ready_burden
        };
        let Some(author) = burden.heaviest() else {
            return false;
        };
        let [from, to] = [0, u64::MAX].map(|seq| MessageId { author, seq });
        let mut newest = self.held.range(from..=to).rev().map(|(&first, _)| first);
        let Some(newest) = newest.find(|first| !any_waits || !self.ready.contains(first)) else {
            debug_assert!(false, "an author that has a burden has a bundle");
            return false;
        };
        self.unfile(newest);
        self.note_dropped(newest);
        true
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::super::test_support::*;
    use super::*;

    /// Gives, sheds, delivers and passes at random, and compares what is noted with a walk over everything.
    #[test]
    fn the_cached_first_missing_message_equals_that_of_a_full_walk() {
        let mut random = 1_u64;
        let mut below = |most: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % most
        };
        let mut causal = causal();
        for _ in 0..4_000 {
            let author = 1 + below(3) as u8;
            let speaker = id(author);
            let seq = causal.last_of(&speaker) + 1 + below(12);
            match below(20) {
                0 => causal.advance(MessageId {
                    author: speaker,
                    seq,
                }),
                1 => {
                    let newest = causal.held.keys().next_back().copied();
                    if let Some(newest) = newest {
                        causal.unfile(newest);
                        causal.note_dropped(newest);
                    }
                }
                2 => drop(delivered(&mut causal)),
                _ => {
                    let waits = [(9, 1_000)];
                    let heads = if below(2) == 0 { &waits[..] } else { &[] };
                    give(&mut causal, &bundle(author, seq, seq, heads));
                }
            }
            for author in (1..=3).map(id) {
                let mut next = causal.last_of(&author) + 1;
                while causal.holds(MessageId { author, seq: next }) {
                    next += 1;
                }
                assert_eq!(causal.first_missing(author), next);
            }
            for author in (1..=3).map(id) {
                let noted = causal.reached.get(&author).copied();
                let next = causal.first_missing(author);
                let expected = Some(next).filter(|next| *next > causal.last_of(&author) + 1);
                assert_eq!(noted, expected, "nothing is left to be walked over");
            }
            assert_eq!(causal.waiting_burden.heaviest(), heaviest(&causal, false));
            assert_eq!(causal.ready_burden.heaviest(), heaviest(&causal, true));
        }
    }

    fn heaviest(causal: &Causal, ready: bool) -> Option<NodeId> {
        let mut burdens: BTreeMap<NodeId, usize> = BTreeMap::new();
        for (first, held) in &causal.held {
            if causal.ready.contains(first) == ready {
                let messages = held.deliverable.bundle.messages.len();
                *burdens.entry(first.author).or_default() += messages;
            }
        }
        let heaviest = burdens
            .into_iter()
            .max_by_key(|&(author, burden)| (burden, author));
        heaviest.map(|(author, _)| author)
    }

    #[test]
    fn the_hold_back_queue_is_bounded_and_sheds_the_newest() {
        let mut causal = causal();
        for seq in (2..).take(HELD_MESSAGES + 10) {
            give(&mut causal, &bundle(1, seq, seq, &[]));
        }
        assert_eq!(causal.held_messages, HELD_MESSAGES);
        assert!(!causal.has(bundle(1, HELD_MESSAGES as u64 + 11, 1, &[]).last_id()));
        give(&mut causal, &bundle(1, 1, 1, &[]));
        assert_eq!(delivered(&mut causal).len(), HELD_MESSAGES);
    }
}

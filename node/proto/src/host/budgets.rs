//! The budgets of a process: how much its rings may keep together.
//!
//! As long as the sum is within a budget, only the bounds of each ring count. Beyond it, the ring with most gives way
//! first: it evicts the oldest bundles of its log, or drops the newest of those that it holds back, which are pulled
//! later. Parked bundles cannot be dropped, because their senders rely on this node to relay them. So a ring parks no
//! more than what it leaves free, and a ring that floods the process leaves room for the others. Not here: what a ring
//! drops (`machines`), and the order of sending (the driver).

use ringtalk_wire::RingId;

use crate::Load;
use crate::config::{HELD_BYTES, HELD_MESSAGES, UNLISTED_BYTES};
use crate::node::{Droppable, RingAllowance};
use crate::ranking::Ranking;

/// What all rings keep, by kind.
#[derive(Debug)]
pub(super) struct Budgets {
    log_bytes: Budget,
    held_messages: Budget,
    held_bytes: Budget,
    parked_bytes: Budget,
    unlisted_bytes: Budget,
    /// True if each ring has the whole of each budget: a planted bug.
    #[cfg(feature = "planted-bugs")]
    are_per_room: bool,
}

/// What all rings keep of one kind, and the most that they may keep.
#[derive(Debug)]
struct Budget {
    most: usize,
    kept: Ranking<RingId>,
}

impl Budget {
    fn of(most: usize) -> Self {
        Self {
            most,
            kept: Ranking::default(),
        }
    }

    /// Returns the ring that gives way, if the rings keep too much.
    fn gives_way(&self) -> Option<RingId> {
        self.kept
            .heaviest()
            .filter(|_| self.kept.total() > self.most)
    }

    /// Returns how much a ring may keep before it gives way: it does not before another ring has most, nor before the
    /// budget is used up.
    fn before_giving_way(&self, ring: &RingId) -> usize {
        let free = self.most.saturating_sub(self.kept.total());
        let heaviest = self.kept.heaviest().map_or(0, |ring| self.kept.of(&ring));
        heaviest.max(self.kept.of(ring) + free)
    }

    /// Returns how much a ring may keep if it leaves as much free.
    fn half_of_rest(&self, ring: &RingId) -> usize {
        let others = self.kept.total() - self.kept.of(ring);
        self.most.saturating_sub(others) / 2
    }
}

impl Budgets {
    /// Returns the budgets of a process whose logs have so many bytes together.
    pub(super) fn new(log_bytes: usize) -> Self {
        Self {
            log_bytes: Budget::of(log_bytes),
            held_messages: Budget::of(HELD_MESSAGES),
            held_bytes: Budget::of(HELD_BYTES),
            parked_bytes: Budget::of(HELD_BYTES),
            unlisted_bytes: Budget::of(UNLISTED_BYTES),
            #[cfg(feature = "planted-bugs")]
            are_per_room: false,
        }
    }

    /// Gives each ring the whole of each budget: a planted bug.
    #[cfg(feature = "planted-bugs")]
    pub(super) const fn plant(&mut self) {
        self.are_per_room = true;
    }

    /// Notes what a ring keeps.
    pub(super) fn note(&mut self, ring: RingId, load: &Load) {
        self.log_bytes.kept.set(ring, load.logged_bytes);
        self.held_messages.kept.set(ring, load.held_messages);
        self.held_bytes.kept.set(ring, load.held_bytes);
        self.parked_bytes.kept.set(ring, load.parked_bytes);
        self.unlisted_bytes.kept.set(ring, load.unlisted_bytes);
    }

    /// Returns the ring that gives way next, and with what, until all budgets are kept.
    pub(super) fn next_to_give_way(&self) -> Option<(RingId, Droppable)> {
        #[cfg(feature = "planted-bugs")]
        if self.are_per_room {
            return None;
        }
        debug_assert!(
            [&self.parked_bytes, &self.unlisted_bytes]
                .iter()
                .all(|budget| budget.gives_way().is_none()),
            "no ring exceeds its allowance"
        );
        let logged = self.log_bytes.gives_way();
        let logged = logged.map(|ring| (ring, Droppable::Logged));
        let held = self.held_bytes.gives_way();
        let held = held.or_else(|| self.held_messages.gives_way());
        logged.or_else(|| Some((held?, Droppable::Held)))
    }

    /// Returns how much a ring may keep beside the others.
    pub(super) fn allowance(&self, ring: &RingId) -> RingAllowance {
        #[cfg(feature = "planted-bugs")]
        if self.are_per_room {
            return self.whole();
        }
        RingAllowance {
            logged: self.log_bytes.before_giving_way(ring),
            parked: self.parked_bytes.half_of_rest(ring),
            unlisted: self.unlisted_bytes.half_of_rest(ring),
        }
    }

    /// Returns how much a ring may keep if there is no other.
    pub(super) const fn whole(&self) -> RingAllowance {
        RingAllowance {
            logged: self.log_bytes.most,
            parked: self.parked_bytes.most,
            unlisted: self.unlisted_bytes.most,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const LOGS: usize = 1_000;

    fn ring(byte: u8) -> RingId {
        RingId::from_bytes([byte; 16])
    }

    fn logged(bytes: usize) -> Load {
        Load {
            logged_bytes: bytes,
            ..Load::default()
        }
    }

    #[test]
    fn the_log_with_most_gives_way_once_all_logs_together_have_too_much() {
        let mut budgets = Budgets::new(LOGS);
        budgets.note(ring(1), &logged(700));
        budgets.note(ring(2), &logged(300));
        assert_eq!(budgets.next_to_give_way(), None);
        budgets.note(ring(2), &logged(301));
        let expected = Some((ring(1), Droppable::Logged));
        assert_eq!(budgets.next_to_give_way(), expected);
        budgets.note(ring(2), &Load::default());
        assert_eq!(budgets.next_to_give_way(), None);
    }

    #[test]
    fn a_ring_that_holds_back_most_gives_way_by_messages_or_bytes() {
        for by_bytes in [false, true] {
            let half = Load {
                held_messages: HELD_MESSAGES / 2,
                held_bytes: HELD_BYTES / 2,
                ..Load::default()
            };
            let mut more = half;
            if by_bytes {
                more.held_bytes += 1;
            } else {
                more.held_messages += 1;
            }
            let mut budgets = Budgets::new(LOGS);
            budgets.note(ring(2), &half);
            budgets.note(ring(1), &more);
            let expected = Some((ring(1), Droppable::Held));
            assert_eq!(budgets.next_to_give_way(), expected);
        }
    }

    #[test]
    fn a_log_may_grow_to_the_size_of_the_largest() {
        let mut budgets = Budgets::new(LOGS);
        let allowed = |budgets: &Budgets, number: u8| budgets.allowance(&ring(number)).logged;
        assert_eq!(allowed(&budgets, 1), LOGS, "there is no other");
        budgets.note(ring(1), &logged(700));
        assert_eq!(allowed(&budgets, 1), LOGS);
        assert_eq!(allowed(&budgets, 2), 700);
        budgets.note(ring(2), &logged(300));
        assert_eq!(allowed(&budgets, 1), 700);
        assert_eq!(allowed(&budgets, 2), 700);
    }

    proptest! {
        /// Rings park and relay bundles at random, each within its allowance.
        #[test]
        fn parked_bundles_never_exceed_the_budget_and_leave_room_for_each_ring(
            steps in vec((0_u8..6, 0_usize..HELD_BYTES, any::<bool>()), 1..200),
        ) {
            let mut budgets = Budgets::new(LOGS);
            let mut parked = [0_usize; 6];
            for (number, bytes, parks) in steps {
                let index = usize::from(number);
                let allowed = budgets.allowance(&ring(number)).parked;
                if !parks {
                    parked[index] = parked[index].saturating_sub(bytes);
                } else if parked[index] + bytes <= allowed {
                    parked[index] += bytes;
                }
                let load = Load {
                    parked_bytes: parked[index],
                    ..Load::default()
                };
                budgets.note(ring(number), &load);
                let total: usize = parked.iter().sum();
                prop_assert!(total <= HELD_BYTES);
                let least = budgets.allowance(&ring(9)).parked;
                prop_assert!(least * 2 + 1 >= HELD_BYTES - total);
                prop_assert!(parked.iter().all(|&one| one <= HELD_BYTES / 2));
            }
        }
    }
}

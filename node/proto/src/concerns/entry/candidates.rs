//! Candidates: the other registrations of a discussion that a director named besides the coordinator.
//!
//! Anybody may register at a director, so the named coordinator may not admit a newcomer. Then the newcomer tries the
//! candidates. Once admitted, it tells its ring of the candidates that the ring lacks. `PROTOCOL.md` §5.1. Not here:
//! attempts to join (`joining`), merging (`node::merging`).

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::{Contact, NodeId};

use crate::Time;

/// How many are tried, whatever entrances say: a director names three, and an invite has eight entrances.
const MAX_CANDIDATES: usize = 7;
/// The pause between candidates that the ring is told of: longer than its coordinator's between rings, to skip none.
const REPORT_PAUSE: Duration = Duration::from_secs(1);

/// The candidates left to try, and those left to tell the ring of.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    untried: VecDeque<Contact>,
    unreported: VecDeque<Contact>,
    report_at: Time,
}

impl Candidates {
    /// Takes the coordinator and the candidates that a director names; they replace earlier ones.
    pub(crate) fn set(&mut self, me: &NodeId, coordinator: &Contact, named: Vec<Contact>) {
        self.untried = VecDeque::new();
        for other in named {
            let is_new = self.untried.iter().all(|known| known.id != other.id);
            let is_other = other.id != coordinator.id && other.id != *me;
            if is_new && is_other && self.untried.len() < MAX_CANDIDATES {
                self.untried.push_back(other);
            }
        }
        debug_assert!(self.untried.iter().all(|other| other.id != *me));
        self.unreported = self.untried.clone();
        if !self.unreported.is_empty() {
            self.unreported.push_front(coordinator.clone());
        }
    }

    /// Takes out the next candidate to try.
    pub(crate) fn next_untried(&mut self) -> Option<Contact> {
        self.untried.pop_front()
    }

    /// Takes out a candidate to tell the ring of, if one is due; `has` returns true for members of the ring.
    pub(crate) fn next_unreported(
        &mut self,
        now: Time,
        has: impl Fn(&NodeId) -> bool,
    ) -> Option<Contact> {
        if now < self.report_at {
            return None;
        }
        self.unreported.retain(|other| !has(&other.id));
        let other = self.unreported.pop_front()?;
        self.report_at = now + REPORT_PAUSE;
        Some(other)
    }

    /// Returns when to tell the ring of a candidate.
    pub(crate) fn deadline(&self) -> Option<Time> {
        (!self.unreported.is_empty()).then_some(self.report_at)
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::{Addresses, Epoch};

    use super::*;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn contact(byte: u8) -> Contact {
        Contact {
            id: id(byte),
            addresses: Addresses::default(),
            epoch: Epoch {
                number: 1,
                coordinator: id(byte),
            },
        }
    }

    fn shown(coordinator: u8, named: &[u8]) -> Candidates {
        let mut candidates = Candidates::default();
        let named = named.iter().map(|&byte| contact(byte)).collect();
        candidates.set(&id(9), &contact(coordinator), named);
        candidates
    }

    #[test]
    fn each_other_registration_is_tried_once() {
        let mut candidates = shown(1, &[2, 1, 2, 9, 3, 4, 5, 6, 7, 8, 10]);
        for byte in 2..=8 {
            assert_eq!(candidates.next_untried(), Some(contact(byte)));
        }
        assert_eq!(candidates.next_untried(), None);
    }

    #[test]
    fn the_ring_learns_of_the_candidates_that_it_lacks_one_by_one() {
        let mut candidates = shown(1, &[2, 3]);
        let now = Time::default();
        let has = |one: &NodeId| *one == id(2);
        assert_eq!(candidates.next_unreported(now, has), Some(contact(1)));
        assert_eq!(candidates.next_unreported(now, has), None, "too soon");
        assert_eq!(candidates.deadline(), Some(now + REPORT_PAUSE));
        assert_eq!(
            candidates.next_unreported(now + REPORT_PAUSE, has),
            Some(contact(3))
        );
        assert_eq!(candidates.deadline(), None);
    }

    #[test]
    fn a_single_registration_is_not_reported() {
        assert_eq!(shown(1, &[]).deadline(), None);
    }
}

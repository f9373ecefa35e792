//! The other registrations of a discussion that a director named beside the coordinator.
//!
//! Anybody may register at a director, so the coordinator that it names need not be one that lets a newcomer in:
//! the others are tried then, and the ring that has let it in is told of those that it does not have yet.
//! `PROTOCOL.md` §5.1. Not here: how a way in is tried (`joining`), and how two rings become one (`node::merging`).

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::{Contact, NodeId};

use crate::Time;

/// How many are tried, whatever a director says: it names three.
const CANDIDATES: usize = 3;
/// How often one's ring is told of one: more rarely than its coordinator speaks to another, so that none is passed over.
const TELL: Duration = Duration::from_secs(1);

/// What is left to be tried, and to be told.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    untried: VecDeque<Contact>,
    untold: VecDeque<Contact>,
    tell_at: Time,
}

impl Candidates {
    /// A director names the coordinator and others, which replaces whatever it named before.
    pub(crate) fn show(&mut self, me: &NodeId, coordinator: &Contact, named: Vec<Contact>) {
        self.untried = VecDeque::new();
        for other in named {
            let is_new = self.untried.iter().all(|known| known.id != other.id);
            let is_other = other.id != coordinator.id && other.id != *me;
            if is_new && is_other && self.untried.len() < CANDIDATES {
                self.untried.push_back(other);
            }
        }
        debug_assert!(self.untried.iter().all(|other| other.id != *me));
        self.untold = self.untried.clone();
        if !self.untold.is_empty() {
            self.untold.push_front(coordinator.clone());
        }
    }

    /// The next one to try.
    pub(crate) fn next_untried(&mut self) -> Option<Contact> {
        self.untried.pop_front()
    }

    /// One that the ring is to be told of now; `has` is true for those that are in it.
    pub(crate) fn next_untold(
        &mut self,
        now: Time,
        has: impl Fn(&NodeId) -> bool,
    ) -> Option<Contact> {
        if now < self.tell_at {
            return None;
        }
        self.untold.retain(|other| !has(&other.id));
        let other = self.untold.pop_front()?;
        self.tell_at = now + TELL;
        Some(other)
    }

    /// When the ring is to be told of one.
    pub(crate) fn deadline(&self) -> Option<Time> {
        (!self.untold.is_empty()).then_some(self.tell_at)
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
        candidates.show(&id(9), &contact(coordinator), named);
        candidates
    }

    #[test]
    fn each_other_registration_is_tried_once() {
        let mut candidates = shown(1, &[2, 1, 2, 9, 3, 4, 5]);
        for byte in [2, 3, 4] {
            assert_eq!(candidates.next_untried(), Some(contact(byte)));
        }
        assert_eq!(candidates.next_untried(), None);
    }

    #[test]
    fn a_ring_is_told_of_those_that_it_does_not_have_one_after_the_other() {
        let mut candidates = shown(1, &[2, 3]);
        let now = Time::default();
        let has = |one: &NodeId| *one == id(2);
        assert_eq!(candidates.next_untold(now, has), Some(contact(1)));
        assert_eq!(candidates.next_untold(now, has), None, "too soon");
        assert_eq!(candidates.deadline(), Some(now + TELL));
        assert_eq!(candidates.next_untold(now + TELL, has), Some(contact(3)));
        assert_eq!(candidates.deadline(), None);
    }

    #[test]
    fn where_only_one_is_registered_nobody_is_told_of_anything() {
        assert_eq!(shown(1, &[]).deadline(), None);
    }
}

//! Newcomers that have asked the coordinator for admission, and wait for the view that admits them.
//!
//! The first one gets a view of its own at once. Those that arrive within `ADMISSION` after it share the next one, so
//! that a crowd costs a few views and not one each. Not here: who is admitted (`node::entry`).

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use ringtalk_wire::limit::UPDATE_CHANGES;
use ringtalk_wire::{Join, NodeId};

use crate::Time;
use crate::config::ADMISSION;

/// How many may wait: more than a view admits, and far less than memory holds.
const MAX_WAITING: usize = 1_024;

/// The waiting newcomers, in the order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Newcomers {
    waiting: VecDeque<(NodeId, Join)>,
    last_admission: Option<Time>,
}

impl Newcomers {
    /// Enqueues a newcomer, or replaces its earlier request. Returns false if too many wait.
    pub(crate) fn enqueue(&mut self, peer: NodeId, join: Join) -> bool {
        self.forget(&peer);
        let room = self.waiting.len() < MAX_WAITING;
        if room {
            self.waiting.push_back((peer, join));
        }
        debug_assert!(self.waiting.len() <= MAX_WAITING);
        room
    }

    /// Removes a newcomer from the queue.
    pub(crate) fn forget(&mut self, peer: &NodeId) {
        self.waiting.retain(|(waiting, _)| waiting != peer);
    }

    /// Takes out the newcomers that the next view admits, if one is due. Newcomers that are held up go on waiting.
    pub(crate) fn take_due(
        &mut self,
        now: Time,
        is_held_up: impl Fn(&NodeId) -> bool,
    ) -> Vec<(NodeId, Join)> {
        if self.deadline(&is_held_up).is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.last_admission = Some(now);
        let mut admitted = Vec::new();
        for (peer, join) in core::mem::take(&mut self.waiting) {
            if admitted.len() < UPDATE_CHANGES && !is_held_up(&peer) {
                admitted.push((peer, join));
            } else {
                self.waiting.push_back((peer, join));
            }
        }
        admitted
    }

    /// Returns when the next view is due.
    pub(crate) fn deadline(&self, is_held_up: impl Fn(&NodeId) -> bool) -> Option<Time> {
        let due = self
            .last_admission
            .map_or(Time::default(), |last| last + ADMISSION);
        let mut waiting = self.waiting.iter();
        let is_due = waiting.any(|(peer, _)| !is_held_up(peer));
        is_due.then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use ringtalk_wire::{Addresses, NetworkId};

    use super::*;
    use crate::view::test_support::id;

    fn join() -> Join {
        Join {
            name: String::new(),
            addresses: Addresses::default(),
            network: NetworkId::default(),
            tag: None,
        }
    }

    fn admitted(newcomers: &mut Newcomers, now: Time) -> Vec<NodeId> {
        let admitted = newcomers.take_due(now, |_| false).into_iter();
        admitted.map(|(peer, _)| peer).collect()
    }

    #[test]
    fn the_first_newcomer_does_not_wait_and_the_others_share_a_view() {
        let mut newcomers = Newcomers::default();
        let start = Time::from_micros(1_000_000);
        newcomers.enqueue(id(1), join());
        assert_eq!(admitted(&mut newcomers, start), [id(1)]);
        for number in [2, 3, 2] {
            newcomers.enqueue(id(number), join());
        }
        assert_eq!(admitted(&mut newcomers, start), []);
        let due = newcomers.deadline(|_| false).unwrap();
        assert_eq!(due, start + ADMISSION);
        assert_eq!(admitted(&mut newcomers, due), [id(3), id(2)]);
        assert_eq!(newcomers.deadline(|_| false), None);
    }

    #[test]
    fn a_held_up_newcomer_does_not_delay_others() {
        let mut newcomers = Newcomers::default();
        let start = Time::from_micros(1_000_000);
        newcomers.enqueue(id(1), join());
        assert_eq!(newcomers.deadline(|peer| *peer == id(1)), None);
        newcomers.enqueue(id(2), join());
        let admitted = newcomers.take_due(start, |peer| *peer == id(1));
        assert_eq!(admitted.len(), 1);
        assert_eq!(self::admitted(&mut newcomers, start + ADMISSION), [id(1)]);
    }

    #[test]
    fn no_view_admits_more_than_an_update_holds() {
        let mut newcomers = Newcomers::default();
        let waits = (0..2_000).filter(|&number| newcomers.enqueue(id(number), join()));
        assert_eq!(waits.count(), MAX_WAITING);
        let start = Time::from_micros(1_000_000);
        assert_eq!(newcomers.take_due(start, |_| false).len(), UPDATE_CHANGES);
        newcomers.forget(&id(64));
        assert_eq!(admitted(&mut newcomers, start + ADMISSION)[0], id(65));
    }
}

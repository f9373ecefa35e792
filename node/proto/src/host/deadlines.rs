//! The deadlines of rooms, the earliest first, so that nobody walks over all rooms to find it.
//!
//! Not here: what is due (`node`).

use alloc::collections::{BTreeMap, BTreeSet};

use ringtalk_wire::RingId;

use crate::Time;

/// When the timers of rooms are due. A room that may have a new deadline is not in it until that is known.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    of: BTreeMap<RingId, Time>,
    /// The same times.
    order: BTreeSet<(Time, RingId)>,
}

impl Deadlines {
    /// Sets the deadline of a room.
    pub(super) fn set(&mut self, ring: RingId, due: Option<Time>) {
        self.forget(&ring);
        if let Some(due) = due {
            self.of.insert(ring, due);
            self.order.insert((due, ring));
        }
        debug_assert_eq!(self.of.len(), self.order.len(), "both have the same rooms");
    }

    /// Forgets the deadline of a room.
    pub(super) fn forget(&mut self, ring: &RingId) {
        if let Some(before) = self.of.remove(ring) {
            self.order.remove(&(before, *ring));
        }
    }

    /// Returns the earliest one.
    pub(super) fn earliest(&self) -> Option<Time> {
        self.order.first().map(|&(due, _)| due)
    }

    /// Returns the rooms whose timers are due.
    pub(super) fn due(&self, now: Time) -> impl Iterator<Item = RingId> + '_ {
        let due = self.order.iter().take_while(move |(due, _)| *due <= now);
        due.map(|&(_, ring)| ring)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn the_earliest_deadline_comes_first_and_a_new_one_replaces_the_old_one() {
        let [one, other] = [1, 2].map(|byte| RingId::from_bytes([byte; 16]));
        let at = Time::from_micros;
        let mut deadlines = Deadlines::default();
        deadlines.set(one, Some(at(5)));
        deadlines.set(other, Some(at(3)));
        assert_eq!(deadlines.earliest(), Some(at(3)));
        deadlines.set(other, Some(at(7)));
        assert_eq!(deadlines.earliest(), Some(at(5)));
        assert_eq!(deadlines.due(at(4)).count(), 0);
        assert_eq!(deadlines.due(at(7)).collect::<Vec<_>>(), [one, other]);
        deadlines.forget(&one);
        deadlines.set(other, None);
        assert_eq!(deadlines.earliest(), None);
    }
}

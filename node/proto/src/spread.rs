//! Spreading: who has taken which interval over, and who owes a receipt.
//!
//! An item goes to one child per direction with an interval of the ring; the child confirms that
//! it has the item and has taken the interval over (`PROTOCOL.md` §4.1). Not here: the way of an
//! item through the links, and what it says.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::{Direction, Interval, ItemId, NodeId, RingKey};

use crate::Time;
use crate::config::{RECEIPT_WAIT, RECEIPT_WAIT_MOST};

/// How many items are remembered with the intervals taken over: several seconds of full load.
const REMEMBERED: usize = 8_192;

/// The intervals that children owe receipts for, and those that this node took over itself.
#[derive(Debug, Default)]
pub(crate) struct Spreading {
    owed: BTreeMap<(ItemId, Direction), Owed>,
    /// When each receipt is due; settled ones are skipped.
    due: BTreeSet<(Time, ItemId, Direction)>,
    silent: BTreeSet<NodeId>,
    round_trips: BTreeMap<NodeId, Duration>,
    taken: BTreeMap<(ItemId, Direction), u128>,
    taken_order: VecDeque<(ItemId, Direction)>,
}

#[derive(Clone, Copy, Debug)]
struct Owed {
    child: NodeId,
    interval: Interval,
    sent: Time,
}

/// An item whose interval has no child any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Orphan {
    /// The item.
    pub(crate) item: ItemId,
    /// Its interval.
    pub(crate) interval: Interval,
}

impl Spreading {
    /// Notes that a child was given an item.
    pub(crate) fn sent(&mut self, now: Time, child: NodeId, item: ItemId, interval: Interval) {
        let owed = Owed {
            child,
            interval,
            sent: now,
        };
        self.owed.insert((item, interval.direction), owed);
        let due = now + self.patience(&child);
        self.due.insert((due, item, interval.direction));
    }

    /// Takes a child's receipt; gives in how many directions it settles the item.
    pub(crate) fn receipt(&mut self, now: Time, child: NodeId, item: ItemId) -> usize {
        let mut settled = 0;
        for direction in [Direction::Clockwise, Direction::Counterclockwise] {
            let key = (item, direction);
            if let Some(owed) = self
                .owed
                .get(&key)
                .copied()
                .filter(|owed| owed.child == child)
            {
                self.owed.remove(&key);
                self.observe(child, now - owed.sent);
                settled += 1;
            }
        }
        settled
    }

    /// The intervals for which the child owes a receipt of this item.
    pub(crate) fn owed_by(&self, child: &NodeId, item: ItemId) -> Vec<Interval> {
        [Direction::Clockwise, Direction::Counterclockwise]
            .into_iter()
            .filter_map(|direction| self.owed.get(&(item, direction)))
            .filter(|owed| owed.child == *child)
            .map(|owed| owed.interval)
            .collect()
    }

    /// True where the child let a receipt be overdue, and has not been heard since.
    pub(crate) fn is_silent(&self, child: &NodeId) -> bool {
        self.silent.contains(child)
    }

    /// Takes any frame of a child as a sign that it is not silent.
    pub(crate) fn heard(&mut self, child: &NodeId) {
        if !self.silent.is_empty() {
            self.silent.remove(child);
        }
    }

    /// Makes the children silent whose receipts are overdue, and gives their items.
    pub(crate) fn expire(&mut self, now: Time) -> Vec<Orphan> {
        let mut orphans = Vec::new();
        while let Some(&(due, item, direction)) = self.due.first()
            && due <= now
        {
            self.due.pop_first();
            let Some(owed) = self.owed.get(&(item, direction)).copied() else {
                continue;
            };
            let due = owed.sent + self.patience(&owed.child);
            if due <= now {
                self.silent.insert(owed.child);
                orphans.extend(self.abandon(&owed.child));
            } else {
                self.due.insert((due, item, direction));
            }
        }
        orphans
    }

    /// When [`Spreading::expire`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.due.first().map(|&(due, ..)| due)
    }

    /// Takes everything away that a child owes receipts for.
    pub(crate) fn abandon(&mut self, child: &NodeId) -> Vec<Orphan> {
        let theirs: Vec<(ItemId, Direction)> = self
            .owed
            .iter()
            .filter(|(_, owed)| owed.child == *child)
            .map(|(&key, _)| key)
            .collect();
        theirs
            .into_iter()
            .filter_map(|key| {
                let owed = self.owed.remove(&key)?;
                Some(Orphan {
                    item: key.0,
                    interval: owed.interval,
                })
            })
            .collect()
    }

    /// Takes an interval over; true where it reaches farther than what was taken over before, so
    /// that the item must go on.
    pub(crate) fn take(&mut self, item: ItemId, interval: &Interval, me: RingKey) -> bool {
        let key = (item, interval.direction);
        let reach = reach(me, interval);
        match self.taken.get_mut(&key) {
            Some(before) if *before >= reach => false,
            Some(before) => {
                *before = reach;
                true
            }
            None => {
                self.taken.insert(key, reach);
                self.taken_order.push_back(key);
                if self.taken_order.len() > REMEMBERED
                    && let Some(oldest) = self.taken_order.pop_front()
                {
                    self.taken.remove(&oldest);
                }
                true
            }
        }
    }

    /// True where the item has come by before, in either direction.
    pub(crate) fn remembers(&self, item: ItemId) -> bool {
        [Direction::Clockwise, Direction::Counterclockwise]
            .iter()
            .any(|&direction| self.taken.contains_key(&(item, direction)))
    }

    fn patience(&self, child: &NodeId) -> Duration {
        let round_trip = self.round_trips.get(child).copied().unwrap_or_default();
        RECEIPT_WAIT.max(round_trip * 3).min(RECEIPT_WAIT_MOST)
    }

    /// The smoothed round trip, as RFC 6298 smooths it.
    fn observe(&mut self, child: NodeId, sample: Duration) {
        let smoothed = self.round_trips.entry(child).or_insert(sample);
        *smoothed = (*smoothed * 7 + sample) / 8;
        if self.round_trips.len() > ringtalk_wire::limit::MEMBERS {
            self.round_trips.clear();
        }
    }
}

/// How far an interval reaches from `me`; a key within it is nearer, or as near clockwise.
pub(crate) const fn reach(me: RingKey, interval: &Interval) -> u128 {
    match interval.direction {
        Direction::Clockwise => me.clockwise_to(interval.limit),
        Direction::Counterclockwise => interval.limit.clockwise_to(me),
    }
}

/// True where `key` lies in the interval that begins at `me`.
pub(crate) const fn contains(me: RingKey, interval: &Interval, key: RingKey) -> bool {
    let reach = reach(me, interval);
    match interval.direction {
        Direction::Clockwise => me.clockwise_to(key) <= reach,
        Direction::Counterclockwise => key.clockwise_to(me) < reach,
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::ItemKind;

    use super::*;

    const ME: RingKey = RingKey(1_000);

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn item(number: u64) -> ItemId {
        ItemId {
            kind: ItemKind::Bundle,
            origin: id(1),
            number,
        }
    }

    fn interval(direction: Direction, limit: u128) -> Interval {
        Interval {
            direction,
            limit: RingKey(limit),
            layout: 0,
        }
    }

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1_000)
    }

    #[test]
    fn the_two_halves_share_a_limit_and_overlap_nowhere() {
        let clockwise = interval(Direction::Clockwise, 5);
        let counter = interval(Direction::Counterclockwise, 5);
        for key in [0, 4, 5, 6, 999, 1_001, u128::MAX].map(RingKey) {
            let in_one = contains(ME, &clockwise, key);
            let in_other = contains(ME, &counter, key);
            assert!(in_one ^ in_other, "{key:?} belongs to one half");
        }
    }

    #[test]
    fn a_receipt_settles_and_a_missing_one_makes_silent() {
        let mut spreading = Spreading::default();
        let clockwise = interval(Direction::Clockwise, 5);
        spreading.sent(at(0), id(2), item(1), clockwise);
        spreading.sent(at(10), id(2), item(2), clockwise);
        assert_eq!(spreading.receipt(at(20), id(2), item(1)), 1);
        assert_eq!(spreading.expire(at(259)), []);
        let orphans = spreading.expire(at(260));
        assert_eq!(orphans.len(), 1);
        assert_eq!(orphans[0].item, item(2));
        assert!(spreading.is_silent(&id(2)));
        assert_eq!(spreading.receipt(at(300), id(2), item(2)), 0);
        spreading.heard(&id(2));
        assert!(!spreading.is_silent(&id(2)));
        assert_eq!(spreading.deadline(), None);
    }

    #[test]
    fn a_slow_child_is_given_three_round_trips() {
        let mut spreading = Spreading::default();
        let clockwise = interval(Direction::Clockwise, 5);
        spreading.sent(at(0), id(2), item(1), clockwise);
        spreading.receipt(at(200), id(2), item(1));
        spreading.sent(at(1_000), id(2), item(2), clockwise);
        assert_eq!(spreading.expire(at(1_300)), []);
        assert_eq!(spreading.expire(at(1_600)).len(), 1);
    }

    #[test]
    fn takes_an_interval_over_once() {
        let mut spreading = Spreading::default();
        let near = interval(Direction::Clockwise, 1_100);
        let far = interval(Direction::Clockwise, 1_200);
        assert!(spreading.take(item(1), &near, ME));
        assert!(!spreading.take(item(1), &near, ME));
        assert!(spreading.take(item(1), &far, ME));
        assert!(!spreading.take(item(1), &near, ME));
        assert!(spreading.remembers(item(1)));
        assert!(!spreading.remembers(item(2)));
    }
}

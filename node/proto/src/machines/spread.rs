//! Spreading: which member has taken over which part of the ring, and which child owes a receipt.
//!
//! An item goes to a few children, each with an interval of the ring. A child confirms that it has the item and has
//! taken the interval over (`PROTOCOL.md` §4.1). Not here: the links that an item takes (`concerns::relay`), and its
//! contents (`node::bundles`).

#[cfg(test)]
mod properties;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::{Direction, Interval, ItemId, NodeId, RingKey};

use crate::Time;
use crate::config::{RECEIPT_DELAY, RECEIPT_WAIT, RECEIPT_WAIT_MOST};

/// How many items are remembered with the intervals taken over: several seconds of full load.
const REMEMBERED_ITEMS: usize = 8_192;

/// The keys beyond `after`, in the direction and up to the limit of an interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RingPart {
    /// Where it begins; this very key is not in it.
    pub(crate) after: RingKey,
    /// Where it ends.
    pub(crate) interval: Interval,
}

impl RingPart {
    /// Returns true if the key is in it.
    pub(crate) fn contains(&self, key: RingKey) -> bool {
        key != self.after && contains(self.after, &self.interval, key)
    }

    /// Returns how far a key lies from its beginning.
    pub(crate) const fn distance(&self, key: RingKey) -> u128 {
        match self.interval.direction {
            Direction::Clockwise => self.after.clockwise_to(key),
            Direction::Counterclockwise => key.clockwise_to(self.after),
        }
    }

    /// Returns the interval of a child that has another one beyond it, at `next`: up to that one.
    pub(crate) const fn up_to(&self, next: RingKey) -> Interval {
        let limit = match self.interval.direction {
            Direction::Clockwise => next.minus(1),
            Direction::Counterclockwise => next,
        };
        Interval {
            limit,
            ..self.interval
        }
    }
}

/// The part that an interval adds to those taken over for an item before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extension {
    /// Nothing.
    Nothing,
    /// Everything: the item is new in this direction.
    Everything,
    /// The part beyond this key.
    Beyond(RingKey),
}

/// The parts that children owe receipts for, and those that this node took over itself.
#[derive(Debug, Default)]
pub(crate) struct Spreading {
    owed: BTreeMap<Debt, OwedReceipt>,
    /// When each receipt is due; settled ones are skipped.
    due: BTreeSet<(Time, Debt)>,
    silent: BTreeSet<NodeId>,
    round_trips: BTreeMap<NodeId, Duration>,
    /// The item for which a child became silent, and when it was sent: its receipt may only be late.
    late: BTreeMap<NodeId, (ItemId, Time)>,
    covered: BTreeMap<(ItemId, Direction), u128>,
    covered_order: VecDeque<(ItemId, Direction)>,
}

/// One part of one item, by where it ends: the parts of an item overlap nowhere.
type Debt = (ItemId, Direction, RingKey);

#[derive(Clone, Copy, Debug)]
struct OwedReceipt {
    child: NodeId,
    /// The ring key of the child.
    key: RingKey,
    interval: Interval,
    sent: Time,
    /// The time that the child may take beyond its usual time: its link has to be made first.
    allowance: Duration,
    /// Whether its receipt has been missing for so long that the child is suspected.
    suspected: bool,
}

/// The receipts that are missing.
#[derive(Debug, Default)]
pub(crate) struct OverdueReceipts {
    /// The parts of children that have just become silent.
    pub(crate) orphans: Vec<Orphan>,
    /// The parts of children that will be silent soon, unless their receipts come.
    pub(crate) suspected: Vec<RingPart>,
}

/// A part of an item that has lost its child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Orphan {
    /// The item.
    pub(crate) item: ItemId,
    /// The part beyond the child that was silent or is gone.
    pub(crate) part: RingPart,
    /// The child that was to relay it.
    pub(crate) child: NodeId,
}

/// A child with its place in the ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Child {
    /// The child.
    pub(crate) id: NodeId,
    /// Its ring key.
    pub(crate) key: RingKey,
    /// The time that it may take to receipt, beyond its usual time.
    pub(crate) allowance: Duration,
}

impl Spreading {
    /// Notes that a child was given an item.
    pub(crate) fn note_sent(&mut self, now: Time, child: Child, item: ItemId, interval: Interval) {
        let owed = OwedReceipt {
            child: child.id,
            key: child.key,
            interval,
            sent: now,
            allowance: child.allowance,
            suspected: false,
        };
        let debt = (item, interval.direction, interval.limit);
        self.due.insert((now + self.suspicion_delay(&owed), debt));
        self.owed.insert(debt, owed);
        debug_assert!(
            self.owed.len() <= self.due.len(),
            "each receipt is due some time"
        );
    }

    /// Takes a child's receipt. Returns how many parts of the item it settles.
    pub(crate) fn take_receipt(&mut self, now: Time, child: NodeId, item: ItemId) -> usize {
        let debts: Vec<Debt> = self.debts(item, &child).map(|(debt, _)| debt).collect();
        for debt in &debts {
            if let Some(owed) = self.owed.remove(debt) {
                self.note_round_trip(child, now - owed.sent);
            }
        }
        if let Some(&(_, sent)) = self.late.get(&child).filter(|(late, _)| *late == item) {
            self.late.remove(&child);
            // A child that takes longer than the longest patience was stopped, and is not far away.
            if now - sent <= RECEIPT_WAIT_MOST {
                self.note_round_trip(child, now - sent);
            }
        }
        debts.len()
    }

    /// Returns the intervals for which the child owes a receipt of this item.
    pub(crate) fn owed_by(&self, child: &NodeId, item: ItemId) -> Vec<Interval> {
        let owed = self.debts(item, child);
        owed.map(|(_, owed)| owed.interval).collect()
    }

    /// Returns true if the child let a receipt become overdue, and has sent nothing since.
    pub(crate) fn is_silent(&self, child: &NodeId) -> bool {
        self.silent.contains(child)
    }

    /// Returns true if no child is silent, as is usual.
    pub(crate) fn has_no_silent_child(&self) -> bool {
        self.silent.is_empty()
    }

    /// Takes any frame of a child as a sign that it is not silent.
    pub(crate) fn note_alive(&mut self, child: &NodeId) {
        if !self.has_no_silent_child() {
            self.silent.remove(child);
        }
    }

    /// Forgets what was noted of all nodes for which `may_be_child` is false.
    pub(crate) fn retain(&mut self, mut may_be_child: impl FnMut(&NodeId) -> bool) {
        self.silent.retain(&mut may_be_child);
        self.round_trips.retain(|child, _| may_be_child(child));
        self.late.retain(|child, _| may_be_child(child));
    }

    /// Declares the children silent whose receipts are overdue, and returns what they were to relay.
    pub(crate) fn expire(&mut self, now: Time) -> OverdueReceipts {
        let mut missing = OverdueReceipts::default();
        while let Some(&(due, debt)) = self.due.first()
            && due <= now
        {
            self.due.pop_first();
            let Some(owed) = self.owed.get(&debt).copied() else {
                continue;
            };
            let due = owed.sent + self.patience(&owed);
            if due <= now {
                self.silent.insert(owed.child);
                self.late.insert(owed.child, (debt.0, owed.sent));
                missing.orphans.extend(self.abandon(&owed.child));
            } else {
                self.due.insert((due, debt));
                missing.suspected.extend(self.suspect_once(debt));
            }
        }
        missing
    }

    /// Returns the part of a child that is suspected, the first time.
    fn suspect_once(&mut self, debt: Debt) -> Option<RingPart> {
        let owed = self.owed.get_mut(&debt).filter(|owed| !owed.suspected)?;
        owed.suspected = true;
        Some(owed.part())
    }

    /// Returns when [`Spreading::expire`] is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.due.first().map(|&(due, _)| due)
    }

    /// Takes everything away from a child that it owes receipts for.
    pub(crate) fn abandon(&mut self, child: &NodeId) -> Vec<Orphan> {
        let theirs: Vec<Debt> = self
            .owed
            .iter()
            .filter(|(_, owed)| owed.child == *child)
            .map(|(&debt, _)| debt)
            .collect();
        theirs
            .into_iter()
            .filter_map(|debt| {
                let owed = self.owed.remove(&debt)?;
                Some(Orphan {
                    item: debt.0,
                    part: owed.part(),
                    child: owed.child,
                })
            })
            .collect()
    }

    /// Takes an interval over, from `me` on. Returns what it adds to what was taken over before.
    pub(crate) fn take(&mut self, item: ItemId, interval: &Interval, me: RingKey) -> Extension {
        let key = (item, interval.direction);
        let reach = reach(me, interval);
        match self.covered.get_mut(&key) {
            Some(before) if *before >= reach => Extension::Nothing,
            Some(before) => {
                let reached = core::mem::replace(before, reach);
                Extension::Beyond(match interval.direction {
                    Direction::Clockwise => me.plus(reached),
                    Direction::Counterclockwise => me.minus(reached.saturating_sub(1)),
                })
            }
            None => {
                self.covered.insert(key, reach);
                self.covered_order.push_back(key);
                if self.covered_order.len() > REMEMBERED_ITEMS
                    && let Some(oldest) = self.covered_order.pop_front()
                {
                    self.covered.remove(&oldest);
                }
                debug_assert_eq!(self.covered.len(), self.covered_order.len());
                Extension::Everything
            }
        }
    }

    /// Returns true if the item has come by before, in either direction.
    pub(crate) fn remembers(&self, item: ItemId) -> bool {
        [Direction::Clockwise, Direction::Counterclockwise]
            .iter()
            .any(|&direction| self.covered.contains_key(&(item, direction)))
    }

    fn debts(&self, item: ItemId, child: &NodeId) -> impl Iterator<Item = (Debt, &OwedReceipt)> {
        let first = (item, Direction::Clockwise, RingKey(0));
        let last = (item, Direction::Counterclockwise, RingKey(u128::MAX));
        let of_item = self.owed.range(first..=last);
        let theirs = of_item.filter(move |(_, owed)| owed.child == *child);
        theirs.map(|(&debt, owed)| (debt, owed))
    }

    fn patience(&self, owed: &OwedReceipt) -> Duration {
        let round_trip = self.round_trips.get(&owed.child);
        let usual = RECEIPT_WAIT.max(round_trip.copied().unwrap_or_default() * 3);
        usual.min(RECEIPT_WAIT_MOST) + owed.allowance
    }

    /// Returns how long a receipt may be missing before the child is suspected: longer than one usually takes.
    fn suspicion_delay(&self, owed: &OwedReceipt) -> Duration {
        self.patience(owed) * 3 / 4
    }

    /// Smooths the round trip as RFC 6298 does, without the time that a receipt may wait at the child.
    fn note_round_trip(&mut self, child: NodeId, sample: Duration) {
        let sample = sample.saturating_sub(RECEIPT_DELAY);
        let smoothed = self.round_trips.entry(child).or_insert(sample);
        *smoothed = (*smoothed * 7 + sample) / 8;
    }
}

impl OwedReceipt {
    /// Returns the part beyond the child.
    const fn part(&self) -> RingPart {
        RingPart {
            after: self.key,
            interval: self.interval,
        }
    }
}

/// Returns how far an interval reaches from `me`. A key within it is nearer, or as near clockwise.
const fn reach(me: RingKey, interval: &Interval) -> u128 {
    match interval.direction {
        Direction::Clockwise => me.clockwise_to(interval.limit),
        Direction::Counterclockwise => interval.limit.clockwise_to(me),
    }
}

/// Returns true if `key` lies in the interval that begins at `me`.
const fn contains(me: RingKey, interval: &Interval, key: RingKey) -> bool {
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

    fn child(byte: u8) -> Child {
        Child {
            id: id(byte),
            key: RingKey(1_000 + u128::from(byte)),
            allowance: Duration::ZERO,
        }
    }

    fn interval(direction: Direction, limit: u128) -> Interval {
        Interval {
            direction,
            limit: RingKey(limit),
            layout: 0,
        }
    }

    fn orphans(spreading: &mut Spreading, millis: u64) -> Vec<Orphan> {
        spreading.expire(at(millis)).orphans
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
    fn a_receipt_settles_a_debt_and_a_missing_one_makes_a_child_silent() {
        let mut spreading = Spreading::default();
        let clockwise = interval(Direction::Clockwise, 5);
        spreading.note_sent(at(0), child(2), item(1), clockwise);
        spreading.note_sent(at(10), child(2), item(2), clockwise);
        assert_eq!(spreading.take_receipt(at(20), id(2), item(1)), 1);
        assert_eq!(orphans(&mut spreading, 259), []);
        let orphans = orphans(&mut spreading, 260);
        assert_eq!(orphans.len(), 1);
        assert_eq!(orphans[0].item, item(2));
        assert_eq!(orphans[0].part.after, child(2).key, "beyond the child");
        assert!(spreading.is_silent(&id(2)));
        assert_eq!(spreading.take_receipt(at(300), id(2), item(2)), 0);
        spreading.note_alive(&id(2));
        assert!(!spreading.is_silent(&id(2)));
        assert_eq!(spreading.deadline(), None);
    }

    #[test]
    fn a_child_is_suspected_once_before_it_is_silent() {
        let mut spreading = Spreading::default();
        let clockwise = interval(Direction::Clockwise, 5);
        spreading.note_sent(at(0), child(2), item(1), clockwise);
        let suspected = |spreading: &mut Spreading, millis| spreading.expire(at(millis)).suspected;
        assert_eq!(spreading.deadline(), Some(Time::from_micros(187_500)));
        assert_eq!(suspected(&mut spreading, 187), []);
        let beyond = RingPart {
            after: child(2).key,
            interval: clockwise,
        };
        assert_eq!(suspected(&mut spreading, 188), [beyond]);
        assert_eq!(spreading.deadline(), Some(at(250)));
        assert_eq!(suspected(&mut spreading, 249), []);
        assert!(!spreading.is_silent(&id(2)));
        assert_eq!(orphans(&mut spreading, 250).len(), 1);
    }

    #[test]
    fn a_slow_child_gets_three_round_trips() {
        let mut spreading = Spreading::default();
        let clockwise = interval(Direction::Clockwise, 5);
        spreading.note_sent(at(0), child(2), item(1), clockwise);
        spreading.take_receipt(at(200), id(2), item(1));
        spreading.note_sent(at(1_000), child(2), item(2), clockwise);
        assert_eq!(orphans(&mut spreading, 1_300), []);
        assert_eq!(
            orphans(&mut spreading, 1_360).len(),
            1,
            "three times 120 ms"
        );
    }

    #[test]
    fn a_late_receipt_tells_how_far_away_a_child_is() {
        let mut spreading = Spreading::default();
        let clockwise = interval(Direction::Clockwise, 5);
        spreading.note_sent(at(0), child(2), item(1), clockwise);
        assert_eq!(orphans(&mut spreading, 250).len(), 1);
        assert_eq!(spreading.take_receipt(at(300), id(2), item(1)), 0);
        spreading.note_sent(at(1_000), child(2), item(2), clockwise);
        assert_eq!(orphans(&mut spreading, 1_400), [], "three times 220 ms");
        assert_eq!(spreading.take_receipt(at(1_400), id(2), item(2)), 1);

        spreading.note_sent(at(0), child(3), item(1), clockwise);
        assert_eq!(orphans(&mut spreading, 250).len(), 1);
        assert_eq!(spreading.take_receipt(at(9_000), id(3), item(1)), 0);
        spreading.note_sent(at(9_000), child(3), item(2), clockwise);
        assert_eq!(orphans(&mut spreading, 9_250).len(), 1, "it was stopped");
    }

    #[test]
    fn an_interval_is_taken_over_once() {
        let mut spreading = Spreading::default();
        let near = interval(Direction::Clockwise, 1_100);
        let far = interval(Direction::Clockwise, 1_200);
        assert_eq!(spreading.take(item(1), &near, ME), Extension::Everything);
        assert_eq!(spreading.take(item(1), &near, ME), Extension::Nothing);
        let beyond = Extension::Beyond(near.limit);
        assert_eq!(spreading.take(item(1), &far, ME), beyond);
        assert_eq!(spreading.take(item(1), &near, ME), Extension::Nothing);
        let counter = |limit| interval(Direction::Counterclockwise, limit);
        assert_eq!(
            spreading.take(item(1), &counter(900), ME),
            Extension::Everything
        );
        let beyond = Extension::Beyond(RingKey(901));
        assert_eq!(spreading.take(item(1), &counter(800), ME), beyond);
        assert!(spreading.remembers(item(1)));
        assert!(!spreading.remembers(item(2)));
    }

    #[test]
    fn parts_of_children_leave_nothing_out_and_overlap_nowhere() {
        for direction in [Direction::Clockwise, Direction::Counterclockwise] {
            let keys: [u128; 2] = match direction {
                Direction::Clockwise => [1_010, 1_020],
                Direction::Counterclockwise => [990, 980],
            };
            let whole = RingPart {
                after: ME,
                interval: interval(direction, 5),
            };
            let near = RingPart {
                after: RingKey(keys[0]),
                interval: whole.up_to(RingKey(keys[1])),
            };
            let far = RingPart {
                after: RingKey(keys[1]),
                ..whole
            };
            for key in (975..1_025).map(RingKey) {
                let beyond_first = whole.contains(key) && whole.distance(key) > 10;
                let ways = u32::from(near.contains(key)) + u32::from(far.contains(key));
                let due = u32::from(beyond_first && key.0 != keys[1]);
                assert_eq!(ways, due, "{key:?} {direction:?}");
            }
        }
    }
}

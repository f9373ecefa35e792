//! Acknowledgements: how many members have delivered a bundle, counted up the tree that it came down.
//!
//! A node acknowledges a bundle to its parent when it has delivered it and its children have acknowledged it, except
//! those that it gave up on. It acknowledges once more for members that are late (`PROTOCOL.md` §4.6). Not here:
//! receipts, which say which member relays a bundle (`spread`), and the author's window (`outbox`).

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::limit::MEMBERS;
use ringtalk_wire::{Ack, ItemId, ItemKind, NodeId};

use crate::Time;
use crate::planted::{Planted, PlantedBug};

/// How many bundles may wait for acknowledgements: several seconds of full load. Beyond that the oldest are
/// forgotten; the nodes that wait for their acknowledgement give up in time.
const MAX_OPEN: usize = 8_192;

/// For how many of the last acknowledged bundles late acknowledgements are passed on: some seconds of lively talk.
const LATE_BUNDLES: usize = 512;

/// How many parts of a bundle are acknowledged at most.
const PARENTS: usize = 64;
/// How many parts of a bundle are acknowledged to one parent at most.
const PARTS_PER_PARENT: usize = 8;

/// How many times its usual wait a child gets for each bundle while it goes on acknowledging the author's bundles: it
/// is busy, not stuck.
const BUSY_FACTOR: u32 = 3;

/// The bundles whose acknowledgement is not complete, and the last complete ones.
#[derive(Debug, Default)]
pub(crate) struct AckTracker {
    open: BTreeMap<ItemId, PendingBundle>,
    /// The open bundles in the order in which they were opened.
    order: BTreeMap<u64, ItemId>,
    /// How many bundles were ever opened; one that was complete and is opened again counts again.
    opened: u64,
    /// The last acknowledged bundles; `reported_order` has the oldest first.
    reported: BTreeMap<ItemId, ReportedBundle>,
    reported_order: VecDeque<ItemId>,
    /// The last bundles that were pulled before the tree brought them: no parent was told that this node has them.
    pulled: BTreeSet<ItemId>,
    pulled_order: VecDeque<ItemId>,
    /// When to give up on each child's missing acknowledgement.
    due: BTreeSet<(Time, ItemId, NodeId)>,
    /// For each author with open bundles and each child: the last bundle that the child acknowledged, and when.
    progress: BTreeMap<NodeId, BTreeMap<NodeId, (u64, Time)>>,
    /// Children that let an acknowledgement become overdue, and have acknowledged nothing since.
    slow: BTreeSet<NodeId>,
    planted: Planted,
}

#[derive(Debug, Default)]
struct PendingBundle {
    /// Its place in the order.
    opened: u64,
    /// When its acknowledgement leaves, if it is complete by then.
    leaves: Time,
    delivered: bool,
    /// The parents to acknowledge it to; the first one is told how many members this stands for.
    parents: Vec<NodeId>,
    children: BTreeMap<NodeId, ExpectedAck>,
    /// All children that relay a part, whether they are waited for or not.
    forwarders: BTreeSet<NodeId>,
    /// How many members are known to have delivered it.
    members: u64,
    /// Whether the reader of one of these members is behind.
    behind: bool,
    /// Whether these members did not all follow the same view.
    mixed: bool,
}

/// A bundle that was acknowledged, maybe without some of its carriers.
#[derive(Debug)]
struct ReportedBundle {
    /// The parent that is told of late members; `None` for one's own bundle.
    parent: Option<NodeId>,
    forwarders: BTreeSet<NodeId>,
    /// How many members were reported so far.
    members: u64,
}

/// A child's acknowledgement that has not come.
#[derive(Clone, Copy, Debug)]
struct ExpectedAck {
    /// How many parts the child has yet to acknowledge.
    parts: usize,
    /// When the wait began, and how long it lasts.
    since: Time,
    wait: Duration,
    due: Time,
}

/// A bundle that this node and all members below it have delivered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BundleAck {
    /// The bundle.
    pub(crate) item: ItemId,
    /// The parents that wait for the acknowledgement; none for one's own bundle.
    pub(crate) parents: Vec<NodeId>,
    /// How many members it stands for: all of them for one's own bundle, else those that no parent was told of.
    pub(crate) members: u64,
    /// Whether the reader of one of these members is behind.
    pub(crate) behind: bool,
    /// Whether these members did not all follow the same view.
    pub(crate) mixed: bool,
    /// When the acknowledgement leaves at the latest.
    pub(crate) leaves: Time,
}

impl AckTracker {
    /// Activates a planted bug, if it is one of this machine's.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn plant(&mut self, planted: Planted) {
        self.planted = planted;
    }

    /// Notes that a new bundle was pulled, which the tree may still bring. If the tree brought it before, and it
    /// waits for room, nothing is noted.
    pub(crate) fn note_pulled(&mut self, item: ItemId) {
        if !self.open.contains_key(&item) && self.pulled.insert(item) {
            self.pulled_order.push_back(item);
        }
        if self.pulled_order.len() > LATE_BUNDLES
            && let Some(oldest) = self.pulled_order.pop_front()
        {
            self.pulled.remove(&oldest);
        }
        debug_assert!(self.pulled.len() <= self.pulled_order.len());
    }

    /// Notes that a bundle arrived, or that it is one's own (no `parent`). Its acknowledgement leaves at `leaves`.
    /// The node counts itself if the bundle is `new`, or was pulled and comes by the tree for the first time.
    pub(crate) fn note_received(
        &mut self,
        item: ItemId,
        parent: Option<NodeId>,
        new: bool,
        leaves: Time,
    ) {
        let new = self.pulled.remove(&item) || new;
        let open = self.open.entry(item).or_insert_with(|| {
            self.opened += 1;
            self.order.insert(self.opened, item);
            PendingBundle {
                opened: self.opened,
                leaves,
                ..PendingBundle::default()
            }
        });
        if let Some(parent) = parent
            && open.parents.len() < PARENTS
            && open.parents.iter().filter(|one| **one == parent).count() < PARTS_PER_PARENT
        {
            open.parents.push(parent);
        }
        open.members += u64::from(new);
        if self.order.len() > MAX_OPEN
            && let Some((_, oldest)) = self.order.pop_first()
            && let Some(forgotten) = self.open.remove(&oldest)
        {
            self.forget_progress(oldest.origin);
            for (child, awaited) in forgotten.children {
                self.due.remove(&(awaited.due, oldest, child));
            }
        }
        debug_assert_eq!(self.open.len(), self.order.len(), "each has one place");
    }

    /// Notes that a child relays a part of the bundle. Its acknowledgement is awaited for `wait`, unless the
    /// child is known to be slow.
    pub(crate) fn expect_ack_from(
        &mut self,
        now: Time,
        item: ItemId,
        child: NodeId,
        wait: Duration,
    ) {
        let hasty = self.planted.has(PlantedBug::AckBeforeChildren);
        if let Some(open) = self.open.get_mut(&item).filter(|_| !hasty) {
            open.forwarders.insert(child);
            if self.slow.contains(&child) {
                return;
            }
            let due = now + wait;
            let before = open.children.get(&child).copied();
            if let Some(before) = before {
                self.due.remove(&(before.due, item, child));
            }
            let awaited = ExpectedAck {
                parts: before.map_or(0, |before| before.parts) + 1,
                since: now,
                wait,
                due,
            };
            open.children.insert(child, awaited);
            self.due.insert((due, item, child));
        }
    }

    /// Takes a child's acknowledgement of one part, or a late one for members behind the child.
    pub(crate) fn take_ack(
        &mut self,
        now: Time,
        child: &NodeId,
        Ack {
            item,
            members,
            behind,
            mixed,
        }: Ack,
    ) -> Option<BundleAck> {
        self.slow.remove(child);
        let open = self.open.get_mut(&item);
        let Some(open) = open.filter(|open| open.forwarders.contains(child)) else {
            let late = self.take_late_ack(now, child, item, members)?;
            return Some(BundleAck { mixed, ..late });
        };
        open.members = (open.members + members).min(MEMBERS as u64);
        open.behind |= behind;
        open.mixed |= mixed;
        let awaited = open.children.get_mut(child)?;
        let progress = self.progress.entry(item.origin).or_default();
        progress.insert(*child, (item.number, now));
        debug_assert!(awaited.parts > 0, "who is waited for owes a part");
        awaited.parts -= 1;
        if awaited.parts > 0 {
            return None;
        }
        self.stop_waiting_for(child, item)
    }

    /// Notes that this node follows another view: those who have acknowledged an open bundle by now followed the
    /// one before.
    pub(crate) fn note_view(&mut self) {
        for open in self.open.values_mut() {
            open.mixed = true;
        }
    }

    /// Notes that this node has delivered the bundle.
    pub(crate) fn note_delivered(&mut self, item: ItemId) -> Option<BundleAck> {
        self.open.get_mut(&item)?.delivered = true;
        self.complete(item)
    }

    /// Stops waiting for a child that no longer relays this bundle, or that is given up on.
    pub(crate) fn stop_waiting_for(&mut self, child: &NodeId, item: ItemId) -> Option<BundleAck> {
        let awaited = self.open.get_mut(&item)?.children.remove(child)?;
        self.due.remove(&(awaited.due, item, *child));
        self.complete(item)
    }

    /// Stops waiting for anything from a child that is gone.
    pub(crate) fn forget(&mut self, child: &NodeId) -> Vec<BundleAck> {
        self.slow.remove(child);
        let waiting = |open: &PendingBundle| open.children.contains_key(child);
        let items: Vec<ItemId> = self
            .open
            .iter()
            .filter(|(_, open)| waiting(open))
            .map(|(&item, _)| item)
            .collect();
        let acked = items.into_iter();
        let acked = acked
            .filter_map(|item| self.stop_waiting_for(child, item))
            .collect();
        debug_assert!(
            self.due.iter().all(|(.., waited_for)| waited_for != child),
            "nobody waits for who is gone"
        );
        acked
    }

    /// Gives up on the children whose acknowledgement is overdue. Returns those that have just become slow, and the
    /// bundles that are complete without them.
    pub(crate) fn expire(&mut self, now: Time) -> (Vec<NodeId>, Vec<BundleAck>) {
        let mut slow = Vec::new();
        let mut acked = Vec::new();
        while let Some(&(due, item, child)) = self.due.first()
            && due <= now
        {
            if self.extend_wait(now, item, child) {
                continue;
            }
            acked.extend(self.forget(&child));
            self.slow.insert(child);
            slow.push(child);
        }
        (slow, acked)
    }

    /// Returns when [`AckTracker::expire`] is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.due.first().map(|&(due, ..)| due)
    }

    /// Gives a child more time if it has acknowledged an earlier bundle of the author meanwhile. Returns true if it
    /// does.
    fn extend_wait(&mut self, now: Time, item: ItemId, child: NodeId) -> bool {
        let progress = self.progress.get(&item.origin);
        let earlier = progress.and_then(|progress| progress.get(&child));
        let earlier = earlier.filter(|(number, _)| *number < item.number);
        let open = self.open.get_mut(&item);
        let awaited = open.and_then(|open| open.children.get_mut(&child));
        let (Some(&(_, at)), Some(awaited)) = (earlier, awaited) else {
            return false;
        };
        let due = (at + awaited.wait).min(awaited.since + awaited.wait * BUSY_FACTOR);
        if due <= now {
            return false;
        }
        self.due.remove(&(awaited.due, item, child));
        self.due.insert((due, item, child));
        awaited.due = due;
        true
    }

    /// Handles an acknowledgement that comes after the bundle was acknowledged without it.
    fn take_late_ack(
        &mut self,
        now: Time,
        child: &NodeId,
        item: ItemId,
        members: u64,
    ) -> Option<BundleAck> {
        let reported = self.reported.get_mut(&item)?;
        let before = reported.members;
        let all = before.saturating_add(members).min(MEMBERS as u64);
        if all == before || !reported.forwarders.contains(child) {
            return None;
        }
        reported.members = all;
        Some(BundleAck {
            item,
            parents: reported.parent.into_iter().collect(),
            members: reported.parent.map_or(all, |_| all - before),
            behind: false,
            mixed: false,
            leaves: now,
        })
    }

    /// Keeps a bundle for late acknowledgements. Returns how many members are known to have it.
    fn keep(&mut self, item: ItemId, open: &mut PendingBundle) -> u64 {
        if open.forwarders.is_empty() {
            return open.members;
        }
        let reported = self.reported.entry(item).or_insert_with(|| {
            self.reported_order.push_back(item);
            ReportedBundle {
                parent: open.parents.first().copied(),
                forwarders: BTreeSet::new(),
                members: 0,
            }
        });
        reported.forwarders.append(&mut open.forwarders);
        reported.members = (reported.members + open.members).min(MEMBERS as u64);
        let all = reported.members;
        if self.reported_order.len() > LATE_BUNDLES
            && let Some(oldest) = self.reported_order.pop_front()
        {
            self.reported.remove(&oldest);
        }
        debug_assert!(self.reported.len() <= LATE_BUNDLES);
        all
    }

    /// Forgets the progress on an author's bundles once none is open.
    fn forget_progress(&mut self, author: NodeId) {
        let bundle = |number| ItemId {
            kind: ItemKind::Bundle,
            origin: author,
            number,
        };
        if self
            .open
            .range(bundle(0)..=bundle(u64::MAX))
            .next()
            .is_none()
        {
            self.progress.remove(&author);
        }
    }

    fn complete(&mut self, item: ItemId) -> Option<BundleAck> {
        let open = self.open.get(&item)?;
        if !open.delivered || !open.children.is_empty() {
            return None;
        }
        let mut open = self.open.remove(&item)?;
        self.order.remove(&open.opened);
        self.forget_progress(item.origin);
        let all = self.keep(item, &mut open);
        let is_own = open.parents.is_empty();
        Some(BundleAck {
            item,
            parents: open.parents,
            members: if is_own { all } else { open.members },
            behind: open.behind,
            mixed: open.mixed,
            leaves: open.leaves,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(2);

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

    fn ack(item: ItemId, members: u64) -> Ack {
        Ack {
            item,
            members,
            behind: false,
            mixed: false,
        }
    }

    fn done(parents: &[u8], members: u64) -> BundleAck {
        BundleAck {
            item: item(1),
            parents: parents.iter().map(|&byte| id(byte)).collect(),
            members,
            behind: false,
            mixed: false,
            leaves: Time::default(),
        }
    }

    #[test]
    fn a_leaf_acknowledges_what_it_delivers() {
        let mut acks = AckTracker::default();
        acks.note_received(item(1), Some(id(7)), true, Time::default());
        assert_eq!(acks.note_delivered(item(1)), Some(done(&[7], 1)));
        assert_eq!(acks.note_delivered(item(1)), None);
    }

    #[test]
    fn an_acknowledgement_waits_for_delivery_and_all_children() {
        let mut acks = AckTracker::default();
        let now = Time::default();
        acks.note_received(item(1), Some(id(7)), true, Time::default());
        acks.expect_ack_from(now, item(1), id(2), WAIT);
        acks.expect_ack_from(now, item(1), id(3), WAIT);
        acks.expect_ack_from(now, item(1), id(3), WAIT);
        assert_eq!(acks.take_ack(now, &id(2), ack(item(1), 4)), None);
        assert_eq!(acks.take_ack(now, &id(3), ack(item(1), 5)), None);
        assert_eq!(acks.take_ack(now, &id(3), ack(item(1), 1)), None);
        assert_eq!(acks.note_delivered(item(1)), Some(done(&[7], 11)));
        assert_eq!(acks.deadline(), None);
    }

    #[test]
    fn a_slow_reader_below_any_child_is_reported() {
        let mut acks = AckTracker::default();
        let now = Time::default();
        acks.note_received(item(1), Some(id(7)), true, now);
        acks.expect_ack_from(now, item(1), id(2), WAIT);
        acks.expect_ack_from(now, item(1), id(3), WAIT);
        let mut behind = ack(item(1), 1);
        behind.behind = true;
        assert_eq!(acks.take_ack(now, &id(2), behind), None);
        assert_eq!(acks.take_ack(now, &id(3), ack(item(1), 1)), None);
        assert!(
            acks.note_delivered(item(1))
                .is_some_and(|acked| acked.behind)
        );
    }

    #[test]
    fn a_second_parent_gets_an_acknowledgement_and_no_member_counts_twice() {
        let mut acks = AckTracker::default();
        acks.note_received(item(1), Some(id(7)), true, Time::default());
        acks.note_received(item(1), Some(id(8)), false, Time::default());
        assert_eq!(acks.note_delivered(item(1)), Some(done(&[7, 8], 1)));
        acks.note_received(item(1), Some(id(9)), false, Time::default());
        assert_eq!(acks.note_delivered(item(1)), Some(done(&[9], 0)));
    }

    #[test]
    fn a_bundle_does_not_wait_for_gone_or_overdue_children() {
        let mut acks = AckTracker::default();
        let now = Time::default();
        acks.note_received(item(1), None, true, Time::default());
        acks.expect_ack_from(now, item(1), id(2), WAIT);
        acks.expect_ack_from(now, item(1), id(3), WAIT);
        assert_eq!(acks.note_delivered(item(1)), None);
        assert_eq!(acks.forget(&id(2)), []);
        assert_eq!(acks.expire(now), ([].into(), [].into()));
        let (slow, acked) = acks.expire(now + WAIT);
        assert_eq!(slow, [id(3)]);
        assert_eq!(acked, [done(&[], 1)]);
    }

    #[test]
    fn a_late_member_is_reported_afterwards() {
        let mut acks = AckTracker::default();
        let now = Time::default();
        acks.note_received(item(1), Some(id(7)), true, Time::default());
        acks.note_received(item(1), Some(id(8)), false, Time::default());
        for child in [2, 3] {
            acks.expect_ack_from(now, item(1), id(child), WAIT);
        }
        acks.stop_waiting_for(&id(2), item(1));
        assert_eq!(acks.note_delivered(item(1)), None);
        assert_eq!(acks.take_ack(now, &id(2), ack(item(1), 1)), None);
        assert_eq!(
            acks.take_ack(now, &id(3), ack(item(1), 4)),
            Some(done(&[7, 8], 6))
        );
        assert_eq!(
            acks.take_ack(now, &id(3), ack(item(1), 2)),
            Some(done(&[7], 2))
        );
        assert_eq!(acks.take_ack(now, &id(3), ack(item(1), 0)), None);
        assert_eq!(
            acks.take_ack(now, &id(9), ack(item(1), 1)),
            None,
            "no child"
        );
        acks.note_received(item(1), Some(id(9)), false, Time::default());
        let too_many = acks.take_ack(now, &id(2), ack(item(1), u64::MAX - 8));
        assert_eq!(too_many, Some(done(&[7], MEMBERS as u64 - 8)));
    }

    #[test]
    fn an_author_learns_of_all_members_that_have_its_bundle() {
        let mut acks = AckTracker::default();
        let now = Time::default();
        acks.note_received(item(1), None, true, Time::default());
        acks.expect_ack_from(now, item(1), id(2), WAIT);
        acks.note_delivered(item(1));
        assert_eq!(acks.expire(now + WAIT).1, [done(&[], 1)]);
        let late = acks.take_ack(Time::default(), &id(2), ack(item(1), 3));
        assert_eq!(late, Some(done(&[], 4)));
    }

    #[test]
    fn an_author_that_relays_its_own_bundle_again_counts_all_members() {
        let mut acks = AckTracker::default();
        let now = Time::default();
        for (child, members) in [(2, 3), (3, 5)] {
            acks.note_received(item(1), None, child == 2, now);
            acks.expect_ack_from(now, item(1), id(child), WAIT);
            acks.take_ack(now, &id(child), ack(item(1), members));
        }
        assert_eq!(acks.note_delivered(item(1)), Some(done(&[], 9)));
        acks.note_received(item(1), None, false, now);
        acks.expect_ack_from(now, item(1), id(4), WAIT);
        acks.note_delivered(item(1));
        let acked = acks.take_ack(now, &id(4), ack(item(1), 2));
        assert_eq!(acked, Some(done(&[], 11)));
    }

    #[test]
    fn late_acknowledgements_are_passed_on_for_the_last_bundles_only() {
        let mut acks = AckTracker::default();
        for number in 1..=LATE_BUNDLES as u64 + 1 {
            acks.note_received(item(number), None, true, Time::default());
            acks.expect_ack_from(Time::default(), item(number), id(2), WAIT);
            acks.stop_waiting_for(&id(2), item(number));
            acks.note_delivered(item(number));
        }
        assert_eq!(
            (acks.reported.len(), acks.reported_order.len()),
            (LATE_BUNDLES, LATE_BUNDLES)
        );
        assert_eq!(
            acks.take_ack(Time::default(), &id(2), ack(item(1), 1)),
            None
        );
        assert!(
            acks.take_ack(Time::default(), &id(2), ack(item(2), 1))
                .is_some()
        );
    }

    #[test]
    fn a_slow_child_delays_nothing_until_it_acknowledges_again() {
        let mut acks = AckTracker::default();
        let now = Time::default();
        acks.note_received(item(2), None, true, Time::default());
        acks.expect_ack_from(now, item(2), id(2), WAIT);
        acks.expire(now + WAIT);
        acks.note_received(item(1), None, true, Time::default());
        acks.expect_ack_from(now, item(1), id(2), WAIT);
        assert_eq!(acks.note_delivered(item(1)), Some(done(&[], 1)));
        assert_eq!(acks.take_ack(now, &id(2), ack(item(2), 1)), None);
        acks.note_received(item(3), None, true, Time::default());
        acks.expect_ack_from(now, item(3), id(2), WAIT);
        assert_eq!(acks.note_delivered(item(3)), None);
        assert!(acks.take_ack(now, &id(2), ack(item(3), 1)).is_some());
    }

    #[test]
    fn a_node_counts_itself_when_the_tree_brings_a_pulled_bundle() {
        let mut acks = AckTracker::default();
        acks.note_pulled(item(1));
        acks.note_received(item(1), Some(id(7)), false, Time::default());
        assert_eq!(acks.note_delivered(item(1)), Some(done(&[7], 1)));
        acks.note_received(item(1), Some(id(8)), false, Time::default());
        assert_eq!(acks.note_delivered(item(1)), Some(done(&[8], 0)), "once");
        acks.note_received(item(2), Some(id(7)), true, Time::default());
        acks.note_pulled(item(2));
        acks.note_received(item(2), Some(id(8)), false, Time::default());
        let both = BundleAck {
            item: item(2),
            ..done(&[7, 8], 1)
        };
        assert_eq!(acks.note_delivered(item(2)), Some(both), "it was counted");
        for number in 3..=LATE_BUNDLES as u64 + 3 {
            acks.note_pulled(item(number));
        }
        assert_eq!(acks.pulled.len(), LATE_BUNDLES, "only the last are kept");
    }

    #[test]
    fn a_busy_child_gets_more_time_but_not_endlessly() {
        let mut acks = AckTracker::default();
        let begin = Time::default();
        for number in 1..=8 {
            acks.note_received(item(number), None, true, Time::default());
            acks.expect_ack_from(begin, item(number), id(2), WAIT);
            acks.note_delivered(item(number));
        }
        for number in 1..=3 {
            let now = begin + (WAIT * number).saturating_sub(Duration::from_millis(100));
            acks.take_ack(now, &id(2), ack(item(number.into()), 1));
            assert_eq!(acks.expire(now), ([].into(), [].into()), "{number}");
        }
        let (slow, acked) = acks.expire(begin + WAIT * BUSY_FACTOR);
        assert_eq!((slow, acked.len()), ([id(2)].into(), 5));
    }

    #[test]
    fn a_child_that_acknowledges_only_later_bundles_gets_no_more_time() {
        let mut acks = AckTracker::default();
        let begin = Time::default();
        for number in 1..=2 {
            acks.note_received(item(number), None, true, Time::default());
            acks.expect_ack_from(begin, item(number), id(2), WAIT);
        }
        let now = begin + WAIT / 2;
        acks.take_ack(now, &id(2), ack(item(2), 1));
        assert_eq!(acks.expire(begin + WAIT).0, [id(2)]);
    }

    #[test]
    fn a_bundle_that_is_opened_again_is_the_newest() {
        let mut acks = AckTracker::default();
        acks.note_received(item(0), None, true, Time::default());
        acks.note_delivered(item(0));
        for number in 1..MAX_OPEN as u64 {
            acks.note_received(item(number), None, true, Time::default());
        }
        acks.note_received(item(0), Some(id(7)), false, Time::default());
        acks.note_received(item(MAX_OPEN as u64), None, true, Time::default());
        assert!(!acks.open.contains_key(&item(1)), "the oldest is forgotten");
        assert!(acks.note_delivered(item(0)).is_some(), "it is here");
        assert_eq!(acks.order.len(), acks.open.len());
    }

    #[test]
    fn the_number_of_open_bundles_is_bounded() {
        let mut acks = AckTracker::default();
        for number in 0..=MAX_OPEN as u64 {
            acks.note_received(item(number), None, true, Time::default());
            acks.expect_ack_from(Time::default(), item(number), id(2), WAIT);
        }
        assert_eq!(acks.open.len(), MAX_OPEN);
        assert_eq!(acks.due.len(), MAX_OPEN);
    }

    #[test]
    fn a_new_view_or_a_mixed_part_makes_an_acknowledgement_mixed() {
        let mut acks = AckTracker::default();
        let now = Time::default();
        acks.note_received(item(1), Some(id(7)), true, now);
        acks.note_view();
        let mixed = BundleAck {
            mixed: true,
            ..done(&[7], 1)
        };
        assert_eq!(acks.note_delivered(item(1)), Some(mixed));
        let is_mixed = |acked: Option<BundleAck>| acked.unwrap().mixed;
        for number in [3, 4] {
            acks.note_received(item(number), Some(id(7)), true, now);
            acks.expect_ack_from(now, item(number), id(2), WAIT);
            acks.note_delivered(item(number));
        }
        let part = Ack {
            mixed: true,
            ..ack(item(3), 1)
        };
        assert!(is_mixed(acks.take_ack(now, &id(2), part)));
        assert!(!is_mixed(acks.take_ack(now, &id(2), ack(item(4), 1))));
        let late = Ack {
            mixed: true,
            ..ack(item(4), 1)
        };
        assert!(is_mixed(acks.take_ack(now, &id(2), late)));
    }
}

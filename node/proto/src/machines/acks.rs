//! Acknowledgements: how many members have delivered a bundle, counted up the tree that it came down.
//!
//! A node acknowledges a bundle to its parent when it has delivered it and its children have acknowledged it, except
//! those that it gave up on. It acknowledges once more for members that are late (`PROTOCOL.md` §4.6). Not here:
//! receipts, which say who carries a bundle on (`spread`), and the author's window (`outbox`).

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::limit::MEMBERS;
use ringtalk_wire::{Ack, ItemId, ItemKind, NodeId};

use crate::Time;
use crate::planted::{Planted, PlantedBug};

/// How many bundles may wait for acknowledgements: several seconds of full load. Beyond that the oldest are
/// forgotten; the nodes that wait for their acknowledgement give up in time.
const WAITED_FOR: usize = 8_192;

/// For how many of the last acknowledged bundles late acknowledgements are passed on: some seconds of lively talk.
pub(crate) const LATE: usize = 512;

/// How many parts of a bundle are acknowledged at most.
const PARENTS: usize = 64;
/// How many parts of a bundle are acknowledged to one parent at most.
const PARTS: usize = 8;

/// How many times its usual wait a child gets for each bundle while it goes on acknowledging the author's bundles: it
/// is busy, not stuck.
const BUSY: u32 = 3;

/// The bundles whose acknowledgement is not complete, and the last complete ones.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    open: BTreeMap<ItemId, Open>,
    order: VecDeque<ItemId>,
    /// The last acknowledged bundles; `told_order` has the oldest first.
    told: BTreeMap<ItemId, Told>,
    told_order: VecDeque<ItemId>,
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
struct Open {
    /// When its acknowledgement leaves, if it is complete by then.
    leaves: Time,
    delivered: bool,
    /// The parents to acknowledge it to; the first one is told how many members this stands for.
    parents: Vec<NodeId>,
    children: BTreeMap<NodeId, Awaited>,
    /// All children that carry a part, whether they are waited for or not.
    carriers: BTreeSet<NodeId>,
    /// How many members are known to have delivered it.
    members: u64,
    /// Whether the reader of one of these members is behind.
    behind: bool,
}

/// A bundle that was acknowledged, maybe without some of its carriers.
#[derive(Debug)]
struct Told {
    /// The parent that is told of late members; `None` for one's own bundle.
    parent: Option<NodeId>,
    carriers: BTreeSet<NodeId>,
    /// How many members were reported so far.
    members: u64,
}

/// A child's acknowledgement that has not come.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    /// How many parts the child has yet to acknowledge.
    parts: usize,
    /// When the wait began, and how long it lasts.
    since: Time,
    wait: Duration,
    due: Time,
}

/// A bundle that this node and all members below it have delivered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Acked {
    /// The bundle.
    pub(crate) item: ItemId,
    /// The parents that wait for the acknowledgement; none for one's own bundle.
    pub(crate) parents: Vec<NodeId>,
    /// How many members it stands for: all of them for one's own bundle, else those that no parent was told of.
    pub(crate) members: u64,
    /// Whether the reader of one of these members is behind.
    pub(crate) behind: bool,
    /// When the acknowledgement leaves at the latest.
    pub(crate) leaves: Time,
}

impl Acks {
    /// Activates a planted bug, if it is one of this machine's.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn plant(&mut self, planted: Planted) {
        self.planted = planted;
    }

    /// Notes that a new bundle was pulled, which the tree may still bring. If the tree brought it before, and it
    /// waits for room, nothing is noted.
    pub(crate) fn pulled(&mut self, item: ItemId) {
        if !self.open.contains_key(&item) && self.pulled.insert(item) {
            self.pulled_order.push_back(item);
        }
        if self.pulled_order.len() > LATE
            && let Some(oldest) = self.pulled_order.pop_front()
        {
            self.pulled.remove(&oldest);
        }
        debug_assert!(self.pulled.len() <= self.pulled_order.len());
    }

    /// Notes that a bundle arrived, or that it is one's own (no `parent`). Its acknowledgement leaves at `leaves`.
    /// The node counts itself if the bundle is `new`, or was pulled and comes by the tree for the first time.
    pub(crate) fn came(&mut self, item: ItemId, parent: Option<NodeId>, new: bool, leaves: Time) {
        let new = self.pulled.remove(&item) || new;
        let open = self.open.entry(item).or_insert_with(|| {
            self.order.push_back(item);
            Open {
                leaves,
                ..Open::default()
            }
        });
        if let Some(parent) = parent
            && open.parents.len() < PARENTS
            && open.parents.iter().filter(|one| **one == parent).count() < PARTS
        {
            open.parents.push(parent);
        }
        open.members += u64::from(new);
        if self.order.len() > WAITED_FOR
            && let Some(oldest) = self.order.pop_front()
            && let Some(forgotten) = self.open.remove(&oldest)
        {
            self.forget_progress(oldest.origin);
            for (child, awaited) in forgotten.children {
                self.due.remove(&(awaited.due, oldest, child));
            }
        }
        debug_assert!(self.open.len() <= self.order.len(), "the oldest goes first");
    }

    /// Notes that a child carries a part of the bundle on. Its acknowledgement is awaited for `wait`, unless the
    /// child is known to be slow.
    pub(crate) fn carried(&mut self, now: Time, item: ItemId, child: NodeId, wait: Duration) {
        let hasty = self.planted.has(PlantedBug::AckBeforeChildren);
        if let Some(open) = self.open.get_mut(&item).filter(|_| !hasty) {
            open.carriers.insert(child);
            if self.slow.contains(&child) {
                return;
            }
            let due = now + wait;
            let before = open.children.get(&child).copied();
            if let Some(before) = before {
                self.due.remove(&(before.due, item, child));
            }
            let awaited = Awaited {
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
    pub(crate) fn acked(
        &mut self,
        now: Time,
        child: &NodeId,
        Ack {
            item,
            members,
            behind,
        }: Ack,
    ) -> Option<Acked> {
        self.slow.remove(child);
        let open = self.open.get_mut(&item);
        let Some(open) = open.filter(|open| open.carriers.contains(child)) else {
            return self.late(now, child, item, members);
        };
        open.members = (open.members + members).min(MEMBERS as u64);
        open.behind |= behind;
        let awaited = open.children.get_mut(child)?;
        let progress = self.progress.entry(item.origin).or_default();
        progress.insert(*child, (item.number, now));
        debug_assert!(awaited.parts > 0, "who is waited for owes a part");
        awaited.parts -= 1;
        if awaited.parts > 0 {
            return None;
        }
        self.excuse(child, item)
    }

    /// Notes that this node has delivered the bundle.
    pub(crate) fn delivered(&mut self, item: ItemId) -> Option<Acked> {
        self.open.get_mut(&item)?.delivered = true;
        self.complete(item)
    }

    /// Stops waiting for a child that no longer carries this bundle, or that is given up on.
    pub(crate) fn excuse(&mut self, child: &NodeId, item: ItemId) -> Option<Acked> {
        let awaited = self.open.get_mut(&item)?.children.remove(child)?;
        self.due.remove(&(awaited.due, item, *child));
        self.complete(item)
    }

    /// Stops waiting for anything from a child that is gone.
    pub(crate) fn forget(&mut self, child: &NodeId) -> Vec<Acked> {
        self.slow.remove(child);
        let waiting = |open: &Open| open.children.contains_key(child);
        let items: Vec<ItemId> = self
            .open
            .iter()
            .filter(|(_, open)| waiting(open))
            .map(|(&item, _)| item)
            .collect();
        let acked = items.into_iter();
        let acked = acked.filter_map(|item| self.excuse(child, item)).collect();
        debug_assert!(
            self.due.iter().all(|(.., waited_for)| waited_for != child),
            "nobody waits for who is gone"
        );
        acked
    }

    /// Gives up on the children whose acknowledgement is overdue. Returns those that have just become slow, and the
    /// bundles that are complete without them.
    pub(crate) fn expire(&mut self, now: Time) -> (Vec<NodeId>, Vec<Acked>) {
        let mut slow = Vec::new();
        let mut acked = Vec::new();
        while let Some(&(due, item, child)) = self.due.first()
            && due <= now
        {
            if self.is_put_off(now, item, child) {
                continue;
            }
            acked.extend(self.forget(&child));
            self.slow.insert(child);
            slow.push(child);
        }
        (slow, acked)
    }

    /// Returns when [`Acks::expire`] is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.due.first().map(|&(due, ..)| due)
    }

    /// Gives a child more time if it has acknowledged an earlier bundle of the author meanwhile. Returns true if it
    /// does.
    fn is_put_off(&mut self, now: Time, item: ItemId, child: NodeId) -> bool {
        let progress = self.progress.get(&item.origin);
        let earlier = progress.and_then(|progress| progress.get(&child));
        let earlier = earlier.filter(|(number, _)| *number < item.number);
        let open = self.open.get_mut(&item);
        let awaited = open.and_then(|open| open.children.get_mut(&child));
        let (Some(&(_, at)), Some(awaited)) = (earlier, awaited) else {
            return false;
        };
        let due = (at + awaited.wait).min(awaited.since + awaited.wait * BUSY);
        if due <= now {
            return false;
        }
        self.due.remove(&(awaited.due, item, child));
        self.due.insert((due, item, child));
        awaited.due = due;
        true
    }

    /// Handles an acknowledgement that comes after the bundle was acknowledged without it.
    fn late(&mut self, now: Time, child: &NodeId, item: ItemId, members: u64) -> Option<Acked> {
        let told = self.told.get_mut(&item)?;
        let before = told.members;
        let all = before.saturating_add(members).min(MEMBERS as u64);
        if all == before || !told.carriers.contains(child) {
            return None;
        }
        told.members = all;
        Some(Acked {
            item,
            parents: told.parent.into_iter().collect(),
            members: told.parent.map_or(all, |_| all - before),
            behind: false,
            leaves: now,
        })
    }

    /// Keeps a bundle for late acknowledgements. Returns how many members are known to have it.
    fn keep(&mut self, item: ItemId, open: &mut Open) -> u64 {
        if open.carriers.is_empty() {
            return open.members;
        }
        let told = self.told.entry(item).or_insert_with(|| {
            self.told_order.push_back(item);
            Told {
                parent: open.parents.first().copied(),
                carriers: BTreeSet::new(),
                members: 0,
            }
        });
        told.carriers.append(&mut open.carriers);
        told.members = (told.members + open.members).min(MEMBERS as u64);
        let all = told.members;
        if self.told_order.len() > LATE
            && let Some(oldest) = self.told_order.pop_front()
        {
            self.told.remove(&oldest);
        }
        debug_assert!(self.told.len() <= LATE);
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

    fn complete(&mut self, item: ItemId) -> Option<Acked> {
        let open = self.open.get(&item)?;
        if !open.delivered || !open.children.is_empty() {
            return None;
        }
        let mut open = self.open.remove(&item)?;
        self.forget_progress(item.origin);
        let all = self.keep(item, &mut open);
        let is_own = open.parents.is_empty();
        Some(Acked {
            item,
            parents: open.parents,
            members: if is_own { all } else { open.members },
            behind: open.behind,
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
        }
    }

    fn done(parents: &[u8], members: u64) -> Acked {
        Acked {
            item: item(1),
            parents: parents.iter().map(|&byte| id(byte)).collect(),
            members,
            behind: false,
            leaves: Time::default(),
        }
    }

    #[test]
    fn a_leaf_acknowledges_what_it_delivers() {
        let mut acks = Acks::default();
        acks.came(item(1), Some(id(7)), true, Time::default());
        assert_eq!(acks.delivered(item(1)), Some(done(&[7], 1)));
        assert_eq!(acks.delivered(item(1)), None);
    }

    #[test]
    fn an_acknowledgement_waits_for_delivery_and_all_children() {
        let mut acks = Acks::default();
        let now = Time::default();
        acks.came(item(1), Some(id(7)), true, Time::default());
        acks.carried(now, item(1), id(2), WAIT);
        acks.carried(now, item(1), id(3), WAIT);
        acks.carried(now, item(1), id(3), WAIT);
        assert_eq!(acks.acked(now, &id(2), ack(item(1), 4)), None);
        assert_eq!(acks.acked(now, &id(3), ack(item(1), 5)), None);
        assert_eq!(acks.acked(now, &id(3), ack(item(1), 1)), None);
        assert_eq!(acks.delivered(item(1)), Some(done(&[7], 11)));
        assert_eq!(acks.deadline(), None);
    }

    #[test]
    fn a_reader_behind_any_child_is_told_of() {
        let mut acks = Acks::default();
        let now = Time::default();
        acks.came(item(1), Some(id(7)), true, now);
        acks.carried(now, item(1), id(2), WAIT);
        acks.carried(now, item(1), id(3), WAIT);
        let mut behind = ack(item(1), 1);
        behind.behind = true;
        assert_eq!(acks.acked(now, &id(2), behind), None);
        assert_eq!(acks.acked(now, &id(3), ack(item(1), 1)), None);
        assert!(acks.delivered(item(1)).is_some_and(|acked| acked.behind));
    }

    #[test]
    fn a_second_parent_is_told_and_nobody_counts_twice() {
        let mut acks = Acks::default();
        acks.came(item(1), Some(id(7)), true, Time::default());
        acks.came(item(1), Some(id(8)), false, Time::default());
        assert_eq!(acks.delivered(item(1)), Some(done(&[7, 8], 1)));
        acks.came(item(1), Some(id(9)), false, Time::default());
        assert_eq!(acks.delivered(item(1)), Some(done(&[9], 0)));
    }

    #[test]
    fn a_child_that_is_gone_or_overdue_is_waited_for_no_more() {
        let mut acks = Acks::default();
        let now = Time::default();
        acks.came(item(1), None, true, Time::default());
        acks.carried(now, item(1), id(2), WAIT);
        acks.carried(now, item(1), id(3), WAIT);
        assert_eq!(acks.delivered(item(1)), None);
        assert_eq!(acks.forget(&id(2)), []);
        assert_eq!(acks.expire(now), ([].into(), [].into()));
        let (slow, acked) = acks.expire(now + WAIT);
        assert_eq!(slow, [id(3)]);
        assert_eq!(acked, [done(&[], 1)]);
    }

    #[test]
    fn who_is_late_is_told_of_once_more() {
        let mut acks = Acks::default();
        let now = Time::default();
        acks.came(item(1), Some(id(7)), true, Time::default());
        acks.came(item(1), Some(id(8)), false, Time::default());
        for child in [2, 3] {
            acks.carried(now, item(1), id(child), WAIT);
        }
        acks.excuse(&id(2), item(1));
        assert_eq!(acks.delivered(item(1)), None);
        assert_eq!(acks.acked(now, &id(2), ack(item(1), 1)), None);
        assert_eq!(
            acks.acked(now, &id(3), ack(item(1), 4)),
            Some(done(&[7, 8], 6))
        );
        assert_eq!(
            acks.acked(now, &id(3), ack(item(1), 2)),
            Some(done(&[7], 2))
        );
        assert_eq!(acks.acked(now, &id(3), ack(item(1), 0)), None);
        assert_eq!(acks.acked(now, &id(9), ack(item(1), 1)), None, "no child");
        acks.came(item(1), Some(id(9)), false, Time::default());
        let too_many = acks.acked(now, &id(2), ack(item(1), u64::MAX - 8));
        assert_eq!(too_many, Some(done(&[7], MEMBERS as u64 - 8)));
    }

    #[test]
    fn an_author_learns_of_all_who_have_it_by_now() {
        let mut acks = Acks::default();
        let now = Time::default();
        acks.came(item(1), None, true, Time::default());
        acks.carried(now, item(1), id(2), WAIT);
        acks.delivered(item(1));
        assert_eq!(acks.expire(now + WAIT).1, [done(&[], 1)]);
        let late = acks.acked(Time::default(), &id(2), ack(item(1), 3));
        assert_eq!(late, Some(done(&[], 4)));
    }

    #[test]
    fn an_author_that_passes_its_own_on_again_counts_all_of_them() {
        let mut acks = Acks::default();
        let now = Time::default();
        for (child, members) in [(2, 3), (3, 5)] {
            acks.came(item(1), None, child == 2, now);
            acks.carried(now, item(1), id(child), WAIT);
            acks.acked(now, &id(child), ack(item(1), members));
        }
        assert_eq!(acks.delivered(item(1)), Some(done(&[], 9)));
        acks.came(item(1), None, false, now);
        acks.carried(now, item(1), id(4), WAIT);
        acks.delivered(item(1));
        let acked = acks.acked(now, &id(4), ack(item(1), 2));
        assert_eq!(acked, Some(done(&[], 11)));
    }

    #[test]
    fn late_ones_are_passed_on_for_the_last_bundles_only() {
        let mut acks = Acks::default();
        for number in 1..=LATE as u64 + 1 {
            acks.came(item(number), None, true, Time::default());
            acks.carried(Time::default(), item(number), id(2), WAIT);
            acks.excuse(&id(2), item(number));
            acks.delivered(item(number));
        }
        assert_eq!((acks.told.len(), acks.told_order.len()), (LATE, LATE));
        assert_eq!(acks.acked(Time::default(), &id(2), ack(item(1), 1)), None);
        assert!(
            acks.acked(Time::default(), &id(2), ack(item(2), 1))
                .is_some()
        );
    }

    #[test]
    fn a_slow_child_holds_nothing_up_until_it_acknowledges_again() {
        let mut acks = Acks::default();
        let now = Time::default();
        acks.came(item(2), None, true, Time::default());
        acks.carried(now, item(2), id(2), WAIT);
        acks.expire(now + WAIT);
        acks.came(item(1), None, true, Time::default());
        acks.carried(now, item(1), id(2), WAIT);
        assert_eq!(acks.delivered(item(1)), Some(done(&[], 1)));
        assert_eq!(acks.acked(now, &id(2), ack(item(2), 1)), None);
        acks.came(item(3), None, true, Time::default());
        acks.carried(now, item(3), id(2), WAIT);
        assert_eq!(acks.delivered(item(3)), None);
        assert!(acks.acked(now, &id(2), ack(item(3), 1)).is_some());
    }

    #[test]
    fn who_pulled_a_bundle_counts_itself_when_the_tree_brings_it() {
        let mut acks = Acks::default();
        acks.pulled(item(1));
        acks.came(item(1), Some(id(7)), false, Time::default());
        assert_eq!(acks.delivered(item(1)), Some(done(&[7], 1)));
        acks.came(item(1), Some(id(8)), false, Time::default());
        assert_eq!(acks.delivered(item(1)), Some(done(&[8], 0)), "once");
        acks.came(item(2), Some(id(7)), true, Time::default());
        acks.pulled(item(2));
        acks.came(item(2), Some(id(8)), false, Time::default());
        let both = Acked {
            item: item(2),
            ..done(&[7, 8], 1)
        };
        assert_eq!(acks.delivered(item(2)), Some(both), "it was counted");
        for number in 3..=LATE as u64 + 3 {
            acks.pulled(item(number));
        }
        assert_eq!(acks.pulled.len(), LATE, "only the last are kept");
    }

    #[test]
    fn a_child_that_goes_on_is_given_more_time_but_not_endlessly() {
        let mut acks = Acks::default();
        let begin = Time::default();
        for number in 1..=8 {
            acks.came(item(number), None, true, Time::default());
            acks.carried(begin, item(number), id(2), WAIT);
            acks.delivered(item(number));
        }
        for number in 1..=3 {
            let now = begin + (WAIT * number).saturating_sub(Duration::from_millis(100));
            acks.acked(now, &id(2), ack(item(number.into()), 1));
            assert_eq!(acks.expire(now), ([].into(), [].into()), "{number}");
        }
        let (slow, acked) = acks.expire(begin + WAIT * BUSY);
        assert_eq!((slow, acked.len()), ([id(2)].into(), 5));
    }

    #[test]
    fn who_acknowledges_later_ones_only_gets_no_more_time() {
        let mut acks = Acks::default();
        let begin = Time::default();
        for number in 1..=2 {
            acks.came(item(number), None, true, Time::default());
            acks.carried(begin, item(number), id(2), WAIT);
        }
        let now = begin + WAIT / 2;
        acks.acked(now, &id(2), ack(item(2), 1));
        assert_eq!(acks.expire(begin + WAIT).0, [id(2)]);
    }

    #[test]
    fn only_so_many_are_waited_for() {
        let mut acks = Acks::default();
        for number in 0..=WAITED_FOR as u64 {
            acks.came(item(number), None, true, Time::default());
            acks.carried(Time::default(), item(number), id(2), WAIT);
        }
        assert_eq!(acks.open.len(), WAITED_FOR);
        assert_eq!(acks.due.len(), WAITED_FOR);
    }
}

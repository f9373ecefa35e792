//! Coverage: which members have this node's own messages, however they got them.
//!
//! Acknowledgements count members without naming them. They miss a member that pulled a bundle after it had been
//! stopped, or whose acknowledgement was lost with a parent, and they count one that has gone since. So a member's
//! clock counts too: its entry for this node says which of this node's messages the member has (`PROTOCOL.md` §4.6).
//! If neither tells enough, members are asked for their clocks. Not here: the count up the tree (`acks`), the window
//! (`outbox`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;
use core::time::Duration;

use ringtalk_wire::{Ack, NodeId};

use crate::planted::{Planted, PlantedBug};
use crate::{Time, View};

/// How many own bundles are followed: as many as late acknowledgements are passed on for.
const OWN_BUNDLES: usize = 512;
/// How many failed members are remembered in case they come back; then the messages that they missed count anew.
const ABSENT: usize = 64;
/// How long after an acknowledgement that leaves some out, or a new view, members are asked: by then most have
/// caught up, and shown it by themselves.
const ASK_FIRST: Duration = Duration::from_secs(1);
/// The longest pause between two rounds of questions; it doubles from [`ASK_FIRST`] on. A member that is stopped, or
/// whose reader is, costs one short frame in this time.
const ASK_PAUSE_MOST: Duration = Duration::from_secs(16);
/// How many members are asked in one step, and steps are [`ASK_FIRST`] apart.
const ASKED_AT_ONCE: usize = 16;
/// How many clock entries the answers to one step may have: each member may answer with one for each author. It keeps
/// a question in a large ring below some 100 KiB in a second.
const ANSWERED_ENTRIES: usize = 4_096;

/// This node and its view: the members that own messages are for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Audience<'a> {
    pub(crate) me: NodeId,
    pub(crate) view: &'a View,
}

impl Audience<'_> {
    fn others(&self) -> impl Iterator<Item = NodeId> {
        let members = self.view.members().map(|member| member.id);
        members.filter(|id| *id != self.me)
    }

    fn is_empty(&self) -> bool {
        self.view.len() <= 1
    }
}

/// So many members have this node's messages `first..=last`, this node included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BundleReach {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) members: u64,
    /// Whether every member of the view has them, and there is another one. It stays true.
    pub(crate) complete: bool,
}

/// The last own bundles, and what the members have of them.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    /// The last own bundles, by their first message. Those that are not complete are never dropped, but may share an
    /// entry.
    bundles: BTreeMap<u64, OwnBundle>,
    incomplete: BTreeSet<u64>,
    /// The members in `settled` have the own messages up to here.
    floor: u64,
    /// The members for which the floor was raised. A member that is admitted later, or comes back, is not in it.
    settled: BTreeSet<NodeId>,
    /// The own messages up to which a member's clock has shown that the member has them.
    known: BTreeMap<NodeId, u64>,
    /// Failed members, and up to which own message each had everything.
    absent: BTreeMap<NodeId, u64>,
    /// Members that came back, and may still lack something.
    returned: BTreeSet<NodeId>,
    questions: Questions,
    planted: Planted,
}

#[derive(Debug)]
struct OwnBundle {
    last: u64,
    /// How many members the view had when the bundle was signed. If so many have acknowledged it, and all of them
    /// followed that view, nobody lacks it.
    among: u64,
    /// Whether a member that acknowledged it may have followed another view: then only clocks tell who has it.
    mixed: bool,
    /// How many have acknowledged it; `None` while acknowledgements are awaited.
    acked: Option<u64>,
    /// How many members the user was told of.
    told: u64,
    complete: bool,
}

/// When members are asked, and how far the round has come.
#[derive(Debug, Default)]
struct Questions {
    due: Option<Time>,
    pause: Duration,
    /// The last member that was asked in this round.
    asked: Option<NodeId>,
}

impl Coverage {
    /// Activates a planted bug, if it is one of this machine's.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn plant(&mut self, planted: Planted) {
        self.planted = planted;
    }

    /// Notes that this node signs messages `first..=last` for a view of so many members.
    pub(crate) fn note_signed(&mut self, first: u64, last: u64, members: usize) {
        debug_assert!(first <= last, "a bundle says something");
        let bundle = OwnBundle {
            last,
            among: members as u64,
            mixed: false,
            acked: None,
            // A message that is said alone reaches nobody.
            told: u64::from(members == 1),
            complete: false,
        };
        self.bundles.insert(first, bundle);
        self.incomplete.insert(first);
        if self.bundles.len() > OWN_BUNDLES {
            self.make_room();
        }
        debug_assert!(self.bundles.len() <= OWN_BUNDLES, "the oldest goes first");
    }

    /// Takes how many members have acknowledged a bundle, if it is still here.
    pub(crate) fn note_acked(
        &mut self,
        now: Time,
        ack: &Ack,
        audience: Audience<'_>,
    ) -> Vec<BundleReach> {
        let first = ack.item.number;
        let Some(bundle) = self.bundles.get_mut(&first) else {
            return Vec::new();
        };
        let acked = bundle.acked.unwrap_or_default().max(ack.members);
        bundle.acked = Some(acked);
        bundle.mixed |= ack.mixed;
        let mut all = bundle.complete && acked > bundle.told;
        let (last, among) = (bundle.last, bundle.among);
        if among > 1 && acked >= among && !bundle.mixed {
            self.raise_floor(last, audience);
            all |= !core::mem::take(&mut self.returned).is_empty();
        }
        let reached = self.recount(audience, all);
        if !audience.is_empty() && self.incomplete.contains(&first) {
            self.ask_soon(now);
        }
        reached
    }

    /// Notes that a member has the own messages up to this one.
    pub(crate) fn note_covered(
        &mut self,
        peer: NodeId,
        up_to: u64,
        audience: Audience<'_>,
    ) -> Vec<BundleReach> {
        let deaf = self.planted.has(PlantedBug::ForgetLateMembers);
        if deaf || up_to <= self.known_of(&peer) || !audience.view.contains(&peer) {
            return Vec::new();
        }
        self.known.insert(peer, up_to);
        let was_away = self.returned.contains(&peer);
        if up_to >= self.newest() {
            self.returned.remove(&peer);
        }
        self.recount(audience, was_away)
    }

    /// Takes a new view: who was admitted, who left properly, and who failed.
    pub(crate) fn note_view(
        &mut self,
        now: Time,
        joined: impl Iterator<Item = NodeId>,
        gone: impl Iterator<Item = (NodeId, bool)>,
        audience: Audience<'_>,
    ) -> Vec<BundleReach> {
        for (id, failed) in gone {
            if failed {
                self.absent.insert(id, self.known_of(&id));
            }
            self.known.remove(&id);
            self.settled.remove(&id);
            self.returned.remove(&id);
        }
        while self.absent.len() > ABSENT {
            self.absent.pop_first();
        }
        for id in joined {
            if let Some(had) = self.absent.remove(&id) {
                self.known.insert(id, had);
                self.returned.insert(id);
            }
        }
        for bundle in self.bundles.values_mut() {
            bundle.mixed = true;
        }
        let reached = self.recount(audience, false);
        let is_complete = self.acked_bundles(false).is_empty() && self.returned.is_empty();
        if !audience.is_empty() && !is_complete {
            self.ask_soon(now);
        }
        reached
    }

    /// Returns when [`Coverage::members_to_ask`] has something to do.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        self.questions.due
    }

    /// Puts a due question off, because this node is not in the ring.
    pub(crate) fn put_off(&mut self, now: Time) {
        self.questions.due = Some(now + ASK_FIRST);
    }

    /// Returns the members to ask for their clocks: some of those that are not known to have everything.
    pub(crate) fn members_to_ask(&mut self, now: Time, audience: Audience<'_>) -> Vec<NodeId> {
        if self.questions.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        let wanted = self.incomplete.iter().rev();
        let mut wanted = wanted.filter_map(|first| self.bundles.get(first));
        let wanted = wanted.find(|bundle| bundle.acked.is_some());
        let wanted = wanted.map_or(0, |bundle| bundle.last);
        let newest = self.newest();
        let lacks = |id: &NodeId| {
            let known = self.known_of(id);
            known < wanted || known < newest && self.returned.contains(id)
        };
        let lacking: BTreeSet<NodeId> = audience.others().filter(lacks).collect();
        if lacking.is_empty() {
            self.questions = Questions::default();
            self.returned.clear();
            return Vec::new();
        }
        let most = (ANSWERED_ENTRIES / audience.view.len()).clamp(1, ASKED_AT_ONCE);
        let after = self
            .questions
            .asked
            .map_or(Bound::Unbounded, Bound::Excluded);
        let rest = lacking.range((after, Bound::Unbounded));
        let asked: Vec<NodeId> = rest.take(most).copied().collect();
        self.questions.asked = asked.last().copied().filter(|_| asked.len() == most);
        self.questions.due = Some(if self.questions.asked.is_some() {
            now + ASK_FIRST
        } else {
            let pause = self.questions.pause;
            self.questions.pause = (pause * 2).min(ASK_PAUSE_MOST);
            now + pause
        });
        asked
    }

    /// Begins a round of questions, unless one has begun.
    fn ask_soon(&mut self, now: Time) {
        let due = now + ASK_FIRST;
        self.questions.pause = ASK_FIRST;
        self.questions.due = Some(self.questions.due.map_or(due, |before| before.min(due)));
    }

    /// Returns the last message of the newest bundle.
    fn newest(&self) -> u64 {
        let newest = self.bundles.last_key_value();
        newest.map_or(0, |(_, bundle)| bundle.last)
    }

    fn known_of(&self, id: &NodeId) -> u64 {
        let shown = self.known.get(id).copied().unwrap_or_default();
        if self.settled.contains(id) {
            shown.max(self.floor)
        } else {
            shown
        }
    }

    /// Notes that all members have the own messages up to this one.
    fn raise_floor(&mut self, last: u64, audience: Audience<'_>) {
        if last >= self.floor {
            self.floor = last;
            // Usually they are settled already, and in a large ring it takes long to collect them.
            if !self.are_all_settled(audience) {
                self.settled = audience.others().collect();
            }
            self.known.retain(|_, known| *known > last);
        }
    }

    /// Returns true if the floor holds for all members. Those that have gone are never in `settled`.
    fn are_all_settled(&self, audience: Audience<'_>) -> bool {
        let others = audience.view.len().saturating_sub(1);
        debug_assert!(self.settled.len() <= others, "they are all members");
        self.settled.len() == others
    }

    /// Returns the bundles that acknowledgements have left incomplete, oldest first, or with `all` every bundle whose
    /// acknowledgements have come: the first message of each, and how many members have acknowledged it.
    fn acked_bundles(&self, all: bool) -> Vec<(u64, u64)> {
        let with_count = |first: &u64| Some((*first, self.bundles.get(first)?.acked?));
        if all {
            self.bundles.keys().filter_map(with_count).collect()
        } else {
            // Usually they are few, while most of the last bundles are complete.
            self.incomplete.iter().filter_map(with_count).collect()
        }
    }

    /// Counts the members that have each bundle whose acknowledgements have come and which is not complete, or each
    /// bundle because of a member that was away. Returns what has changed, without gaps between equal counts.
    fn recount(&mut self, audience: Audience<'_>, all: bool) -> Vec<BundleReach> {
        let open = self.acked_bundles(all);
        let newest = open.last().and_then(|(first, _)| self.bundles.get(first));
        let Some(newest) = newest.map(|bundle| bundle.last) else {
            return Vec::new();
        };
        let everyone = audience.view.len().saturating_sub(1);
        // Usually all have everything, and in a large ring it takes long to look at each.
        let all_have = if self.are_all_settled(audience) {
            self.floor
        } else {
            0
        };
        let mut known: Vec<u64> = if newest > all_have {
            audience.others().map(|id| self.known_of(&id)).collect()
        } else {
            Vec::new()
        };
        known.sort_unstable();
        let covered = |last: u64| {
            if last <= all_have {
                everyone
            } else {
                known.len() - known.partition_point(|&known| known < last)
            }
        };
        let mut reached: Vec<BundleReach> = Vec::new();
        let mut floor = None;
        for (first, acked) in open {
            let Some(bundle) = self.bundles.get_mut(&first) else {
                continue;
            };
            let others = covered(bundle.last);
            let completed = !bundle.complete && everyone > 0 && others == everyone;
            let members = acked.max(others as u64 + 1);
            if !completed && members <= bundle.told {
                continue;
            }
            bundle.told = bundle.told.max(members);
            if completed {
                bundle.complete = true;
                self.incomplete.remove(&first);
                floor = floor.max(Some(bundle.last));
            }
            let reach = BundleReach {
                first,
                last: bundle.last,
                members: bundle.told,
                complete: bundle.complete,
            };
            push_reach(&mut reached, reach);
        }
        if let Some(last) = floor {
            self.raise_floor(last, audience);
        }
        reached
    }

    /// Drops the oldest complete bundle, or else lets the two oldest share an entry.
    fn make_room(&mut self) {
        let complete = self.bundles.iter().find(|(_, bundle)| bundle.complete);
        if let Some((&first, _)) = complete {
            self.bundles.remove(&first);
            return;
        }
        let Some((first, oldest)) = self.bundles.pop_first() else {
            return;
        };
        if let Some((second, next)) = self.bundles.pop_first() {
            self.incomplete.remove(&second);
            let both = OwnBundle {
                last: next.last,
                among: oldest.among.max(next.among),
                mixed: oldest.mixed || next.mixed,
                // Nothing more is told of the two by acknowledgements.
                acked: Some(oldest.acked.min(next.acked).unwrap_or(1)),
                told: oldest.told.min(next.told),
                complete: false,
            };
            self.bundles.insert(first, both);
        }
    }
}

/// Adds a reach, to the last one if it goes on there.
fn push_reach(reached: &mut Vec<BundleReach>, next: BundleReach) {
    if let Some(last) = reached.last_mut()
        && last.last + 1 == next.first
        && (last.members, last.complete) == (next.members, next.complete)
    {
        last.last = next.last;
    } else {
        reached.push(next);
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::{ItemId, ItemKind};

    use super::*;
    use crate::view::test_support::{even_ring, id};

    const NOW: Time = Time::from_micros(0);

    fn member(number: u16) -> NodeId {
        id(number - 1)
    }

    fn nobody() -> impl Iterator<Item = (NodeId, bool)> {
        core::iter::empty()
    }

    fn none() -> impl Iterator<Item = NodeId> {
        core::iter::empty()
    }

    fn audience(view: &View) -> Audience<'_> {
        Audience {
            me: member(1),
            view,
        }
    }

    const fn reach(first: u64, last: u64, members: u64, complete: bool) -> BundleReach {
        BundleReach {
            first,
            last,
            members,
            complete,
        }
    }

    fn ack(first: u64, members: u64) -> Ack {
        Ack {
            item: ItemId {
                kind: ItemKind::Bundle,
                origin: member(1),
                number: first,
            },
            members,
            behind: false,
            mixed: false,
        }
    }

    /// Signs bundles of one message for a view, each acknowledged by so many members.
    fn sign(coverage: &mut Coverage, view: &View, acked: &[(u64, u64)]) -> Vec<BundleReach> {
        let mut reached = Vec::new();
        for &(seq, members) in acked {
            coverage.note_signed(seq, seq, view.len());
            reached.extend(coverage.note_acked(NOW, &ack(seq, members), audience(view)));
        }
        reached
    }

    #[test]
    fn a_bundle_that_all_acknowledge_is_complete_and_nobody_is_asked() {
        let (mut coverage, view) = (Coverage::default(), even_ring(3));
        let told = sign(&mut coverage, &view, &[(1, 3)]);
        assert_eq!(told, [reach(1, 1, 3, true)]);
        assert_eq!(coverage.deadline(), None);
        assert_eq!(coverage.note_covered(member(2), 1, audience(&view)), []);
        assert_eq!(
            coverage.note_acked(NOW, &ack(1, 3), audience(&view)),
            [],
            "twice"
        );
    }

    #[test]
    fn a_member_whose_clock_shows_a_message_counts() {
        let (mut coverage, view) = (Coverage::default(), even_ring(3));
        let told = sign(&mut coverage, &view, &[(1, 2), (2, 2)]);
        assert_eq!(told, [reach(1, 1, 2, false), reach(2, 2, 2, false)]);
        let audience = audience(&view);
        assert_eq!(coverage.note_covered(member(2), 2, audience), []);
        assert_eq!(
            coverage.note_covered(member(9), 2, audience),
            [],
            "no member"
        );
        let told = coverage.note_covered(member(3), 1, audience);
        assert_eq!(told, [reach(1, 1, 3, true)]);
        let told = coverage.note_covered(member(3), 2, audience);
        assert_eq!(told, [reach(2, 2, 3, true)]);
    }

    #[test]
    fn who_has_a_later_message_has_the_earlier_ones() {
        let (mut coverage, view) = (Coverage::default(), even_ring(4));
        sign(&mut coverage, &view, &[(1, 2), (2, 2)]);
        let told = sign(&mut coverage, &view, &[(3, 4)]);
        assert_eq!(told, [reach(1, 3, 4, true)]);
    }

    #[test]
    fn a_count_that_includes_a_dead_member_is_not_complete() {
        let (mut coverage, before) = (Coverage::default(), even_ring(3));
        sign(&mut coverage, &before, &[(1, 2)]);
        // Member 3 had it, and member 2 did not.
        let after = even_ring(2);
        let gone = [(member(3), true)].into_iter();
        assert_eq!(coverage.note_view(NOW, none(), gone, audience(&after)), []);
        let told = coverage.note_covered(member(2), 1, audience(&after));
        assert_eq!(told, [reach(1, 1, 2, true)], "two, as before, but all");
    }

    #[test]
    fn a_count_of_members_that_followed_other_views_does_not_complete_a_bundle() {
        let (mut coverage, view) = (Coverage::default(), even_ring(3));
        coverage.note_signed(1, 1, view.len());
        let mixed = Ack {
            mixed: true,
            ..ack(1, 3)
        };
        let told = coverage.note_acked(NOW, &mixed, audience(&view));
        assert_eq!(told, [reach(1, 1, 3, false)]);
        assert_eq!(coverage.deadline(), Some(NOW + ASK_FIRST));
        coverage.note_covered(member(2), 1, audience(&view));
        let told = coverage.note_covered(member(3), 1, audience(&view));
        assert_eq!(told, [reach(1, 1, 3, true)]);
    }

    #[test]
    fn who_was_put_out_and_is_back_does_not_acknowledge_for_another() {
        let (mut coverage, three, two) = (Coverage::default(), even_ring(3), even_ring(2));
        coverage.note_signed(1, 1, two.len());
        let joined = [member(3)].into_iter();
        coverage.note_view(NOW, joined, nobody(), audience(&three));
        // The author itself and member 3, not member 2.
        let told = coverage.note_acked(NOW, &ack(1, 2), audience(&three));
        assert_eq!(told, [reach(1, 1, 2, false)]);
    }

    #[test]
    fn a_message_said_alone_has_reached_nobody_until_a_newcomer_has_it() {
        let (mut coverage, alone) = (Coverage::default(), even_ring(1));
        assert_eq!(sign(&mut coverage, &alone, &[(1, 1), (2, 1)]), []);
        assert_eq!(coverage.deadline(), None, "nobody can be asked");
        let two = even_ring(2);
        let joined = [member(2)].into_iter();
        assert_eq!(
            coverage.note_view(NOW, joined, nobody(), audience(&two)),
            []
        );
        assert_eq!(coverage.deadline(), Some(NOW + ASK_FIRST));
        let told = coverage.note_covered(member(2), 2, audience(&two));
        assert_eq!(told, [reach(1, 2, 2, true)]);
    }

    #[test]
    fn newcomers_do_not_reopen_what_is_complete() {
        let (mut coverage, two, three) = (Coverage::default(), even_ring(2), even_ring(3));
        sign(&mut coverage, &two, &[(1, 2)]);
        let joined = [member(3)].into_iter();
        assert_eq!(
            coverage.note_view(NOW, joined, nobody(), audience(&three)),
            []
        );
        assert_eq!(coverage.deadline(), None);
        assert_eq!(coverage.note_covered(member(3), 1, audience(&three)), []);
    }

    #[test]
    fn who_comes_back_counts_for_what_was_said_meanwhile() {
        let (mut coverage, three, two) = (Coverage::default(), even_ring(3), even_ring(2));
        sign(&mut coverage, &three, &[(1, 3)]);
        let gone = [(member(3), true)].into_iter();
        coverage.note_view(NOW, none(), gone, audience(&two));
        let told = sign(&mut coverage, &two, &[(2, 2)]);
        assert_eq!(told, [reach(2, 2, 2, true)]);
        let joined = [member(3)].into_iter();
        coverage.note_view(NOW, joined, nobody(), audience(&three));
        assert_eq!(coverage.deadline(), Some(NOW + ASK_FIRST));
        let asked = coverage.members_to_ask(NOW + ASK_FIRST, audience(&three));
        assert_eq!(asked, [member(3)]);
        let told = coverage.note_covered(member(3), 2, audience(&three));
        assert_eq!(told.last(), Some(&reach(2, 2, 3, true)));
        let later = NOW + ASK_PAUSE_MOST;
        assert_eq!(coverage.members_to_ask(later, audience(&three)), []);
        assert_eq!(coverage.deadline(), None, "all is quiet");
    }

    #[test]
    fn questions_become_rare_and_a_new_view_makes_them_frequent() {
        let (mut coverage, view) = (Coverage::default(), even_ring(3));
        sign(&mut coverage, &view, &[(1, 2)]);
        coverage.note_covered(member(2), 1, audience(&view));
        let mut pauses = Vec::new();
        let mut now = NOW;
        for _ in 0..7 {
            let due = coverage.deadline().unwrap();
            pauses.push((due - now).as_secs());
            now = due;
            assert_eq!(coverage.members_to_ask(now, audience(&view)), [member(3)]);
        }
        assert_eq!(pauses, [1, 1, 2, 4, 8, 16, 16]);
        coverage.note_view(now, none(), nobody(), audience(&view));
        assert_eq!(coverage.deadline(), Some(now + ASK_FIRST));
    }

    #[test]
    fn a_large_ring_is_asked_by_and_by() {
        let (mut coverage, view) = (Coverage::default(), even_ring(40));
        sign(&mut coverage, &view, &[(1, 30)]);
        let mut asked = BTreeSet::new();
        for step in [16, 16, 7] {
            let now = coverage.deadline().unwrap();
            let members = coverage.members_to_ask(now, audience(&view));
            assert_eq!(members.len(), step);
            asked.extend(members);
        }
        assert_eq!(asked.len(), 39, "each once");
    }

    #[test]
    fn the_number_of_bundles_is_bounded_and_none_is_forgotten_that_is_not_complete() {
        let (mut coverage, view) = (Coverage::default(), even_ring(2));
        let many = 2 * OWN_BUNDLES as u64;
        for seq in 1..=many {
            sign(&mut coverage, &view, &[(seq, 1)]);
        }
        assert_eq!(coverage.bundles.len(), OWN_BUNDLES);
        assert_eq!(coverage.incomplete.len(), OWN_BUNDLES);
        let told = coverage.note_covered(member(2), many, audience(&view));
        assert_eq!(told, [reach(1, many, 2, true)]);
    }
}

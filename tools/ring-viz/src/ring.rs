//! The ring as its nodes report it, and whether it is closed.
//!
//! Pure: reports in, a verdict out. Not here: the collection of the reports (`survey`, `live`).

use std::collections::{BTreeMap, BTreeSet};

use ringtalk_wire::{Epoch, Member, NodeId, Report, ViewTag};

/// The members of a view, each with its own report.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Ring {
    /// The tag of the view.
    pub(crate) tag: ViewTag,
    /// Its members, in ring order.
    pub(crate) members: Vec<RingMember>,
    /// The position of each member in `members`.
    index: BTreeMap<NodeId, usize>,
}

/// A member and its own report.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct RingMember {
    /// Its entry in the view.
    pub(crate) entry: Member,
    /// Its report; `None` if it could not be reached.
    pub(crate) report: Option<Report>,
    /// The messages per second that each other member has recently sent it. Empty if it was asked only once.
    pub(crate) rates: BTreeMap<NodeId, f64>,
}

/// The state of a member, from best to worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum MemberState {
    /// It answers, follows this epoch, and nobody suspects it.
    Fine,
    /// It follows a view of another epoch.
    Elsewhere,
    /// It could not be reached from here.
    Silent,
    /// Another member suspects it, or has found it dead.
    Suspected,
}

/// The verdict on the reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// The successors form one cycle through all members, and the predecessors form the same cycle backwards.
    Closed,
    /// At least one member could not be reached.
    Open,
    /// All members answered but their reports do not fit together, or the view changed while the reports were
    /// collected. The next survey may have another result.
    Unsettled,
}

impl Ring {
    /// Creates the ring of these members and reports.
    pub(crate) fn new<'a>(
        tag: ViewTag,
        members: impl Iterator<Item = &'a Member> + Clone,
        mut reports: BTreeMap<NodeId, Report>,
    ) -> Self {
        let observe = |entry: &Member| RingMember {
            entry: entry.clone(),
            report: reports.remove(&entry.id),
            rates: BTreeMap::new(),
        };
        Self {
            tag,
            index: members.clone().map(|member| member.id).zip(0..).collect(),
            members: members.map(observe).collect(),
        }
    }

    /// Returns the position of a member in `members`.
    pub(crate) fn position(&self, id: &NodeId) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// Returns the epoch of the view.
    pub(crate) const fn epoch(&self) -> Epoch {
        self.tag.epoch
    }

    /// Returns true if the ring is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.shape() == Shape::Closed
    }

    /// Returns the number of members in words, such as "1 member".
    pub(crate) fn size_text(&self) -> String {
        match self.members.len() {
            1 => "1 member".to_owned(),
            count => format!("{count} members"),
        }
    }

    /// Returns in words whether the ring is closed.
    pub(crate) fn verdict(&self) -> &'static str {
        if self.is_closed() {
            "closed"
        } else {
            "not closed"
        }
    }

    /// Returns true if the member is the coordinator.
    pub(crate) fn is_coordinator(&self, member: &RingMember) -> bool {
        member.entry.id == self.epoch().coordinator
    }

    /// Returns the state of a member: the worst that applies.
    pub(crate) fn state(&self, member: &RingMember) -> MemberState {
        if self.suspecters_of(&member.entry.id).next().is_some() {
            return MemberState::Suspected;
        }
        match &member.report {
            None => MemberState::Silent,
            Some(report) if report.tag.epoch != self.epoch() => MemberState::Elsewhere,
            Some(_) => MemberState::Fine,
        }
    }

    /// Returns the members that suspect a member. Only those that follow this epoch count.
    pub(crate) fn suspecters_of<'a>(
        &'a self,
        id: &'a NodeId,
    ) -> impl Iterator<Item = &'a RingMember> {
        let is_here = move |member: &RingMember| {
            let report = member.report.as_ref();
            report.is_some_and(|report| report.tag.epoch == self.epoch())
        };
        let suspects =
            move |member: &&RingMember| is_here(member) && member.suspects().contains(id);
        self.members.iter().filter(suspects)
    }

    /// Returns the next position, clockwise.
    pub(crate) const fn next_position(&self, here: usize) -> usize {
        (here + 1) % self.members.len()
    }

    /// Returns the position of the successor that a member reports, unless that is itself or not in the view.
    pub(crate) fn successor_of(&self, here: usize) -> Option<usize> {
        let id = self.members[here].successor()?;
        self.position(&id).filter(|there| *there != here)
    }

    /// Returns true if the successor that a member reports is not the next member of the view.
    pub(crate) fn skips_next(&self, here: usize) -> bool {
        let there = self.successor_of(here);
        there.is_some_and(|there| there != self.next_position(here))
    }

    /// Returns the messages per second from one position to another.
    pub(crate) fn rate(&self, from: usize, to: usize) -> f64 {
        let rates = &self.members[to].rates;
        let rate = rates.get(&self.members[from].entry.id);
        rate.copied().unwrap_or_default()
    }

    /// Returns the verdict on the reports.
    pub(crate) fn shape(&self) -> Shape {
        let reports = || {
            self.members
                .iter()
                .filter_map(|member| member.report.as_ref())
        };
        if reports().any(|report| report.tag != self.tag) {
            Shape::Unsettled
        } else if reports().count() < self.members.len() {
            Shape::Open
        } else if self.is_one_cycle() {
            Shape::Closed
        } else {
            Shape::Unsettled
        }
    }

    /// Returns the predecessor that a member reports, if that predecessor reports another successor.
    pub(crate) fn conflicting_predecessor(&self, member: &RingMember) -> Option<NodeId> {
        let predecessor = member.predecessor()?;
        let other = self.member(&predecessor)?.report.as_ref()?;
        (other.successor != Some(member.entry.id)).then_some(predecessor)
    }

    /// Returns the fingers as pairs of positions, each pair once. Reported fingers to a neighbour are left out: they
    /// are not shortcuts.
    pub(crate) fn finger_pairs(&self) -> BTreeSet<(usize, usize)> {
        let mut pairs = BTreeSet::new();
        for (here, member) in self.members.iter().enumerate() {
            let neighbours = [member.predecessor(), member.successor()];
            let fingers = member.fingers().iter();
            let far = fingers.filter(|id| !neighbours.contains(&Some(**id)));
            let ends = far.filter_map(|id| self.position(id));
            pairs.extend(ends.map(|there| (here.min(there), here.max(there))));
        }
        pairs
    }

    fn member(&self, id: &NodeId) -> Option<&RingMember> {
        self.members.get(self.position(id)?)
    }

    /// Returns true if the successors lead through all members and back, and each predecessor is the member before on
    /// that path. A member alone must have neither.
    fn is_one_cycle(&self) -> bool {
        if let [alone] = self.members.as_slice() {
            return alone.successor().is_none() && alone.predecessor().is_none();
        }
        let Some(first) = self.members.first() else {
            return false;
        };
        let mut here = first;
        for step in 1..=self.members.len() {
            let Some(next) = here.successor().and_then(|id| self.member(&id)) else {
                return false;
            };
            let is_home = next.entry.id == first.entry.id;
            let is_last = step == self.members.len();
            if next.predecessor() != Some(here.entry.id) || is_home != is_last {
                return false;
            }
            here = next;
        }
        true
    }
}

impl RingMember {
    /// Returns the neighbour counter-clockwise, as the member reports it.
    pub(crate) fn predecessor(&self) -> Option<NodeId> {
        self.report.as_ref()?.predecessor
    }

    /// Returns the neighbour clockwise, as the member reports it.
    pub(crate) fn successor(&self) -> Option<NodeId> {
        self.report.as_ref()?.successor
    }

    /// Returns the members to which it has a finger.
    pub(crate) fn fingers(&self) -> &[NodeId] {
        self.report
            .as_ref()
            .map_or(&[], |report| report.fingers.as_slice())
    }

    /// Returns the members that it suspects, or has found dead.
    pub(crate) fn suspects(&self) -> &[NodeId] {
        self.report
            .as_ref()
            .map_or(&[], |report| report.suspects.as_slice())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use ringtalk_wire::{Addresses, NetworkId, RingKey, ViewHash};

    use super::*;

    pub(crate) fn id(number: u8) -> NodeId {
        NodeId::from_bytes([number; 16])
    }

    /// Returns the tag of a view: its epoch and its number.
    pub(crate) fn view_tag(epoch: u64, coordinator: u8, number: u64) -> ViewTag {
        ViewTag {
            epoch: Epoch {
                number: epoch,
                coordinator: id(coordinator),
            },
            number,
            hash: ViewHash::default(),
        }
    }

    fn tag(number: u64) -> ViewTag {
        view_tag(1, 0, number)
    }

    pub(crate) fn member(number: u8, name: &str) -> Member {
        Member {
            id: id(number),
            name: name.to_owned(),
            addresses: Addresses::at(format!("10.0.0.{number}:4000")),
            seniority: number.into(),
            key: RingKey(number.into()),
            network: NetworkId::default(),
        }
    }

    /// Returns what a member of a closed ring reports.
    pub(crate) fn report(tag: ViewTag, number: u8, members: &[u8]) -> Report {
        let here = members.iter().position(|member| *member == number).unwrap();
        let count = members.len();
        let neighbour = |steps| (count > 1).then(|| id(members[(here + steps) % count]));
        Report {
            tag,
            predecessor: neighbour(count - 1),
            successor: neighbour(1),
            fingers: Vec::new(),
            suspects: Vec::new(),
            brought: Vec::new(),
        }
    }

    /// Returns a closed ring of these members, under this view.
    pub(crate) fn ring_of(tag: ViewTag, members: &[(u8, &str)]) -> Ring {
        let numbers: Vec<u8> = members.iter().map(|(number, _)| *number).collect();
        let reports = numbers
            .iter()
            .map(|&number| (id(number), report(tag, number, &numbers)));
        let members = members.iter().map(|(number, name)| member(*number, name));
        let members: Vec<Member> = members.collect();
        Ring::new(tag, members.iter(), reports.collect())
    }

    /// Returns a closed ring of members with these names.
    pub(crate) fn ring(names: &[&str]) -> Ring {
        let members: Vec<(u8, &str)> = (0..).zip(names.iter().copied()).collect();
        ring_of(tag(1), &members)
    }

    /// Returns the shape of a ring of six after `change` was applied to each report.
    fn shape(change: impl Fn(u8, &mut Report)) -> Shape {
        let mut ring = ring(&["a", "b", "c", "d", "e", "f"]);
        for (number, member) in (0..).zip(&mut ring.members) {
            change(number, member.report.as_mut().unwrap());
        }
        ring.shape()
    }

    #[test]
    fn one_cycle_through_all_members_is_closed() {
        for count in 1..=6 {
            let ring = ring(&["x"; 6][..count]);
            assert_eq!(ring.shape(), Shape::Closed, "{count}");
        }
    }

    #[test]
    fn the_order_of_the_view_does_not_matter() {
        let turned =
            shape(|_, report| std::mem::swap(&mut report.predecessor, &mut report.successor));
        assert_eq!(turned, Shape::Closed);
    }

    #[test]
    fn two_cycles_are_not_one() {
        let within = |number: u8, steps: u8| Some(id(number / 3 * 3 + (number + steps) % 3));
        let two = shape(|number, report| {
            report.successor = within(number, 1);
            report.predecessor = within(number, 2);
        });
        assert_eq!(two, Shape::Unsettled);
    }

    #[test]
    fn a_predecessor_that_is_not_the_member_before_is_found() {
        let asymmetric = shape(|number, report| {
            if number == 3 {
                report.predecessor = Some(id(1));
            }
        });
        assert_eq!(asymmetric, Shape::Unsettled);
    }

    #[test]
    fn a_missing_or_foreign_successor_is_found() {
        for stray in [None, Some(id(77))] {
            let found = shape(|number, report| {
                if number == 5 {
                    report.successor = stray;
                }
            });
            assert_eq!(found, Shape::Unsettled);
        }
    }

    #[test]
    fn a_member_that_does_not_report_leaves_the_ring_open() {
        let mut open = ring(&["a", "b", "c"]);
        open.members[1].report = None;
        assert_eq!(open.shape(), Shape::Open);
        let mut alone = ring(&["a"]);
        alone.members[0].report = None;
        assert_eq!(alone.shape(), Shape::Open);
    }

    #[test]
    fn a_report_of_another_view_leaves_the_ring_unsettled() {
        let mut changing = ring(&["a", "b", "c"]);
        changing.members[1].report = None;
        changing.members[2].report.as_mut().unwrap().tag = tag(2);
        assert_eq!(changing.shape(), Shape::Unsettled);
    }

    #[test]
    fn a_member_has_the_worst_state_that_applies() {
        let mut ring = ring(&["a", "b", "c"]);
        assert_eq!(ring.state(&ring.members[1]), MemberState::Fine);
        ring.members[1].report.as_mut().unwrap().tag.epoch.number = 2;
        assert_eq!(ring.state(&ring.members[1]), MemberState::Elsewhere);
        ring.members[1].report.as_mut().unwrap().suspects = vec![id(2)];
        assert_eq!(ring.state(&ring.members[2]), MemberState::Fine);
        ring.members[1].report = None;
        assert_eq!(ring.state(&ring.members[1]), MemberState::Silent);
        ring.members[2].report.as_mut().unwrap().suspects = vec![id(1)];
        assert_eq!(ring.state(&ring.members[1]), MemberState::Suspected);
    }

    #[test]
    fn a_finger_counts_once_and_a_neighbour_is_not_a_finger() {
        let mut ring = ring(&["a", "b", "c", "d", "e"]);
        ring.members[0].report.as_mut().unwrap().fingers = vec![id(1), id(2), id(4)];
        ring.members[2].report.as_mut().unwrap().fingers = vec![id(0), id(99)];
        assert_eq!(Vec::from_iter(ring.finger_pairs()), [(0, 2)]);
    }

    #[test]
    fn a_member_alone_has_no_neighbours() {
        let mut alone = ring(&["a"]);
        let report = alone.members[0].report.as_mut().unwrap();
        report.successor = Some(id(1));
        assert_eq!(alone.shape(), Shape::Unsettled);
    }
}

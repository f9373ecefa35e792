//! The ring as its nodes report it, and whether it is closed.
//!
//! Pure: reports in, a judgement out. Not here: how the reports were got (`survey`).

use std::collections::{BTreeMap, BTreeSet};

use ringtalk_wire::{Epoch, Member, NodeId, Report, ViewTag};

/// The members of a view, each with what it says of itself.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Ring {
    /// The view that was asked about.
    pub(crate) tag: ViewTag,
    /// Its members, in ring order.
    pub(crate) places: Vec<Place>,
    /// Where in `places` each member is.
    index: BTreeMap<NodeId, usize>,
}

/// A member, and what it says of itself.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Place {
    /// The member, as the view lists it.
    pub(crate) member: Member,
    /// Its report; none where it could not be reached.
    pub(crate) report: Option<Report>,
    /// How many messages a second have come to it from others lately. Empty where it was asked once only.
    pub(crate) rates: BTreeMap<NodeId, f64>,
}

/// How a member stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Standing {
    /// It is there, and nobody doubts that.
    Fine,
    /// It follows a view of another reign.
    Elsewhere,
    /// It could not be reached from here.
    Silent,
    /// Another member suspects it, or has found it dead.
    Suspected,
}

/// What the reports come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// The successors make one cycle through all members, and the predecessors go the other way.
    Closed,
    /// Somebody could not be reached.
    Open,
    /// Everybody was there and the reports do not fit, or the view changed while they were
    /// gathered: in a moment it may look otherwise.
    Unsettled,
}

impl Ring {
    /// The ring of these members and reports.
    pub(crate) fn new<'a>(
        tag: ViewTag,
        members: impl Iterator<Item = &'a Member> + Clone,
        mut reports: BTreeMap<NodeId, Report>,
    ) -> Self {
        let place = |member: &Member| Place {
            member: member.clone(),
            report: reports.remove(&member.id),
            rates: BTreeMap::new(),
        };
        Self {
            tag,
            index: members.clone().map(|member| member.id).zip(0..).collect(),
            places: members.map(place).collect(),
        }
    }

    /// Where in `places` a member is.
    pub(crate) fn position(&self, id: &NodeId) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// Under whose reign.
    pub(crate) const fn epoch(&self) -> Epoch {
        self.tag.epoch
    }

    /// Whether the ring is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.shape() == Shape::Closed
    }

    /// "1 member", or more of them.
    pub(crate) fn count(&self) -> String {
        match self.places.len() {
            1 => "1 member".to_owned(),
            count => format!("{count} members"),
        }
    }

    /// Whether the ring is closed, in words.
    pub(crate) fn verdict(&self) -> &'static str {
        if self.is_closed() {
            "closed"
        } else {
            "not closed"
        }
    }

    /// True where a member coordinates.
    pub(crate) fn coordinates(&self, place: &Place) -> bool {
        place.member.id == self.epoch().coordinator
    }

    /// How a member stands. The worst counts.
    pub(crate) fn standing(&self, place: &Place) -> Standing {
        if self.suspecting(&place.member.id).next().is_some() {
            return Standing::Suspected;
        }
        match &place.report {
            None => Standing::Silent,
            Some(report) if report.tag.epoch != self.epoch() => Standing::Elsewhere,
            Some(_) => Standing::Fine,
        }
    }

    /// The members of this reign that suspect a member.
    pub(crate) fn suspecting<'a>(&'a self, id: &'a NodeId) -> impl Iterator<Item = &'a Place> {
        let is_here = move |place: &Place| {
            let report = place.report.as_ref();
            report.is_some_and(|report| report.tag.epoch == self.epoch())
        };
        let suspects = move |place: &&Place| is_here(place) && place.suspects().contains(id);
        self.places.iter().filter(suspects)
    }

    /// The position after another one, clockwise.
    pub(crate) const fn after(&self, here: usize) -> usize {
        (here + 1) % self.places.len()
    }

    /// Where the successor of a member is, as that member says.
    pub(crate) fn successor_of(&self, here: usize) -> Option<usize> {
        let id = self.places[here].successor()?;
        self.position(&id).filter(|there| *there != here)
    }

    /// True where a member's successor is not the next one of the view.
    pub(crate) fn is_astray(&self, here: usize) -> bool {
        let there = self.successor_of(here);
        there.is_some_and(|there| there != self.after(here))
    }

    /// How many messages a second go from one position to another.
    pub(crate) fn rate(&self, from: usize, to: usize) -> f64 {
        let rates = &self.places[to].rates;
        let rate = rates.get(&self.places[from].member.id);
        rate.copied().unwrap_or_default()
    }

    /// What the reports come to.
    pub(crate) fn shape(&self) -> Shape {
        let reports = || self.places.iter().filter_map(|place| place.report.as_ref());
        if reports().any(|report| report.tag != self.tag) {
            Shape::Unsettled
        } else if reports().count() < self.places.len() {
            Shape::Open
        } else if self.is_one_cycle() {
            Shape::Closed
        } else {
            Shape::Unsettled
        }
    }

    /// The predecessor that a member names, where that one reports another successor.
    pub(crate) fn odd_predecessor(&self, place: &Place) -> Option<NodeId> {
        let predecessor = place.predecessor()?;
        let other = self.place(&predecessor)?.report.as_ref()?;
        (other.successor != Some(place.member.id)).then_some(predecessor)
    }

    /// The links for speed, each once, as positions in `places`. A neighbour is a finger too, but
    /// no short cut.
    pub(crate) fn shortcuts(&self) -> BTreeSet<(usize, usize)> {
        let mut pairs = BTreeSet::new();
        for (here, place) in self.places.iter().enumerate() {
            let neighbours = [place.predecessor(), place.successor()];
            let fingers = place.fingers().iter();
            let far = fingers.filter(|id| !neighbours.contains(&Some(**id)));
            let ends = far.filter_map(|id| self.position(id));
            pairs.extend(ends.map(|there| (here.min(there), here.max(there))));
        }
        pairs
    }

    fn place(&self, id: &NodeId) -> Option<&Place> {
        self.places.get(self.position(id)?)
    }

    /// From successor to successor through everybody and back; each one's predecessor is whoever
    /// led there. A member alone has neither.
    fn is_one_cycle(&self) -> bool {
        if let [alone] = self.places.as_slice() {
            return alone.successor().is_none() && alone.predecessor().is_none();
        }
        let Some(first) = self.places.first() else {
            return false;
        };
        let mut here = first;
        for step in 1..=self.places.len() {
            let Some(next) = here.successor().and_then(|id| self.place(&id)) else {
                return false;
            };
            let is_home = next.member.id == first.member.id;
            let is_last = step == self.places.len();
            if next.predecessor() != Some(here.member.id) || is_home != is_last {
                return false;
            }
            here = next;
        }
        true
    }
}

impl Place {
    /// The neighbour counter-clockwise, as the member says.
    pub(crate) fn predecessor(&self) -> Option<NodeId> {
        self.report.as_ref()?.predecessor
    }

    /// The neighbour clockwise, as the member says.
    pub(crate) fn successor(&self) -> Option<NodeId> {
        self.report.as_ref()?.successor
    }

    /// The members to whom it has a link for speed.
    pub(crate) fn fingers(&self) -> &[NodeId] {
        self.report
            .as_ref()
            .map_or(&[], |report| report.fingers.as_slice())
    }

    /// The members that it suspects, or has found dead.
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

    /// The view of this number under a reign.
    pub(crate) fn reign(epoch: u64, coordinator: u8, number: u64) -> ViewTag {
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
        reign(1, 0, number)
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

    /// What a member says where everything is well.
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

    /// A closed ring of these members under a reign.
    pub(crate) fn ring_of(tag: ViewTag, members: &[(u8, &str)]) -> Ring {
        let numbers: Vec<u8> = members.iter().map(|(number, _)| *number).collect();
        let reports = numbers
            .iter()
            .map(|&number| (id(number), report(tag, number, &numbers)));
        let members = members.iter().map(|(number, name)| member(*number, name));
        let members: Vec<Member> = members.collect();
        Ring::new(tag, members.iter(), reports.collect())
    }

    /// A closed ring of members with these names.
    pub(crate) fn ring(names: &[&str]) -> Ring {
        let members: Vec<(u8, &str)> = (0..).zip(names.iter().copied()).collect();
        ring_of(tag(1), &members)
    }

    /// The shape of a ring of six in which each member's neighbours were changed.
    fn shape(change: impl Fn(u8, &mut Report)) -> Shape {
        let mut ring = ring(&["a", "b", "c", "d", "e", "f"]);
        for (number, place) in (0..).zip(&mut ring.places) {
            change(number, place.report.as_mut().unwrap());
        }
        ring.shape()
    }

    #[test]
    fn one_cycle_through_everybody_is_closed() {
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
    fn a_predecessor_that_is_not_the_one_before_is_found() {
        let asymmetric = shape(|number, report| {
            if number == 3 {
                report.predecessor = Some(id(1));
            }
        });
        assert_eq!(asymmetric, Shape::Unsettled);
    }

    #[test]
    fn a_successor_that_is_missing_or_no_member_is_found() {
        for stray in [None, Some(id(77))] {
            let astray = shape(|number, report| {
                if number == 5 {
                    report.successor = stray;
                }
            });
            assert_eq!(astray, Shape::Unsettled);
        }
    }

    #[test]
    fn who_does_not_report_leaves_the_ring_open() {
        let mut open = ring(&["a", "b", "c"]);
        open.places[1].report = None;
        assert_eq!(open.shape(), Shape::Open);
        let mut alone = ring(&["a"]);
        alone.places[0].report = None;
        assert_eq!(alone.shape(), Shape::Open);
    }

    #[test]
    fn another_view_anywhere_is_a_ring_that_changes() {
        let mut changing = ring(&["a", "b", "c"]);
        changing.places[1].report = None;
        changing.places[2].report.as_mut().unwrap().tag = tag(2);
        assert_eq!(changing.shape(), Shape::Unsettled);
    }

    #[test]
    fn the_worst_that_is_known_of_a_member_counts() {
        let mut ring = ring(&["a", "b", "c"]);
        assert_eq!(ring.standing(&ring.places[1]), Standing::Fine);
        ring.places[1].report.as_mut().unwrap().tag.epoch.number = 2;
        assert_eq!(ring.standing(&ring.places[1]), Standing::Elsewhere);
        ring.places[1].report.as_mut().unwrap().suspects = vec![id(2)];
        assert_eq!(ring.standing(&ring.places[2]), Standing::Fine);
        ring.places[1].report = None;
        assert_eq!(ring.standing(&ring.places[1]), Standing::Silent);
        ring.places[2].report.as_mut().unwrap().suspects = vec![id(1)];
        assert_eq!(ring.standing(&ring.places[1]), Standing::Suspected);
    }

    #[test]
    fn a_link_for_speed_counts_once_and_a_neighbour_is_none() {
        let mut ring = ring(&["a", "b", "c", "d", "e"]);
        ring.places[0].report.as_mut().unwrap().fingers = vec![id(1), id(2), id(4)];
        ring.places[2].report.as_mut().unwrap().fingers = vec![id(0), id(99)];
        assert_eq!(Vec::from_iter(ring.shortcuts()), [(0, 2)]);
    }

    #[test]
    fn a_member_alone_has_no_neighbours() {
        let mut alone = ring(&["a"]);
        let report = alone.places[0].report.as_mut().unwrap();
        report.successor = Some(id(1));
        assert_eq!(alone.shape(), Shape::Unsettled);
    }
}

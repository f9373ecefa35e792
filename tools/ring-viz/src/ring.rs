//! The ring as its nodes report it, and whether it is closed.
//!
//! Pure: reports in, a judgement out. Not here: how the reports were got (`survey`).

use std::collections::{BTreeMap, BTreeSet};

use ringtalk_wire::{Epoch, Member, NodeId, Report, ViewTag};

/// The members of a view, each with what it says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ring {
    /// The view that was asked about.
    pub(crate) tag: ViewTag,
    /// Its members, in ring order.
    pub(crate) places: Vec<Place>,
    /// Where in `places` each member is.
    index: BTreeMap<NodeId, usize>,
}

/// A member, and what it says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// The member, as the view lists it.
    pub(crate) member: Member,
    /// Its report; none where it could not be reached.
    pub(crate) report: Option<Report>,
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
}

#[cfg(test)]
pub(crate) mod tests {
    use ringtalk_wire::{Addresses, NetworkId, RingKey, ViewHash};

    use super::*;

    pub(crate) fn id(number: u8) -> NodeId {
        NodeId::from_bytes([number; 16])
    }

    fn tag(number: u64) -> ViewTag {
        ViewTag {
            epoch: Epoch {
                number: 1,
                coordinator: id(0),
            },
            number,
            hash: ViewHash::default(),
        }
    }

    /// A closed ring of members with these names.
    pub(crate) fn ring(names: &[&str]) -> Ring {
        let count = u8::try_from(names.len()).unwrap();
        let member = |(number, name): (u8, &&str)| Member {
            id: id(number),
            name: (*name).to_owned(),
            addresses: Addresses::at(format!("10.0.0.{number}:4000")),
            seniority: number.into(),
            key: RingKey(number.into()),
            network: NetworkId::default(),
        };
        let report = |number: u8| {
            let neighbour = |steps: u8| (count > 1).then(|| id((number + steps) % count));
            Report {
                tag: tag(1),
                predecessor: neighbour(count - 1),
                successor: neighbour(1),
                fingers: Vec::new(),
            }
        };
        let members: Vec<Member> = (0..).zip(names).map(member).collect();
        let reports = (0..count).map(|number| (id(number), report(number)));
        Ring::new(tag(1), members.iter(), reports.collect())
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

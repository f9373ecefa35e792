//! Children: who is given an item, and which part of the ring each takes over.
//!
//! `PROTOCOL.md` §4.1. Not here: giving it to them (`relay`), and what they owe for it (`spread`).

use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::{Direction, Interval, NodeId, RingKey};

use super::Node;
use crate::config::DIAL_ALLOWANCE;
use crate::spread::{Child, Part};

impl Node {
    /// The two halves of the ring, as an author splits it.
    pub(super) fn halves(&self) -> Vec<Interval> {
        let Some(view) = self.view.as_ref().filter(|view| view.len() > 1) else {
            return Vec::new();
        };
        let middle = view.len() / 2;
        let Some(limit) = view.ahead_of(&self.config.id, middle) else {
            return Vec::new();
        };
        [Direction::Clockwise, Direction::Counterclockwise]
            .map(|direction| Interval {
                direction,
                limit: limit.key,
                layout: view.layout(),
            })
            .into()
    }

    /// Those to whom an own item would go first, one in each direction.
    pub(super) fn nearest_children(&self) -> Vec<Child> {
        let halves = self.halves();
        let nearest = halves
            .iter()
            .filter_map(|&half| Some(self.usable_in(half)?.0));
        nearest.collect()
    }

    /// The children in an interval, each with its own: the nearest member that can be sent to, and
    /// the fingers beyond it.
    pub(super) fn children(&self, interval: Interval) -> Vec<(Child, Interval)> {
        let Some((first, fingers, whole)) = self.usable_in(interval) else {
            return Vec::new();
        };
        let mut children = Vec::from([first]);
        children.extend(fingers);
        let limits = children[1..].iter().map(|next| whole.up_to(next.key));
        let limits: Vec<Interval> = limits.chain([interval]).collect();
        children.into_iter().zip(limits).collect()
    }

    /// The nearest member of an interval that can be sent to, and the fingers beyond it by distance. Who has just
    /// been let in is passed over where there is anybody else, or somebody who has been there for longer.
    fn usable_in(&self, interval: Interval) -> Option<(Child, Vec<Child>, Part)> {
        let after = self.own_key()?;
        let whole = Part { after, interval };
        let mut usable = self.linked_in(&whole);
        usable.retain(|child| self.is_usable(&child.id));
        let since = |&(place, child): &(usize, &Child)| (self.settling_since(&child.id), place);
        let (place, _) = usable.iter().enumerate().min_by_key(since)?;
        let mut usable = usable.into_iter().skip(place);
        let first = usable.next()?;
        let fingers = self.fingers.ids();
        let beyond = usable.filter(|child| fingers.contains(&child.id)).collect();
        Some((first, beyond, whole))
    }

    /// The members of a part before the nearest one that carries on, who are silent or have just been let in, each
    /// with the interval that is its own place and nothing more.
    pub(super) fn passed_over(
        &self,
        part: &Part,
        nearest: Option<Child>,
    ) -> Vec<(Child, Interval)> {
        if self.spreading.all_are_heard() && !self.is_anybody_settling() {
            return Vec::new();
        }
        let before =
            |key| nearest.is_none_or(|child| part.distance(key) < part.distance(child.key));
        let mut passed = self.linked_in(part);
        passed.retain(|child| before(child.key) && self.is_passed_over(&child.id));
        let next = passed.iter().skip(1).copied().chain(nearest).map(Some);
        let limits: Vec<Interval> = next
            .chain([None])
            .map(|next| next.map_or(part.interval, |next| part.up_to(next.key)))
            .collect();
        passed.into_iter().zip(limits).collect()
    }

    /// The members of a part that the ring needs links to, the nearest first.
    fn linked_in(&self, part: &Part) -> Vec<Child> {
        let child = |id: &NodeId| {
            Some(Child {
                id: *id,
                key: self.view.as_ref()?.member(id)?.key,
                allowance: Duration::ZERO,
            })
        };
        let mut linked: Vec<Child> = self.needed_ids().filter_map(child).collect();
        linked.retain(|child| part.contains(child.key));
        linked.sort_by_key(|child| part.distance(child.key));
        linked
    }

    /// The first member of a part that is neither suspected nor silent nor has just been let in, or has before the
    /// others, where there is nobody else: it is dialled where there is no link.
    pub(super) fn heir(&self, part: &Part) -> Option<Child> {
        let view = self.view.as_ref()?;
        let members = view.beyond(part.after, part.interval.direction);
        let live = members
            .take_while(|member| part.contains(member.key))
            .filter(|member| member.id != self.config.id)
            .filter(|member| {
                let id = &member.id;
                let stuck = self.links.is_full(id) || self.spreading.is_silent(id);
                !stuck && !self.detector.suspects(id)
            });
        let mut best = None;
        for member in live {
            let since = self.settling_since(&member.id);
            if best.is_none_or(|(before, _)| since < before) {
                best = Some((since, member));
            }
            if since.is_none() {
                break;
            }
        }
        let (_, live) = best?;
        let linked = self.links.is_up(&live.id);
        Some(Child {
            id: live.id,
            key: live.key,
            allowance: if linked {
                Duration::ZERO
            } else {
                DIAL_ALLOWANCE
            },
        })
    }

    pub(super) fn is_usable(&self, id: &NodeId) -> bool {
        self.takes_bundles(id) && !self.spreading.is_silent(id)
    }

    /// True where a member can be sent to, and carries nothing on.
    fn is_passed_over(&self, id: &NodeId) -> bool {
        self.takes_bundles(id)
            && (self.spreading.is_silent(id) || self.settling_since(id).is_some())
    }

    fn takes_bundles(&self, id: &NodeId) -> bool {
        self.links.is_up(id) && !self.links.is_full(id) && !self.detector.suspects(id)
    }

    pub(super) fn own_key(&self) -> Option<RingKey> {
        let me = self.view.as_ref()?.member(&self.config.id)?;
        Some(me.key)
    }

    pub(super) fn layout(&self) -> Option<u64> {
        Some(self.view.as_ref()?.layout())
    }
}

//! Children: which members get an item, and which part of the ring each takes over.
//!
//! `PROTOCOL.md` §4.1. Not here: sending the item (`relay`), receipts owed for it (`spread`).

use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::{Direction, Interval, Member, NodeId};

use super::Relay;
use crate::concerns::ring::Ring;
use crate::config::{DIAL_ALLOWANCE, REPLACEMENTS};
use crate::context::Context;
use crate::machines::spread::{Child, RingPart};

impl Relay {
    /// Returns the first children of an item of this node, one in each direction.
    pub(crate) fn nearest_children(&self, context: &Context, ring: &Ring) -> Vec<Child> {
        let halves = halves(context);
        let nearest = halves
            .iter()
            .filter_map(|&half| Some(self.forwarders_in(context, ring, half)?.0));
        nearest.collect()
    }

    /// Returns the children in an interval, each with its own interval: the nearest usable member, and the fingers
    /// beyond it.
    pub(crate) fn children(
        &self,
        context: &Context,
        ring: &Ring,
        interval: Interval,
    ) -> Vec<(Child, Interval)> {
        let Some((first, fingers, whole)) = self.forwarders_in(context, ring, interval) else {
            return Vec::new();
        };
        let mut children = Vec::from([first]);
        children.extend(fingers);
        let limits = children[1..].iter().map(|next| whole.up_to(next.key));
        let limits: Vec<Interval> = limits.chain([interval]).collect();
        children.into_iter().zip(limits).collect()
    }

    /// Returns the nearest usable member of an interval, and the fingers beyond it by distance. A member admitted a
    /// moment ago is bypassed if there is an older one, or else one that was admitted earlier.
    fn forwarders_in(
        &self,
        context: &Context,
        ring: &Ring,
        interval: Interval,
    ) -> Option<(Child, Vec<Child>, RingPart)> {
        let after = context.own_key()?;
        let whole = RingPart { after, interval };
        let mut usable = needed_in(context, ring, &whole);
        usable.retain(|child| self.is_usable(context, &child.id));
        let since = |&(place, child): &(usize, &Child)| {
            (ring.admitted_lately(context.now, &child.id), place)
        };
        let (place, _) = usable.iter().enumerate().min_by_key(since)?;
        let mut usable = usable.into_iter().skip(place);
        let first = usable.next()?;
        let fingers = ring.fingers();
        let beyond = usable.filter(|child| fingers.contains(&child.id)).collect();
        Some((first, beyond, whole))
    }

    /// Returns the members of a part before its nearest relaying member: they are silent or were admitted a moment
    /// ago. Each gets an interval that covers only its own place.
    pub(crate) fn bypassed(
        &self,
        context: &Context,
        ring: &Ring,
        part: &RingPart,
        nearest: Option<Child>,
    ) -> Vec<(Child, Interval)> {
        if self.spreading.has_no_silent_child() && !ring.has_recent_members(context.now) {
            return Vec::new();
        }
        let before =
            |key| nearest.is_none_or(|child| part.distance(key) < part.distance(child.key));
        let mut passed = needed_in(context, ring, part);
        passed.retain(|child| before(child.key) && self.is_bypassed(context, ring, &child.id));
        let next = passed.iter().skip(1).copied().chain(nearest).map(Some);
        let limits: Vec<Interval> = next
            .chain([None])
            .map(|next| next.map_or(part.interval, |next| part.up_to(next.key)))
            .collect();
        passed.into_iter().zip(limits).collect()
    }

    /// Returns the first member of a part that is not suspected, not silent, and was not admitted a moment ago. If
    /// there is none, returns the one admitted first. The member is dialled if there is no link.
    pub(crate) fn replacement(
        &self,
        context: &Context,
        ring: &Ring,
        part: &RingPart,
    ) -> Option<Child> {
        let mut best = None;
        for member in self.live_in(context, part) {
            let since = ring.admitted_lately(context.now, &member.id);
            if best.is_none_or(|(before, _)| since < before) {
                best = Some((since, member));
            }
            if since.is_none() {
                break;
            }
        }
        let (_, live) = best?;
        Some(child(context, live))
    }

    /// Returns the first linked member among the next few of a part, and the members before it, each with an interval
    /// of only its own place: they may be as dead as the silent child. If none is linked, returns the usual
    /// replacement.
    pub(crate) fn linked_replacement(
        &self,
        context: &Context,
        ring: &Ring,
        part: &RingPart,
    ) -> (Vec<(Child, Interval)>, Option<Child>) {
        let next = self.live_in(context, part).take(REPLACEMENTS);
        let next: Vec<Child> = next.map(|member| child(context, member)).collect();
        let carries = |child: &Child| {
            context.links.is_up(&child.id) && ring.admitted_lately(context.now, &child.id).is_none()
        };
        let Some(place) = next.iter().position(carries) else {
            return (Vec::new(), self.replacement(context, ring, part));
        };
        let before = next.iter().zip(&next[1..]).take(place);
        let before = before.map(|(child, next)| (*child, part.up_to(next.key)));
        (before.collect(), Some(next[place]))
    }

    /// Dials the next few members of a part whose child may be dead.
    pub(crate) fn dial_replacements(&mut self, context: &mut Context, part: &RingPart) {
        let next: Vec<NodeId> = self
            .live_in(context, part)
            .take(REPLACEMENTS)
            .map(|one| one.id)
            .collect();
        for id in next {
            context.dial_member(&id);
        }
    }

    /// Returns the members of a part that are neither suspected nor silent, the nearest first.
    fn live_in<'a>(
        &'a self,
        context: &'a Context,
        part: &RingPart,
    ) -> impl Iterator<Item = &'a Member> {
        let view = context.view.iter();
        let members = view.flat_map(|view| view.beyond(part.after, part.interval.direction));
        let part = *part;
        members
            .take_while(move |member| part.contains(member.key))
            .filter(|member| member.id != context.config.id)
            .filter(|member| {
                let id = &member.id;
                let stuck = context.links.is_full(id) || self.spreading.is_silent(id);
                !stuck && !context.detector.suspects(id)
            })
    }

    pub(crate) fn is_usable(&self, context: &Context, id: &NodeId) -> bool {
        takes_bundles(context, id) && !self.spreading.is_silent(id)
    }

    /// Returns true if a member accepts items but relays none.
    fn is_bypassed(&self, context: &Context, ring: &Ring, id: &NodeId) -> bool {
        takes_bundles(context, id)
            && (self.spreading.is_silent(id) || ring.admitted_lately(context.now, id).is_some())
    }
}

/// Returns the two halves of the ring, as an author splits it.
pub(crate) fn halves(context: &Context) -> Vec<Interval> {
    let Some(view) = context.view.as_ref().filter(|view| view.len() > 1) else {
        return Vec::new();
    };
    let middle = view.len() / 2;
    let Some(limit) = view.ahead_of(&context.config.id, middle) else {
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

/// Returns the members of a part that the ring needs links to, the nearest first.
fn needed_in(context: &Context, ring: &Ring, part: &RingPart) -> Vec<Child> {
    let child = |id: &NodeId| {
        Some(Child {
            id: *id,
            key: context.view.as_ref()?.member(id)?.key,
            allowance: Duration::ZERO,
        })
    };
    let mut linked: Vec<Child> = ring.needed_ids().filter_map(child).collect();
    linked.retain(|child| part.contains(child.key));
    linked.sort_by_key(|child| part.distance(child.key));
    linked
}

/// Returns a member as a child, with more time if it has to be dialled first.
fn child(context: &Context, member: &Member) -> Child {
    let linked = context.links.is_up(&member.id);
    Child {
        id: member.id,
        key: member.key,
        allowance: if linked {
            Duration::ZERO
        } else {
            DIAL_ALLOWANCE
        },
    }
}

fn takes_bundles(context: &Context, id: &NodeId) -> bool {
    context.links.is_up(id) && !context.links.is_full(id) && !context.detector.suspects(id)
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use ringtalk_wire::RingKey;

    use super::*;
    use crate::context::test_support::context;
    use crate::machines::links::LinkUp;
    use crate::view::test_support::{even_ring, id};
    use crate::{LinkId, Output};

    /// Returns the context of member 1 of a ring of eight, with links to these peers.
    fn linked_to(peers: &[u16]) -> Context {
        let mut context = context();
        context.view = Some(Arc::new(even_ring(8)));
        for &peer in peers {
            let up = LinkUp {
                link: LinkId::lobby(peer.into()),
                peer: id(peer),
                dialled: true,
                host: None,
            };
            context.links.up(context.now, up, &mut context.out);
        }
        context.out.clear();
        context
    }

    fn key(context: &Context, number: u16) -> RingKey {
        context
            .view
            .as_ref()
            .unwrap()
            .member(&id(number))
            .unwrap()
            .key
    }

    /// Returns the part that member 1 has to cover, up to a member.
    fn part(context: &Context, last: u16) -> RingPart {
        let interval = Interval {
            direction: Direction::Clockwise,
            limit: key(context, last),
            layout: 0,
        };
        let after = key(context, 1);
        RingPart { after, interval }
    }

    fn replacements(context: &Context, last: u16) -> (Vec<(NodeId, RingKey)>, Option<NodeId>) {
        let relay = Relay::default();
        let (before, replacement) =
            relay.linked_replacement(context, &Ring::default(), &part(context, last));
        let before = before.iter();
        let before = before.map(|(child, interval)| (child.id, interval.limit));
        (before.collect(), replacement.map(|child| child.id))
    }

    #[test]
    fn a_part_goes_to_the_first_linked_one_of_two_members() {
        let both = linked_to(&[2, 3]);
        assert_eq!(replacements(&both, 6), (Vec::new(), Some(id(2))));
        let second = linked_to(&[3]);
        let own_place = key(&second, 3).minus(1);
        let first = Vec::from([(id(2), own_place)]);
        assert_eq!(replacements(&second, 6), (first, Some(id(3))));
        assert_eq!(
            replacements(&second, 2),
            (Vec::new(), Some(id(2))),
            "alone in it"
        );
        let far = linked_to(&[4]);
        assert_eq!(replacements(&far, 6), (Vec::new(), Some(id(2))));
        assert_eq!(replacements(&far, 1), (Vec::new(), None), "nobody is in it");
    }

    #[test]
    fn the_replacements_of_a_suspected_child_are_dialled() {
        let mut context = linked_to(&[2]);
        let part = part(&context, 6);
        Relay::default().dial_replacements(&mut context, &part);
        let dialled = context.out.iter().filter_map(|output| match output {
            Output::Dial { peer, .. } => Some(*peer),
            _ => None,
        });
        assert!(dialled.eq([id(3)]));
    }
}

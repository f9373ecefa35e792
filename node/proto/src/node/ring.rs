//! The ring as this node keeps it: neighbours, standby links, and heartbeats.
//!
//! Not here: who is a member (`membership`), and who is dead (`suspicion`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::IpAddr;

use ringtalk_wire::{Direction, Frame, Heartbeat, NodeId};

use super::Node;
use crate::config::{DIAL_GRACE, FINGER_BEAT, FINGER_GRACE, REDIAL, SETTLING};
use crate::links::LinkUp;
use crate::planted::PlantedBug;
use crate::{Event, LinkId, Time, View};

/// How many live members to keep a link to in each direction: the neighbour, and one standing by.
const STANDING: usize = 2;

/// Who is next to this node, and from when on somebody is needed.
#[derive(Debug, Default)]
pub(super) struct Ring {
    neighbours: Option<(NodeId, NodeId)>,
    /// The peers that the ring needs links to, and from when on.
    needed: BTreeMap<NodeId, Time>,
    /// Neighbours that digests were exchanged with since they became neighbours.
    exchanged: BTreeSet<NodeId>,
    /// Who has just been let in, and when: its neighbours may not know it yet, and would take nothing from it.
    settling: BTreeMap<NodeId, Time>,
    tend_at: Option<Time>,
    finger_due: Time,
}

impl Ring {
    pub(super) const fn neighbours(&self) -> Option<(NodeId, NodeId)> {
        self.neighbours
    }

    pub(super) const fn deadline(&self) -> Option<Time> {
        self.tend_at
    }
}

impl Node {
    /// Predecessor and successor, or none of them.
    pub(super) fn neighbour_ids(&self) -> BTreeSet<NodeId> {
        let both = self.ring.neighbours.map(|(one, other)| [one, other]);
        both.into_iter().flatten().collect()
    }

    /// The members that the ring needs links to: the nearest ones, and the fingers.
    pub(super) fn needed_ids(&self) -> impl Iterator<Item = &NodeId> {
        self.ring.needed.keys()
    }

    /// Members are let in by a view: for a while they carry nothing on.
    pub(super) fn settle_in(&mut self, now: Time, members: impl Iterator<Item = NodeId>) {
        let settling = &mut self.ring.settling;
        settling.retain(|_, since| now < *since + SETTLING);
        settling.extend(members.map(|id| (id, now)));
    }

    /// When a member was let in, where that was just now.
    pub(super) fn settling_since(&self, id: &NodeId) -> Option<Time> {
        let since = self.ring.settling.get(id).copied();
        since.filter(|&since| self.handled < since + SETTLING)
    }

    /// True where anybody has just been let in.
    pub(super) fn is_anybody_settling(&self) -> bool {
        let mut settling = self.ring.settling.keys();
        settling.any(|id| self.settling_since(id).is_some())
    }

    pub(super) fn link_up(&mut self, now: Time, up: LinkUp) {
        let peer = up.peer;
        let first = self.links.up(now, up, &mut self.out);
        if self.view.as_ref().is_some_and(|view| view.contains(&peer)) {
            self.links.welcome(&peer);
        }
        self.links.send_parcels(now, &peer, &mut self.out);
        self.heard(now, &peer);
        self.naming.answers(&peer, now);
        if first {
            self.send_heartbeat(now, &peer);
            self.tend_ring(now);
            self.seal_what_waits(now);
            self.may_be_checked(now);
        }
    }

    pub(super) fn link_down(&mut self, now: Time, link: LinkId) {
        if let Some(lost) = self.links.down(now, link)
            && lost.last
        {
            self.peer_lost(now, &lost.peer);
        }
    }

    /// The link in use is gone: its peer owes nothing any more, and is dialled again at once.
    pub(super) fn peer_lost(&mut self, now: Time, peer: &NodeId) {
        self.give_up_on_giver(now, peer);
        self.joining.knock_lost(now, peer);
        self.ring.exchanged.remove(peer);
        self.pages.forget(peer);
        self.cuts.forget(peer);
        self.unlisted.forget(peer);
        self.fetchers.remove(peer);
        self.newcomers.forget(peer);
        self.naming.forget_newcomer(peer);
        self.confirmations.forget(peer);
        self.forks.forget(peer);
        self.steps.forget(peer);
        let looked_at = self.trials.is_open(peer) || self.naming.looks_at(peer);
        let needed = self.ring.needed.contains_key(peer) || looked_at;
        if needed {
            self.dial_member(now, peer);
        }
        self.rehome(now, peer);
        self.tend_ring(now);
    }

    /// Nobody answers where a peer was dialled; what refused the connection was at one of these hosts.
    pub(super) fn dial_failed(&mut self, now: Time, peer: NodeId, refused: &[IpAddr]) {
        if self.links.is_up(&peer) {
            return;
        }
        if self.is_gone(&peer, refused) {
            self.links.dial_failed(now, &peer);
            self.unreached(now, peer);
            self.lost.refused(&peer);
            self.found_refused(now, peer);
        } else if self.has_detour(&peer) && self.links.goes_on(now, &peer) {
            self.rehome(now, &peer);
            if !refused.is_empty() {
                // It may be gone: while others look for a way, a director may know another coordinator.
                self.knock_failed(now, &peer);
            }
            self.expire_detours(now);
        } else {
            self.links.dial_failed(now, &peer);
            self.unreached(now, peer);
        }
        let is_member = self.view.as_ref().is_some_and(|view| view.contains(&peer));
        self.naming.unreached(&peer, refused, is_member);
        self.tend_ring(now);
    }

    /// There is no way to a peer now.
    pub(super) fn unreached(&mut self, now: Time, peer: NodeId) {
        self.rehome(now, &peer);
        self.knock_failed(now, &peer);
    }

    /// Whether a refused connection means that a peer's process is gone: on its own network it does; elsewhere somebody
    /// else may have the address, unless the peer itself has answered there. And a network that looks like one's own may
    /// be another, where the last link was relayed. Where it was dialled at anybody's word but the view's, it means nothing.
    fn is_gone(&self, peer: &NodeId, refused: &[IpAddr]) -> bool {
        let known = self.known_addresses(peer);
        let is_there = known.is_none_or(|known| self.links.was_dialled_at(peer, &known));
        let is_near = !self.is_far(peer) && !self.links.was_relayed(peer);
        let is_its_own = is_near || self.links.was_reached_at(peer, refused);
        !refused.is_empty() && is_there && is_its_own
    }

    /// Any frame is a sign of life.
    pub(super) fn heard(&mut self, now: Time, peer: &NodeId) {
        self.links.heard(now, peer);
        self.spreading.heard(peer);
        if self.detector.heard(now, peer) {
            self.tend_ring(now);
        }
        self.acquit(peer);
    }

    /// Finds the neighbours anew, and sees to the links that the ring needs.
    pub(super) fn tend_ring(&mut self, now: Time) {
        let Some(view) = self.view.clone().filter(|_| !self.joining.is_outside()) else {
            self.ring.tend_at = None;
            return;
        };
        self.find_neighbours(now, &view);
        self.ring.tend_at = None;
        let me = view.member(&self.config.id).map(|me| me.seniority);
        let needed = self.ring.needed.iter();
        let missing = needed.filter(|(id, _)| !self.links.is_up(id));
        let missing: Vec<(NodeId, Time)> = missing.map(|(&id, &from)| (id, from)).collect();
        for (id, from) in missing {
            let Some(member) = view.member(&id) else {
                continue;
            };
            let senior = me.is_some_and(|seniority| seniority < member.seniority);
            let due = if senior { from + DIAL_GRACE } else { from };
            let due = due.max(self.links.may_dial_at(&id));
            if due <= now {
                self.dial(now, id, &member.addresses);
            }
            let again = if due > now { due } else { now + REDIAL };
            self.ring.tend_at = Some(self.ring.tend_at.map_or(again, |at| at.min(again)));
        }
        for id in self.neighbour_ids() {
            if self.links.is_up(&id) && self.ring.exchanged.insert(id) {
                self.send_heartbeat(now, &id);
                self.send_digest(now, &id, true);
                self.send_all_evidence(now, &id);
            }
        }
    }

    /// Where the ring is another, every neighbour may lack something: digests are exchanged with all.
    pub(super) fn compare_all_anew(&mut self, relaid: bool) {
        if relaid {
            self.ring.exchanged.clear();
        }
    }

    pub(super) fn expire_ring(&mut self, now: Time) {
        if self.ring.tend_at.is_some_and(|at| at <= now) {
            self.tend_ring(now);
        }
    }

    /// Both neighbours hear from this node, traffic or not, and now and then a finger.
    pub(super) fn beat(&mut self, now: Time) {
        for id in self.neighbour_ids() {
            self.send_heartbeat(now, &id);
        }
        if self.ring.finger_due <= now {
            self.ring.finger_due = now + FINGER_BEAT;
            if let Some(finger) = self.fingers.next_turn() {
                self.send_heartbeat(now, &finger);
            }
        }
        self.detector.relax();
        self.drop_silent_circuits(now);
        self.report_suspects(now);
        self.tend_ring(now);
        if let Some(view) = self.view.clone().filter(|_| !self.joining.is_outside()) {
            let needed = &self.ring.needed;
            let is_needed = |id: &NodeId| needed.contains_key(id);
            let is_member = |id: &NodeId| view.contains(id);
            self.links.tidy(now, is_needed, is_member, &mut self.out);
            self.tidy_circuits();
        }
    }

    pub(super) fn send_heartbeat(&mut self, now: Time, peer: &NodeId) {
        let Some(view) = &self.view else { return };
        let heartbeat = Frame::Heartbeat(Heartbeat {
            tag: view.tag(),
            clock: self.causal.clock().hash(),
        });
        self.links.send(now, peer, &heartbeat, &mut self.out);
    }

    pub(super) fn take_heartbeat(&mut self, now: Time, peer: NodeId, heartbeat: &Heartbeat) {
        self.compare_tags(now, peer, &heartbeat.tag);
        let compares = self.neighbour_ids().contains(&peer) || self.fingers.ids().contains(&peer);
        if !self.started || !compares {
            return;
        }
        let equal = heartbeat.clock == self.causal.clock().hash();
        if self.repair.compare(now, peer, equal) {
            self.send_digest(now, &peer, true);
        }
    }

    /// Dials a member, where the view says.
    pub(super) fn dial_member(&mut self, now: Time, id: &NodeId) {
        if let Some(view) = self.view.clone()
            && let Some(member) = view.member(id)
        {
            self.dial(now, *id, &member.addresses);
        }
    }

    /// Sends a frame to a member, over a link that is made where there is none.
    pub(super) fn send_to_member(&mut self, now: Time, id: &NodeId, frame: &Frame) {
        if let Some(view) = self.view.clone()
            && let Some(member) = view.member(id)
        {
            self.send_or_dial(now, (*id, &member.addresses), frame);
        }
    }

    fn find_neighbours(&mut self, now: Time, view: &View) {
        let clockwise = self.nearest(view, Direction::Clockwise);
        let counter = self.nearest(view, Direction::Counterclockwise);
        let fingers = self.fingers.ids();
        let is_needed =
            |id: &NodeId| clockwise.contains(id) || counter.contains(id) || fingers.contains(id);
        self.ring.needed.retain(|id, _| is_needed(id));
        for &id in fingers {
            // What is there for speed does not hold up what a newcomer waits for.
            let settles = !self.ready || self.settling_since(&id).is_some();
            let from = if settles { now + FINGER_GRACE } else { now };
            self.ring.needed.entry(id).or_insert(from);
        }
        for &id in clockwise.iter().chain(&counter) {
            let from = self.ring.needed.entry(id).or_insert(now);
            *from = now.min(*from);
        }
        let live = |ids: &[NodeId]| ids.iter().copied().find(|id| !self.detector.suspects(id));
        let mut neighbours = live(&counter).zip(live(&clockwise));
        if self.planted.has(PlantedBug::KeepDeadSuccessor)
            && let Some(((_, successor), (_, before))) =
                neighbours.as_mut().zip(self.ring.neighbours)
            && !view.contains(&before)
        {
            *successor = before;
        }
        let watched: Vec<NodeId> = neighbours.into_iter().flat_map(|(a, b)| [a, b]).collect();
        self.ring.exchanged.retain(|id| watched.contains(id));
        let suspects: Vec<NodeId> = self.detector.all().collect();
        self.detector
            .watch(now, watched.into_iter().chain(suspects));
        if self.ring.neighbours != neighbours {
            self.ring.neighbours = neighbours;
            self.emit(Event::Neighbours {
                predecessor: neighbours.map(|(predecessor, _)| predecessor),
                successor: neighbours.map(|(_, successor)| successor),
            });
        }
    }

    /// The nearest members in one direction, up to the second that is not suspected.
    fn nearest(&self, view: &View, direction: Direction) -> Vec<NodeId> {
        let mut live = 0;
        let mut nearest = Vec::new();
        for member in view.others(&self.config.id, direction) {
            nearest.push(member.id);
            live += usize::from(!self.detector.suspects(&member.id));
            if live == STANDING {
                break;
            }
        }
        nearest
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use ringtalk_wire::Addresses;

    use super::*;
    use crate::node::test_support::node;
    use crate::view::test_support::{even_ring, id};
    use crate::{Input, Output};

    /// Somebody says that a member is at another port of its host, where nobody listens.
    #[test]
    fn a_member_is_gone_only_if_it_is_refused_where_the_view_says_that_it_is() {
        let (mut node, member) = (node(), id(3));
        node.view = Some(Arc::new(even_ring(4)));
        let host: IpAddr = [192, 0, 2, 7].into();
        let link = LinkId(1);
        let up = Input::LinkUp {
            link,
            peer: member,
            dialled: true,
            host: Some(host),
        };
        node.handle(Time::default(), up);
        node.handle(Time::default(), Input::LinkDown { link });
        let now = Time::from_micros(1_000_000);
        let elsewhere = Addresses::at("192.0.2.7:9");
        let dialled = |node: &mut Node| {
            let outputs = core::iter::from_fn(|| node.poll_output());
            outputs.fold(None, |last, output| match output {
                Output::Dial { addresses, .. } => Some(addresses),
                _ => last,
            })
        };
        // Outside, no view is in force.
        node.dial(now, member, &elsewhere);
        assert_eq!(dialled(&mut node), Some(elsewhere.clone()));
        assert!(!node.is_gone(&member, &[host]));
        node.links.dial_failed(now, &member);
        node.joining.arrive();
        let later = Time::from_micros(2_000_000);
        node.dial(later, member, &elsewhere);
        assert_eq!(dialled(&mut node), Some(Addresses::default()));
        assert!(node.is_gone(&member, &[host]));
    }
}

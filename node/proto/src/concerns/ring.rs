//! The ring as this node keeps it: neighbours, standby links, and fingers.
//!
//! Not here: membership (`node::views`), deaths (`suspicion`), frames between neighbours (`node::peers`).

mod report;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use ringtalk_wire::{Direction, NodeId};

use super::Concern;
use crate::config::{DIAL_GRACE, FINGER_GRACE, NEW_MEMBER_PERIOD, REDIAL, Tempo};
use crate::context::Context;
use crate::machines::fingers::Fingers;
use crate::planted::PlantedBug;
use crate::{Event, Time, View};

/// How many live members to keep a link to in each direction: the neighbour, and one standing by.
const LINKS_EACH_WAY: usize = 2;

/// This node's neighbours and fingers, and since when each is needed.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    neighbours: Option<(NodeId, NodeId)>,
    fingers: Fingers,
    /// The peers that the ring needs links to, each with the time from which it does.
    needed: BTreeMap<NodeId, Time>,
    /// Neighbours that were greeted since they became neighbours.
    greeted: BTreeSet<NodeId>,
    /// New members, and when they were admitted. Their neighbours may not know them yet, and would accept nothing
    /// from them.
    recent_members: BTreeMap<NodeId, Time>,
    maintain_at: Option<Time>,
    finger_due: Time,
}

impl Ring {
    pub(crate) const fn neighbours(&self) -> Option<(NodeId, NodeId)> {
        self.neighbours
    }

    /// Returns predecessor and successor, or neither.
    pub(crate) fn neighbour_ids(&self) -> BTreeSet<NodeId> {
        let both = self.neighbours.map(|(one, other)| [one, other]);
        both.into_iter().flatten().collect()
    }

    /// Returns the members that the ring needs links to: the nearest ones, and the fingers.
    pub(crate) fn needed_ids(&self) -> impl Iterator<Item = &NodeId> {
        self.needed.keys()
    }

    /// Returns true if the ring needs a link to this member.
    pub(crate) fn needs(&self, id: &NodeId) -> bool {
        self.needed.contains_key(id)
    }

    /// Returns the distant members to which links shorten the path of a message.
    pub(crate) const fn fingers(&self) -> &BTreeSet<NodeId> {
        self.fingers.ids()
    }

    /// Returns true if this node compares clocks with a peer.
    pub(crate) fn compares_with(&self, peer: &NodeId) -> bool {
        self.neighbour_ids().contains(peer) || self.fingers().contains(peer)
    }

    /// Chooses the fingers anew, from a view.
    pub(crate) fn renew_fingers(&mut self, context: &Context, view: &View) {
        if context.config.fingers {
            self.fingers.renew(view, &context.config.id);
        }
    }

    /// Returns the finger that gets this node's clock next, if one is due.
    pub(crate) fn next_finger(&mut self, now: Time, tempo: &Tempo) -> Option<NodeId> {
        if self.finger_due > now {
            return None;
        }
        self.finger_due = now + tempo.finger_beat;
        self.fingers.next_turn()
    }

    /// Records members that a view admitted: for a while they relay nothing.
    pub(crate) fn note_admitted(&mut self, now: Time, members: impl Iterator<Item = NodeId>) {
        self.recent_members
            .retain(|_, since| now < *since + NEW_MEMBER_PERIOD);
        self.recent_members.extend(members.map(|id| (id, now)));
    }

    /// Returns when a member was admitted, if that was a moment ago.
    pub(crate) fn admitted_lately(&self, now: Time, id: &NodeId) -> Option<Time> {
        let since = self.recent_members.get(id).copied();
        since.filter(|&since| now < since + NEW_MEMBER_PERIOD)
    }

    /// Returns true if any member was admitted a moment ago.
    pub(crate) fn has_recent_members(&self, now: Time) -> bool {
        self.recent_members
            .values()
            .any(|&since| now < since + NEW_MEMBER_PERIOD)
    }

    /// Makes the node greet all neighbours again: the ring has changed, and each may lack something.
    pub(crate) fn greet_again(&mut self) {
        self.greeted.clear();
    }

    /// Returns when [`Ring::maintain`] has something to do.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        self.maintain_at
    }

    /// Updates the neighbours, and dials the peers that the ring needs. Returns the linked neighbours to greet.
    pub(crate) fn maintain(&mut self, context: &mut Context) -> Vec<NodeId> {
        self.maintain_at = None;
        let Some(view) = context.view_as_member().cloned() else {
            return Vec::new();
        };
        self.find_neighbours(context, &view);
        self.dial_needed(context, &view);
        let neighbours = self.neighbour_ids().into_iter();
        let up = neighbours.filter(|id| context.links.is_up(id));
        up.filter(|id| self.greeted.insert(*id)).collect()
    }

    fn dial_needed(&mut self, context: &mut Context, view: &View) {
        let now = context.now;
        let me = view.member(&context.config.id).map(|me| me.seniority);
        let missing = self.needed.iter();
        let missing = missing.filter(|(id, _)| !context.links.is_up(id));
        let missing: Vec<(NodeId, Time)> = missing.map(|(&id, &from)| (id, from)).collect();
        for (id, from) in missing {
            let Some(member) = view.member(&id) else {
                continue;
            };
            let senior = me.is_some_and(|seniority| seniority < member.seniority);
            let due = if senior { from + DIAL_GRACE } else { from };
            let due = due.max(context.links.next_dial_at(&id));
            if due <= now {
                context.dial(id, &member.addresses);
            }
            let again = if due > now { due } else { now + REDIAL };
            self.maintain_at = Some(self.maintain_at.map_or(again, |at| at.min(again)));
        }
    }

    fn find_neighbours(&mut self, context: &mut Context, view: &View) {
        let now = context.now;
        let clockwise = nearest(context, view, Direction::Clockwise);
        let counter = nearest(context, view, Direction::Counterclockwise);
        let fingers = self.fingers.ids();
        let is_needed =
            |id: &NodeId| clockwise.contains(id) || counter.contains(id) || fingers.contains(id);
        self.needed.retain(|id, _| is_needed(id));
        for &id in fingers {
            // Links for speed must not delay what a newcomer waits for.
            let is_early = !context.joining.is_ready() || self.admitted_lately(now, &id).is_some();
            let from = if is_early { now + FINGER_GRACE } else { now };
            self.needed.entry(id).or_insert(from);
        }
        for &id in clockwise.iter().chain(&counter) {
            let from = self.needed.entry(id).or_insert(now);
            *from = now.min(*from);
        }
        let detector = &context.detector;
        let live = |ids: &[NodeId]| ids.iter().copied().find(|id| !detector.suspects(id));
        let mut neighbours = live(&counter).zip(live(&clockwise));
        debug_assert!(
            neighbours.is_none_or(|(one, other)| self.needs(&one) && self.needs(&other)),
            "links to the neighbours are kept"
        );
        if context.planted.has(PlantedBug::KeepDeadSuccessor)
            && let Some(((_, successor), (_, before))) = neighbours.as_mut().zip(self.neighbours)
            && !view.contains(&before)
        {
            *successor = before;
        }
        let watched: Vec<NodeId> = neighbours.into_iter().flat_map(|(a, b)| [a, b]).collect();
        self.greeted.retain(|id| watched.contains(id));
        let suspects: Vec<NodeId> = context.detector.all_suspects().collect();
        context
            .detector
            .watch(now, watched.into_iter().chain(suspects));
        if self.neighbours != neighbours {
            self.neighbours = neighbours;
            context.emit(Event::Neighbours {
                predecessor: neighbours.map(|(predecessor, _)| predecessor),
                successor: neighbours.map(|(_, successor)| successor),
            });
        }
    }
}

impl Concern for Ring {
    fn forget(&mut self, peer: &NodeId) {
        self.greeted.remove(peer);
    }
}

/// Returns the nearest members in one direction, up to the second one that is not suspected.
fn nearest(context: &Context, view: &View, direction: Direction) -> Vec<NodeId> {
    let mut live = 0;
    let mut nearest = Vec::new();
    for member in view.others(&context.config.id, direction) {
        nearest.push(member.id);
        live += usize::from(!context.detector.suspects(&member.id));
        if live == LINKS_EACH_WAY {
            break;
        }
    }
    nearest
}

//! R1: at rest, the neighbours that nodes report form one cycle in the order of the one view.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Coordinator, Neighbours, View};
use crate::id::NodeId;

/// A node's position in the ring, as it reports it.
#[derive(Clone, Debug)]
pub struct RingPlace {
    /// The node.
    pub id: NodeId,
    /// Its latest view.
    pub view: View,
    /// Its latest neighbours.
    pub neighbours: Option<Neighbours>,
    /// The coordinator that it reports, with the epoch.
    pub coordinator: Coordinator,
}

/// Checks that `places`, which are all live nodes, form one closed ring. The error says what is wrong.
pub fn check_closed(places: &[RingPlace]) -> Result<(), String> {
    let first = places.first().ok_or("nobody is there")?;
    for place in places {
        check_view(place, first)?;
        check_members(place, places)?;
    }
    check_neighbours(places, &first.view)?;
    check_cycle(places)
}

/// Checks that a node has the same view as `first`, and a coordinator that agrees with it.
fn check_view(place: &RingPlace, first: &RingPlace) -> Result<(), String> {
    let tag = |view: &View| (view.epoch, view.number);
    let id = place.id;
    if tag(&place.view) != tag(&first.view) {
        let (own, other) = (tag(&place.view), tag(&first.view));
        return Err(format!("{id} has view {own:?}, {} has {other:?}", first.id));
    }
    if place.coordinator.epoch != place.view.epoch {
        return Err(format!(
            "{id} follows {:?}, against its view",
            place.coordinator
        ));
    }
    if place.coordinator.node_id != place.view.coordinator {
        return Err(format!(
            "{id} calls {} coordinator, against its view",
            place.coordinator.node_id
        ));
    }
    Ok(())
}

/// Checks that a node's view lists exactly the live nodes.
fn check_members(place: &RingPlace, places: &[RingPlace]) -> Result<(), String> {
    let members: BTreeSet<NodeId> = place.view.members.iter().map(|m| m.node_id).collect();
    let live: BTreeSet<NodeId> = places.iter().map(|place| place.id).collect();
    if members != live || place.view.members.len() != places.len() {
        return Err(format!(
            "{}'s view is {members:?}, live are {live:?}",
            place.id
        ));
    }
    Ok(())
}

/// Checks that every node reports the neighbours that the view gives it.
fn check_neighbours(places: &[RingPlace], view: &View) -> Result<(), String> {
    let order: Vec<NodeId> = view.members.iter().map(|member| member.node_id).collect();
    for (at, id) in order.iter().enumerate() {
        let place = places
            .iter()
            .find(|place| place.id == *id)
            .ok_or("a member is missing")?;
        let neighbour =
            |steps: usize| Some(order[(at + steps) % order.len()]).filter(|_| order.len() > 1);
        let expected = Neighbours {
            predecessor: neighbour(order.len() - 1),
            successor: neighbour(1),
        };
        let alone = Neighbours {
            predecessor: None,
            successor: None,
        };
        let found = place.neighbours.unwrap_or(alone);
        if found != expected {
            return Err(format!("{id} has {found:?}, its view says {expected:?}"));
        }
    }
    Ok(())
}

/// Checks that the successors form one cycle over all nodes, and that the predecessors match them.
pub(super) fn check_cycle(places: &[RingPlace]) -> Result<(), String> {
    if places.len() == 1 {
        return Ok(());
    }
    let by_id: BTreeMap<NodeId, Neighbours> = places
        .iter()
        .filter_map(|place| Some((place.id, place.neighbours?)))
        .collect();
    let mut at = places[0].id;
    for step in 1..=places.len() {
        let next = by_id.get(&at).and_then(|pair| pair.successor);
        let next = next.ok_or_else(|| format!("{at} has no successor"))?;
        if by_id.get(&next).and_then(|pair| pair.predecessor) != Some(at) {
            return Err(format!(
                "{next} is {at}'s successor, and has another predecessor"
            ));
        }
        at = next;
        if (at == places[0].id) != (step == places.len()) {
            return Err(format!(
                "the cycle closes, or not, after {step} of {}",
                places.len()
            ));
        }
    }
    Ok(())
}

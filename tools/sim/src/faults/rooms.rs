//! What users do with rooms while things go wrong: they create, join and leave rooms, and paste lines there.
//!
//! Not here: what they write now and then (`world::user`).

use crate::network::HostIndex;
use crate::oracle::Check;
use crate::schedule::{Action, Target};
use crate::world::World;

/// The most rooms that are created in a run.
const ROOMS: u64 = 6;
/// How many lines a user pastes at most.
const PASTED: u64 = 30;

/// Creates some rooms, which some of the members join.
pub(super) fn open(world: &mut World) -> Check {
    for room in 0..world.random.between(1, 3) {
        let members = world.members();
        let Some(creator) = world.random.pick(&members) else {
            return Ok(());
        };
        let node = Target::Node(creator);
        world.inject(Action::CreateRoom { node, room })?;
        let percent = world.random.between(10, 90);
        for member in members {
            if member != creator && world.random.chance(percent) {
                let node = Target::Node(member);
                world.inject(Action::JoinRoom { node, room })?;
            }
        }
    }
    Ok(())
}

/// Chooses what users do with rooms next: up to three things.
pub(super) fn choose(world: &mut World) -> Vec<Action> {
    let count = world.random.below(4);
    (0..count).filter_map(|_| choose_one(world)).collect()
}

fn choose_one(world: &mut World) -> Option<Action> {
    let rooms = world.room_numbers();
    let members = world.members();
    let node = world.random.pick(&members)?;
    let target = Target::Node(node);
    match world.random.below(20) {
        0..2 if (rooms.len() as u64) < ROOMS => {
            let room = rooms.last().map_or(0, |last| last + 1);
            Some(Action::CreateRoom { node: target, room })
        }
        0..10 => {
            let room = world.random.pick(&rooms)?;
            Some(Action::JoinRoom { node: target, room })
        }
        10..16 => {
            let (node, room) = visitor(world, &rooms)?;
            Some(Action::LeaveRoom { node, room })
        }
        16..18 => {
            // Whoever coordinates a room hands it over.
            let room = world.random.pick(&rooms)?;
            let node = Target::Node(world.coordinator_of_room(room)?);
            Some(Action::LeaveRoom { node, room })
        }
        _ => {
            let (node, room) = visitor(world, &rooms)?;
            let lines = world.random.between(1, PASTED);
            Some(Action::PasteInRoom { node, room, lines })
        }
    }
}

/// Chooses somebody who is in a room.
fn visitor(world: &mut World, rooms: &[u64]) -> Option<(Target, u64)> {
    let room = world.random.pick(rooms)?;
    let visitors: Vec<HostIndex> = world.visitors_of(room);
    let node = world.random.pick(&visitors)?;
    Some((Target::Node(node), room))
}

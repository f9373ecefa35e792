//! Processes in several rooms: together the rooms keep the budgets of a process.

use core::time::Duration;

use ringtalk_proto::Node;
use ringtalk_wire::RingId;

use super::{gather, millis, seconds};
use crate::oracle::{Check, ensure};
use crate::world::World;

/// The processes, each of which is in all rooms.
const PROCESSES: usize = 3;
/// The rooms, from the one with fewest messages to the one with most.
const ROOMS: [RingId; 4] = [
    RingId::from_bytes([11; 16]),
    RingId::from_bytes([12; 16]),
    RingId::from_bytes([13; 16]),
    RingId::from_bytes([14; 16]),
];
/// How many messages each process says in the first room. In each next room it says three times as many.
const FEWEST: u64 = 4;
/// How many bytes each message has.
const MESSAGE: usize = 1_000;
/// How many bytes the logs of a process have: less than what is said in the last room, and enough for all others.
const LOG_BYTES: usize = 384 * 1024;
/// How long the processes may take to meet in all rooms, and to say everything.
const PATIENCE: Duration = seconds(30);

pub(super) fn rooms_keep_the_budgets_of_their_process(world: &mut World) -> Check {
    world.keep_log_bytes(LOG_BYTES);
    gather(world, PROCESSES as u64)?;
    world.expect_failed(&[]);
    for room in ROOMS {
        world.found_beside(0, room)?;
    }
    world.run_for(seconds(1))?;
    for (index, room) in (1..PROCESSES).flat_map(|index| ROOMS.map(|room| (index, room))) {
        world.join_beside(index, room)?;
    }
    wait_until(world, "ready", |world| {
        every_node(world).all(|node| {
            let size = node.and_then(Node::view).map(|view| view.len());
            size == Some(PROCESSES)
        })
    })?;
    speak(world)?;
    wait_until(world, "C5", |world| {
        ROOMS.iter().all(|room| {
            let first = world.node_beside(0, room).map(Node::clock);
            (1..PROCESSES).all(|index| world.node_beside(index, room).map(Node::clock) == first)
        })
    })?;
    for index in 0..PROCESSES {
        check_kept(world, index)?;
    }
    world.must_come_to_rest()
}

/// Lets each process say in each room what is due there, in all rooms at once.
fn speak(world: &mut World) -> Check {
    for (round, (room, index)) in (1..).zip(said_in_turn()) {
        let mut patience = PATIENCE;
        while !world.say_beside(index, &ROOMS[room], MESSAGE)? {
            ensure(!patience.is_zero(), "input", || {
                format!("n{index} takes no message in {:?}", ROOMS[room])
            })?;
            patience = patience.saturating_sub(millis(10));
            world.run_for(millis(10))?;
        }
        if round % 10 == 0 {
            world.run_for(millis(10))?;
        }
    }
    Ok(())
}

/// Returns which process speaks in which room, one message after the other.
fn said_in_turn() -> impl Iterator<Item = (usize, usize)> {
    let most = count_in(ROOMS.len() - 1);
    (0..most).flat_map(move |number| {
        let rooms = (0..ROOMS.len()).filter(move |&room| number % (most / count_in(room)) == 0);
        rooms.flat_map(|room| (0..PROCESSES).map(move |index| (room, index)))
    })
}

/// Returns how many messages each process says in a room.
const fn count_in(room: usize) -> u64 {
    FEWEST * 3_u64.pow(room as u32)
}

/// Checks that the small rooms have lost nothing, and that the largest one uses what the others leave free.
fn check_kept(world: &World, index: usize) -> Check {
    let loads = ROOMS.map(|room| {
        let node = world.node_beside(index, &room);
        node.map(Node::load).unwrap_or_default()
    });
    for (room, load) in loads[..ROOMS.len() - 1].iter().enumerate() {
        let said = count_in(room) * PROCESSES as u64;
        ensure(load.logged_messages as u64 == said, "M1", || {
            format!("n{index} has evicted messages of room {room}, not of the largest")
        })?;
    }
    let used: usize = loads.iter().map(|load| load.logged_bytes).sum();
    ensure(used > LOG_BYTES * 3 / 4, "M1", || {
        format!("n{index} uses only {used} bytes of its budget")
    })
}

fn every_node(world: &World) -> impl Iterator<Item = Option<&Node>> {
    (0..PROCESSES).flat_map(move |index| {
        let rooms = ROOMS.iter();
        rooms.map(move |room| world.node_beside(index, room))
    })
}

/// Lets time pass until it is so.
fn wait_until(world: &mut World, invariant: &'static str, is_so: impl Fn(&World) -> bool) -> Check {
    let mut patience = PATIENCE;
    while !is_so(world) {
        ensure(!patience.is_zero(), invariant, || {
            format!("the rooms beside take longer than {PATIENCE:?}")
        })?;
        patience = patience.saturating_sub(millis(100));
        world.run_for(millis(100))?;
    }
    Ok(())
}

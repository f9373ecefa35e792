//! One fault in a ring that is otherwise well: the source of the figures of detection, failover and repair, at any
//! size (`--nodes`).

use super::{gather, ordinary, seconds, the_coordinator};
use crate::network::HostIndex;
use crate::oracle::{Check, ensure};
use crate::world::World;

/// How many frames a failed election may cost beside one for each member.
const ELECTION_FRAMES: u64 = 20;

pub(super) fn a_process_is_killed(world: &mut World) -> Check {
    gather_quiet_ring(world)?;
    let victim = ordinary(world)?;
    world.expect_failed(&[victim]);
    world.kill(victim);
    world.dead_are_gone_within(seconds(5))?;
    world.must_come_to_rest()
}

pub(super) fn a_host_vanishes(world: &mut World) -> Check {
    gather_quiet_ring(world)?;
    let victim = ordinary(world)?;
    world.expect_failed(&[victim]);
    world.vanish(victim);
    world.dead_are_gone_within(seconds(5))?;
    world.must_come_to_rest()
}

pub(super) fn the_coordinators_host_vanishes(world: &mut World) -> Check {
    gather_quiet_ring(world)?;
    let victim = the_coordinator(world)?;
    world.expect_failed(&[victim]);
    let frames = world.figures.election_frames;
    world.vanish(victim);
    world.coordinator_within(seconds(5))?;
    world.dead_are_gone_within(seconds(5))?;
    let frames = world.figures.election_frames - frames;
    let members = world.members().len() as u64;
    ensure(frames <= members + ELECTION_FRAMES, "election", || {
        format!("an election among {members} members took {frames} frames")
    })?;
    world.must_come_to_rest()
}

/// Seven adjacent hosts vanish at once, and the ring closes over them.
pub(super) fn seven_adjacent_vanish(world: &mut World) -> Check {
    gather_quiet_ring(world)?;
    let mut gone = vec![ordinary(world)?];
    while let Some(next) = world.successor(gone[gone.len() - 1])
        && gone.len() < 7
    {
        gone.push(next);
    }
    world.expect_failed(&gone);
    for &index in &gone {
        world.vanish(index);
    }
    let live: Vec<HostIndex> = world.members();
    world.ring_closed_within(&live, seconds(5))?;
    world.dead_are_gone_within(seconds(5))?;
    world.must_come_to_rest()
}

/// Gathers as many nodes as asked for, or 8 to 40, of which one writes something now and then.
fn gather_quiet_ring(world: &mut World) -> Check {
    let chosen = world.random.between(8, 40);
    let count = world.setup.nodes.unwrap_or(chosen);
    gather(world, count)?;
    world.talk(seconds(count / 4 + 1));
    let wait = world.random.millis(2_000, 3_000);
    world.run_for(wait)
}

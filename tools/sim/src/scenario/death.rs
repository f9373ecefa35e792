//! Processes die without warning.

use super::{BURIAL, FAILOVER, gather, ordinary, seconds, talk_for, the_coordinator};
use crate::network::HostIndex;
use crate::oracle::{Check, ensure};
use crate::world::World;

pub(super) fn coordinator_killed(world: &mut World) -> Check {
    gather(world, 6)?;
    talk_for(world, seconds(2))?;
    let coordinator = the_coordinator(world)?;
    world.expect_failed(&[coordinator]);
    world.kill(coordinator);
    world.coordinator_within(FAILOVER)?;
    world.dead_are_gone_within(BURIAL)?;
    world.run_for(seconds(3))?;
    world.must_come_to_rest()
}

pub(super) fn newcomer_while_coordinator_is_dead(world: &mut World) -> Check {
    gather(world, 5)?;
    talk_for(world, seconds(1))?;
    let coordinator = the_coordinator(world)?;
    world.kill(coordinator);
    let after = world.random.millis(0, 1_000);
    world.run_for(after)?;
    world.start();
    world.coordinator_within(FAILOVER)?;
    world.all_ready_within(seconds(20))?;
    world.must_come_to_rest()
}

pub(super) fn ordinary_killed(world: &mut World) -> Check {
    gather(world, 6)?;
    talk_for(world, seconds(2))?;
    let victim = ordinary(world)?;
    world.expect_failed(&[victim]);
    world.kill(victim);
    world.dead_are_gone_within(BURIAL)?;
    world.run_for(seconds(3))?;
    world.must_come_to_rest()
}

pub(super) fn both_neighbours_killed(world: &mut World) -> Check {
    gather(world, 7)?;
    talk_for(world, seconds(2))?;
    let middle = ordinary(world)?;
    let victims = world.neighbours(middle).unwrap_or_default();
    kill_together(world, &victims)
}

pub(super) fn two_adjacent_killed(world: &mut World) -> Check {
    gather(world, 7)?;
    talk_for(world, seconds(2))?;
    let first = ordinary(world)?;
    let second = world.successor(first);
    let victims: Vec<HostIndex> = [Some(first), second].into_iter().flatten().collect();
    kill_together(world, &victims)
}

pub(super) fn all_but_one_killed(world: &mut World) -> Check {
    gather(world, 6)?;
    talk_for(world, seconds(2))?;
    let survivor = ordinary(world)?;
    let mut victims = world.members();
    victims.retain(|&victim| victim != survivor);
    kill_together(world, &victims)
}

fn kill_together(world: &mut World, victims: &[HostIndex]) -> Check {
    ensure(!victims.is_empty(), "H1", || {
        "there is no member to kill".into()
    })?;
    world.expect_failed(victims);
    for &victim in victims {
        world.kill(victim);
    }
    world.coordinator_within(FAILOVER)?;
    world.dead_are_gone_within(BURIAL)?;
    world.run_for(seconds(3))?;
    world.must_come_to_rest()
}

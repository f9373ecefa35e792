//! Links break, the director restarts, and the network parts: one ring becomes two, and one again.

use core::time::Duration;

use super::{JOINING, gather, millis, seconds};
use crate::oracle::{Check, ensure};
use crate::world::World;

pub(super) fn link_resets_lose_nothing(world: &mut World) -> Check {
    gather(world, 6)?;
    world.expect_failed(&[]);
    world.talk(millis(200));
    for _ in 0..25 {
        let count = world.random.between(1, 4) as usize;
        world.reset_links(count);
        let wait = world.random.millis(10, 1_000);
        world.run_for(wait)?;
    }
    let faults = world.figures.effective_faults();
    ensure(faults > 25, "H1", || "too few links broke".into())?;
    world.must_come_to_rest()
}

/// The messages that a broken link swallowed are back within 2 s of the breakage.
pub(super) fn what_a_broken_link_swallowed_is_back_in_two_seconds(world: &mut World) -> Check {
    gather(world, 6)?;
    world.expect_failed(&[]);
    for round in 0..10 {
        world.send_lines(round % 6, 100)?;
        let under_way = world.random.millis(1, 30);
        world.run_for(under_way)?;
        world.reset_links(4);
        world.run_for(Duration::from_secs(2))?;
        for index in world.members() {
            world.check_has_everything(index)?;
        }
    }
    world.must_come_to_rest()
}

pub(super) fn director_restart_with_newcomer(world: &mut World) -> Check {
    gather(world, 4)?;
    world.talk(millis(300));
    world.run_for(seconds(1))?;
    let down = world.random.millis(0, 4_000);
    world.restart_director(down);
    let after = world.random.millis(0, 4_500);
    world.run_for(after)?;
    world.start();
    world.run_for(seconds(5))?;
    world.all_ready_within(seconds(20))?;
    world.must_come_to_rest()
}

pub(super) fn two_founders_become_one(world: &mut World) -> Check {
    world.let_everybody_found(true);
    world.start();
    world.start();
    world.talk(millis(300));
    world.run_for(millis(50))?;
    world.let_everybody_found(false);
    world.all_ready_within(JOINING)?;
    world.run_for(seconds(5))?;
    for _ in 0..3 {
        world.start();
    }
    world.all_ready_within(JOINING)?;
    world.must_come_to_rest()
}

pub(super) fn partition_heals(world: &mut World) -> Check {
    gather(world, 7)?;
    world.talk(millis(300));
    world.run_for(seconds(1))?;
    let size = world.random.between(1, 6) as usize;
    world.partition(|index| u8::from(index < size));
    world.run_for(seconds(12))?;
    world.must_come_to_rest()
}

/// A ring is dissolved by a merge while a newcomer still fetches its history.
pub(super) fn newcomers_while_rings_merge(world: &mut World) -> Check {
    gather(world, 6)?;
    world.talk(millis(300));
    world.partition(|index| u8::from(index % 6 < 3));
    world.run_for(seconds(6))?;
    world.heal()?;
    for _ in 0..10 {
        world.start();
        let wait = world.random.millis(0, 500);
        world.run_for(wait)?;
    }
    world.must_come_to_rest()
}

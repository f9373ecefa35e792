//! Nodes leave properly, and others join.

use super::{JOINING, gather, millis, seconds, talk_for, the_coordinator};
use crate::oracle::{Check, ensure};
use crate::world::World;

pub(super) fn everyone_leaves_in_turn(world: &mut World) -> Check {
    gather(world, 8)?;
    world.expect_failed(&[]);
    world.talk(millis(400));
    for _ in 0..7 {
        let wait = world.random.millis(0, 3_000);
        world.run_for(wait)?;
        let members = world.members();
        let leaver = world.random.pick(&members).unwrap_or(0);
        world.leave(leaver)?;
        world.run_for(millis(2_500))?;
        world.check_leave_shown(leaver)?;
    }
    world.must_come_to_rest()?;
    for last in world.members() {
        world.leave(last)?;
    }
    world.run_for(millis(2_500))?;
    world.start();
    world.all_ready_within(seconds(3))
}

pub(super) fn coordinator_leaves(world: &mut World) -> Check {
    gather(world, 6)?;
    world.expect_failed(&[]);
    talk_for(world, seconds(2))?;
    let coordinator = the_coordinator(world)?;
    world.leave(coordinator)?;
    world.run_for(seconds(3))?;
    world.check_leave_shown(coordinator)?;
    world.must_come_to_rest()
}

/// A member that wrote while nobody else was there hands that over too when it leaves.
pub(super) fn words_said_alone_are_handed_over(world: &mut World) -> Check {
    gather(world, 3)?;
    talk_for(world, seconds(1))?;
    let speaker = the_coordinator(world)?;
    for other in world.members() {
        if other != speaker {
            world.pause(other, seconds(6));
        }
    }
    world.run_for(seconds(6))?;
    let wait = world.random.millis(100, 3_000);
    world.run_for(wait)?;
    world.leave(speaker)?;
    world.run_for(seconds(3))?;
    world.must_come_to_rest()
}

/// Every few seconds a member joins, leaves or dies, and everybody gets all messages, for as long as asked for
/// (`--lasts`).
pub(super) fn members_come_and_go(world: &mut World) -> Check {
    let count = world.setup.nodes.unwrap_or(20);
    let end = world.time() + world.setup.lasts.unwrap_or(seconds(60));
    gather(world, count)?;
    world.talk(seconds(5 * count));
    while world.time() < end {
        let wait = world.random.millis(2_000, 10_000);
        world.run_for(wait)?;
        let goes = world.random.pick(&world.members()).unwrap_or_default();
        match world.random.below(10) {
            0 => world.vanish(goes),
            1..=2 => world.kill(goes),
            3..=4 => world.leave(goes)?,
            _ => {
                world.start();
            }
        }
    }
    world.must_come_to_rest()
}

pub(super) fn coming_and_going_leaves_no_links(world: &mut World) -> Check {
    gather(world, 4)?;
    world.expect_failed(&[]);
    world.run_for(seconds(15))?;
    let before = world.open_links();
    for _ in 0..20 {
        let guest = world.start();
        world.all_ready_within(JOINING)?;
        world.leave(guest)?;
        world.run_for(millis(2_500))?;
    }
    world.run_for(seconds(15))?;
    let after = world.open_links();
    ensure(after <= before, "links", || {
        format!("{after} links are open, {before} were at first")
    })?;
    world.must_come_to_rest()
}

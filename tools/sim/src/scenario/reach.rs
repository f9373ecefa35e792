//! Not every node can dial every other: several networks, and nodes that only dial out.

use super::{JOINING, millis, seconds};
use crate::network::Site;
use crate::oracle::{Check, ensure};
use crate::world::World;

/// Two networks that do not reach each other, and a site on both.
const ONE: Site = Site::open(0b01);
const OTHER: Site = Site::open(0b10);
const BOTH: Site = Site::open(0b11);
/// A site that can dial the first network, and that nobody can dial.
const HOME: Site = Site::closed(0b01);

/// Starts nodes one after another, each as soon as the one before has joined.
fn gather(world: &mut World, sites: &[Site]) -> Check {
    for &site in sites {
        world.start_at_site(site);
        world.all_ready_within(JOINING)?;
    }
    world.run_for(seconds(2))
}

pub(super) fn two_networks_and_a_bridge(world: &mut World) -> Check {
    gather(world, &[ONE, BOTH, OTHER, ONE, OTHER, OTHER, ONE])?;
    world.expect_failed(&[]);
    world.talk(millis(200));
    world.run_for(seconds(20))?;
    let crossings = world.crossings();
    ensure(crossings == 2, "crossings", || {
        format!("the ring crosses {crossings} times between two networks")
    })?;
    world.must_come_to_rest()
}

pub(super) fn a_coordinator_that_nobody_can_dial(world: &mut World) -> Check {
    gather(world, &[HOME, ONE, HOME, HOME, ONE])?;
    world.expect_failed(&[]);
    world.talk(millis(200));
    world.run_for(seconds(10))?;
    world.must_come_to_rest()
}

/// One node can be dialled; all others only dial out.
pub(super) fn homes_that_only_dial_out(world: &mut World) -> Check {
    gather(world, &[ONE, HOME, HOME, HOME, HOME, HOME])?;
    world.talk(millis(200));
    world.run_for(seconds(10))?;
    let left = world.random.between(1, 5) as usize;
    world.kill(left);
    world.run_for(seconds(10))?;
    world.must_come_to_rest()
}

pub(super) fn a_bridge_dies_where_there_are_two(world: &mut World) -> Check {
    gather(world, &[BOTH, ONE, BOTH, OTHER, ONE, OTHER])?;
    world.talk(millis(200));
    world.run_for(seconds(3))?;
    let bridge = [0, 2][world.random.between(0, 1) as usize];
    world.kill(bridge);
    world.run_for(seconds(15))?;
    world.must_come_to_rest()
}

/// The circuits that the bridge carried stay open, and nothing arrives over them any more.
pub(super) fn a_bridge_vanishes_where_there_are_two(world: &mut World) -> Check {
    gather(world, &[BOTH, ONE, BOTH, OTHER, ONE, OTHER])?;
    world.talk(millis(200));
    world.run_for(seconds(3))?;
    let bridge = [0, 2][world.random.between(0, 1) as usize];
    world.vanish(bridge);
    world.run_for(seconds(20))?;
    world.must_come_to_rest()
}

/// Members that are lost and out of reach cause few dials.
pub(super) fn who_is_lost_elsewhere_is_dialled_by_few(world: &mut World) -> Check {
    gather(world, &[ONE, BOTH, OTHER, ONE, ONE, ONE, ONE, OTHER])?;
    world.talk(millis(500));
    world.run_for(seconds(2))?;
    world.vanish(2);
    world.vanish(7);
    world.run_for(seconds(10))?;
    let before = world.dials();
    world.run_for(seconds(30))?;
    let dials = world.dials() - before;
    // Two lost members are sought every 8 s: directly, again beside each of four steps, and by three helpers each.
    ensure(dials <= 100, "dials", || {
        format!("{dials} dials in 30 s because of two lost members")
    })?;
    world.must_come_to_rest()
}

/// The bridge is cut off from one network for a while: one ring becomes two, and one again.
pub(super) fn networks_part_and_meet_over_a_bridge(world: &mut World) -> Check {
    gather(world, &[ONE, BOTH, OTHER, ONE, OTHER])?;
    world.talk(millis(300));
    world.run_for(seconds(2))?;
    world.partition(|index| u8::from([2, 4].contains(&index)));
    world.run_for(seconds(12))?;
    world.must_come_to_rest()
}

//! Faults by chance. At least one running member is always left: a discussion that nobody holds is
//! gone, and rightly so.

use core::time::Duration;

use crate::network::HostIndex;
use crate::oracle::Check;
use crate::world::World;

/// The most processes alive at a time.
const CROWD: usize = 24;

/// One thing goes wrong, or somebody comes or goes.
pub(crate) fn strike(world: &mut World) -> Check {
    match world.random.below(100) {
        0..14 => kill(world, one_member),
        14..24 => kill(world, |world| world.coordinator().into_iter().collect()),
        24..30 => kill(world, two_adjacent),
        30..34 => kill(world, both_neighbours),
        34..36 => kill(world, all_but_one),
        36..50 => pause(world, one_member, 20_000),
        50..60 => pause(
            world,
            |world| world.coordinator().into_iter().collect(),
            20_000,
        ),
        60..64 => pause(world, one_member, 900),
        64..76 => reset_links(world),
        76..82 => return leave(world),
        82..96 => join(world),
        _ => {
            let after = world.random.millis(0, 4_000);
            world.restart_director(after);
        }
    }
    Ok(())
}

fn kill(world: &mut World, choose: impl Fn(&mut World) -> Vec<HostIndex>) {
    let victims = choose(world);
    if survives(world, &victims) {
        for victim in victims {
            world.kill(victim);
        }
    }
}

fn pause(world: &mut World, choose: impl Fn(&mut World) -> Vec<HostIndex>, longest_ms: u64) {
    let victims = choose(world);
    let time = world.random.millis(500, longest_ms);
    if survives(world, &victims) {
        for victim in victims {
            world.pause(victim, time);
        }
    }
}

fn reset_links(world: &mut World) {
    let count = world.random.between(1, 6) as usize;
    world.reset_links(count);
}

fn leave(world: &mut World) -> Check {
    let leavers = one_member(world);
    if survives(world, &leavers) {
        for leaver in leavers {
            world.leave(leaver)?;
        }
    }
    Ok(())
}

fn join(world: &mut World) {
    let room = CROWD.saturating_sub(world.alive()) as u64;
    for _ in 0..world.random.between(1, 3).min(room) {
        world.start();
    }
}

fn survives(world: &World, victims: &[HostIndex]) -> bool {
    let members = world.members();
    members.iter().any(|member| !victims.contains(member))
}

fn one_member(world: &mut World) -> Vec<HostIndex> {
    let members = world.members();
    world.random.pick(&members).into_iter().collect()
}

fn two_adjacent(world: &mut World) -> Vec<HostIndex> {
    let mut victims = one_member(world);
    let second = victims.first().and_then(|&first| world.successor(first));
    victims.extend(second);
    victims
}

fn both_neighbours(world: &mut World) -> Vec<HostIndex> {
    let middle = one_member(world);
    let neighbours = middle.first().and_then(|&middle| world.neighbours(middle));
    neighbours.into_iter().flatten().collect()
}

fn all_but_one(world: &mut World) -> Vec<HostIndex> {
    let survivor = one_member(world);
    let mut victims = world.members();
    victims.retain(|victim| !survivor.contains(victim));
    victims
}

/// A time during which faults strike, and the pauses between them.
pub(crate) fn storm(world: &mut World, time: Duration) -> Check {
    let mut left = time;
    while !left.is_zero() {
        let calm = world.random.millis(10, 2_500).min(left);
        world.run_for(calm)?;
        left -= calm;
        strike(world)?;
    }
    Ok(())
}

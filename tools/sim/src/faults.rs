//! Random faults. At least one running member is always left: a discussion that no node holds is gone, and rightly
//! so.

mod rooms;

use core::time::Duration;

use crate::network::HostIndex;
use crate::oracle::Check;
use crate::schedule::{Action, Target};
use crate::world::World;

/// The most processes that are alive at a time.
const CROWD: usize = 24;
/// How many of 1,000 faults are partitions.
const PARTITIONS: u64 = 60;

/// Injects random faults for a while, with pauses between them.
pub(crate) fn inject_for(world: &mut World, time: Duration) -> Check {
    inject_latency(world)?;
    if world.setup.rooms {
        rooms::open(world)?;
    }
    let mut left = time;
    loop {
        let wait = world.random.millis(10, 2_500);
        if wait >= left {
            return world.run_for(left);
        }
        world.run_for(wait)?;
        left -= wait;
        for action in choose(world) {
            world.inject(action)?;
        }
        if world.setup.rooms {
            for action in rooms::choose(world) {
                world.inject(action)?;
            }
        }
    }
}

/// Chooses the general state of the network: usually near, sometimes far.
fn inject_latency(world: &mut World) -> Check {
    let (low, high) = match world.random.below(8) {
        0 => (10, 50),
        1 => (20, 150),
        2 => (0, 2),
        _ => return Ok(()),
    };
    world.inject(Action::Latency {
        low: Duration::from_millis(low),
        high: Duration::from_millis(high),
    })
}

/// Chooses one thing that goes wrong, or a node that comes or goes.
fn choose(world: &mut World) -> Vec<Action> {
    if world.random.permille(PARTITIONS) {
        return vec![partition(world)];
    }
    match world.random.below(100) {
        0..30 => deaths(world),
        30..60 => pauses(world),
        60..70 => resets(world),
        70..80 => impairments(world),
        80..85 => one_of(world, |node| Action::Leave { node }),
        85..96 => joins(world),
        _ => vec![Action::Director {
            time: world.random.millis(0, 4_000),
        }],
    }
}

fn deaths(world: &mut World) -> Vec<Action> {
    match world.random.below(30) {
        0..7 => one_of(world, |node| Action::Kill { node }),
        7..10 => one_of(world, |node| Action::Vanish { node }),
        10..14 => coordinator(world, |node| Action::Kill { node }),
        14..17 => coordinator(world, |node| Action::Vanish { node }),
        17..20 => {
            let after = world.random.millis(0, 3_000);
            one_of(world, |node| Action::Restart { node, after })
        }
        20..24 => {
            let after = world.random.millis(0, 30);
            one_of(world, |node| Action::LastWords { node, after })
        }
        24..27 => {
            let victims = two_adjacent(world);
            all(world, &victims, |node| Action::Kill { node })
        }
        27..29 => {
            let victims = both_neighbours(world);
            all(world, &victims, |node| Action::Vanish { node })
        }
        _ => {
            let victims = all_but_one(world);
            all(world, &victims, |node| Action::Kill { node })
        }
    }
}

fn pauses(world: &mut World) -> Vec<Action> {
    let long = world.random.millis(500, 20_000);
    let short = world.random.millis(50, 999);
    match world.random.below(30) {
        0..12 => one_of(world, |node| Action::Pause { node, time: long }),
        12..22 => coordinator(world, |node| Action::Pause { node, time: long }),
        22..28 => one_of(world, |node| Action::Pause { node, time: short }),
        _ => {
            let victims = world.members();
            let stalled = |node| Action::Pause { node, time: short };
            victims.into_iter().map(Target::Node).map(stalled).collect()
        }
    }
}

fn resets(world: &mut World) -> Vec<Action> {
    let count = world.random.between(1, 6);
    let links = world.linked_pairs();
    let reset = |world: &mut World| {
        let (one, other) = world.random.pick(&links)?;
        let [node, other] = [one, other].map(Target::Node);
        Some(Action::Reset { node, other })
    };
    (0..count).filter_map(|_| reset(world)).collect()
}

/// Chooses an impairment of the paths between hosts, for a while.
fn impairments(world: &mut World) -> Vec<Action> {
    let time = world.random.millis(500, 8_000);
    let percent = world.random.between(1, 10);
    let bytes_per_ms = world.random.between(1, 100);
    let links = world.linked_pairs();
    let linked = world.random.pick(&links);
    let Some([node, other]) = linked.map(|(one, other)| [one, other].map(Target::Node)) else {
        return Vec::new();
    };
    let action = match world.random.below(10) {
        0..4 => Action::Loss { percent, time },
        4..6 => Action::Cut { node, other, time },
        6..8 => Action::Cut {
            node: other,
            other: node,
            time,
        },
        _ => Action::Slow {
            node,
            other,
            bytes_per_ms,
            time,
        },
    };
    vec![action]
}

/// Cuts an arc of the ring, or random members, off from the others; the director is on one side, or on none.
fn partition(world: &mut World) -> Action {
    let mut groups = vec![0; world.processes()];
    let members = world.in_ring_order();
    let size = world.random.between(1, members.len().max(2) as u64 - 1) as usize;
    let arc = world.random.chance(50);
    for (position, &member) in members.iter().enumerate() {
        groups[member] = if arc {
            u8::from(position < size)
        } else {
            world.random.below(2) as u8
        };
    }
    let director = match world.random.below(5) {
        0 => None,
        draw => Some((draw % 2) as u8),
    };
    Action::Partition {
        groups,
        director,
        time: world.random.millis(1_000, 12_000),
    }
}

fn joins(world: &mut World) -> Vec<Action> {
    let room = CROWD.saturating_sub(world.alive()) as u64;
    let count = world.random.between(1, 3).min(room);
    (0..count).map(|_| Action::Start).collect()
}

fn one_of(world: &mut World, action: impl Fn(Target) -> Action) -> Vec<Action> {
    let victims = one_member(world);
    all(world, &victims, action)
}

fn coordinator(world: &World, action: impl Fn(Target) -> Action) -> Vec<Action> {
    let victims: Vec<HostIndex> = world.coordinator().into_iter().collect();
    all(world, &victims, action)
}

/// Returns the action for each of the victims, if anybody is left then.
fn all(world: &World, victims: &[HostIndex], action: impl Fn(Target) -> Action) -> Vec<Action> {
    let mut members = world.members().into_iter();
    if members.any(|member| !victims.contains(&member)) {
        victims
            .iter()
            .copied()
            .map(Target::Node)
            .map(action)
            .collect()
    } else {
        Vec::new()
    }
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

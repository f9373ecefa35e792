//! Rings that were torn by a partition, and become one again.

use core::time::Duration;

use super::{gather, millis, ordinary, seconds, the_coordinator};
use crate::network::HostIndex;
use crate::oracle::{Check, Violation, ensure};
use crate::schedule::{Action, Target};
use crate::world::World;

/// How soon after healing there must be one ring.
const MERGE: Duration = seconds(20);
/// Longer than any scenario lasts.
const FOREVER: Duration = seconds(100_000);

/// Both sides go on, and find each other although nobody else knows of them.
pub(super) fn torn_rings_find_each_other_without_a_director(world: &mut World) -> Check {
    gather(world, 8)?;
    world.restart_director(FOREVER);
    let size = world.random.between(1, 7) as usize;
    tear_and_merge(world, |index| u8::from(index < size), seconds(10), 1)
}

/// Three parts merge, of which none knows of more than one other at first.
pub(super) fn three_parts_become_one(world: &mut World) -> Check {
    gather(world, 9)?;
    world.restart_director(FOREVER);
    tear_and_merge(world, |index| (index % 3) as u8, seconds(10), 1)
}

/// A ring that is larger than neighbours alone would carry merges with one a third of its size.
pub(super) fn large_rings_merge(world: &mut World) -> Check {
    gather(world, 40)?;
    world.restart_director(FOREVER);
    tear_and_merge(world, |index| u8::from(index % 4 == 0), seconds(10), 1)
}

/// After ten minutes, each side looks for the other every 8 s only.
pub(super) fn merge_after_ten_minutes(world: &mut World) -> Check {
    gather(world, 6)?;
    world.restart_director(FOREVER);
    let size = world.random.between(1, 5) as usize;
    tear_and_merge(world, |index| u8::from(index < size), seconds(600), 1)
}

/// One of the two coordinators dies while the rings merge.
pub(super) fn a_coordinator_dies_while_rings_merge(world: &mut World) -> Check {
    gather(world, 8)?;
    world.talk(millis(500));
    world.partition(|index| u8::from(index < 4));
    world.run_for(seconds(8))?;
    let coordinators = world.coordinators();
    ensure(coordinators.len() == 2, "E2", || {
        format!("two partitions have the coordinators {coordinators:?}")
    })?;
    world.partition(|_| 0);
    let wait = world.random.millis(0, 300);
    world.run_for(wait)?;
    if let Some(victim) = world.random.pick(&coordinators) {
        world.kill(victim);
    }
    world.one_ring_within(MERGE)?;
    world.must_come_to_rest()
}

/// The invited coordinator has pledged itself, and never receives the merged view. The inviting one has gone on,
/// and nobody may wait for it (seed 17534 of the random faults).
pub(super) fn the_merged_view_is_lost_on_its_way(world: &mut World) -> Check {
    gather(world, 8)?;
    world.restart_director(FOREVER);
    world.talk(millis(500));
    world.partition(|index| u8::from(index >= 5));
    world.run_for(seconds(8))?;
    let coordinators = world.coordinators();
    let [inviting, invited] = coordinators[..] else {
        return Violation::of(
            "E2",
            format!("two partitions have the coordinators {coordinators:?}"),
        );
    };
    world.partition(|_| 0);
    world.merged_within(inviting, MERGE)?;
    for (node, other) in [(inviting, invited), (invited, inviting)] {
        let (node, other) = (Target::Node(node), Target::Node(other));
        let time = seconds(7);
        world.inject(Action::Cut { node, other, time })?;
    }
    world.one_ring_within(MERGE)?;
    world.must_come_to_rest()
}

/// A coordinator with one other member left is paused, and that member merges with those whom the coordinator took
/// for dead. When the coordinator wakes up, it knows none of the members that vouch for what it finds (seed 999 of
/// the random faults).
pub(super) fn a_coordinator_wakes_up_to_strangers(world: &mut World) -> Check {
    gather(world, 8)?;
    world.restart_director(FOREVER);
    world.talk(millis(500));
    let coordinator = the_coordinator(world)?;
    let last = ordinary(world)?;
    world.partition(|index| u8::from([coordinator, last].contains(&index)));
    world.run_for(seconds(8))?;
    world.pause(coordinator, seconds(12));
    world.partition(|_| 0);
    world.run_for(seconds(11))?;
    // The running members are one ring before it wakes up.
    world.one_ring_within(millis(1))?;
    world.run_for(seconds(1))?;
    world.one_ring_within(MERGE)?;
    world.must_come_to_rest()
}

/// Two members are cut off, and the one that has just taken over there dies. Its follower is alone among members
/// that took both for dead and do not believe that epoch (seeds 264 and 528 of the random faults).
pub(super) fn a_dead_coordinators_only_follower_is_back(world: &mut World) -> Check {
    gather(world, 8)?;
    world.restart_director(FOREVER);
    world.talk(millis(500));
    let before = the_coordinator(world)?;
    let others = world.members().into_iter().filter(|&one| one != before);
    let cut_off: Vec<HostIndex> = others.take(2).collect();
    world.partition(|index| u8::from(cut_off.contains(&index)));
    world.coordinators_within(2, seconds(8))?;
    // Long enough for its follower to hear of it, and too short for anybody to be found dead.
    world.run_for(millis(50))?;
    let next = world.coordinators().into_iter().find(|&one| one != before);
    world.kill(next.unwrap_or(before));
    world.partition(|_| 0);
    world.one_ring_within(MERGE)?;
    world.must_come_to_rest()
}

/// A visitor joins, writes and leaves while the ring is torn. After the merge, the other part shows its messages
/// under the name that it had.
pub(super) fn a_merge_names_who_came_and_left(world: &mut World) -> Check {
    gather(world, 6)?;
    world.follow_messages();
    // The director points the visitor to the part with the higher epoch, which is cut off from the first
    // coordinator.
    world.partition(|index| u8::from(index < 3));
    world.run_for(seconds(8))?;
    let visitor = world.start();
    world.run_for(seconds(5))?;
    world.send_lines(visitor, 2)?;
    world.run_for(seconds(1))?;
    world.leave(visitor)?;
    world.run_for(seconds(3))?;
    world.partition(|_| 0);
    world.one_ring_within(MERGE)?;
    world.run_for(seconds(3))?;
    let author = world.id(visitor);
    let name = world.shown_name(visitor - 1, author);
    for index in world.members() {
        let shown = world.shown_name(index, author);
        ensure(name.is_some() && shown == name, "name", || {
            format!("n{index} shows {shown:?} for {name:?}")
        })?;
    }
    world.must_come_to_rest()
}

/// One of eight members is paused: the others have each thousand pasted messages 2 s later, and the paused one has
/// all of them after it has woken up.
pub(super) fn a_stopped_member_slows_nobody_for_long(world: &mut World) -> Check {
    gather(world, 8)?;
    world.run_for(seconds(1))?;
    let stopped = ordinary(world)?;
    world.pause(stopped, seconds(12));
    let speaker = world.coordinator().unwrap_or_default();
    for thousand in 1..=4 {
        // As fast as the node accepts them.
        for _ in 0..100 {
            let left = thousand * 1_000 - world.total_sent();
            world.send_lines(speaker, left)?;
            world.run_for(millis(20))?;
        }
        for index in world.members() {
            world.check_has_everything(index)?;
        }
    }
    ensure(world.total_sent() == 4_000, "input", || {
        format!("only {} of 4,000 messages were taken", world.total_sent())
    })?;
    world.run_for(seconds(6))?;
    world.check_has_everything(stopped)?;
    world.must_come_to_rest()
}

fn tear_and_merge(
    world: &mut World,
    group_of: impl Fn(HostIndex) -> u8,
    time: Duration,
    merges: u32,
) -> Check {
    world.talk(millis(500));
    world.run_for(seconds(1))?;
    world.partition(group_of);
    world.run_for(time)?;
    world.partition(|_| 0);
    world.one_ring_within(MERGE)?;
    world.check_merges_shown(merges)?;
    world.run_for(seconds(3))?;
    world.must_come_to_rest()
}

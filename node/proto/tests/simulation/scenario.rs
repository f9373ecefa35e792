//! The scenarios: what happens in each, and what is demanded beyond the invariants, which hold
//! always.

use core::time::Duration;

use crate::faults;
use crate::network::HostIndex;
use crate::oracle::{Check, Violation, ensure};
use crate::world::World;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// How long a coordinator's death may go unmended.
const FAILOVER: Duration = seconds(5);
/// How long the dead may be listed.
const BURIAL: Duration = seconds(5);
/// How long a newcomer may take where nothing is wrong, and a founder may come first.
const JOINING: Duration = seconds(5);

pub(crate) fn three_nodes_talk(world: &mut World) -> Check {
    gather(world, 3)?;
    world.expect_failed(&[]);
    talk_for(world, seconds(10))?;
    ensure(world.said() > 30, "said", || {
        "next to nothing was said".into()
    })?;
    world.must_come_to_rest()
}

pub(crate) fn eight_join_at_once(world: &mut World) -> Check {
    for _ in 0..8 {
        world.start();
    }
    world.expect_failed(&[]);
    world.all_ready_within(JOINING)?;
    talk_for(world, seconds(3))?;
    world.must_come_to_rest()
}

pub(crate) fn twenty_talk(world: &mut World) -> Check {
    gather(world, 20)?;
    world.expect_failed(&[]);
    world.talk(millis(1_000));
    world.run_for(seconds(5))?;
    world.must_come_to_rest()
}

pub(crate) fn pasted_lines_arrive(world: &mut World) -> Check {
    gather(world, 8)?;
    world.expect_failed(&[]);
    for index in 0..8 {
        world.paste(index, 50)?;
    }
    ensure(world.said() == 8 * 50, "input", || {
        "not all was taken".into()
    })?;
    world.run_for(seconds(2))?;
    for index in 0..8 {
        world.has_everything(index)?;
    }
    world.must_come_to_rest()
}

pub(crate) fn latecomer_gets_everything_before_ready(world: &mut World) -> Check {
    gather(world, 4)?;
    for _ in 0..10 {
        for index in 0..4 {
            world.paste(index, 25)?;
        }
        world.run_for(millis(300))?;
    }
    ensure(world.said() == 1_000, "input", || {
        "not all was taken".into()
    })?;
    world.run_for(seconds(2))?;
    world.demand_everything_at_ready(true);
    let latecomer = world.start();
    world.all_ready_within(JOINING)?;
    world.paste(0, 1)?;
    world.run_for(seconds(1))?;
    for old in 0..4 {
        world.kill(old);
    }
    world.run_for(seconds(6))?;
    world.has_everything(latecomer)?;
    let second = world.start();
    world.all_ready_within(seconds(20))?;
    world.has_everything(second)?;
    world.must_come_to_rest()
}

pub(crate) fn short_history_is_no_gap(world: &mut World) -> Check {
    world.keep_history(50);
    gather(world, 4)?;
    talk_for(world, seconds(15))?;
    world.start();
    world.all_ready_within(JOINING)?;
    talk_for(world, seconds(3))?;
    world.must_come_to_rest()
}

pub(crate) fn coordinator_killed(world: &mut World) -> Check {
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

pub(crate) fn newcomer_while_coordinator_is_dead(world: &mut World) -> Check {
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

pub(crate) fn ordinary_killed(world: &mut World) -> Check {
    gather(world, 6)?;
    talk_for(world, seconds(2))?;
    let victim = ordinary(world)?;
    world.expect_failed(&[victim]);
    world.kill(victim);
    world.dead_are_gone_within(BURIAL)?;
    world.run_for(seconds(3))?;
    world.must_come_to_rest()
}

pub(crate) fn both_neighbours_killed(world: &mut World) -> Check {
    gather(world, 7)?;
    talk_for(world, seconds(2))?;
    let middle = ordinary(world)?;
    let victims = world.neighbours(middle).unwrap_or_default();
    killed_together(world, &victims)
}

pub(crate) fn two_adjacent_killed(world: &mut World) -> Check {
    gather(world, 7)?;
    talk_for(world, seconds(2))?;
    let first = ordinary(world)?;
    let second = world.successor(first);
    let victims: Vec<HostIndex> = [Some(first), second].into_iter().flatten().collect();
    killed_together(world, &victims)
}

pub(crate) fn all_but_one_killed(world: &mut World) -> Check {
    gather(world, 6)?;
    talk_for(world, seconds(2))?;
    let survivor = ordinary(world)?;
    let mut victims = world.members();
    victims.retain(|&victim| victim != survivor);
    killed_together(world, &victims)
}

pub(crate) fn coordinator_paused_20_s(world: &mut World) -> Check {
    gather(world, 5)?;
    talk_for(world, seconds(2))?;
    let coordinator = the_coordinator(world)?;
    world.pause(coordinator, seconds(20));
    world.coordinator_within(FAILOVER)?;
    world.run_for(seconds(25))?;
    world.must_come_to_rest()
}

pub(crate) fn ordinary_paused(world: &mut World) -> Check {
    gather(world, 5)?;
    talk_for(world, seconds(1))?;
    let victim = ordinary(world)?;
    world.expect_failed(&[victim]);
    let time = world.random.millis(2_000, 20_000);
    world.pause(victim, time);
    world.run_for(time + seconds(3))?;
    world.must_come_to_rest()
}

pub(crate) fn short_pause_evicts_nobody(world: &mut World) -> Check {
    gather(world, 6)?;
    world.expect_failed(&[]);
    world.talk(millis(300));
    for _ in 0..12 {
        let members = world.members();
        let victim = world.random.pick(&members).unwrap_or(0);
        let time = world.random.millis(100, 999);
        world.pause(victim, time);
        world.run_for(time + seconds(1))?;
    }
    world.must_come_to_rest()
}

pub(crate) fn link_resets_lose_nothing(world: &mut World) -> Check {
    gather(world, 6)?;
    world.expect_failed(&[]);
    world.talk(millis(200));
    for _ in 0..25 {
        let count = world.random.between(1, 4) as usize;
        world.reset_links(count);
        let calm = world.random.millis(10, 1_000);
        world.run_for(calm)?;
    }
    let faults = world.figures.effective_faults();
    ensure(faults > 25, "H1", || "hardly a link broke".into())?;
    world.must_come_to_rest()
}

/// What a broken link swallowed is back within 2 s of the breakage.
pub(crate) fn what_a_broken_link_swallowed_is_back_in_two_seconds(world: &mut World) -> Check {
    gather(world, 6)?;
    world.expect_failed(&[]);
    for round in 0..10 {
        world.paste(round % 6, 100)?;
        let under_way = world.random.millis(1, 30);
        world.run_for(under_way)?;
        world.reset_links(4);
        world.run_for(Duration::from_secs(2))?;
        for index in world.members() {
            world.has_everything(index)?;
        }
    }
    world.must_come_to_rest()
}

pub(crate) fn two_founders_become_one(world: &mut World) -> Check {
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

pub(crate) fn everyone_leaves_in_turn(world: &mut World) -> Check {
    gather(world, 8)?;
    world.expect_failed(&[]);
    world.talk(millis(400));
    for _ in 0..7 {
        let calm = world.random.millis(0, 3_000);
        world.run_for(calm)?;
        let members = world.members();
        let leaver = world.random.pick(&members).unwrap_or(0);
        world.leave(leaver)?;
        world.run_for(millis(2_500))?;
        world.all_saw_leave(leaver)?;
    }
    world.must_come_to_rest()?;
    for last in world.members() {
        world.leave(last)?;
    }
    world.run_for(millis(2_500))?;
    world.start();
    world.all_ready_within(seconds(3))
}

pub(crate) fn coordinator_leaves(world: &mut World) -> Check {
    gather(world, 6)?;
    world.expect_failed(&[]);
    talk_for(world, seconds(2))?;
    let coordinator = the_coordinator(world)?;
    world.leave(coordinator)?;
    world.run_for(seconds(3))?;
    world.all_saw_leave(coordinator)?;
    world.must_come_to_rest()
}

pub(crate) fn director_restart_with_newcomer(world: &mut World) -> Check {
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

pub(crate) fn partition_heals(world: &mut World) -> Check {
    gather(world, 7)?;
    world.talk(millis(300));
    world.run_for(seconds(1))?;
    let size = world.random.between(1, 6) as usize;
    world.partition(|index| u8::from(index < size));
    world.run_for(seconds(12))?;
    world.must_come_to_rest()
}

/// A newcomer that still fetches the history of a ring, when that ring is dissolved.
pub(crate) fn newcomers_while_rings_merge(world: &mut World) -> Check {
    gather(world, 6)?;
    world.talk(millis(300));
    world.partition(|index| u8::from(index % 6 < 3));
    world.run_for(seconds(6))?;
    world.heal()?;
    for _ in 0..10 {
        world.start();
        let calm = world.random.millis(0, 500);
        world.run_for(calm)?;
    }
    world.must_come_to_rest()
}

/// The director still names the coordinator that wakes up, and nobody else is left.
pub(crate) fn coordinator_wakes_up_alone(world: &mut World) -> Check {
    gather(world, 4)?;
    talk_for(world, seconds(1))?;
    let coordinator = the_coordinator(world)?;
    for victim in world.members() {
        if victim != coordinator {
            world.kill(victim);
        }
    }
    let time = world.random.millis(1_500, 4_500);
    world.pause(coordinator, time);
    world.run_for(time + seconds(2))?;
    world.start();
    world.must_come_to_rest()
}

/// What is shown as a gap while its only holder is stopped comes when that one is back.
pub(crate) fn a_gap_closes_when_its_holder_is_back(world: &mut World) -> Check {
    gather(world, 3)?;
    talk_for(world, seconds(1))?;
    let members = world.members();
    let late = ordinary(world)?;
    world.pause(late, seconds(5));
    let until = world.random.millis(5_010, 5_200);
    world.run_for(until)?;
    let others: Vec<HostIndex> = members.into_iter().filter(|&one| one != late).collect();
    if let &[one, other] = others.as_slice() {
        world.kill(one);
        world.pause(other, seconds(4));
    }
    world.run_for(seconds(6))?;
    world.must_come_to_rest()
}

/// Who spoke while nobody else was there hands that over too, when it leaves.
pub(crate) fn words_said_alone_are_handed_over(world: &mut World) -> Check {
    gather(world, 3)?;
    talk_for(world, seconds(1))?;
    let speaker = the_coordinator(world)?;
    for other in world.members() {
        if other != speaker {
            world.pause(other, seconds(6));
        }
    }
    world.run_for(seconds(6))?;
    let calm = world.random.millis(100, 3_000);
    world.run_for(calm)?;
    world.leave(speaker)?;
    world.run_for(seconds(3))?;
    world.must_come_to_rest()
}

pub(crate) fn coming_and_going_leaves_no_links(world: &mut World) -> Check {
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

pub(crate) fn random_faults(world: &mut World) -> Check {
    let count = world.random.between(3, 20);
    gather(world, count)?;
    world.talk(millis(50 * count));
    let time = world.random.millis(10_000, 30_000);
    faults::storm(world, time)?;
    world.must_come_to_rest()
}

/// So many nodes start, one soon after another, and get in.
fn gather(world: &mut World, count: u64) -> Check {
    for _ in 0..count {
        world.start();
        let calm = world.random.millis(0, 200);
        world.run_for(calm)?;
    }
    world.all_ready_within(seconds(10))
}

/// Everybody talks, and goes on talking afterwards.
fn talk_for(world: &mut World, time: Duration) -> Check {
    world.talk(millis(300));
    world.run_for(time)
}

fn killed_together(world: &mut World, victims: &[HostIndex]) -> Check {
    ensure(!victims.is_empty(), "H1", || {
        "nobody is there to be killed".into()
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

fn the_coordinator(world: &World) -> Result<HostIndex, Violation> {
    let coordinator = world.coordinator();
    coordinator.map_or_else(|| Violation::of("E2", "nobody coordinates"), Ok)
}

fn ordinary(world: &mut World) -> Result<HostIndex, Violation> {
    let coordinator = world.coordinator();
    let mut members = world.members();
    members.retain(|&member| Some(member) != coordinator);
    let chosen = world.random.pick(&members);
    chosen.map_or_else(|| Violation::of("ready", "nobody is in the ring"), Ok)
}

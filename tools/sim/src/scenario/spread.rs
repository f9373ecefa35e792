//! How messages spread if nothing goes wrong, and if a member is paused on their way.

use core::time::Duration;

use super::{gather, millis, ordinary, seconds};
use crate::network::HostIndex;
use crate::oracle::Check;
use crate::world::World;

/// By then, a member that missed a message on its way round the ring has pulled it.
const PULLED: Duration = millis(700);
/// How often a busy user writes something.
const PACE: Duration = millis(5);
/// How many of 1,000 payloads may be duplicates while newcomers join.
const SECOND_PAYLOADS: u64 = 20;

/// Everybody writes: nobody gets a payload twice, and in the end every author is told that everybody has its
/// messages.
pub(super) fn everybody_gets_each_payload_once(world: &mut World) -> Check {
    let chosen = world.random.between(2, 30);
    let count = world.setup.nodes.unwrap_or(chosen);
    gather(world, count)?;
    world.expect_failed(&[]);
    world.run_for(seconds(2))?;
    world.count_payloads();
    for round in 0..20 {
        let speaker = world.random.pick(&world.members()).unwrap_or_default();
        world.send_lines(speaker, 1 + round % 3)?;
        let wait = world.random.millis(0, 100);
        world.run_for(wait)?;
    }
    world.run_for(seconds(2))?;
    world.check_duplicate_payloads(0)?;
    world.check_acks_complete()?;
    world.must_come_to_rest()
}

/// The same while newcomers join whom not all views list yet, and links are made.
pub(super) fn newcomers_cause_few_second_payloads(world: &mut World) -> Check {
    let chosen = world.random.between(8, 24);
    let count = world.setup.nodes.unwrap_or(chosen);
    gather(world, count)?;
    world.expect_failed(&[]);
    world.count_payloads();
    for _ in 0..8 {
        world.start();
        for _ in 0..10 {
            let speaker = world.random.pick(&world.members()).unwrap_or_default();
            world.send_lines(speaker, 1)?;
            let wait = world.random.millis(0, 15);
            world.run_for(wait)?;
        }
    }
    world.run_for(seconds(2))?;
    world.check_duplicate_payloads(SECOND_PAYLOADS)?;
    world.must_come_to_rest()
}

/// Newcomers join while everybody writes: nobody waits long for a message because of them.
pub(super) fn newcomers_delay_nobody_for_long(world: &mut World) -> Check {
    let chosen = world.random.between(3, 12);
    let count = world.setup.nodes.unwrap_or(chosen);
    gather(world, count)?;
    world.expect_failed(&[]);
    world.run_for(seconds(1))?;
    let members = world.members();
    world.follow_messages();
    world.talk(millis(10 * count));
    for _ in 0..5 {
        world.start();
        let wait = world.random.millis(50, 500);
        world.run_for(wait)?;
    }
    world.silence_users();
    world.run_for(seconds(2))?;
    world.check_delivered_within(&members, PULLED)?;
    world.must_come_to_rest()
}

/// A newcomer receives messages as soon as it has joined, even those that were in flight past its place when it
/// came.
pub(super) fn a_newcomer_hears_what_is_said_at_once(world: &mut World) -> Check {
    let chosen = world.random.between(2, 16);
    let count = world.setup.nodes.unwrap_or(chosen);
    gather(world, count)?;
    world.expect_failed(&[]);
    world.set_latency([Duration::from_micros(20), millis(1)]);
    world.run_for(seconds(3))?;
    let speaker = world.random.pick(&world.members()).unwrap_or_default();
    speak_for(world, speaker, millis(500))?;
    let newcomer = world.start();
    while !world.is_member(newcomer) {
        speak_for(world, speaker, PACE)?;
    }
    world.follow_messages();
    speak_for(world, speaker, seconds(1))?;
    world.run_for(seconds(1))?;
    world.check_delivered_within(&[newcomer], millis(30))?;
    world.must_come_to_rest()
}

fn speak_for(world: &mut World, speaker: HostIndex, time: Duration) -> Check {
    let end = world.time() + time;
    while world.time() < end {
        world.send_lines(speaker, 1)?;
        world.run_for(PACE)?;
    }
    Ok(())
}

/// One member is paused while another writes: a quarter of a second later its part of the ring is handed over.
pub(super) fn a_stopped_members_part_is_handed_over(world: &mut World) -> Check {
    let chosen = world.random.between(6, 30);
    let count = world.setup.nodes.unwrap_or(chosen);
    gather(world, count)?;
    world.run_for(seconds(1))?;
    let stopped = ordinary(world)?;
    world.pause(stopped, seconds(10));
    let members = world.members();
    let speaker = world.random.pick(&members).unwrap_or_default();
    world.send_lines(speaker, 5)?;
    world.run_for(millis(250 + 20 * (count / 2 + 4)))?;
    for index in members {
        world.check_has_everything(index)?;
    }
    world.must_come_to_rest()
}

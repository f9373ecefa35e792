//! Users write and nothing goes wrong: everybody joins, and everything arrives.

use core::ops::Range;
use core::time::Duration;

use super::{JOINING, gather, millis, seconds, slow_links, talk_for};
use crate::network::HostIndex;
use crate::oracle::{Check, ensure};
use crate::world::World;

/// Lets each author paste `lines` lines, as far as they are accepted, `times` times with a pause after each round.
fn paste_in_turn(
    world: &mut World,
    times: u32,
    (authors, lines): (Range<HostIndex>, u64),
    pause: Duration,
) -> Check {
    for _ in 0..times {
        for author in authors.clone() {
            world.send_lines(author, lines)?;
        }
        world.run_for(pause)?;
    }
    Ok(())
}

pub(super) fn three_nodes_talk(world: &mut World) -> Check {
    gather(world, 3)?;
    world.expect_failed(&[]);
    talk_for(world, seconds(10))?;
    ensure(world.total_sent() > 30, "said", || {
        "almost no message was sent".into()
    })?;
    world.must_come_to_rest()
}

pub(super) fn eight_join_at_once(world: &mut World) -> Check {
    for _ in 0..8 {
        world.start();
    }
    world.expect_failed(&[]);
    world.all_ready_within(JOINING)?;
    talk_for(world, seconds(3))?;
    world.must_come_to_rest()
}

pub(super) fn twenty_talk(world: &mut World) -> Check {
    gather(world, 20)?;
    world.expect_failed(&[]);
    world.talk(millis(1_000));
    world.run_for(seconds(5))?;
    world.must_come_to_rest()
}

pub(super) fn pasted_lines_arrive(world: &mut World) -> Check {
    gather(world, 8)?;
    world.expect_failed(&[]);
    for index in 0..8 {
        world.send_lines(index, 50)?;
    }
    ensure(world.total_sent() == 8 * 50, "input", || {
        "not all messages were accepted".into()
    })?;
    world.run_for(seconds(2))?;
    for index in 0..8 {
        world.check_has_everything(index)?;
    }
    world.must_come_to_rest()
}

/// The bound on the 99th percentile of delivery times when all users write more than the links carry.
const PASTED: Duration = seconds(3);

pub(super) fn all_paste_at_once_over_slow_links(world: &mut World) -> Check {
    world.keep_history(0);
    gather(world, 8)?;
    world.expect_failed(&[]);
    slow_links(world, 200)?;
    world.follow_messages();
    paste_in_turn(world, 400, (0..8, 100), millis(50))?;
    world.run_for(seconds(10))?;
    for index in 0..8 {
        world.check_has_everything(index)?;
    }
    let (p99, deliveries) = world.take_delivery_p99(None);
    ensure(deliveries > 10_000 && p99 <= PASTED, "paste", || {
        format!("the 99th percentile of {deliveries} deliveries is {p99:?}")
    })?;
    world.must_come_to_rest()
}

pub(super) fn authors_wait_for_a_slow_reader(world: &mut World) -> Check {
    gather(world, 4)?;
    world.expect_failed(&[]);
    world.read_slowly(3, 3_000, seconds(60));
    paste_in_turn(world, 600, (0..3, 500), millis(50))?;
    let (sent, unread) = (world.total_sent(), world.most_unread(3));
    ensure(sent > 75_000, "waits", || {
        format!("only {sent} messages were sent while 90,000 could be read")
    })?;
    ensure(unread < 60_000, "unread", || {
        format!("{unread} events had to wait for a reader")
    })?;
    world.must_come_to_rest()
}

pub(super) fn nobody_waits_for_a_reader_that_has_stopped(world: &mut World) -> Check {
    gather(world, 4)?;
    world.expect_failed(&[]);
    world.read_slowly(3, 0, seconds(60));
    paste_in_turn(world, 100, (0..1, 500), millis(50))?;
    let sent = world.total_sent();
    ensure(sent > 30_000, "waits", || {
        format!("only {sent} messages were sent")
    })?;
    ensure(world.most_unread(3) > 25_000, "unread", || {
        "the node with the stopped reader delivered too little".into()
    })?;
    world.must_come_to_rest()
}

pub(super) fn history_waits_for_a_slow_reader(world: &mut World) -> Check {
    world.keep_history(40_000);
    gather(world, 3)?;
    paste_in_turn(world, 80, (0..3, 120), millis(100))?;
    world.demand_everything_at_ready(true);
    let newcomer = world.start();
    world.read_slowly(newcomer, 2_000, seconds(60));
    world.all_ready_within(seconds(20))?;
    let (sent, unread) = (world.total_sent(), world.most_unread(newcomer));
    ensure(sent > 20_000 && unread < sent / 2, "unread", || {
        format!("{unread} of {sent} messages had to wait for a reader")
    })?;
    world.must_come_to_rest()
}

pub(super) fn latecomer_gets_everything_before_ready(world: &mut World) -> Check {
    gather(world, 4)?;
    paste_in_turn(world, 10, (0..4, 25), millis(300))?;
    ensure(world.total_sent() == 1_000, "input", || {
        "not all messages were accepted".into()
    })?;
    world.run_for(seconds(2))?;
    world.demand_everything_at_ready(true);
    let latecomer = world.start();
    world.all_ready_within(JOINING)?;
    world.send_lines(0, 1)?;
    world.run_for(seconds(1))?;
    for old in 0..4 {
        world.kill(old);
    }
    world.run_for(seconds(6))?;
    world.check_has_everything(latecomer)?;
    let second = world.start();
    world.all_ready_within(seconds(20))?;
    world.check_has_everything(second)?;
    world.must_come_to_rest()
}

pub(super) fn both_neighbours_give_the_discussion_so_far(world: &mut World) -> Check {
    world.set_latency([millis(10), millis(12)]);
    gather(world, 6)?;
    paste_in_turn(world, 10, (0..6, 120), millis(500))?;
    world.demand_everything_at_ready(true);
    world.follow_messages();
    let newcomer = world.start();
    world.all_ready_within(JOINING)?;
    let givers = world.givers(newcomer);
    let bundles: u64 = givers.iter().map(|&(_, bundles)| bundles).sum();
    let fair = givers.iter().all(|&(_, share)| share * 3 >= bundles);
    ensure(givers.len() == 2 && fair, "both", || {
        format!("the discussion so far came from {givers:?}")
    })?;
    let newcomer = world.start();
    for _ in 0..1_000 {
        if world.givers(newcomer).len() == 2 {
            break;
        }
        world.run_for(millis(1))?;
    }
    let givers = world.givers(newcomer);
    ensure(
        givers.len() == 2 && !world.is_member(newcomer),
        "early",
        || "the newcomer was ready before both neighbours had given it history".into(),
    )?;
    world.kill(givers[0].0);
    world.all_ready_within(seconds(3))?;
    world.must_come_to_rest()
}

pub(super) fn short_history_is_no_gap(world: &mut World) -> Check {
    world.keep_history(50);
    gather(world, 4)?;
    talk_for(world, seconds(15))?;
    world.start();
    world.all_ready_within(JOINING)?;
    talk_for(world, seconds(3))?;
    world.must_come_to_rest()
}

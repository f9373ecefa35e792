//! Delivery marks: what an author is told of its messages when members freeze, come back or join, though nobody speaks
//! for it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ringtalk_tests::cluster::{Cluster, DELIVERY_TIMEOUT, SETTLE_TIMEOUT, await_view_of};
use ringtalk_tests::event::{Event, Reached};
use ringtalk_tests::journal::Journal;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::settings::mark_freezes;
use ringtalk_tests::{wait, wait_for_turn};

/// How soon after it has thawed a member has everything, and authors know. It takes up to 2.5 s to doubt itself, then
/// to come back and to pull; an author asks again after 1, 2 and 4 s.
const MARKED: Duration = Duration::from_secs(15);
/// How long a member is frozen, so that it is evicted.
const EVICTED_AFTER: Duration = Duration::from_secs(8);
/// The shortest and the longest of many freezes.
const FREEZES: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(30)];
/// How many pairs of nodes go through freezes side by side.
const PAIRS: u64 = 10;

#[test]
fn a_member_that_was_evicted_while_frozen_counts_when_it_has_caught_up() {
    let _turn = wait_for_turn();
    for frozen in [1, 0] {
        let cluster = Cluster::start(2);
        let nodes = cluster.all_nodes();
        check_freeze(&nodes[1 - frozen], &nodes[frozen], EVICTED_AFTER);
        cluster.check();
    }
}

#[test]
fn a_member_that_was_frozen_for_a_moment_counts() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(2);
    let nodes = cluster.all_nodes();
    check_freeze(&nodes[0], &nodes[1], Duration::from_millis(1_800));
    cluster.check();
}

/// Those who are here are enough for a mark, and who comes back counts too.
#[test]
fn the_count_grows_to_everyone_though_the_mark_was_complete() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(3);
    let nodes = cluster.all_nodes();
    let (author, frozen) = (&nodes[0], &nodes[2]);
    frozen.freeze();
    await_view_of(&nodes[..2], Instant::now(), SETTLE_TIMEOUT);
    author.say("for those who are here");
    await_reach(author, 1, 2, DELIVERY_TIMEOUT);
    frozen.thaw();
    await_reach(author, 1, 3, MARKED);
    cluster.check();
}

#[test]
fn a_message_said_alone_has_reached_nobody_until_a_newcomer_has_it() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(1);
    let author = Arc::clone(&cluster.all_nodes()[0]);
    author.say("is anybody here?");
    author.say("nobody");
    author.await_delivery("nobody", DELIVERY_TIMEOUT);
    let newcomer = cluster.join();
    newcomer.await_ready(JOIN_TIMEOUT);
    await_reach(&author, 2, 2, MARKED);
    let journal = author.journal();
    assert!(
        reaches(&journal).all(|reach| reach.members == 2),
        "nobody else was there"
    );
    assert_eq!(notices(&journal, "nobody-here").len(), 1);
}

#[test]
fn nobody_is_asked_and_nothing_is_told_at_rest() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(3);
    let author = &cluster.all_nodes()[1];
    author.say("hello");
    await_reach(author, 1, 3, DELIVERY_TIMEOUT);
    let mark = author.mark();
    wait::sleep("something may be told", Duration::from_secs(3));
    assert_eq!(author.journal().since(mark).count(), 0);
}

#[test]
fn many_freezes_of_any_length_leave_no_mark_incomplete() {
    let _turn = wait_for_turn();
    let freezes = mark_freezes();
    let pairs: Vec<_> = (0..PAIRS.min(freezes))
        .map(|pair| thread::spawn(move || freeze_again_and_again(pair, freezes)))
        .collect();
    let done: u64 = pairs
        .into_iter()
        .map(|pair| pair.join().expect("every mark is complete"))
        .sum();
    println!("{done} freezes, every mark complete");
    assert_eq!(done, freezes);
}

/// Lets one pair go through its share of the freezes, and returns how many these were.
fn freeze_again_and_again(pair: u64, freezes: u64) -> u64 {
    let cluster = Cluster::start(2);
    let nodes = cluster.all_nodes();
    let [shortest, longest] = FREEZES;
    let mine: Vec<u64> = (0..freezes)
        .filter(|number| number % PAIRS == pair)
        .collect();
    for &number in &mine {
        let more = longest.saturating_sub(shortest) * u32::try_from(number).expect("few freezes");
        let time = shortest + more / u32::try_from(freezes.max(2) - 1).expect("few freezes");
        let frozen = usize::from((number / PAIRS).is_multiple_of(2));
        check_freeze(&nodes[1 - frozen], &nodes[frozen], time);
    }
    cluster.check();
    mine.len() as u64
}

/// Freezes a member for a time while another one speaks: before, during and after the eviction. Then waits until the
/// author knows that the member has everything, and the member that it was away.
#[track_caller]
fn check_freeze(author: &TestNode, frozen: &TestNode, time: Duration) {
    let (begun, mark) = (Instant::now(), frozen.mark());
    let said_before = author.typed_count();
    frozen.freeze();
    for part in 0..4 {
        let pause = (begun + time * part / 4).saturating_duration_since(Instant::now());
        wait::sleep("the time of the freeze passes", pause);
        author.say(&format!("part {part} of {time:?}"));
    }
    let rest = (begun + time).saturating_duration_since(Instant::now());
    wait::sleep("the time of the freeze passes", rest);
    frozen.thaw();
    for seq in said_before + 1..=said_before + 4 {
        await_reach(author, seq, 2, MARKED);
    }
    if time >= FREEZES[0] {
        let told = frozen.await_notice("was-away", mark, MARKED);
        assert!(told.starts_with("you were away for "));
        assert!(told.ends_with(" messages came meanwhile."));
    }
}

/// Waits until the last word about an author's message is that all of so many members have it.
#[track_caller]
fn await_reach(author: &TestNode, seq: u64, members: u64, within: Duration) {
    let what = format!("is told that all {members} have message {seq}");
    author.wait_for(&what, within, |journal| {
        let about = reaches(journal).filter(|reach| (reach.from..=reach.to).contains(&seq));
        let last = about.last()?;
        (last.complete && last.members == members).then_some(())
    });
}

fn reaches(journal: &Journal) -> impl Iterator<Item = Reached> + '_ {
    journal.since(0).filter_map(|event| match event {
        Event::Reached(reached) => Some(*reached),
        _ => None,
    })
}

fn notices<'a>(journal: &'a Journal, code: &str) -> Vec<&'a str> {
    let events = journal.since(0);
    let notices = events.filter_map(|event| match event {
        Event::Notice(notice) if notice.code == code => Some(notice.message.as_str()),
        _ => None,
    });
    notices.collect()
}

/// The input of a pipe ends before anybody is there: the node waits for somebody who takes what it said.
#[test]
fn the_end_of_stdin_waits_for_somebody_who_takes_the_messages() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::empty();
    let piper = Launch::plain("piper")
        .join(&cluster.director.endpoint())
        .start();
    piper.write_raw(b"for whoever comes\n");
    piper.process().close_stdin();
    piper
        .process()
        .await_stdout("nobody has the last message yet", JOIN_TIMEOUT);
    let newcomer = cluster.join();
    newcomer.await_delivery("for whoever comes", JOIN_TIMEOUT);
    assert_eq!(piper.exit_code(JOIN_TIMEOUT), 0, "somebody took it");
}

#[test]
fn the_end_of_stdin_waits_no_longer_than_the_timeout() {
    let _turn = wait_for_turn();
    let cluster = Cluster::empty();
    let begun = Instant::now();
    let piper = Launch::plain("piper")
        .arguments(&["--timeout", "4"])
        .join(&cluster.director.endpoint())
        .start();
    piper.write_raw(b"for nobody\n");
    piper.process().close_stdin();
    assert_eq!(piper.exit_code(JOIN_TIMEOUT), 5, "nobody took it");
    assert!(begun.elapsed() >= Duration::from_secs(4), "it did not wait");
    let told = piper.journal().stderr_text();
    assert!(
        told.contains("1 message lost: nobody else is here"),
        "{told}"
    );
}

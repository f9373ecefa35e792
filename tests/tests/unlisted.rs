//! Peers that no view lists send and request messages as fast as they can: nobody delivers, answers or leaves.
//!
//! Not here: what a member forwards of such authors (`lying_member`).

use std::time::{Duration, Instant};

use ringtalk_tests::attack::{Attack, FORMER, framed, leave, let_in, made_up, wire};
use ringtalk_tests::cluster::{Cluster, EVERYWHERE, REST};
use ringtalk_tests::measure::report;
use ringtalk_tests::node::IN_TIME;
use ringtalk_tests::raw::Raw;
use ringtalk_tests::talk::Talk;
use ringtalk_tests::watch::{Heard, Watch};
use ringtalk_tests::{alone, knob};
use ringtalk_wire::{Frame, Pull, Range};

/// The number of authors that a stranger makes up: more than `--json` could ever name in each line.
const AUTHORS: usize = 2_500;
/// The number of messages that the members send in a second meanwhile.
const RATE: u32 = 50;
/// The number of bytes that a node may send in two seconds to a peer that is not answered: heartbeats and views.
const NEXT_TO_NOTHING: usize = 16 * 1024;

#[test]
fn what_a_stranger_says_reaches_nobody() {
    let _alone = alone();
    let mut cluster = Cluster::start(4);
    let members = cluster.live();
    let watch = Watch::on(&members, None);
    let talk = Talk::start(&members, RATE);
    let attack = Attack::by_peer(&members[0], 1_000.., made_up(AUTHORS));
    // Waits while the attack goes on: the test shows that it has no effect.
    std::thread::sleep(knob::attack());
    report("unlisted: frames of a stranger", attack.stop());
    talk.stop();
    cluster.everything_everywhere(EVERYWHERE);
    watch.expect_undisturbed(&members, Heard::Nobody);
    cluster.join().ready(IN_TIME);
    cluster.one_ring(REST);
    cluster.check();
}

#[test]
fn a_former_member_is_neither_heard_nor_answered() {
    let _alone = alone();
    let cluster = Cluster::start(3);
    let members = cluster.live();
    let coordinator = cluster.coordinator();
    let long = "what is only for members ".repeat(100);
    coordinator.paste(&vec![long; 50]);
    cluster.everything_everywhere(EVERYWHERE);

    let mut former = let_in(&coordinator, 77);
    let range = Range {
        author: wire(&coordinator),
        from: 1,
        to: 50,
    };
    let pull = framed(&Frame::Pull(Pull {
        number: 1,
        ranges: vec![range],
    }));
    former.send(&pull);
    let given = received(&mut former);
    assert!(given > 50 * 2_000, "a member was given {given} bytes");

    leave(&mut former, &coordinator);
    received(&mut former);
    let watch = Watch::on(&members, Some(FORMER));
    former.send(&pull);
    let given = received(&mut former);
    assert!(
        given < NEXT_TO_NOTHING,
        "a former member was given {given} bytes"
    );
    former.send(&made_up(1).concat());
    coordinator.say("after it");
    cluster.everything_everywhere(EVERYWHERE);
    watch.expect_undisturbed(&members, Heard::Nobody);
    cluster.check();
}

/// Returns how many bytes arrive within two seconds.
fn received(raw: &mut Raw) -> usize {
    let end = Instant::now() + Duration::from_secs(2);
    let mut all = 0;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        all += raw.read_some(left.max(Duration::from_millis(1))).len();
    }
    all
}

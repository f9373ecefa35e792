//! Peers that no view lists send and request messages as fast as they can: nobody delivers, answers or leaves.
//!
//! Not here: what a member forwards of such authors (`lying_member`).

use std::time::{Duration, Instant};

use ringtalk_tests::attack::{
    Attack, FORMER, admit_former, encode_frame, invented_messages, make_former_leave, wire_id,
};
use ringtalk_tests::cluster::{Cluster, DELIVERY_TIMEOUT, SETTLE_TIMEOUT};
use ringtalk_tests::measure::report;
use ringtalk_tests::node::JOIN_TIMEOUT;
use ringtalk_tests::raw::Raw;
use ringtalk_tests::talk::Talk;
use ringtalk_tests::watch::{AllowedAuthors, Watch};
use ringtalk_tests::{settings, wait, wait_for_turn};
use ringtalk_wire::{Frame, Pull, Range};

/// The number of authors that a stranger makes up: more than `--json` could ever name in each line.
const AUTHORS: usize = 2_500;
/// The number of messages that the members send in a second meanwhile.
const RATE: u32 = 50;
/// The number of bytes that a node may send in two seconds to a peer that is not answered: heartbeats and views.
const MAX_UNANSWERED_BYTES: usize = 16 * 1024;

#[test]
fn messages_of_a_stranger_reach_nobody() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(4);
    let members = cluster.live();
    let watch = Watch::on(&members, None);
    let talk = Talk::start(&members, RATE);
    let attack = Attack::by_peer(&members[0], 1_000.., invented_messages(AUTHORS));
    wait::sleep(
        "the attack must have no effect while it lasts",
        settings::attack_time(),
    );
    report("unlisted: frames of a stranger", attack.stop());
    talk.stop();
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    watch.expect_undisturbed(AllowedAuthors::None);
    cluster.join().await_ready(JOIN_TIMEOUT);
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.check();
}

#[test]
fn a_former_member_is_neither_delivered_nor_answered() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(3);
    let members = cluster.live();
    let coordinator = cluster.coordinator();
    let long = "what is only for members ".repeat(100);
    coordinator.paste(&vec![long; 50]);
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);

    let mut former = admit_former(&coordinator, 77);
    let range = Range {
        author: wire_id(&coordinator),
        from: 1,
        to: 50,
    };
    let pull = encode_frame(&Frame::Pull(Pull {
        number: 1,
        ranges: vec![range],
    }));
    former.send(&pull);
    let given = received(&mut former);
    assert!(given > 50 * 2_000, "a member was given {given} bytes");

    make_former_leave(&mut former, &coordinator);
    received(&mut former);
    let watch = Watch::on(&members, Some(FORMER));
    former.send(&pull);
    let given = received(&mut former);
    assert!(
        given < MAX_UNANSWERED_BYTES,
        "a former member was given {given} bytes"
    );
    former.send(&invented_messages(1).concat());
    coordinator.say("after it");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    watch.expect_undisturbed(AllowedAuthors::None);
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

//! The conversation goes on while an attacker does as much harm as one core can.
//!
//! The full run (`RINGTALK_ATTACK_SECONDS=60`) has six rounds, each with a busy loop on one core and then with the
//! attack there. The gate runs one short round, and checks only what must not happen.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ringtalk_tests::attack::{
    Attack, FORMER, InventedAuthors, admit_former, encode_frame, invented_messages,
    make_former_leave, pinned, wire_id,
};
use ringtalk_tests::cluster::{Cluster, DELIVERY_TIMEOUT, SETTLE_TIMEOUT};
use ringtalk_tests::liar::Liar;
use ringtalk_tests::measure::{Latency, latency, report};
use ringtalk_tests::node::TestNode;
use ringtalk_tests::resources::peak_resident_kib;
use ringtalk_tests::talk::Talk;
use ringtalk_tests::watch::{AllowedAuthors, Watch};
use ringtalk_tests::{settings, wait, wait_for_turn};
use ringtalk_wire::{Frame, Pull, Range};

/// The number of authors that an attacker makes up.
const AUTHORS: usize = 4_096;
/// The number of unlisted authors of whom one peer may bring messages.
const MAX_DELIVERED_AUTHORS: usize = 64;
/// The number of messages that the members send in a second meanwhile.
const RATE: u32 = 50;
/// The key of the former member.
const KEY: u64 = 77;
/// The limit for the 99th percentile of latency.
const P99: Duration = Duration::from_millis(50);

#[test]
fn a_stranger_slows_nobody_down() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(4);
    let members = cluster.live();
    let watch = Watch::on(&members, None);
    let frames = invented_messages(AUTHORS);
    let victim = Arc::clone(&members[0]);
    measure_beside("a stranger", &members, || {
        Attack::by_peer(&victim, 1_000.., frames.clone())
    });
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    watch.expect_undisturbed(AllowedAuthors::None);
    cluster.check();
}

/// It requests history and sends messages, as a member does.
#[test]
fn a_former_member_slows_nobody_down() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(4);
    let members = cluster.live();
    let coordinator = cluster.coordinator();
    coordinator.paste(&vec!["what is only for members ".repeat(100); 50]);
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    make_former_leave(&mut admit_former(&coordinator, KEY), &coordinator);
    let watch = Watch::on(&members, Some(FORMER));
    let range = Range {
        author: wire_id(&coordinator),
        from: 1,
        to: 50,
    };
    let pulls = (1..=AUTHORS as u64).map(|number| {
        let ranges = vec![range];
        encode_frame(&Frame::Pull(Pull { number, ranges }))
    });
    let frames: Vec<Vec<u8>> = invented_messages(AUTHORS)
        .into_iter()
        .zip(pulls)
        .flat_map(<[_; 2]>::from)
        .collect();
    measure_beside("a former member", &members, || {
        let key = std::iter::repeat(KEY);
        Attack::by_peer(&coordinator, key, frames.clone())
    });
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    watch.expect_undisturbed(AllowedAuthors::None);
    cluster.check();
}

#[test]
fn a_member_with_thousands_of_keys_slows_nobody_down() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(4);
    let liar = Arc::new(pinned(|| Liar::join(&cluster.director, "eve")));
    let members = cluster.live();
    for node in &members {
        node.wait_for("has a view with the liar", SETTLE_TIMEOUT, |journal| {
            (journal.view.as_ref()?.members.len() == 5).then_some(())
        });
    }
    let watch = Watch::on(&members, None);
    let authors = Arc::new(Mutex::new(InventedAuthors::invent(AUTHORS)));
    measure_beside("a member with 4,096 keys", &members, || {
        Attack::by_member(&liar, &members, &authors)
    });
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    // Each node delivers some authors from the liar, and others from each other node.
    let most = members.len() * MAX_DELIVERED_AUTHORS;
    watch.expect_undisturbed(AllowedAuthors::Unlisted(most));
}

/// Measures the latency of a conversation beside a busy loop and beside an attack, and checks it in the full run.
fn measure_beside(who: &str, members: &[Arc<TestNode>], attack: impl Fn() -> Attack) {
    let is_full = settings::attack_time() >= settings::FULL_ATTACK;
    let talk = Talk::start(members, RATE);
    let (mut idle, mut amid) = (Vec::new(), Vec::new());
    let mut steps = 0;
    for _ in 0..if is_full { 6 } else { 1 } {
        idle.push(measure_during(members, Attack::busy_loop()).0);
        let (latency, done) = measure_during(members, attack());
        amid.push(latency);
        steps += done;
    }
    talk.stop();
    let [idle, amid] = [median(&idle), median(&amid)];
    let memory = members.iter().map(|node| peak_resident_kib(node.process()));
    report("full speed: p50, p99 beside a busy loop", idle);
    report(&format!("full speed: p50, p99 beside {who}"), amid);
    report(&format!("full speed: frames of {who}"), steps);
    report("full speed: most memory of a member, KiB", memory.max());
    if is_full {
        assert!(
            amid.0 <= 2 * idle.0 && amid.1 <= P99,
            "{who}: {idle:?}, {amid:?}"
        );
    }
}

/// Returns the latency during an attack, and how many steps of the attack succeeded.
fn measure_during(members: &[Arc<TestNode>], attack: Attack) -> (Latency, u64) {
    let began = Instant::now();
    wait::sleep(
        "a duration of conversation is measured",
        settings::attack_time(),
    );
    let done = attack.stop();
    let records: Vec<_> = members.iter().map(|node| node.record()).collect();
    (latency(&records, began, Instant::now()), done)
}

/// Returns the median of several p50, and of several p99.
fn median(measured: &[Latency]) -> (Duration, Duration) {
    let middle = |of: fn(&Latency) -> Duration| {
        let mut all: Vec<Duration> = measured.iter().map(of).collect();
        all.sort_unstable();
        all[all.len() / 2]
    };
    (middle(|one| one.p50), middle(|one| one.p99))
}

//! Several networks, in namespaces: nodes that do not reach each other, and nodes that nobody can dial, are full
//! members by way of nodes that reach both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtalk_tests::checker::Rules;
use ringtalk_tests::cluster::Cluster;
use ringtalk_tests::event::Event;
use ringtalk_tests::measure::report;
use ringtalk_tests::network::{BlockMode, Host, Network, report_skipped};
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::settings::slow_texts;
use ringtalk_tests::talk::{Talk, talk_for};
use ringtalk_tests::{ring_viz, settings, wait, wait_for_turn};

/// The time limit for a ring to be whole if some members must find their routes first.
const RING_TIMEOUT: Duration = Duration::from_secs(15);
/// The time limit for a user to be told that nobody reaches its node.
const WARNING_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit, after healing, for one ring and delivery everywhere.
const HEAL_TIMEOUT: Duration = Duration::from_secs(20);
/// The time limit for delivery over a slow line.
const SLOW_TIMEOUT: Duration = Duration::from_secs(60);
/// The same if a member may be put out and come back meanwhile.
const RETURN_TIMEOUT: Duration = Duration::from_secs(180);
/// The number of messages that all members send in a second, together.
const RATE: u32 = 20;

/// All hosts have joined before the first message.
const COMPLETE_HISTORY: Rules = Rules {
    complete_history: true,
    retention: 10_000,
    one_ring: true,
};

fn hosts(network: &Network, numbers: &[u8]) -> Vec<Host> {
    numbers.iter().map(|&number| network.host(number)).collect()
}

/// Six hosts: 1 and 2 on one network, 4 and 5 on another, and 0 and 3 on both; the director is on 0.
#[track_caller]
fn two_networks() -> Option<(Network, Cluster)> {
    let network = Network::or_skip(6)?;
    divide(&network);
    let cluster = Cluster::empty_on(&network.host(0));
    Some((network, cluster))
}

#[track_caller]
fn divide(network: &Network) {
    let (one, other) = (hosts(network, &[1, 2]), hosts(network, &[4, 5]));
    network.divide(&one, &other, &[]);
}

/// Makes everyone talk for a while, and checks that everyone delivers everything exactly once.
#[track_caller]
fn expect_delivery_everywhere(cluster: &Cluster, what: &str) {
    let all = cluster.live();
    talk_for(&all, RATE, Duration::from_secs(5));
    cluster.await_delivery_everywhere(RING_TIMEOUT);
    let checked = cluster.check_with(&COMPLETE_HISTORY);
    assert_eq!(checked.deliveries, checked.messages * all.len());
    report(&format!("{what}: deliveries"), checked.deliveries);
}

#[test]
fn two_networks_that_meet_in_one_node_are_one_ring() {
    let _turn = wait_for_turn();
    let Some((network, mut cluster)) = two_networks() else {
        return;
    };
    for (number, what) in [
        (1, "the first of one network"),
        (3, "the node on both"),
        (4, "the first of the other network"),
        (2, "the second of the one"),
        (5, "the second of the other"),
    ] {
        let node = cluster.join_on(&network.host(number));
        node.await_ready(JOIN_TIMEOUT);
        report(&format!("{what}: ready after"), node.time_to_ready());
    }
    cluster.await_one_ring(RING_TIMEOUT);
    expect_delivery_everywhere(&cluster, "two networks");
}

#[test]
fn a_node_that_nobody_can_dial_may_coordinate() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(6) else {
        return;
    };
    let closed = hosts(&network, &[1, 3, 4, 5]);
    network.divide(&[], &[], &closed);
    let mut cluster = Cluster::empty_on(&network.host(0));
    for number in 1..=5 {
        let node = cluster.join_on(&network.host(number));
        node.await_ready(JOIN_TIMEOUT);
        report(
            &format!("node {number} of those that only dial: ready after"),
            node.time_to_ready(),
        );
    }
    cluster.await_one_ring(RING_TIMEOUT);
    let first = Arc::clone(&cluster.all_nodes()[0]);
    assert_eq!(cluster.coordinator().id(), first.id());
    expect_delivery_everywhere(&cluster, "nodes that only dial");
    // The next coordinator is the one that can be dialled, then again one that cannot.
    first.kill();
    cluster.await_one_ring(RING_TIMEOUT);
    let rest = cluster.live();
    talk_for(&rest, RATE, Duration::from_secs(2));
    cluster.await_delivery_everywhere(RING_TIMEOUT);
}

#[test]
fn an_unreachable_node_is_warned_and_is_a_member() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(4) else {
        return;
    };
    network.divide(&[], &[], &hosts(&network, &[3]));
    let mut cluster = Cluster::empty_on(&network.host(0));
    for number in 1..=2 {
        cluster
            .join_on(&network.host(number))
            .await_ready(JOIN_TIMEOUT);
    }
    let launch = Launch::on(&network.host(3), "shy").join(&cluster.director.endpoint());
    let launch = launch.arguments(&["--public-address", "192.0.2.1:4000"]);
    let started = Instant::now();
    let shy = cluster.add(launch.start());
    shy.await_ready(JOIN_TIMEOUT);
    let message = await_unreachable_error(&shy, started);
    let internal = network.host(3).address().to_string();
    for part in ["192.0.2.1:4000", &internal, "n1", "n2", "--public-address"] {
        assert!(message.contains(part), "{part} is not in {message:?}");
    }
    report("unreachable: told after", started.elapsed());
    cluster.await_one_ring(RING_TIMEOUT);
    for node in &cluster.all_nodes()[..2] {
        let journal = node.journal();
        let mut events = journal.since(0);
        assert!(!events.any(|event| unreachable_text(event).is_some()));
    }
}

/// Waits for the error that the node is not reached, and returns its text.
#[track_caller]
fn await_unreachable_error(node: &TestNode, since: Instant) -> String {
    let within = WARNING_TIMEOUT.saturating_sub(since.elapsed());
    node.wait_for_event("the word that it is not reached", 0, within, |event| {
        unreachable_text(event).map(str::to_owned)
    })
}

fn unreachable_text(event: &Event) -> Option<&str> {
    match event {
        Event::Error(error) if error.code == "unreachable-address" => Some(&error.message),
        _ => None,
    }
}

#[test]
fn networks_whose_bridge_fails_for_a_while_form_one_ring_again() {
    let _turn = wait_for_turn();
    let Some((network, mut cluster)) = two_networks() else {
        return;
    };
    for number in [1, 3, 4, 2, 5] {
        cluster
            .join_on(&network.host(number))
            .await_ready(JOIN_TIMEOUT);
    }
    cluster.await_one_ring(RING_TIMEOUT);
    let all = cluster.live();
    let sides = [[0, 1, 3].as_slice(), &[2, 4]];
    let sides = sides.map(|side| {
        side.iter()
            .map(|&at| Arc::clone(&all[at]))
            .collect::<Vec<_>>()
    });
    let talks = sides.each_ref().map(|side| Talk::start(side, RATE));
    let cut = Instant::now();
    network.cut(
        &hosts(&network, &[0, 1, 2, 3]),
        &hosts(&network, &[4, 5]),
        BlockMode::Drop,
    );
    for side in &sides {
        ringtalk_tests::cluster::await_one_ring(side, RING_TIMEOUT);
    }
    wait::sleep(
        "the length of the fault is what is tested",
        settings::partition_time().saturating_sub(cut.elapsed()),
    );
    let healed = Instant::now();
    divide(&network);
    cluster.await_one_ring(HEAL_TIMEOUT);
    report(
        "two networks: bridge back: one ring after",
        healed.elapsed(),
    );
    let _ = talks.map(Talk::stop);
    cluster.await_delivery_everywhere(HEAL_TIMEOUT.saturating_sub(healed.elapsed()));
    report(
        "two networks: bridge back: everything everywhere after",
        healed.elapsed(),
    );
}

#[test]
fn a_ring_with_circuits_is_closed_for_a_viewer_that_reaches_all_members() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(4) else {
        return;
    };
    network.divide(&hosts(&network, &[1]), &hosts(&network, &[3]), &[]);
    let mut cluster = Cluster::empty_on(&network.host(0));
    for number in [1, 2, 3] {
        cluster
            .join_on(&network.host(number))
            .await_ready(JOIN_TIMEOUT);
    }
    cluster.await_one_ring(RING_TIMEOUT);
    let run = ring_viz::run_on(
        &network.host(2),
        &["--join", &cluster.director.endpoint(), "--once"],
    );
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.ring().members.len(), 3);
}

/// The line is slow both ways, and the author sends to both neighbours, so the 128 KB of `RINGTALK_SLOW_TEXTS=8` take a
/// minute. It may be put out meanwhile. It comes back, and nothing that it said is lost.
#[test]
fn what_a_member_behind_a_slow_line_says_is_not_lost() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(5) else {
        return;
    };
    let cluster = Cluster::start_across(&network, 4);
    if let Err(reason) = network.throttle(4, 64) {
        report_skipped(reason);
        return;
    }
    let all = cluster.live();
    let began = Instant::now();
    all[3].paste(&long_texts(slow_texts()));
    cluster.await_delivery_everywhere(RETURN_TIMEOUT);
    report("said behind 64 kbit/s: everywhere after", began.elapsed());
    for node in &all {
        let journal = node.journal();
        let gap = |event: &&Event| matches!(event, Event::Gap(_));
        let gap = journal.since(0).find(gap);
        assert!(gap.is_none(), "{gap:?}");
    }
}

/// Returns texts of 16,000 bytes.
fn long_texts(count: u64) -> Vec<String> {
    let texts = (0..count).map(|number| format!("{number}{}", "x".repeat(15_999)));
    texts.collect()
}

/// What is said at once takes 16 s on a line of 64 kbit/s, and one bundle of it 6 s: longer than a member may be silent,
/// and longer than anybody waits for what was pulled. Still nothing is lost.
#[test]
fn a_member_behind_a_slow_line_gets_everything() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(5) else {
        return;
    };
    let cluster = Cluster::start_across(&network, 4);
    if let Err(reason) = network.throttle(4, 64) {
        report_skipped(reason);
        return;
    }
    let all = cluster.live();
    let began = Instant::now();
    all[1].paste(&long_texts(8));
    cluster.await_delivery_everywhere(SLOW_TIMEOUT);
    report("128 KB behind 64 kbit/s: everywhere after", began.elapsed());
    let began = Instant::now();
    all[2].say("and then?");
    cluster.await_delivery_everywhere(SLOW_TIMEOUT);
    report("a short text after that: everywhere after", began.elapsed());
    // Rarely, one is put out for a moment.
    let failed = |event: &&Event| matches!(event, Event::Failed(_));
    let journals = all.iter().map(|node| node.journal());
    report(
        "members put out meanwhile",
        journals
            .map(|journal| journal.since(0).filter(failed).count())
            .sum::<usize>(),
    );
}

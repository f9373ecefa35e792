//! Nodes and directors die, freeze and wake up; the discussion goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtalk_tests::cluster::{
    Cluster, DELIVERY_TIMEOUT, SETTLE_TIMEOUT, await_new_coordinator, await_view_of,
};
use ringtalk_tests::director::Director;
use ringtalk_tests::event::Event;
use ringtalk_tests::id::NodeId;
use ringtalk_tests::measure::{latency, report};
use ringtalk_tests::network::Proxy;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::resources::resident_kib;
use ringtalk_tests::talk::{Talk, talk_for};
use ringtalk_tests::{settings, wait, wait_for_turn};

/// The time limit for the dead to be evicted and for one coordinator to be agreed on (V3, E2).
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(5);

/// The number of messages that the survivors send in a second while something breaks.
const RATE: u32 = 50;

/// The growth of a node's memory while it goes round a stuck one, in KiB.
const GROWTH_KIB: u64 = 32 * 1024;

#[test]
fn the_coordinator_is_killed() {
    check_survival_of("the coordinator of 6", 6, &[0]);
}

#[test]
fn an_ordinary_node_is_killed() {
    check_survival_of("an ordinary node of 6", 6, &[3]);
}

#[test]
fn both_neighbours_of_a_node_are_killed_at_once() {
    check_survival_of("both neighbours of a node of 7", 7, &[2, 4]);
}

#[test]
fn both_neighbours_of_a_node_are_killed_and_one_was_the_coordinator() {
    check_survival_of(
        "both neighbours of a node of 6, one the coordinator",
        6,
        &[0, 2],
    );
}

#[test]
fn two_adjacent_nodes_are_killed_at_once() {
    check_survival_of("two adjacent nodes of 6", 6, &[2, 3]);
}

#[test]
fn the_coordinator_and_its_successor_are_killed_at_once() {
    check_survival_of("the coordinator of 6 and its successor", 6, &[0, 1]);
}

#[test]
fn all_but_one_are_killed_at_once() {
    check_survival_of("all but one of 6", 6, &[0, 1, 2, 4, 5]);
}

/// Kills the nodes at `places` of the ring, counted from the coordinator, during a conversation.
#[track_caller]
fn check_survival_of(what: &str, size: usize, places: &[usize]) {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(size);
    let ring = cluster.in_ring_order();
    let (victims, survivors) = split_off(&ring, places);
    let before = ring[0]
        .journal()
        .current_coordinator()
        .expect("it is ready");
    let talk = Talk::start(&survivors, RATE);
    let last_words = Talk::start(&victims, RATE / 2);
    await_more_messages(&survivors, 40);

    let since = Instant::now();
    for node in &victims {
        node.kill();
    }
    if places.contains(&0) {
        report(
            &format!("{what} killed: a new coordinator everywhere after"),
            await_new_coordinator(&survivors, before, since, RECOVERY_TIMEOUT),
        );
    }
    report(
        &format!("{what} killed: views without the dead after"),
        await_view_of(&survivors, since, RECOVERY_TIMEOUT),
    );
    let coordinator = cluster.coordinator();
    cluster
        .director
        .await_redirect_to(&coordinator.address(), RECOVERY_TIMEOUT);
    report(
        &format!("{what} killed: the director redirects after"),
        since.elapsed(),
    );

    await_more_messages(&survivors, 100);
    last_words.stop();
    talk.stop();
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    for survivor in &survivors {
        expect_failed(survivor, &victims);
    }
    cluster.check();
}

/// Returns the nodes at `places`, and the others.
fn split_off(ring: &[Arc<TestNode>], places: &[usize]) -> (Vec<Arc<TestNode>>, Vec<Arc<TestNode>>) {
    let (victims, survivors): (Vec<_>, Vec<_>) = ring
        .iter()
        .cloned()
        .enumerate()
        .partition(|(place, _)| places.contains(place));
    let nodes =
        |placed: Vec<(usize, Arc<TestNode>)>| placed.into_iter().map(|(_, node)| node).collect();
    (nodes(victims), nodes(survivors))
}

/// Waits until each node has delivered `count` more messages.
#[track_caller]
fn await_more_messages(nodes: &[Arc<TestNode>], count: u64) {
    let total = |delivered: &BTreeMap<NodeId, u64>| -> u64 { delivered.values().sum() };
    let goal = |node: &Arc<TestNode>| total(&node.journal().delivered) + count;
    let goals: Vec<u64> = nodes.iter().map(goal).collect();
    let what = format!("delivers {count} more messages");
    for (node, goal) in nodes.iter().zip(goals) {
        node.wait_for(&what, JOIN_TIMEOUT, |journal| {
            (total(&journal.delivered) >= goal).then_some(())
        });
    }
}

/// Checks that each of `dead` was shown once as failed, and never as left.
#[track_caller]
fn expect_failed(survivor: &TestNode, dead: &[Arc<TestNode>]) {
    let journal = survivor.journal();
    for node in dead {
        let id = journal_id(node);
        let failed =
            |event: &&Event| matches!(event, Event::Failed(member) if member.node_id == id);
        let left = |event: &&Event| matches!(event, Event::Left(member) if member.node_id == id);
        let counts = (
            journal.since(0).filter(failed).count(),
            journal.since(0).filter(left).count(),
        );
        assert_eq!(
            counts,
            (1, 0),
            "`failed` and `left` for {id} at {}",
            survivor.process().label()
        );
    }
}

fn journal_id(node: &TestNode) -> NodeId {
    node.journal()
        .ready
        .as_ref()
        .expect("it was ready")
        .1
        .node_id
}

#[test]
fn a_frozen_coordinator_is_replaced_and_steps_back_into_the_ring() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(5);
    let old = cluster.coordinator();
    let others = cluster.others(&old);
    let before = old.journal().current_coordinator().expect("it is ready");
    let talk = Talk::start(&others, 20);
    await_more_messages(&others, 20);

    let since = Instant::now();
    old.freeze();
    old.say("typed while frozen");
    let took = await_new_coordinator(&others, before, since, RECOVERY_TIMEOUT);
    report("coordinator frozen: a new one everywhere after", took);
    await_view_of(&others, since, RECOVERY_TIMEOUT);
    wait::sleep(
        "the length of the fault is what is tested",
        settings::freeze_time().saturating_sub(since.elapsed()),
    );
    old.thaw();
    let thawed = Instant::now();
    cluster.await_one_ring(SETTLE_TIMEOUT);
    report(
        "coordinator thawed: one ring with it after",
        thawed.elapsed(),
    );
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    report(
        "coordinator thawed: everything caught up after",
        thawed.elapsed(),
    );
    await_more_messages(&cluster.live(), 40);
    talk.stop();
    old.say("typed after waking up");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    assert_ne!(
        cluster.coordinator().id(),
        old.id(),
        "who comes back deposes nobody"
    );
    cluster.check();
}

#[test]
fn a_frozen_node_delays_the_others_only_for_a_moment() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(6);
    let frozen = Arc::clone(&cluster.in_ring_order()[3]);
    let others = cluster.others(&frozen);
    let memory: Vec<u64> = others
        .iter()
        .map(|node| resident_kib(node.process()))
        .collect();
    let since = Instant::now();
    frozen.freeze();
    talk_for(&others, RATE, Duration::from_secs(10));
    let until = Instant::now();
    for (node, before) in others.iter().zip(memory) {
        let growth = resident_kib(node.process()).saturating_sub(before);
        assert!(
            growth < GROWTH_KIB,
            "{} grew by {growth} KiB",
            node.process().label()
        );
    }
    frozen.thaw();
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);

    let records: Vec<_> = others.iter().map(|node| node.record()).collect();
    let hiccup = latency(&records, since, since + Duration::from_secs(1));
    let after = latency(&records, since + Duration::from_secs(1), until);
    report(
        "a node frozen: the others' latency in its first second",
        hiccup,
    );
    report("a node frozen: the others' latency after that", after);
    assert!(
        hiccup.max < Duration::from_secs(1),
        "over the hiccup of 250 ms: {hiccup:?}"
    );
    assert!(
        after.p99 < Duration::from_millis(250),
        "the others wait for it: {after:?}"
    );
    cluster.check();
}

#[test]
fn a_pause_of_800_ms_evicts_nobody() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(5);
    let ring = cluster.in_ring_order();
    for (what, node) in [("the coordinator", &ring[0]), ("a node", &ring[2])] {
        let marks: Vec<usize> = ring.iter().map(|node| node.mark()).collect();
        node.freeze();
        wait::sleep(
            "the length of the fault is what is tested",
            Duration::from_millis(800),
        );
        node.thaw();
        wait::sleep(
            "there is no event for an eviction that does not happen",
            Duration::from_secs(3),
        );
        for (witness, mark) in ring.iter().zip(marks) {
            let journal = witness.journal();
            let upset = journal.since(mark).find(|event| is_upheaval(event));
            assert!(
                upset.is_none(),
                "{what} paused, {}: {upset:?}",
                witness.process().label()
            );
        }
    }
    ring[2].say("still here");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.check();
}

fn is_upheaval(event: &Event) -> bool {
    matches!(
        event,
        Event::Failed(_) | Event::Left(_) | Event::View(_) | Event::Coordinator(_)
    )
}

#[test]
fn a_director_that_dies_and_returns_knows_the_ring_again() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(4);
    let coordinator = cluster.coordinator();
    let endpoint = cluster.director.endpoint();
    let mark = coordinator.mark();
    let talk = Talk::start(&cluster.live(), 20);
    cluster
        .director
        .process()
        .signal(nix::sys::signal::Signal::SIGKILL);
    cluster.director.process().exit_code(RECOVERY_TIMEOUT);
    coordinator.wait_for_event(
        "says that no director answers",
        mark,
        JOIN_TIMEOUT,
        |event| matches!(event, Event::Error(_)).then_some(()),
    );
    await_more_messages(&cluster.live(), 40);

    cluster.director = Director::start_at(&endpoint);
    let took = cluster
        .director
        .await_redirect_to(&coordinator.address(), Duration::from_secs(3));
    report("director restarted: it knows the ring again after", took);
    await_more_messages(&cluster.live(), 40);
    talk.stop();
    cluster.join().await_ready(JOIN_TIMEOUT);
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    cluster.check();
}

/// A director that knows nothing yet may tell a newcomer "you are the first".
#[test]
fn a_ring_founded_beside_another_merges_into_it() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(3);
    let endpoint = cluster.director.endpoint();
    cluster.live()[1].say("before the gap");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    cluster
        .director
        .process()
        .signal(nix::sys::signal::Signal::SIGKILL);
    cluster.director.process().exit_code(RECOVERY_TIMEOUT);

    cluster.director = Director::start_at(&endpoint);
    let newcomer = cluster.add(Launch::new("gap").join(&endpoint).start());
    let has_founded = newcomer.await_ready(JOIN_TIMEOUT).members == 1;
    report("a newcomer founded in the gap of the director", has_founded);
    newcomer.say("was I the first?");
    cluster.await_one_ring(JOIN_TIMEOUT);
    cluster.live()[0].say("no");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    newcomer.await_delivery("before the gap", DELIVERY_TIMEOUT);
    let rules = ringtalk_tests::checker::Rules {
        one_ring: false,
        ..Default::default()
    };
    cluster.check_with(&rules);
}

/// Two rings of one discussion are founded at two directors. A node registers with both, the coordinators learn of
/// each other, and the rings merge with the messages of both.
#[test]
fn two_rings_that_learn_of_each_other_become_one() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(3);
    cluster.live()[1].say("said in the larger ring");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    let elsewhere = Director::start();
    let road = Proxy::in_front_of(cluster.director.address());
    road.stall();
    // Its name looks like that of another node.
    let launch = Launch::new("\u{ff4e}1")
        .join(&elsewhere.endpoint())
        .join(&road.address());
    let founder = cluster.add(launch.start());
    assert_eq!(
        founder.await_ready(JOIN_TIMEOUT).members,
        1,
        "it founds a ring"
    );
    let since = Instant::now();
    road.heal();
    founder.say("said in the smaller ring");
    cluster.await_one_ring(SETTLE_TIMEOUT);
    report("two rings: one ring after", since.elapsed());
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    founder.await_delivery("said in the larger ring", DELIVERY_TIMEOUT);
    let id = founder.id();
    let name = founder.wait_for_event(
        "has another name",
        0,
        DELIVERY_TIMEOUT,
        |event| match event {
            Event::Renamed(renamed) if renamed.node_id == id => Some(renamed.name.clone()),
            _ => None,
        },
    );
    assert_eq!(name, "\u{ff4e}1-2");
    let rules = ringtalk_tests::checker::Rules {
        one_ring: false,
        ..Default::default()
    };
    cluster.check_with(&rules);
}

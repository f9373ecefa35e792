//! Nodes come and go: founding, names, leaving, and what a node leaves behind.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ringtalk_tests::cluster::{Cluster, DELIVERY_TIMEOUT, SETTLE_TIMEOUT, await_new_coordinator};
use ringtalk_tests::director::Director;
use ringtalk_tests::event::Event;
use ringtalk_tests::measure::report;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::resources::{resident_kib, sockets};
use ringtalk_tests::wait::{Witness, poll};
use ringtalk_tests::{settings, wait_for_turn};

/// A way to leave.
type LeaveAction = fn(&TestNode);

/// The time limit for a node to exit after SIGTERM or SIGINT.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

#[test]
fn a_node_started_after_the_coordinators_death_joins_the_ring() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(4);
    let coordinator = cluster.coordinator();
    cluster.others(&coordinator)[0].say("before");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    coordinator.kill();
    let newcomer = cluster.join();
    report(
        "started with the coordinator dead: ready after",
        newcomer.time_to_ready(),
    );
    newcomer.say("after");
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    cluster.check();
}

#[test]
fn a_node_started_after_the_only_node_died_founds_a_new_discussion() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(1);
    let first = cluster.coordinator();
    first.say("nobody will know this");
    first.await_delivery("nobody will know this", DELIVERY_TIMEOUT);
    first.kill();
    let second = cluster.join();
    report(
        "started with the only node dead: ready after",
        second.time_to_ready(),
    );
    cluster.await_one_ring(SETTLE_TIMEOUT);
    assert!(
        second.journal().delivered.is_empty(),
        "a new discussion begins empty"
    );
}

#[test]
fn two_first_nodes_started_at_once_end_in_one_ring() {
    let _turn = wait_for_turn();
    let mut slowest = Duration::ZERO;
    for round in 0..settings::founders_rounds() {
        let mut cluster = Cluster::empty();
        let since = Instant::now();
        for node in start_together(&cluster.director.endpoint(), &["left", "right"]) {
            cluster.add(node);
        }
        cluster.await_one_ring(JOIN_TIMEOUT);
        slowest = slowest.max(since.elapsed());
        for node in cluster.all_nodes() {
            node.say(&format!("round {round}"));
        }
        cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
        cluster.check();
    }
    report("two founders: one ring after, at the slowest", slowest);
}

/// Starts a node for each name, all in the same millisecond.
fn start_together(endpoint: &str, names: &[&str]) -> Vec<TestNode> {
    let barrier = Barrier::new(names.len());
    std::thread::scope(|scope| {
        let starters: Vec<_> = names
            .iter()
            .map(|name| {
                scope.spawn(|| {
                    let launch = Launch::new(name).join(endpoint);
                    barrier.wait();
                    launch.start()
                })
            })
            .collect();
        starters
            .into_iter()
            .map(|starter| starter.join().expect("a node starts"))
            .collect()
    })
}

#[test]
fn without_a_director_a_node_says_so_and_gives_up_in_time() {
    let _turn = wait_for_turn();
    let endpoint = free_endpoint();
    let node = Launch::new("lonely")
        .join(&endpoint)
        .arguments(&["--timeout", "3"])
        .start();
    node.wait_for(
        "says that it cannot reach the director",
        Duration::from_secs(3),
        |journal| {
            let has_said = !journal.stderr.is_empty() || journal.errors_since(0).next().is_some();
            has_said.then_some(())
        },
    );
    assert_eq!(node.exit_code(Duration::from_secs(8)), 3, "the exit status");
    let took = node.process().started().elapsed();
    assert!(
        took >= Duration::from_millis(2500),
        "it gave up after {took:?}, asked for 3 s"
    );
    assert!(
        node.journal().ready.is_none(),
        "it founded a discussion in silence"
    );
}

#[test]
fn a_director_that_comes_late_is_found() {
    let _turn = wait_for_turn();
    let endpoint = free_endpoint();
    let node = Launch::new("patient").join(&endpoint).start();
    node.wait_for(
        "says that it cannot reach the director",
        Duration::from_secs(5),
        |journal| {
            let has_said = !journal.stderr.is_empty() || journal.errors_since(0).next().is_some();
            has_said.then_some(())
        },
    );
    let director = Director::start_at(&endpoint);
    node.await_ready(JOIN_TIMEOUT);
    director.await_redirect_to(&node.address(), DELIVERY_TIMEOUT);
}

/// Returns an address where nobody listens, but where a director could.
fn free_endpoint() -> String {
    let director = Director::start();
    director.endpoint()
}

#[test]
fn sigterm_sigint_and_quit_leave_properly() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(5);
    let stays = Arc::clone(&cluster.in_ring_order()[0]);
    let leavers = cluster.others(&stays);
    let methods: [(&str, LeaveAction); 3] = [
        ("SIGTERM", |node| node.process().signal(Signal::SIGTERM)),
        ("SIGINT", |node| node.process().signal(Signal::SIGINT)),
        ("/quit", TestNode::quit),
    ];
    for (leaver, (method, leave)) in leavers.iter().zip(methods) {
        leaver.say(&format!("I leave by {method}"));
        let since = Instant::now();
        leave(leaver);
        assert_eq!(
            leaver.exit_code(EXIT_TIMEOUT),
            0,
            "exit status after {method}"
        );
        report(&format!("{method}: gone after"), since.elapsed());
        for witness in cluster.live() {
            expect_left(&witness, leaver);
        }
    }
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.check();
}

/// Checks that `witness` shows `leaver` as left, not as failed.
#[track_caller]
fn expect_left(witness: &TestNode, leaver: &TestNode) {
    let id = leaver.id();
    let is_left =
        witness.wait_for_event("shows who left", 0, DELIVERY_TIMEOUT, |event| match event {
            Event::Left(member) if member.node_id == id => Some(true),
            Event::Failed(member) if member.node_id == id => Some(false),
            _ => None,
        });
    assert!(
        is_left,
        "{} shows a proper leave as a failure",
        witness.process().label()
    );
}

#[test]
fn messages_typed_just_before_leaving_reach_all_nodes() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(4);
    let leaver = Arc::clone(&cluster.in_ring_order()[2]);
    leaver.paste(
        &(0..50)
            .map(|n| format!("famous last words {n}"))
            .collect::<Vec<_>>(),
    );
    leaver.quit();
    assert_eq!(leaver.exit_code(JOIN_TIMEOUT), 0);
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.check();
}

#[test]
fn a_coordinator_that_leaves_hands_over() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(4);
    let old = cluster.coordinator();
    let others = cluster.others(&old);
    let before = old.journal().current_coordinator().expect("it is ready");
    let since = Instant::now();
    old.process().signal(Signal::SIGTERM);
    assert_eq!(old.exit_code(EXIT_TIMEOUT), 0);
    report(
        "coordinator left: a new one everywhere after",
        await_new_coordinator(&others, before, since, SETTLE_TIMEOUT),
    );
    for witness in &others {
        expect_left(witness, &old);
    }
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster
        .director
        .await_redirect_to(&cluster.coordinator().address(), SETTLE_TIMEOUT);
    others[0].say("and on");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    cluster.check();
}

#[test]
fn the_last_to_leave_takes_the_discussion_along() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(2);
    cluster.live()[0].say("gone with us");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    for node in cluster.live() {
        node.process().signal(Signal::SIGINT);
        assert_eq!(node.exit_code(EXIT_TIMEOUT), 0);
    }
    cluster.director.fetch("/").expect_problem(503);
    let newcomer = cluster.join();
    let took = newcomer.time_to_ready();
    assert!(
        took < DELIVERY_TIMEOUT,
        "after a proper leave the next may found at once, not after {took:?}"
    );
    assert!(
        newcomer.journal().delivered.is_empty(),
        "a new discussion begins empty"
    );
    assert_eq!(newcomer.await_ready(JOIN_TIMEOUT).members, 1);
}

#[test]
fn twenty_comers_and_goers_leave_nothing_behind() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(3);
    let residents = cluster.live();
    pass_through(&mut cluster, 2);
    cluster.await_one_ring(SETTLE_TIMEOUT);
    let before: Vec<(usize, u64)> = residents.iter().map(|node| usage(node)).collect();
    pass_through(&mut cluster, 20);
    cluster.await_one_ring(SETTLE_TIMEOUT);
    for (node, (sockets_before, memory_before)) in residents.iter().zip(before) {
        let label = node.process().label();
        // One link may be in transition at the moment of the count.
        poll(
            "as many sockets as before",
            JOIN_TIMEOUT,
            &[node.as_ref() as &dyn Witness],
            || {
                let (sockets, _) = usage(node);
                let message = format!("{label}: {sockets} sockets, {sockets_before} before");
                (sockets <= sockets_before + 1).then_some(()).ok_or(message)
            },
        );
        let growth = usage(node).1.saturating_sub(memory_before);
        report(
            &format!("twenty comers and goers: {label} grew by KiB"),
            growth,
        );
        assert!(growth < 8 * 1024, "{label} grew by {growth} KiB");
    }
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    cluster.check();
}

fn usage(node: &TestNode) -> (usize, u64) {
    (sockets(node.process()), resident_kib(node.process()))
}

/// Makes `count` nodes join, send a message, and leave or die, one after the other.
#[track_caller]
fn pass_through(cluster: &mut Cluster, count: usize) {
    for number in 0..count {
        let guest = cluster.join();
        guest.await_ready(JOIN_TIMEOUT);
        let farewell = format!("guest {number} was here, {}", guest.process().label());
        guest.say(&farewell);
        for node in cluster.live() {
            node.await_delivery(&farewell, DELIVERY_TIMEOUT);
        }
        match number % 3 {
            0 => guest.kill(),
            1 => guest.quit(),
            _ => guest.process().signal(Signal::SIGTERM),
        }
        guest.exit_code(EXIT_TIMEOUT);
    }
}

#[test]
fn equal_and_similar_names_get_a_suffix() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::empty();
    let endpoint = cluster.director.endpoint();
    let mut join = |name: &str| {
        let node = cluster.add(Launch::new(name).join(&endpoint).start());
        (node.await_ready(JOIN_TIMEOUT).name, node)
    };
    let (first, ann) = join("ann");
    let (second, _) = join("ann");
    let (third, _) = join("ANN");
    let (fourth, bob) = join("bob");
    assert_eq!(
        (first.as_str(), second.as_str(), fourth.as_str()),
        ("ann", "ann-2", "bob")
    );
    let third_in_lower_case = third.to_lowercase();
    assert!(third.starts_with("ANN"), "a wish for ANN became {third}");
    assert!(
        ![first, second].contains(&third_in_lower_case),
        "{third} is taken"
    );
    // Cyrillic letters, an invisible character, and wide letters.
    let (fifth, _) = join("\u{430}nn");
    assert_eq!(fifth, "\u{430}nn-4");
    let (sixth, _) = join("b\u{200b}ob");
    assert_eq!(sixth, "b-ob-2");

    assert_eq!(rename(&cluster, &bob, "bob", "/name Kurt"), "Kurt");
    let clash = rename(&cluster, &bob, "Kurt", "/name Ann");
    assert!(clash.starts_with("Ann-"), "a clash of names became {clash}");
    let wide = "\u{ff41}nn";
    let alike = rename(&cluster, &bob, &clash, &format!("/name {wide}"));
    assert_eq!(alike, format!("{wide}-5"));
    ann.say("hello");
    bob.say("hello too");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    cluster.check();
}

/// Renames `node`, waits until every node has shown that, and returns the new name.
#[track_caller]
fn rename(cluster: &Cluster, node: &TestNode, previous: &str, command: &str) -> String {
    let marks: Vec<usize> = cluster.live().iter().map(|node| node.mark()).collect();
    node.command(command);
    let id = node.id();
    let names: Vec<String> =
        cluster
            .live()
            .iter()
            .zip(marks)
            .map(|(witness, mark)| {
                witness.wait_for_event("shows the new name", mark, DELIVERY_TIMEOUT, |event| {
                    match event {
                        Event::Renamed(renamed)
                            if renamed.node_id == id && renamed.previous == previous =>
                        {
                            Some(renamed.name.clone())
                        }
                        _ => None,
                    }
                })
            })
            .collect();
    assert!(
        names.iter().all(|name| *name == names[0]),
        "names differ: {names:?}"
    );
    names[0].clone()
}

#[test]
fn joining_is_shown_to_everybody() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(3);
    let newcomer = cluster.join();
    let id = newcomer.id();
    for witness in cluster.others(&newcomer) {
        witness.wait_for_event(
            "shows who joined",
            0,
            DELIVERY_TIMEOUT,
            |event| match event {
                Event::Joined(member) if member.node_id == id && member.name == "n4" => Some(()),
                _ => None,
            },
        );
    }
    cluster.await_one_ring(SETTLE_TIMEOUT);
    assert_eq!(newcomer.await_ready(JOIN_TIMEOUT).members, 4);
}

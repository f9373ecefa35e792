//! Nodes come and go: founding, names, leaving, and what a node leaves behind.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ringtalk_tests::cluster::{Cluster, EVERYWHERE, REST, new_reign};
use ringtalk_tests::director::Director;
use ringtalk_tests::event::Event;
use ringtalk_tests::measure::report;
use ringtalk_tests::node::{IN_TIME, Launch, Node};
use ringtalk_tests::resources::{resident_kib, sockets};
use ringtalk_tests::wait::{Witness, poll};
use ringtalk_tests::{alone, knob};

/// A way to leave.
type Leave = fn(&Node);

/// The time limit for a node to exit after SIGTERM or SIGINT.
const GONE: Duration = Duration::from_secs(2);

#[test]
fn who_starts_while_the_coordinator_is_dead_ends_in_the_one_ring() {
    let _alone = alone();
    let mut cluster = Cluster::start(4);
    let coordinator = cluster.coordinator();
    cluster.others(&coordinator)[0].say("before");
    cluster.everything_everywhere(EVERYWHERE);
    coordinator.kill();
    let newcomer = cluster.join();
    report(
        "started with the coordinator dead: ready after",
        newcomer.time_to_ready(),
    );
    newcomer.say("after");
    cluster.one_ring(REST);
    cluster.everything_everywhere(EVERYWHERE);
    cluster.check();
}

#[test]
fn who_starts_after_the_only_node_died_founds_a_new_discussion() {
    let _alone = alone();
    let mut cluster = Cluster::start(1);
    let first = cluster.coordinator();
    first.say("nobody will know this");
    first.hears("nobody will know this", EVERYWHERE);
    first.kill();
    let second = cluster.join();
    report(
        "started with the only node dead: ready after",
        second.time_to_ready(),
    );
    cluster.one_ring(REST);
    assert!(
        second.journal().delivered.is_empty(),
        "a new discussion begins empty"
    );
}

#[test]
fn two_first_nodes_started_at_once_end_in_one_ring() {
    let _alone = alone();
    let mut slowest = Duration::ZERO;
    for round in 0..knob::founders_rounds() {
        let mut cluster = Cluster::empty();
        let since = Instant::now();
        for node in start_together(&cluster.director.place(), &["left", "right"]) {
            cluster.adopt(node);
        }
        cluster.one_ring(IN_TIME);
        slowest = slowest.max(since.elapsed());
        for node in cluster.everybody() {
            node.say(&format!("round {round}"));
        }
        cluster.everything_everywhere(EVERYWHERE);
        cluster.check();
    }
    report("two founders: one ring after, at the slowest", slowest);
}

/// Starts a node for each name, all in the same millisecond.
fn start_together(place: &str, names: &[&str]) -> Vec<Node> {
    let barrier = Barrier::new(names.len());
    std::thread::scope(|scope| {
        let starters: Vec<_> = names
            .iter()
            .map(|name| {
                scope.spawn(|| {
                    let launch = Launch::new(name).join(place);
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
    let _alone = alone();
    let place = free_place();
    let node = Launch::new("lonely")
        .join(&place)
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
    let _alone = alone();
    let place = free_place();
    let node = Launch::new("patient").join(&place).start();
    node.wait_for(
        "says that it cannot reach the director",
        Duration::from_secs(5),
        |journal| {
            let has_said = !journal.stderr.is_empty() || journal.errors_since(0).next().is_some();
            has_said.then_some(())
        },
    );
    let director = Director::start_at(&place);
    node.ready(IN_TIME);
    director.redirects_to(&node.address(), EVERYWHERE);
}

/// Returns an address where nobody listens, but where a director could.
fn free_place() -> String {
    let director = Director::start();
    director.place()
}

#[test]
fn sigterm_sigint_and_quit_leave_properly() {
    let _alone = alone();
    let cluster = Cluster::start(5);
    let stays = Arc::clone(&cluster.in_ring_order()[0]);
    let leavers = cluster.others(&stays);
    let ways: [(&str, Leave); 3] = [
        ("SIGTERM", |node| node.process().signal(Signal::SIGTERM)),
        ("SIGINT", |node| node.process().signal(Signal::SIGINT)),
        ("/quit", Node::quit),
    ];
    for (leaver, (way, leave)) in leavers.iter().zip(ways) {
        leaver.say(&format!("I leave by {way}"));
        let since = Instant::now();
        leave(leaver);
        assert_eq!(leaver.exit_code(GONE), 0, "exit status after {way}");
        report(&format!("{way}: gone after"), since.elapsed());
        for witness in cluster.live() {
            expect_left(&witness, leaver);
        }
    }
    cluster.one_ring(REST);
    cluster.check();
}

/// Checks that `witness` shows `leaver` as left, not as failed.
#[track_caller]
fn expect_left(witness: &Node, leaver: &Node) {
    let id = leaver.id();
    let is_left = witness.wait_for_event("shows who left", 0, EVERYWHERE, |event| match event {
        Event::Left(who) if who.node_id == id => Some(true),
        Event::Failed(who) if who.node_id == id => Some(false),
        _ => None,
    });
    assert!(
        is_left,
        "{} shows a proper leave as a failure",
        witness.process().label()
    );
}

#[test]
fn what_was_typed_just_before_leaving_reaches_everybody() {
    let _alone = alone();
    let cluster = Cluster::start(4);
    let leaver = Arc::clone(&cluster.in_ring_order()[2]);
    leaver.paste(
        &(0..50)
            .map(|n| format!("famous last words {n}"))
            .collect::<Vec<_>>(),
    );
    leaver.quit();
    assert_eq!(leaver.exit_code(IN_TIME), 0);
    cluster.everything_everywhere(EVERYWHERE);
    cluster.one_ring(REST);
    cluster.check();
}

#[test]
fn a_coordinator_that_leaves_hands_over() {
    let _alone = alone();
    let cluster = Cluster::start(4);
    let old = cluster.coordinator();
    let others = cluster.others(&old);
    let before = old.journal().reign().expect("it is ready");
    let since = Instant::now();
    old.process().signal(Signal::SIGTERM);
    assert_eq!(old.exit_code(GONE), 0);
    report(
        "coordinator left: a new one everywhere after",
        new_reign(&others, before, since, REST),
    );
    for witness in &others {
        expect_left(witness, &old);
    }
    cluster.one_ring(REST);
    cluster
        .director
        .redirects_to(&cluster.coordinator().address(), REST);
    others[0].say("and on");
    cluster.everything_everywhere(EVERYWHERE);
    cluster.check();
}

#[test]
fn the_last_to_leave_takes_the_discussion_along() {
    let _alone = alone();
    let mut cluster = Cluster::start(2);
    cluster.live()[0].say("gone with us");
    cluster.everything_everywhere(EVERYWHERE);
    for node in cluster.live() {
        node.process().signal(Signal::SIGINT);
        assert_eq!(node.exit_code(GONE), 0);
    }
    cluster.director.fetch("/").expect_problem(503);
    let newcomer = cluster.join();
    let took = newcomer.time_to_ready();
    assert!(
        took < EVERYWHERE,
        "after a proper leave the next may found at once, not after {took:?}"
    );
    assert!(
        newcomer.journal().delivered.is_empty(),
        "a new discussion begins empty"
    );
    assert_eq!(newcomer.ready(IN_TIME).members, 1);
}

#[test]
fn twenty_comers_and_goers_leave_nothing_behind() {
    let _alone = alone();
    let mut cluster = Cluster::start(3);
    let residents = cluster.live();
    pass_through(&mut cluster, 2);
    cluster.one_ring(REST);
    let before: Vec<(usize, u64)> = residents.iter().map(|node| usage(node)).collect();
    pass_through(&mut cluster, 20);
    cluster.one_ring(REST);
    for (node, (sockets_before, memory_before)) in residents.iter().zip(before) {
        let label = node.process().label();
        // One link may be in transition at the moment of the count.
        poll(
            "as many sockets as before",
            IN_TIME,
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
    cluster.everything_everywhere(EVERYWHERE);
    cluster.check();
}

fn usage(node: &Node) -> (usize, u64) {
    (sockets(node.process()), resident_kib(node.process()))
}

/// Makes `count` nodes join, send a message, and leave or die, one after the other.
#[track_caller]
fn pass_through(cluster: &mut Cluster, count: usize) {
    for number in 0..count {
        let guest = cluster.join();
        guest.ready(IN_TIME);
        let farewell = format!("guest {number} was here, {}", guest.process().label());
        guest.say(&farewell);
        for node in cluster.live() {
            node.hears(&farewell, EVERYWHERE);
        }
        match number % 3 {
            0 => guest.kill(),
            1 => guest.quit(),
            _ => guest.process().signal(Signal::SIGTERM),
        }
        guest.exit_code(GONE);
    }
}

#[test]
fn nobody_is_taken_for_somebody_else() {
    let _alone = alone();
    let mut cluster = Cluster::empty();
    let place = cluster.director.place();
    let mut join = |name: &str| {
        let node = cluster.adopt(Launch::new(name).join(&place).start());
        (node.ready(IN_TIME).name, node)
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
    cluster.everything_everywhere(EVERYWHERE);
    cluster.check();
}

/// Renames `node`, waits until every node has shown that, and returns the new name.
#[track_caller]
fn rename(cluster: &Cluster, node: &Node, previous: &str, command: &str) -> String {
    let marks: Vec<usize> = cluster.live().iter().map(|node| node.mark()).collect();
    node.command(command);
    let id = node.id();
    let names: Vec<String> = cluster
        .live()
        .iter()
        .zip(marks)
        .map(|(witness, mark)| {
            witness.wait_for_event(
                "shows the new name",
                mark,
                EVERYWHERE,
                |event| match event {
                    Event::Renamed(renamed)
                        if renamed.node_id == id && renamed.previous == previous =>
                    {
                        Some(renamed.name.clone())
                    }
                    _ => None,
                },
            )
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
    let _alone = alone();
    let mut cluster = Cluster::start(3);
    let newcomer = cluster.join();
    let id = newcomer.id();
    for witness in cluster.others(&newcomer) {
        witness.wait_for_event("shows who joined", 0, EVERYWHERE, |event| match event {
            Event::Joined(who) if who.node_id == id && who.name == "n4" => Some(()),
            _ => None,
        });
    }
    cluster.one_ring(REST);
    assert_eq!(newcomer.ready(IN_TIME).members, 4);
}

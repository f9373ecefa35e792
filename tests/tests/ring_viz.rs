//! The ring seen from outside: what `ring-viz` prints, and that it disturbs nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ringtalk_tests::cluster::{Cluster, DELIVERY_TIMEOUT, SETTLE_TIMEOUT, await_view_of};
use ringtalk_tests::director::Director;
use ringtalk_tests::event::{Event, Neighbours};
use ringtalk_tests::id::NodeId;
use ringtalk_tests::impostor::Impostor;
use ringtalk_tests::network::{BlockMode, Network};
use ringtalk_tests::node::{JOIN_TIMEOUT, TestNode};
use ringtalk_tests::process::binary;
use ringtalk_tests::ring_viz::{DrawnRing, Ring, Row, live, live_on, parse_list, run, run_once};
use ringtalk_tests::wait::{Witness, poll};
use ringtalk_tests::wait_for_turn;
use ringtalk_tests::window::Window;

#[test]
fn ring_viz_agrees_with_the_events_of_five_nodes() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(5);
    let viz = run_once(&cluster.director.endpoint(), "json");
    assert_eq!(viz.code, 0, "{viz:?}");
    assert_eq!(viz.stderr, "");
    assert_eq!(viz.stdout.lines().count(), 1, "one object, one line");
    let ring = viz.ring();
    assert!(ring.closed);
    assert_eq!(ring.coordinator, cluster.coordinator().id());
    assert_eq!(ring.epoch.coordinator, ring.coordinator);
    let ids = |nodes: &[NodeId]| nodes.iter().copied().collect::<BTreeSet<_>>();
    let seen: Vec<NodeId> = ring.members.iter().map(|member| member.node_id).collect();
    let live: Vec<NodeId> = cluster.live().iter().map(|node| node.id()).collect();
    assert_eq!(ids(&seen), ids(&live));
    expect_agreement_with_events(&cluster, &ring);
}

/// Checks that each member's neighbours, name and address are those in the node's own events.
#[track_caller]
fn expect_agreement_with_events(cluster: &Cluster, ring: &Ring) {
    for member in &ring.members {
        let node = cluster.by_id(member.node_id);
        let reported = Neighbours {
            predecessor: member.predecessor,
            successor: member.successor,
        };
        assert_eq!(node.journal().neighbours, Some(reported), "{member:?}");
        let ready = node.await_ready(JOIN_TIMEOUT);
        let expected = (ready.name.as_str(), ready.address.as_str());
        assert_eq!((member.name.as_str(), member.address.as_str()), expected);
    }
}

/// The number of nodes that fit legibly in one window.
const MANY: usize = 50;
/// The time limit for a change to be shown, on a machine that does other work too.
const SHOW_TIMEOUT: Duration = Duration::from_secs(20);

/// Fifty nodes, and two windows that show them all the time.
struct Crowd {
    cluster: Cluster,
    circle: Window,
    list: Window,
}

impl Crowd {
    fn gather() -> Self {
        let mut cluster = Cluster::empty();
        // The first node founds the discussion, and the others join together.
        cluster.join().await_ready(JOIN_TIMEOUT);
        let endpoint = cluster.director.endpoint();
        let circle = live(&endpoint, (140, 50));
        let list = live(&endpoint, (100, 60));
        list.await_text("1 member", SHOW_TIMEOUT);
        list.press("l");
        let newcomers: Vec<Arc<TestNode>> = (1..MANY).map(|_| cluster.join()).collect();
        for node in &newcomers {
            node.await_ready(JOIN_TIMEOUT);
        }
        Self {
            cluster,
            circle,
            list,
        }
    }

    /// Waits until the ring is at rest, and then until everything that is drawn agrees with the latest events of its
    /// nodes.
    #[track_caller]
    fn expect_drawn(&self, what: &str) {
        self.cluster.await_one_ring(SETTLE_TIMEOUT);
        let (rows, coordinator) = self.reported();
        let names: Vec<String> = rows.iter().map(|(name, _, _)| name.clone()).collect();
        let circle = DrawnRing {
            names,
            coordinator: Some(coordinator.clone()),
        };
        self.circle
            .wait_for(&format!("{what}: the circle"), SHOW_TIMEOUT, |text| {
                text.contains(" members · closed · ")
                    && DrawnRing::parse_circle(text).as_ref() == Some(&circle)
            });
        let list = (rows, vec![coordinator]);
        self.list
            .wait_for(&format!("{what}: the list"), SHOW_TIMEOUT, |text| {
                parse_list(text) == list
            });
        let live = self.cluster.live();
        let ring = await_closed_ring(&live, &self.cluster.director.endpoint(), SETTLE_TIMEOUT);
        assert_eq!(ring.members.len(), live.len(), "{what}");
        assert_eq!(ring.coordinator, self.cluster.coordinator().id(), "{what}");
        expect_agreement_with_events(&self.cluster, &ring);
    }

    /// Returns the ring as its nodes report it: the order from the view, the neighbours from each node.
    fn reported(&self) -> (Vec<Row>, String) {
        let coordinator = self.cluster.coordinator();
        let view = coordinator.journal().view.clone().expect("it is ready");
        let members = view.members.into_iter();
        let names: BTreeMap<NodeId, String> = members
            .clone()
            .map(|member| (member.node_id, member.name))
            .collect();
        let rows = members.map(|member| {
            let node = self.cluster.by_id(member.node_id);
            let reported = node.journal().neighbours.expect("it has said so");
            let neighbour = |id: Option<NodeId>| id.map(|id| names[&id].clone());
            (
                member.name,
                neighbour(reported.predecessor),
                neighbour(reported.successor),
            )
        });
        (rows.collect(), names[&coordinator.id()].clone())
    }
}

#[test]
fn fifty_members_are_drawn_correctly_after_every_change() {
    let _turn = wait_for_turn();
    let mut crowd = Crowd::gather();
    crowd.expect_drawn("fifty have come");
    for _ in 0..2 {
        crowd.cluster.join().await_ready(JOIN_TIMEOUT);
    }
    crowd.expect_drawn("two more have come");
    let order = crowd.cluster.in_ring_order();
    order[20].quit();
    assert_eq!(order[20].exit_code(JOIN_TIMEOUT), 0);
    crowd.expect_drawn("one has left");
    for index in [7, 30, 31] {
        order[index].kill();
    }
    crowd.expect_drawn("three have died, two of them side by side");
    crowd.cluster.coordinator().kill();
    crowd.expect_drawn("the coordinator has died");
    crowd.cluster.join().await_ready(JOIN_TIMEOUT);
    crowd.expect_drawn("one has come to the new coordinator");
}

#[test]
fn a_suspect_and_the_messages_on_links_are_seen_live() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(5);
    let endpoint = cluster.director.endpoint();
    let window = live(&endpoint, (100, 30));
    window.await_text("5 members · closed · coordinator n1", SHOW_TIMEOUT);
    let rows_with = |text: &str, wanted: fn(char) -> bool| {
        let rows = text.lines().count().saturating_sub(1);
        text.lines().take(rows).any(|row| row.contains(wanted))
    };
    for number in 0..50 {
        cluster.coordinator().say(&format!("number {number}"));
    }
    window.wait_for("shows messages on their way", SHOW_TIMEOUT, |text| {
        rows_with(text, |char| matches!(char, '↓' | '↑' | '←' | '→'))
    });
    let frozen = Arc::clone(&cluster.in_ring_order()[2]);
    frozen.freeze();
    window.wait_for("shows a suspect", SHOW_TIMEOUT, |text| {
        rows_with(text, |char| char == '?')
    });
    window.await_text("4 members · closed", SHOW_TIMEOUT);
    window.await_text(
        &format!("{} is gone", frozen.await_ready(JOIN_TIMEOUT).name),
        SHOW_TIMEOUT,
    );
    frozen.thaw();
    window.await_text("5 members · closed", SHOW_TIMEOUT);
    window.press("q");
    assert_eq!(window.exit_code(SHOW_TIMEOUT), 0);
    window.await_restored(SHOW_TIMEOUT);
}

#[test]
fn the_live_picture_survives_its_ring_and_ends_by_a_signal() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(2);
    let endpoint = cluster.director.endpoint();
    let window = live(&endpoint, (80, 24));
    window.await_text("2 members · closed", SHOW_TIMEOUT);
    window.press("\t\t");
    window.await_text(" · before n", SHOW_TIMEOUT);
    for node in cluster.live() {
        node.quit();
    }
    window.await_text("no member answers", SHOW_TIMEOUT);
    window.await_text("no ring is registered", SHOW_TIMEOUT);
    window.signal(Signal::SIGTERM);
    assert_eq!(window.exit_code(SHOW_TIMEOUT), 0);
    window.await_restored(SHOW_TIMEOUT);
}

/// The system notifies only the shell, which may not pass it on. If there is none, the system also continues the
/// program, which then finds no terminal to take back: always, if it was stopped.
#[test]
fn the_live_picture_ends_with_its_window() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(2);
    let (viz, endpoint) = (binary("ring-viz"), cluster.director.endpoint());
    let run = format!("{} --join {endpoint}", viz.display());
    let (behind_shell, alone) = (
        format!("trap '' HUP; {run}; exit $?"),
        format!("exec {run}"),
    );
    for (shell, stops) in [
        (&behind_shell, false),
        (&alone, false),
        (&alone, true),
        (&alone, true),
        (&alone, true),
    ] {
        let mut command = Command::new("sh");
        command.args(["-c", shell]);
        let mut window = Window::open("ring-viz", (80, 24), &command);
        window.await_text("2 members · closed", SHOW_TIMEOUT);
        if stops {
            window.signal(Signal::SIGSTOP);
        }
        window.close();
        assert_eq!(window.exit_code(SHOW_TIMEOUT), 0, "{shell}");
    }
}

#[test]
fn two_parts_of_a_cut_network_are_seen_side_by_side() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(7) else {
        return;
    };
    let cluster = Cluster::start_across(&network, 6);
    let endpoint = cluster.director.endpoint();
    // The window is on the director's host, which reaches both parts.
    let window = live_on(&network.host(0), &endpoint, (120, 30));
    window.await_text("6 members · closed", SHOW_TIMEOUT);
    let hosts = |numbers: std::ops::RangeInclusive<u8>| -> Vec<_> {
        numbers.map(|number| network.host(number)).collect()
    };
    network.cut(&hosts(1..=4), &hosts(5..=6), BlockMode::Reset);
    window.await_text("2 rings, side by side", SETTLE_TIMEOUT);
    window.wait_for("shows both closed", SETTLE_TIMEOUT, |text| {
        let both = text
            .lines()
            .any(|row| row.contains("4 members") && row.contains("2 members"));
        both && text.matches(" closed ").count() == 2 && !text.contains("not closed")
    });
    network.heal();
    window.await_text("6 members · closed", 2 * SETTLE_TIMEOUT);
    window.await_text("the ring has merged", SHOW_TIMEOUT);
}

#[test]
fn a_viewer_disturbs_no_member_and_each_is_notified_once() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(5);
    let live = cluster.live();
    for node in &live {
        // Each node prints once, after `ready`, that anyone can join.
        let is_open = |event: &Event| matches!(event, Event::Notice(_));
        node.wait_for_event("says that anybody can join", 0, JOIN_TIMEOUT, |event| {
            is_open(event).then_some(())
        });
    }
    let marks: Vec<usize> = live.iter().map(|node| node.mark()).collect();
    let endpoint = cluster.director.endpoint();
    for format in ["json", "svg", "dot"] {
        let viz = run_once(&endpoint, format);
        assert_eq!(viz.code, 0, "{viz:?}");
    }
    live[0].say("still the five of us");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    for (node, mark) in live.iter().zip(marks) {
        let journal = node.journal();
        let observed =
            |event: &&Event| matches!(event, Event::Notice(notice) if notice.code == "observer");
        assert_eq!(journal.since(mark).filter(observed).count(), 1);
        let others: Vec<&Event> = journal
            .since(mark)
            .filter(|event| !observed(event))
            // `reached` for the message may come before or after the mark.
            .filter(|event| !matches!(event, Event::Message(_) | Event::Reached(_)))
            .collect();
        assert!(others.is_empty(), "somebody was noticed: {others:?}");
        assert_eq!(journal.stderr_text(), "");
    }
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.check();
}

#[test]
fn pictures_name_everybody() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(3);
    let endpoint = cluster.director.endpoint();
    let svg = run_once(&endpoint, "svg").stdout;
    assert!(
        svg.starts_with("<svg ") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
    assert!(
        svg.contains("<title>A ring of 3 members, closed</title>"),
        "{svg}"
    );
    let dot = run_once(&endpoint, "dot").stdout;
    assert!(
        dot.starts_with("digraph ring {") && dot.ends_with("}\n"),
        "{dot}"
    );
    for node in cluster.live() {
        let name = node.await_ready(JOIN_TIMEOUT).name;
        assert!(svg.contains(&format!(">{name}</text>")), "{svg}");
        assert!(dot.contains(&format!("label=\"{name}\"")), "{dot}");
    }
}

#[test]
fn one_node_alone_is_a_closed_ring() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(1);
    let viz = run_once(&cluster.director.endpoint(), "json");
    assert_eq!(viz.code, 0, "{viz:?}");
    let ring = viz.ring();
    let [member] = ring.members.as_slice() else {
        panic!("not one member: {ring:?}");
    };
    assert_eq!((member.predecessor, member.successor), (None, None));
}

#[test]
fn a_frozen_node_leaves_the_ring_open_until_it_is_out() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(5);
    let endpoint = cluster.director.endpoint();
    let frozen = Arc::clone(&cluster.in_ring_order()[2]);
    let others = cluster.others(&frozen);
    let since = Instant::now();
    frozen.freeze();
    // Too short for a second run, by which time the ring might have closed again.
    let open = run(&["--join", &endpoint, "--once", "--timeout", "1"]);
    assert_eq!(open.code, 6, "{open:?}");
    let ring = open.ring();
    assert!(!ring.closed);
    let silent: Vec<NodeId> = ring
        .members
        .iter()
        .filter(|member| (member.predecessor, member.successor) == (None, None))
        .map(|member| member.node_id)
        .collect();
    assert_eq!(silent, [frozen.id()]);
    await_view_of(&others, since, SETTLE_TIMEOUT);
    let ring = await_closed_ring(&others, &endpoint, SETTLE_TIMEOUT);
    assert_eq!(ring.members.len(), others.len());
    frozen.thaw();
    cluster.await_one_ring(SETTLE_TIMEOUT);
    assert_eq!(
        await_closed_ring(&cluster.live(), &endpoint, SETTLE_TIMEOUT)
            .members
            .len(),
        5
    );
}

#[test]
fn after_the_coordinators_death_the_next_one_is_shown() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(4);
    let endpoint = cluster.director.endpoint();
    let old = cluster.coordinator();
    old.kill();
    let survivors = cluster.live();
    let ring = await_closed_ring(&survivors, &endpoint, SETTLE_TIMEOUT);
    assert_eq!(ring.members.len(), survivors.len());
    cluster.await_one_ring(SETTLE_TIMEOUT);
    assert_eq!(ring.coordinator, cluster.coordinator().id());
}

/// Runs `ring-viz` until it shows a closed ring of exactly these nodes.
#[track_caller]
fn await_closed_ring(nodes: &[Arc<TestNode>], endpoint: &str, within: Duration) -> Ring {
    let expected: BTreeSet<NodeId> = nodes.iter().map(|node| node.id()).collect();
    let witnesses: Vec<&dyn Witness> = nodes
        .iter()
        .map(|node| node.as_ref() as &dyn Witness)
        .collect();
    let what = "ring-viz shows a closed ring of these nodes";
    poll(what, within, &witnesses, || {
        let viz = run_once(endpoint, "json");
        if viz.code != 0 {
            return Err(viz.stdout);
        }
        let ring = viz.ring();
        let ids = ring.members.iter().map(|member| member.node_id);
        let is_expected = ids.collect::<BTreeSet<_>>() == expected;
        is_expected.then_some(ring).ok_or(viz.stdout)
    })
}

#[test]
fn without_a_ring_it_exits_3_in_time_and_says_so() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let empty = director.endpoint();
    let since = Instant::now();
    let look_at_empty = run_once(&empty, "json");
    assert_eq!(look_at_empty.code, 3, "{look_at_empty:?}");
    assert!(
        since.elapsed() < Duration::from_secs(5),
        "an empty director is no reason to wait"
    );
    let gone = Director::start().endpoint();
    let at_nobody = run(&["--join", &gone, "--once", "--timeout", "1"]);
    assert_eq!(at_nobody.code, 3, "{at_nobody:?}");
    for (viz, endpoint) in [(look_at_empty, empty), (at_nobody, gone)] {
        assert_eq!(viz.stdout, "");
        assert!(viz.stderr.contains(&endpoint), "which director? {viz:?}");
    }
}

#[test]
fn a_view_that_its_coordinator_did_not_sign_is_shown_to_nobody() {
    let _turn = wait_for_turn();
    let nowhere = "127.0.0.1:1";
    let signed = run_once(&Impostor::start(3, nowhere, true).endpoint(), "json");
    assert_eq!(signed.ring().members.len(), 3, "{signed:?}");
    let unsigned = run_once(&Impostor::start(3, nowhere, false).endpoint(), "json");
    assert_eq!(unsigned.code, 3, "{unsigned:?}");
    assert_eq!(unsigned.stdout, "");
}

#[test]
fn a_ring_of_invented_members_makes_nobody_who_looks_scan_a_host() {
    let _turn = wait_for_turn();
    let target = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = target.local_addr().expect("it is bound").to_string();
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visits);
    std::thread::spawn(move || {
        for _ in target.incoming() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let since = Instant::now();
    let impostor = Impostor::start(300, &endpoint, true);
    let viz = run(&["--join", &impostor.endpoint(), "--once", "--timeout", "2"]);
    assert_eq!(viz.code, 6, "{viz:?}");
    // Looks follow one another until the timeout; each has this many connections to a host at a time, for this long.
    let (at_a_time, hold) = (12.0, 1.5);
    let most = at_a_time * (since.elapsed().as_secs_f64() / hold).ceil();
    let visits = visits.load(Ordering::Relaxed);
    let took = since.elapsed();
    assert!(
        visits > 0 && visits as f64 <= most,
        "{visits} visits in {took:?}"
    );
}

#[test]
fn a_wrong_command_line_exits_2_and_says_why() {
    let _turn = wait_for_turn();
    let wrong: &[&[&str]] = &[
        &[],
        &["--once"],
        &["--nonsense"],
        &["--once", "--join", "no address at all"],
        &[
            "--once",
            "--join",
            "127.0.0.1:1",
            "ringtalk://127.0.0.1:1/#stray",
        ],
        &["--once", "--join", "127.0.0.1:1", "--format", "gif"],
        &["--once", "--join", "127.0.0.1:1", "--format", "tui"],
        &["--once", "--join", "127.0.0.1:1", "--timeout", "never"],
        &["--join", "127.0.0.1:1"],
    ];
    for arguments in wrong {
        let viz = run(arguments);
        assert_eq!(viz.code, 2, "{arguments:?}: {viz:?}");
        assert_eq!(viz.stdout, "", "{arguments:?}");
        assert!(!viz.stderr.is_empty(), "{arguments:?} gives no reason");
        assert!(!viz.stderr.contains("#stray"), "a secret is said: {viz:?}");
    }
}

#[test]
fn a_mistyped_secret_exits_4_and_is_not_repeated() {
    let _turn = wait_for_turn();
    let viz = run(&["--once", "--join", "ringtalk://127.0.0.1:1/#mistyped"]);
    assert_eq!(viz.code, 4, "{viz:?}");
    assert!(!viz.stderr.contains("mistyped"), "{viz:?}");
}

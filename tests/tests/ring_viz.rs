//! The ring seen from outside: what `ring-viz` prints, and that it disturbs nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ringtalk_tests::alone;
use ringtalk_tests::cluster::{Cluster, EVERYWHERE, REST, view_of};
use ringtalk_tests::director::Director;
use ringtalk_tests::event::{Event, Neighbours};
use ringtalk_tests::id::NodeId;
use ringtalk_tests::impostor::Impostor;
use ringtalk_tests::network::{Network, Refusal};
use ringtalk_tests::node::{IN_TIME, Node};
use ringtalk_tests::process::binary;
use ringtalk_tests::ring_viz::{Drawn, Look, Ring, Row, listed, live, live_on, look, run};
use ringtalk_tests::wait::{Witness, poll};
use ringtalk_tests::window::Window;

#[test]
fn five_nodes_are_seen_as_they_see_themselves() {
    let _alone = alone();
    let cluster = Cluster::start(5);
    let look = look(&cluster.director.place(), "json");
    assert_eq!(look.code, 0, "{look:?}");
    assert_eq!(look.stderr, "");
    assert_eq!(look.stdout.lines().count(), 1, "one object, one line");
    let ring = look.ring();
    assert!(ring.closed);
    assert_eq!(ring.coordinator, cluster.coordinator().id());
    assert_eq!(ring.epoch.coordinator, ring.coordinator);
    let ids = |nodes: &[NodeId]| nodes.iter().copied().collect::<BTreeSet<_>>();
    let seen: Vec<NodeId> = ring.members.iter().map(|member| member.node_id).collect();
    let live: Vec<NodeId> = cluster.live().iter().map(|node| node.id()).collect();
    assert_eq!(ids(&seen), ids(&live));
    agrees_with_events(&cluster, &ring);
}

/// Checks that each member's neighbours, name and address are those in the node's own events.
#[track_caller]
fn agrees_with_events(cluster: &Cluster, ring: &Ring) {
    for place in &ring.members {
        let node = cluster.by_id(place.node_id);
        let reported = Neighbours {
            predecessor: place.predecessor,
            successor: place.successor,
        };
        assert_eq!(node.journal().neighbours, Some(reported), "{place:?}");
        let ready = node.ready(IN_TIME);
        let said = (ready.name.as_str(), ready.address.as_str());
        assert_eq!((place.name.as_str(), place.address.as_str()), said);
    }
}

/// The number of nodes that fit legibly in one window.
const MANY: usize = 50;
/// The time limit for a change to be shown, on a machine that does other work too.
const SOON: Duration = Duration::from_secs(20);

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
        cluster.join().ready(IN_TIME);
        let place = cluster.director.place();
        let circle = live(&place, (140, 50));
        let list = live(&place, (100, 60));
        list.sees("1 member", SOON);
        list.press("l");
        let newcomers: Vec<Arc<Node>> = (1..MANY).map(|_| cluster.join()).collect();
        for node in &newcomers {
            node.ready(IN_TIME);
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
    fn is_drawn_as_it_says(&self, what: &str) {
        self.cluster.one_ring(REST);
        let (rows, coordinator) = self.said();
        let names: Vec<String> = rows.iter().map(|(name, _, _)| name.clone()).collect();
        let circle = Drawn {
            names,
            coordinator: Some(coordinator.clone()),
        };
        self.circle
            .wait(&format!("{what}: the circle"), SOON, |text| {
                text.contains(" members · closed · ")
                    && Drawn::circle(text).as_ref() == Some(&circle)
            });
        let list = (rows, vec![coordinator]);
        self.list.wait(&format!("{what}: the list"), SOON, |text| {
            listed(text) == list
        });
        let live = self.cluster.live();
        let ring = closes(&live, &self.cluster.director.place(), REST);
        assert_eq!(ring.members.len(), live.len(), "{what}");
        assert_eq!(ring.coordinator, self.cluster.coordinator().id(), "{what}");
        agrees_with_events(&self.cluster, &ring);
    }

    /// Returns the ring as its nodes report it: the order from the view, the neighbours from each node.
    fn said(&self) -> (Vec<Row>, String) {
        let coordinator = self.cluster.coordinator();
        let view = coordinator.journal().view.clone().expect("it is ready");
        let members = view.members.into_iter();
        let names: BTreeMap<NodeId, String> = members
            .clone()
            .map(|member| (member.node_id, member.name))
            .collect();
        let rows = members.map(|member| {
            let node = self.cluster.by_id(member.node_id);
            let said = node.journal().neighbours.expect("it has said so");
            let neighbour = |id: Option<NodeId>| id.map(|id| names[&id].clone());
            (
                member.name,
                neighbour(said.predecessor),
                neighbour(said.successor),
            )
        });
        (rows.collect(), names[&coordinator.id()].clone())
    }
}

#[test]
fn fifty_are_drawn_as_they_say_after_every_change() {
    let _alone = alone();
    let mut crowd = Crowd::gather();
    crowd.is_drawn_as_it_says("fifty have come");
    for _ in 0..2 {
        crowd.cluster.join().ready(IN_TIME);
    }
    crowd.is_drawn_as_it_says("two more have come");
    let order = crowd.cluster.in_ring_order();
    order[20].quit();
    assert_eq!(order[20].exit_code(IN_TIME), 0);
    crowd.is_drawn_as_it_says("one has left");
    for place in [7, 30, 31] {
        order[place].kill();
    }
    crowd.is_drawn_as_it_says("three have died, two of them side by side");
    crowd.cluster.coordinator().kill();
    crowd.is_drawn_as_it_says("the coordinator has died");
    crowd.cluster.join().ready(IN_TIME);
    crowd.is_drawn_as_it_says("one has come to the new coordinator");
}

#[test]
fn a_suspect_and_the_messages_on_links_are_seen_live() {
    let _alone = alone();
    let cluster = Cluster::start(5);
    let place = cluster.director.place();
    let window = live(&place, (100, 30));
    window.sees("5 members · closed · n1 coordinates", SOON);
    let rows_with = |text: &str, wanted: fn(char) -> bool| {
        let rows = text.lines().count().saturating_sub(1);
        text.lines().take(rows).any(|row| row.contains(wanted))
    };
    for number in 0..50 {
        cluster.coordinator().say(&format!("number {number}"));
    }
    window.wait("shows messages on their way", SOON, |text| {
        rows_with(text, |char| matches!(char, '↓' | '↑' | '←' | '→'))
    });
    let frozen = Arc::clone(&cluster.in_ring_order()[2]);
    frozen.freeze();
    window.wait("shows a suspect", SOON, |text| {
        rows_with(text, |char| char == '?')
    });
    window.sees("4 members · closed", SOON);
    window.sees(&format!("{} is gone", frozen.ready(IN_TIME).name), SOON);
    frozen.thaw();
    window.sees("5 members · closed", SOON);
    window.press("q");
    assert_eq!(window.exit_code(SOON), 0);
    window.is_given_back(SOON);
}

#[test]
fn the_live_picture_survives_its_ring_and_ends_by_a_signal() {
    let _alone = alone();
    let cluster = Cluster::start(2);
    let place = cluster.director.place();
    let window = live(&place, (80, 24));
    window.sees("2 members · closed", SOON);
    window.press("\t\t");
    window.sees(" · before n", SOON);
    for node in cluster.live() {
        node.quit();
    }
    window.sees("nobody answers", SOON);
    window.sees("no ring is registered", SOON);
    window.signal(Signal::SIGTERM);
    assert_eq!(window.exit_code(SOON), 0);
    window.is_given_back(SOON);
}

/// The system notifies only the shell, which may not pass it on.
#[test]
fn the_live_picture_ends_with_its_window() {
    let _alone = alone();
    let cluster = Cluster::start(2);
    let (viz, place) = (binary("ring-viz"), cluster.director.place());
    let run = format!("{} --join {place}", viz.display());
    for shell in [
        format!("trap '' HUP; {run}; exit $?"),
        format!("exec {run}"),
    ] {
        let mut command = Command::new("sh");
        command.args(["-c", &shell]);
        let mut window = Window::open("ring-viz", (80, 24), &command);
        window.sees("2 members · closed", SOON);
        window.close();
        assert_eq!(window.exit_code(SOON), 0, "{shell}");
    }
}

#[test]
fn two_parts_of_a_cut_network_are_seen_side_by_side() {
    let _alone = alone();
    let Some(network) = Network::or_skip(7) else {
        return;
    };
    let cluster = Cluster::across(&network, 6);
    let place = cluster.director.place();
    // The window is on the director's host, which reaches both parts.
    let window = live_on(&network.host(0), &place, (120, 30));
    window.sees("6 members · closed", SOON);
    let hosts = |numbers: std::ops::RangeInclusive<u8>| -> Vec<_> {
        numbers.map(|number| network.host(number)).collect()
    };
    network.part(&hosts(1..=4), &hosts(5..=6), Refusal::Reset);
    window.sees("2 rings, side by side", REST);
    window.wait("shows both closed", REST, |text| {
        let both = text
            .lines()
            .any(|row| row.contains("4 members") && row.contains("2 members"));
        both && text.matches(" closed ").count() == 2 && !text.contains("not closed")
    });
    network.heal();
    window.sees("6 members · closed", 2 * REST);
    window.sees("the ring is one again", SOON);
}

#[test]
fn who_looks_disturbs_nobody_and_everybody_is_told_once() {
    let _alone = alone();
    let cluster = Cluster::start(5);
    let live = cluster.live();
    for node in &live {
        // Each node prints once, after `ready`, that anyone can join.
        let is_open = |event: &Event| matches!(event, Event::Notice(_));
        node.wait_for_event("says that anybody can join", 0, IN_TIME, |event| {
            is_open(event).then_some(())
        });
    }
    let marks: Vec<usize> = live.iter().map(|node| node.mark()).collect();
    let place = cluster.director.place();
    for format in ["json", "svg", "dot"] {
        let look = look(&place, format);
        assert_eq!(look.code, 0, "{look:?}");
    }
    live[0].say("still the five of us");
    cluster.everything_everywhere(EVERYWHERE);
    for (node, mark) in live.iter().zip(marks) {
        let journal = node.journal();
        let observed =
            |event: &&Event| matches!(event, Event::Notice(notice) if notice.code == "observer");
        assert_eq!(journal.since(mark).filter(observed).count(), 1);
        let others: Vec<&Event> = journal
            .since(mark)
            .filter(|event| !observed(event))
            // `reached` for the message may come before or after the mark.
            .filter(|event| match event {
                Event::Message(_) => false,
                Event::Other(kind) => kind != "reached",
                _ => true,
            })
            .collect();
        assert!(others.is_empty(), "somebody was noticed: {others:?}");
        assert_eq!(journal.stderr_text(), "");
    }
    cluster.one_ring(REST);
    cluster.check();
}

#[test]
fn pictures_name_everybody() {
    let _alone = alone();
    let cluster = Cluster::start(3);
    let place = cluster.director.place();
    let svg = look(&place, "svg").stdout;
    assert!(
        svg.starts_with("<svg ") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
    assert!(
        svg.contains("<title>A ring of 3 members, closed</title>"),
        "{svg}"
    );
    let dot = look(&place, "dot").stdout;
    assert!(
        dot.starts_with("digraph ring {") && dot.ends_with("}\n"),
        "{dot}"
    );
    for node in cluster.live() {
        let name = node.ready(IN_TIME).name;
        assert!(svg.contains(&format!(">{name}</text>")), "{svg}");
        assert!(dot.contains(&format!("label=\"{name}\"")), "{dot}");
    }
}

#[test]
fn one_node_alone_is_a_closed_ring() {
    let _alone = alone();
    let cluster = Cluster::start(1);
    let look = look(&cluster.director.place(), "json");
    assert_eq!(look.code, 0, "{look:?}");
    let ring = look.ring();
    let [member] = ring.members.as_slice() else {
        panic!("not one member: {ring:?}");
    };
    assert_eq!((member.predecessor, member.successor), (None, None));
}

#[test]
fn a_frozen_node_leaves_the_ring_open_until_it_is_out() {
    let _alone = alone();
    let cluster = Cluster::start(5);
    let place = cluster.director.place();
    let frozen = Arc::clone(&cluster.in_ring_order()[2]);
    let others = cluster.others(&frozen);
    let since = Instant::now();
    frozen.freeze();
    // Too short for a second look, by which time the ring might have closed again.
    let open = run(&["--join", &place, "--once", "--timeout", "1"]);
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
    view_of(&others, since, REST);
    let ring = closes(&others, &place, REST);
    assert_eq!(ring.members.len(), others.len());
    frozen.thaw();
    cluster.one_ring(REST);
    assert_eq!(closes(&cluster.live(), &place, REST).members.len(), 5);
}

#[test]
fn after_the_coordinators_death_the_next_one_is_shown() {
    let _alone = alone();
    let cluster = Cluster::start(4);
    let place = cluster.director.place();
    let old = cluster.coordinator();
    old.kill();
    let survivors = cluster.live();
    let ring = closes(&survivors, &place, REST);
    assert_eq!(ring.members.len(), survivors.len());
    cluster.one_ring(REST);
    assert_eq!(ring.coordinator, cluster.coordinator().id());
}

/// Runs `ring-viz` until it shows a closed ring.
#[track_caller]
fn closes(nodes: &[Arc<Node>], place: &str, within: Duration) -> Ring {
    let witnesses: Vec<&dyn Witness> = nodes
        .iter()
        .map(|node| node.as_ref() as &dyn Witness)
        .collect();
    let look: Look = poll("ring-viz sees a closed ring", within, &witnesses, || {
        let look = look(place, "json");
        (look.code == 0).then(|| look.clone()).ok_or(look.stdout)
    });
    look.ring()
}

#[test]
fn without_a_ring_it_exits_3_in_time_and_says_so() {
    let _alone = alone();
    let director = Director::start();
    let empty = director.place();
    let since = Instant::now();
    let look_at_empty = look(&empty, "json");
    assert_eq!(look_at_empty.code, 3, "{look_at_empty:?}");
    assert!(
        since.elapsed() < Duration::from_secs(5),
        "an empty director is no reason to wait"
    );
    let gone = Director::start().place();
    let at_nobody = run(&["--join", &gone, "--once", "--timeout", "1"]);
    assert_eq!(at_nobody.code, 3, "{at_nobody:?}");
    for (look, place) in [(look_at_empty, empty), (at_nobody, gone)] {
        assert_eq!(look.stdout, "");
        assert!(look.stderr.contains(&place), "which director? {look:?}");
    }
}

#[test]
fn a_view_that_its_coordinator_did_not_sign_is_shown_to_nobody() {
    let _alone = alone();
    let nowhere = "127.0.0.1:1";
    let signed = look(&Impostor::start(3, nowhere, true).place(), "json");
    assert_eq!(signed.ring().members.len(), 3, "{signed:?}");
    let unsigned = look(&Impostor::start(3, nowhere, false).place(), "json");
    assert_eq!(unsigned.code, 3, "{unsigned:?}");
    assert_eq!(unsigned.stdout, "");
}

#[test]
fn a_ring_of_invented_members_makes_nobody_who_looks_scan_a_host() {
    let _alone = alone();
    let target = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let place = target.local_addr().expect("it is bound").to_string();
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visits);
    std::thread::spawn(move || {
        for _ in target.incoming() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let since = Instant::now();
    let impostor = Impostor::start(300, &place, true);
    let look = run(&["--join", &impostor.place(), "--once", "--timeout", "2"]);
    assert_eq!(look.code, 6, "{look:?}");
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
    let _alone = alone();
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
        let look = run(arguments);
        assert_eq!(look.code, 2, "{arguments:?}: {look:?}");
        assert_eq!(look.stdout, "", "{arguments:?}");
        assert!(!look.stderr.is_empty(), "{arguments:?} gives no reason");
        assert!(
            !look.stderr.contains("#stray"),
            "a secret is said: {look:?}"
        );
    }
}

#[test]
fn a_mistyped_secret_exits_4_and_is_not_repeated() {
    let _alone = alone();
    let look = run(&["--once", "--join", "ringtalk://127.0.0.1:1/#mistyped"]);
    assert_eq!(look.code, 4, "{look:?}");
    assert!(!look.stderr.contains("mistyped"), "{look:?}");
}

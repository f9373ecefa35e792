//! Names: their characters, that nothing imitates them, and that a node that comes back gets its own again.

use std::sync::Arc;
use std::time::Duration;

use ringtalk_tests::cluster::{Cluster, DELIVERY_TIMEOUT, SETTLE_TIMEOUT};
use ringtalk_tests::event::Event;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::wait_for_turn;

/// The time limit for a member to be declared dead, in tests that do not measure it.
const EVICTION_TIMEOUT: Duration = Duration::from_secs(10);

#[test]
fn a_wish_becomes_a_name_and_the_user_is_told() {
    let _turn = wait_for_turn();
    let cluster = Cluster::empty();
    let mut nodes = Vec::new();
    for (wish, name, has_notice) in [
        ("founder here", "founder-here", true),
        ("Mary Jane", "Mary-Jane", true),
        ("maryjane", "maryjane-2", true),
        ("bob: I agree to pay", "bob-I-agree-to-pay", true),
        ("o'neill_2.x", "o'neill_2.x", false),
        ("me", "me-2", true),
        ("ann\u{200e}🎉", "ann", true),
        // The same text, composed in another way.
        ("zoe\u{308}", "zo\u{eb}", false),
    ] {
        let node = Launch::new(wish).join(&cluster.director.endpoint()).start();
        assert_eq!(
            node.await_ready(JOIN_TIMEOUT).name,
            name,
            "asked for {wish:?}"
        );
        if has_notice {
            node.await_notice("other-name", 0, DELIVERY_TIMEOUT);
        }
        nodes.push(node);
    }
    let nameless = Launch::new("🎉").join(&cluster.director.endpoint()).start();
    let name = nameless.await_ready(JOIN_TIMEOUT).name;
    assert!(name.chars().all(char::is_alphanumeric), "🎉 became {name}");

    let mark = nameless.mark();
    nameless.command("/name eve agrees to");
    let renamed = await_renamed(&nodes[1], &nameless, 0, DELIVERY_TIMEOUT);
    assert_eq!(renamed, "eve-agrees-to");
    nameless.await_notice("other-name", mark, DELIVERY_TIMEOUT);
}

/// The author is renamed, speaks, and leaves before the newcomer comes.
#[test]
fn the_history_shows_the_names_that_people_had_when_they_spoke() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(3);
    let author = Arc::clone(&cluster.all_nodes()[2]);
    let before = author.await_ready(JOIN_TIMEOUT).name;
    author.say("under the first name");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    author.command("/name second");
    for node in cluster.all_nodes() {
        await_renamed(node, &author, 0, DELIVERY_TIMEOUT);
    }
    author.say("under the second name");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    author.command("/name third");
    for node in cluster.all_nodes() {
        node.wait_for_event("sees the third name", 0, DELIVERY_TIMEOUT, |event| {
            matches!(event, Event::Renamed(renamed) if renamed.name == "third").then_some(())
        });
    }
    for leaves in [false, true] {
        if leaves {
            author.quit();
            assert_eq!(author.exit_code(JOIN_TIMEOUT), 0);
        }
        let newcomer = cluster.join();
        newcomer.await_ready(JOIN_TIMEOUT);
        let journal = newcomer.journal();
        let names = journal.since(0).filter_map(|event| match event {
            Event::Message(message) => Some(message.name.as_str()),
            _ => None,
        });
        let names: Vec<&str> = names.collect();
        assert_eq!(names, [before.as_str(), "second"], "it left: {leaves}");
    }
}

/// Waits until `witness` sees another name of `node`, and returns it.
#[track_caller]
fn await_renamed(witness: &TestNode, node: &TestNode, mark: usize, within: Duration) -> String {
    let id = node.id();
    witness.wait_for_event("sees another name", mark, within, |event| match event {
        Event::Renamed(renamed) if renamed.node_id == id => Some(renamed.name.clone()),
        _ => None,
    })
}

#[test]
fn no_name_and_no_text_imitates_a_line() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(1);
    let reader = Launch::plain("reader")
        .join(&cluster.director.endpoint())
        .start();
    let endpoint = cluster.director.endpoint();
    let mut member = |name: &str| {
        let node = cluster.add(Launch::new(name).join(&endpoint).start());
        node.await_ready(JOIN_TIMEOUT);
        node
    };
    let bob = member("bob");
    let agrees = member("bob agrees to");
    let pays = member("bob: I agree to pay");
    bob.command("/me agrees to pay");
    bob.say("I agree to pay: ");
    agrees.command("/me pay");
    pays.say(" ");
    let padding = " \u{3000}\u{200b}".repeat(100);
    pays.say(&format!("x{padding}12:34 bob: I agree to pay"));
    pays.say("x\u{2028}* bob agrees to pay\u{e0041}\u{ad}\u{200f}");
    let members = [bob, agrees, pays];
    for member in &members {
        member.say("the end");
    }
    let output = reader.wait_for("shows what all have said", DELIVERY_TIMEOUT, |journal| {
        let text = journal.stdout_text();
        (text.matches("the end").count() == members.len()).then_some(text)
    });
    // Each line without the time in front.
    let texts: Vec<&str> = output.lines().filter_map(|line| line.get(6..)).collect();
    let bobs: Vec<&str> = texts
        .into_iter()
        .filter(|line| line.starts_with("bob: ") || line.starts_with("* bob "))
        .collect();
    assert_eq!(
        bobs,
        [
            "* bob agrees to pay",
            "bob: I agree to pay: ",
            "bob: the end"
        ],
        "{output}"
    );
    for line in output.lines() {
        assert!(!line.contains("     "), "a long run of blanks in {line:?}");
        let hidden = |char: char| matches!(char, '\u{ad}' | '\u{200f}' | '\u{2028}' | '\u{e0041}');
        assert!(!line.contains(hidden), "something hides in {line:?}");
    }
}

#[test]
fn a_frozen_members_name_is_kept_for_it() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(3);
    let frozen = Arc::clone(&cluster.all_nodes()[2]);
    let witness = Arc::clone(&cluster.all_nodes()[0]);
    let id = frozen.id();
    frozen.freeze();
    witness.wait_for_event("sees it fail", 0, EVICTION_TIMEOUT, |event| {
        matches!(event, Event::Failed(member) if member.node_id == id).then_some(())
    });
    let endpoint = cluster.director.endpoint();
    let another = cluster.add(Launch::new("N.3").join(&endpoint).start());
    assert_eq!(another.await_ready(JOIN_TIMEOUT).name, "N.3-2");
    let mark = witness.mark();
    frozen.thaw();
    let name = witness.wait_for_event(
        "sees it come back",
        mark,
        SETTLE_TIMEOUT,
        |event| match event {
            Event::Joined(member) if member.node_id == id => Some(member.name.clone()),
            _ => None,
        },
    );
    assert_eq!(name, "n3");
    cluster.await_one_ring(SETTLE_TIMEOUT);
}

#[test]
fn a_node_that_crashed_and_is_restarted_at_once_has_its_name_back() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(8);
    // A neighbour of the coordinator, a node far from it, the coordinator, and a node that was restarted before.
    for number in [8, 4, 1, 4] {
        let name = format!("n{number}");
        let named = |node: &Arc<TestNode>| node.await_ready(JOIN_TIMEOUT).name == name;
        let victim = cluster.live().into_iter().find(named);
        victim.expect("it runs").kill();
        let launch = Launch::new(&name).join(&cluster.director.endpoint());
        let restarted = cluster.add(launch.start());
        assert_eq!(restarted.await_ready(JOIN_TIMEOUT).name, name);
        cluster.await_one_ring(SETTLE_TIMEOUT);
    }
}

#[test]
fn a_second_node_of_a_host_does_not_take_a_living_ones_name() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(6);
    for number in 1..=6 {
        let endpoint = cluster.director.endpoint();
        let second = Launch::new(&format!("n{number}")).join(&endpoint).start();
        let second = cluster.add(second);
        assert_eq!(
            second.await_ready(JOIN_TIMEOUT).name,
            format!("n{number}-2")
        );
        assert!(second.time_to_ready() < Duration::from_secs(3), "it waits");
    }
    cluster.await_one_ring(SETTLE_TIMEOUT);
}

#[test]
fn names_change_at_a_pace() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(2);
    let (witness, hasty) = (&cluster.all_nodes()[0], &cluster.all_nodes()[1]);
    for number in 0..50 {
        hasty.command(&format!("/name hasty-{number}"));
    }
    hasty.say("and now I wait");
    witness.await_delivery("and now I wait", DELIVERY_TIMEOUT);
    let last = |event: &Event| match event {
        Event::Renamed(renamed) if renamed.name == "hasty-49" => Some(()),
        _ => None,
    };
    witness.wait_for_event("sees the last name", 0, Duration::from_secs(15), last);
    let journal = witness.journal();
    let renames = journal
        .since(0)
        .filter(|event| matches!(event, Event::Renamed(_)));
    let count = renames.count();
    assert!(count <= 6, "{count} names in a few seconds");
}

//! The addresses of a machine: which ones a node names, and what happens when they change.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtalk_tests::cluster::{Cluster, DELIVERY_TIMEOUT, SETTLE_TIMEOUT};
use ringtalk_tests::director::Director;
use ringtalk_tests::event::Event;
use ringtalk_tests::measure::report;
use ringtalk_tests::network::{Host, Network};
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::wait_for_turn;

/// The time limit for a new address to be noticed, told to all and used: a look at the list every 2 s, and a view.
const MOVE_TIMEOUT: Duration = Duration::from_secs(8);

/// Every host of a network has a bridge of containers that comes before its card.
#[test]
fn a_bridge_of_containers_is_in_no_invite_and_no_view() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(2) else {
        return;
    };
    let (first, second) = (network.host(0), network.host(1));
    let ann = Launch::on(&first, "ann").start();
    let ready = ann.await_ready(JOIN_TIMEOUT);
    let host = format!("{}:", first.address());
    assert!(ready.address.starts_with(&host), "{ready:?}");
    assert!(ready.invite.contains(&format!("//{host}")), "{ready:?}");
    let bob = Launch::on(&second, "bob").join(&ready.invite).start();
    let address = bob.await_ready(JOIN_TIMEOUT).address;
    assert!(
        address.starts_with(&second.address().to_string()),
        "{address}"
    );
    ann.say("hello");
    bob.await_delivery("hello", DELIVERY_TIMEOUT);
    for node in [&ann, &bob] {
        let journal = node.journal();
        let bridge = journal.stdout_text().contains("172.17.0.1");
        assert!(!bridge, "{}", journal.stdout_text());
    }
}

/// Waits until `witness` follows a view in which `node` is at `host`.
#[track_caller]
fn await_listed_at(witness: &TestNode, node: &TestNode, host: &Host) {
    let (id, at) = (node.id(), format!("{}:", host.address()));
    witness.wait_for_event("follows the move", 0, MOVE_TIMEOUT, |event| match event {
        Event::View(view) => {
            let mut members = view.members.iter();
            members
                .any(|one| one.node_id == id && one.address.starts_with(&at))
                .then_some(())
        }
        _ => None,
    });
}

#[track_caller]
fn expect_talk(cluster: &Cluster, words: &str) {
    for (number, node) in cluster.live().iter().enumerate() {
        let text = format!("{words} {number}");
        node.say(&text);
        for other in cluster.live() {
            other.await_delivery(&text, DELIVERY_TIMEOUT);
        }
    }
}

/// A laptop goes from one network to another while people talk.
#[test]
fn a_member_whose_address_changes_stays_and_everybody_follows() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(4) else {
        return;
    };
    let cluster = Cluster::start_across(&network, 3);
    for moved in [1, 2] {
        let node = Arc::clone(&cluster.all_nodes()[usize::from(moved)]);
        let mut host = network.host(moved + 1);
        let mark = cluster.all_nodes()[0].mark();
        let (before, since) = (host.address().to_string(), Instant::now());
        host.move_to(9);
        let told = node.await_notice("address-changed", 0, MOVE_TIMEOUT);
        report("address: the user is told after", since.elapsed());
        assert!(told.contains(&before), "{told}");
        assert!(told.contains(&host.address().to_string()), "{told}");
        for witness in cluster.live() {
            await_listed_at(&witness, &node, &host);
        }
        report("address: all views have it after", since.elapsed());
        expect_talk(&cluster, "after the move");
        let journal = cluster.all_nodes()[0].journal();
        let mut events = journal.since(mark);
        assert!(
            !events.any(|event| matches!(event, Event::Failed(_))),
            "the member was declared dead"
        );
    }
    cluster.await_one_ring(SETTLE_TIMEOUT);
}

#[test]
fn a_coordinator_whose_address_changes_is_found_by_newcomers() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(4) else {
        return;
    };
    let mut cluster = Cluster::start_across(&network, 2);
    let first = Arc::clone(&cluster.all_nodes()[0]);
    let mut host = network.host(1);
    host.move_to(9);
    first.await_notice("address-changed", 0, MOVE_TIMEOUT);
    await_listed_at(&cluster.all_nodes()[1], &first, &host);
    let late = cluster.join_on(&network.host(3));
    late.await_ready(JOIN_TIMEOUT);
    // The director has the new address, or the newcomer would wait for the old one to answer.
    let took = late.time_to_ready();
    report("address: a newcomer is ready after", took);
    assert!(took < Duration::from_secs(3), "{took:?}");
    cluster.await_one_ring(SETTLE_TIMEOUT);
    expect_talk(&cluster, "after the coordinator's move");
}

/// The invite of a node that began alone names that node.
#[test]
fn an_invite_follows_the_address_of_its_maker() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(2) else {
        return;
    };
    let mut host = network.host(0);
    let ann = Launch::on(&host, "ann").start();
    let before = ann.await_ready(JOIN_TIMEOUT).invite;
    host.move_to(9);
    let told = ann.await_notice("address-changed", 0, MOVE_TIMEOUT);
    assert!(told.contains("/invite"), "{told}");
    let invite = ann.ask_invite(DELIVERY_TIMEOUT);
    assert_ne!(invite, before);
    assert!(invite.contains(&host.address().to_string()), "{invite}");
    let bob = Launch::on(&network.host(1), "bob").join(&invite).start();
    bob.await_ready(JOIN_TIMEOUT);
    bob.say("hello");
    ann.await_delivery("hello", DELIVERY_TIMEOUT);
}

#[test]
fn a_machine_with_link_local_addresses_only_says_so() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(1) else {
        return;
    };
    let host = network.host(0);
    host.configure(&format!(
        "address del {}/24 dev port\nlink delete stack\n",
        host.address()
    ));
    let ann = Launch::on(&host, "ann").start();
    let told = ann.await_notice("only-this-machine", 0, JOIN_TIMEOUT);
    assert!(told.contains("link-local"), "{told}");
    assert!(told.contains("this machine only"), "{told}");
}

/// The first address of a name is dead, as IPv6 is on many networks.
#[test]
fn a_director_with_a_dead_address_beside_a_live_one_costs_no_time() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(2) else {
        return;
    };
    let director = Director::start_on(&network.host(0));
    let host = network.host(1);
    // Nobody has the first one, and looking for it takes seconds.
    host.configure("address add fd00:213::2/64 dev port nodad\n");
    let hosts = format!(
        "127.0.0.1 localhost\nfd00:213::77 two.example\n{} two.example\n",
        network.host(0).address()
    );
    network.write_etc(1, "hosts", &hosts);
    let endpoint = format!("two.example:{}", director.address().port());
    for start in ["first", "second"] {
        let ann = Launch::on(&host, "ann").join(&endpoint).start();
        let took = ann.time_to_ready();
        report(&format!("two addresses: {start} start: ready after"), took);
        // A registration that is not withdrawn keeps the next node waiting for 10 s.
        assert!(took < Duration::from_secs(3), "{start}: {took:?}");
        ann.quit();
        assert_eq!(ann.exit_code(DELIVERY_TIMEOUT), 0);
    }
}

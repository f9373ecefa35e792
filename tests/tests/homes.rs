//! Members behind routers that translate addresses: nobody can dial them, so they need a third that all of them reach.

use std::time::Duration;

use ringtalk_tests::cluster::await_one_ring;
use ringtalk_tests::director::Director;
use ringtalk_tests::event::Event;
use ringtalk_tests::measure::report;
use ringtalk_tests::network::{Capture, Network};
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::wait_for_turn;

/// The time limit for a text to be delivered.
const SHOW_TIMEOUT: Duration = Duration::from_secs(10);
/// The time limit for a ring to be whole after a death.
const RING_TIMEOUT: Duration = Duration::from_secs(15);
/// Words that a director must not see.
const WORDS: &str = "nobody on the way reads this line";
const ANSWER: &str = "and nobody reads the answer";

/// The text of the notice that a director carries a link, if this is one.
fn carried_text(event: &Event) -> Option<String> {
    match event {
        Event::Notice(notice) if notice.code == "carried" => Some(notice.message.clone()),
        _ => None,
    }
}

#[track_caller]
fn await_carried_text(node: &TestNode) -> String {
    let what = "the word that a director carries a link";
    node.wait_for_event(what, 0, SHOW_TIMEOUT, carried_text)
}

#[test]
fn two_homes_talk_through_a_director_that_reads_nothing() {
    let _turn = wait_for_turn();
    let Some(network) = Network::with_homes_or_skip(1, 2) else {
        return;
    };
    let director = Director::start_carrying_on(&network.host(0), 4);
    let capture = Capture::on(&network.host(0));
    let ann = Launch::on(&network.home(0), "annabel");
    let ann = ann.arguments(&["--start", &director.endpoint()]).start();
    let invite = ann.await_ready(JOIN_TIMEOUT).invite;
    let bob = Launch::on(&network.home(1), "bobbie").join(&invite).start();
    bob.await_ready(JOIN_TIMEOUT);
    report("two homes: the second is ready after", bob.time_to_ready());
    ann.say(WORDS);
    bob.await_delivery(WORDS, SHOW_TIMEOUT);
    bob.say(ANSWER);
    ann.await_delivery(ANSWER, SHOW_TIMEOUT);
    let told = [await_carried_text(&ann), await_carried_text(&bob)];
    assert!(
        told[0].contains("you and bobbie are both behind routers"),
        "{told:?}"
    );
    assert!(
        told[1].contains(&format!("the director at {}", director.endpoint())),
        "{told:?}"
    );

    let (_, secret) = invite.split_once('#').expect("a private discussion");
    assert!(capture.contains(b"POST /circuit"), "it captures");
    assert!(capture.contains(b"RTLK"), "the link passes");
    for private in [WORDS, ANSWER, secret, "annabel", "bobbie"] {
        assert!(!capture.contains(private.as_bytes()), "{private}");
    }
}

#[test]
fn five_homes_are_one_ring_and_survive_the_death_of_the_first() {
    let _turn = wait_for_turn();
    let Some(network) = Network::with_homes_or_skip(1, 5) else {
        return;
    };
    let director = Director::start_carrying_on(&network.host(0), 32);
    let nodes: Vec<_> = (0..5)
        .map(|number| {
            let node = Launch::on(&network.home(number), &format!("n{number}"));
            let node = node.join(&director.endpoint()).start();
            node.await_ready(JOIN_TIMEOUT);
            report(&format!("home {number}: ready after"), node.time_to_ready());
            std::sync::Arc::new(node)
        })
        .collect();
    await_one_ring(&nodes, RING_TIMEOUT);
    nodes[4].say(WORDS);
    for node in &nodes[..4] {
        node.await_delivery(WORDS, SHOW_TIMEOUT);
    }
    nodes[0].kill();
    await_one_ring(&nodes[1..], RING_TIMEOUT);
    nodes[1].say(ANSWER);
    for node in &nodes[2..] {
        node.await_delivery(ANSWER, SHOW_TIMEOUT);
    }
}

/// Each director may join the two before the other one does.
#[test]
fn two_homes_find_each_other_at_two_directors_that_carry() {
    let _turn = wait_for_turn();
    let Some(network) = Network::with_homes_or_skip(2, 2) else {
        return;
    };
    let directors = [0, 1].map(|number| Director::start_carrying_on(&network.host(number), 4));
    let [ann, bob] = [(0, "ann"), (1, "bob")].map(|(home, name)| {
        let mut launch = Launch::on(&network.home(home), name);
        for director in &directors {
            launch = launch.join(&director.endpoint());
        }
        let node = launch.start();
        node.await_ready(JOIN_TIMEOUT);
        node
    });
    report("two homes, two directors: ready after", bob.time_to_ready());
    for round in 0..5 {
        let [there, back] = ["there", "back"].map(|way| format!("{way} {round}"));
        ann.say(&there);
        bob.await_delivery(&there, SHOW_TIMEOUT);
        bob.say(&back);
        ann.await_delivery(&back, SHOW_TIMEOUT);
    }
    await_carried_text(&ann);
}

#[test]
fn without_a_third_that_carries_the_user_is_told_what_to_do() {
    let _turn = wait_for_turn();
    let Some(network) = Network::with_homes_or_skip(1, 2) else {
        return;
    };
    let director = Director::start_on(&network.host(0));
    let ann = Launch::on(&network.home(0), "ann").join(&director.endpoint());
    let ann = ann.start();
    ann.await_ready(JOIN_TIMEOUT);
    let bob = Launch::on(&network.home(1), "bob").join(&director.endpoint());
    let bob = bob.arguments(&["--timeout", "8"]).start();
    assert_eq!(bob.exit_code(JOIN_TIMEOUT), 3);
    let journal = bob.journal();
    let errors = journal.since(0).filter_map(|event| match event {
        Event::Error(error) => Some(error.message.clone()),
        _ => None,
    });
    let last = errors.last().expect("an error");
    assert!(last.contains("director --carry"), "{last}");
}

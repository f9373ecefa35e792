//! People talk: everyone reads what one types, once, whole, and after the message that it answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtalk_tests::cluster::{Cluster, DELIVERY_TIMEOUT, SETTLE_TIMEOUT, await_one_ring};
use ringtalk_tests::director::Director;
use ringtalk_tests::event::Event;
use ringtalk_tests::id::MessageId;
use ringtalk_tests::measure::{latency, report};
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::talk::talk_for;
use ringtalk_tests::{settings, texts, wait_for_turn};

/// The time limit for a node to be ready if no other starts at the same time.
const READY_LIMIT: Duration = Duration::from_secs(1);

/// The same for eight that start at once, on two cores.
const ALL_READY_LIMIT: Duration = Duration::from_secs(5);

#[test]
fn eight_nodes_started_in_turn_are_ready_within_a_second_each() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::empty();
    let times: Vec<Duration> = (0..8).map(|_| cluster.join().time_to_ready()).collect();
    report("start to ready, eight in turn", &times);
    cluster.await_one_ring(SETTLE_TIMEOUT);
    assert!(
        times.iter().all(|time| *time < READY_LIMIT),
        "somebody took over {READY_LIMIT:?}: {times:?}"
    );
    cluster.check();
}

#[test]
fn eight_nodes_started_at_once_form_one_ring() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::empty();
    let nodes: Vec<Arc<TestNode>> = (0..8).map(|_| cluster.join()).collect();
    let times: Vec<Duration> = nodes.iter().map(|node| node.time_to_ready()).collect();
    report("start to ready, eight at once", &times);
    cluster.await_one_ring(SETTLE_TIMEOUT);
    assert!(
        times.iter().all(|time| *time < ALL_READY_LIMIT),
        "over {ALL_READY_LIMIT:?}: {times:?}"
    );
    nodes[5].say("hello, all of you");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    cluster.check();
}

#[test]
fn two_hundred_messages_a_second_reach_everybody_once_in_causal_order() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(8);
    let authors: Vec<Arc<TestNode>> = [1, 3, 6]
        .map(|n| Arc::clone(&cluster.all_nodes()[n]))
        .into();
    let since = Instant::now();
    let sent = talk_for(&authors, 200, settings::soak_time());
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    let times = latency(&cluster.records(), since, Instant::now());
    report("latency at 200 messages/s, eight nodes", times);
    let checked = cluster.check();
    assert_eq!(
        checked.messages as u64, sent,
        "messages that were never delivered, or too many"
    );
    assert_eq!(checked.deliveries as u64, sent * 8, "deliveries");
    assert!(times.p99 < Duration::from_secs(1), "slow: {times:?}");
}

#[test]
fn fifty_lines_pasted_into_each_of_eight_nodes_arrive_whole() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(8);
    for node in cluster.all_nodes() {
        node.paste(&texts::paste(node.process().label(), 50));
    }
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    let checked = cluster.check();
    assert_eq!((checked.messages, checked.deliveries), (400, 3200));
}

/// One author sends as fast as its stdin is read: nothing is lost, and the author waits when it must.
#[test]
fn ten_thousand_lines_of_one_author_reach_four_nodes() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(4);
    let lines: Vec<String> = (0..10_000)
        .map(|number| format!("line {number} of a long paste"))
        .collect();
    let since = Instant::now();
    cluster.live()[0].paste(&lines);
    cluster.await_delivery_everywhere(Duration::from_secs(30));
    let rate = 10_000.0 / since.elapsed().as_secs_f64();
    report("messages a second of one author, four nodes", rate.round());
    cluster.check();
}

/// Twice as many messages as the log keeps, faster than a busy machine can forward them.
#[test]
fn pastes_of_eight_nodes_at_once_reach_all_nodes() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(8);
    let since = Instant::now();
    for node in cluster.live() {
        let name = node.process().label();
        let line = |number| format!("{:.<256}", format!("{name} says {number} "));
        let lines: Vec<String> = (0..2_500).map(line).collect();
        node.paste(&lines);
    }
    cluster.await_delivery_everywhere(Duration::from_secs(60));
    report(
        "eight paste 2,500 lines of 256 bytes each, all everywhere",
        since.elapsed(),
    );
    for node in cluster.live() {
        let gap = |event: &Event| matches!(event, Event::Gap(_));
        assert!(
            !node.journal().since(0).any(gap),
            "a gap at {}",
            node.process().label()
        );
    }
    cluster.check();
}

/// More messages than may wait for a reader, faster than it reads: the authors wait, and it misses none.
#[test]
fn authors_wait_for_a_slow_reader() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let start = |launch: Launch| {
        let node = launch.join(&director.endpoint()).start();
        node.await_ready(JOIN_TIMEOUT);
        node
    };
    let reader = start(Launch::new("reader").with_reader_pace(20_000));
    let authors = ["bob", "carol", "dan", "eve"].map(|name| start(Launch::new(name)));
    let since = Instant::now();
    for author in &authors {
        let name = author.process().label();
        let line = |number| format!("{:.<256}", format!("{name} says {number} "));
        author.paste(&(1..=40_000).map(line).collect::<Vec<_>>());
    }
    for author in &authors {
        let last = format!(
            "{:.<256}",
            format!("{} says 40000 ", author.process().label())
        );
        reader.await_delivery(&last, Duration::from_secs(60));
    }
    report(
        "four paste 40,000 lines each, all read at 20,000 a second",
        since.elapsed(),
    );
    for author in &authors {
        assert_eq!(reader.journal().delivered.get(&author.id()), Some(&40_000));
    }
    let gap = |event: &Event| matches!(event, Event::Gap(_));
    assert!(!reader.journal().since(0).any(gap));
}

#[test]
fn a_latecomer_has_everything_keeps_it_and_hands_it_on() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(3);
    let old = cluster.live();
    for node in &old {
        let lines: Vec<String> = (0..334).map(|n| format!("old line {n}")).collect();
        node.paste(&lines[..333 + usize::from(node.process().label() == "n1")]);
    }
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);

    let latecomer = cluster.join();
    report(
        "start to ready with 1,000 messages",
        latecomer.time_to_ready(),
    );
    assert_eq!(
        history_before_ready(&latecomer),
        1000,
        "messages before `ready`"
    );
    old[1].say("the next message");
    latecomer.await_delivery("the next message", DELIVERY_TIMEOUT);
    assert_eq!(
        transcript_length(&latecomer),
        1001,
        "its transcript after the next message"
    );

    old[0].quit();
    old[0].exit_code(JOIN_TIMEOUT);
    old[1].quit();
    old[1].exit_code(JOIN_TIMEOUT);
    old[2].kill();
    cluster.await_one_ring(SETTLE_TIMEOUT);
    let second = cluster.join();
    second.await_ready(JOIN_TIMEOUT);
    assert_eq!(
        history_before_ready(&second),
        1001,
        "what a latecomer hands on"
    );
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.check();
}

/// Returns how many messages a node delivered as history before `ready`.
#[track_caller]
fn history_before_ready(node: &TestNode) -> usize {
    let journal = node.journal();
    let is_ready = |event: &&Event| matches!(event, Event::Ready(_));
    let before = journal.since(0).take_while(|event| !is_ready(event));
    let history = |event: &Event| matches!(event, Event::Message(message) if message.history);
    before.filter(|event| history(event)).count()
}

#[track_caller]
fn transcript_length(node: &TestNode) -> usize {
    let mark = node.mark();
    node.command("/transcript");
    node.wait_for_event(
        "answers /transcript",
        mark,
        DELIVERY_TIMEOUT,
        |event| match event {
            Event::Transcript(transcript) => Some(transcript.ids.len()),
            _ => None,
        },
    )
}

#[test]
fn sixteen_kib_are_accepted_and_one_byte_more_is_refused() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(2);
    let author = &cluster.all_nodes()[1];
    author.say(&texts::of_length("exactly ", texts::MAX_BYTES));
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);

    for bytes in [texts::MAX_BYTES + 1, 1024 * 1024] {
        let mark = author.mark();
        let line = texts::of_length("too long ", bytes) + "\n";
        author.write_raw(line.as_bytes());
        let error = refusal(author, mark);
        assert!(
            error.contains("16"),
            "the error for {bytes} bytes does not say the limit: {error}"
        );
    }
    author.say("and it goes on");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    assert_eq!(cluster.check().messages, 2);
}

#[test]
fn invalid_text_is_refused_and_empty_lines_are_ignored() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(2);
    let author = &cluster.all_nodes()[0];
    for line in [
        &b"broken \xff\xfe UTF-8\n"[..],
        b"cut short \xe5\xad\n",
        b"/dance\n",
        b"/name\n",
    ] {
        let mark = author.mark();
        author.write_raw(line);
        let error = refusal(author, mark);
        assert!(
            !error.is_empty(),
            "an error without a message for {:?}",
            line.escape_ascii()
        );
    }
    author.write_raw(b"\n\n\n");
    author.say("still here");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    assert_eq!(
        cluster.check().messages,
        1,
        "an empty or refused line became a message"
    );
}

/// Waits for the next `error` event, and returns its text.
#[track_caller]
fn refusal(node: &TestNode, mark: usize) -> String {
    node.wait_for_event(
        "says what it refuses",
        mark,
        DELIVERY_TIMEOUT,
        |event| match event {
            Event::Error(error) => Some(error.message.clone()),
            _ => None,
        },
    )
}

#[test]
fn slashes_and_control_characters_arrive_unchanged() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(3);
    let author = &cluster.all_nodes()[2];
    author.say("/x");
    author.say("//two slashes");
    author.say(texts::TERMINAL_CODES);
    for text in texts::CURIOUS {
        author.say(text);
    }
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    for node in cluster.all_nodes() {
        node.await_delivery("/x", DELIVERY_TIMEOUT);
        node.await_delivery(texts::TERMINAL_CODES, DELIVERY_TIMEOUT);
    }
    cluster.check();
}

#[test]
fn everybody_answers_everybody_and_no_answer_precedes_its_question() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(5);
    let nodes = cluster.all_nodes();
    for round in 0..20 {
        let asker = &nodes[round % 5];
        asker.say(&format!("question {round}"));
        for answerer in nodes.iter().filter(|node| !Arc::ptr_eq(node, asker)) {
            answerer.await_delivery(&format!("question {round}"), DELIVERY_TIMEOUT);
            answerer.say(&format!("answer {round} by {}", answerer.process().label()));
        }
    }
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    await_one_ring(nodes, SETTLE_TIMEOUT);
    let checked = cluster.check();
    assert_eq!((checked.messages, checked.deliveries), (100, 500));
    let transcripts: BTreeSet<Vec<MessageId>> =
        nodes.iter().map(|node| node.last_transcript()).collect();
    assert_eq!(transcripts.len(), 1, "transcripts differ");
}

//! Rooms: programs and people create, join and leave them, and others learn what concerns them.

use std::sync::Arc;
use std::time::Duration;

use ringtalk_tests::attack::{spread, wire_id};
use ringtalk_tests::cluster::{Cluster, DELIVERY_TIMEOUT, SETTLE_TIMEOUT};
use ringtalk_tests::event::{Event, Other};
use ringtalk_tests::liar::Liar;
use ringtalk_tests::measure::report;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::wait;
use ringtalk_tests::wait_for_turn;
use ringtalk_wire::{Frame, Item, RingId};

/// The time limit for a command about a room whose members are there.
const ROOM_TIMEOUT: Duration = Duration::from_secs(5);
/// The time after which a node gives up on a room, with some time to spare.
const GIVE_UP_TIMEOUT: Duration = Duration::from_secs(15);

/// A cluster of programs, which write commands as JSON.
fn programs(count: usize) -> (Cluster, Vec<Arc<TestNode>>) {
    let mut cluster = Cluster::empty();
    let nodes = (0..count).map(|_| cluster.join_with(&["--json-input"]));
    let nodes: Vec<_> = nodes.collect();
    cluster.await_one_ring(SETTLE_TIMEOUT);
    (cluster, nodes)
}

/// Writes a command, and waits until it is carried out. Returns the id of the room that was entered.
#[track_caller]
fn run(node: &TestNode, command: &str) -> String {
    let mark = node.mark();
    node.write_raw(format!("{command}\n").as_bytes());
    let answer = node.wait_for_event("is answered", mark, ROOM_TIMEOUT, |event| match event {
        Event::Done(done) => Some(Ok(done.room_id.clone().unwrap_or_default())),
        Event::Error(error) => Some(Err(error.clone())),
        _ => None,
    });
    match answer {
        Ok(room) => room,
        Err(error) => panic!("{command}: {error:?}"),
    }
}

#[track_caller]
fn create(node: &TestNode, name: &str) -> String {
    run(node, &format!(r#"{{"command":"create","room":"{name}"}}"#))
}

#[track_caller]
fn join(node: &TestNode, room: &str) {
    let joined = run(node, &format!(r#"{{"command":"join","room":"{room}"}}"#));
    assert_eq!(joined, room);
}

#[track_caller]
fn say(node: &TestNode, room: &str, text: &str) {
    run(
        node,
        &format!(r#"{{"command":"say","room":"{room}","message":"{text}"}}"#),
    );
}

/// Waits for an event of a room, and returns it.
#[track_caller]
fn await_in(node: &TestNode, name: &str, room: &str, is_it: impl Fn(&Other) -> bool) -> Other {
    let what = format!("is told {name}");
    node.wait_for_event(&what, 0, DELIVERY_TIMEOUT, |event| match event {
        Event::Other(other) if other.is(name, room) && is_it(other) => Some((**other).clone()),
        _ => None,
    })
}

#[track_caller]
fn await_message(node: &TestNode, room: &str, text: &str) -> Other {
    await_in(node, "message", room, |message| {
        message.text("message") == text
    })
}

/// Returns the texts that a node has shown in a room, in order.
fn texts(node: &TestNode, room: &str) -> Vec<String> {
    let journal = node.journal();
    let texts = journal.since(0).filter_map(|event| match event {
        Event::Other(other) if other.is("message", room) => Some(other.text("message").to_owned()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn members_of_a_room_talk_there_and_others_see_nothing_of_it() {
    let _turn = wait_for_turn();
    let (_cluster, nodes) = programs(4);
    let [ann, bob, cyd, dan] = &nodes[..] else {
        panic!("four nodes");
    };
    let room = create(ann, "ops");
    say(ann, "ops", "before");
    join(bob, &room);
    let ready = await_in(bob, "room-ready", &room, |_| true);
    assert_eq!(ready.text("room"), "ops", "the creator's name for it");
    assert_eq!(ready.fields["members"], 2);
    assert_eq!(
        texts(bob, &room),
        ["before"],
        "the history comes before `done`"
    );
    join(cyd, &room);
    for (number, node) in [ann, bob, cyd].into_iter().enumerate() {
        say(node, &room, &format!("text {number}"));
    }
    say(dan, "main", "in main");
    for node in [ann, bob, cyd] {
        let sent: Vec<Other> = (0..3)
            .map(|number| await_message(node, &room, &format!("text {number}")))
            .collect();
        assert_eq!(sent[0].fields["seq"], 3, "the name was the first message");
        assert_eq!(sent[0].text("room"), "ops");
        node.await_delivery("in main", DELIVERY_TIMEOUT);
    }
    assert!(texts(dan, &room).is_empty());
    let journal = dan.journal();
    let of_rooms = journal.since(0).filter(
        |event| matches!(event, Event::Other(other) if other.fields.get("room-id").is_some()),
    );
    assert_eq!(of_rooms.count(), 0, "nothing of a room at somebody outside");
}

#[test]
fn who_leaves_a_room_is_still_in_the_discussion_and_another_looks_after_the_room() {
    let _turn = wait_for_turn();
    let (_cluster, nodes) = programs(3);
    let [ann, bob, cyd] = &nodes[..] else {
        panic!("three nodes");
    };
    let room = create(ann, "tea");
    join(bob, &room);
    join(cyd, &room);
    say(ann, &room, "last words");
    let gone = ann.id().to_string();
    run(ann, r#"{"command":"leave","room":"tea"}"#);
    for node in [bob, cyd] {
        await_message(node, &room, "last words");
        await_in(node, "room-left", &room, |left| {
            left.text("node-id") == gone
        });
        let next = await_in(node, "room-administrator", &room, |_| true);
        assert_eq!(next.text("cause"), "handed-over");
        assert_eq!(next.text("previous"), gone);
    }
    let left = await_in(ann, "room-left", &room, |left| left.text("node-id") == gone);
    assert_eq!(left.text("room"), "tea");
    // It is a member of the discussion, and says nothing in the room any more.
    ann.write_raw(b"{\"command\":\"say\",\"room\":\"tea\",\"message\":\"x\"}\n");
    ann.await_error("no-such-room", 0, DELIVERY_TIMEOUT);
    say(ann, "main", "still here");
    bob.await_delivery("still here", DELIVERY_TIMEOUT);
    // It comes back, and has what was said meanwhile.
    say(bob, &room, "meanwhile");
    join(ann, &room);
    await_message(ann, &room, "meanwhile");
    say(ann, &room, "back");
    await_message(cyd, &room, "back");
}

#[test]
fn a_member_of_a_room_that_dies_is_found_dead_there_too() {
    let _turn = wait_for_turn();
    let (_cluster, nodes) = programs(4);
    let [ann, bob, cyd, _] = &nodes[..] else {
        panic!("four nodes");
    };
    let room = create(ann, "ops");
    join(bob, &room);
    join(cyd, &room);
    say(ann, &room, "hello");
    await_message(cyd, &room, "hello");
    let dead = ann.id().to_string();
    ann.kill();
    for node in [bob, cyd] {
        await_in(node, "room-failed", &room, |failed| {
            failed.text("node-id") == dead
        });
        let next = await_in(node, "room-administrator", &room, |_| true);
        assert_eq!(next.text("cause"), "failed");
    }
    say(bob, &room, "we go on");
    await_message(cyd, &room, "we go on");
}

#[test]
fn a_room_that_nobody_is_in_cannot_be_joined() {
    let _turn = wait_for_turn();
    let (_cluster, nodes) = programs(2);
    let [ann, bob] = &nodes[..] else {
        panic!("two nodes");
    };
    let room = create(ann, "ops");
    run(ann, r#"{"command":"leave","room":"ops"}"#);
    for (room, what) in [(room.as_str(), "all have left"), ("kitchen", "it is no id")] {
        let mark = bob.mark();
        bob.write_raw(format!("{{\"command\":\"join\",\"room\":\"{room}\"}}\n").as_bytes());
        let error = bob.await_error("no-such-room", mark, GIVE_UP_TIMEOUT);
        assert!(error.contains("room"), "{what}: {error}");
    }
    // It is free for other commands afterwards.
    say(bob, "main", "never mind");
    ann.await_delivery("never mind", DELIVERY_TIMEOUT);
}

#[test]
fn others_see_that_somebody_is_away_and_is_back() {
    let _turn = wait_for_turn();
    let (mut cluster, nodes) = programs(2);
    run(&nodes[0], r#"{"command":"away","text":"lunch"}"#);
    let is_away = |event: &Event| match event {
        Event::Other(other) if other.name == "away" => Some(other.text("text").to_owned()),
        _ => None,
    };
    let told = nodes[1].wait_for_event("sees it", 0, DELIVERY_TIMEOUT, is_away);
    assert_eq!(told, "lunch");
    let late = cluster.join_with(&["--json-input"]);
    let told = late.wait_for_event("sees it too", 0, DELIVERY_TIMEOUT, is_away);
    assert_eq!(told, "lunch");
    run(&nodes[0], r#"{"command":"back"}"#);
    late.wait_for_event(
        "sees the return",
        0,
        DELIVERY_TIMEOUT,
        |event| match event {
            Event::Other(other) if other.name == "back" => Some(()),
            _ => None,
        },
    );
}

#[test]
fn piped_lines_go_where_the_line_before_says_and_never_anywhere_else() {
    let _turn = wait_for_turn();
    let (cluster, nodes) = programs(2);
    let room = create(&nodes[0], "ops");
    let writer = Launch::new("eve").arguments(&["--quit-on-eof"]);
    let writer = writer.join(&cluster.director.endpoint()).start();
    writer.await_ready(JOIN_TIMEOUT);
    for line in [
        "to main",
        &format!("/join {room}"),
        "to ops",
        "/room main",
        "to main again",
        "/room ops",
        "/leave",
        "to nobody",
        "/room main",
        "to main at last",
    ] {
        if line.starts_with('/') {
            writer.command(line);
        } else {
            writer.say(line);
        }
    }
    writer.process().close_stdin();
    assert_eq!(writer.exit_code(JOIN_TIMEOUT), 5, "one line was refused");
    nodes[1].await_delivery("to main at last", DELIVERY_TIMEOUT);
    await_message(&nodes[0], &room, "to ops");
    assert_eq!(texts(&nodes[0], &room), ["to ops"]);
    for node in &nodes {
        let journal = node.journal();
        for text in ["to main", "to main again", "to main at last"] {
            assert!(journal.texts.contains(text), "{text}");
        }
        assert!(!journal.texts.contains("to ops") && !journal.texts.contains("to nobody"));
    }
}

#[test]
fn lines_behind_a_refused_command_go_nowhere() {
    let _turn = wait_for_turn();
    let (cluster, nodes) = programs(1);
    let unknown = RingId::from_bytes([9; 16]);
    for refused in [
        format!("/join {unknown}"),
        "/room opz".to_owned(),
        "/join opz".to_owned(),
    ] {
        let writer = Launch::new("eve").arguments(&["--quit-on-eof"]);
        let writer = writer.join(&cluster.director.endpoint()).start();
        writer.await_ready(JOIN_TIMEOUT);
        writer.command(&refused);
        writer.say("meant for that room");
        writer.command("/room main");
        let last = format!("meant for main, after {refused}");
        writer.say(&last);
        writer.process().close_stdin();
        assert_eq!(writer.exit_code(GIVE_UP_TIMEOUT), 5, "{refused}");
        nodes[0].await_delivery(&last, DELIVERY_TIMEOUT);
        let journal = nodes[0].journal();
        assert!(!journal.texts.contains("meant for that room"), "{refused}");
    }
}

#[test]
fn a_room_is_left_within_the_time_to_leave_the_discussion() {
    let _turn = wait_for_turn();
    let (_cluster, nodes) = programs(3);
    let rooms: Vec<String> = (0..5)
        .map(|number| create(&nodes[0], &format!("r{number}")))
        .collect();
    for room in &rooms {
        join(&nodes[1], room);
        join(&nodes[2], room);
        say(&nodes[0], room, "last words");
    }
    run(&nodes[0], r#"{"command":"quit"}"#);
    assert_eq!(nodes[0].exit_code(Duration::from_secs(2)), 0);
    for room in &rooms {
        for node in &nodes[1..] {
            await_message(node, room, "last words");
            await_in(node, "room-left", room, |_| true);
            let journal = node.journal();
            let mut failures = journal.since(0);
            assert!(
                !failures
                    .any(|event| matches!(event, Event::Other(one) if one.name == "room-failed"))
            );
        }
    }
}

/// A member that is outside the room looks at every frame that it gets.
#[test]
fn no_frame_of_a_room_reaches_a_process_outside_it() {
    let _turn = wait_for_turn();
    let (cluster, nodes) = programs(7);
    let spy = Liar::join(&cluster.director, "spy");
    let room = create(&nodes[0], "ops");
    for node in &nodes[1..4] {
        join(node, &room);
    }
    let text = "x".repeat(1_000);
    for number in 0..200 {
        let author = &nodes[number % 4];
        say(author, &room, &format!("{number} {text}"));
    }
    for node in &nodes[..4] {
        for number in 196..200 {
            await_message(node, &room, &format!("{number} {text}"));
        }
    }
    // Whoever looks for the room asks everyone, and the spy answers that it is absent.
    let asked = |frame: &Frame| matches!(frame, Frame::Enter(_) | Frame::Exit);
    let frames = spy.frames_of_rooms();
    let inside: Vec<&Frame> = frames.iter().filter(|frame| !asked(frame)).collect();
    assert!(inside.is_empty(), "{inside:?}");
    report(
        "rooms",
        format!(
            "200 messages in a room: {} frames reached a process outside it, all to ask whether it is in",
            frames.len()
        ),
    );
    for node in &nodes[4..] {
        assert!(texts(node, &room).is_empty());
    }
}

/// Every signature names its ring, so what was said in one proves nothing in another.
#[test]
fn what_was_said_in_one_ring_is_refused_in_another_and_its_author_is_not_accused() {
    let _turn = wait_for_turn();
    let (cluster, nodes) = programs(3);
    let [ann, bob, cyd] = &nodes[..] else {
        panic!("three nodes");
    };
    let liar = Liar::join(&cluster.director, "mallory");
    let room = create(ann, "ops");
    join(bob, &room);
    join(cyd, &room);
    let ring: RingId = room.parse().expect("the id of a room");
    liar.join_room(ring);
    for author in [ann, bob] {
        say(author, "main", "in the lobby");
        say(author, &room, "in the room");
    }
    for node in &nodes {
        await_message(node, &room, "in the room");
    }
    let author = wire_id(ann);
    wait::until("the liar has both", DELIVERY_TIMEOUT, &[], || {
        let bundles = liar.bundles_of(author);
        let texts = bundles.iter().filter_map(|sealed| sealed.bundle().ok());
        let texts = texts.flat_map(|bundle| bundle.messages);
        (texts.count() >= 3).then_some(()).ok_or("not yet")
    });
    for sealed in liar.bundles_of(author) {
        for to in [bob, cyd].map(|node| wire_id(node)) {
            liar.send_in_room(to, ring, spread(Item::Bundle(sealed.clone())));
            liar.send(to, spread(Item::Bundle(sealed.clone())));
        }
    }
    for victim in [bob, cyd] {
        let error = victim.await_error("refused", 0, DELIVERY_TIMEOUT);
        assert!(error.contains("mallory"), "the liar is named: {error}");
    }
    // Nothing of it is shown twice or elsewhere, nobody is said to have signed two messages as one, and all go on.
    say(ann, &room, "to the room again");
    say(ann, "main", "to the lobby again");
    for node in [bob, cyd] {
        await_message(node, &room, "to the room again");
        node.await_delivery("to the lobby again", DELIVERY_TIMEOUT);
        let shown = texts(node, &room);
        let count = |text: &str| shown.iter().filter(|one| *one == text).count();
        assert_eq!(
            (count("in the room"), count("in the lobby")),
            (2, 0),
            "{shown:?}"
        );
        let journal = node.journal();
        let mut events = journal.since(0);
        assert!(
            !events
                .any(|event| matches!(event, Event::Error(error) if error.code == "author-forked"))
        );
    }
}

//! A program uses a node: it sends commands as JSON on stdin, and reads the answers.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use ringtalk_tests::cluster::{Cluster, DELIVERY_TIMEOUT};
use ringtalk_tests::director::Director;
use ringtalk_tests::event::{Done, Event};
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::wait_for_turn;

/// The maximum size of a text and of a line, in bytes.
const TEXT_BYTES: usize = 16 * 1024;
const LINE_BYTES: usize = 128 * 1024;
/// The time limit for ten thousand answers, on a machine that does other work too.
const BACKLOG_TIMEOUT: Duration = Duration::from_secs(60);

fn bot(cluster: &Cluster) -> TestNode {
    let launch = Launch::new("bot").arguments(&["--json-input"]);
    launch.join(&cluster.director.endpoint()).start()
}

/// Writes a command, or an attempt at one.
fn ask(bot: &TestNode, line: &str) {
    bot.write_raw(format!("{line}\n").as_bytes());
}

/// Returns the answers to all tagged commands, in order: the tag, and the error code or the command.
fn answers(bot: &TestNode) -> Vec<(String, String)> {
    let journal = bot.journal();
    let answers = journal.since(0).filter_map(|event| match event {
        Event::Done(done) => Some((done.tag.clone()?, done.command.clone())),
        Event::Error(error) => Some((error.tag.clone()?, error.code.clone())),
        _ => None,
    });
    answers.collect()
}

#[test]
fn a_program_sends_a_text_and_learns_the_id_of_the_message() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(2);
    let bot = bot(&cluster);
    bot.await_ready(JOIN_TIMEOUT);
    ask(
        &bot,
        r#"{"command":"say","message":"/who\n// is this?","tag":"a"}"#,
    );
    let done = bot.wait_for_event("was told", 0, DELIVERY_TIMEOUT, |event| match event {
        Event::Done(done) if done.tag.as_deref() == Some("a") => Some(done.clone()),
        _ => None,
    });
    let expected = Done {
        tag: Some("a".to_owned()),
        command: "say".to_owned(),
        id: done.id,
        seq: Some(1),
        room_id: None,
    };
    assert_eq!(done, expected);
    for node in cluster.live() {
        let delivered =
            node.wait_for_event("hears the bot", 0, DELIVERY_TIMEOUT, |event| match event {
                Event::Message(message) if message.node_id == bot.id() => Some(message.clone()),
                _ => None,
            });
        assert_eq!(delivered.message, "/who\n// is this?");
        assert_eq!((Some(delivered.id), delivered.seq), (done.id, 1));
    }
    ask(&bot, r#"{"command":"quit","tag":"b"}"#);
    assert_eq!(bot.exit_code(JOIN_TIMEOUT), 0);
}

#[test]
fn each_invalid_command_is_answered_in_order_with_its_tag() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(1);
    let bot = bot(&cluster);
    ask(
        &bot,
        r#"{"command":"say","message":"too soon","tag":"soon"}"#,
    );
    bot.await_error("not-ready", 0, JOIN_TIMEOUT);
    bot.await_ready(JOIN_TIMEOUT);
    let say_command = |bytes: usize, tag: &str| {
        let text = "x".repeat(bytes);
        format!(r#"{{"command":"say","message":"{text}","tag":"{tag}"}}"#)
    };
    ask(&bot, "no JSON");
    ask(&bot, r#"{"command":"fly","tag":"1"}"#);
    ask(&bot, r#"{"command":"say","message":5,"tag":"2"}"#);
    ask(&bot, &say_command(TEXT_BYTES, "3"));
    ask(&bot, &say_command(TEXT_BYTES + 1, "4"));
    ask(&bot, &say_command(LINE_BYTES, "long"));
    ask(&bot, r#"{"command":"name","name":"","tag":"5"}"#);
    ask(&bot, r#"{"command":"who","tag":"6"}"#);
    bot.wait_for_event("was answered", 0, DELIVERY_TIMEOUT, |event| match event {
        Event::Done(done) => (done.tag.as_deref() == Some("6")).then_some(()),
        _ => None,
    });
    let expected = [
        ("soon", "not-ready"),
        ("1", "bad-command"),
        ("2", "bad-command"),
        ("3", "say"),
        ("4", "too-long"),
        ("5", "name-invalid"),
        ("6", "who"),
    ];
    let expected = expected.map(|(tag, code)| (tag.to_owned(), code.to_owned()));
    assert_eq!(answers(&bot), expected);
    let journal = bot.journal();
    let untagged = journal.since(0).filter_map(|event| match event {
        Event::Error(error) if error.tag.is_none() => Some(error.code.as_str()),
        _ => None,
    });
    assert_eq!(untagged.collect::<Vec<_>>(), ["bad-command", "too-long"]);
}

#[test]
fn ten_thousand_commands_at_once_are_answered_in_turn() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(1);
    let bot = bot(&cluster);
    bot.await_ready(JOIN_TIMEOUT);
    let lines: Vec<String> = (0..10_000)
        .map(|tag| match tag % 4 {
            0 => format!(r#"{{"command":"say","message":"number {tag}","tag":"{tag}"}}"#),
            1 => format!(r#"{{"command":"who","tag":"{tag}"}}"#),
            2 => format!(r#"{{"command":"nothing","tag":"{tag}"}}"#),
            _ => format!(r#"{{"command":"invite","tag":"{tag}"}}"#),
        })
        .collect();
    ask(&bot, &lines.join("\n"));
    bot.wait_for_event("was answered", 0, BACKLOG_TIMEOUT, |event| match event {
        Event::Done(done) => (done.tag.as_deref() == Some("9999")).then_some(()),
        _ => None,
    });
    let tags = answers(&bot).into_iter().map(|(tag, _)| tag);
    assert!(tags.eq((0..10_000).map(|tag| tag.to_string())));
    let journal = bot.journal();
    let own = journal.since(0).filter_map(|event| match event {
        Event::Message(message) => Some(message.message.as_str()),
        _ => None,
    });
    let expected = (0..10_000).step_by(4).map(|tag| format!("number {tag}"));
    assert!(own.eq(expected));
}

#[test]
fn commands_after_quit_are_answered_before_goodbye() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(1);
    let bot = bot(&cluster);
    bot.await_ready(JOIN_TIMEOUT);
    let mut lines: Vec<String> = (0..2_000)
        .map(|tag| format!(r#"{{"command":"say","message":"number {tag}","tag":"{tag}"}}"#))
        .collect();
    lines.push(r#"{"command":"quit","tag":"quit"}"#.to_owned());
    lines.push(r#"{"command":"say","message":"too late","tag":"late"}"#.to_owned());
    ask(&bot, &lines.join("\n"));
    assert_eq!(bot.exit_code(JOIN_TIMEOUT), 0);
    let expected = (0..2_000).map(|tag| (tag.to_string(), "say".to_owned()));
    let end = [("quit", "quit"), ("late", "ended")];
    let end = end.map(|(tag, code)| (tag.to_owned(), code.to_owned()));
    assert!(answers(&bot).into_iter().eq(expected.chain(end)));
    let journal = bot.journal();
    assert!(matches!(journal.since(0).last(), Some(Event::Goodbye(_))));
}

#[test]
fn a_command_before_ready_is_refused_even_if_say_waits() {
    let _turn = wait_for_turn();
    // Nobody is there to let it in.
    let bot = Launch::new("bot").arguments(&["--json-input", "--say", "hello"]);
    let bot = bot.join("127.0.0.1:1").start();
    ask(&bot, r#"{"command":"who","tag":1}"#);
    ask(&bot, r#"{"command":"quit","tag":2}"#);
    assert_eq!(bot.exit_code(JOIN_TIMEOUT), 0);
    let expected = [("1", "not-ready"), ("2", "quit")];
    let expected = expected.map(|(tag, code)| (tag.to_owned(), code.to_owned()));
    assert_eq!(answers(&bot), expected);
}

#[test]
fn a_command_at_the_moment_of_ready_is_refused_or_carried_out() {
    let _turn = wait_for_turn();
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = free.local_addr().expect("its address").to_string();
    drop(free);
    let bot = Launch::new("bot").arguments(&["--json-input"]);
    let bot = bot.join(&endpoint).start();
    let mut sent = 0;
    // So long that some of it always waits.
    let text = "x".repeat(TEXT_BYTES);
    let mut say_more = || {
        let lines = (sent..sent + 10)
            .map(|tag| format!(r#"{{"command":"say","message":"{text}","tag":"{tag}"}}"#));
        ask(&bot, &lines.collect::<Vec<_>>().join("\n"));
        sent += 10;
    };
    let deadline = Instant::now() + JOIN_TIMEOUT;
    let mut looked_at = 0;
    let mut say_until = |is_it: fn(&Event) -> bool| {
        loop {
            let mark = bot.mark();
            if bot.journal().since(looked_at).any(is_it) {
                return;
            }
            looked_at = mark;
            assert!(bot.is_running() && Instant::now() < deadline, "it goes on");
            say_more();
        }
    };
    say_until(|event| matches!(event, Event::Error(_)));
    // The bot finds it at one of its next attempts, and founds the discussion.
    let _director = Director::start_at(&endpoint);
    say_until(|event| matches!(event, Event::Ready(_)));
    let last = (sent - 1).to_string();
    bot.wait_for_event(
        "was answered",
        looked_at,
        JOIN_TIMEOUT,
        |event| match event {
            Event::Done(done) => (done.tag.as_ref() == Some(&last)).then_some(()),
            _ => None,
        },
    );
    let answers = answers(&bot);
    let first = answers.iter().position(|(_, code)| code == "say");
    let refused = first.expect("something is said after ready");
    let expected = (0..sent).map(|tag| {
        let code = if tag < refused { "not-ready" } else { "say" };
        (tag.to_string(), code.to_owned())
    });
    assert!(refused > 0 && answers.into_iter().eq(expected));
}

#[test]
fn a_program_is_told_why_a_node_does_not_start() {
    let _turn = wait_for_turn();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("its address").to_string();
    let bot = Launch::bare("bot").arguments(&["--json", "--listen", &taken]);
    let bot = bot.start();
    assert_eq!(bot.exit_code(JOIN_TIMEOUT), 1);
    let journal = bot.journal();
    let events: Vec<&Event> = journal.since(0).collect();
    assert!(
        matches!(&events[..], [Event::Error(error), Event::Goodbye(_)] if error.code == "start"),
        "{events:?}"
    );
}

#[test]
fn commands_as_json_are_for_programs_that_read_json() {
    let _turn = wait_for_turn();
    let node = Launch::bare("bot")
        .arguments(&["--json-input"])
        .with_text_output()
        .start();
    assert_eq!(node.exit_code(JOIN_TIMEOUT), 2);
}

//! The programs' arguments, their output for people, and their exit status.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use ringtalk_tests::cluster::{Cluster, DELIVERY_TIMEOUT, SETTLE_TIMEOUT, await_one_ring};
use ringtalk_tests::event::Event;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::process::{Process, StdoutFormat, binary};
use ringtalk_tests::{texts, wait_for_turn};

/// The time limit for a program that does not start a node.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(5);

/// The time limit for a node to exit after it was told to leave.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

#[test]
fn a_wrong_command_line_exits_2_and_says_why() {
    let _turn = wait_for_turn();
    let too_long = "x".repeat(33);
    let wrong: &[&[&str]] = &[
        &["--nonsense"],
        &["--name"],
        &["--name", ""],
        &["--name", &too_long],
        &["--listen", "nowhere"],
        &["--listen", "127.0.0.1:99999"],
        &["--join", "no address at all"],
        &["--join", "ringtalk://"],
        &["--public-address", "no port"],
        &["--ui", "carrier-pigeon"],
        &["--ui", "tui"],
        &["--timeout", "soon"],
        &["--history", "-1"],
        &["--color", "plaid"],
        &["--say", "/nonsense"],
        &["stray/"],
        &["EaGqGNVcyaY6oykTFuP5fAHy"],
        &["EaGqGNVcyaY6oykTFuP5fAHx"],
    ];
    for arguments in wrong {
        let node = Launch::bare("node")
            .arguments(arguments)
            .with_text_output()
            .start();
        assert_eq!(
            node.exit_code(PROGRAM_TIMEOUT),
            2,
            "exit status of node {arguments:?}"
        );
        let journal = node.journal();
        assert!(
            !journal.stderr.is_empty(),
            "node {arguments:?} does not say what is wrong"
        );
        assert!(
            journal.stdout.is_empty(),
            "node {arguments:?} says it on stdout"
        );
    }
}

#[test]
fn a_name_of_32_characters_is_counted_in_characters() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::empty();
    let name = "字".repeat(32);
    let node = cluster.add(
        Launch::new(&name)
            .join(&cluster.director.endpoint())
            .start(),
    );
    assert_eq!(node.await_ready(JOIN_TIMEOUT).name, name);
}

#[test]
fn a_wrong_director_command_line_exits_2() {
    let _turn = wait_for_turn();
    for arguments in [&["--nonsense"][..], &["--listen", "nowhere"], &["stray"]] {
        let director = program("director", arguments);
        assert_eq!(
            director.exit_code(PROGRAM_TIMEOUT),
            2,
            "exit status of director {arguments:?}"
        );
        assert!(
            !director.journal().stderr.is_empty(),
            "director {arguments:?} gives no reason"
        );
    }
}

fn program(name: &str, arguments: &[&str]) -> Process {
    Process::start(
        name,
        Command::new(binary(name)).args(arguments),
        StdoutFormat::Text,
    )
}

#[test]
fn a_taken_port_is_an_error_that_names_it() {
    let _turn = wait_for_turn();
    let cluster = Cluster::empty();
    let taken = cluster.director.endpoint();
    let node = Launch::bare("node")
        .arguments(&["--name", "late", "--listen", &taken, "--join", &taken])
        .with_text_output()
        .start();
    assert_eq!(
        node.exit_code(PROGRAM_TIMEOUT),
        1,
        "exit status of a node whose port is taken"
    );
    assert!(
        node.journal().stderr_text().contains(&taken),
        "the error does not name {taken}"
    );
    let director = program("director", &["--listen", &taken]);
    assert_eq!(
        director.exit_code(PROGRAM_TIMEOUT),
        1,
        "exit status of a director whose port is taken"
    );
    assert!(
        director.journal().stderr_text().contains(&taken),
        "the error does not name {taken}"
    );
}

#[test]
fn help_version_completions_and_manual_are_printed() {
    let _turn = wait_for_turn();
    let questions: &[(&str, &[&str], &str)] = &[
        ("node", &["--help"], "--join"),
        ("node", &["--version"], "0."),
        ("node", &["--completions", "bash"], "--join"),
        ("node", &["--man"], ".TH"),
        ("director", &["--help"], "--listen"),
        ("director", &["--completions", "zsh"], "#compdef director"),
        ("director", &["--man"], ".TH director 1"),
        ("ring-viz", &["--completions", "zsh"], "#compdef ring-viz"),
        ("ring-viz", &["--man"], ".TH ring-viz 1"),
    ];
    for (name, arguments, expected) in questions {
        let asked = program(name, arguments);
        assert_eq!(
            asked.exit_code(PROGRAM_TIMEOUT),
            0,
            "exit status of {name} {arguments:?}"
        );
        let stdout = asked.journal().stdout_text();
        assert!(
            stdout.contains(expected),
            "{name} {arguments:?} without {expected}: {stdout}"
        );
    }
}

#[test]
fn a_director_answers_its_healthcheck() {
    let _turn = wait_for_turn();
    let cluster = Cluster::empty();
    let endpoint = cluster.director.endpoint();
    let healthy = program("director", &["--listen", &endpoint, "--healthcheck"]);
    assert_eq!(
        healthy.exit_code(PROGRAM_TIMEOUT),
        0,
        "a director that runs"
    );
    drop(cluster);
    let dead = program("director", &["--listen", &endpoint, "--healthcheck"]);
    assert_ne!(
        dead.exit_code(Duration::from_secs(10)),
        0,
        "a director that does not run"
    );
}

#[test]
fn the_environment_stands_in_for_flags() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::empty();
    let launch = Launch::bare("environment")
        .arguments(&["--json"])
        .environment("RINGTALK_JOIN", &cluster.director.endpoint())
        .environment("RINGTALK_NAME", "from-environment")
        .environment("RINGTALK_LISTEN", "127.0.0.1:0");
    let node = cluster.add(launch.start());
    let ready = node.await_ready(JOIN_TIMEOUT);
    assert_eq!(ready.name, "from-environment");
    assert!(
        ready.address.starts_with("127.0.0.1:"),
        "it listens at {}",
        ready.address
    );
}

#[test]
fn several_directors_are_tried_in_turn() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(1);
    let nobody = Cluster::empty().director.endpoint();
    let launch = Launch::new("second")
        .join(&nobody)
        .join(&cluster.director.endpoint());
    cluster.add(launch.start()).await_ready(JOIN_TIMEOUT);
    cluster.await_one_ring(SETTLE_TIMEOUT);
}

/// With `--json`, the end of stdin has no effect unless the user asks for it.
#[test]
fn the_end_of_stdin_ends_a_node_only_if_the_user_asked_for_it() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(2);
    let listener = cluster.join();
    listener.await_ready(JOIN_TIMEOUT);
    listener.process().close_stdin();
    let piper = cluster.join_with(&["--quit-on-eof"]);
    piper.paste(
        &(0..100)
            .map(|number| format!("piped {number}"))
            .collect::<Vec<_>>(),
    );
    piper.process().close_stdin();
    assert_eq!(
        piper.exit_code(JOIN_TIMEOUT),
        0,
        "exit status at the end of stdin"
    );
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    assert!(listener.is_running(), "it left at the end of its stdin");
}

#[test]
fn a_node_without_a_face_does_not_read_stdin() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(1);
    let node = &cluster.all_nodes()[0];
    let silent =
        Launch::plain("silent").arguments(&["--ui", "none", "--say", "from the command line"]);
    let silent = silent.join(&cluster.director.endpoint()).start();
    silent.write_raw(b"from stdin\n");
    silent.process().close_stdin();
    node.await_delivery("from the command line", DELIVERY_TIMEOUT);
    node.say("are you there?");
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    assert!(silent.is_running(), "it left at the end of its stdin");
    silent.process().signal(Signal::SIGTERM);
    assert_eq!(silent.exit_code(JOIN_TIMEOUT), 0);
    node.wait_for_event("shows who left", 0, DELIVERY_TIMEOUT, |event| {
        matches!(event, Event::Left(member) if member.name == "silent").then_some(())
    });
    let journal = node.journal();
    assert!(!journal.texts.iter().any(|text| text == "from stdin"));
}

#[test]
fn lines_piped_into_a_plain_node_reach_the_others() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(2);
    let piper = Launch::plain("piper")
        .join(&cluster.director.endpoint())
        .start();
    piper.write_raw("first\nlast, without a line end".as_bytes());
    piper.process().close_stdin();
    assert_eq!(
        piper.exit_code(JOIN_TIMEOUT),
        0,
        "exit status at the end of stdin"
    );
    for node in cluster.all_nodes() {
        node.await_delivery("first", DELIVERY_TIMEOUT);
        node.await_delivery("last, without a line end", DELIVERY_TIMEOUT);
        node.wait_for_event("shows who left", 0, DELIVERY_TIMEOUT, |event| {
            matches!(event, Event::Left(member) if member.name == "piper").then_some(())
        });
    }
}

#[test]
fn a_plain_node_shows_the_conversation_and_answers_commands() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(2);
    let plain = plain_member(&cluster, "reader");
    cluster.all_nodes()[0].say("hello, reader");
    plain
        .process()
        .await_stdout("hello, reader", DELIVERY_TIMEOUT);
    plain.process().await_stdout("n1", DELIVERY_TIMEOUT);
    plain.say("hello, n1");
    cluster.all_nodes()[1].await_delivery("hello, n1", DELIVERY_TIMEOUT);

    for (command, expected) in [
        ("/who", &["n1", "n2", "reader"][..]),
        ("/ring", &["n1", "n2", "reader"]),
        (
            "/help",
            &["/quit", "/who", "/ring", "/name", "/invite", "/transcript"],
        ),
        ("/invite", &["ringtalk://"]),
    ] {
        let mark = plain.journal().stdout.len();
        plain.command(command);
        plain.wait_for(&format!("answers {command}"), DELIVERY_TIMEOUT, |journal| {
            let answer = String::from_utf8_lossy(&journal.stdout[mark..]);
            expected
                .iter()
                .all(|word| answer.contains(word))
                .then_some(())
        });
    }
    plain.command("/name writer");
    cluster.all_nodes()[0].wait_for_event("shows the new name", 0, DELIVERY_TIMEOUT, |event| {
        matches!(event, Event::Renamed(renamed) if renamed.name == "writer").then_some(())
    });
    plain.quit();
    assert_eq!(plain.exit_code(EXIT_TIMEOUT), 0, "exit status after /quit");
}

#[test]
fn a_script_sends_one_message_and_exits() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(2);
    let arguments = ["--say", "the build is done", "--say", "/quit"];
    let script = Launch::plain("script")
        .join(&cluster.director.endpoint())
        .arguments(&arguments)
        .start();
    for node in cluster.all_nodes() {
        node.await_delivery("the build is done", DELIVERY_TIMEOUT);
    }
    assert_eq!(script.exit_code(JOIN_TIMEOUT), 0);
}

/// Starts a plain node, and waits until every node of the cluster has shown that it joined.
#[track_caller]
fn plain_member(cluster: &Cluster, name: &str) -> TestNode {
    let plain = Launch::plain(name)
        .join(&cluster.director.endpoint())
        .start();
    for node in cluster.all_nodes() {
        node.wait_for_event("shows who joined", 0, JOIN_TIMEOUT, |event| {
            matches!(event, Event::Joined(member) if member.name == name).then_some(())
        });
    }
    plain
}

#[test]
fn terminal_codes_are_harmless_in_plain_output() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(1);
    let plain = plain_member(&cluster, "victim");
    cluster.all_nodes()[0].say(&format!("{} over", texts::TERMINAL_CODES));
    cluster.all_nodes()[0].say("\u{202e}reversed\u{2066} and over");
    plain.process().await_stdout("and over", DELIVERY_TIMEOUT);
    let stdout = plain.journal().stdout.clone();
    let text = String::from_utf8(stdout).expect("plain output is UTF-8");
    assert!(
        text.contains("red"),
        "the message itself is not shown: {text:?}"
    );
    let harmful = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(
        harmful, None,
        "a control character reached the terminal: {text:?}"
    );
    for control in ['\u{202e}', '\u{2066}'] {
        assert!(
            !text.contains(control),
            "{control:?} reverses what follows: {text:?}"
        );
    }
}

/// Returns the endpoint and the secret of an invite.
#[track_caller]
fn parts_of(invite: &str) -> (&str, &str) {
    let inner = invite.strip_prefix("ringtalk://");
    let parts = inner.and_then(|inner| inner.split_once("/#"));
    parts.unwrap_or_else(|| panic!("no invite with a secret: {invite}"))
}

#[test]
fn a_node_without_join_founds_a_discussion_that_others_join_by_its_invite() {
    let _turn = wait_for_turn();
    let founder = Launch::new("host")
        .arguments(&["--director-listen", "127.0.0.1:0"])
        .start();
    let invite = founder.await_ready(JOIN_TIMEOUT).invite;
    let (endpoint, secret) = parts_of(&invite);
    let by_invite = Launch::new("guest").join(&invite).start();
    by_invite.await_ready(JOIN_TIMEOUT);
    let by_variable = Launch::new("other").join(endpoint);
    let by_variable = by_variable.environment("RINGTALK_SECRET", secret).start();
    let nodes = [founder, by_invite, by_variable].map(Arc::new);
    await_one_ring(&nodes, SETTLE_TIMEOUT);
    nodes[0].say("welcome");
    for node in &nodes {
        node.await_delivery("welcome", DELIVERY_TIMEOUT);
    }

    nodes[0].quit();
    assert_eq!(nodes[0].exit_code(EXIT_TIMEOUT), 0);
    await_one_ring(&nodes[1..], SETTLE_TIMEOUT);
    nodes[1].say("the host and its director are gone");
    nodes[2].await_delivery("the host and its director are gone", DELIVERY_TIMEOUT);
}

#[test]
fn an_invite_is_understood_as_it_stands_in_a_mail() {
    let _turn = wait_for_turn();
    let founder = Launch::new("host")
        .arguments(&["--director-listen", "127.0.0.1:0"])
        .start();
    let invite = founder.await_ready(JOIN_TIMEOUT).invite;
    let (endpoint, secret) = parts_of(&invite);
    for (number, mailed) in [
        invite.clone(),
        format!("<Ringtalk://{endpoint}/#{secret}>"),
        format!("“RINGTALK://{endpoint}/#{secret}”."),
    ]
    .into_iter()
    .enumerate()
    {
        let alone = Launch::new("alone").arguments(&[&mailed]).start();
        alone.await_ready(JOIN_TIMEOUT);
        let in_variable = Launch::new("variable").environment("RINGTALK_JOIN", &mailed);
        let in_variable = in_variable.start().await_ready(JOIN_TIMEOUT);
        assert_eq!(in_variable.members, 3, "round {number}");
        let over_variable = Launch::new("over").environment("RINGTALK_JOIN", "127.0.0.1:1");
        let over_variable = over_variable.arguments(&[&mailed]).start();
        assert_eq!(over_variable.await_ready(JOIN_TIMEOUT).invite, invite);
    }
}

#[test]
fn a_director_says_how_people_join() {
    let _turn = wait_for_turn();
    for listen in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
        let director = program("director", &["--listen", listen]);
        let place = director.wait_for("says how people join", PROGRAM_TIMEOUT, |journal| {
            let stderr = journal.stderr_text();
            let (_, place) = stderr.split_once(" join with: ringtalk --join ")?;
            place.split_once('\n').map(|(place, _)| place.to_owned())
        });
        let node = Launch::new("newcomer").arguments(&[&place]).start();
        node.await_ready(JOIN_TIMEOUT);
    }
}

#[test]
fn no_error_repeats_a_secret() {
    let _turn = wait_for_turn();
    // The last one is mistyped, and stands in a longer word.
    for secret in [
        "EaGqGNVcyaY6oykTFuP5fAHy",
        "EaGqGNVcyaY6oykTFuP5fAHx",
        "secret-EaGqGNVcyaY6oykTFuP5fAHx",
    ] {
        for (name, arguments) in [
            ("director", &["--listen", secret][..]),
            ("director", &[secret]),
            ("director", &["--log", &format!("{secret}=x=y")]),
            ("director", &["--completions", secret]),
            ("node", &["--listen", secret]),
            ("node", &["--ui", secret]),
            ("node", &["--start", &format!("ringtalk://a/{secret}")]),
            ("ring-viz", &["--timeout", secret, "--join", "a"]),
            ("ring-viz", &["--once", "--join", &format!("a/{secret}")]),
        ] {
            let asked = program(name, arguments);
            assert_eq!(asked.exit_code(PROGRAM_TIMEOUT), 2, "{name} {arguments:?}");
            let stderr = asked.journal().stderr_text();
            assert!(!stderr.is_empty() && !stderr.contains("EaGqGN"), "{stderr}");
        }
        let mut director = Command::new(binary("director"));
        director.env("RINGTALK_DIRECTOR_LISTEN", secret);
        let director = Process::start("director", &mut director, StdoutFormat::Text);
        assert_eq!(director.exit_code(PROGRAM_TIMEOUT), 2);
        let stderr = director.journal().stderr_text();
        assert!(!stderr.contains("EaGqGN"), "{stderr}");
    }
}

#[test]
fn a_plain_founder_prints_the_line_that_others_type() {
    let _turn = wait_for_turn();
    let founder = Launch::plain("host")
        .arguments(&["--director-listen", "127.0.0.1:0"])
        .start();
    let line = founder.wait_for("prints the line to type", JOIN_TIMEOUT, |journal| {
        let output = journal.stdout_text() + &journal.stderr_text();
        output
            .lines()
            .find(|line| line.contains("--join 'ringtalk://"))
            .map(str::to_owned)
    });
    let invite = line
        .split('\'')
        .find(|word| word.starts_with("ringtalk://"));
    let guest = Launch::new("guest")
        .join(invite.expect("just found"))
        .start();
    assert_eq!(guest.await_ready(JOIN_TIMEOUT).members, 2);
    guest.say("found it");
    founder.process().await_stdout("found it", DELIVERY_TIMEOUT);
}

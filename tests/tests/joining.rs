//! A user who cannot join is told which step failed, what was tried, and what to do.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use ringtalk_tests::director::Director;
use ringtalk_tests::event::{Event, Joining};
use ringtalk_tests::liar::Liar;
use ringtalk_tests::network::{BlockMode, Host, Network, Proxy};
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch};
use ringtalk_tests::process::binary;
use ringtalk_tests::registrant::Registrant;
use ringtalk_tests::wait;
use ringtalk_tests::wait_for_turn;
use ringtalk_tests::window::Window;

/// The number of messages of a long discussion: several answers to requests for them.
const HISTORY: usize = 6_000;

/// The time limit for a step that hangs to be shown.
const SHOW_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs a node that cannot join `endpoint`, and returns its exit status and stderr.
#[track_caller]
fn fail_to_join(endpoint: &str, timeout: &str) -> (i32, String) {
    let node = Launch::plain("late").join(endpoint);
    let node = node.arguments(&["--timeout", timeout]).start();
    let code = node.exit_code(JOIN_TIMEOUT);
    let stderr = node.journal().stderr_text();
    assert!(
        !stderr.contains("joining:"),
        "a pipe is told of steps: {stderr}"
    );
    (code, stderr)
}

#[track_caller]
fn expect_failure(endpoint: &str, timeout: &str, status: i32, words: &[&str]) {
    let (code, stderr) = fail_to_join(endpoint, timeout);
    assert_eq!(code, status, "{stderr}");
    for words in words {
        assert!(stderr.contains(words), "without {words:?}: {stderr}");
    }
}

/// Starts a director that points at this address for the open discussion, for some seconds.
fn start_redirecting_director(address: SocketAddr) -> Director {
    start_director_for(&Registrant::new(1), address)
}

/// The same, with the registrant at that address.
fn start_director_for(registrant: &Registrant, address: SocketAddr) -> Director {
    let director = Director::start();
    register(&director, registrant, address);
    director
}

fn register(director: &Director, registrant: &Registrant, address: SocketAddr) {
    let body = registrant.registration(&address.to_string(), 1);
    let path = "/register_coordinator";
    director.ask_as(registrant, "POST", path, &body).expect(200);
}

/// Returns a socket at which nobody answers, and its address.
fn bind_silent() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("it has an address");
    (socket, address)
}

#[test]
fn a_director_that_is_not_there_is_named() {
    let _turn = wait_for_turn();
    let (socket, nobody) = bind_silent();
    drop(socket);
    let words = [
        "could not join within 1 s: no director answers at",
        &nobody.to_string(),
        "(connection refused). Is the address right, and a director or the node that started the discussion still running there?",
    ];
    expect_failure(&nobody.to_string(), "1", 3, &words);
}

/// Starts a server that answers everybody with the same bytes, until the test program ends. Returns its address.
fn start_parrot(answer: &'static [u8]) -> String {
    let (socket, address) = bind_silent();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = socket.accept() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer);
        }
    });
    address.to_string()
}

#[test]
fn another_program_in_the_place_of_a_director_is_named() {
    let _turn = wait_for_turn();
    let is_it_one = "Is that the port of a Ringtalk director";
    for (answer, words, hint) in [
        (
            &b"SSH-2.0-OpenSSH_9.9\r\n"[..],
            "(what answers there does not speak HTTP)",
            is_it_one,
        ),
        // A TLS server that gets no handshake.
        (
            b"\x15\x03\x01\x00\x02\x02\x46",
            "(what answers there does not speak HTTP)",
            is_it_one,
        ),
        (
            b"",
            "(it closed the connection without an answer)",
            is_it_one,
        ),
        (
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 6\r\n\r\n<html>",
            "answered: unexpected HTTP status 404 Not Found",
            "is that a Ringtalk director?",
        ),
    ] {
        expect_failure(&start_parrot(answer), "1", 3, &[words, hint]);
    }
}

/// Runs a node on a host that cannot join, and returns what its user is told.
#[track_caller]
fn fail_to_join_on(host: &Host, endpoint: &str, timeout: &str) -> String {
    let late = Launch::on(host, "late").join(endpoint);
    let late = late.arguments(&["--timeout", timeout]).start();
    assert_eq!(late.exit_code(JOIN_TIMEOUT), 3);
    late.await_error("unreachable", 0, JOIN_TIMEOUT)
}

#[test]
fn each_way_in_which_a_network_fails_is_named() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(2) else {
        return;
    };
    let (other, host) = (network.host(0), network.host(1));
    let expect = |endpoint: &str, timeout: &str, words: &str| {
        let told = fail_to_join_on(&host, endpoint, timeout);
        assert!(told.contains(words), "without {words:?}: {told}");
    };
    network.write_etc(1, "hosts", "127.0.0.1 localhost\n");
    network.write_etc(1, "nsswitch.conf", "hosts: files\n");
    expect(
        "d.example:8080",
        "1",
        "(its name is unknown). Is it spelled",
    );
    network.write_etc(1, "nsswitch.conf", "hosts: dns\n");
    let nobody = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
    network.write_etc(1, "resolv.conf", nobody);
    expect("d.example:8080", "2", "no name server answers). Is this");
    let there = format!("{}:8080", other.address());
    expect(&there, "1", "(connection refused). Is the address right");
    network.cut(&[other], &[network.host(1)], BlockMode::Drop);
    expect(&there, "4", "(no answer within 3 s). Is the address right");
    host.configure("route del default\n");
    expect(&there, "1", "(no route to it). Is this machine connected");
}

#[test]
fn a_member_that_is_dead_is_named() {
    let _turn = wait_for_turn();
    let (socket, dead) = bind_silent();
    drop(socket);
    let director = start_redirecting_director(dead);
    let linking = format!("cannot connect to {dead} (named by the director): connection refused");
    let words = [
        "could not join within 1.5 s",
        linking.as_str(),
        "Is that node still running",
    ];
    expect_failure(&director.endpoint(), "1.5", 3, &words);
}

#[test]
fn a_member_that_says_nothing_is_named() {
    let _turn = wait_for_turn();
    let (_socket, silent) = bind_silent();
    let director = start_redirecting_director(silent);
    let words = format!("no answer yet from {silent} ");
    expect_failure(&director.endpoint(), "1", 3, &[&words]);
    let director = start_redirecting_director(silent);
    let node = Launch::new("late").join(&director.endpoint()).start();
    let stalls = |journal: &ringtalk_tests::journal::Journal| {
        let errors = journal.errors_since(0).map(|error| error.code.clone());
        errors
            .into_iter()
            .any(|code| code == "member-unreachable")
            .then_some(())
    };
    node.wait_for("says that nobody answers", JOIN_TIMEOUT, stalls);
}

#[test]
fn another_version_is_a_refusal() {
    let _turn = wait_for_turn();
    let (socket, other) = bind_silent();
    let answering = std::thread::spawn(move || {
        let (mut stream, _): (TcpStream, _) = socket.accept().expect("somebody comes");
        stream.write_all(b"RTLK\x00\x63").expect("it listens");
        let _ = stream.read(&mut [0; 64]);
    });
    let director = start_redirecting_director(other);
    let linking = format!("connecting to {other}: the other end speaks version 99");
    expect_failure(
        &director.endpoint(),
        "20",
        4,
        &[&linking, "run the same version everywhere"],
    );
    answering.join().expect("it was dialled");
}

#[test]
fn a_discussion_that_is_not_there_is_a_refusal() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let host = Launch::new("host")
        .arguments(&["--start", &director.endpoint()])
        .start();
    host.await_ready(JOIN_TIMEOUT);
    let invite = format!(
        "ringtalk://{}/#00112233445566778899aabbccddeeff",
        director.endpoint()
    );
    let words = [
        " answered: no such discussion: it has ended",
        "Ask someone in the discussion for its present invite",
    ];
    expect_failure(&invite, "20", 4, &words);
    // A director is asked for 5 s; an earlier end quotes it, too, and is the same refusal.
    let words = ["could not join within 2 s: the director at ", words[1]];
    expect_failure(&invite, "2", 4, &words);
    // Mistyped, it is no secret at all.
    expect_failure(
        &invite.replace("ee", "e"),
        "20",
        4,
        &["a secret has 24 letters"],
    );
    host.quit();
}

#[test]
fn the_answer_of_a_director_without_a_ring_is_quoted() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let ann = Launch::new("ann").join(&director.endpoint()).start();
    ann.await_ready(JOIN_TIMEOUT);
    director.await_redirect_to(&ann.address(), JOIN_TIMEOUT);
    ann.kill();
    wait::poll(
        "the registration lapses",
        JOIN_TIMEOUT,
        &[&director],
        || {
            let answer = director.fetch("/");
            (answer.status == 503).then_some(()).ok_or(answer.status)
        },
    );
    let words = [
        "could not join within 8 s: the director at ",
        " answered: ",
        "try again",
    ];
    // A director waits some seconds for a ring to come back before it answers.
    expect_failure(&director.endpoint(), "8", 3, &words);
}

/// While the history arrives, other links are made: they are not steps.
#[test]
fn each_step_and_the_progress_of_a_long_history_are_reported() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let proxy = Proxy::start();
    let ann = Launch::behind(&proxy, "ann")
        .join(&director.endpoint())
        .start();
    ann.await_ready(JOIN_TIMEOUT);
    let bob = Launch::new("bob").join(&director.endpoint()).start();
    bob.await_ready(JOIN_TIMEOUT);
    let lines: Vec<String> = (1..=HISTORY)
        .map(|n| format!("{n} {}", "x".repeat(500)))
        .collect();
    ann.paste(&lines);
    bob.await_delivery(&lines[HISTORY - 1], JOIN_TIMEOUT);
    proxy.delay(Duration::from_millis(40));
    let late = Launch::new("late").join(&director.endpoint()).start();
    late.await_ready(JOIN_TIMEOUT);
    let journal = late.journal();
    let mut steps: Vec<Joining> = Vec::new();
    let mut delivered = 0;
    for event in journal.since(0) {
        match event {
            Event::Joining(step) => {
                let is_true = step.done.is_none_or(|done| done == delivered);
                assert!(is_true, "{step:?} after {delivered} messages");
                steps.push(step.clone());
            }
            Event::Message(message) if message.history => delivered += 1,
            Event::Ready(_) => break,
            _ => {}
        }
    }
    assert_eq!(delivered, HISTORY as u64);
    let step = |stage: &str| Joining {
        stage: stage.to_owned(),
        done: None,
        total: None,
    };
    let before = ["asking-director", "linking", "asking-for-place"].map(step);
    assert_eq!(steps[..3], before, "{steps:?}");
    let fetching = &steps[3..];
    assert!(
        fetching.iter().all(|step| step.stage == "fetching-history"),
        "{steps:?}"
    );
    let all = Some(HISTORY as u64);
    assert!(
        fetching
            .iter()
            .any(|step| step.done > Some(0) && step.done < all && step.total == all)
    );
    let last = fetching.last().map(|step| (step.done, step.total));
    assert_eq!(last, Some((all, all)));
    assert!(fetching.len() < 110, "{}", fetching.len());
}

/// Two members let a newcomer in, and one sends part of the history. The link to the other is made after that has
/// begun.
#[test]
fn a_stalled_history_is_reported() {
    let _turn = wait_for_turn();
    let eve = Liar::found("eve");
    let lines = (1..=HISTORY).map(|n| format!("{n} {}", "x".repeat(500)));
    eve.say(lines.collect());
    let registrant = eve.registrant();
    let director = start_director_for(&registrant, eve.address());
    let dan = Liar::join(&director, "dan");
    wait::until("dan has the discussion so far", JOIN_TIMEOUT, &[], || {
        let bundles = dan.bundles_of(eve.id());
        let bundles = bundles.iter().filter_map(|sealed| sealed.bundle().ok());
        let messages: usize = bundles.map(|bundle| bundle.messages.len()).sum();
        (messages >= HISTORY).then_some(()).ok_or(messages)
    });
    eve.limit_answered_pulls(2);
    dan.limit_answered_pulls(0);
    register(&director, &registrant, eve.address());
    let endpoint = director.endpoint();
    let late = Launch::new("late")
        .join(&endpoint)
        .arguments(&["--timeout", "7"]);
    let late = late.start();
    let stalled = late.await_error("history-stalled", 0, JOIN_TIMEOUT);
    assert!(stalled.starts_with("fetching "), "{stalled}");
    assert!(
        stalled.contains(" of 6,000, then none for 5 s"),
        "{stalled}"
    );
    assert_eq!(late.exit_code(JOIN_TIMEOUT), 3);
    let ended = late.await_error("unreachable", 0, JOIN_TIMEOUT);
    assert!(ended.starts_with("fetching history: received "), "{ended}");
}

/// In a terminal, plain text shows each step once, however long it lasts.
#[test]
fn plain_text_in_a_terminal_shows_each_step_once() {
    let _turn = wait_for_turn();
    let (_socket, silent) = bind_silent();
    let director = start_redirecting_director(silent);
    let endpoint = director.endpoint();
    let lines = ["--join", endpoint.as_str(), "--ui", "lines"];
    let window = Window::node("late", (100, 24), &lines);
    let linking = format!("joining: connecting to {silent}");
    window.await_text(&linking, SHOW_TIMEOUT);
    // That takes longer than showing the step twice would.
    window.await_text("Trying again", JOIN_TIMEOUT);
    window.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(window.exit_code(SHOW_TIMEOUT), 0);
    assert_eq!(
        window.raw().matches(&linking).count(),
        1,
        "{}",
        window.raw()
    );
    // Without a terminal on stderr no step is shown.
    let mut quiet = Command::new("sh");
    let node = binary("node");
    let node = node.display();
    quiet.args([
        "-c",
        &format!("{node} --join {silent} --ui lines --timeout 2 2>/dev/null"),
    ]);
    let window = Window::open("quiet", (100, 24), &quiet);
    assert_eq!(window.exit_code(JOIN_TIMEOUT), 3);
    assert!(!window.raw().contains("joining:"), "{}", window.raw());
}

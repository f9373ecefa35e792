//! A user who cannot join is told which step failed, what was tried, and what to do.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use ringtalk_tests::alone;
use ringtalk_tests::director::Director;
use ringtalk_tests::event::{Event, Joining};
use ringtalk_tests::liar::Liar;
use ringtalk_tests::network::Proxy;
use ringtalk_tests::node::{IN_TIME, Launch, Node};
use ringtalk_tests::process::binary;
use ringtalk_tests::registrant::Registrant;
use ringtalk_tests::wait;
use ringtalk_tests::window::Window;

/// The number of messages of a long discussion: several answers to requests for them.
const HISTORY: usize = 6_000;

/// The time limit for a step that hangs to be shown.
const SOON: Duration = Duration::from_secs(5);

/// Runs a node that cannot join `place`, and returns its exit status and stderr.
#[track_caller]
fn told(place: &str, timeout: &str) -> (i32, String) {
    let node = Launch::plain("late").join(place);
    let node = node.arguments(&["--timeout", timeout]).start();
    let code = node.exit_code(IN_TIME);
    let stderr = node.journal().stderr_text();
    assert!(
        !stderr.contains("joining:"),
        "a pipe is told of steps: {stderr}"
    );
    (code, stderr)
}

#[track_caller]
fn ends_with(place: &str, timeout: &str, status: i32, words: &[&str]) {
    let (code, stderr) = told(place, timeout);
    assert_eq!(code, status, "{stderr}");
    for words in words {
        assert!(stderr.contains(words), "without {words:?}: {stderr}");
    }
}

/// Starts a director that points at this address for the open discussion, for some seconds.
fn pointing_at(address: SocketAddr) -> Director {
    pointing_to(&Registrant::new(1), address)
}

/// The same, with the registrant at that address.
fn pointing_to(who: &Registrant, address: SocketAddr) -> Director {
    let director = Director::start();
    point(&director, who, address);
    director
}

fn point(director: &Director, who: &Registrant, address: SocketAddr) {
    let body = who.registration(&address.to_string(), 1);
    let path = "/register_coordinator";
    director.ask_as(who, "POST", path, &body).expect(200);
}

/// Returns a socket at which nobody answers, and its address.
fn silent() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("it has an address");
    (socket, address)
}

#[test]
fn a_director_that_is_not_there_is_named() {
    let _alone = alone();
    let (socket, nobody) = silent();
    drop(socket);
    let words = [
        "no way in was found within 1 s; asking the director: none answers at",
        &nobody.to_string(),
        "(no connection); is the address right, and the director running there?",
    ];
    ends_with(&nobody.to_string(), "1", 3, &words);
}

#[test]
fn a_member_that_is_dead_is_named() {
    let _alone = alone();
    let (socket, dead) = silent();
    drop(socket);
    let director = pointing_at(dead);
    let linking = format!("linking to {dead}: connection refused");
    let words = [
        "no way in was found within 1.5 s",
        linking.as_str(),
        "is that node still running",
    ];
    ends_with(&director.place(), "1.5", 3, &words);
}

#[test]
fn a_member_that_says_nothing_is_named() {
    let _alone = alone();
    let (_socket, silent) = silent();
    let director = pointing_at(silent);
    let words = format!("linking to {silent}: no answer yet");
    ends_with(&director.place(), "1", 3, &[&words]);
    let director = pointing_at(silent);
    let node = Launch::new("late").join(&director.place()).start();
    let stalls = |journal: &ringtalk_tests::journal::Journal| {
        let errors = journal.errors_since(0).map(|error| error.code.clone());
        errors
            .into_iter()
            .any(|code| code == "member-unreachable")
            .then_some(())
    };
    node.wait_for("says that nobody answers", IN_TIME, stalls);
}

#[test]
fn another_version_is_a_refusal() {
    let _alone = alone();
    let (socket, other) = silent();
    let answering = std::thread::spawn(move || {
        let (mut stream, _): (TcpStream, _) = socket.accept().expect("somebody comes");
        stream.write_all(b"RTLK\x00\x63").expect("it listens");
        let _ = stream.read(&mut [0; 64]);
    });
    let director = pointing_at(other);
    let linking = format!("linking to {other}: the other end speaks version 99");
    ends_with(
        &director.place(),
        "20",
        4,
        &[&linking, "run the same version everywhere"],
    );
    answering.join().expect("it was dialled");
}

#[test]
fn a_discussion_that_is_not_there_is_a_refusal() {
    let _alone = alone();
    let director = Director::start();
    let host = Launch::new("host")
        .arguments(&["--start", &director.place()])
        .start();
    host.ready(IN_TIME);
    let invite = format!(
        "ringtalk://{}/#00112233445566778899aabbccddeeff",
        director.place()
    );
    let words = [
        "asking the director: no such discussion at ",
        "the secret is another one's; ask somebody inside for a new invite",
    ];
    ends_with(&invite, "20", 4, &words);
    // Mistyped, it is no secret at all.
    ends_with(
        &invite.replace("ee", "e"),
        "20",
        4,
        &["a secret has 24 letters"],
    );
    host.quit();
}

#[test]
fn a_director_whose_ring_has_vanished_is_quoted() {
    let _alone = alone();
    let director = Director::start();
    let ann = Launch::new("ann").join(&director.place()).start();
    ann.ready(IN_TIME);
    director.redirects_to(&ann.address(), IN_TIME);
    ann.kill();
    wait::poll("the registration lapses", IN_TIME, &[&director], || {
        let answer = director.fetch("/");
        (answer.status == 503).then_some(()).ok_or(answer.status)
    });
    let words = [
        "asking the director: ",
        " answers, but ",
        "is somebody still inside?",
    ];
    // A director waits some seconds for a ring to come back before it answers.
    ends_with(&director.place(), "8", 3, &words);
}

/// While the history arrives, other links are made: they are not steps.
#[test]
fn each_step_is_told_and_how_much_of_a_long_history_has_come() {
    let _alone = alone();
    let director = Director::start();
    let proxy = Proxy::start();
    let ann = Launch::behind(&proxy, "ann")
        .join(&director.place())
        .start();
    ann.ready(IN_TIME);
    let bob = Launch::new("bob").join(&director.place()).start();
    bob.ready(IN_TIME);
    let lines: Vec<String> = (1..=HISTORY)
        .map(|n| format!("{n} {}", "x".repeat(500)))
        .collect();
    ann.paste(&lines);
    bob.hears(&lines[HISTORY - 1], IN_TIME);
    proxy.delay(Duration::from_millis(40));
    let late = Launch::new("late").join(&director.place()).start();
    late.ready(IN_TIME);
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
fn a_history_that_stops_coming_is_told_of_as_that() {
    let _alone = alone();
    let eve = Liar::found("eve");
    let lines = (1..=HISTORY).map(|n| format!("{n} {}", "x".repeat(500)));
    eve.say(lines.collect());
    let who = eve.registrant();
    let director = pointing_to(&who, eve.address());
    let dan = Liar::join(&director, "dan");
    wait::until("dan has the discussion so far", IN_TIME, &[], || {
        let bundles = dan.bundles_of(eve.id());
        let bundles = bundles.iter().filter_map(|sealed| sealed.bundle().ok());
        let messages: usize = bundles.map(|bundle| bundle.messages.len()).sum();
        (messages >= HISTORY).then_some(()).ok_or(messages)
    });
    eve.answer_pulls(2);
    dan.answer_pulls(0);
    point(&director, &who, eve.address());
    let place = director.place();
    let late = Launch::new("late")
        .join(&place)
        .arguments(&["--timeout", "7"]);
    let late = late.start();
    let told = |late: &Node, code: &str| {
        let code = code.to_owned();
        late.wait_for_event("is told", 0, IN_TIME, move |event| match event {
            Event::Error(error) if error.code == code => Some(error.message.clone()),
            _ => None,
        })
    };
    let stalled = told(&late, "history-stalled");
    assert!(stalled.starts_with("fetching "), "{stalled}");
    assert!(
        stalled.contains(" of 6,000 messages: no more for 5 s"),
        "{stalled}"
    );
    assert_eq!(late.exit_code(IN_TIME), 3);
    let ended = told(&late, "unreachable");
    assert!(
        ended.starts_with("fetching the discussion so far: "),
        "{ended}"
    );
}

/// In a terminal, plain text shows each step once, however long it lasts.
#[test]
fn who_waits_in_front_of_plain_text_reads_each_step_once() {
    let _alone = alone();
    let (_socket, silent) = silent();
    let director = pointing_at(silent);
    let place = director.place();
    let lines = ["--join", place.as_str(), "--ui", "lines"];
    let window = Window::node("late", (100, 24), &lines);
    let linking = format!("joining: linking to {silent}");
    window.sees(&linking, SOON);
    // That takes longer than showing the step twice would.
    window.sees("trying again", IN_TIME);
    window.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(window.exit_code(SOON), 0);
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
    assert_eq!(window.exit_code(IN_TIME), 3);
    assert!(!window.raw().contains("joining:"), "{}", window.raw());
}

//! Private discussions: invites, secrets, and what a director sees of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtalk_tests::cluster::{DELIVERY_TIMEOUT, SETTLE_TIMEOUT, await_one_ring};
use ringtalk_tests::director::Director;
use ringtalk_tests::http::Response;
use ringtalk_tests::id::NodeId;
use ringtalk_tests::measure::report;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::ring_viz::run_once;
use ringtalk_tests::tap::Tap;
use ringtalk_tests::wait::{self, poll};
use ringtalk_tests::wait_for_turn;

/// The time limit for a node to give up when it is not let in: 5 s of "no such discussion", and its start.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(10);

/// A secret in hexadecimal digits, as a user may choose one.
const SECRET: &str = "000102030405060708090a0b0c0d0e0f";

/// The same secret as it appears in an invite, without the checksum.
const SECRET_AS_TEXT: &str = "AAECAwQFBgcICQoLDA0OD";

/// Another secret.
const OTHER: &str = "f0e0d0c0b0a090807060504030201000";

/// Starts a node that founds a private discussion, and listens for newcomers at two addresses.
#[track_caller]
fn host() -> TestNode {
    let host = Launch::new("host").arguments(&["--director-listen", "127.0.0.1:0"]);
    let host = host.start();
    host.await_ready(JOIN_TIMEOUT);
    host
}

/// Returns the directors and the secret of an invite.
#[track_caller]
fn split_invite(invite: &str) -> (&str, &str) {
    invite
        .strip_prefix("ringtalk://")
        .and_then(|rest| rest.split_once("/#"))
        .unwrap_or_else(|| panic!("no invite into a private discussion: {invite}"))
}

fn launch_starting(name: &str, director: &Director, secret: &str) -> Launch {
    let launch = Launch::new(name).arguments(&["--start", &director.endpoint()]);
    launch.environment("RINGTALK_SECRET", secret)
}

/// Checks that a node is refused, and that it says so without the secret.
#[track_caller]
fn expect_refused(launch: Launch, words: &str, secret: &str) {
    let node = launch.start();
    assert_eq!(
        node.exit_code(REFUSAL_TIMEOUT),
        4,
        "exit status of {words:?}"
    );
    let journal = node.journal();
    let stderr = journal.stderr_text();
    assert!(stderr.contains(words), "{words:?} is not said: {stderr}");
    assert!(!stderr.contains(secret), "the secret is said: {stderr}");
    assert!(journal.ready.is_none(), "it was let in");
}

#[track_caller]
fn talk(nodes: &[Arc<TestNode>]) {
    for (number, node) in nodes.iter().enumerate() {
        let text = format!("{number} of {} says hello", node.id());
        node.say(&text);
        for other in nodes {
            other.await_delivery(&text, DELIVERY_TIMEOUT);
        }
    }
}

#[test]
fn an_invite_leads_into_a_private_discussion() {
    let _turn = wait_for_turn();
    let host = host();
    let invite = host.await_ready(JOIN_TIMEOUT).invite;
    let (endpoint, secret) = split_invite(&invite);
    assert_eq!(secret.len(), 24, "128 bits and a checksum: {secret}");
    let guest = Launch::new("guest").join(&invite).start();
    assert_eq!(guest.await_ready(JOIN_TIMEOUT).invite, invite);
    let quiet = Launch::new("quiet").join(endpoint);
    let quiet = quiet.environment("RINGTALK_SECRET", secret).start();
    quiet.await_ready(JOIN_TIMEOUT);
    let nodes = [host, guest, quiet].map(Arc::new);
    await_one_ring(&nodes, SETTLE_TIMEOUT);
    talk(&nodes);
    let run = run_once(&invite, "json");
    assert_eq!((run.code, run.ring().members.len()), (0, 3), "{run:?}");
}

#[test]
fn without_the_right_secret_nobody_gets_in() {
    let _turn = wait_for_turn();
    let host = host();
    let invite = host.await_ready(JOIN_TIMEOUT).invite;
    let (endpoint, secret) = split_invite(&invite);
    expect_refused(
        Launch::new("none").join(endpoint),
        "private discussion",
        secret,
    );
    let other = format!("ringtalk://{endpoint}/#{OTHER}");
    expect_refused(
        Launch::new("other").join(&other),
        "private discussion",
        OTHER,
    );
    let first = if secret.starts_with('A') { 'B' } else { 'A' };
    let mistyped = format!("{first}{}", &secret[1..]);
    let by_invite = Launch::new("mistyped").join(&format!("ringtalk://{endpoint}/#{mistyped}"));
    expect_refused(by_invite, "mistyped", &mistyped);
    let by_variable = Launch::new("mistyped").join(endpoint);
    let by_variable = by_variable.environment("RINGTALK_SECRET", &mistyped);
    expect_refused(by_variable, "RINGTALK_SECRET", &mistyped);
    let run = run_once(endpoint, "json");
    assert_eq!(run.code, 4, "{run:?}");
}

#[test]
fn a_secret_is_not_repeated_where_the_command_line_is_wrong() {
    let _turn = wait_for_turn();
    let invite = format!("ringtalk://127.0.0.1:1/#{SECRET}");
    for arguments in [
        &[invite.as_str(), "no/where"][..],
        &["--start", &invite],
        &["--join", &invite, "--stray"],
        &["--join", SECRET],
        &[SECRET],
        &["--join", &invite, "--start", "127.0.0.1:1"],
    ] {
        let node = Launch::bare("node")
            .arguments(arguments)
            .with_text_output()
            .start();
        assert_eq!(
            node.exit_code(REFUSAL_TIMEOUT),
            2,
            "exit status of {arguments:?}"
        );
        let stderr = node.journal().stderr_text();
        assert!(!stderr.contains(SECRET), "the secret is said: {stderr}");
    }
    let help = Launch::bare("node")
        .arguments(&["--help"])
        .with_text_output();
    let help = help.environment("RINGTALK_JOIN", &invite).start();
    assert_eq!(help.exit_code(REFUSAL_TIMEOUT), 0);
    assert!(!help.journal().stdout_text().contains(SECRET));
}

#[test]
fn an_ended_discussion_is_no_such_discussion() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let invite = format!("ringtalk://{}/#{SECRET}", director.endpoint());
    expect_refused(
        Launch::new("late").join(&invite),
        "no such discussion",
        SECRET,
    );
}

#[test]
fn one_director_has_room_for_private_discussions_beside_the_open_one() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let pair = |launch: &dyn Fn(&str) -> Launch, names: [&str; 2]| {
        let nodes = names.map(|name| Arc::new(launch(name).start()));
        for node in &nodes {
            node.await_ready(JOIN_TIMEOUT);
        }
        await_one_ring(&nodes, SETTLE_TIMEOUT);
        nodes
    };
    // Both of a pair start at once: one founds, and the other joins it.
    let one = pair(
        &|name| launch_starting(name, &director, SECRET),
        ["a1", "a2"],
    );
    let other = pair(
        &|name| launch_starting(name, &director, OTHER),
        ["b1", "b2"],
    );
    let open = pair(
        &|name| Launch::new(name).join(&director.endpoint()),
        ["c1", "c2"],
    );
    for pair in [&one, &other, &open] {
        talk(pair);
        assert_eq!(pair[1].journal().texts.len(), 2, "it hears others' words");
    }
    assert!(
        split_invite(&one[0].await_ready(JOIN_TIMEOUT).invite)
            .1
            .starts_with(SECRET_AS_TEXT)
    );
    let invite = format!("ringtalk://{}/", director.endpoint());
    assert_eq!(open[0].await_ready(JOIN_TIMEOUT).invite, invite);
    let seen = run_once(&director.endpoint(), "json").ring();
    let ids: Vec<NodeId> = seen.members.iter().map(|member| member.node_id).collect();
    assert!(ids.len() == 2 && ids.contains(&open[0].id()), "{ids:?}");
}

#[test]
fn the_open_discussion_is_called_open() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let open = Launch::plain("open").join(&director.endpoint()).start();
    open.wait_for("says that it is open", JOIN_TIMEOUT, |journal| {
        let output = journal.stdout_text();
        (output.contains("! this is the open discussion of") && output.contains("read along"))
            .then_some(())
    });
    let private = Launch::plain("private").arguments(&["--start", &director.endpoint()]);
    let private = private.start();
    private.wait_for("prints its invite", JOIN_TIMEOUT, |journal| {
        let output = journal.stdout_text();
        output
            .contains("/#")
            .then(|| assert!(!output.contains("open discussion"), "{output}"))
    });
    private.command("/invite");
    private.wait_for("prints its invite again", DELIVERY_TIMEOUT, |journal| {
        let invites = journal.stdout_text().matches("/#").count();
        (invites == 2).then_some(())
    });
}

#[test]
fn a_director_sees_no_secret_no_name_and_no_text() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let tap = Tap::in_front_of(director.address());
    let launch = |name: &str| {
        let launch = Launch::new(name).arguments(&["--start", &tap.endpoint()]);
        launch.environment("RINGTALK_SECRET", SECRET).start()
    };
    let nodes = ["Wilhelmina", "Bartholomew"].map(|name| Arc::new(launch(name)));
    for node in &nodes {
        node.await_ready(JOIN_TIMEOUT);
    }
    let invite = nodes[0].await_ready(JOIN_TIMEOUT).invite;
    let guest = Arc::new(Launch::new("Cunigunde").join(&invite).start());
    guest.await_ready(JOIN_TIMEOUT);
    let [first, second] = nodes;
    let nodes = [first, second, guest];
    await_one_ring(&nodes, SETTLE_TIMEOUT);
    nodes[0].say("meet me at the lighthouse");
    nodes[1].await_delivery("meet me at the lighthouse", DELIVERY_TIMEOUT);
    wait::sleep(
        "nothing outside shows the two renewals of the registration",
        Duration::from_secs(5),
    );
    // They leave one after the other, so the last one ends the registration.
    for (left, node) in nodes.iter().enumerate() {
        await_one_ring(&nodes[left..], SETTLE_TIMEOUT);
        node.quit();
        assert_eq!(node.exit_code(JOIN_TIMEOUT), 0, "exit status after /quit");
    }

    let captured = tap.captured();
    let has = |part: &[u8]| captured.windows(part.len()).any(|window| window == part);
    for expected in [
        "register_node",
        "register_coordinator",
        "\"signature\"",
        "DELETE",
    ] {
        assert!(has(expected.as_bytes()), "the capture has no {expected}");
    }
    let raw: Vec<u8> = (0..16).collect();
    let upper = SECRET.to_uppercase();
    let secrets = [
        raw.as_slice(),
        SECRET.as_bytes(),
        upper.as_bytes(),
        SECRET_AS_TEXT.as_bytes(),
    ];
    for (number, secret) in secrets.into_iter().enumerate() {
        assert!(!has(secret), "the secret was sent, in form {number}");
    }
    for word in ["Wilhelmina", "Bartholomew", "Cunigunde", "lighthouse"] {
        assert!(!has(word.as_bytes()), "{word} was sent");
    }
}

#[test]
fn a_restarted_director_knows_a_private_discussion_again_within_three_seconds() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let endpoint = director.endpoint();
    let host = Arc::new(launch_starting("host", &director, SECRET).start());
    let invite = host.await_ready(JOIN_TIMEOUT).invite;
    drop(director);
    let again = Director::start_at(&endpoint);
    let since = Instant::now();
    poll(
        "the ring is known again",
        Duration::from_secs(3),
        &[&again],
        || {
            let metrics = again.fetch("/metrics").body;
            let is_known = metrics.contains("ringtalk_director_registrations_total 1");
            is_known.then_some(()).ok_or(metrics)
        },
    );
    report(
        "director: a private ring is registered again after",
        since.elapsed(),
    );
    let guest = Arc::new(Launch::new("guest").join(&invite).start());
    guest.await_ready(JOIN_TIMEOUT);
    await_one_ring(&[host, guest], SETTLE_TIMEOUT);
}

/// Tries to register another's private discussion; `extra` is a made-up proof, or empty.
fn try_to_register(director: &Director, discussion: &str, extra: &str) -> Response {
    let id = NodeId::made_up(66);
    let body = format!(
        r#"{{"id":"{id}","internal-address":"127.0.0.1:6","epoch":{{"number":99,"coordinator":"{id}"}},"discussion":"{discussion}"{extra}}}"#
    );
    director.post("/register_coordinator", &body)
}

#[test]
fn nobody_registers_a_private_discussion_without_its_secret() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let host = Arc::new(launch_starting("host", &director, SECRET).start());
    let ready = host.await_ready(JOIN_TIMEOUT);
    let discussion = ready.discussion.as_str();
    let unsigned = try_to_register(&director, discussion, "");
    let nonce = unsigned.expect_problem(401).json()["nonce"].clone();
    let nonce = nonce.as_str().expect("a 401 has the nonce").to_owned();
    let challenge = unsigned.header("www-authenticate").unwrap_or_default();
    assert_eq!(challenge, format!("Ringtalk nonce=\"{nonce}\""));

    let (key, signature) = ("A".repeat(43), "A".repeat(86));
    let proof =
        |nonce: &str| format!(r#","key":"{key}","nonce":"{nonce}","signature":"{signature}""#);
    try_to_register(&director, discussion, &proof(&nonce)).expect_problem(403);
    let malformed = try_to_register(&director, discussion, &proof("short"));
    assert_eq!(malformed.expect_problem(422).json()["field"], "nonce");

    let guest = Arc::new(Launch::new("guest").join(&ready.invite).start());
    guest.await_ready(JOIN_TIMEOUT);
    await_one_ring(&[host, guest], SETTLE_TIMEOUT);
}

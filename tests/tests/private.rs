//! Private discussions: invites, secrets, and what a director sees of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtalk_tests::alone;
use ringtalk_tests::cluster::{EVERYWHERE, REST, one_ring};
use ringtalk_tests::director::Director;
use ringtalk_tests::http::Response;
use ringtalk_tests::id::NodeId;
use ringtalk_tests::measure::report;
use ringtalk_tests::node::{IN_TIME, Launch, Node};
use ringtalk_tests::ring_viz::look;
use ringtalk_tests::tap::Tap;
use ringtalk_tests::wait::poll;

/// The time limit for a node to give up when it is not let in: 5 s of "no such discussion", and its start.
const REFUSED: Duration = Duration::from_secs(10);

/// A secret in hexadecimal digits, as a user may choose one.
const SECRET: &str = "000102030405060708090a0b0c0d0e0f";

/// The same secret as it appears in an invite, without the checksum.
const SECRET_AS_TEXT: &str = "AAECAwQFBgcICQoLDA0OD";

/// Another secret.
const OTHER: &str = "f0e0d0c0b0a090807060504030201000";

/// Starts a node that founds a private discussion, with a director inside.
#[track_caller]
fn host() -> Node {
    let host = Launch::new("host").arguments(&["--director-listen", "127.0.0.1:0"]);
    let host = host.start();
    host.ready(IN_TIME);
    host
}

/// Returns the directors and the secret of an invite.
#[track_caller]
fn parts(invite: &str) -> (&str, &str) {
    invite
        .strip_prefix("ringtalk://")
        .and_then(|rest| rest.split_once("/#"))
        .unwrap_or_else(|| panic!("no invite into a private discussion: {invite}"))
}

fn starting(name: &str, director: &Director, secret: &str) -> Launch {
    let launch = Launch::new(name).arguments(&["--start", &director.place()]);
    launch.environment("RINGTALK_SECRET", secret)
}

/// Checks that a node is refused, and that it says so without the secret.
#[track_caller]
fn refused(launch: Launch, words: &str, secret: &str) {
    let node = launch.start();
    assert_eq!(node.exit_code(REFUSED), 4, "exit status of {words:?}");
    let journal = node.journal();
    let stderr = journal.stderr_text();
    assert!(stderr.contains(words), "{words:?} is not said: {stderr}");
    assert!(!stderr.contains(secret), "the secret is said: {stderr}");
    assert!(journal.ready.is_none(), "it was let in");
}

#[track_caller]
fn talk(nodes: &[Arc<Node>]) {
    for (number, node) in nodes.iter().enumerate() {
        let text = format!("{number} of {} says hello", node.id());
        node.say(&text);
        for other in nodes {
            other.hears(&text, EVERYWHERE);
        }
    }
}

#[test]
fn an_invite_leads_into_a_private_discussion() {
    let _alone = alone();
    let host = host();
    let invite = host.ready(IN_TIME).invite;
    let (place, secret) = parts(&invite);
    assert_eq!(secret.len(), 24, "128 bits and a checksum: {secret}");
    let guest = Launch::new("guest").join(&invite).start();
    assert_eq!(guest.ready(IN_TIME).invite, invite);
    let quiet = Launch::new("quiet").join(place);
    let quiet = quiet.environment("RINGTALK_SECRET", secret).start();
    quiet.ready(IN_TIME);
    let nodes = [host, guest, quiet].map(Arc::new);
    one_ring(&nodes, REST);
    talk(&nodes);
    let look = look(&invite, "json");
    assert_eq!((look.code, look.ring().members.len()), (0, 3), "{look:?}");
}

#[test]
fn without_the_right_secret_nobody_gets_in() {
    let _alone = alone();
    let host = host();
    let invite = host.ready(IN_TIME).invite;
    let (place, secret) = parts(&invite);
    refused(
        Launch::new("none").join(place),
        "private discussion",
        secret,
    );
    let other = format!("ringtalk://{place}/#{OTHER}");
    refused(
        Launch::new("other").join(&other),
        "private discussion",
        OTHER,
    );
    let first = if secret.starts_with('A') { 'B' } else { 'A' };
    let mistyped = format!("{first}{}", &secret[1..]);
    let by_invite = Launch::new("mistyped").join(&format!("ringtalk://{place}/#{mistyped}"));
    refused(by_invite, "mistyped", &mistyped);
    let by_variable = Launch::new("mistyped").join(place);
    let by_variable = by_variable.environment("RINGTALK_SECRET", &mistyped);
    refused(by_variable, "RINGTALK_SECRET", &mistyped);
    let look = look(place, "json");
    assert_eq!(look.code, 4, "{look:?}");
}

#[test]
fn a_secret_is_not_repeated_where_the_command_line_is_wrong() {
    let _alone = alone();
    let invite = format!("ringtalk://127.0.0.1:1/#{SECRET}");
    for arguments in [
        &[invite.as_str()][..],
        &["--start", &invite],
        &["--join", &invite, "stray"],
        &["--join", SECRET],
        &[SECRET],
        &["--join", &invite, "--start", "127.0.0.1:1"],
    ] {
        let node = Launch::bare("node")
            .arguments(arguments)
            .expecting_text()
            .start();
        assert_eq!(node.exit_code(REFUSED), 2, "exit status of {arguments:?}");
        let stderr = node.journal().stderr_text();
        assert!(!stderr.contains(SECRET), "the secret is said: {stderr}");
    }
    let help = Launch::bare("node").arguments(&["--help"]).expecting_text();
    let help = help.environment("RINGTALK_JOIN", &invite).start();
    assert_eq!(help.exit_code(REFUSED), 0);
    assert!(!help.journal().stdout_text().contains(SECRET));
}

#[test]
fn an_ended_discussion_is_no_such_discussion() {
    let _alone = alone();
    let director = Director::start();
    let invite = format!("ringtalk://{}/#{SECRET}", director.place());
    refused(
        Launch::new("late").join(&invite),
        "no such discussion",
        SECRET,
    );
}

#[test]
fn one_director_has_room_for_private_discussions_beside_the_open_one() {
    let _alone = alone();
    let director = Director::start();
    let pair = |launch: &dyn Fn(&str) -> Launch, names: [&str; 2]| {
        let nodes = names.map(|name| Arc::new(launch(name).start()));
        for node in &nodes {
            node.ready(IN_TIME);
        }
        one_ring(&nodes, REST);
        nodes
    };
    // Both of a pair start at once: one founds, and the other joins it.
    let one = pair(&|name| starting(name, &director, SECRET), ["a1", "a2"]);
    let other = pair(&|name| starting(name, &director, OTHER), ["b1", "b2"]);
    let open = pair(
        &|name| Launch::new(name).join(&director.place()),
        ["c1", "c2"],
    );
    for pair in [&one, &other, &open] {
        talk(pair);
        assert_eq!(pair[1].journal().texts.len(), 2, "it hears others' words");
    }
    assert!(
        parts(&one[0].ready(IN_TIME).invite)
            .1
            .starts_with(SECRET_AS_TEXT)
    );
    let invite = format!("ringtalk://{}/", director.place());
    assert_eq!(open[0].ready(IN_TIME).invite, invite);
    let seen = look(&director.place(), "json").ring();
    let ids: Vec<NodeId> = seen.members.iter().map(|member| member.node_id).collect();
    assert!(ids.len() == 2 && ids.contains(&open[0].id()), "{ids:?}");
}

#[test]
fn the_open_discussion_is_called_open() {
    let _alone = alone();
    let director = Director::start();
    let open = Launch::plain("open").join(&director.place()).start();
    open.wait_for("says that it is open", IN_TIME, |journal| {
        let shown = journal.stdout_text();
        (shown.contains("! this is the open discussion of") && shown.contains("read along"))
            .then_some(())
    });
    let private = Launch::plain("private").arguments(&["--start", &director.place()]);
    let private = private.start();
    private.wait_for("prints its invite", IN_TIME, |journal| {
        let shown = journal.stdout_text();
        shown
            .contains("/#")
            .then(|| assert!(!shown.contains("open discussion"), "{shown}"))
    });
    private.command("/invite");
    private.wait_for("prints its invite again", EVERYWHERE, |journal| {
        let invites = journal.stdout_text().matches("/#").count();
        (invites == 2).then_some(())
    });
}

#[test]
fn a_director_sees_no_secret_no_name_and_no_text() {
    let _alone = alone();
    let director = Director::start();
    let tap = Tap::before(director.address());
    let launch = |name: &str| {
        let launch = Launch::new(name).arguments(&["--start", &tap.place()]);
        launch.environment("RINGTALK_SECRET", SECRET).start()
    };
    let nodes = ["Wilhelmina", "Bartholomew"].map(|name| Arc::new(launch(name)));
    for node in &nodes {
        node.ready(IN_TIME);
    }
    let invite = nodes[0].ready(IN_TIME).invite;
    let guest = Arc::new(Launch::new("Cunigunde").join(&invite).start());
    guest.ready(IN_TIME);
    let [first, second] = nodes;
    let nodes = [first, second, guest];
    one_ring(&nodes, REST);
    nodes[0].say("meet me at the lighthouse");
    nodes[1].hears("meet me at the lighthouse", EVERYWHERE);
    // Waits for two renewals of the registration, 2 s each: nothing outside shows them.
    std::thread::sleep(Duration::from_secs(5));
    // They leave one after the other, so the last one ends the registration.
    for (left, node) in nodes.iter().enumerate() {
        one_ring(&nodes[left..], REST);
        node.quit();
        assert_eq!(node.exit_code(IN_TIME), 0, "exit status after /quit");
    }

    let heard = tap.heard();
    let has = |part: &[u8]| heard.windows(part.len()).any(|window| window == part);
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
    let _alone = alone();
    let director = Director::start();
    let place = director.place();
    let host = Arc::new(starting("host", &director, SECRET).start());
    let invite = host.ready(IN_TIME).invite;
    drop(director);
    let again = Director::start_at(&place);
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
    guest.ready(IN_TIME);
    one_ring(&[host, guest], REST);
}

/// Tries to register another's private discussion; `extra` is a made-up proof, or empty.
fn squat(director: &Director, discussion: &str, extra: &str) -> Response {
    let id = NodeId::made_up(66);
    let body = format!(
        r#"{{"id":"{id}","internal-address":"127.0.0.1:6","epoch":{{"number":99,"coordinator":"{id}"}},"discussion":"{discussion}"{extra}}}"#
    );
    director.post("/register_coordinator", &body)
}

#[test]
fn nobody_squats_a_private_discussion() {
    let _alone = alone();
    let director = Director::start();
    let host = Arc::new(starting("host", &director, SECRET).start());
    let ready = host.ready(IN_TIME);
    let discussion = ready.discussion.as_str();
    let unsigned = squat(&director, discussion, "");
    let nonce = unsigned.expect_problem(401).json()["nonce"].clone();
    let nonce = nonce.as_str().expect("a 401 has the nonce").to_owned();
    let challenge = unsigned.header("www-authenticate").unwrap_or_default();
    assert_eq!(challenge, format!("Ringtalk nonce=\"{nonce}\""));

    let (key, signature) = ("A".repeat(43), "A".repeat(86));
    let proof =
        |nonce: &str| format!(r#","key":"{key}","nonce":"{nonce}","signature":"{signature}""#);
    squat(&director, discussion, &proof(&nonce)).expect_problem(403);
    let malformed = squat(&director, discussion, &proof("short"));
    assert_eq!(malformed.expect_problem(422).json()["field"], "nonce");

    let guest = Arc::new(Launch::new("guest").join(&ready.invite).start());
    guest.ready(IN_TIME);
    one_ring(&[host, guest], REST);
}

//! Invites that outlive their maker, and members that let newcomers in.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ringtalk_tests::cluster::{DELIVERY_TIMEOUT, SETTLE_TIMEOUT, await_one_ring};
use ringtalk_tests::director::Director;
use ringtalk_tests::event::Event;
use ringtalk_tests::measure::report;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::wait_for_turn;

/// How long an invite may take.
const INVITE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a newcomer may take to join by an invite with live entrances.
const ENTRY: Duration = Duration::from_secs(1);

/// The time limit for a node to be refused by all entrances.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(12);

fn start(name: &str) -> Arc<TestNode> {
    let node = Launch::new(name).start();
    node.await_ready(JOIN_TIMEOUT);
    Arc::new(node)
}

#[track_caller]
fn join(name: &str, invite: &str) -> Arc<TestNode> {
    let node = Launch::new(name).join(invite).start();
    node.await_ready(JOIN_TIMEOUT);
    Arc::new(node)
}

/// Returns the entrances of an invite.
fn entrances(invite: &str) -> Vec<String> {
    let inner = invite.strip_prefix("ringtalk://").expect("an invite");
    let (entrances, _) = inner.split_once('/').expect("an invite has a path");
    entrances.split(',').map(str::to_owned).collect()
}

/// Returns the same invite with other entrances.
fn with_entrances(invite: &str, entrances: &[String]) -> String {
    let (_, secret) = invite.split_once('#').expect("a private discussion");
    format!("ringtalk://{}/#{secret}", entrances.join(","))
}

#[test]
fn an_invite_leads_in_after_its_maker_is_dead_and_so_does_a_new_one() {
    let _turn = wait_for_turn();
    let ann = start("ann");
    let first = ann.await_ready(JOIN_TIMEOUT).invite;
    assert_eq!(entrances(&first), [ann.address()]);
    let (bob, cyd) = (join("bob", &first), join("cyd", &first));
    let nodes = [ann, bob, cyd];
    await_one_ring(&nodes, SETTLE_TIMEOUT);
    let shown = nodes[0].ask_invite(INVITE_TIMEOUT);
    let mut named = entrances(&shown);
    let mut all: Vec<String> = nodes.iter().map(|node| node.address()).collect();
    named.sort();
    all.sort();
    assert_eq!(named, all, "each member is an entrance");
    nodes[0].say("before ann dies");
    for node in &nodes {
        node.await_delivery("before ann dies", DELIVERY_TIMEOUT);
    }
    nodes[0].kill();
    let dan = join("dan", &shown);
    let of_dan = dan.time_to_ready();
    let again = nodes[1].ask_invite(INVITE_TIMEOUT);
    assert!(!entrances(&again).contains(&nodes[0].address()), "{again}");
    let eve = join("eve", &again);
    let of_eve = eve.time_to_ready();
    report("joined by an old and by a new invite", (of_dan, of_eve));
    assert!(of_dan <= ENTRY && of_eve <= ENTRY, "{of_dan:?} {of_eve:?}");
    for newcomer in [&dan, &eve] {
        newcomer.await_delivery("before ann dies", DELIVERY_TIMEOUT);
    }
    let [_, bob, cyd] = nodes;
    await_one_ring(&[bob, cyd, dan, eve], SETTLE_TIMEOUT);
}

#[test]
fn the_last_of_eight_members_lets_a_newcomer_in_without_any_director() {
    let _turn = wait_for_turn();
    let ann = start("ann");
    let first = ann.await_ready(JOIN_TIMEOUT).invite;
    let mut nodes = vec![ann];
    for name in ["bob", "cyd", "dan", "eve", "fay", "gus", "hal"] {
        nodes.push(join(name, &first));
    }
    await_one_ring(&nodes, SETTLE_TIMEOUT);
    for (number, node) in nodes.iter().enumerate() {
        node.say(&format!("word {number}"));
    }
    let said: Vec<String> = (0..nodes.len())
        .map(|number| format!("word {number}"))
        .collect();
    let last = nodes.swap_remove(4);
    for text in &said {
        last.await_delivery(text, DELIVERY_TIMEOUT);
    }
    for node in &nodes {
        node.kill();
    }
    await_one_ring(std::slice::from_ref(&last), SETTLE_TIMEOUT);
    let newcomer = join("ida", &last.ask_invite(INVITE_TIMEOUT));
    for text in &said {
        newcomer.await_delivery(text, DELIVERY_TIMEOUT);
    }
    await_one_ring(&[last, newcomer], SETTLE_TIMEOUT);
}

#[test]
fn members_are_told_when_the_last_entrance_of_their_invite_is_gone() {
    let _turn = wait_for_turn();
    let ann = start("ann");
    let first = ann.await_ready(JOIN_TIMEOUT).invite;
    let (bob, cyd) = (join("bob", &first), join("cyd", &first));
    await_one_ring(&[ann.clone(), bob.clone(), cyd.clone()], SETTLE_TIMEOUT);
    let mark = bob.mark();
    ann.kill();
    let told = bob.await_notice("invite-changed", mark, SETTLE_TIMEOUT);
    let start = told.find("ringtalk://").expect("the new invite");
    let dan = join("dan", &told[start..]);
    await_one_ring(&[bob, cyd, dan], SETTLE_TIMEOUT);
}

#[test]
fn a_lone_founder_says_that_nobody_has_checked_its_invite() {
    let _turn = wait_for_turn();
    let ann = start("ann");
    let mark = ann.mark();
    assert_eq!(
        ann.ask_invite(INVITE_TIMEOUT),
        ann.await_ready(JOIN_TIMEOUT).invite
    );
    ann.await_notice("unchecked-invite", mark, INVITE_TIMEOUT);
}

#[test]
fn the_good_entrance_wins_among_dead_and_hostile_ones() {
    let _turn = wait_for_turn();
    let ann = start("ann");
    let other = start("other");
    let invite = ann.await_ready(JOIN_TIMEOUT).invite;
    let good = ann.address();
    let dead = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("bound").to_string()
    };
    let lies = [
        // A coordinator that does not exist, at an address where nobody answers.
        HttpLiar::start(
            200,
            &format!(
                r#"{{"id":"aaaaaaaa-0000-8000-8000-000000000000","internal-address":"{dead}","epoch":{{"number":9007199254740991,"coordinator":"aaaaaaaa-0000-8000-8000-000000000000"}},"candidates":[]}}"#
            ),
            "",
        ),
        HttpLiar::start(307, "", "Location: http://127.0.0.1:1/register_node\r\n"),
        HttpLiar::start(201, r#"{"first":true,"lease-ms":1}"#, ""),
        HttpLiar::start(500, "<html>", ""),
    ];
    let mut all = vec![dead, other.address()];
    all.extend(lies.iter().map(HttpLiar::endpoint));
    all.push(good);
    let newcomer = join("eve", &with_entrances(&invite, &all));
    let time = newcomer.time_to_ready();
    report("joined past bad entrances", time);
    assert!(time < Duration::from_secs(6), "{time:?}");
    await_one_ring(&[ann.clone(), newcomer], SETTLE_TIMEOUT);
    let many: Vec<String> = (1..40).map(|port| format!("127.0.0.1:{port}")).collect();
    let many = [many, vec![ann.address()]].concat();
    let newcomer = join("fay", &with_entrances(&invite, &many));
    assert!(newcomer.time_to_ready() < Duration::from_secs(3));
    // Members of another discussion refuse at once, so nobody waits for the end of the time limit.
    let wrong = with_entrances(&invite, &[other.address()]);
    let refused = Launch::new("gus").join(&wrong).start();
    let began = Instant::now();
    assert_eq!(refused.exit_code(REFUSAL_TIMEOUT), 4);
    assert!(began.elapsed() < Duration::from_secs(2), "refused late");
}

#[test]
fn a_node_registers_at_a_director_that_takes_the_place_of_a_member() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let ann = Launch::new("ann")
        .arguments(&["--start", &director.endpoint()])
        .start();
    let invite = ann.await_ready(JOIN_TIMEOUT).invite;
    let both = [director.endpoint(), ann.address()];
    let bob = join("bob", &with_entrances(&invite, &both));
    let ann = Arc::new(ann);
    await_one_ring(&[ann.clone(), bob.clone()], SETTLE_TIMEOUT);
    // Nobody is told that a member does not answer as a director would.
    ann.kill();
    let cyd = join("cyd", &with_entrances(&invite, &both[..1]));
    await_one_ring(&[bob.clone(), cyd], SETTLE_TIMEOUT);
    let journal = bob.journal();
    let complaints = journal.since(0).filter(
        |event| matches!(event, Event::Error(error) if error.code == "director-unreachable"),
    );
    assert_eq!(complaints.count(), 0);
}

/// A server that gives the same answer to every request.
struct HttpLiar(String);

impl HttpLiar {
    fn start(status: u16, body: &str, headers: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = listener.local_addr().expect("bound").to_string();
        let answer = format!(
            "HTTP/1.1 {status} Lie\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n{body}",
            body.len()
        );
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = answer.clone();
                thread::spawn(move || lie(stream, &answer));
            }
        });
        Self(endpoint)
    }

    fn endpoint(&self) -> String {
        self.0.clone()
    }
}

fn lie(mut stream: std::net::TcpStream, answer: &str) {
    use std::io::{Read, Write};
    let mut request = [0; 8192];
    // A liar whose caller hangs up has nothing more to do.
    let _ = stream.read(&mut request);
    let _ = stream.write_all(answer.as_bytes());
}

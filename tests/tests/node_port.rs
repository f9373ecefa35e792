//! A node's port takes links and HTTP: it answers as a director does, within the same bounds.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ringtalk_tests::bad_http;
use ringtalk_tests::cluster::{DELIVERY_TIMEOUT, SETTLE_TIMEOUT, await_one_ring};
use ringtalk_tests::http::{self, Response};
use ringtalk_tests::measure::report;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::process::binary;
use ringtalk_tests::raw::Raw;
use ringtalk_tests::wait_for_turn;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts a founder and a second member. Returns them with the address of the second one.
fn pair() -> (Arc<TestNode>, Arc<TestNode>, SocketAddr) {
    let ann = Arc::new(Launch::new("ann").start());
    let invite = ann.await_ready(JOIN_TIMEOUT).invite;
    let bob = Arc::new(Launch::new("bob").join(&invite).start());
    let address = bob.address().parse().expect("an address");
    await_one_ring(&[ann.clone(), bob.clone()], SETTLE_TIMEOUT);
    (ann, bob, address)
}

fn get(address: SocketAddr, path: &str) -> Response {
    http::ask(address, "GET", path, None, ANSWER_TIMEOUT).expect("an answer")
}

#[track_caller]
fn expect_talk(ann: &TestNode, bob: &TestNode) {
    ann.say("still here?");
    bob.await_delivery("still here?", DELIVERY_TIMEOUT);
}

#[test]
fn a_browser_is_told_how_to_join() {
    let _turn = wait_for_turn();
    let (ann, _bob, address) = pair();
    let page = get(address, "/");
    page.expect(426);
    assert!(
        page.header("upgrade")
            .is_some_and(|to| to.starts_with("ringtalk/"))
    );
    assert!(page.header("location").is_none(), "{page}");
    assert!(page.body.contains("ringtalk --join"), "{page}");
    let invite = ann.await_ready(JOIN_TIMEOUT).invite;
    let (_, secret) = invite.split_once('#').expect("a secret");
    assert!(!page.body.contains(secret), "{page}");
    let health = get(address, "/healthz");
    assert_eq!(health.expect(200).json()["member"], true);
    get(address, "/metrics").expect_problem(404);
    let mut check = Command::new(binary("node"));
    let check = check.args(["--healthcheck", "--listen", &address.to_string()]);
    assert!(check.status().expect("it runs").success());
}

#[test]
fn bad_requests_to_a_member_get_problems() {
    let _turn = wait_for_turn();
    let (ann, bob, address) = pair();
    bad_http::expect_problems(address);
    bad_http::expect_answers_to_pipelined_requests(address);
    bad_http::expect_end_of_chunks(address);
    bad_http::expect_a_limited_rate(address);
    expect_talk(&ann, &bob);
}

#[test]
fn slow_clients_of_a_member_are_closed_and_disturb_nobody() {
    let _turn = wait_for_turn();
    let (ann, bob, address) = pair();
    let took = bad_http::expect_slow_clients_closed(address);
    report("member: slow clients closed after", took);
    // A crowd that stops in the middle of its requests keeps no newcomer out.
    let crowd: Vec<Raw> = (0..300)
        .map(|_| {
            let mut raw = Raw::dial(&address.to_string()).expect("a connection");
            raw.send(b"GET / HTTP/1.1\r\nHost: x\r\n");
            raw
        })
        .collect();
    expect_talk(&ann, &bob);
    let secret = ann.await_ready(JOIN_TIMEOUT).invite;
    let (_, secret) = secret.split_once('#').expect("a secret");
    let cyd = Launch::new("cyd")
        .join(&format!("ringtalk://{address}/#{secret}"))
        .start();
    cyd.await_ready(JOIN_TIMEOUT);
    drop(crowd);
    await_one_ring(&[ann, bob, Arc::new(cyd)], SETTLE_TIMEOUT);
}

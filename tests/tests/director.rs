//! The director alone: its endpoints, leases, compare-and-set of epochs, and bad requests.

use std::net::SocketAddr;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ringtalk_tests::bad_http;
use ringtalk_tests::director::Director;
use ringtalk_tests::http::{self, Response};
use ringtalk_tests::id::NodeId;
use ringtalk_tests::measure::report;
use ringtalk_tests::process::binary;
use ringtalk_tests::raw::Raw;
use ringtalk_tests::registrant::{Registrant, Request};
use ringtalk_tests::wait::{self, poll};
use ringtalk_tests::wait_for_turn;

/// The time limit for an answer that the director may hold.
const HELD_CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The lease of a founder.
const LEASE: Duration = Duration::from_secs(2);

fn address(node: u64) -> String {
    format!("127.0.0.1:{}", 20_000 + node)
}

fn id(node: u64) -> NodeId {
    Registrant::new(node).id()
}

fn node(node: u64) -> String {
    let id = id(node);
    format!(
        r#"{{"id":"{id}","internal-address":"{}","public-address":null}}"#,
        address(node)
    )
}

fn coordinator(node: u64, epoch: u64) -> String {
    Registrant::new(node).registration(&address(node), epoch)
}

/// Registers a coordinator, and waits for the end of the call that the director holds open.
#[track_caller]
fn register(director: &Director, node: u64, epoch: u64) -> Response {
    let body = coordinator(node, epoch);
    director.ask_as(
        &Registrant::new(node),
        "POST",
        "/register_coordinator",
        &body,
    )
}

/// Ends the registration of a coordinator.
#[track_caller]
fn withdraw(director: &Director, node: u64, epoch: u64) -> Response {
    let body = coordinator(node, epoch);
    director.ask_as(
        &Registrant::new(node),
        "DELETE",
        "/register_coordinator",
        &body,
    )
}

/// Posts in the background, because an answer may be held.
fn post_in_background(
    director: &Director,
    path: &'static str,
    body: String,
) -> JoinHandle<(Response, Instant)> {
    let address: SocketAddr = director.address();
    std::thread::spawn(move || {
        let answer =
            http::ask(address, "POST", path, Some(&body), HELD_CALL_TIMEOUT).expect("an answer");
        (answer, Instant::now())
    })
}

/// Registers in the background.
fn register_in_background(
    director: &Director,
    node: u64,
    epoch: u64,
) -> JoinHandle<(Response, Instant)> {
    register_in_background_at(
        director,
        "/register_coordinator",
        node,
        coordinator(node, epoch),
    )
}

fn register_in_background_at(
    director: &Director,
    path: &'static str,
    node: u64,
    body: String,
) -> JoinHandle<(Response, Instant)> {
    let address = director.address();
    std::thread::spawn(move || {
        let method = "POST";
        let body = &body;
        let request = Request { method, path, body };
        let answer = Registrant::new(node).ask(address, request, HELD_CALL_TIMEOUT);
        (answer.expect("an answer"), Instant::now())
    })
}

fn join_call(call: JoinHandle<(Response, Instant)>) -> Response {
    call.join().expect("posting does not panic").0
}

#[test]
fn an_empty_director_redirects_nobody() {
    let _turn = wait_for_turn();
    let director = Director::start();
    director.fetch("/").expect_problem(503);
    let health = director.fetch("/healthz");
    assert_eq!(health.expect(200).json()["status"], "ok", "{health}");
    let metrics = director.fetch("/metrics");
    assert!(
        metrics.expect(200).body.contains("# TYPE"),
        "no Prometheus text: {metrics}"
    );
    let kind = metrics.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/plain"), "metrics are {kind}");
}

#[test]
fn the_first_node_founds_and_registers_and_the_director_redirects_to_it() {
    let _turn = wait_for_turn();
    let director = Director::start();
    director.post("/register_node", &node(1)).expect(201);
    let registration = register_in_background(&director, 1, 1);
    director.await_redirect_to(&address(1), LEASE);
    join_call(registration).expect(200);

    // The newcomer is told of the coordinator, and the coordinator of the newcomer, on the call that it holds open.
    let held = register_in_background(&director, 1, 1);
    let response = director.post("/register_node", &node(2));
    let found = response.expect(200).json();
    assert_eq!(found["id"], id(1).to_string(), "{response}");
    assert_eq!(found["internal-address"], address(1), "{response}");
    assert_eq!(found["epoch"]["number"], 1, "{response}");
    let mut forwarded = join_call(held);
    if !names(&forwarded, 2) {
        forwarded = register(&director, 1, 1);
    }
    assert!(
        names(forwarded.expect(200), 2),
        "the newcomer was not forwarded: {forwarded}"
    );
}

fn names(answer: &Response, node: u64) -> bool {
    answer.body.contains(&id(node).to_string())
}

#[test]
fn a_held_call_ends_within_its_two_seconds_and_at_once_for_a_newcomer() {
    let _turn = wait_for_turn();
    let director = Director::start();
    director.post("/register_node", &node(1)).expect(201);
    let since = Instant::now();
    register(&director, 1, 1).expect(200);
    assert!(
        since.elapsed() < Duration::from_secs(3),
        "held for {:?}",
        since.elapsed()
    );

    let held = register_in_background(&director, 1, 1);
    wait::sleep(
        "nothing outside shows that the call is held",
        Duration::from_millis(500),
    );
    let since = Instant::now();
    director.post("/register_node", &node(2)).expect(200);
    let (forwarded, at) = held.join().expect("posting does not panic");
    let took = at.saturating_duration_since(since);
    report("director: newcomer to coordinator after", took);
    assert!(
        names(&forwarded, 2),
        "the newcomer was not forwarded: {forwarded}"
    );
    assert!(
        took < Duration::from_millis(500),
        "forwarded only after {took:?}"
    );
}

#[test]
fn founding_is_a_lease_that_is_repeated_to_its_holder_and_lapses() {
    let _turn = wait_for_turn();
    let director = Director::start();
    director.post("/register_node", &node(1)).expect(201);
    let since = Instant::now();
    director.post("/register_node", &node(1)).expect(201);
    let granted_again = Instant::now();
    assert!(
        since.elapsed() < Duration::from_secs(1),
        "the holder was made to wait"
    );
    director.post("/register_node", &node(2)).expect(201);
    let waited = since.elapsed();
    let latest = granted_again.elapsed();
    assert!(
        waited > LEASE / 2,
        "the second founds while the first one's lease runs: {waited:?}"
    );
    assert!(latest < LEASE * 3, "the lease ran too long: {latest:?}");
}

#[test]
fn a_waiting_newcomer_learns_of_the_founder_once_it_registers() {
    let _turn = wait_for_turn();
    let director = Director::start();
    director.post("/register_node", &node(1)).expect(201);
    let waiting = post_in_background(&director, "/register_node", node(2));
    wait::sleep(
        "nothing outside shows that the call is held",
        Duration::from_millis(300),
    );
    let registration = register_in_background(&director, 1, 1);
    let response = join_call(waiting);
    assert_eq!(
        response.expect(200).json()["id"],
        id(1).to_string(),
        "{response}"
    );
    let mut forwarded = join_call(registration);
    if !names(&forwarded, 2) {
        forwarded = register(&director, 1, 1);
    }
    assert!(
        names(&forwarded, 2),
        "the newcomer was not forwarded: {forwarded}"
    );
}

#[test]
fn a_registration_is_replaced_by_a_higher_epoch_only() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let register = |node, epoch| register_in_background(&director, node, epoch);
    join_call(register(1, 3)).expect(200);
    for epoch in [2, 3] {
        let refused = join_call(register(2, epoch));
        assert!(
            names(refused.expect_problem(409), 1),
            "it does not name the other: {refused}"
        );
    }
    let renewed = register(1, 3);
    director.await_redirect_to(&address(1), LEASE);
    join_call(renewed).expect(200);

    let higher = register(2, 4);
    director.await_redirect_to(&address(2), LEASE);
    join_call(higher).expect(200);
    let refused = join_call(register(1, 3));
    assert!(
        names(refused.expect_problem(409), 2),
        "it does not name the other: {refused}"
    );
}

#[test]
fn the_older_name_of_registration_works_too() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let registration =
        register_in_background_at(&director, "/register_leader", 5, coordinator(5, 1));
    director.await_redirect_to(&address(5), LEASE);
    join_call(registration).expect(200);
}

#[test]
fn outsiders_are_redirected_to_the_public_address() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let body = coordinator(1, 1).replace("null", r#""203.0.113.7:4000""#);
    let registration = register_in_background_at(&director, "/register_coordinator", 1, body);
    director.await_redirect_to("203.0.113.7:4000", LEASE);
    join_call(registration).expect(200);
}

#[test]
fn a_withdrawn_registration_frees_the_discussion_at_once() {
    let _turn = wait_for_turn();
    let director = Director::start();
    register(&director, 1, 1).expect(200);
    withdraw(&director, 2, 1).expect_problem(409);
    director.fetch("/").expect(307);
    withdraw(&director, 1, 1).expect(204);
    director.fetch("/").expect_problem(503);
    let since = Instant::now();
    director.post("/register_node", &node(3)).expect(201);
    assert!(
        since.elapsed() < Duration::from_secs(1),
        "the next founder was made to wait"
    );
}

#[test]
fn after_a_registration_lapsed_nobody_founds_for_ten_seconds() {
    let _turn = wait_for_turn();
    let director = Director::start();
    register(&director, 1, 1).expect(200);
    let lapsed = poll(
        "the registration lapses",
        Duration::from_secs(20),
        &[&director],
        || {
            let answer = director.fetch("/");
            (answer.status == 503)
                .then(Instant::now)
                .ok_or_else(|| answer.to_string())
        },
    );
    let refused = director.post("/register_node", &node(2));
    let after = refused
        .expect_problem(503)
        .header("retry-after")
        .unwrap_or_default();
    assert!(
        after.parse::<u64>().is_ok_and(|seconds| seconds <= 10),
        "Retry-After: {refused}"
    );
    poll(
        "somebody may found again",
        Duration::from_secs(15),
        &[&director],
        || {
            let answer = director.post("/register_node", &node(2));
            (answer.status == 201)
                .then_some(())
                .ok_or_else(|| answer.to_string())
        },
    );
    let took = lapsed.elapsed();
    assert!(
        took > Duration::from_secs(7),
        "somebody may found again after only {took:?}"
    );
}

#[test]
fn bad_requests_get_problems() {
    let _turn = wait_for_turn();
    bad_http::expect_problems(Director::start().address());
}

#[test]
fn a_wrong_field_is_named() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let whole = coordinator(1, 1);
    let id = id(1).to_string();
    let spoiled = [
        ("id", whole.replacen(&id, "not-an-id", 1)),
        ("id", whole.replacen("\"id\"", "\"no-id\"", 1)),
        (
            "internal-address",
            whole.replace(&format!("\"{}\"", address(1)), "5"),
        ),
        (
            "internal-address",
            whole.replace(&address(1), "nowhere at all"),
        ),
        ("public-address", whole.replace("null", "[]")),
        ("epoch", whole.replace("\"epoch\"", "\"era\"")),
        ("epoch", whole.replace("\"number\":1", "\"number\":-1")),
    ];
    for (field, body) in spoiled {
        let refused = director.post("/register_coordinator", &body);
        refused.expect_problem(422);
        assert!(
            refused.body.contains(field),
            "for {body}: {field} is not named: {refused}"
        );
    }
    director.fetch("/").expect_problem(503);
}

#[test]
fn a_chunked_body_that_never_ends_is_cut_off() {
    let _turn = wait_for_turn();
    bad_http::expect_end_of_chunks(Director::start().address());
}

#[test]
fn slow_clients_are_closed_and_disturb_nobody() {
    let _turn = wait_for_turn();
    let took = bad_http::expect_slow_clients_closed(Director::start().address());
    report("director: slow clients closed after", took);
}

#[test]
fn a_director_that_may_open_few_files_still_answers() {
    let _turn = wait_for_turn();
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""]);
    limited.arg(binary("director"));
    let director = Director::start_through(limited);
    let crowd: Vec<Raw> = (0..100)
        .map(|_| {
            let mut raw = Raw::dial(&director.endpoint()).expect("a connection");
            raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
            raw
        })
        .collect();
    let at_once = Duration::from_secs(2);
    let answer = http::ask(director.address(), "GET", "/healthz", None, at_once);
    let answer = answer.expect("an answer at once");
    assert!(matches!(answer.status, 200 | 503), "{answer}");
    drop(crowd);
}

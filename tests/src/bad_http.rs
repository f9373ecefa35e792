//! Bad HTTP requests, for a director and for members that answer in its place: both have the same bounds.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::http::{self, Response};
use crate::raw::Raw;

/// The time limit for an answer that may be held.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The time limit for closing a client that never finishes its request.
const SLOW_CLIENT_TIMEOUT: Duration = Duration::from_secs(30);

/// The connections of a flood, and the requests on each: more than one address may make in a second.
const FLOOD: usize = 32;
const PIPELINED: usize = 64;

#[track_caller]
fn ask(address: SocketAddr, method: &str, path: &str, body: Option<&str>) -> Response {
    http::ask(address, method, path, body, ANSWER_TIMEOUT).expect("an answer")
}

/// Checks that malformed, oversized and misdirected requests get problems.
///
/// # Panics
///
/// If that does not hold.
#[track_caller]
pub fn expect_problems(address: SocketAddr) {
    for path in [
        "/register_node",
        "/register_coordinator",
        "/find_coordinator",
    ] {
        let post = |body: &str| ask(address, "POST", path, Some(body));
        post("{").expect_problem(400);
        post("").expect_problem(400);
        let large = format!(r#"{{"id":"{}"}}"#, "x".repeat(8 * 1024));
        post(&large).expect_problem(413);
        post(&"[".repeat(4000)).expect_problem(400);
        let plain = [("Content-Type", "text/plain")];
        let answer = http::ask_with(address, "POST", path, &plain, Some("{}"), ANSWER_TIMEOUT);
        answer.expect("an answer").expect_problem(415);
    }
    ask(address, "GET", "/register_node", None).expect_problem(405);
    ask(address, "GET", "/no/such/place", None).expect_problem(404);
    let of_a_page = [("Origin", "http://evil.example")];
    let answer = http::ask_with(address, "GET", "/healthz", &of_a_page, None, ANSWER_TIMEOUT);
    answer.expect("an answer").expect_problem(403);
    ask(address, "GET", "/healthz", None).expect(200);
}

/// Checks that a chunked body that never ends is cut off.
///
/// # Panics
///
/// If that does not hold.
#[track_caller]
pub fn expect_end_of_chunks(address: SocketAddr) {
    let mut slow = Raw::dial(&address.to_string()).expect("a connection");
    slow.send(b"POST /register_node HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
    slow.send(b"Transfer-Encoding: chunked\r\n\r\n");
    let mut chunk = String::new();
    write!(chunk, "1000\r\n{}\r\n", " ".repeat(0x1000)).expect("a string takes all");
    let took = (0..64).take_while(|_| slow.send(chunk.as_bytes())).count();
    let answer = String::from_utf8_lossy(&slow.read_some(ANSWER_TIMEOUT)).into_owned();
    assert!(
        answer.contains(" 413 ") || took < 64,
        "256 KiB were read: {answer}"
    );
}

/// Checks that clients which never finish a request are closed, and that others are answered meanwhile. Returns how
/// long it took to close all of them.
///
/// # Panics
///
/// If that does not hold.
#[track_caller]
pub fn expect_slow_clients_closed(address: SocketAddr) -> Duration {
    let beginnings: [&[u8]; 5] = [
        b"",
        b"GE",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /register_node HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    ];
    let dial = |beginning: &&[u8]| {
        let mut raw = Raw::dial(&address.to_string()).expect("a connection");
        raw.send(beginning);
        raw
    };
    let mut slow: Vec<Raw> = beginnings.iter().map(dial).collect();
    ask(address, "GET", "/healthz", None).expect(200);
    let since = Instant::now();
    for (raw, beginning) in slow.iter_mut().zip(beginnings) {
        let rest = SLOW_CLIENT_TIMEOUT.saturating_sub(since.elapsed());
        let closed = raw.await_close(rest);
        assert!(
            closed.is_some(),
            "still open after {SLOW_CLIENT_TIMEOUT:?}: {:?}",
            beginning.escape_ascii()
        );
    }
    since.elapsed()
}

/// Checks that requests which are sent at once over one connection are answered in turn.
///
/// # Panics
///
/// If that does not hold.
#[track_caller]
pub fn expect_answers_to_pipelined_requests(address: SocketAddr) {
    let answers = pipeline(address, 8);
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 8, "{answers}");
}

/// Checks that a flood of requests is slowed down, and its connections closed.
///
/// # Panics
///
/// If that does not hold.
#[track_caller]
pub fn expect_a_limited_rate(address: SocketAddr) {
    let answers: String = (0..FLOOD).map(|_| pipeline(address, PIPELINED)).collect();
    let refused = answers.matches("HTTP/1.1 429").count();
    assert!(
        refused > 0,
        "{} requests were all answered",
        FLOOD * PIPELINED
    );
}

/// Sends requests at once over one connection, and returns the answers until all have come or it is closed.
#[track_caller]
fn pipeline(address: SocketAddr, count: usize) -> String {
    let mut raw = Raw::dial(&address.to_string()).expect("a connection");
    raw.send(
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
            .repeat(count)
            .as_bytes(),
    );
    let mut answers = String::new();
    while answers.matches("HTTP/1.1 ").count() < count {
        let more = raw.read_some(ANSWER_TIMEOUT);
        if more.is_empty() {
            break;
        }
        answers.push_str(&String::from_utf8_lossy(&more));
    }
    answers
}

//! Strangers, and web pages in a browser, send requests to a director and cannot change whom newcomers find there.
//!
//! Not here: the number of requests that a director takes from one household (the director's own tests).

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ringtalk_tests::cluster::{SETTLE_TIMEOUT, await_one_ring};
use ringtalk_tests::director::Director;
use ringtalk_tests::http::{self, Response};
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::registrant::{Registrant, Request, request_nonce};
use ringtalk_tests::wait_for_turn;

const REGISTER: &str = "/register_coordinator";
/// The time limit for an answer: the director may hold a call.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// An address where nobody listens.
const NOWHERE: &str = "127.0.0.1:9";
/// The time limit for a displaced node to be told: a lease, the wait for the next call, and room for a slow machine.
const DISPLACED_TIMEOUT: Duration = Duration::from_secs(15);

/// Starts a node that founds the open discussion of a director.
fn start_founder(director: &Director) -> Arc<TestNode> {
    let founder = Launch::new("ann").join(&director.endpoint()).start();
    founder.await_ready(JOIN_TIMEOUT);
    director.await_redirect_to(&founder.address(), JOIN_TIMEOUT);
    Arc::new(founder)
}

/// Returns the founder's registration with another address.
fn forge_registration(founder: &TestNode, epoch: u64) -> String {
    let id = founder.id();
    format!(
        r#"{{"id":"{id}","internal-address":"{NOWHERE}","epoch":{{"number":{epoch},"coordinator":"{id}"}}}}"#
    )
}

/// Sends a request with a signature for `request`, and with the body `body`.
fn ask_signed(
    director: &Director,
    registrant: &Registrant,
    request: Request,
    body: &str,
) -> Response {
    let address = director.address();
    let nonce = request_nonce(address, request, ANSWER_TIMEOUT).expect("an answer");
    let nonce = nonce.unwrap_or_else(|answer| panic!("no nonce: {answer}"));
    let headers = registrant.sign(request, &nonce);
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let answer = http::ask_with(
        address,
        request.method,
        request.path,
        &headers,
        Some(body),
        ANSWER_TIMEOUT,
    );
    answer.expect("an answer")
}

#[test]
fn nobody_renews_or_withdraws_the_registration_of_another() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let ann = start_founder(&director);
    let thief = Registrant::new(1);
    let body = forge_registration(&ann, 1);
    for path in [REGISTER, "/register_leader"] {
        for method in ["POST", "DELETE"] {
            let request = Request {
                method,
                path,
                body: &body,
            };
            let unsigned = director.ask(method, path, Some(&body));
            let nonce = unsigned.expect_problem(401).json()["nonce"].clone();
            let challenge = format!("Ringtalk nonce={nonce}");
            assert_eq!(
                unsigned.header("www-authenticate"),
                Some(challenge.as_str())
            );
            ask_signed(&director, &thief, request, &body).expect_problem(403);
            director.await_redirect_to(&ann.address(), Duration::ZERO);
        }
    }
    let bob = Arc::new(Launch::new("bob").join(&director.endpoint()).start());
    bob.await_ready(JOIN_TIMEOUT);
    await_one_ring(&[ann, bob], SETTLE_TIMEOUT);
}

#[test]
fn a_signature_holds_for_one_body_one_path_and_one_method() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let registrant = Registrant::new(1);
    let (body, other) = (
        registrant.registration(NOWHERE, 1),
        registrant.registration("127.0.0.1:8", 1),
    );
    let request = Request {
        method: "POST",
        path: REGISTER,
        body: &body,
    };
    ask_signed(&director, &registrant, request, &other).expect_problem(403);
    for (method, path) in [("DELETE", REGISTER), ("POST", "/register_leader")] {
        let nonce = request_nonce(director.address(), request, ANSWER_TIMEOUT)
            .expect("an answer")
            .expect("a nonce");
        let headers = registrant.sign(request, &nonce);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = http::ask_with(
            director.address(),
            method,
            path,
            &headers,
            Some(&body),
            ANSWER_TIMEOUT,
        );
        answer.expect("an answer").expect_problem(403);
    }
    director.fetch("/").expect_problem(503);
}

#[test]
fn no_epoch_that_somebody_makes_up_displaces_a_registration() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let ann = start_founder(&director);
    let epoch = ann.await_ready(JOIN_TIMEOUT).epoch.number;
    let thief = Registrant::new(1);
    for made_up in [epoch + 65, epoch + (1 << 20), 1 << 52] {
        let body = thief.registration(NOWHERE, made_up);
        let refused = director.ask_as(&thief, "POST", REGISTER, &body);
        let named = refused.expect_problem(409).json()["coordinator"]["id"].clone();
        assert_eq!(named, ann.id().to_string(), "{refused}");
    }
    director.await_redirect_to(&ann.address(), Duration::ZERO);
}

#[test]
fn newcomers_get_in_although_somebody_else_is_registered_and_the_displaced_are_told() {
    let _turn = wait_for_turn();
    let (ann, _usurper) = displace(NOWHERE);
    ann.await_error("displaced", 0, DISPLACED_TIMEOUT);
}

/// A peer that answers with a version has proved nothing, so its answer must not end a newcomer's attempts.
#[test]
fn newcomers_get_in_although_somebody_speaks_another_version() {
    let _turn = wait_for_turn();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it listens").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.and_then(|mut stream| stream.write_all(b"RTLK\x00\x63"));
        }
    });
    displace(&address);
}

/// Displaces a registration over and over, until it is dropped.
struct Usurper {
    stop: Arc<AtomicBool>,
    renewing: Option<JoinHandle<()>>,
    director: Director,
}

impl Usurper {
    /// Registers a ring of its own, at `endpoint`.
    fn start(director: Director, endpoint: &str, epoch: u64) -> Self {
        let thief = Registrant::new(1);
        let body = thief.registration(endpoint, epoch);
        let (address, stop) = (director.address(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let renewing = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let request = Request {
                    method: "POST",
                    path: REGISTER,
                    body: &body,
                };
                let _ = thief.ask(address, request, ANSWER_TIMEOUT);
            }
        });
        director.await_redirect_to(endpoint, JOIN_TIMEOUT);
        Self {
            stop,
            renewing: Some(renewing),
            director,
        }
    }
}

impl Drop for Usurper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(renewing) = self.renewing.take() {
            let _ = renewing.join();
        }
    }
}

/// Starts a ring, displaces its registration with one that leads to `endpoint`, and checks that a newcomer joins the
/// ring all the same.
fn displace(endpoint: &str) -> (Arc<TestNode>, Usurper) {
    let director = Director::start();
    let ann = start_founder(&director);
    let epoch = ann.await_ready(JOIN_TIMEOUT).epoch.number;
    let usurper = Usurper::start(director, endpoint, epoch + 64);
    let bob = Launch::new("bob")
        .join(&usurper.director.endpoint())
        .start();
    bob.await_ready(JOIN_TIMEOUT);
    await_one_ring(&[Arc::clone(&ann), Arc::new(bob)], SETTLE_TIMEOUT);
    (ann, usurper)
}

#[test]
fn a_coordinator_is_told_to_dial_nobody_but_the_newcomer() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let (registrant, stranger) = (Registrant::new(1), Registrant::new(2).id());
    let body = registrant.registration("127.0.0.1:4000", 1);
    director
        .ask_as(&registrant, "POST", REGISTER, &body)
        .expect(200);
    let claims = format!(
        r#"{{"id":"{stranger}","internal-address":"10.0.0.9:4000","other-addresses":["192.168.1.1:80","[::1]:22"]}}"#
    );
    director.post("/register_node", &claims).expect(200);
    let answer = director.ask_as(&registrant, "POST", REGISTER, &body);
    let expected = serde_json::json!({
        "newcomers": [{"id": stranger.to_string(), "internal-address": "127.0.0.1:4000"}]
    });
    assert_eq!(answer.expect(200).json(), expected);
}

/// A request that a browser sends on behalf of a page: its method, and its header fields.
type FromPage = (&'static str, &'static [(&'static str, &'static str)]);

const PAGE: (&str, &str) = ("Origin", "https://page.example");
const FROM_PAGES: [FromPage; 9] = [
    // A form, whose fields may spell JSON.
    ("POST", &[("Content-Type", "text/plain"), PAGE]),
    (
        "POST",
        &[("Content-Type", "application/x-www-form-urlencoded"), PAGE],
    ),
    (
        "POST",
        &[("Content-Type", "multipart/form-data; boundary=x"), PAGE],
    ),
    // From a file, a sandbox or an older browser.
    (
        "POST",
        &[("Content-Type", "text/plain"), ("Origin", "null")],
    ),
    ("POST", &[("Content-Type", "text/plain")]),
    // A fetch that asks for permission first, and then the requests that it would be permitted.
    (
        "OPTIONS",
        &[
            PAGE,
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "content-type"),
        ],
    ),
    ("POST", &[("Content-Type", "application/json"), PAGE]),
    ("DELETE", &[("Content-Type", "application/json"), PAGE]),
    // A page after DNS rebinding: its name means the director's address, so both have the same origin.
    (
        "POST",
        &[
            ("Content-Type", "application/json"),
            ("Origin", "http://127.0.0.1:8080"),
        ],
    ),
];

/// Returns the director's metrics, without its counts of requests.
fn fetch_counts(address: std::net::SocketAddr) -> String {
    let metrics = http::ask(address, "GET", "/metrics", None, ANSWER_TIMEOUT).expect("metrics");
    let lines = metrics.expect(200).body.lines();
    let counts = lines.filter(|line| !line.contains("requests_total"));
    counts.collect::<Vec<_>>().join("\n")
}

/// Sends everything that a page can make a browser send, and checks that it has no effect.
fn expect_no_effect(address: std::net::SocketAddr, bodies: &[(&str, String)]) {
    let before = fetch_counts(address);
    browse(address, bodies);
    assert_eq!(fetch_counts(address), before, "a page had an effect");
}

/// Sends everything that a page can make a browser send, and checks that it is refused.
fn browse(address: std::net::SocketAddr, bodies: &[(&str, String)]) {
    for (path, body) in bodies {
        for (method, fields) in FROM_PAGES {
            let answer = http::ask_with(address, method, path, fields, Some(body), ANSWER_TIMEOUT);
            let answer = answer.expect("an answer");
            let wanted = if fields.iter().any(|(name, _)| *name == "Origin") {
                403
            } else {
                415
            };
            answer.expect_problem(wanted);
            let grant = answer.header("access-control-allow-origin");
            assert_eq!(grant, None, "{method} {path} {fields:?}: {answer}");
        }
    }
}

fn bodies() -> Vec<(&'static str, String)> {
    let page = Registrant::new(1);
    let registration = page.registration(NOWHERE, 1);
    [
        "/register_node",
        "/find_coordinator",
        REGISTER,
        "/register_leader",
    ]
    .map(|path| (path, registration.clone()))
    .to_vec()
}

#[test]
fn requests_of_web_pages_have_no_effect_on_a_director() {
    let _turn = wait_for_turn();
    let director = Director::start();
    expect_no_effect(director.address(), &bodies());
    let ann = start_founder(&director);
    let mut bodies = bodies();
    bodies.push((REGISTER, forge_registration(&ann, 1 << 52)));
    // The founder is frozen meanwhile, because its own calls change the metrics.
    ann.freeze();
    expect_no_effect(director.address(), &bodies);
    ann.thaw();
    director.await_redirect_to(&ann.address(), JOIN_TIMEOUT);
}

#[test]
fn requests_of_web_pages_have_no_effect_on_a_node() {
    let _turn = wait_for_turn();
    let ann = Arc::new(Launch::new("ann").start());
    let ready = ann.await_ready(JOIN_TIMEOUT);
    let address = ready.address.parse().expect("an address");
    let discussion = ready.discussion.as_str();
    let bodies: Vec<_> = bodies()
        .into_iter()
        .map(|(path, body)| {
            let end = format!(r#","discussion":"{discussion}"}}"#);
            (
                path,
                body.strip_suffix('}')
                    .map(|rest| rest.to_owned() + &end)
                    .unwrap_or(body),
            )
        })
        .collect();
    browse(address, &bodies);
    let bob = Arc::new(Launch::new("bob").join(&ready.invite).start());
    bob.await_ready(JOIN_TIMEOUT);
    await_one_ring(&[ann, bob], SETTLE_TIMEOUT);
}

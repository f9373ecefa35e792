//! Two ends with real connections to a director that carries circuits.

use std::net::SocketAddr;

use ed25519_dalek::{Signer, SigningKey};
use ringtalk_wire::{PublicKey, preface};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::api::{Base64Url, CIRCUIT_PROTOCOL, CircuitRequest, Coordinator, node_signed_bytes};
use crate::authorization::Authority;
use crate::director::Director;
use crate::serve;

/// A running director, and where it listens.
struct Host {
    director: Director,
    address: SocketAddr,
}

impl Host {
    /// Starts a director that carries this many circuits, and that knows the open discussion.
    async fn start(circuits: usize) -> Self {
        let host = Self::without_discussion(circuits).await;
        let id = node(&key(9));
        let body = serde_json::json!({
            "id": id, "internal-address": "10.0.0.1:1", "epoch": {"number": 1, "coordinator": id},
        });
        let coordinator: Coordinator = serde_json::from_value(body).unwrap();
        let director = host.director.clone();
        let household = IpAddr::from([127, 0, 0, 1]);
        tokio::spawn(async move {
            loop {
                let coordinator = coordinator.clone();
                let renewed = director.register_coordinator(None, coordinator, household);
                let _ = renewed.await;
            }
        });
        while host.director.coordinator(None).is_none() {
            tokio::task::yield_now().await;
        }
        host
    }

    async fn without_discussion(circuits: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let director = Director::with_circuits([7; 16], circuits);
        tokio::spawn(serve(listener, director.clone(), pending()));
        Self { director, address }
    }

    /// Asks for a circuit from one node to another.
    async fn ask(&self, from: &SigningKey, to: &SigningKey) -> TcpStream {
        let upgrade = format!("connection: upgrade\r\nupgrade: {CIRCUIT_PROTOCOL}\r\n");
        self.ask_with(from, to, &upgrade).await
    }

    async fn ask_with(&self, from: &SigningKey, to: &SigningKey, headers: &str) -> TcpStream {
        let content = CircuitRequest {
            id: node(from),
            peer: node(to),
        };
        let body = serde_json::to_string(&content).unwrap();
        let nonce = self.director.nonce();
        let signed = node_signed_bytes("POST", "/circuit", &nonce, body.as_bytes());
        let signature = Base64Url(from.sign(&signed).to_bytes());
        let own = Base64Url(from.verifying_key().to_bytes());
        let request = format!(
            "POST /circuit HTTP/1.1\r\nhost: d\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nnode-key: {own}\r\nnode-nonce: {nonce}\r\n\
             node-signature: {signature}\r\n{headers}\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    fn open_count(&self) -> usize {
        self.director.rendezvous().map_or(0, Rendezvous::open_count)
    }
}

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn node(key: &SigningKey) -> NodeId {
    NodeId::of(&PublicKey(key.verifying_key().to_bytes()))
}

/// Returns two keys; the first is that of the node with the lower id, which dials.
fn dialler_and_answerer() -> [SigningKey; 2] {
    let mut keys = [key(1), key(2)];
    keys.sort_by_key(node);
    keys
}

/// Reads the head of an answer, byte by byte, so that what follows stays in the connection.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn status(mut stream: TcpStream) -> String {
    let head = head(&mut stream).await;
    head.split(' ').nth(1).unwrap().to_owned()
}

/// Waits until this many circuits are open.
async fn await_open(host: &Host, count: usize) {
    let wait = async {
        while host.open_count() != count {
            tokio::task::yield_now().await;
        }
    };
    timeout(UPGRADE_TIME, wait)
        .await
        .expect("it happens at once");
}

#[tokio::test]
async fn two_ends_meet_and_hear_each_other_until_one_goes() {
    let host = Host::start(1).await;
    let [dialler, answerer] = dialler_and_answerer();
    for (first, second) in [(&dialler, &answerer), (&answerer, &dialler)] {
        let mut one = host.ask(first, second).await;
        let mut other = host.ask(second, first).await;
        for stream in [&mut one, &mut other] {
            let head = head(stream).await;
            assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        }
        let [mut dialler, mut answerer] = if node(first) < node(second) {
            [one, other]
        } else {
            [other, one]
        };
        dialler.write_all(&preface()).await.unwrap();
        let mut heard = [0; 6];
        answerer.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, preface());
        await_open(&host, 1).await;
        drop(dialler);
        let mut rest = Vec::new();
        assert_eq!(answerer.read_to_end(&mut rest).await.unwrap(), 0);
        drop(answerer);
        await_open(&host, 0).await;
    }
}

#[tokio::test]
async fn an_end_that_nobody_comes_to_is_told_so() {
    let host = Host::start(1).await;
    let (alone, absent) = (key(1), key(2));
    assert_eq!(status(host.ask(&alone, &absent).await).await, "504");
    drop(host.ask(&alone, &absent).await);
    let [one, other] = dialler_and_answerer();
    let waiting = host.ask(&one, &other).await;
    assert_eq!(status(host.ask(&other, &one).await).await, "101");
    assert_eq!(status(waiting).await, "101");
}

#[tokio::test]
async fn ends_that_wait_or_say_nothing_keep_no_others_out() {
    let host = Host::start(1).await;
    let [one, other] = dialler_and_answerer();
    let silent = [host.ask(&one, &other).await, host.ask(&other, &one).await];
    await_open(&host, 1).await;
    // Waiting takes no seat of a circuit, and there is none left for these two.
    let waiting = host.ask(&key(3), &key(4)).await;
    let second = host.ask(&key(4), &key(3)).await;
    assert_eq!(status(waiting).await, "503");
    drop(second);
    let rendezvous = host.director.rendezvous().expect("it carries");
    let waiting = rendezvous.0.waiting_seats.taken_count();
    assert_eq!(waiting, 0, "an open circuit waits for nobody");
    assert_eq!(host.open_count(), 1);
    let ended = async {
        while host.open_count() > 0 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let limit = HANDSHAKE_TIME + UPGRADE_TIME;
    timeout(limit, ended).await.expect("a silent circuit ends");
    drop(silent);
}

#[tokio::test]
async fn only_a_node_of_a_known_discussion_that_signs_gets_a_circuit() {
    let host = Host::start(1).await;
    let [one, other] = dialler_and_answerer();
    assert_eq!(status(host.ask_with(&one, &other, "").await).await, "426");
    assert_eq!(status(host.ask(&one, &one).await).await, "422");
    let unknown = Host::without_discussion(1).await;
    assert_eq!(status(unknown.ask(&one, &other).await).await, "404");
    let idle = Host::start(0).await;
    assert_eq!(status(idle.ask(&one, &other).await).await, "501");
    let mut stream = TcpStream::connect(host.address).await.unwrap();
    let body = serde_json::to_string(&CircuitRequest {
        id: node(&one),
        peer: node(&other),
    });
    let body = body.unwrap();
    let request = format!(
        "POST /circuit HTTP/1.1\r\nhost: d\r\ncontent-type: application/json\r\n\
         connection: upgrade\r\nupgrade: {CIRCUIT_PROTOCOL}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(status(stream).await, "401");
}

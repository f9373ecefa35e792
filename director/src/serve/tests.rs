//! Tests with real connections to a running director.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::{REFUSALS, serve};
use crate::director::Director;
use crate::limits::Limits;
use crate::pending::PENDING_PER_HOUSEHOLD;
use crate::rate_limiter::BURST;

const NODE: &str = r#"{"id":"aaaaaaaa-0000-8000-8000-000000000000","internal-address":"a:1"}"#;

const JSON: &str = "content-type: application/json\r\n";

/// A running director: its address, the sender that stops it, and its task.
struct RunningDirector {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

async fn start(director: Director) -> RunningDirector {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(serve(listener, director, async {
        let _ = stopped.await;
    }));
    RunningDirector {
        address,
        stop,
        ended,
    }
}

/// Sends a request, and reads until the peer closes.
async fn talk(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// How long to wait for an event that is due at once.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Waits for other tasks to make the condition true.
async fn wait_until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    timeout(TIMEOUT, wait).await.expect("it happens at once");
}

fn register_node() -> String {
    let length = NODE.len();
    format!(
        "POST /register_node HTTP/1.1\r\nhost: d\r\n{JSON}content-length: {length}\r\n\r\n{NODE}"
    )
}

#[tokio::test]
async fn a_head_or_a_body_that_drips_is_cut_off() {
    let running = start(Director::new([7; 16])).await;
    let before = Instant::now();
    let limit = Duration::from_secs(7);
    let head = timeout(limit, talk(running.address, "GET / HTTP/1.1\r\nho"));
    let body =
        format!("POST /register_node HTTP/1.1\r\nhost: d\r\n{JSON}content-length: 80\r\n\r\n{{");
    let body = timeout(limit, talk(running.address, &body));
    let (head, body) = tokio::join!(head, body);
    assert!(!head.unwrap().contains("200"));
    assert!(body.unwrap().starts_with("HTTP/1.1 408"));
    assert!(before.elapsed() >= Duration::from_millis(4900));
}

#[tokio::test]
async fn a_stop_answers_held_requests_and_is_quick() {
    let director = Director::new([7; 16]);
    let running = start(director.clone()).await;
    // Waits until a director that has just started tells a newcomer to found.
    sleep(Duration::from_millis(550)).await;
    let first = "connection: close\r\ncontent-length";
    let first = register_node().replace("content-length", first);
    assert!(
        talk(running.address, &first)
            .await
            .starts_with("HTTP/1.1 201")
    );
    let other = register_node().replace("aaaaaaaa", "bbbbbbbb");
    let held = tokio::spawn(async move { talk(running.address, &other).await });
    let _idle = TcpStream::connect(running.address).await.unwrap();
    wait_until(|| director.held_newcomers() == 1).await;

    let before = Instant::now();
    running.stop.send(()).unwrap();
    running.ended.await.unwrap();
    assert!(before.elapsed() < Duration::from_millis(900));
    assert!(held.await.unwrap().starts_with("HTTP/1.1 503"));
}

#[tokio::test]
async fn a_caller_that_hangs_up_is_no_longer_held() {
    let director = Director::new([7; 16]);
    let running = start(director.clone()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(register_node().as_bytes()).await.unwrap();
    wait_until(|| director.held_newcomers() == 1).await;
    drop(stream);
    wait_until(|| director.held_newcomers() == 0).await;
}

const HEALTHZ: &str = "GET /healthz HTTP/1.1\r\nhost: d\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn the_connections_of_one_household_are_bounded() {
    let running = start(Director::new([7; 16])).await;
    let mut idle = Vec::new();
    for _ in 0..Limits::of_process(0).connections_per_household {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let ask = b"GET /healthz HTTP/1.1\r\nhost: d\r\n\r\n";
        stream.write_all(ask).await.unwrap();
        let mut answer = [0; 64];
        stream.read_exact(&mut answer).await.unwrap();
        idle.push(stream);
    }
    let refused = talk(running.address, HEALTHZ).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("retry-after: 1"), "{refused}");
    drop(idle);
    timeout(TIMEOUT, async {
        while !talk(running.address, HEALTHZ).await.contains("200 OK") {}
    })
    .await
    .expect("a seat is free again");
}

#[tokio::test]
async fn silent_connections_give_way_and_keep_nobody_out() {
    let running = start(Director::new([7; 16])).await;
    let mut crowd = Vec::new();
    for number in 0..3 * PENDING_PER_HOUSEHOLD {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let half = &b"GET /healthz HTTP/1.1\r\nho"[..number % 26];
        stream.write_all(half).await.unwrap();
        crowd.push(stream);
    }
    assert!(talk(running.address, HEALTHZ).await.contains("200 OK"));
    let mut nothing = Vec::new();
    let end = crowd[0].read_to_end(&mut nothing);
    let closed = timeout(Duration::from_secs(2), end).await;
    assert!(closed.is_ok(), "the oldest is still open");
}

#[tokio::test]
async fn a_caller_above_the_rate_is_refused_and_disconnected() {
    let running = start(Director::new([7; 16])).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let mut refused = Vec::new();
    // The bucket fills while it is emptied, but much more slowly.
    for _ in 0..10 * BURST {
        let ask = b"GET /healthz HTTP/1.1\r\nhost: d\r\n\r\n";
        stream.write_all(ask).await.unwrap();
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        if answer.starts_with("HTTP/1.1 429") {
            assert!(answer.contains("retry-after: 1"), "{answer}");
            let is_last = answer.contains("connection: close");
            refused.push(answer);
            if is_last {
                break;
            }
        }
    }
    assert_eq!(refused.len(), REFUSALS, "{refused:?}");
    let closed = timeout(TIMEOUT, stream.read(&mut [0; 1])).await;
    assert_eq!(closed.expect("it is closed").unwrap(), 0);
    // A web page may have sent those requests. Requests that only a program can send are still answered.
    let ask = "POST /register_node HTTP/1.1\r\nhost: d\r\ncontent-length: 0\r\n";
    let last = format!("{ask}connection: close\r\n\r\n");
    let asks = format!("{ask}\r\n").repeat(BURST / 2) + &last;
    let answers = talk(running.address, &asks).await;
    assert_eq!(answers.matches("HTTP/1.1 4").count(), BURST / 2 + 1);
    assert_eq!(answers.matches("HTTP/1.1 429").count(), 0);
}

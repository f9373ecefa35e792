//! A client with real directors on sockets of this host, and with one that answers nonsense.

use ringtalk_director::{Director, serve};
use ringtalk_wire::{Epoch, NodeId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;

fn identity(byte: u8) -> Identity {
    Identity::from_seed(&[byte; 32])
}

fn newcomer(byte: u8) -> Newcomer {
    Newcomer {
        id: identity(byte).id(),
        internal_address: "10.0.0.1:4000".parse().unwrap(),
        public_address: Some("chat.example:4000".parse().unwrap()),
        other_addresses: vec!["10.9.0.1:4000".parse().unwrap()],
    }
}

fn contact(byte: u8, number: u64) -> Contact {
    let id = identity(byte).id();
    Contact {
        id,
        addresses: Addresses {
            internal: "10.0.0.1:4000".to_owned(),
            public: "chat.example:4000".to_owned(),
            others: vec!["10.9.0.1:4000".to_owned()],
        },
        epoch: Epoch {
            number,
            coordinator: id,
        },
    }
}

fn registration(byte: u8, number: u64) -> Arc<Registration> {
    let door = Contact {
        id: NodeId::from_bytes([9; 16]),
        ..contact(byte, number)
    };
    Arc::new(Registration {
        coordinator: contact(byte, number),
        doors: [door].into(),
    })
}

fn join(byte: u8, number: u64) -> EntryAnswer {
    join_beside(byte, number, Vec::new())
}

fn join_beside(byte: u8, number: u64, candidates: Vec<Contact>) -> EntryAnswer {
    let registration = registration(byte, number);
    EntryAnswer::Join {
        coordinator: registration.coordinator.clone(),
        doors: registration.doors.to_vec(),
        candidates,
    }
}

fn endpoint(director: &Address) -> Endpoint {
    Endpoint {
        director: director.clone(),
        may_found: true,
    }
}

async fn director() -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(serve(
        listener,
        Director::new([7; 16]),
        std::future::pending(),
    ));
    address.parse().unwrap()
}

/// Starts a server that answers each request with the same bytes.
async fn parrot(answer: &'static str) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address.parse().unwrap()
}

/// Starts a server that says, after a while, that this node coordinates.
async fn slow_entrance(byte: u8, delay: Duration) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let coordinator = coordinator(&registration(byte, 1)).unwrap();
    let body = serde_json::to_string(&coordinator).unwrap();
    let length = body.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                tokio::time::sleep(delay).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address.parse().unwrap()
}

/// Returns an address at which nobody listens.
async fn nobody() -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string().parse().unwrap()
}

struct TestClient {
    inner: DirectorClient,
    news: mpsc::Receiver<News>,
}

impl TestClient {
    fn new(byte: u8, endpoints: Vec<Endpoint>) -> Self {
        Self::with_secret(byte, endpoints, &Secret::open())
    }

    fn with_secret(byte: u8, endpoints: Vec<Endpoint>, secret: &Secret) -> Self {
        let (inner, news) =
            DirectorClient::new(endpoints, newcomer(byte), (identity(byte), secret));
        Self { inner, news }
    }

    async fn news(&mut self) -> News {
        let next = timeout(Duration::from_secs(10), self.news.recv());
        next.await.expect("news in time").expect("the client runs")
    }

    /// Returns the next news that is not just a sign of life.
    async fn next(&mut self) -> News {
        loop {
            let news = self.news().await;
            if !matches!(news, News::Up(..)) {
                return news;
            }
        }
    }

    async fn answer(&mut self) -> EntryAnswer {
        loop {
            if let News::Entry { answer, .. } = self.next().await {
                return answer;
            }
        }
    }
}

#[tokio::test]
async fn the_first_founds_and_the_second_finds_it() {
    let director = director().await;
    let mut first = TestClient::new(1, vec![endpoint(&director)]);
    first.inner.ask(false);
    assert_eq!(first.answer().await, EntryAnswer::Found);
    first.inner.start();
    first.inner.register(Some(&registration(1, 1)));

    let mut second = TestClient::new(2, vec![endpoint(&director)]);
    second.inner.ask(false);
    assert_eq!(second.answer().await, join(1, 1));
}

#[tokio::test]
async fn another_ring_is_named_and_a_higher_epoch_replaces_it() {
    let director = director().await;
    let mut one = TestClient::new(1, vec![endpoint(&director)]);
    one.inner.start();
    one.inner.register(Some(&registration(1, 1)));
    assert_eq!(
        one.news().await,
        News::Up(director.clone(), EndpointKind::Director)
    );

    let mut other = TestClient::new(2, vec![endpoint(&director)]);
    other.inner.start();
    other.inner.register(Some(&registration(2, 1)));
    assert_eq!(other.next().await, News::Foreign(contact(1, 1)));
    other.inner.register(Some(&registration(2, 2)));
    assert_eq!(one.next().await, News::Foreign(contact(2, 2)));
}

#[tokio::test]
async fn a_newcomer_hears_of_other_registrations_and_the_displaced_of_their_displacement() {
    let director = director().await;
    let mut displaced = TestClient::new(1, vec![endpoint(&director)]);
    displaced.inner.start();
    displaced.inner.register(Some(&registration(1, 1)));
    assert_eq!(
        displaced.news().await,
        News::Up(director.clone(), EndpointKind::Director)
    );
    let mut other = TestClient::new(2, vec![endpoint(&director)]);
    other.inner.start();
    other.inner.register(Some(&registration(2, 2)));
    assert_eq!(displaced.next().await, News::Foreign(contact(2, 2)));

    let mut newcomer = TestClient::new(3, vec![endpoint(&director)]);
    newcomer.inner.ask(false);
    let beside = join_beside(2, 2, vec![contact(1, 1)]);
    assert_eq!(newcomer.answer().await, beside);
    let report = async {
        loop {
            match displaced.next().await {
                News::Foreign(_) => {}
                other => return other,
            }
        }
    };
    let expected = News::Displaced {
        director: director.clone(),
        to: "chat.example:4000".parse().unwrap(),
    };
    assert_eq!(report.await, expected);
}

#[tokio::test]
async fn the_last_member_ends_the_registration() {
    let director = director().await;
    let mut last = TestClient::new(1, vec![endpoint(&director)]);
    last.inner.start();
    last.inner.register(Some(&registration(1, 1)));
    assert_eq!(
        last.news().await,
        News::Up(director.clone(), EndpointKind::Director)
    );
    last.inner.stop(Some(registration(1, 1))).await;

    let mut next = TestClient::new(2, vec![endpoint(&director)]);
    next.inner.ask(false);
    assert_eq!(next.answer().await, EntryAnswer::Found);
}

#[tokio::test]
async fn a_director_that_does_not_answer_is_named_and_the_next_one_asked() {
    let (dead, live) = (nobody().await, director().await);
    let mut client = TestClient::new(1, vec![endpoint(&dead), endpoint(&live)]);
    client.inner.ask(false);
    let news = client.news().await;
    assert!(matches!(news, News::Down { director, .. } if director == dead));
    assert_eq!(client.answer().await, EntryAnswer::Found);
}

#[tokio::test]
async fn a_node_that_all_directors_refuse_gets_the_reason() {
    let forbids = parrot(
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 72\r\n\r\n\
         {\"type\":\"about:blank\",\"title\":\"x\",\"status\":403,\"detail\":\"another one\"}   ",
    )
    .await;
    let mut client = TestClient::new(1, vec![endpoint(&forbids)]);
    client.inner.ask(false);
    assert_eq!(
        client.answer().await,
        EntryAnswer::Refused("another one".to_owned())
    );

    let live = director().await;
    let mut client = TestClient::new(1, vec![endpoint(&forbids), endpoint(&live)]);
    client.inner.ask(false);
    assert_eq!(client.answer().await, EntryAnswer::Found);
}

#[tokio::test]
async fn a_former_member_asks_on_after_refusals() {
    let knows_nobody = parrot("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}").await;
    let forbids = parrot("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\n{}").await;
    let mut client = TestClient::new(1, vec![endpoint(&knows_nobody), endpoint(&forbids)]);
    client.inner.ask(true);
    let mut refusals = 0;
    while refusals < 8 {
        match client.news().await {
            News::Entry { answer, .. } => panic!("{answer:?}"),
            News::Later { .. } => refusals += 1,
            _ => {}
        }
    }
}

#[tokio::test]
async fn an_invite_never_founds() {
    let director = director().await;
    let mut client = TestClient::new(
        1,
        vec![Endpoint {
            director,
            may_found: false,
        }],
    );
    client.inner.ask(false);
    let began = tokio::time::Instant::now();
    // The same detail is known before it is final.
    let News::Later { reason, .. } = client.next().await else {
        panic!("expected the detail");
    };
    assert!(
        reason.contains("including the part after the #"),
        "{reason}"
    );
    let EntryAnswer::Refused(last) = client.answer().await else {
        panic!("expected a refusal");
    };
    assert!(last.ends_with(&reason), "{last}");
    let took = began.elapsed();
    assert!((4..8).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test]
async fn a_nonsensical_answer_is_a_failure() {
    for nonsense in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n{",
        "SSH-2.0-x\r\n",
        "",
    ] {
        let mut client = TestClient::new(1, vec![endpoint(&parrot(nonsense).await)]);
        client.inner.ask(false);
        assert!(
            matches!(client.news().await, News::Down { .. }),
            "{nonsense}"
        );
    }
}

/// The heads before an answer have no bound in HTTP.
#[tokio::test]
async fn an_answer_that_never_begins_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let director: Address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let endless = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let heads = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000);
        let mut sent = 0;
        while stream.write_all(heads.as_bytes()).await.is_ok() {
            sent += heads.len();
        }
        sent
    };
    let mut client = TestClient::new(1, vec![endpoint(&director)]);
    client.inner.ask(false);
    let (sent, news) = tokio::join!(endless, client.news());
    assert!(matches!(news, News::Down { .. }));
    // The kernels of both ends hold some.
    assert!(sent < 16 * 1024 * 1024, "{sent} bytes");
}

#[tokio::test]
async fn each_cause_of_silence_is_named_with_an_advice() {
    let refused = nobody().await;
    let ssh = parrot("SSH-2.0-x\r\n").await;
    let tls = parrot("\x15\x03\x01\x00\x02\x02\x46").await;
    let closing = parrot("").await;
    let is_it_running = "still running there?";
    let is_it_one = "Is that the port of a Ringtalk director";
    for (director, words, hint) in [
        (refused, "connection refused", is_it_running),
        (ssh, "what answers there does not speak HTTP", is_it_one),
        (tls, "what answers there does not speak HTTP", is_it_one),
        (
            closing,
            "it closed the connection without an answer",
            is_it_one,
        ),
    ] {
        let mut client = TestClient::new(1, vec![endpoint(&director)]);
        client.inner.ask(false);
        let News::Down { reason, advice, .. } = client.news().await else {
            panic!("expected {words}");
        };
        assert_eq!(reason, words);
        assert!(advice.contains(hint), "{advice}");
    }
}

/// A web server, a proxy or a captive portal must not be taken for a director that refuses.
#[tokio::test]
async fn another_web_server_is_told_apart_from_a_refusal() {
    for (answer, status) in [
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\n<ht>",
            "404 Not Found",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\n<ht>",
            "403 Forbidden",
        ),
        (
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 4\r\n\r\n<ht>",
            "400 Bad Request",
        ),
        (
            "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
            "500 Internal Server Error",
        ),
    ] {
        let mut client = TestClient::new(1, vec![endpoint(&parrot(answer).await)]);
        client.inner.ask(false);
        let News::Later {
            reason, no_such, ..
        } = client.next().await
        else {
            panic!("expected another attempt after {status}");
        };
        let expected = format!("unexpected HTTP status {status}; is that a Ringtalk director?");
        assert_eq!((reason, no_such), (expected, false));
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: Address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let endless = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).await.unwrap();
        while stream.write_all(b"1\r\n{\r\n").await.is_ok() {}
    });
    let mut client = TestClient::new(1, vec![endpoint(&address)]);
    client.inner.ask(false);
    assert!(matches!(client.news().await, News::Down { .. }));
    timeout(Duration::from_secs(5), endless)
        .await
        .unwrap()
        .unwrap();
}

#[test]
fn a_registration_survives_the_round_trip() {
    let there_and_back = |registration: &Registration| {
        let (coordinator, doors) = contacts(coordinator(registration).unwrap());
        let doors = doors.into();
        Registration { coordinator, doors }
    };
    let mut plain = Registration::clone(&registration(1, 7));
    assert_eq!(there_and_back(&plain), plain);
    plain.coordinator.addresses.public = String::new();
    plain.doors = [].into();
    assert_eq!(there_and_back(&plain), plain);
    plain.coordinator.addresses.internal = "nonsense".to_owned();
    assert_eq!(coordinator(&plain), None);
}

#[test]
fn waits_differ_but_not_by_much() {
    let base = Duration::from_secs(1);
    for _ in 0..100 {
        let wait = with_jitter(base);
        assert!(wait >= base / 2 && wait <= base * 2, "{wait:?}");
    }
}

#[tokio::test]
async fn private_discussions_share_a_director_and_not_each_other() {
    let director = director().await;
    let [one, other] = [(); 2].map(|()| Secret::generate().unwrap());
    let mut founder = TestClient::with_secret(1, vec![endpoint(&director)], &one);
    founder.inner.ask(false);
    assert_eq!(founder.answer().await, EntryAnswer::Found);
    founder.inner.start();
    founder.inner.register(Some(&registration(1, 1)));

    let mut second = TestClient::with_secret(2, vec![endpoint(&director)], &one);
    second.inner.ask(false);
    assert_eq!(second.answer().await, join(1, 1));
    let mut stranger = TestClient::with_secret(3, vec![endpoint(&director)], &other);
    stranger.inner.ask(false);
    assert_eq!(stranger.answer().await, EntryAnswer::Found);
    let caller = Caller::new(&one);
    let answer = look_up(&caller, &director, Duration::from_secs(5));
    let there = "chat.example:4000".parse().unwrap();
    assert_eq!(answer.await, LookupAnswer::Member(there));
}

#[tokio::test]
async fn a_restarted_director_gets_a_new_proof() {
    let secret = Secret::generate().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let director: Address = address.to_string().parse().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let first = tokio::spawn(serve(listener, Director::new([1; 16]), async {
        let _ = stopped.await;
    }));
    let mut client = TestClient::with_secret(1, vec![endpoint(&director)], &secret);
    client.inner.start();
    client.inner.register(Some(&registration(1, 1)));
    assert_eq!(
        client.news().await,
        News::Up(director.clone(), EndpointKind::Director)
    );
    stop.send(()).unwrap();
    first.await.unwrap();

    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(serve(
        listener,
        Director::new([2; 16]),
        std::future::pending(),
    ));
    // A node with the invite asks, at a newcomer's pace, until the ring is known, and gives up after 5 s.
    let invited = Endpoint {
        may_found: false,
        ..endpoint(&director)
    };
    let mut second = TestClient::with_secret(2, vec![invited], &secret);
    second.inner.ask(false);
    assert_eq!(second.answer().await, join(1, 1));
}

#[tokio::test]
async fn a_busy_director_is_asked_again_later() {
    let busy = parrot("HTTP/1.1 429 Too Many\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n").await;
    let live = director().await;
    let mut client = TestClient::new(1, vec![endpoint(&busy), endpoint(&live)]);
    client.inner.ask(false);
    assert_eq!(client.answer().await, EntryAnswer::Found);
}

#[tokio::test]
async fn a_slow_entrance_is_heard_although_a_fast_one_answers_again_and_again() {
    let fast = slow_entrance(1, Duration::ZERO).await;
    let slow = slow_entrance(2, Duration::from_millis(600)).await;
    let mut client = TestClient::new(3, vec![endpoint(&fast), endpoint(&slow)]);
    client.inner.ask(false);
    let mut named = Vec::new();
    while named != [identity(1).id(), identity(2).id()] {
        let EntryAnswer::Join {
            coordinator,
            candidates,
            ..
        } = client.answer().await
        else {
            panic!("expected to join");
        };
        named = std::iter::once(coordinator.id)
            .chain(candidates.into_iter().map(|one| one.id))
            .collect();
        assert_eq!(named[0], identity(1).id(), "the first answer counts");
        // The core has tried in vain.
        client.inner.ask(false);
    }
}

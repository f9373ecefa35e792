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

fn reign(byte: u8, number: u64) -> Contact {
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
        ..reign(byte, number)
    };
    Arc::new(Registration {
        coordinator: reign(byte, number),
        doors: [door].into(),
    })
}

fn join(byte: u8, number: u64) -> Way {
    join_beside(byte, number, Vec::new())
}

fn join_beside(byte: u8, number: u64, candidates: Vec<Contact>) -> Way {
    let registration = registration(byte, number);
    Way::Join {
        coordinator: registration.coordinator.clone(),
        doors: registration.doors.to_vec(),
        candidates,
    }
}

fn place(director: &Address) -> Place {
    Place {
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

/// Returns an address at which nobody listens.
async fn nobody() -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string().parse().unwrap()
}

struct Asker {
    client: DirectorClient,
    news: mpsc::Receiver<News>,
}

impl Asker {
    fn new(byte: u8, places: Vec<Place>) -> Self {
        Self::with_secret(byte, places, &Secret::open())
    }

    fn with_secret(byte: u8, places: Vec<Place>, secret: &Secret) -> Self {
        let (client, news) = DirectorClient::new(places, newcomer(byte), (identity(byte), secret));
        Self { client, news }
    }

    async fn news(&mut self) -> News {
        let next = timeout(Duration::from_secs(10), self.news.recv());
        next.await.expect("news in time").expect("the client runs")
    }

    /// Returns the next news that is not just a sign of life.
    async fn next(&mut self) -> News {
        loop {
            let news = self.news().await;
            if !matches!(news, News::Up(_)) {
                return news;
            }
        }
    }

    async fn way(&mut self) -> Way {
        loop {
            if let News::Way { way, .. } = self.next().await {
                return way;
            }
        }
    }
}

#[tokio::test]
async fn the_first_founds_and_the_second_finds_it() {
    let director = director().await;
    let mut first = Asker::new(1, vec![place(&director)]);
    first.client.ask(false);
    assert_eq!(first.way().await, Way::Found);
    first.client.start();
    first.client.register(Some(&registration(1, 1)));

    let mut second = Asker::new(2, vec![place(&director)]);
    second.client.ask(false);
    assert_eq!(second.way().await, join(1, 1));
}

#[tokio::test]
async fn another_ring_is_named_and_a_higher_epoch_replaces_it() {
    let director = director().await;
    let mut one = Asker::new(1, vec![place(&director)]);
    one.client.start();
    one.client.register(Some(&registration(1, 1)));
    assert_eq!(one.news().await, News::Up(director.clone()));

    let mut other = Asker::new(2, vec![place(&director)]);
    other.client.start();
    other.client.register(Some(&registration(2, 1)));
    assert_eq!(other.next().await, News::Foreign(reign(1, 1)));
    other.client.register(Some(&registration(2, 2)));
    assert_eq!(one.next().await, News::Foreign(reign(2, 2)));
}

#[tokio::test]
async fn a_newcomer_hears_of_other_registrations_and_the_displaced_of_their_displacement() {
    let director = director().await;
    let mut displaced = Asker::new(1, vec![place(&director)]);
    displaced.client.start();
    displaced.client.register(Some(&registration(1, 1)));
    assert_eq!(displaced.news().await, News::Up(director.clone()));
    let mut other = Asker::new(2, vec![place(&director)]);
    other.client.start();
    other.client.register(Some(&registration(2, 2)));
    assert_eq!(displaced.next().await, News::Foreign(reign(2, 2)));

    let mut newcomer = Asker::new(3, vec![place(&director)]);
    newcomer.client.ask(false);
    let beside = join_beside(2, 2, vec![reign(1, 1)]);
    assert_eq!(newcomer.way().await, beside);
    let told = async {
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
    assert_eq!(told.await, expected);
}

#[tokio::test]
async fn the_last_one_out_ends_the_registration() {
    let director = director().await;
    let mut last = Asker::new(1, vec![place(&director)]);
    last.client.start();
    last.client.register(Some(&registration(1, 1)));
    assert_eq!(last.news().await, News::Up(director.clone()));
    last.client.stop(Some(registration(1, 1))).await;

    let mut next = Asker::new(2, vec![place(&director)]);
    next.client.ask(false);
    assert_eq!(next.way().await, Way::Found);
}

#[tokio::test]
async fn a_director_that_does_not_answer_is_named_and_the_next_one_asked() {
    let (dead, live) = (nobody().await, director().await);
    let mut asker = Asker::new(1, vec![place(&dead), place(&live)]);
    asker.client.ask(false);
    let news = asker.news().await;
    assert!(matches!(news, News::Down { director, .. } if director == dead));
    assert_eq!(asker.way().await, Way::Found);
}

#[tokio::test]
async fn who_is_turned_away_everywhere_is_told_why() {
    let forbids = parrot(
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 72\r\n\r\n\
         {\"type\":\"about:blank\",\"title\":\"x\",\"status\":403,\"detail\":\"another one\"}   ",
    )
    .await;
    let mut asker = Asker::new(1, vec![place(&forbids)]);
    asker.client.ask(false);
    assert_eq!(asker.way().await, Way::Refused("another one".to_owned()));

    let live = director().await;
    let mut asker = Asker::new(1, vec![place(&forbids), place(&live)]);
    asker.client.ask(false);
    assert_eq!(asker.way().await, Way::Found);
}

#[tokio::test]
async fn who_was_inside_takes_no_refusal_for_an_answer() {
    let knows_nobody = parrot("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}").await;
    let forbids = parrot("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\n{}").await;
    let mut asker = Asker::new(1, vec![place(&knows_nobody), place(&forbids)]);
    asker.client.ask(true);
    let mut refusals = 0;
    while refusals < 8 {
        match asker.news().await {
            News::Way { way, .. } => panic!("{way:?}"),
            News::Later { .. } => refusals += 1,
            _ => {}
        }
    }
}

#[tokio::test]
async fn an_invite_never_founds() {
    let director = director().await;
    let mut asker = Asker::new(
        1,
        vec![Place {
            director,
            may_found: false,
        }],
    );
    asker.client.ask(false);
    let began = tokio::time::Instant::now();
    assert!(matches!(asker.way().await, Way::Refused(_)));
    let took = began.elapsed();
    assert!((4..8).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test]
async fn nonsense_is_no_answer() {
    for nonsense in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n{",
        "SSH-2.0-x\r\n",
        "",
    ] {
        let mut asker = Asker::new(1, vec![place(&parrot(nonsense).await)]);
        asker.client.ask(false);
        assert!(
            matches!(asker.news().await, News::Down { .. }),
            "{nonsense}"
        );
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
    let mut asker = Asker::new(1, vec![place(&address)]);
    asker.client.ask(false);
    assert!(matches!(asker.news().await, News::Down { .. }));
    timeout(Duration::from_secs(5), endless)
        .await
        .unwrap()
        .unwrap();
}

#[test]
fn a_registration_survives_the_way_to_the_director_and_back() {
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
    let mut founder = Asker::with_secret(1, vec![place(&director)], &one);
    founder.client.ask(false);
    assert_eq!(founder.way().await, Way::Found);
    founder.client.start();
    founder.client.register(Some(&registration(1, 1)));

    let mut second = Asker::with_secret(2, vec![place(&director)], &one);
    second.client.ask(false);
    assert_eq!(second.way().await, join(1, 1));
    let mut stranger = Asker::with_secret(3, vec![place(&director)], &other);
    stranger.client.ask(false);
    assert_eq!(stranger.way().await, Way::Found);
    let caller = Caller::new(&one);
    let looked = pointer(&caller, &director, Duration::from_secs(5));
    let there = "chat.example:4000".parse().unwrap();
    assert_eq!(looked.await, Pointer::Member(there));
}

#[tokio::test]
async fn a_director_that_restarted_is_told_again_by_a_new_proof() {
    let secret = Secret::generate().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let director: Address = address.to_string().parse().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let first = tokio::spawn(serve(listener, Director::new([1; 16]), async {
        let _ = stopped.await;
    }));
    let mut asker = Asker::with_secret(1, vec![place(&director)], &secret);
    asker.client.start();
    asker.client.register(Some(&registration(1, 1)));
    assert_eq!(asker.news().await, News::Up(director.clone()));
    stop.send(()).unwrap();
    first.await.unwrap();

    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(serve(
        listener,
        Director::new([2; 16]),
        std::future::pending(),
    ));
    // A node with the invite asks, at a newcomer's pace, until the ring is known, and gives up after 5 s.
    let invited = Place {
        may_found: false,
        ..place(&director)
    };
    let mut second = Asker::with_secret(2, vec![invited], &secret);
    second.client.ask(false);
    assert_eq!(second.way().await, join(1, 1));
}

#[tokio::test]
async fn who_hears_too_much_is_asked_again_later() {
    let busy = parrot("HTTP/1.1 429 Too Many\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n").await;
    let live = director().await;
    let mut asker = Asker::new(1, vec![place(&busy), place(&live)]);
    asker.client.ask(false);
    assert_eq!(asker.way().await, Way::Found);
}

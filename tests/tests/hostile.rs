//! Strangers send what no node would: the chat goes on, memory stays bounded, and newcomers get in.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtalk_tests::cluster::{Cluster, DELIVERY_TIMEOUT, SETTLE_TIMEOUT};
use ringtalk_tests::handshake::{Dialler, DiscussionSecret, PREFACE};
use ringtalk_tests::measure::report;
use ringtalk_tests::network::Proxy;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::raw::{MAGIC, PREFACE_BYTES, Raw, frame};
use ringtalk_tests::resources::{peak_resident_kib, sockets};
use ringtalk_tests::talk::Talk;
use ringtalk_tests::wait::{self, Witness, poll};
use ringtalk_tests::wait_for_turn;
use ringtalk_tests::watch::Watch;

/// The time limit for a node to close a connection without progress.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// The time limit for a flood to build up.
const FLOOD_TIMEOUT: Duration = Duration::from_secs(15);

/// The time limit for a coordinator to dial the newcomers that it was told of.
const DIAL_TIME: Duration = Duration::from_secs(2);

/// The growth of a node's memory that all attacks together may cause, in KiB.
const GROWTH_KIB: u64 = 48 * 1024;

/// The number of connections of a flood. (A process may open 1,024 files by default.)
const FLOOD: usize = 500;

#[test]
fn garbage_closes_its_own_link_and_nothing_else() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(4);
    let victims = cluster.in_ring_order();
    let watch = Watch::on(&victims, None);
    let talk = Talk::start(&victims, 50);
    for victim in &victims[..2] {
        let address = victim.address();
        let links = attacks().into_iter().map(|(what, bytes)| {
            let mut raw = Raw::dial(&address).expect("a node listens");
            raw.send(&bytes);
            (what, raw)
        });
        expect_closed(victim, links.collect());
    }
    talk.stop();
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    watch.expect_no_loss();
    cluster.join().await_ready(JOIN_TIMEOUT);
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.check();
}

/// The same from a stranger that has completed the handshake, as anyone can in an open discussion: inside records,
/// and instead of them.
#[test]
fn garbage_after_a_handshake_closes_its_own_link_and_nothing_else() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(4);
    let victims = cluster.in_ring_order();
    let watch = Watch::on(&victims, None);
    let talk = Talk::start(&victims, 50);
    for (round, victim) in victims[..2].iter().enumerate() {
        let address = victim.address();
        let attacks = invalid_frames()
            .into_iter()
            .chain(invalid_frames())
            .enumerate();
        let links = attacks.map(|(number, (what, bytes))| {
            let stranger = (1000 * (round + 1) + number) as u64;
            let mut raw = Raw::handshake(&address, victim.id(), stranger).expect("a handshake");
            if number < invalid_frames().len() {
                raw.send(&bytes);
            } else {
                raw.send_unencrypted(&bytes);
            }
            (what, raw)
        });
        expect_closed(victim, links.collect());
    }
    talk.stop();
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    watch.expect_no_loss();
    cluster.join().await_ready(JOIN_TIMEOUT);
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.check();
}

/// Starts three nodes whose links all pass through recording proxies. Also returns what must not appear in clear:
/// names, ids and messages.
fn start_recorded_cluster() -> (Cluster, Vec<Proxy>, Vec<Vec<u8>>) {
    let proxies: Vec<Proxy> = std::iter::repeat_with(Proxy::start).take(3).collect();
    let mut cluster = Cluster::empty();
    let mut clear = Vec::new();
    for (number, proxy) in proxies.iter().enumerate() {
        proxy.record();
        let name = format!("somebody-{number}");
        let launch = Launch::behind(proxy, &name).join(&cluster.director.endpoint());
        let node = cluster.add(launch.start());
        let id = node.id().0;
        clear.push(id.as_bytes().to_vec());
        clear.push(id.to_string().into_bytes());
        clear.push(name.into_bytes());
    }
    cluster.await_one_ring(SETTLE_TIMEOUT);
    for node in cluster.live() {
        let text = format!("between the three of us, {}", node.process().label());
        node.say(&text);
        clear.push(text.into_bytes());
    }
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    (cluster, proxies, clear)
}

#[test]
fn an_eavesdropper_sees_no_message_no_name_and_no_id() {
    let _turn = wait_for_turn();
    let (cluster, proxies, mut clear) = start_recorded_cluster();
    clear.extend([&b"somebody"[..], b"between the", b"heartbeat"].map(<[u8]>::to_vec));
    let recordings = proxies.iter().flat_map(Proxy::recordings);
    let streams: Vec<Vec<u8>> = recordings
        .flat_map(|recording| [recording.inward, recording.outward])
        .collect();
    let bytes: usize = streams.iter().map(Vec::len).sum();
    report("bytes of a ring of three that were overheard", bytes);
    assert!(bytes > 4096, "so little was overheard: {bytes} bytes");
    for stream in streams {
        assert!(stream.is_empty() || stream.starts_with(PREFACE));
        let leaked = clear
            .iter()
            .find(|clear| stream.windows(clear.len()).any(|part| part == **clear));
        assert_eq!(leaked, None, "in clear");
    }
    cluster.check();
}

#[test]
fn a_recorded_handshake_is_refused_and_so_is_another_secret() {
    let _turn = wait_for_turn();
    let (cluster, proxies, _) = start_recorded_cluster();
    let [recorded, other, third] = &cluster.live()[..] else {
        panic!("three nodes were started");
    };
    // A recording has the preface, the handshake messages with their lengths, and records.
    let longest = proxies[0].recordings().into_iter().map(|it| it.inward);
    let longest = longest.max_by_key(Vec::len).expect("somebody dialled");
    assert!(longest.len() > PREFACE_BYTES + 50 + 181);

    // Played back to the same node, it gets only the preface, and the connection is closed at once.
    let seen = replay(&proxies[0], &longest);
    assert_eq!(seen, PREFACE);
    await_warning(recorded, "replays a recorded handshake");
    // Another node answers it; the answer cannot be read, and the playback gets no further.
    let seen = replay(&proxies[1], &longest);
    assert_eq!(seen.len(), PREFACE_BYTES + 213);
    await_warning(other, "its handshake was corrupted");

    let stranger = Dialler::new(1, DiscussionSecret(*b"another secret :")).first_message();
    let stranger = stranger.expect("random numbers");
    let seen = replay(&proxies[2], &[PREFACE, &stranger].concat());
    assert_eq!(seen, PREFACE);
    await_warning(third, "it has another secret");
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.check();
}

/// Sends bytes to the node behind a proxy, and returns what the node sends before it closes the connection.
#[track_caller]
fn replay(proxy: &Proxy, bytes: &[u8]) -> Vec<u8> {
    let mut raw = Raw::dial(&proxy.target()).expect("a node listens");
    raw.send(bytes);
    let seen = raw.read_to_end(Duration::from_secs(2));
    seen.expect("the connection is closed long before the deadline of a handshake")
}

#[track_caller]
fn await_warning(node: &TestNode, text: &str) {
    let what = format!("warns: {text}");
    node.wait_for(&what, SETTLE_TIMEOUT, |journal| {
        let lines = journal.stderr_text();
        let mut lines = lines.lines();
        lines
            .any(|line| line.contains("WARN") && line.contains(text) && line.contains("127.0.0.1:"))
            .then_some(())
    });
}

/// A stranger sends requests all the time, and never reads an answer.
#[test]
fn a_stranger_that_never_reads_costs_bounded_memory() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(3);
    let victims = cluster.in_ring_order();
    victims[1].paste(&ringtalk_tests::texts::paste("worth fetching", 200));
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    let watch = Watch::on(&victims, None);
    let talk = Talk::start(&victims, 50);
    let victim = &victims[0];
    // CBOR: {"ping": 1}, and the texts "pull-view" and "fetch".
    let questions: [&[u8]; 3] = [b"\xa1\x64ping\x01", b"\x69pull-view", b"\x65fetch"];
    for (number, question) in questions.into_iter().enumerate() {
        let stranger = 3000 + number as u64;
        let address = victim.address();
        let mut raw = Raw::handshake(&address, victim.id(), stranger).expect("a handshake");
        let length = u32::try_from(question.len()).expect("a short question");
        let many = frame(length, question).repeat(4096);
        let sent = (0..512).take_while(|_| raw.send(&many)).count();
        report(
            "thousands of questions taken, none of the answers read",
            sent * 4,
        );
    }
    talk.stop();
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    watch.expect_no_loss();
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.check();
}

/// Checks that each link is closed in time, and that the node keeps running.
#[track_caller]
fn expect_closed(victim: &TestNode, links: Vec<(&'static str, Raw)>) {
    let since = Instant::now();
    for (what, mut raw) in links {
        let rest = HANDSHAKE_TIMEOUT.saturating_sub(since.elapsed());
        let closed = raw.await_close(rest.max(Duration::from_millis(100)));
        assert!(
            closed.is_some(),
            "{what} does not get its link closed\n{}",
            victim.describe()
        );
        assert!(
            victim.is_running(),
            "{what} ended the node\n{}",
            victim.describe()
        );
    }
    report("attacks: all links closed after", since.elapsed());
}

/// Returns attacks that are wrong from the first byte on, and attacks that are wrong after a valid preface.
fn attacks() -> Vec<(&'static str, Vec<u8>)> {
    let mut attacks = vec![
        (
            "a web browser",
            b"GET / HTTP/1.1\r\nHost: ring\r\n\r\n".to_vec(),
        ),
        ("64 KiB of noise", noise(64 * 1024)),
        ("noise after the magic", [MAGIC, &noise(64)].concat()),
        ("a version from the future", [MAGIC, &[0xff; 8]].concat()),
        ("half a magic", b"RT".to_vec()),
        ("silence", Vec::new()),
        ("a preface and silence", PREFACE.to_vec()),
    ];
    let after = |bytes: &[u8]| [PREFACE, bytes].concat();
    attacks.extend(
        invalid_frames()
            .into_iter()
            .map(|(what, bytes)| (what, after(&bytes))),
    );
    attacks
}

/// Returns frames that no node would send.
fn invalid_frames() -> Vec<(&'static str, Vec<u8>)> {
    let nested = |byte: u8, length: u32| frame(length, &vec![byte; length as usize]);
    vec![
        ("noise", noise(4096)),
        ("a length of 2^32 - 1", frame(u32::MAX, b"\xa1")),
        (
            "a length of 2^31 and some bytes",
            frame(1 << 31, &noise(60_000)),
        ),
        (
            "a length one over the limit",
            frame(64 * 1024 + 1, &noise(60_000)),
        ),
        ("an empty frame", frame(0, b"")),
        ("a truncated frame", frame(500, b"\xa1\x61")),
        ("1 KiB of nested arrays", nested(0x81, 1024)),
        ("64 KiB of nested arrays", nested(0x81, 64 * 1024)),
        ("64 KiB of open-ended maps", nested(0xbf, 64 * 1024)),
        ("nested tags", nested(0xc1, 1000)),
        (
            "an array that claims 2^32 items",
            frame(9, b"\x9b\x00\x00\x00\x01\x00\x00\x00\x00"),
        ),
        (
            "a text that claims 2^63 bytes",
            frame(9, b"\x7b\x7f\xff\xff\xff\xff\xff\xff\xff"),
        ),
        ("bytes after the item", frame(8, b"\xa1\x64ping\x01\x01")),
        (
            "text that is no UTF-8",
            frame(18, b"\xa1\x65close\xa1\x66reason\x62\xff\xfe"),
        ),
        (
            "a frame that does not exist",
            frame(10, b"\xa1\x67weather\x01"),
        ),
        ("a thousand small frames", frame(1, b"\xf6").repeat(1000)),
    ]
}

/// Returns bytes without a pattern, the same in every run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn five_hundred_silent_connections_keep_nobody_out_of_the_ring() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(4);
    let victims = cluster.in_ring_order();
    let sockets_before = sockets(victims[0].process());
    let watch = Watch::on(&victims, None);
    let talk = Talk::start(&victims, 50);
    let flood = open_silent_connections(&victims[0].address());
    let newcomer = cluster.join();
    report(
        "ready amid a flood of the coordinator after",
        newcomer.time_to_ready(),
    );
    newcomer.say("I came through the flood");
    talk.stop();
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    watch.expect_no_loss();
    poll(
        "the flood is closed",
        HANDSHAKE_TIMEOUT,
        &[victims[0].as_ref() as &dyn Witness],
        || {
            let open = sockets(victims[0].process());
            (open <= sockets_before + 8)
                .then_some(())
                .ok_or(format!("{open} sockets are open"))
        },
    );
    drop(flood);
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.check();
}

#[test]
fn five_hundred_silent_connections_leave_the_director_answering() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(2);
    let before = peak_resident_kib(cluster.director.process());
    let flood = open_silent_connections(&cluster.director.endpoint());
    let newcomer = cluster.join();
    report(
        "ready amid a flood of the director after",
        newcomer.time_to_ready(),
    );
    cluster.await_one_ring(SETTLE_TIMEOUT);
    let coordinator = cluster.coordinator();
    cluster
        .director
        .await_redirect_to(&coordinator.address(), SETTLE_TIMEOUT);
    let growth = peak_resident_kib(cluster.director.process()).saturating_sub(before);
    assert!(growth < GROWTH_KIB, "the director grew by {growth} KiB");
    drop(flood);
    cluster.check();
}

/// Opens as many silent connections as the far end accepts in time; it may stop accepting.
fn open_silent_connections(address: &str) -> Vec<Raw> {
    let since = Instant::now();
    let dials = (0..FLOOD).take_while(|_| since.elapsed() < FLOOD_TIMEOUT);
    let flood: Vec<Raw> = dials.filter_map(|_| Raw::dial(address).ok()).collect();
    report("silent connections", flood.len());
    flood
}

/// A stranger tells a director that a newcomer listens at sockets of this machine. A coordinator dials only the one
/// at the stranger's own address, and that only because the director is on this machine too.
#[test]
fn a_stranger_makes_nobody_dial_an_address_that_is_not_its_own() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(1);
    let sockets = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let ports = sockets.each_ref().map(|socket| {
        socket.set_nonblocking(true).expect("a socket of ours");
        socket.local_addr().expect("it is bound").port()
    });
    let [own, public, public_name] = ports;
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr());
    let gone = gone.expect("a free port").to_string();
    let newcomers = [
        (format!("127.0.0.1:{own}"), None),
        (gone.clone(), Some(format!("127.0.0.1:{public}"))),
        (gone, Some(format!("localhost:{public_name}"))),
    ];
    for (number, (internal, public)) in newcomers.iter().enumerate() {
        let body = serde_json::json!({
            "id": format!("5de6dbf8-0fa4-8be5-b4d4-0000000000{number:02}"),
            "internal-address": internal,
            "public-address": public,
        });
        // Whether the director accepts it does not matter here.
        cluster.director.post("/register_node", &body.to_string());
    }
    let was_visited = |number: usize| sockets[number].accept().is_ok();
    let node = Arc::clone(&cluster.all_nodes()[0]);
    poll(
        "the stranger's own address is dialled",
        FLOOD_TIMEOUT,
        &[node.as_ref() as &dyn Witness],
        || was_visited(0).then_some(()).ok_or("no visit yet"),
    );
    // Once a later newcomer is in, the coordinator has been told of them.
    cluster.join().await_ready(JOIN_TIMEOUT);
    wait::sleep("a connection that must not come has no event", DIAL_TIME);
    let visited = (1..sockets.len()).filter(|number| was_visited(*number));
    let visited: Vec<_> = visited.map(|number| &newcomers[number]).collect();
    assert!(visited.is_empty(), "visited: {visited:?}");
}

/// Half-finished handshakes of strangers, opened and closed in quick succession.
#[test]
fn a_thousand_hasty_strangers_leave_nothing_behind() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(3);
    let victim: Arc<TestNode> = Arc::clone(&cluster.in_ring_order()[1]);
    let address = victim.address();
    let sockets_before = sockets(victim.process());
    let watch = Watch::on(cluster.all_nodes(), None);
    let talk = Talk::start(cluster.all_nodes(), 50);
    let since = Instant::now();
    let hasty = (0..1000)
        .take_while(|_| since.elapsed() < FLOOD_TIMEOUT)
        .filter(|number| {
            let begins = |mut raw: Raw| raw.send(&PREFACE[..number % (PREFACE_BYTES + 1)]);
            Raw::dial(&address).is_ok_and(begins)
        });
    report("hasty strangers", hasty.count());
    talk.stop();
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    watch.expect_no_loss();
    poll(
        "as many sockets as before",
        HANDSHAKE_TIMEOUT,
        &[victim.as_ref() as &dyn Witness],
        || {
            let open = sockets(victim.process());
            (open <= sockets_before + 2)
                .then_some(())
                .ok_or(format!("{open} sockets are open"))
        },
    );
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.check();
}

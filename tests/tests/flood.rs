//! Thousands of connections from as many addresses send nothing: members and newcomers do not notice, and node and
//! director keep their limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtalk_tests::cluster::{Cluster, EVERYWHERE, REST};
use ringtalk_tests::event::Event;
use ringtalk_tests::flood::Flood;
use ringtalk_tests::handshake::PREFACE;
use ringtalk_tests::measure::{Latency, latency, report};
use ringtalk_tests::node::Node;
use ringtalk_tests::process::Process;
use ringtalk_tests::resources::{peak_resident_kib, resident_kib, sockets};
use ringtalk_tests::talk::Talk;
use ringtalk_tests::{alone, knob};

/// The number of messages that all members send in a second, together: few enough for a newcomer to get all of them.
const RATE: u32 = 100;

/// How long latency is measured before each flood, and during it.
const MEASURED: Duration = Duration::from_secs(2);

/// The number of floods. Now and then a shared machine stalls for longer than a flood costs; the flood with the
/// median latency is unlikely to be one of those.
const FLOODS: usize = 3;

/// Latencies below this are the machine's own: a flood on the same two cores takes turns with the nodes, and twice
/// next to nothing is nothing too.
const UNNOTICED: Duration = Duration::from_millis(10);

/// The time limit for a newcomer to be ready during a flood, while the machine is busy.
const TO_READY: Duration = Duration::from_secs(3);

/// The number of silent connections that a node or a director keeps at most (`wire/THREATS.md`), plus room for
/// others.
const GUESTS: usize = 128 + 16;

/// The growth of memory that all of them may cause, in KiB.
const GROWTH_KIB: u64 = 8 * 1024;

#[test]
fn a_flood_of_silent_connections_to_a_node_is_not_noticed() {
    let _alone = alone();
    let mut cluster = Cluster::start(4);
    let coordinator = cluster.coordinator();
    let target = coordinator.address();
    let look = |_: &Cluster| Used::by(coordinator.process());
    expect_unnoticed(&mut cluster, &target, PREFACE, look);
}

#[test]
fn a_flood_of_silent_connections_to_the_director_is_not_noticed() {
    let _alone = alone();
    let mut cluster = Cluster::start(4);
    let place = cluster.director.place();
    let look = |cluster: &Cluster| Used::by(cluster.director.process());
    expect_unnoticed(&mut cluster, &place, b"GET / HTTP/1.1\r\nHo", look);
}

#[track_caller]
fn expect_unnoticed(
    cluster: &mut Cluster,
    target: &str,
    first_words: &'static [u8],
    look: impl Fn(&Cluster) -> Used,
) {
    let count = knob::flood();
    let target: SocketAddr = target.parse().expect("an address of the loopback");
    let members = cluster.live();
    let marks: Vec<usize> = members.iter().map(|node| node.mark()).collect();
    let before = look(cluster);
    let talk = Talk::start(&members, RATE);
    let mut quiet = Vec::new();
    let mut amid = Vec::new();
    let mut to_ready = Duration::ZERO;
    for nth in 1..=FLOODS {
        let began = Instant::now();
        // Waits while it is quiet: a duration of conversation is measured.
        std::thread::sleep(MEASURED);
        quiet.push(over(&members, began));

        let began = Instant::now();
        let flood = Flood::start(target, count, first_words);
        flood.await_opened(count, Duration::from_secs(60));
        report("flood: opened", (flood.opened(), began.elapsed()));
        // Waits during the flood, which goes on.
        std::thread::sleep(MEASURED);
        amid.push(over(&members, began));
        look(cluster).expect_bounded(&before);
        if nth == FLOODS {
            // Last, because a newcomer makes some messages wait until it is linked, flood or not.
            to_ready = cluster.join().time_to_ready();
        }
    }

    talk.stop();
    cluster.everything_everywhere(EVERYWHERE);
    cluster.one_ring(REST);
    report("flood: latency before", &quiet);
    report("flood: latency amid", &amid);
    report("flood: a newcomer was ready after", to_ready);
    let (before, within) = (median_p99(&quiet), median_p99(&amid));
    assert!(
        within <= UNNOTICED.max(2 * before),
        "{amid:?} after {quiet:?}"
    );
    assert!(to_ready <= TO_READY, "a newcomer took {to_ready:?}");
    for (node, mark) in members.iter().zip(marks) {
        let journal = node.journal();
        let lost = journal.since(mark).find(|event| is_loss(event));
        assert!(lost.is_none(), "{}: {lost:?}", node.process().label());
    }
    cluster.check();
}

fn over(members: &[Arc<Node>], since: Instant) -> Latency {
    let records: Vec<_> = members.iter().map(|node| node.record()).collect();
    latency(&records, since, Instant::now())
}

/// Returns the median of several p99.
fn median_p99(measured: &[Latency]) -> Duration {
    let mut all: Vec<Duration> = measured.iter().map(|latency| latency.p99).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

fn is_loss(event: &Event) -> bool {
    matches!(
        event,
        Event::Failed(_) | Event::Left(_) | Event::Coordinator(_) | Event::Gap(_)
    )
}

/// The resources that a process uses.
struct Used {
    resident_kib: u64,
    peak_kib: u64,
    sockets: usize,
}

impl Used {
    fn by(process: &Process) -> Self {
        Self {
            resident_kib: resident_kib(process),
            peak_kib: peak_resident_kib(process),
            sockets: sockets(process),
        }
    }

    #[track_caller]
    fn expect_bounded(&self, before: &Self) {
        let memory = (before.resident_kib, self.peak_kib);
        report("flood: KiB before, and at most", memory);
        let open = (before.sockets, self.sockets);
        report("flood: sockets before, and amid", open);
        assert!(open.1 <= open.0 + GUESTS, "{open:?}");
        assert!(memory.1 <= memory.0 + GROWTH_KIB, "{memory:?}");
    }
}

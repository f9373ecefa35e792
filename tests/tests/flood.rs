//! Thousands of connections from as many addresses send nothing: members and newcomers do not notice, and node and
//! director keep their limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtalk_tests::cluster::{Cluster, DELIVERY_TIMEOUT, SETTLE_TIMEOUT};
use ringtalk_tests::flood::Flood;
use ringtalk_tests::handshake::PREFACE;
use ringtalk_tests::measure::{Latency, latency, report};
use ringtalk_tests::node::TestNode;
use ringtalk_tests::process::Process;
use ringtalk_tests::resources::{peak_resident_kib, resident_kib, sockets};
use ringtalk_tests::talk::Talk;
use ringtalk_tests::watch::is_loss;
use ringtalk_tests::{settings, wait, wait_for_turn};

/// The number of messages that all members send in a second, together: few enough for a newcomer to get all of them.
const RATE: u32 = 100;

/// How long latency is measured before each flood, and during it.
const MEASURED_TIME: Duration = Duration::from_secs(2);

/// The number of floods. Now and then a shared machine stalls for longer than a flood costs; the flood with the
/// median latency is unlikely to be one of those.
const FLOODS: usize = 3;

/// Latencies below this are the machine's own: a flood on the same two cores takes turns with the nodes, and twice
/// next to nothing is nothing too.
const NOTICEABLE_LATENCY: Duration = Duration::from_millis(10);

/// The time limit for a newcomer to be ready during a flood, while the machine is busy.
const READY_TIMEOUT: Duration = Duration::from_secs(3);

/// The number of silent connections that a node or a director keeps at most (`wire/THREATS.md`), plus room for
/// others.
const MAX_SILENT_SOCKETS: usize = 128 + 16;

/// The growth of memory that all of them may cause, in KiB.
const GROWTH_KIB: u64 = 8 * 1024;

#[test]
fn a_flood_of_silent_connections_to_a_node_is_not_noticed() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(4);
    let coordinator = cluster.coordinator();
    let target = coordinator.address();
    let measure = |_: &Cluster| Resources::of(coordinator.process());
    expect_unnoticed(&mut cluster, &target, PREFACE, measure);
}

#[test]
fn a_flood_of_silent_connections_to_the_director_is_not_noticed() {
    let _turn = wait_for_turn();
    let mut cluster = Cluster::start(4);
    let endpoint = cluster.director.endpoint();
    let measure = |cluster: &Cluster| Resources::of(cluster.director.process());
    expect_unnoticed(&mut cluster, &endpoint, b"GET / HTTP/1.1\r\nHo", measure);
}

#[track_caller]
fn expect_unnoticed(
    cluster: &mut Cluster,
    target: &str,
    first_bytes: &'static [u8],
    measure: impl Fn(&Cluster) -> Resources,
) {
    let count = settings::flood_connections();
    let target: SocketAddr = target.parse().expect("an address of the loopback");
    let members = cluster.live();
    let marks: Vec<usize> = members.iter().map(|node| node.mark()).collect();
    let before = measure(cluster);
    let talk = Talk::start(&members, RATE);
    let mut quiet = Vec::new();
    let mut amid = Vec::new();
    let mut to_ready = Duration::ZERO;
    for nth in 1..=FLOODS {
        let began = Instant::now();
        wait::sleep("a duration of conversation is measured", MEASURED_TIME);
        quiet.push(latency_since(&members, began));

        let began = Instant::now();
        let flood = Flood::start(target, count, first_bytes);
        flood.await_opened(count, Duration::from_secs(60));
        report("flood: opened", (flood.opened(), began.elapsed()));
        wait::sleep(
            "a duration of conversation is measured, during the flood",
            MEASURED_TIME,
        );
        amid.push(latency_since(&members, began));
        measure(cluster).expect_bounded(&before);
        if nth == FLOODS {
            // Last, because a newcomer makes some messages wait until it is linked, flood or not.
            to_ready = cluster.join().time_to_ready();
        }
    }

    talk.stop();
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    cluster.await_one_ring(SETTLE_TIMEOUT);
    report("flood: latency before", &quiet);
    report("flood: latency amid", &amid);
    report("flood: a newcomer was ready after", to_ready);
    let (before, within) = (median_p99(&quiet), median_p99(&amid));
    assert!(
        within <= NOTICEABLE_LATENCY.max(2 * before),
        "{amid:?} after {quiet:?}"
    );
    assert!(to_ready <= READY_TIMEOUT, "a newcomer took {to_ready:?}");
    for (node, mark) in members.iter().zip(marks) {
        let journal = node.journal();
        let lost = journal.since(mark).find(|event| is_loss(event));
        assert!(lost.is_none(), "{}: {lost:?}", node.process().label());
    }
    cluster.check();
}

fn latency_since(members: &[Arc<TestNode>], since: Instant) -> Latency {
    let records: Vec<_> = members.iter().map(|node| node.record()).collect();
    latency(&records, since, Instant::now())
}

/// Returns the median of several p99.
fn median_p99(measured: &[Latency]) -> Duration {
    let mut all: Vec<Duration> = measured.iter().map(|latency| latency.p99).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

/// The resources that a process uses.
struct Resources {
    resident_kib: u64,
    peak_kib: u64,
    sockets: usize,
}

impl Resources {
    fn of(process: &Process) -> Self {
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
        assert!(open.1 <= open.0 + MAX_SILENT_SOCKETS, "{open:?}");
        assert!(memory.1 <= memory.0 + GROWTH_KIB, "{memory:?}");
    }
}

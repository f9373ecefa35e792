//! The promises of the network: order, the window, the end after everything that was written, an answer to every
//! dial.

use super::dial::DIAL_PATIENCE;
use ringtalk_wire::Addresses;

use super::*;

struct Bench {
    network: Network,
    now: Time,
}

impl Bench {
    fn new() -> Self {
        let mut network = Network::new(Random::new(1));
        for host in 0..2 {
            network.add_host(id(host), [address(host).as_str()], Site::default());
        }
        Self {
            network,
            now: Time::default(),
        }
    }

    fn dial(&mut self) {
        let addresses = Addresses::at(address(1));
        self.network.dial(self.now, 0, id(1), addresses);
    }

    /// Runs until nothing is left to do, and returns everything that reached a host.
    fn run(&mut self) -> Vec<(HostIndex, Arrival)> {
        let mut arrivals = Vec::new();
        loop {
            arrivals.extend(std::iter::from_fn(|| self.network.next_arrival()));
            let Some(next) = self.network.next_time() else {
                return arrivals;
            };
            self.now = next;
            self.network.advance();
        }
    }

    /// Dials, and returns the names of both ends.
    fn connect(&mut self) -> [LinkId; 2] {
        self.dial();
        let links: Vec<LinkId> = self
            .run()
            .into_iter()
            .filter_map(|(_, arrival)| match arrival {
                Arrival::LinkUp { link, .. } => Some(link),
                _ => None,
            })
            .collect();
        let &[far, near] = links.as_slice() else {
            panic!("two ends, not {links:?}");
        };
        [near, far]
    }

    fn send(&mut self, link: LinkId, frames: u8, bytes: usize) {
        for frame in 0..frames {
            let bytes = Bytes::from(vec![frame; bytes]);
            self.network
                .send(self.now, link, (FrameClass::Ordered, bytes));
        }
    }
}

fn id(host: u8) -> NodeId {
    NodeId::from_bytes([host; 16])
}

fn address(host: u8) -> String {
    format!("10.0.0.{host}:7000")
}

/// Returns the first bytes of the frames that reached a host, and how many of its links went down.
fn received(arrivals: &[(HostIndex, Arrival)], host: HostIndex) -> (Vec<u8>, usize) {
    let mine = || arrivals.iter().filter(move |(to, _)| *to == host);
    let frames = mine().filter_map(|(_, arrival)| match arrival {
        Arrival::Frame { packet, .. } => Some(packet.bytes[0]),
        _ => None,
    });
    let downs = mine().filter(|(_, arrival)| matches!(arrival, Arrival::LinkDown { .. }));
    (frames.collect(), downs.count())
}

fn dial_failures(arrivals: &[(HostIndex, Arrival)]) -> Vec<bool> {
    arrivals
        .iter()
        .filter_map(|(_, arrival)| match arrival {
            Arrival::DialFailed { refused, .. } => Some(!refused.is_empty()),
            _ => None,
        })
        .collect()
}

#[test]
fn frames_arrive_in_order_and_are_reported_written() {
    let mut bench = Bench::new();
    let [near, _] = bench.connect();
    bench.send(near, 50, 100);
    let arrivals = bench.run();
    assert_eq!(received(&arrivals, 1).0, (0..50).collect::<Vec<u8>>());
    let written: usize = arrivals
        .iter()
        .map(|(_, arrival)| match arrival {
            Arrival::Written { bytes, .. } => *bytes,
            _ => 0,
        })
        .sum();
    assert_eq!(written, 50 * 100);
}

#[test]
fn urgent_frames_overtake_those_that_wait() {
    let mut bench = Bench::new();
    let [near, _] = bench.connect();
    bench.send(near, 3, 1_000);
    for frame in [10, 11] {
        let bytes = Bytes::from(vec![frame; 10]);
        bench
            .network
            .send(bench.now, near, (FrameClass::Urgent, bytes));
    }
    let arrivals = bench.run();
    assert_eq!(received(&arrivals, 1).0, [0, 10, 11, 1, 2]);
}

#[test]
fn a_reader_that_reads_nothing_stops_the_writer_at_the_window() {
    let mut bench = Bench::new();
    let [near, far] = bench.connect();
    bench.send(near, 10, 60_000);
    let arrivals = bench.run();
    assert_eq!(received(&arrivals, 1).0.len(), 4);
    bench.network.read(bench.now, far, 60_000);
    assert_eq!(received(&bench.run(), 1).0, [4]);
}

#[test]
fn everything_that_a_killed_host_wrote_arrives() {
    let mut bench = Bench::new();
    let [near, _] = bench.connect();
    bench.send(near, 3, 10);
    while !bench.network.writes_nothing() {
        bench.now = bench.network.next_time().expect("frames are under way");
        bench.network.advance();
    }
    bench.send(near, 1, 10);
    bench.network.kill(bench.now, 0);
    let (frames, downs) = received(&bench.run(), 1);
    assert_eq!(frames, [0, 1, 2]);
    assert_eq!(downs, 1);
}

#[test]
fn everything_queued_before_a_close_arrives() {
    let mut bench = Bench::new();
    let [near, _] = bench.connect();
    bench.send(near, 20, 10);
    bench.network.close(bench.now, near);
    let arrivals = bench.run();
    assert_eq!(received(&arrivals, 1), ((0..20).collect(), 1));
    assert!(received(&arrivals, 0).1 <= 1);
    assert_eq!(bench.network.connections.len(), 0);
    assert_eq!(bench.network.links.len(), 0);
}

#[test]
fn everything_queued_before_a_leave_arrives() {
    let mut bench = Bench::new();
    let [near, _] = bench.connect();
    bench.send(near, 20, 10);
    bench.network.leave(bench.now, 0);
    assert_eq!(received(&bench.run(), 1), ((0..20).collect(), 1));
}

#[test]
fn a_reset_loses_frames_in_flight_and_closes_both_ends() {
    let mut bench = Bench::new();
    let [near, _] = bench.connect();
    bench.send(near, 3, 10);
    bench.network.reset(bench.now, near);
    let arrivals = bench.run();
    assert_eq!(received(&arrivals, 0), (vec![], 1));
    assert_eq!(received(&arrivals, 1), (vec![], 1));
}

#[test]
fn a_dead_host_refuses_at_once_and_a_dial_to_a_paused_one_times_out() {
    let mut bench = Bench::new();
    bench.network.pause(1);
    bench.dial();
    let begun = bench.now;
    assert_eq!(dial_failures(&bench.run()), [false]);
    assert_eq!(bench.now - begun, DIAL_PATIENCE);
    bench.network.kill(bench.now, 1);
    bench.dial();
    let arrivals = bench.run();
    assert_eq!(dial_failures(&arrivals), [true]);
}

#[test]
fn a_paused_host_accepts_a_dial_if_it_resumes_in_time() {
    let mut bench = Bench::new();
    bench.network.pause(1);
    bench.dial();
    bench.now = bench.network.next_time().expect("the dial is under way");
    bench.network.advance();
    bench.network.resume(bench.now, 1);
    let arrivals = bench.run();
    assert!(dial_failures(&arrivals).is_empty());
    assert_eq!(arrivals.len(), 2);
}

#[test]
fn another_process_at_the_address_is_a_refusal() {
    let mut bench = Bench::new();
    bench
        .network
        .add_host(id(9), [address(1).as_str()], Site::default());
    bench.dial();
    assert_eq!(dial_failures(&bench.run()), [true]);
}

#[test]
fn a_partition_holds_frames_back_and_healing_delivers_them_in_order() {
    let mut bench = Bench::new();
    let [near, _] = bench.connect();
    bench.network.partition(bench.now, |host| host as u8);
    bench.send(near, 5, 10);
    bench.dial();
    let arrivals = bench.run();
    assert!(received(&arrivals, 1).0.is_empty());
    assert_eq!(dial_failures(&arrivals), [false]);
    bench.network.partition(bench.now, |_| 0);
    assert_eq!(received(&bench.run(), 1).0, [0, 1, 2, 3, 4]);
}

impl Network {
    fn writes_nothing(&self) -> bool {
        let writing = |connection: &Connection| connection.pipes.iter().any(Pipe::is_writing);
        !self.connections.values().any(writing)
    }
}

#[test]
fn a_cut_stops_one_direction_and_its_frames_arrive_in_order_afterwards() {
    let mut bench = Bench::new();
    let [near, far] = bench.connect();
    let cut = bench.network.impair(Impairment::Cut { from: 0, to: 1 });
    bench.send(near, 5, 10);
    bench.send(far, 2, 10);
    let arrivals = bench.run();
    assert_eq!(received(&arrivals, 0).0, [0, 1]);
    assert!(received(&arrivals, 1).0.is_empty());
    bench.network.end_impairment(bench.now, cut);
    bench.send(near, 2, 10);
    assert_eq!(received(&bench.run(), 1).0, [0, 1, 2, 3, 4, 0, 1]);
    assert_eq!(bench.network.take_effects(), ["cut"]);
}

#[test]
fn loss_delays_and_keeps_the_order() {
    let mut bench = Bench::new();
    let [near, _] = bench.connect();
    bench.network.impair(Impairment::Loss { percent: 20 });
    let begun = bench.now;
    bench.send(near, 50, 10);
    let frames = received(&bench.run(), 1).0;
    assert_eq!(frames, (0..50).collect::<Vec<u8>>());
    let took = bench.now - begun;
    assert!(took >= Duration::from_millis(200), "{took:?}");
    assert_eq!(bench.network.take_effects(), ["loss"]);
}

#[test]
fn a_frame_that_is_always_lost_breaks_the_connection() {
    let mut bench = Bench::new();
    let [near, _] = bench.connect();
    bench.network.impair(Impairment::Loss { percent: 100 });
    bench.send(near, 1, 10);
    let arrivals = bench.run();
    assert_eq!([received(&arrivals, 0).1, received(&arrivals, 1).1], [1, 1]);
}

#[test]
fn a_slow_link_delays_frames() {
    let mut bench = Bench::new();
    let [near, _] = bench.connect();
    bench.network.impair(Impairment::Slow {
        ends: [1, 0],
        bytes_per_ms: 10,
    });
    let begun = bench.now;
    bench.send(near, 10, 1_000);
    assert_eq!(received(&bench.run(), 1).0.len(), 10);
    assert!(bench.now - begun >= Duration::from_secs(1));
}

#[test]
fn a_vanished_host_sends_nothing_and_answers_no_dial() {
    let mut bench = Bench::new();
    let [near, _] = bench.connect();
    bench.network.vanish(1);
    bench.send(near, 3, 10);
    let arrivals = bench.run();
    assert_eq!(received(&arrivals, 0), (Vec::new(), 0));
    bench.dial();
    assert_eq!(dial_failures(&bench.run()), [false]);
}

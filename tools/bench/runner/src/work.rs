//! The measured work, for throughput and for latency, and the figures that it gives.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use bench_member::order::{Chat, Order, Talk, TalkResult};
use bench_member::text::now_ns;
use serde::Serialize;

use crate::cluster::Cluster;
use crate::machine;
use crate::peer::Peer;

/// The number of messages of all authors together in the trial that estimates the speed.
const TRIAL_MESSAGES: u64 = 4_000;
/// The most messages of all authors together in a talk.
const MAX_MESSAGES: u64 = 2_000_000;
/// The messages per second of all members together when latency is measured.
pub(crate) const RATE: u32 = 200;
/// The duration of a latency measurement.
const CHAT_DURATION: Duration = Duration::from_secs(8);
/// The time from the order for a chat to its first message.
const LEAD_TIME: Duration = Duration::from_millis(300);
/// The length of a message when latency is measured, in bytes.
const CHAT_BYTES: usize = 256;

/// The most bytes of all authors in flight, if a peer needs a window.
const WINDOW_BYTES: u64 = 16 * 1024 * 1024;

/// The authors of a talk, and the length of their messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub(crate) struct Workload {
    /// True if all members are authors; otherwise one is.
    pub(crate) all: bool,
    /// The length of a message, in bytes.
    pub(crate) bytes: usize,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authors = if self.all {
            "all authors"
        } else {
            "one author"
        };
        write!(f, "{authors}, {} B", self.bytes)
    }
}

/// The figures of a talk at full speed. A delivery is a message that arrives at a member other than its author.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Throughput {
    /// Deliveries per second, at all members together.
    pub(crate) deliveries_per_second: f64,
    /// Processor time of all processes, in seconds per million deliveries.
    pub(crate) processor_seconds_per_million: f64,
    /// Bytes on the loopback per delivery, headers and acknowledgements of TCP included.
    pub(crate) wire_bytes_per_delivery: f64,
    /// Messages that never arrived.
    pub(crate) lost: u64,
    /// Messages that arrived twice or out of order.
    pub(crate) odd: u64,
}

/// The latency of messages, in microseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    /// Processor time of all processes, in seconds per million deliveries, their idle work included.
    pub(crate) processor_seconds_per_million: f64,
    pub(crate) lost: u64,
}

/// The counter of talks: by its number, a late message is not taken for one of the next talk.
#[derive(Debug, Default)]
pub(crate) struct TalkNumbers(u16);

impl TalkNumbers {
    fn next(&mut self) -> u16 {
        self.0 += 1;
        self.0
    }
}

/// Measures a talk of about this length, after a trial that estimates how many messages that takes.
pub(crate) fn measure_throughput(
    cluster: &mut Cluster,
    peer: &Peer,
    workload: Workload,
    length: Duration,
    numbers: &mut TalkNumbers,
) -> Result<Throughput> {
    let authors = if workload.all {
        cluster.len() as u64
    } else {
        1
    };
    let mut messages = TRIAL_MESSAGES / authors;
    let mut talk = |cluster: &mut Cluster, messages| {
        let talk = Talk {
            talk: numbers.next(),
            authors: authors as u16,
            messages,
            bytes: workload.bytes,
            window: peer.window.map(|window| {
                let most = WINDOW_BYTES / workload.bytes as u64;
                (window.min(most) / authors).max(1)
            }),
        };
        let (processor, wire) = (cluster.processor_time()?, machine::loopback_bytes()?);
        let results = cluster.run_talk(&talk)?;
        let wire = machine::loopback_bytes()? - wire;
        anyhow::Ok((
            results,
            cluster.processor_time()?.saturating_sub(processor),
            wire,
        ))
    };
    let (trial, ..) = talk(cluster, messages)?;
    let more = u128::from(messages) * length.as_nanos() / u128::from(nanoseconds(&trial));
    messages = (more as u64).clamp(messages, MAX_MESSAGES / authors);
    let (results, processor, wire) = talk(cluster, messages)?;
    let received = results.iter().map(|one| one.heard).sum::<u64>() as f64;
    Ok(Throughput {
        deliveries_per_second: received / nanoseconds(&results) as f64 * 1e9,
        processor_seconds_per_million: processor.as_secs_f64() / received * 1e6,
        wire_bytes_per_delivery: wire as f64 / received,
        lost: results.iter().map(TalkResult::lost).sum(),
        odd: results.iter().map(|one| one.odd).sum(),
    })
}

/// Returns the nanoseconds from the first member's start to the last message at any member.
fn nanoseconds(results: &[TalkResult]) -> u64 {
    let from = results.iter().map(|one| one.from_ns).min();
    let to = results.iter().map(|one| one.to_ns).max();
    let took = to.unwrap_or_default() - from.unwrap_or_default();
    took.max(1)
}

/// Measures latency: all members send in turn, at a steady rate.
pub(crate) fn measure_latency(cluster: &mut Cluster, numbers: &mut TalkNumbers) -> Result<Latency> {
    let messages = CHAT_DURATION.as_secs() * u64::from(RATE) / cluster.len() as u64;
    let processor = cluster.processor_time()?;
    cluster.order_all(&Order::Chat(Chat {
        talk: numbers.next(),
        messages,
        bytes: CHAT_BYTES,
        rate: RATE,
        from_ns: now_ns() + LEAD_TIME.as_nanos() as u64,
    }))?;
    let results = cluster.await_results(None)?;
    let processor = cluster.processor_time()?.saturating_sub(processor);
    let mut all: Vec<u32> = Vec::new();
    for result in &results {
        all.extend(&result.latencies_us);
    }
    all.sort_unstable();
    let at = |permille: usize| {
        let index = all.len().saturating_sub(1) * permille / 1_000;
        all.get(index).copied().map_or(0.0, f64::from)
    };
    Ok(Latency {
        p50_us: at(500),
        p99_us: at(990),
        p999_us: at(999),
        processor_seconds_per_million: processor.as_secs_f64() / all.len().max(1) as f64 * 1e6,
        lost: results.iter().map(TalkResult::lost).sum(),
    })
}

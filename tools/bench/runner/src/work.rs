//! The measured work, for throughput and for latency, and the figures that it gives.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use bench_member::order::{Account, Chat, Order, Talk};
use bench_member::text::now_ns;
use serde::Serialize;

use crate::crew::Crew;
use crate::machine;
use crate::peer::Peer;

/// The number of messages of all authors together in the trial that estimates the speed.
const TRIAL: u64 = 4_000;
/// The most messages of all authors together in a talk.
const MOST: u64 = 2_000_000;
/// The messages per second of all members together when latency is measured.
pub(crate) const RATE: u32 = 200;
/// The duration of a latency measurement.
const CHAT: Duration = Duration::from_secs(8);
/// The time from the order for a chat to its first message.
const NOTICE: Duration = Duration::from_millis(300);
/// The length of a message when latency is measured, in bytes.
const CHAT_BYTES: usize = 256;

/// The most bytes of all authors in flight, if a peer needs a window.
const WINDOW_BYTES: u64 = 16 * 1024 * 1024;

/// The authors of a talk, and the length of their messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub(crate) struct Speech {
    /// True if all members are authors; otherwise one is.
    pub(crate) all: bool,
    /// The length of a message, in bytes.
    pub(crate) bytes: usize,
}

impl fmt::Display for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = if self.all {
            "all authors"
        } else {
            "one author"
        };
        write!(f, "{who}, {} B", self.bytes)
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
pub(crate) struct Numbers(u16);

impl Numbers {
    fn next(&mut self) -> u16 {
        self.0 += 1;
        self.0
    }
}

/// Measures a talk of about this length, after a trial that estimates how many messages that takes.
pub(crate) fn throughput(
    crew: &mut Crew,
    peer: &Peer,
    speech: Speech,
    length: Duration,
    numbers: &mut Numbers,
) -> Result<Throughput> {
    let authors = if speech.all { crew.len() as u64 } else { 1 };
    let mut messages = TRIAL / authors;
    let mut talk = |crew: &mut Crew, messages| {
        let talk = Talk {
            talk: numbers.next(),
            authors: authors as u16,
            messages,
            bytes: speech.bytes,
            window: peer.window.map(|window| {
                let most = WINDOW_BYTES / speech.bytes as u64;
                (window.min(most) / authors).max(1)
            }),
        };
        let (processor, wire) = (crew.processor_time()?, machine::loopback_bytes()?);
        let accounts = crew.talk(&talk)?;
        let wire = machine::loopback_bytes()? - wire;
        anyhow::Ok((
            accounts,
            crew.processor_time()?.saturating_sub(processor),
            wire,
        ))
    };
    let (trial, ..) = talk(crew, messages)?;
    let more = u128::from(messages) * length.as_nanos() / u128::from(nanoseconds(&trial));
    messages = (more as u64).clamp(messages, MOST / authors);
    let (accounts, processor, wire) = talk(crew, messages)?;
    let heard = accounts.iter().map(|one| one.heard).sum::<u64>() as f64;
    Ok(Throughput {
        deliveries_per_second: heard / nanoseconds(&accounts) as f64 * 1e9,
        processor_seconds_per_million: processor.as_secs_f64() / heard * 1e6,
        wire_bytes_per_delivery: wire as f64 / heard,
        lost: accounts.iter().map(Account::lost).sum(),
        odd: accounts.iter().map(|one| one.odd).sum(),
    })
}

/// Returns the nanoseconds from the first member's start to the last message at any member.
fn nanoseconds(accounts: &[Account]) -> u64 {
    let from = accounts.iter().map(|one| one.from_ns).min();
    let to = accounts.iter().map(|one| one.to_ns).max();
    let took = to.unwrap_or_default() - from.unwrap_or_default();
    took.max(1)
}

/// Measures latency: all members send in turn, at a steady rate.
pub(crate) fn latency(crew: &mut Crew, numbers: &mut Numbers) -> Result<Latency> {
    let messages = CHAT.as_secs() * u64::from(RATE) / crew.len() as u64;
    let processor = crew.processor_time()?;
    crew.order(&Order::Chat(Chat {
        talk: numbers.next(),
        messages,
        bytes: CHAT_BYTES,
        rate: RATE,
        from_ns: now_ns() + NOTICE.as_nanos() as u64,
    }))?;
    let accounts = crew.accounts(None)?;
    let processor = crew.processor_time()?.saturating_sub(processor);
    let mut all: Vec<u32> = Vec::new();
    for account in &accounts {
        all.extend(&account.latencies_us);
    }
    all.sort_unstable();
    let at = |permille: usize| {
        let place = all.len().saturating_sub(1) * permille / 1_000;
        all.get(place).copied().map_or(0.0, f64::from)
    };
    Ok(Latency {
        p50_us: at(500),
        p99_us: at(990),
        p999_us: at(999),
        processor_seconds_per_million: processor.as_secs_f64() / all.len().max(1) as f64 * 1e6,
        lost: accounts.iter().map(Account::lost).sum(),
    })
}

//! The work that is done, and the figures that it gives.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use bench_member::order::{Account, Chat, Order, Talk};
use bench_member::text::now_ns;
use serde::Serialize;

use crate::crew::Crew;
use crate::machine;
use crate::peer::Peer;

/// How many messages all authors together say to find out how fast it goes.
const TRIAL: u64 = 4_000;
/// The most that one author says.
const MOST: u64 = 2_000_000;
/// How many messages a second all members together say when latency is measured.
pub(crate) const RATE: u32 = 200;
/// How long latency is measured.
const CHAT: Duration = Duration::from_secs(8);
/// How long before the first message a chat is announced.
const NOTICE: Duration = Duration::from_millis(300);
/// How long a message is when latency is measured, in bytes.
const CHAT_BYTES: usize = 256;

/// The most that all authors have on their way, in bytes, where peers need a window.
const WINDOW_BYTES: u64 = 16 * 1024 * 1024;

/// Who speaks, and how much at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub(crate) struct Speech {
    /// True where all members speak, else one does.
    pub(crate) all: bool,
    /// How long a message is.
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

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Throughput {
    /// Messages heard by somebody else than their author, in a second, at all members together.
    pub(crate) deliveries_per_second: f64,
    /// Processor time of all processes, in seconds for a million of them.
    pub(crate) processor_seconds_per_million: f64,
    /// Bytes on the loopback for each of them, headers and acknowledgements of TCP included.
    pub(crate) wire_bytes_per_delivery: f64,
    /// Messages that were not heard.
    pub(crate) lost: u64,
    /// Messages heard twice, or too early.
    pub(crate) odd: u64,
}

/// How long messages took, in microseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    /// Of all processes, for a million deliveries; what they do at rest is in it.
    pub(crate) processor_seconds_per_million: f64,
    pub(crate) lost: u64,
}

/// Numbers talks, so that what is late is not taken for the next.
#[derive(Debug, Default)]
pub(crate) struct Numbers(u16);

impl Numbers {
    fn next(&mut self) -> u16 {
        self.0 += 1;
        self.0
    }
}

/// Says as much as takes about so long, after a trial that says how much that is.
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

/// From the first that began to the last that had everything.
fn nanoseconds(accounts: &[Account]) -> u64 {
    let from = accounts.iter().map(|one| one.from_ns).min();
    let to = accounts.iter().map(|one| one.to_ns).max();
    let took = to.unwrap_or_default() - from.unwrap_or_default();
    took.max(1)
}

/// Has all members speak in turn, at a steady rate.
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

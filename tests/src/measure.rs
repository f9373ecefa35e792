//! The measurements of the tests, printed as one `measured:` line each.

use std::fmt;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::checker::Record;
use crate::event::{Event, Message};
use crate::id::NodeId;

/// The time from a message's event at its author to its event at another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// The number of deliveries measured.
    pub deliveries: usize,
    /// The median.
    pub p50: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

/// Prints a measurement, past the output capture of the test runner.
pub fn report(what: &str, value: impl fmt::Debug) {
    let _ = writeln!(std::io::stderr().lock(), "measured: {what}: {value:?}");
}

/// Returns the latency between the nodes of `records`, for messages that were sent from `since` to `until`. Leave
/// out nodes that were frozen.
pub fn latency(records: &[Record], since: Instant, until: Instant) -> Latency {
    let mut sent = std::collections::HashMap::new();
    for record in records {
        for (at, message) in messages(record).filter(|(_, message)| is_by(record, message)) {
            if (since..=until).contains(&at) {
                sent.insert((message.node_id, message.seq), at);
            }
        }
    }
    let mut times: Vec<Duration> = Vec::new();
    for record in records {
        for (at, message) in messages(record).filter(|(_, message)| !is_by(record, message)) {
            if let Some(start) = sent.get(&(message.node_id, message.seq)) {
                times.push(at.saturating_duration_since(*start));
            }
        }
    }
    Latency::of(times)
}

fn messages(record: &Record) -> impl Iterator<Item = (Instant, &Message)> {
    record.events.iter().filter_map(|timed| match &timed.event {
        Event::Message(message) if !message.history => Some((timed.at, message)),
        _ => None,
    })
}

fn is_by(record: &Record, message: &Message) -> bool {
    record.id == Some::<NodeId>(message.node_id)
}

impl Latency {
    /// Summarizes single times: the percentile P is the shortest time that P % of them do not exceed.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100);
            times
                .get(rank.saturating_sub(1))
                .copied()
                .unwrap_or_default()
        };
        Self {
            deliveries: times.len(),
            p50: at(50),
            p99: at(99),
            max: at(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_hundred() {
        let latency = Latency::of((1..=100).map(Duration::from_millis).collect());
        let expected = [50, 99, 100].map(Duration::from_millis);
        assert_eq!([latency.p50, latency.p99, latency.max], expected);
        assert_eq!(Latency::of(Vec::new()).max, Duration::ZERO);
    }
}

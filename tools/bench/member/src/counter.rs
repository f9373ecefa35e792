//! The count of the messages that a member has received, and whether it is complete.

use std::collections::{BTreeMap, BTreeSet};

use crate::order::TalkResult;
use crate::text::{Payload, now_ns};

/// The messages received in the current talk.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    /// The members whose greetings have ever arrived.
    pub(crate) greeted_by: BTreeSet<u16>,
    talk: u16,
    /// The number of the next message, by author.
    next: BTreeMap<u16, u32>,
    received: u64,
    out_of_order: u64,
    expected: u64,
    /// The number of messages of one author after which the runner is told, if it wants to know.
    report_every: Option<u64>,
    from_ns: u64,
    last_ns: u64,
    latencies: Option<Vec<u32>>,
    /// The messages of a talk that arrived before the order for it, with their times.
    pending: Vec<(u64, Payload)>,
}

impl Counter {
    /// Begins a talk in which `expected` messages are to arrive. Returns what to report of the messages that have already
    /// arrived: their authors, with the number of messages.
    pub(crate) fn begin(
        &mut self,
        talk: u16,
        expected: u64,
        report_every: Option<u64>,
        with_latencies: bool,
    ) -> Vec<(u16, u64)> {
        let now = now_ns();
        *self = Self {
            greeted_by: std::mem::take(&mut self.greeted_by),
            pending: std::mem::take(&mut self.pending),
            talk,
            expected,
            report_every,
            from_ns: now,
            last_ns: now,
            latencies: with_latencies.then(Vec::new),
            ..Self::default()
        };
        for (at, payload) in std::mem::take(&mut self.pending) {
            self.count(at, payload);
        }
        let received = self.next.iter().filter(|_| self.report_every.is_some());
        received
            .map(|(&author, &next)| (author, u64::from(next)))
            .collect()
    }

    /// Counts a message. Returns what to tell the runner: its author, and the number of messages.
    pub(crate) fn receive(&mut self, payload: Payload) -> Option<(u16, u64)> {
        if payload.talk == 0 {
            self.greeted_by.insert(payload.author);
            return None;
        }
        let now = now_ns();
        if payload.talk > self.talk {
            self.pending.push((now, payload));
            return None;
        }
        if payload.talk < self.talk {
            return None;
        }
        let before = self.next.get(&payload.author).copied().map_or(0, u64::from);
        let messages = self.count(now, payload);
        let report_every = self.report_every?;
        // If messages overtake each other, `messages` may skip a multiple of `report_every`.
        let tell = messages / report_every > before / report_every || self.is_complete();
        tell.then_some((payload.author, messages))
    }

    fn count(&mut self, now: u64, payload: Payload) -> u64 {
        let next = self.next.entry(payload.author).or_default();
        if payload.number == *next {
            *next += 1;
        } else {
            self.out_of_order += 1;
            *next = (*next).max(payload.number + 1);
        }
        self.received += 1;
        self.last_ns = now;
        if let Some(latencies) = &mut self.latencies {
            latencies.push((now.saturating_sub(payload.at_ns) / 1_000) as u32);
        }
        u64::from(*next)
    }

    /// Returns true if everything has arrived.
    pub(crate) const fn is_complete(&self) -> bool {
        self.received >= self.expected
    }

    /// Returns the number of messages received so far.
    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    /// Returns the result of the talk.
    pub(crate) fn result(&mut self) -> TalkResult {
        TalkResult {
            from_ns: self.from_ns,
            to_ns: self.last_ns,
            heard: self.received,
            odd: self.out_of_order,
            due: self.expected,
            latencies_us: self.latencies.take().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(number: u32) -> Payload {
        Payload {
            talk: 1,
            author: 7,
            number,
            at_ns: 0,
        }
    }

    #[test]
    fn overtaken_messages_count_as_odd_and_are_reported() {
        let mut counter = Counter::default();
        counter.begin(1, 6, Some(3), false);
        let reports: Vec<_> = [0, 1, 3, 2, 4, 5]
            .map(|number| counter.receive(payload(number)))
            .into();
        assert_eq!(
            reports,
            [None, None, Some((7, 4)), None, None, Some((7, 6))]
        );
        let result = counter.result();
        assert_eq!((result.heard, result.odd, result.lost()), (6, 2, 0));
    }

    #[test]
    fn messages_that_arrive_before_their_order_count() {
        let mut counter = Counter::default();
        assert_eq!(counter.receive(payload(0)), None);
        assert_eq!(counter.begin(1, 1, Some(1), false), [(7, 1)]);
        assert!(counter.is_complete());
    }
}

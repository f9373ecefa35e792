//! How far one's own messages have got, as the core's acknowledgements tell.
//!
//! Not here: how that is shown (`layout`, `standing`).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a message may take before it is shown that somebody has not got it.
const LATE: Duration = Duration::from_secs(10);

/// How far a message has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Delivery {
    /// It left this node.
    Sent,
    /// So many of so many others have it.
    Reached { got: usize, of: usize },
    /// Not everybody has it, and that has been so for too long.
    Late,
}

/// One's own messages that not everybody has yet; the core lets nobody have more than a few thousand.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    waiting: BTreeMap<u64, Waiting>,
    latest: Option<Latest>,
}

#[derive(Debug)]
struct Waiting {
    /// Where it stands in the transcript.
    place: u64,
    since: Instant,
    others: usize,
    late: bool,
}

/// The message that was sent last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Latest {
    seq: u64,
    /// How many others were to get it.
    pub(super) of: usize,
    /// How many have.
    pub(super) got: Option<usize>,
}

impl Deliveries {
    /// Message `seq` was sent to so many others, and stands at `place` in the transcript.
    pub(super) fn sent(&mut self, seq: u64, place: u64, others: usize, now: Instant) {
        let waiting = Waiting {
            place,
            since: now,
            others,
            late: false,
        };
        self.waiting.insert(seq, waiting);
        self.latest = Some(Latest {
            seq,
            of: others,
            got: None,
        });
    }

    /// Messages `first..=last` have reached so many members, this node among them: which places in
    /// the transcript that changes, and to what.
    pub(super) fn reached(&mut self, first: u64, last: u64, members: u64) -> Vec<(u64, Delivery)> {
        let others = usize::try_from(members.saturating_sub(1)).unwrap_or(usize::MAX);
        let mut after = self.waiting.split_off(&first);
        let mut rest = after.split_off(&last.saturating_add(1));
        self.waiting.append(&mut rest);
        if let Some(latest) = &mut self.latest
            && (first..=last).contains(&latest.seq)
        {
            latest.got = Some(others.min(latest.of));
        }
        let reach = |Waiting {
                         place, others: of, ..
                     }| {
            let got = others.min(of);
            (place, Delivery::Reached { got, of })
        };
        after.into_values().map(reach).collect()
    }

    /// The places of messages that have become late.
    pub(super) fn late(&mut self, now: Instant) -> Vec<u64> {
        let due = self.waiting.values_mut();
        let due = due.filter(|waiting| !waiting.late && now >= waiting.since + LATE);
        due.map(|waiting| {
            waiting.late = true;
            waiting.place
        })
        .collect()
    }

    /// When the next message will be late.
    pub(super) fn next_late(&self) -> Option<Instant> {
        let waiting = self.waiting.values().filter(|waiting| !waiting.late);
        waiting.map(|waiting| waiting.since + LATE).min()
    }

    /// The message that was sent last.
    pub(super) const fn latest(&self) -> Option<Latest> {
        self.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_may_cover_several_messages() {
        let now = Instant::now();
        let mut deliveries = Deliveries::default();
        for seq in 1..=4 {
            deliveries.sent(seq, seq + 100, 6, now);
        }
        let all = Delivery::Reached { got: 6, of: 6 };
        assert_eq!(deliveries.reached(1, 2, 7), [(101, all), (102, all)]);
        assert_eq!(deliveries.latest().unwrap().got, None);
        let most = Delivery::Reached { got: 5, of: 6 };
        assert_eq!(deliveries.reached(3, 4, 6), [(103, most), (104, most)]);
        assert_eq!(deliveries.latest().unwrap().got, Some(5));
        assert_eq!(deliveries.reached(3, 4, 6), []);
    }

    #[test]
    fn nobody_counts_who_came_later() {
        let mut deliveries = Deliveries::default();
        deliveries.sent(1, 0, 2, Instant::now());
        let both = Delivery::Reached { got: 2, of: 2 };
        assert_eq!(deliveries.reached(1, 1, 9), [(0, both)]);
    }

    #[test]
    fn what_takes_too_long_is_told_once() {
        let start = Instant::now();
        let mut deliveries = Deliveries::default();
        deliveries.sent(1, 7, 3, start);
        assert_eq!(deliveries.late(start), [0; 0]);
        let due = deliveries.next_late().unwrap();
        assert_eq!(due, start + LATE);
        assert_eq!(deliveries.late(due), [7]);
        assert_eq!(deliveries.late(due), [0; 0]);
        assert_eq!(deliveries.next_late(), None);
    }
}

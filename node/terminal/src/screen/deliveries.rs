//! The delivery of the user's own messages, according to the core's acknowledgements.
//!
//! A message is for the members who were there when it was sent. The core reports how many of them have it, but not
//! which ones. If some have gone since, the screen says so. Not here: the rendering (`layout`, `standing`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtalk_session::Members;
use ringtalk_wire::NodeId;

/// The time after which the screen says that someone does not have a message.
const LATE: Duration = Duration::from_secs(10);
/// The maximum number of tracked messages. A message is tracked until everyone has it.
const WAITING: usize = 4_096;

/// The delivery of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Delivery {
    /// It left this node.
    Sent,
    /// This many members have it. The number may still grow.
    Reached(Reach),
    /// It has taken too long, and no acknowledgement has come.
    Late,
}

/// The number of members that have a message, of those who were there when it was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reach {
    pub(super) got: usize,
    pub(super) of: usize,
    /// The number of them that have gone, whether they have it or not.
    pub(super) gone: usize,
    /// True if the message has taken too long.
    pub(super) is_late: bool,
}

impl Reach {
    /// Returns true if all of them have it.
    pub(super) const fn is_full(self) -> bool {
        self.got == self.of
    }

    /// Returns true if someone who is still here should have it by now.
    pub(super) const fn is_wanting(self) -> bool {
        self.is_late && self.got + self.gone < self.of
    }
}

/// The user's own messages that not everyone has, and the last one that was sent.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    waiting: BTreeMap<u64, Waiting>,
    latest: Option<Latest>,
}

#[derive(Debug)]
struct Waiting {
    /// The message's place in the transcript.
    place: u64,
    since: Instant,
    /// The members when the message was sent, this node included.
    audience: Arc<Members>,
    gone: usize,
    /// The number of other members that have it, once an acknowledgement has come.
    got: Option<usize>,
    late: bool,
}

/// The message that was sent last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Latest {
    seq: u64,
    /// The number of other members that it was sent to.
    pub(super) of: usize,
    /// The number of them that have it.
    pub(super) got: Option<usize>,
}

impl Waiting {
    fn reach(&self) -> Option<Reach> {
        let of = self.audience.len() - 1;
        self.got.map(|got| Reach {
            got: got.min(of),
            of,
            gone: self.gone,
            is_late: self.late,
        })
    }

    fn delivery(&self) -> (u64, Delivery) {
        let delivery = match self.reach() {
            Some(reach) => Delivery::Reached(reach),
            None if self.late => Delivery::Late,
            None => Delivery::Sent,
        };
        (self.place, delivery)
    }
}

impl Deliveries {
    /// Tracks message `seq`, which was sent to the others in `audience` and stands at `place` in the transcript.
    pub(super) fn sent(&mut self, seq: u64, place: u64, audience: Arc<Members>, now: Instant) {
        self.latest = Some(Latest {
            seq,
            of: audience.len() - 1,
            got: None,
        });
        let waiting = Waiting {
            place,
            since: now,
            audience,
            gone: 0,
            got: None,
            late: false,
        };
        self.waiting.insert(seq, waiting);
        if self.waiting.len() > WAITING {
            self.waiting.pop_first();
        }
    }

    /// Records that messages `first..=last` have reached this many members, this node included. Returns the places in
    /// the transcript that change, with their new delivery.
    ///
    /// Messages of one author are delivered in order, so a member that has these also has the ones before.
    pub(super) fn reached(&mut self, first: u64, last: u64, members: u64) -> Vec<(u64, Delivery)> {
        let got = usize::try_from(members.saturating_sub(1)).unwrap_or(usize::MAX);
        let mut full = None;
        for (&seq, waiting) in self.waiting.range_mut(first..=last) {
            waiting.got = Some(got);
            full = waiting.reach().filter(|reach| reach.is_full()).map(|_| seq);
        }
        if let Some(latest) = &mut self.latest
            && (first..=last).contains(&latest.seq)
        {
            latest.got = Some(got.min(latest.of));
        }
        let Some(full) = full else {
            let told = self.waiting.range(first..=last);
            return told.map(|(_, waiting)| waiting.delivery()).collect();
        };
        let rest = self.waiting.split_off(&(full + 1));
        let done = std::mem::replace(&mut self.waiting, rest);
        let all_of_them = done.into_values().map(|mut waiting| {
            waiting.got = Some(usize::MAX);
            waiting.delivery()
        });
        all_of_them.collect()
    }

    /// Records that a member has gone, or is back. Returns the places that change, with their new delivery.
    pub(super) fn went(&mut self, who: &NodeId, is_back: bool) -> Vec<(u64, Delivery)> {
        let waiting = self.waiting.values_mut();
        let theirs = waiting.filter(|waiting| waiting.audience.contains(who));
        let changed = theirs.map(|waiting| {
            waiting.gone = if is_back {
                waiting.gone.saturating_sub(1)
            } else {
                waiting.gone + 1
            };
            waiting.delivery()
        });
        changed.collect()
    }

    /// Records which messages have become late. Returns their places, with their new delivery.
    pub(super) fn late(&mut self, now: Instant) -> Vec<(u64, Delivery)> {
        let due = self.waiting.values_mut();
        let due = due.filter(|waiting| !waiting.late && now >= waiting.since + LATE);
        due.map(|waiting| {
            waiting.late = true;
            waiting.delivery()
        })
        .collect()
    }

    /// Returns the time at which the next message becomes late.
    pub(super) fn next_late(&self) -> Option<Instant> {
        let mut waiting = self.waiting.values();
        let next = waiting.find(|waiting| !waiting.late)?;
        Some(next.since + LATE)
    }

    /// Returns the message that was sent last.
    pub(super) const fn latest(&self) -> Option<Latest> {
        self.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::tests::{id, view};

    /// Returns deliveries of `messages` messages, sent one after the other among `members` members.
    fn sent(messages: u64, members: u8, now: Instant) -> Deliveries {
        let mut deliveries = Deliveries::default();
        for seq in 1..=messages {
            deliveries.sent(seq, seq + 100, view(1..=members), now);
        }
        deliveries
    }

    const fn reach(got: usize, of: usize, gone: usize) -> Delivery {
        Delivery::Reached(Reach {
            got,
            of,
            gone,
            is_late: false,
        })
    }

    #[test]
    fn an_acknowledgement_may_cover_several_messages() {
        let mut deliveries = sent(4, 7, Instant::now());
        let all = reach(6, 6, 0);
        assert_eq!(deliveries.reached(1, 2, 7), [(101, all), (102, all)]);
        assert_eq!(deliveries.latest().unwrap().got, None);
        let most = reach(5, 6, 0);
        assert_eq!(deliveries.reached(3, 4, 6), [(103, most), (104, most)]);
        assert_eq!(deliveries.latest().unwrap().got, Some(5));
        assert_eq!(deliveries.reached(1, 2, 7), []);
    }

    #[test]
    fn nobody_counts_who_came_later() {
        let mut deliveries = sent(1, 3, Instant::now());
        assert_eq!(deliveries.reached(1, 1, 9), [(101, reach(2, 2, 0))]);
    }

    #[test]
    fn who_was_late_counts_in_the_end() {
        let mut deliveries = sent(1, 3, Instant::now());
        assert_eq!(deliveries.reached(1, 1, 2), [(101, reach(1, 2, 0))]);
        assert_eq!(deliveries.reached(1, 1, 3), [(101, reach(2, 2, 0))]);
        assert_eq!(deliveries.went(&id(3), false), []);
    }

    #[test]
    fn who_has_a_message_has_those_before_it() {
        let mut deliveries = sent(3, 3, Instant::now());
        deliveries.reached(1, 2, 2);
        let all = reach(2, 2, 0);
        let healed = [(101, all), (102, all), (103, all)];
        assert_eq!(deliveries.reached(3, 3, 3), healed);
    }

    #[test]
    fn who_is_gone_is_not_lacking_and_maybe_not_the_one_that_was() {
        let now = Instant::now();
        let mut deliveries = sent(1, 4, now);
        deliveries.reached(1, 1, 3);
        assert_eq!(deliveries.went(&id(9), false), [], "it was not there");
        assert_eq!(deliveries.went(&id(4), false), [(101, reach(2, 3, 1))]);
        assert_eq!(deliveries.went(&id(4), true), [(101, reach(2, 3, 0))]);
        deliveries.sent(2, 102, view(1..=4), now);
        assert_eq!(deliveries.went(&id(3), false)[1], (102, Delivery::Sent));
        assert_eq!(deliveries.reached(2, 2, 3), [(102, reach(2, 3, 1))]);
    }

    #[test]
    fn what_takes_too_long_is_told_once() {
        let start = Instant::now();
        let mut deliveries = sent(1, 4, start);
        assert_eq!(deliveries.late(start), []);
        let due = deliveries.next_late().unwrap();
        assert_eq!(due, start + LATE);
        assert_eq!(deliveries.late(due), [(101, Delivery::Late)]);
        assert_eq!(deliveries.late(due), []);
        assert_eq!(deliveries.next_late(), None);
        assert_eq!(deliveries.went(&id(3), false), [(101, Delivery::Late)]);
    }

    #[test]
    fn only_who_is_here_and_late_is_wanting() {
        let start = Instant::now();
        let mut deliveries = sent(1, 4, start);
        let wants = |changed: Vec<(u64, Delivery)>| match changed[..] {
            [(101, Delivery::Reached(reach))] => reach.is_wanting(),
            ref other => panic!("{other:?}"),
        };
        assert!(!wants(deliveries.reached(1, 1, 3)));
        assert!(wants(deliveries.late(start + LATE)));
        assert!(!wants(deliveries.went(&id(4), false)));
        assert!(wants(deliveries.went(&id(4), true)));
        assert!(!wants(deliveries.reached(1, 1, 4)));
    }

    #[test]
    fn only_so_many_are_looked_after() {
        let deliveries = sent(WAITING as u64 + 1, 2, Instant::now());
        assert_eq!(deliveries.waiting.len(), WAITING);
    }
}

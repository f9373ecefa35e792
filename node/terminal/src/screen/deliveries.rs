//! The delivery of the user's own messages, according to the core's acknowledgements.
//!
//! A message is for the members who were there when it was sent. The core reports how many have it, and when everyone
//! who is here has. If some have gone since, the screen says so. What is said alone is for newcomers: it is sent until
//! somebody comes and has it. Not here: the rendering (`layout`, `status_line`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtalk_session::Members;
use ringtalk_wire::NodeId;

/// The time after which the screen says that someone does not have a message.
const LATE_AFTER: Duration = Duration::from_secs(10);
/// The maximum number of tracked messages. A message is tracked until everyone has it.
const MAX_TRACKED: usize = 4_096;

/// The delivery of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Delivery {
    /// It left this node.
    Sent,
    /// This many members have it. The number may still grow.
    Reached(DeliveryCount),
    /// It has taken too long, and no acknowledgement has come.
    Late,
}

/// The number of members that have a message, and of all members at the time it was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct DeliveryCount {
    pub(super) got: usize,
    pub(super) of: usize,
    /// The number of them that have gone, whether they have it or not.
    pub(super) gone: usize,
    /// True if the message has taken too long.
    pub(super) is_late: bool,
    /// True if everyone who is here has it.
    pub(super) is_complete: bool,
}

impl DeliveryCount {
    /// Returns true if everyone who is here has it.
    pub(super) const fn is_complete(self) -> bool {
        self.is_complete
    }

    /// Returns true if someone who is still here should have it by now.
    pub(super) const fn is_overdue(self) -> bool {
        self.is_late && !self.is_complete && self.got + self.gone < self.of
    }
}

/// The user's own messages that not everyone has, and the last one that was sent.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    tracked: BTreeMap<u64, TrackedMessage>,
    latest: Option<LatestMessage>,
}

#[derive(Debug)]
struct TrackedMessage {
    /// The number of the message's entry in the transcript.
    entry: u64,
    since: Instant,
    /// The members when the message was sent, this node included.
    audience: Arc<Members>,
    gone: usize,
    /// The number of other members that have it, once an acknowledgement has come.
    got: Option<usize>,
    late: bool,
    complete: bool,
}

/// The message that was sent last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LatestMessage {
    seq: u64,
    /// The number of other members that it was sent to.
    pub(super) of: usize,
    /// The number of them that have it.
    pub(super) got: Option<usize>,
    /// True if everyone who is here has it.
    pub(super) is_complete: bool,
}

impl TrackedMessage {
    fn count(&self) -> Option<DeliveryCount> {
        let of = self.audience.len() - 1;
        self.got.map(|got| DeliveryCount {
            got: got.min(of),
            of,
            gone: self.gone,
            is_late: self.late,
            is_complete: self.complete,
        })
    }

    /// Returns true if it becomes late unless somebody's acknowledgement comes.
    fn may_be_late(&self) -> bool {
        !self.late && !self.was_said_alone()
    }

    /// Returns true if nobody was there to get it.
    fn was_said_alone(&self) -> bool {
        self.audience.len() <= 1
    }

    fn delivery(&self) -> (u64, Delivery) {
        let delivery = match self.count() {
            Some(count) if count.is_complete || !self.was_said_alone() => Delivery::Reached(count),
            None if self.late => Delivery::Late,
            Some(_) | None => Delivery::Sent,
        };
        (self.entry, delivery)
    }
}

impl Deliveries {
    /// Tracks message `seq`, which was sent to the others in `audience` and is entry `entry` of the transcript.
    pub(super) fn track(&mut self, seq: u64, entry: u64, audience: Arc<Members>, now: Instant) {
        self.latest = Some(LatestMessage {
            seq,
            of: audience.len() - 1,
            got: None,
            is_complete: false,
        });
        let message = TrackedMessage {
            entry,
            since: now,
            audience,
            gone: 0,
            got: None,
            late: false,
            complete: false,
        };
        self.tracked.insert(seq, message);
        if self.tracked.len() > MAX_TRACKED {
            self.tracked.pop_first();
        }
    }

    /// Records that messages `first..=last` have reached this many members, this node included, or everyone. Returns
    /// the entries of the transcript that change, with their new delivery.
    ///
    /// Messages of one author are delivered in order, so a member that has these also has the ones before.
    pub(super) fn record_reach(
        &mut self,
        first: u64,
        last: u64,
        members: u64,
        complete: bool,
    ) -> Vec<(u64, Delivery)> {
        let got = usize::try_from(members.saturating_sub(1)).unwrap_or(usize::MAX);
        for message in self.tracked.range_mut(first..=last).map(|(_, one)| one) {
            message.got = Some(got);
        }
        if let Some(latest) = &mut self.latest
            && (first..=last).contains(&latest.seq)
        {
            let got = got.min(latest.of);
            latest.got = Some(got);
            latest.is_complete = complete;
            if complete {
                // Nobody waits for those who have gone.
                latest.of = got;
            }
        }
        if !complete {
            let changed = self.tracked.range(first..=last);
            return changed.map(|(_, message)| message.delivery()).collect();
        }
        let rest = self.tracked.split_off(&(last + 1));
        let done = std::mem::replace(&mut self.tracked, rest);
        let all_of_them = done.into_values().map(|mut message| {
            message.got = Some(usize::MAX);
            message.complete = true;
            message.delivery()
        });
        all_of_them.collect()
    }

    /// Records that a member has gone, or is back. Returns the entries that change, with their new delivery.
    pub(super) fn set_presence(
        &mut self,
        member: &NodeId,
        is_present: bool,
    ) -> Vec<(u64, Delivery)> {
        let messages = self.tracked.values_mut();
        let theirs = messages.filter(|message| message.audience.contains(member));
        let changed = theirs.map(|message| {
            message.gone = if is_present {
                message.gone.saturating_sub(1)
            } else {
                message.gone + 1
            };
            message.delivery()
        });
        changed.collect()
    }

    /// Records which messages have become late. Returns their entries, with their new delivery.
    pub(super) fn mark_late(&mut self, now: Instant) -> Vec<(u64, Delivery)> {
        let due = self.tracked.values_mut();
        let due = due.filter(|message| message.may_be_late() && now >= message.since + LATE_AFTER);
        due.map(|message| {
            message.late = true;
            message.delivery()
        })
        .collect()
    }

    /// Returns the time at which the next message becomes late.
    pub(super) fn next_late(&self) -> Option<Instant> {
        let mut messages = self.tracked.values();
        let next = messages.find(|message| message.may_be_late())?;
        Some(next.since + LATE_AFTER)
    }

    /// Returns the number of messages that someone who is still here should have by now.
    pub(super) fn overdue_count(&self) -> usize {
        let messages = self.tracked.values();
        let overdue = messages.filter(|message| match message.delivery().1 {
            Delivery::Reached(count) => count.is_overdue(),
            Delivery::Late => true,
            Delivery::Sent => false,
        });
        overdue.count()
    }

    /// Returns the message that was sent last.
    pub(super) const fn latest(&self) -> Option<LatestMessage> {
        self.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::tests::{id, view};

    /// Returns deliveries of `messages` messages, sent one after the other among `members` members.
    fn track_messages(messages: u64, members: u8, now: Instant) -> Deliveries {
        let mut deliveries = Deliveries::default();
        for seq in 1..=messages {
            deliveries.track(seq, seq + 100, view(1..=members), now);
        }
        deliveries
    }

    const fn count(got: usize, of: usize, gone: usize) -> Delivery {
        Delivery::Reached(DeliveryCount {
            got,
            of,
            gone,
            is_late: false,
            is_complete: got == of,
        })
    }

    #[test]
    fn an_acknowledgement_may_cover_several_messages() {
        let mut deliveries = track_messages(4, 7, Instant::now());
        let all = count(6, 6, 0);
        assert_eq!(
            deliveries.record_reach(1, 2, 7, true),
            [(101, all), (102, all)]
        );
        assert_eq!(deliveries.latest().unwrap().got, None);
        let most = count(5, 6, 0);
        assert_eq!(
            deliveries.record_reach(3, 4, 6, false),
            [(103, most), (104, most)]
        );
        assert_eq!(deliveries.latest().unwrap().got, Some(5));
        assert_eq!(deliveries.record_reach(1, 2, 7, true), []);
    }

    #[test]
    fn later_members_do_not_count() {
        let mut deliveries = track_messages(1, 3, Instant::now());
        assert_eq!(
            deliveries.record_reach(1, 1, 9, true),
            [(101, count(2, 2, 0))]
        );
    }

    #[test]
    fn a_late_member_counts_in_the_end() {
        let mut deliveries = track_messages(1, 3, Instant::now());
        assert_eq!(
            deliveries.record_reach(1, 1, 2, false),
            [(101, count(1, 2, 0))]
        );
        assert_eq!(
            deliveries.record_reach(1, 1, 3, true),
            [(101, count(2, 2, 0))]
        );
        assert_eq!(deliveries.set_presence(&id(3), false), []);
    }

    #[test]
    fn a_member_with_a_message_has_all_earlier_ones() {
        let mut deliveries = track_messages(3, 3, Instant::now());
        deliveries.record_reach(1, 2, 2, false);
        let all = count(2, 2, 0);
        let healed = [(101, all), (102, all), (103, all)];
        assert_eq!(deliveries.record_reach(3, 3, 3, true), healed);
    }

    #[test]
    fn a_member_that_has_gone_is_not_awaited() {
        let now = Instant::now();
        let mut deliveries = track_messages(1, 4, now);
        deliveries.record_reach(1, 1, 3, false);
        assert_eq!(
            deliveries.set_presence(&id(9), false),
            [],
            "it was not there"
        );
        assert_eq!(
            deliveries.set_presence(&id(4), false),
            [(101, count(2, 3, 1))]
        );
        assert_eq!(
            deliveries.set_presence(&id(4), true),
            [(101, count(2, 3, 0))]
        );
        deliveries.track(2, 102, view(1..=4), now);
        assert_eq!(
            deliveries.set_presence(&id(3), false)[1],
            (102, Delivery::Sent)
        );
        assert_eq!(
            deliveries.record_reach(2, 2, 3, false),
            [(102, count(2, 3, 1))]
        );
    }

    #[test]
    fn a_message_that_everyone_here_has_is_complete_whoever_has_gone() {
        let mut deliveries = track_messages(1, 4, Instant::now());
        deliveries.record_reach(1, 1, 3, false);
        deliveries.set_presence(&id(4), false);
        let changed = deliveries.record_reach(1, 1, 3, true);
        assert!(matches!(changed[..], [(101, Delivery::Reached(count))] if count.is_complete()));
        let latest = deliveries.latest().unwrap();
        assert_eq!((latest.got, latest.of), (Some(2), 2), "nobody else is here");
    }

    #[test]
    fn a_count_is_not_complete_because_a_newcomer_counts() {
        let mut deliveries = track_messages(1, 2, Instant::now());
        let changed = deliveries.record_reach(1, 1, 2, false);
        assert!(matches!(changed[..], [(101, Delivery::Reached(count))] if !count.is_complete()));
    }

    #[test]
    fn a_message_said_alone_is_sent_until_a_newcomer_has_it_and_never_late() {
        let start = Instant::now();
        let mut deliveries = track_messages(2, 1, start);
        assert_eq!(deliveries.next_late(), None);
        assert_eq!(deliveries.mark_late(start + LATE_AFTER), []);
        let changed = deliveries.record_reach(1, 2, 2, false);
        assert_eq!(changed, [(101, Delivery::Sent), (102, Delivery::Sent)]);
        let changed = deliveries.record_reach(1, 2, 3, true);
        assert_eq!(changed, [(101, count(0, 0, 0)), (102, count(0, 0, 0))]);
    }

    #[test]
    fn a_late_message_is_reported_once() {
        let start = Instant::now();
        let mut deliveries = track_messages(1, 4, start);
        assert_eq!(deliveries.mark_late(start), []);
        let due = deliveries.next_late().unwrap();
        assert_eq!(due, start + LATE_AFTER);
        assert_eq!(deliveries.mark_late(due), [(101, Delivery::Late)]);
        assert_eq!(deliveries.mark_late(due), []);
        assert_eq!(deliveries.next_late(), None);
        assert_eq!(
            deliveries.set_presence(&id(3), false),
            [(101, Delivery::Late)]
        );
    }

    #[test]
    fn only_present_members_make_a_message_overdue() {
        let start = Instant::now();
        let mut deliveries = track_messages(1, 4, start);
        let is_overdue = |changed: Vec<(u64, Delivery)>| match changed[..] {
            [(101, Delivery::Reached(count))] => count.is_overdue(),
            ref other => panic!("{other:?}"),
        };
        assert!(!is_overdue(deliveries.record_reach(1, 1, 3, false)));
        assert!(is_overdue(deliveries.mark_late(start + LATE_AFTER)));
        assert!(!is_overdue(deliveries.set_presence(&id(4), false)));
        assert!(is_overdue(deliveries.set_presence(&id(4), true)));
        assert!(!is_overdue(deliveries.record_reach(1, 1, 4, true)));
    }

    #[test]
    fn the_number_of_tracked_messages_is_limited() {
        let deliveries = track_messages(MAX_TRACKED as u64 + 1, 2, Instant::now());
        assert_eq!(deliveries.tracked.len(), MAX_TRACKED);
    }
}

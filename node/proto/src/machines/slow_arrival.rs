//! Slow arrivals: frames that come in parts, since a line between their sender and this node is slow.
//!
//! What such a frame brings would only come twice if another member were asked for it, and each copy would delay the
//! other (`PROTOCOL.md` §4.4). Not here: what is missing, and who is asked for it (`repair`, `search`).

use crate::Time;
use crate::config::{ARRIVAL_WAIT, ARRIVAL_WAIT_MOST};

/// When parts of frames came, and how long they may keep this node from asking others.
#[derive(Debug, Default)]
pub(crate) struct SlowArrival {
    /// When the last part came.
    last: Option<Time>,
    /// When the first part came after the last new message: a peer that sends parts for ever brings nothing.
    since: Time,
}

impl SlowArrival {
    /// Notes that a part of a frame has come.
    pub(crate) fn note_part(&mut self, now: Time) {
        if self.last.is_none_or(|last| now - last >= ARRIVAL_WAIT) {
            self.since = now;
        }
        self.last = Some(now);
    }

    /// Notes that new messages have come: what came in parts was worth the wait.
    pub(crate) const fn note_new_messages(&mut self, now: Time) {
        self.since = now;
    }

    /// Notes that what was asked for has come.
    pub(crate) const fn end(&mut self) {
        self.last = None;
    }

    /// Returns until when nobody is asked for what may be arriving.
    pub(crate) fn until(&self) -> Option<Time> {
        let last = self.last?;
        Some((last + ARRIVAL_WAIT).min(self.since + ARRIVAL_WAIT_MOST))
    }

    /// Does the same, if that is yet to come.
    pub(crate) fn holds_until(&self, now: Time) -> Option<Time> {
        self.until().filter(|&until| until > now)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn a_part_makes_others_wait_until_parts_stop() {
        let mut arrival = SlowArrival::default();
        let start = Time::default() + ARRIVAL_WAIT;
        assert_eq!(arrival.holds_until(start), None);
        arrival.note_part(start);
        let later = start + ARRIVAL_WAIT / 2;
        arrival.note_part(later);
        assert_eq!(arrival.holds_until(later), Some(later + ARRIVAL_WAIT));
        assert_eq!(arrival.holds_until(later + ARRIVAL_WAIT), None);
        arrival.note_part(later + ARRIVAL_WAIT * 2);
        arrival.end();
        assert_eq!(arrival.holds_until(later + ARRIVAL_WAIT * 2), None);
    }

    /// Sends parts for a while, and returns when the last of them no longer made others wait.
    fn held_for(new_messages_after: Option<Duration>) -> Duration {
        let mut arrival = SlowArrival::default();
        let start = Time::default() + ARRIVAL_WAIT;
        let mut now = start;
        loop {
            arrival.note_part(now);
            if new_messages_after.is_some_and(|after| now - start == after) {
                arrival.note_new_messages(now);
            }
            if arrival.holds_until(now).is_none() {
                return now - start;
            }
            now = now + ARRIVAL_WAIT / 2;
        }
    }

    #[test]
    fn parts_that_bring_no_message_do_not_make_others_wait_for_ever() {
        assert_eq!(held_for(None), ARRIVAL_WAIT_MOST);
        let after = ARRIVAL_WAIT * 3;
        assert_eq!(held_for(Some(after)), after + ARRIVAL_WAIT_MOST);
    }
}

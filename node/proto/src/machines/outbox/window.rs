//! The window: how many of this node's own messages may be on their way before the user waits.
//!
//! It grows while acknowledgements come as soon as they can, and is halved when they come late. Then the ring takes
//! less than is said: messages in flight would only wait in its queues, and delay everybody (`PROTOCOL.md` §4.6).
//! Not here: the messages on their way (`outbox`).

use core::time::Duration;

use ringtalk_wire::limit::{BUNDLE_BODY_BYTES, BUNDLE_MESSAGES};

use crate::Time;
use crate::config::{QUEUEING, SLOWED, WINDOW_BYTES, WINDOW_FIRST, WINDOW_LEAST, WINDOW_MESSAGES};

/// How many bytes may be on their way for each message that may.
const BYTES_EACH: usize = 1_600;
/// How many messages a bundle may have, however few may be on their way.
const LEAST_BUNDLE: usize = 256;
/// How long the shortest time of an acknowledgement counts.
const PERIOD: Duration = Duration::from_secs(10);

/// How many messages may be on their way, and the measurements that decide it.
#[derive(Debug)]
pub(crate) struct Window {
    messages: usize,
    /// The shortest time that an acknowledgement took, in this period and in the one before.
    shortest: [Duration; 2],
    period: Time,
    /// When the window was last halved: bundles closed before that say nothing new.
    halved: Time,
    /// Until when nothing leaves, since readers are behind.
    slowed_until: Option<Time>,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            messages: WINDOW_FIRST,
            shortest: [Duration::MAX; 2],
            period: Time::default(),
            halved: Time::default(),
            slowed_until: None,
        }
    }
}

impl Window {
    /// Returns how many messages may be on their way.
    pub(crate) const fn messages(&self) -> usize {
        self.messages
    }

    /// Returns true if one more message may be on its way beside these.
    pub(crate) fn has_room(&self, messages: usize, bytes: usize) -> bool {
        let most = (BYTES_EACH * self.messages).min(WINDOW_BYTES);
        // A bundle of short messages costs little more than one message.
        let whole_bundle = messages < LEAST_BUNDLE;
        (messages < self.messages || whole_bundle) && bytes < most
    }

    /// Returns until when nothing leaves.
    pub(crate) const fn slowed_until(&self) -> Option<Time> {
        self.slowed_until
    }

    /// Lets messages leave again, if it is time.
    pub(crate) fn expire(&mut self, now: Time) {
        self.slowed_until = self.slowed_until.filter(|&until| now < until);
    }

    /// Slows down, since readers are behind: so little leaves now and then that they catch up.
    pub(crate) fn slow_down(&mut self, now: Time) {
        self.messages = WINDOW_LEAST;
        self.slowed_until = Some(now + SLOWED);
    }

    /// Returns how many messages, and how many bytes of text, the next bundle has at most. Large bundles save
    /// signatures when much is on its way, and would delay others' messages on links that take less.
    pub(crate) fn bundle(&self) -> (usize, usize) {
        let share = self.messages * BUNDLE_MESSAGES / WINDOW_MESSAGES;
        let messages = share.max(LEAST_BUNDLE);
        debug_assert!(messages <= BUNDLE_MESSAGES, "nobody would take more");
        (messages, BUNDLE_BODY_BYTES / BUNDLE_MESSAGES * messages)
    }

    /// Takes the acknowledgement of a bundle of so many messages that was closed at `closed_at`.
    pub(crate) fn note_acked(&mut self, now: Time, closed_at: Time, messages: usize) {
        let took = now - closed_at;
        if now - self.period >= PERIOD {
            self.shortest = [took, self.shortest[0]];
            self.period = now;
        }
        self.shortest[0] = self.shortest[0].min(took);
        let queued = took.saturating_sub(self.shortest[0].min(self.shortest[1]));
        if queued <= QUEUEING / 2 {
            self.messages = (self.messages + messages).min(WINDOW_MESSAGES);
        } else if queued > QUEUEING && closed_at > self.halved {
            self.messages = (self.messages / 2).max(WINDOW_LEAST);
            self.halved = now;
        }
        debug_assert!((WINDOW_LEAST..=WINDOW_MESSAGES).contains(&self.messages));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAY: Duration = Duration::from_millis(40);

    #[test]
    fn the_window_grows_while_acknowledgements_come_soon() {
        let mut window = Window::default();
        assert!(window.has_room(WINDOW_FIRST - 1, 0));
        assert!(!window.has_room(WINDOW_FIRST, 0));
        let mut now = Time::default();
        for _ in 0..WINDOW_MESSAGES / WINDOW_LEAST {
            now = now + WAY;
            window.note_acked(now + WAY, now, WINDOW_LEAST);
        }
        assert!(window.has_room(WINDOW_MESSAGES - 1, WINDOW_BYTES - WINDOW_BYTES / 100));
        assert!(!window.has_room(WINDOW_MESSAGES, 0) && !window.has_room(0, WINDOW_BYTES));
        assert_eq!(window.bundle(), (BUNDLE_MESSAGES, BUNDLE_BODY_BYTES));
    }

    #[test]
    fn the_window_halves_once_for_the_bundles_in_flight_and_never_closes() {
        let mut window = Window::default();
        let mut now = Time::default() + WAY;
        window.note_acked(now + WAY, now, 1);
        let full = window.messages;
        for _ in 0..5 {
            window.note_acked(now + WAY + QUEUEING * 2, now, 1);
        }
        assert_eq!(window.messages, full / 2);
        for _ in 0..20 {
            now = now + WAY + QUEUEING * 3;
            window.note_acked(now + WAY + QUEUEING * 2, now, 1);
        }
        assert_eq!(window.messages, WINDOW_LEAST);
        assert!(window.has_room(LEAST_BUNDLE - 1, 0) && !window.has_room(LEAST_BUNDLE, 0));
        assert_eq!(window.bundle().0, LEAST_BUNDLE);
        assert!(!window.has_room(0, WINDOW_BYTES / 32));
    }

    #[test]
    fn little_leaves_now_and_then_while_readers_are_behind() {
        let mut window = Window::default();
        let now = Time::default() + WAY;
        window.slow_down(now);
        assert_eq!(window.slowed_until(), Some(now + SLOWED));
        assert_eq!(window.bundle().0, LEAST_BUNDLE);
        assert!(window.has_room(LEAST_BUNDLE - 1, 0) && !window.has_room(LEAST_BUNDLE, 0));
        window.expire(now + SLOWED);
        assert_eq!(window.slowed_until(), None);
    }

    #[test]
    fn a_longer_round_trip_becomes_the_new_measure_after_a_while() {
        let mut window = Window::default();
        let mut now = Time::default() + WAY;
        window.note_acked(now + WAY, now, 1);
        let long = WAY + QUEUEING * 2;
        for _ in 0..40 {
            now = now + long;
            window.note_acked(now + long, now, WINDOW_LEAST);
        }
        assert!(window.messages > WINDOW_FIRST, "{}", window.messages);
    }
}

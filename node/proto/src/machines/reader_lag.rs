//! Reader lag: the reader of what this node delivers may be slower than the messages that come.
//!
//! While it is behind, acknowledgements tell authors to slow down, and nothing is pulled (`PROTOCOL.md` §4.6).
//! Not here: the number of events that wait to be read (the driver), and the slowing down of authors (`window`).

use crate::Time;
use crate::config::{READ_LEAST, READER_WAIT, UNREAD};

/// The reader, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct ReaderLag {
    /// How many events there were so far.
    events: u64,
    state: ReaderState,
}

/// How fast the reader is, and how many events it had read when that was found.
#[derive(Clone, Copy, Default, Debug)]
enum ReaderState {
    #[default]
    KeepingUp,
    /// Others wait for it until then, and longer if it reads on.
    Behind { read: u64, until: Time },
    /// Others no longer wait for it.
    Stopped { read: u64 },
}

impl ReaderLag {
    /// Counts one more event.
    pub(crate) const fn count_event(&mut self) {
        self.events += 1;
    }

    /// Notes how many events wait to be read.
    pub(crate) fn note_unread(&mut self, now: Time, unread: u64) {
        let read = self.events.saturating_sub(unread);
        let goes_on = match self.state {
            ReaderState::KeepingUp => true,
            ReaderState::Behind { read: before, .. } | ReaderState::Stopped { read: before } => {
                read >= before + READ_LEAST
            }
        };
        if unread <= UNREAD {
            self.state = ReaderState::KeepingUp;
        } else if goes_on {
            let until = now + READER_WAIT;
            self.state = ReaderState::Behind { read, until };
        }
    }

    /// Ends the wait for a reader that has stopped.
    pub(crate) fn expire(&mut self, now: Time) {
        if let ReaderState::Behind { read, until } = self.state
            && until <= now
        {
            self.state = ReaderState::Stopped { read };
        }
    }

    /// Returns true while others are to wait for the reader.
    pub(crate) const fn is_behind(&self) -> bool {
        matches!(self.state, ReaderState::Behind { .. })
    }

    /// Returns when others stop waiting, unless it reads on.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        match self.state {
            ReaderState::Behind { until, .. } => Some(until),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: u64 = 20_000;

    fn unread_so_far() -> ReaderLag {
        ReaderLag {
            events: EVENTS,
            ..ReaderLag::default()
        }
    }

    #[test]
    fn others_wait_for_a_slow_reader_that_makes_progress() {
        let mut lag = unread_so_far();
        let now = Time::default();
        lag.note_unread(now, UNREAD);
        assert!(!lag.is_behind());
        lag.note_unread(now, EVENTS);
        assert_eq!(lag.deadline(), Some(now + READER_WAIT));
        let later = now + READER_WAIT / 2;
        lag.note_unread(later, EVENTS - READ_LEAST + 1);
        assert_eq!(lag.deadline(), Some(now + READER_WAIT), "too little");
        lag.note_unread(later, EVENTS - READ_LEAST);
        assert_eq!(lag.deadline(), Some(later + READER_WAIT));
        lag.expire(later);
        assert!(lag.is_behind());
        lag.note_unread(later, UNREAD);
        assert!(!lag.is_behind(), "it has caught up");
    }

    #[test]
    fn others_do_not_wait_for_a_stopped_reader_until_it_reads_again() {
        let mut lag = unread_so_far();
        let now = Time::default();
        lag.note_unread(now, EVENTS);
        lag.expire(now + READER_WAIT);
        for _ in 0..3 {
            lag.count_event();
            lag.note_unread(now + READER_WAIT, EVENTS + 1);
            assert!(!lag.is_behind());
        }
        lag.note_unread(now + READER_WAIT, EVENTS - READ_LEAST + 3);
        assert!(lag.is_behind());
    }
}

//! Reading: the reader of what this node delivers may be slower than the messages that come.
//!
//! While it is behind, acknowledgements tell authors to slow down, and nothing is pulled (`PROTOCOL.md` §4.6).
//! Not here: the number of events that wait to be read (the driver), and the slowing down of authors (`window`).

use crate::Time;
use crate::config::{READ_LEAST, READER_WAIT, UNREAD};

/// The reader, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// How many events there were so far.
    events: u64,
    pace: Pace,
}

/// How fast the reader is, and how many events it had read when that was found.
#[derive(Clone, Copy, Default, Debug)]
enum Pace {
    #[default]
    KeepsUp,
    /// Others wait for it until then, and longer if it reads on.
    Behind { read: u64, until: Time },
    /// Others no longer wait for it.
    Stopped { read: u64 },
}

impl Reading {
    /// Counts one more event.
    pub(crate) const fn note(&mut self) {
        self.events += 1;
    }

    /// Notes how many events wait to be read.
    pub(crate) fn unread(&mut self, now: Time, unread: u64) {
        let read = self.events.saturating_sub(unread);
        let goes_on = match self.pace {
            Pace::KeepsUp => true,
            Pace::Behind { read: before, .. } | Pace::Stopped { read: before } => {
                read >= before + READ_LEAST
            }
        };
        if unread <= UNREAD {
            self.pace = Pace::KeepsUp;
        } else if goes_on {
            let until = now + READER_WAIT;
            self.pace = Pace::Behind { read, until };
        }
    }

    /// Ends the wait for a reader that has stopped.
    pub(crate) fn expire(&mut self, now: Time) {
        if let Pace::Behind { read, until } = self.pace
            && until <= now
        {
            self.pace = Pace::Stopped { read };
        }
    }

    /// Returns true while others are to wait for the reader.
    pub(crate) const fn is_behind(&self) -> bool {
        matches!(self.pace, Pace::Behind { .. })
    }

    /// Returns when others stop waiting, unless it reads on.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        match self.pace {
            Pace::Behind { until, .. } => Some(until),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: u64 = 20_000;

    fn unread_so_far() -> Reading {
        Reading {
            events: EVENTS,
            ..Reading::default()
        }
    }

    #[test]
    fn who_is_far_behind_and_reads_on_is_waited_for() {
        let mut reading = unread_so_far();
        let now = Time::default();
        reading.unread(now, UNREAD);
        assert!(!reading.is_behind());
        reading.unread(now, EVENTS);
        assert_eq!(reading.deadline(), Some(now + READER_WAIT));
        let later = now + READER_WAIT / 2;
        reading.unread(later, EVENTS - READ_LEAST + 1);
        assert_eq!(reading.deadline(), Some(now + READER_WAIT), "too little");
        reading.unread(later, EVENTS - READ_LEAST);
        assert_eq!(reading.deadline(), Some(later + READER_WAIT));
        reading.expire(later);
        assert!(reading.is_behind());
        reading.unread(later, UNREAD);
        assert!(!reading.is_behind(), "it has caught up");
    }

    #[test]
    fn who_has_stopped_is_not_until_it_reads_on() {
        let mut reading = unread_so_far();
        let now = Time::default();
        reading.unread(now, EVENTS);
        reading.expire(now + READER_WAIT);
        for _ in 0..3 {
            reading.note();
            reading.unread(now + READER_WAIT, EVENTS + 1);
            assert!(!reading.is_behind());
        }
        reading.unread(now + READER_WAIT, EVENTS - READ_LEAST + 3);
        assert!(reading.is_behind());
    }
}

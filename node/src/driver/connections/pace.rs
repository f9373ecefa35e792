//! The pace of a link: how much of what waits on it is written at once.
//!
//! What is handed to the system can be overtaken no more. So no more than the link took in the last 50 ms is handed on
//! at once (`PROTOCOL.md` §3.3). Not here: the writing (`connections`).

use std::time::Duration;

use tokio::time::Instant;

/// The time that the bytes of one write may take. Longer delays urgent frames, shorter costs more writes.
const UNIT_TIME: Duration = Duration::from_millis(50);
/// The fewest bytes at once, 0.13 s at 64 kbit/s: less would be mostly headers and tags.
const LEAST_BYTES: usize = 1024;
/// How many bytes at once a link may take of which nothing is known: what a usual line takes in 50 ms, and what most
/// connections send before the first answer.
const FIRST_BYTES: usize = 16 * 1024;
/// The most bytes at once.
pub(super) const MOST_BYTES: usize = 64 * 1024;
/// How many bytes may wait in the system on a link that takes the most at once: enough to keep a fast link busy while
/// this node does other things.
const UNSENT_BYTES: usize = 256 * 1024;
/// After this time without a write, the link may have changed.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// How much a link takes.
#[derive(Debug)]
pub(super) struct Pace {
    unit: usize,
    /// Since when the bytes are counted.
    since: Instant,
    bytes: usize,
    last: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            unit: FIRST_BYTES,
            since: now,
            bytes: 0,
            last: now,
        }
    }

    /// Returns how many bytes to write at once.
    pub(super) const fn unit(&self) -> usize {
        self.unit
    }

    /// Returns how many bytes may wait in the system to be sent.
    pub(super) const fn unsent(&self) -> usize {
        if self.unit == MOST_BYTES {
            UNSENT_BYTES
        } else {
            self.unit
        }
    }

    /// Begins to write something: what a link took long ago says nothing.
    pub(super) fn begin(&mut self, now: Instant) {
        if now - self.last >= FORGOTTEN {
            *self = Self::new(now);
        }
    }

    /// Notes that the link took so many bytes.
    pub(super) fn note_written(&mut self, now: Instant, bytes: usize) {
        self.last = now;
        self.bytes += bytes;
        let elapsed = now - self.since;
        if elapsed >= UNIT_TIME {
            let unit = self.bytes as u128 * UNIT_TIME.as_micros() / elapsed.as_micros();
            let unit = usize::try_from(unit).unwrap_or(MOST_BYTES);
            self.unit = unit.clamp(LEAST_BYTES, MOST_BYTES);
            (self.since, self.bytes) = (now, 0);
        } else {
            self.unit = self.bytes.clamp(self.unit, MOST_BYTES);
        }
        debug_assert!((LEAST_BYTES..=MOST_BYTES).contains(&self.unit));
    }

    /// Notes that the link takes no more at the moment: what it took before only filled the queues on the way.
    pub(super) fn note_full(&mut self, now: Instant) {
        (self.since, self.bytes) = (now, 0);
        self.last = now;
        self.unit = self.unit.min(FIRST_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes for 2 s to a link that takes so many bytes a millisecond, and returns what is then written at once.
    fn after_two_seconds(bytes_a_ms: usize) -> usize {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let (mut now, mut first) = (start, true);
        while now - start < Duration::from_secs(2) {
            pace.begin(now);
            let unit = pace.unit();
            if std::mem::take(&mut first) {
                pace.note_full(now);
            }
            now += Duration::from_micros((unit * 1_000 / bytes_a_ms) as u64);
            pace.note_written(now, unit);
        }
        pace.unit()
    }

    #[test]
    fn a_slow_link_gets_little_at_once_and_a_fast_one_much() {
        assert_eq!(after_two_seconds(8), LEAST_BYTES);
        let at_4_mbit = after_two_seconds(500);
        assert!((20_000..30_000).contains(&at_4_mbit), "{at_4_mbit}");
        assert_eq!(after_two_seconds(100_000), MOST_BYTES);
    }

    #[test]
    fn a_burst_on_an_idle_link_takes_few_writes() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut left = 256 * 1024;
        let mut writes = 0;
        while left > 0 {
            let bytes = pace.unit().min(left);
            pace.note_written(start, bytes);
            left -= bytes;
            writes += 1;
        }
        assert_eq!(writes, 6);
        assert_eq!(pace.unsent(), UNSENT_BYTES);
    }

    #[test]
    fn what_a_link_took_long_ago_is_forgotten() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.note_full(start);
        let later = start + FORGOTTEN;
        pace.note_written(later, 100);
        assert_eq!((pace.unit(), pace.unsent()), (LEAST_BYTES, LEAST_BYTES));
        pace.begin(later + FORGOTTEN / 2);
        assert_eq!(pace.unit(), LEAST_BYTES);
        pace.begin(later + FORGOTTEN);
        assert_eq!(pace.unit(), FIRST_BYTES);
    }
}

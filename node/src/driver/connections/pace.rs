//! The pace of a link: how much of what waits on it is written at once.
//!
//! What is handed to the system can be overtaken no more. So a link that takes no more at times gets little at once, by
//! what it took while it was full (`PROTOCOL.md` §3.3). A link that takes everything says nothing of its pace: it may all
//! be in the system's queue. Not here: the writing (`connections`).

use std::time::Duration;

use tokio::time::Instant;

/// The time that the bytes of one write may take. A frame waits for what is in the system, which is twice as much and one
/// write beyond, and for the write that is under way: 40 ms. Longer delays heartbeats, shorter costs more writes.
const UNIT_TIME: Duration = Duration::from_millis(10);
/// How long a link is measured at least. A shorter time would count what the system has just made room for as what the
/// line has carried.
const MEASURED_TIME: Duration = Duration::from_millis(100);
/// The fewest bytes at once, 0.13 s at 64 kbit/s: less would be mostly headers and tags.
const LEAST_BYTES: usize = 1024;
/// How many bytes at once a link gets of which nothing is known. With what may wait in the system it is as much as most
/// connections send before the first answer.
const FIRST_BYTES: usize = 8 * 1024;
/// The most bytes at once.
pub(super) const MOST_BYTES: usize = 64 * 1024;
/// How many bytes may wait in the system at most: enough to keep a fast link busy while this node does other things.
const UNSENT_BYTES: usize = 256 * 1024;

/// How much a link takes.
#[derive(Debug)]
pub(super) struct Pace {
    /// How many bytes it takes in [`UNIT_TIME`], as far as is known.
    taken: usize,
    /// How many it may be taken to take while it is not full. Once it was measured, not much more than it took then.
    most: usize,
    /// How many bytes it has taken since it was full, and since when they are counted.
    measured: Option<(Instant, usize)>,
    /// How many bytes it has taken without being full.
    easily: usize,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self {
            taken: FIRST_BYTES,
            most: UNSENT_BYTES / 2,
            measured: None,
            easily: 0,
        }
    }

    /// Returns how many bytes to write at once.
    pub(super) fn unit(&self) -> usize {
        self.taken.clamp(LEAST_BYTES, MOST_BYTES)
    }

    /// Returns how many bytes may wait in the system to be sent.
    pub(super) const fn unsent(&self) -> usize {
        2 * self.taken
    }

    /// Notes that the link took so many bytes.
    pub(super) fn note_written(&mut self, now: Instant, bytes: usize) {
        let Some((since, measured)) = &mut self.measured else {
            self.easily += bytes;
            return;
        };
        *measured += bytes;
        let elapsed = now - *since;
        if elapsed >= MEASURED_TIME {
            let taken = *measured as u128 * UNIT_TIME.as_micros() / elapsed.as_micros();
            let taken = usize::try_from(taken).unwrap_or(UNSENT_BYTES);
            self.taken = taken.clamp(LEAST_BYTES / 2, UNSENT_BYTES / 2);
            self.most = (2 * self.taken).min(UNSENT_BYTES / 2);
            self.measured = Some((now, 0));
        }
    }

    /// Notes that the link takes no more at the moment: from now on it takes what the line carries.
    pub(super) fn note_full(&mut self, now: Instant) {
        if self.measured.is_none() {
            self.measured = Some((now, 0));
            self.taken = self.taken.min(FIRST_BYTES);
        }
        self.easily = 0;
    }

    /// Notes that nothing waits any more. A link that took more than a unit without being full gets twice as much at once
    /// from now on.
    pub(super) fn note_idle(&mut self) {
        if self.measured.take().is_none() && self.easily > self.unit() {
            self.taken = (2 * self.taken).min(self.most);
        }
        self.easily = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes for 2 s to a link that takes so many bytes a millisecond, and returns what is then written at once and may
    /// wait.
    fn after_two_seconds(bytes_a_ms: usize) -> (usize, usize) {
        let start = Instant::now();
        let mut pace = Pace::new();
        let mut now = start;
        while now - start < Duration::from_secs(2) {
            let unit = pace.unit();
            pace.note_full(now);
            now += Duration::from_micros((unit * 1_000 / bytes_a_ms) as u64);
            pace.note_written(now, unit);
        }
        (pace.unit(), pace.unsent())
    }

    #[test]
    fn a_slow_link_gets_little_at_once_and_a_fast_one_much() {
        assert_eq!(after_two_seconds(8), (LEAST_BYTES, LEAST_BYTES));
        let (unit, unsent) = after_two_seconds(500);
        assert!((4_000..6_000).contains(&unit), "at 4 Mbit/s: {unit}");
        assert_eq!(unsent, 2 * unit);
        let (unit, unsent) = after_two_seconds(8_000);
        assert_eq!(unit, MOST_BYTES);
        assert!((150_000..170_000).contains(&unsent), "at 8 MB/s: {unsent}");
        assert_eq!(after_two_seconds(100_000), (MOST_BYTES, UNSENT_BYTES));
    }

    #[test]
    fn what_the_system_takes_at_once_says_nothing_until_all_is_written() {
        let now = Instant::now();
        let first = (FIRST_BYTES, 2 * FIRST_BYTES);
        let mut pace = Pace::new();
        for _ in 0..10 {
            pace.note_written(now, FIRST_BYTES);
            assert_eq!((pace.unit(), pace.unsent()), first);
        }
        for _ in 0..4 {
            pace.note_written(now, MOST_BYTES + 1);
            pace.note_idle();
        }
        assert_eq!((pace.unit(), pace.unsent()), (MOST_BYTES, UNSENT_BYTES));
        pace.note_full(now);
        assert_eq!((pace.unit(), pace.unsent()), first);
    }

    #[test]
    fn a_link_that_was_measured_gets_little_more_though_it_seems_to_take_everything() {
        let now = Instant::now();
        let mut pace = Pace::new();
        pace.note_full(now);
        pace.note_written(now + MEASURED_TIME, 50_000);
        pace.note_idle();
        for _ in 0..5 {
            pace.note_written(now, MOST_BYTES + 1);
            pace.note_idle();
        }
        assert_eq!(pace.unit(), 10_000);
        pace.note_full(now);
        pace.note_written(now + MEASURED_TIME, 2_000_000);
        assert_eq!(pace.unit(), MOST_BYTES, "it has become faster");
    }

    #[test]
    fn small_frames_now_and_then_leave_the_pace_of_a_link_as_it_is() {
        let start = Instant::now();
        let mut pace = Pace::new();
        pace.note_full(start);
        pace.note_written(start + MEASURED_TIME, 100);
        pace.note_idle();
        for seconds in 1..10 {
            pace.note_written(start + Duration::from_secs(seconds), 100);
            pace.note_idle();
        }
        assert_eq!((pace.unit(), pace.unsent()), (LEAST_BYTES, LEAST_BYTES));
    }
}

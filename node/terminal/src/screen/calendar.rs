//! The time of day for entries, and the lines between two days.
//!
//! Not here: the times of messages, which come from peers (`timestamp`).

use time::{Date, UtcOffset};

use crate::timestamp::{hours_and_minutes, local_date};

/// The user's clock and calendar.
#[derive(Debug)]
pub(super) struct Calendar {
    pub(super) offset: UtcOffset,
    /// The present time, in milliseconds since 1970.
    now_ms: u64,
    /// The day of the newest entry.
    day: Option<Date>,
}

impl Calendar {
    pub(super) const fn new(offset: UtcOffset, now_ms: u64) -> Self {
        Self {
            offset,
            now_ms,
            day: None,
        }
    }

    /// Sets the clock.
    pub(super) const fn set_now(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    pub(super) const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Returns the present time of day.
    pub(super) fn time_of_day(&self) -> String {
        hours_and_minutes(self.now_ms, self.offset)
    }

    /// Forgets the day, because entries of an earlier one follow: the history.
    pub(super) const fn go_back(&mut self) {
        self.day = None;
    }

    /// Goes on to an entry of this time. Returns the words of a line before it if a new day begins.
    ///
    /// The first day has no line if it is today. An entry of an earlier day than the one before it has none either: its
    /// author's clock is wrong, or it comes late.
    pub(super) fn go_on_to(&mut self, ms: u64) -> Option<String> {
        let day = local_date(ms, self.offset);
        let is_new = match self.day {
            Some(before) => before < day,
            None => day != local_date(self.now_ms, self.offset),
        };
        self.day = self.day.max(Some(day));
        is_new.then(|| {
            let (weekday, month) = (day.weekday(), day.month());
            format!("{weekday}, {} {month} {}", day.day(), day.year())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The 14th of November 2023, at 22:13.
    const NOW: u64 = 1_700_000_000_042;
    const DAY: u64 = 86_400_000;

    #[test]
    fn a_line_stands_between_two_days() {
        let mut calendar = Calendar::new(UtcOffset::UTC, NOW);
        assert_eq!(calendar.go_on_to(NOW), None, "today needs no line");
        assert_eq!(calendar.time_of_day(), "22:13");
        let tomorrow = calendar.go_on_to(NOW + DAY);
        assert_eq!(tomorrow.as_deref(), Some("Wednesday, 15 November 2023"));
        assert_eq!(calendar.go_on_to(NOW + DAY + 1), None);
        assert_eq!(calendar.go_on_to(NOW), None, "a late one");
        assert_eq!(calendar.go_on_to(NOW + DAY), None);
    }

    #[test]
    fn history_may_begin_on_an_earlier_day() {
        let mut calendar = Calendar::new(UtcOffset::UTC, NOW);
        calendar.go_on_to(NOW);
        calendar.go_back();
        let yesterday = calendar.go_on_to(NOW - DAY);
        assert_eq!(yesterday.as_deref(), Some("Monday, 13 November 2023"));
        let today = calendar.go_on_to(NOW);
        assert_eq!(today.as_deref(), Some("Tuesday, 14 November 2023"));
    }
}

//! Members lost at about the same time: a sign that the network is partitioned, not that the members died.
//!
//! Not here: the ids of the lost members, which the core's events report one by one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The longest time between two losses of one series.
const SPLIT_WINDOW: Duration = Duration::from_secs(2);

/// The most recent losses.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    recent: VecDeque<Instant>,
    reported: bool,
}

impl Losses {
    /// Records that a member was found dead.
    pub(crate) fn add(&mut self, now: Instant) {
        let old = |lost: &Instant| now.duration_since(*lost) > SPLIT_WINDOW;
        while self.recent.front().is_some_and(old) {
            self.recent.pop_front();
        }
        if self.recent.is_empty() {
            self.reported = false;
        }
        self.recent.push_back(now);
    }

    /// Returns true once for each series of two or more losses.
    pub(crate) fn take_split(&mut self) -> bool {
        let split = self.recent.len() >= 2 && !self.reported;
        self.reported |= split;
        split
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_losses_within_two_seconds_are_a_split_and_one_is_none() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut losses = Losses::default();
        losses.add(at(0));
        assert!(!losses.take_split());
        losses.add(at(2_500));
        assert!(!losses.take_split());
        losses.add(at(3_000));
        losses.add(at(3_100));
        assert!(losses.take_split());
        losses.add(at(4_000));
        assert!(!losses.take_split(), "the same series");
        losses.add(at(9_000));
        losses.add(at(9_001));
        assert!(losses.take_split(), "another one");
    }
}

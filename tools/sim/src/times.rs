//! A histogram of durations to the millisecond, so that every percentile is exact and runs add up.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How often each duration occurred.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Times {
    /// The counts by milliseconds, rounded up.
    counts: BTreeMap<u64, u64>,
}

/// The percentiles of a histogram, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many durations there are.
    pub count: u64,
    /// The median.
    pub p50: u64,
    /// The time within which 99 of 100 lie.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

impl Times {
    /// Adds one duration.
    pub(crate) fn push(&mut self, time: Duration) {
        let millis = time.as_micros().div_ceil(1_000) as u64;
        *self.counts.entry(millis).or_default() += 1;
    }

    /// Adds the durations of another histogram.
    pub(crate) fn add(&mut self, others: &Self) {
        for (&millis, count) in &others.counts {
            *self.counts.entry(millis).or_default() += count;
        }
    }

    /// Returns the percentiles, if there are any durations.
    pub fn percentiles(&self) -> Option<Percentiles> {
        Some(Percentiles {
            count: self.count(),
            p50: self.percentile_ms(50)?,
            p99: self.percentile_ms(99)?,
            max: self.percentile_ms(100)?,
        })
    }

    /// Returns how many durations there are.
    pub fn count(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Returns the time within which `percent` of 100 durations lie, in milliseconds.
    pub fn percentile_ms(&self, percent: u64) -> Option<u64> {
        let due = (self.count() * percent).div_ceil(100).max(1);
        let mut seen = 0;
        self.counts.iter().find_map(|(&millis, count)| {
            seen += count;
            (seen >= due).then_some(millis)
        })
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Percentiles {
            count,
            p50,
            p99,
            max,
        }) = self.percentiles()
        else {
            return f.write_str("none");
        };
        write!(f, "p50 {p50} ms, p99 {p99} ms, max {max} ms, {count} times")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact() {
        let mut times = Times::default();
        assert_eq!(times.to_string(), "none");
        for millis in 1..=200 {
            times.push(Duration::from_millis(millis));
        }
        assert_eq!(times.percentile_ms(50), Some(100));
        assert_eq!(times.percentile_ms(99), Some(198));
        let mut all = times.clone();
        all.add(&times);
        assert_eq!(
            all.to_string(),
            "p50 100 ms, p99 198 ms, max 200 ms, 400 times"
        );
    }
}

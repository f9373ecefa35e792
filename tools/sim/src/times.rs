//! A histogram of durations to the millisecond, so that every percentile is exact and runs add up. A file keeps it
//! to within 1/64, rounded up.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How often each duration occurred.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Times {
    /// The counts by milliseconds, rounded up; the keys are written as text, as TOML requires.
    #[serde(with = "as_text")]
    counts: BTreeMap<u64, u64>,
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
        let percentiles = [50, 99, 100].map(|percent| self.percentile_ms(percent));
        let [Some(middle), Some(late), Some(last)] = percentiles else {
            return f.write_str("none");
        };
        let count = self.count();
        write!(
            f,
            "p50 {middle} ms, p99 {late} ms, max {last} ms, {count} times"
        )
    }
}

mod as_text {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        counts: &BTreeMap<u64, u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut texts = BTreeMap::<String, u64>::new();
        for (&millis, count) in counts {
            *texts.entry(rounded(millis).to_string()).or_default() += count;
        }
        texts.serialize(serializer)
    }

    /// Rounds up to seven binary digits.
    fn rounded(millis: u64) -> u64 {
        let digits = u64::BITS - millis.leading_zeros();
        millis.next_multiple_of(1 << digits.saturating_sub(7))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<u64, u64>, D::Error> {
        let texts = BTreeMap::<String, u64>::deserialize(deserializer)?;
        let numbers = texts.into_iter().map(|(millis, count)| {
            let millis = millis.parse().map_err(D::Error::custom)?;
            Ok((millis, count))
        });
        numbers.collect()
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

    #[test]
    fn a_file_keeps_times_to_within_a_64th() {
        let mut times = Times::default();
        for millis in [0, 1, 127, 128, 129, 2_470, 10_001] {
            times.push(Duration::from_millis(millis));
        }
        let text = toml::to_string(&times).unwrap();
        let kept: Times = toml::from_str(&text).unwrap();
        let kept: Vec<u64> = kept.counts.into_keys().collect();
        assert_eq!(kept, [0, 1, 127, 128, 130, 2_496, 10_112]);
    }
}

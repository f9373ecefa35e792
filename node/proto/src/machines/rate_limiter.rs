//! A rate limiter: a node may do a thing a few times at once, and then once in a while.
//!
//! A token bucket for each node, kept as the one moment when it is full again. Not here: the things that are limited
//! (the callers).

use alloc::collections::BTreeMap;
use core::time::Duration;

use ringtalk_wire::NodeId;

use crate::Time;

/// How often each node may do a thing.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    at_once: u32,
    every: Duration,
    /// When each node may do it `at_once` times again; in the past for all others.
    full: BTreeMap<NodeId, Time>,
}

impl RateLimiter {
    /// Creates a limit of `at_once` times (one at least), and then once in `every`.
    pub(crate) const fn new(at_once: u32, every: Duration) -> Self {
        Self {
            at_once,
            every,
            full: BTreeMap::new(),
        }
    }

    /// Returns when a node may do it next: in the past if it may at once.
    pub(crate) fn next_allowed(&self, id: &NodeId) -> Time {
        let full = self.full.get(id).copied().unwrap_or_default();
        let ahead = (self.every * (self.at_once - 1)).as_micros();
        let ahead = u64::try_from(ahead).unwrap_or(u64::MAX);
        Time::from_micros(full.as_micros().saturating_sub(ahead))
    }

    /// Notes that a node has done it.
    pub(crate) fn record(&mut self, now: Time, id: NodeId) {
        // A bucket that is full again is as good as a new one.
        self.full.retain(|_, full| *full > now);
        let full = self.full.entry(id).or_insert(now);
        *full = *full + self.every;
        debug_assert!(*full > now, "what is spent takes time to come back");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::test_support::id;

    #[test]
    fn a_burst_is_allowed_and_then_one_in_each_interval() {
        let every = Duration::from_secs(10);
        let mut limiter = RateLimiter::new(3, every);
        let start = Time::from_micros(1);
        for _ in 0..3 {
            assert!(limiter.next_allowed(&id(1)) <= start);
            limiter.record(start, id(1));
        }
        assert_eq!(limiter.next_allowed(&id(1)), start + every);
        assert!(limiter.next_allowed(&id(2)) <= start, "each has its own");
        limiter.record(start + every, id(1));
        assert_eq!(limiter.next_allowed(&id(1)), start + every * 2);
        let rested = start + every * 5;
        limiter.record(rested, id(2));
        assert_eq!(limiter.full.len(), 1, "who is rested is forgotten");
        assert!(limiter.next_allowed(&id(1)) <= rested);
    }
}

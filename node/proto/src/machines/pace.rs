//! Pace: a node may do a thing a few times at once, and then once in a while.
//!
//! A token bucket for each node, kept as the one moment when it is full again. Not here: the things that are paced
//! (the callers).

use alloc::collections::BTreeMap;
use core::time::Duration;

use ringtalk_wire::NodeId;

use crate::Time;

/// How often each node may do a thing.
#[derive(Debug)]
pub(crate) struct Pace {
    at_once: u32,
    every: Duration,
    /// When each node may do it `at_once` times again; in the past for all others.
    full: BTreeMap<NodeId, Time>,
}

impl Pace {
    /// Creates a pace of `at_once` times (one at least), and then once in `every`.
    pub(crate) const fn new(at_once: u32, every: Duration) -> Self {
        Self {
            at_once,
            every,
            full: BTreeMap::new(),
        }
    }

    /// Returns when a node may do it next: in the past if it may at once.
    pub(crate) fn next(&self, id: &NodeId) -> Time {
        let full = self.full.get(id).copied().unwrap_or_default();
        let ahead = (self.every * (self.at_once - 1)).as_micros();
        let ahead = u64::try_from(ahead).unwrap_or(u64::MAX);
        Time::from_micros(full.as_micros().saturating_sub(ahead))
    }

    /// Notes that a node has done it.
    pub(crate) fn spend(&mut self, now: Time, id: NodeId) {
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
    fn a_few_times_at_once_and_then_once_in_a_while() {
        let every = Duration::from_secs(10);
        let mut pace = Pace::new(3, every);
        let start = Time::from_micros(1);
        for _ in 0..3 {
            assert!(pace.next(&id(1)) <= start);
            pace.spend(start, id(1));
        }
        assert_eq!(pace.next(&id(1)), start + every);
        assert!(pace.next(&id(2)) <= start, "each has its own");
        pace.spend(start + every, id(1));
        assert_eq!(pace.next(&id(1)), start + every * 2);
        let rested = start + every * 5;
        pace.spend(rested, id(2));
        assert_eq!(pace.full.len(), 1, "who is rested is forgotten");
        assert!(pace.next(&id(1)) <= rested);
    }
}

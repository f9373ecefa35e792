//! The rate limit on the requests of each household.
//!
//! A token bucket for each household fills at a steady rate, and each request takes one token. Not here: what counts
//! as one household (`households`), and the answer to a caller above the limit (`serve`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// The sustained number of requests per second that a household may make. 50 nodes that start on one machine make
/// fewer, and so do 200 that run there.
const PER_SECOND: f64 = 200.0;
/// How many it may make at once, after a rest.
pub(crate) const BURST: usize = 1_000;
const FULL: f64 = BURST as f64;
/// The number of households that have a bucket of their own: 200 KiB. Further ones share one bucket.
const BUCKETS: usize = 4_096;

/// The buckets of all households. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct RateLimiter(Arc<Mutex<Buckets>>);

#[derive(Debug, Default)]
struct Buckets {
    own: BTreeMap<IpAddr, Bucket>,
    shared: Option<Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    updated_at: Instant,
}

impl RateLimiter {
    /// Returns true if `household` may make a request now, and counts it.
    pub(crate) fn allow(&self, household: IpAddr, now: Instant) -> bool {
        // Poisoning is ignored: every change of a bucket is complete before anything could panic.
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.bucket(household, now).take(now)
    }
}

impl Buckets {
    fn bucket(&mut self, household: IpAddr, now: Instant) -> &mut Bucket {
        if !self.own.contains_key(&household) && self.own.len() >= BUCKETS {
            self.own.retain(|_, bucket| bucket.level(now) < FULL);
            if self.own.len() >= BUCKETS {
                return self.shared.get_or_insert(Bucket::full(now));
            }
        }
        self.own.entry(household).or_insert(Bucket::full(now))
    }
}

impl Bucket {
    const fn full(now: Instant) -> Self {
        Self {
            tokens: FULL,
            updated_at: now,
        }
    }

    fn level(&self, now: Instant) -> f64 {
        let rested = now.saturating_duration_since(self.updated_at).as_secs_f64();
        FULL.min(rested.mul_add(PER_SECOND, self.tokens))
    }

    fn take(&mut self, now: Instant) -> bool {
        let level = self.level(now);
        let is_enough = level >= 1.0;
        self.tokens = if is_enough { level - 1.0 } else { level };
        self.updated_at = now;
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    fn household(n: u32) -> IpAddr {
        Ipv4Addr::from_bits(n).into()
    }

    fn take_all(limiter: &RateLimiter, household: IpAddr, now: Instant) -> usize {
        (0..5_000).filter(|_| limiter.allow(household, now)).count()
    }

    #[test]
    fn only_a_household_above_the_rate_is_slowed() {
        let limiter = RateLimiter::default();
        let now = Instant::now();
        assert_eq!(take_all(&limiter, household(1), now), BURST);
        assert!(limiter.allow(household(2), now));
        let later = now + Duration::from_secs(1);
        assert_eq!(take_all(&limiter, household(1), later), 200);
    }

    #[test]
    fn further_households_share_a_bucket_and_full_buckets_are_dropped() {
        let limiter = RateLimiter::default();
        let now = Instant::now();
        for n in 0..BUCKETS as u32 {
            assert!(limiter.allow(household(n), now));
        }
        assert_eq!(take_all(&limiter, household(1 << 20), now), BURST);
        assert!(!limiter.allow(household(1 << 21), now));
        let later = now + Duration::from_secs(60);
        assert!(limiter.allow(household(1 << 21), later));
        assert_eq!(limiter.0.lock().unwrap().own.len(), 1);
    }
}

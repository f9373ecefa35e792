//! The rate limit on the requests of each address.
//!
//! A token bucket for each address fills at a steady rate, and each request takes one token. Not here: what counts
//! as one address (`households`), and the answer to a caller above the limit (`serve`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// The sustained number of requests per second that an address may make. 50 nodes that start on one machine make
/// fewer, and so do 200 that run there.
const PER_SECOND: f64 = 200.0;
/// How many it may make at once, after a rest.
pub(crate) const AT_ONCE: usize = 1_000;
const FULL: f64 = AT_ONCE as f64;
/// The number of addresses that have a bucket of their own: 200 KiB. Further ones share one bucket.
const ADDRESSES: usize = 4_096;

/// The buckets of all addresses. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rates(Arc<Mutex<Buckets>>);

#[derive(Debug, Default)]
struct Buckets {
    own: BTreeMap<IpAddr, Bucket>,
    shared: Option<Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Rates {
    /// Returns true if `address` may make a request now, and counts it.
    pub(crate) fn admit(&self, address: IpAddr, now: Instant) -> bool {
        // Poisoning is ignored: every change of a bucket is complete before anything could panic.
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.of(address, now).take(now)
    }
}

impl Buckets {
    fn of(&mut self, address: IpAddr, now: Instant) -> &mut Bucket {
        if !self.own.contains_key(&address) && self.own.len() >= ADDRESSES {
            self.own.retain(|_, bucket| bucket.level(now) < FULL);
            if self.own.len() >= ADDRESSES {
                return self.shared.get_or_insert(Bucket::full(now));
            }
        }
        self.own.entry(address).or_insert(Bucket::full(now))
    }
}

impl Bucket {
    const fn full(now: Instant) -> Self {
        Self {
            left: FULL,
            at: now,
        }
    }

    fn level(&self, now: Instant) -> f64 {
        let rested = now.saturating_duration_since(self.at).as_secs_f64();
        FULL.min(rested.mul_add(PER_SECOND, self.left))
    }

    fn take(&mut self, now: Instant) -> bool {
        let level = self.level(now);
        let is_enough = level >= 1.0;
        self.left = if is_enough { level - 1.0 } else { level };
        self.at = now;
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    fn address(n: u32) -> IpAddr {
        Ipv4Addr::from_bits(n).into()
    }

    fn taken(rates: &Rates, address: IpAddr, now: Instant) -> usize {
        (0..5_000).filter(|_| rates.admit(address, now)).count()
    }

    #[test]
    fn who_asks_too_much_is_slowed_and_nobody_else() {
        let rates = Rates::default();
        let now = Instant::now();
        assert_eq!(taken(&rates, address(1), now), AT_ONCE);
        assert!(rates.admit(address(2), now));
        let later = now + Duration::from_secs(1);
        assert_eq!(taken(&rates, address(1), later), 200);
    }

    #[test]
    fn a_crowd_of_addresses_shares_a_bucket_and_the_rested_are_forgotten() {
        let rates = Rates::default();
        let now = Instant::now();
        for n in 0..ADDRESSES as u32 {
            assert!(rates.admit(address(n), now));
        }
        assert_eq!(taken(&rates, address(1 << 20), now), AT_ONCE);
        assert!(!rates.admit(address(1 << 21), now));
        let later = now + Duration::from_secs(60);
        assert!(rates.admit(address(1 << 21), later));
        assert_eq!(rates.0.lock().unwrap().own.len(), 1);
    }
}

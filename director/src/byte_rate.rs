//! A rate limit in bytes a second, with room for a burst.
//!
//! Not here: what is limited (`carrier`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The unused time that a burst makes up for: within that, only the line limits it.
const BURST_TIME: Duration = Duration::from_secs(1);

/// A rate limit that several senders share.
#[derive(Clone, Debug)]
pub(crate) struct ByteRate {
    bytes_a_second: u64,
    /// When everything that was let through would have passed at this rate.
    passed_at: Arc<Mutex<Instant>>,
}

impl ByteRate {
    /// Creates a limit in bytes a second.
    pub(crate) fn new(bytes_a_second: u64) -> Self {
        Self {
            bytes_a_second,
            passed_at: Arc::new(Mutex::new(before(Instant::now()))),
        }
    }

    /// Waits until this many more bytes may pass.
    pub(crate) async fn pass(&self, bytes: usize) {
        sleep_until(self.due(Instant::now(), bytes)).await;
    }

    fn due(&self, now: Instant, bytes: usize) -> Instant {
        let takes = Duration::from_micros(bytes as u64 * 1_000_000 / self.bytes_a_second);
        let mut passed_at = self
            .passed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *passed_at = (*passed_at).max(before(now)) + takes;
        *passed_at
    }
}

fn before(now: Instant) -> Instant {
    now.checked_sub(BURST_TIME).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_at_once_and_a_steady_stream_keeps_the_rate() {
        let byte_rate = ByteRate::new(1_000);
        let now = Instant::now();
        assert!(byte_rate.due(now, 500) <= now);
        assert!(byte_rate.due(now, 500) <= now);
        assert!(byte_rate.due(now, 250) > now);
        let others = byte_rate.clone();
        let due = others.due(now, 750);
        assert!(due >= now + Duration::from_millis(999), "{:?}", due - now);
        // Nobody saves up more than one burst.
        let later = now + Duration::from_secs(60);
        assert!(byte_rate.due(later, 1_000) <= later);
        assert!(byte_rate.due(later, 1) > later);
    }
}

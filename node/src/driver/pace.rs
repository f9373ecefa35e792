//! How fast something may go: so many bytes a second, and a little more at a time.
//!
//! Not here: what goes (`circuits`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How much of what nobody has used is made up for: a burst takes no longer than its line does.
const BURST_TIME: Duration = Duration::from_secs(1);

/// A rate that several share.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    bytes_a_second: u64,
    /// When all that was let pass would have passed, at this rate.
    passed_at: Arc<Mutex<Instant>>,
}

impl Pace {
    /// So many bytes a second.
    pub(super) fn new(bytes_a_second: u64) -> Self {
        Self {
            bytes_a_second,
            passed_at: Arc::new(Mutex::new(before(Instant::now()))),
        }
    }

    /// Waits until so many bytes more may pass.
    pub(super) async fn pass(&self, bytes: usize) {
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
    fn a_burst_passes_at_once_and_what_goes_on_keeps_the_pace() {
        let pace = Pace::new(1_000);
        let now = Instant::now();
        assert!(pace.due(now, 500) <= now);
        assert!(pace.due(now, 500) <= now);
        assert!(pace.due(now, 250) > now);
        let others = pace.clone();
        let due = others.due(now, 750);
        assert!(due >= now + Duration::from_millis(999), "{:?}", due - now);
        // Nobody saves more than one burst.
        let later = now + Duration::from_secs(60);
        assert!(pace.due(later, 1_000) <= later);
        assert!(pace.due(later, 1) > later);
    }
}

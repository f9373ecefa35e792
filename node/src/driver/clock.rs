//! Time: the system's clocks in the form that the core needs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ringtalk_proto::Time;
use tokio::time::Instant;

/// A monotonic clock, which begins when it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts a clock.
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Returns the time by this clock.
    pub(crate) fn now(&self) -> Time {
        let micros = self.start.elapsed().as_micros();
        Time::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Returns when this clock will show `time`, at most a year after its start: any system clock gets that far.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        const FAR: Duration = Duration::from_secs(86_400 * 365);
        self.start + Duration::from_micros(time.as_micros()).min(FAR)
    }
}

/// Returns the milliseconds since 1970 by the system's calendar, which may jump.
pub(crate) fn wall_clock_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// One moment by both clocks. It is read once for many events, because reading costs more than most events do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// By the clock that never jumps.
    pub(super) at: std::time::Instant,
    /// By the calendar, in milliseconds since 1970.
    pub(super) wall_ms: u64,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self {
            at: std::time::Instant::now(),
            wall_ms: wall_clock_ms(),
        }
    }
}

//! Diagnostics on stderr, at a bounded rate. Anyone who can make a director log one line can make it log millions,
//! and fill the disk that keeps them.
//!
//! Not here: which lines there are, and the filter (`--log`).

use std::io::{self, Stderr, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// The most lines in a period. It is more than a person reads, and at most 2 GB a day.
const LINES: u32 = 100;
const PERIOD: Duration = Duration::from_secs(1);

/// A writer to stderr that drops lines above the rate. Clones share the count.
#[derive(Clone, Debug)]
pub(crate) struct RateLimitedStderr(Arc<Mutex<LineRate>>);

#[derive(Debug)]
struct LineRate {
    since: Instant,
    written: u32,
    dropped: u64,
}

/// The destination of one line.
#[derive(Debug)]
pub(crate) enum LineSink {
    /// To stderr.
    Written(Stderr),
    /// Nowhere.
    Dropped,
}

impl RateLimitedStderr {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(LineRate::new(Instant::now()))))
    }
}

impl LineRate {
    const fn new(since: Instant) -> Self {
        Self {
            since,
            written: 0,
            dropped: 0,
        }
    }

    /// Returns whether one more line may be written, and how many were dropped in a period that has just ended.
    fn allow(&mut self, now: Instant) -> (bool, u64) {
        let mut dropped = 0;
        if now.saturating_duration_since(self.since) >= PERIOD {
            dropped = self.dropped;
            *self = Self::new(now);
        }
        let is_allowed = self.written < LINES;
        if is_allowed {
            self.written += 1;
        } else {
            self.dropped += 1;
        }
        (is_allowed, dropped)
    }
}

impl MakeWriter<'_> for RateLimitedStderr {
    type Writer = LineSink;

    fn make_writer(&self) -> LineSink {
        // Poisoning is ignored: every change of the rate is complete before anything could panic.
        let mut rate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_allowed, dropped) = rate.allow(Instant::now());
        drop(rate);
        let mut stderr = io::stderr();
        if dropped > 0 {
            let _ = writeln!(
                stderr,
                "director: left out {dropped} log lines: too many at once"
            );
        }
        if is_allowed {
            LineSink::Written(stderr)
        } else {
            LineSink::Dropped
        }
    }
}

impl Write for LineSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Written(stderr) => stderr.write(bytes),
            Self::Dropped => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Written(stderr) => stderr.flush(),
            Self::Dropped => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_above_the_rate_are_counted_and_dropped() {
        let start = Instant::now();
        let mut rate = LineRate::new(start);
        let written = (0..10 * LINES).filter(|_| rate.allow(start).0).count();
        assert_eq!(written, LINES as usize);
        assert_eq!(rate.allow(start + PERIOD), (true, u64::from(9 * LINES)));
        assert_eq!(rate.allow(start + PERIOD * 2), (true, 0));
    }
}

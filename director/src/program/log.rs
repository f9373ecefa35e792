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
pub(crate) struct Paced(Arc<Mutex<Pace>>);

#[derive(Debug)]
struct Pace {
    since: Instant,
    written: u32,
    left_out: u64,
}

/// The destination of one line.
#[derive(Debug)]
pub(crate) enum Line {
    /// To stderr.
    Written(Stderr),
    /// Nowhere.
    LeftOut,
}

impl Paced {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Pace::new(Instant::now()))))
    }
}

impl Pace {
    const fn new(since: Instant) -> Self {
        Self {
            since,
            written: 0,
            left_out: 0,
        }
    }

    /// Returns whether one more line may be written, and how many were dropped in a period that has just ended.
    fn admit(&mut self, now: Instant) -> (bool, u64) {
        let mut left_out = 0;
        if now.saturating_duration_since(self.since) >= PERIOD {
            left_out = self.left_out;
            *self = Self::new(now);
        }
        let is_admitted = self.written < LINES;
        if is_admitted {
            self.written += 1;
        } else {
            self.left_out += 1;
        }
        (is_admitted, left_out)
    }
}

impl MakeWriter<'_> for Paced {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        // Poisoning is ignored: every change of the pace is complete before anything could panic.
        let mut pace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_admitted, left_out) = pace.admit(Instant::now());
        drop(pace);
        let mut stderr = io::stderr();
        if left_out > 0 {
            let _ = writeln!(
                stderr,
                "director: {left_out} lines were left out of the log"
            );
        }
        if is_admitted {
            Line::Written(stderr)
        } else {
            Line::LeftOut
        }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Written(stderr) => stderr.write(bytes),
            Self::LeftOut => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Written(stderr) => stderr.flush(),
            Self::LeftOut => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_lines_are_counted_and_not_written() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let written = (0..10 * LINES).filter(|_| pace.admit(start).0).count();
        assert_eq!(written, LINES as usize);
        assert_eq!(pace.admit(start + PERIOD), (true, u64::from(9 * LINES)));
        assert_eq!(pace.admit(start + PERIOD * 2), (true, 0));
    }
}

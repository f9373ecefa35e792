//! The signals that ask this process to end.
//!
//! Not here: what follows from them (`driver`).

use std::{fs, io};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that may ask this process to end.
#[derive(Debug)]
pub(super) struct ShutdownSignals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` if the parent wants hang-ups to be ignored, as `nohup` does.
    hang_up: Option<Signal>,
}

/// A signal that asks this process to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ShutdownSignal {
    /// A user pressed Ctrl+C, and may press it again.
    Interrupt,
    /// Any other signal.
    Terminate,
}

impl ShutdownSignals {
    pub(super) fn new() -> io::Result<Self> {
        let hang_up = SignalKind::hangup();
        let is_ignored = is_ignored(hang_up);
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: (!is_ignored).then(|| signal(hang_up)).transpose()?,
        })
    }

    /// Waits for a signal.
    pub(super) async fn wait(&mut self) -> ShutdownSignal {
        let hang_up = async {
            match &mut self.hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => ShutdownSignal::Interrupt,
            _ = self.terminate.recv() => ShutdownSignal::Terminate,
            _ = hang_up => ShutdownSignal::Terminate,
        }
    }
}

/// Returns true if this process was started so that it ignores a signal. Listening for such a signal would end that.
fn is_ignored(kind: SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores(&status, kind.as_raw_value())
}

fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_systems_account() {
        let status = "Name:\tnode\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n";
        assert!(ignores(status, 1) && ignores(status, 13));
        assert!(!ignores(status, 2) && !ignores("", 1));
    }
}

//! Waiting for what processes do: a condition, a deadline, and a message that helps.
//!
//! Whoever learns something new calls [`beat`]; whoever waits looks again after every beat. So a
//! test goes on the moment it can, and nothing here sleeps for a guessed while.

use std::fmt::Display;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

static BEATS: Mutex<u64> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

/// How often to look at what tells nobody when it changes.
const POLL: Duration = Duration::from_millis(50);

/// Something that can say what it saw, when a test fails.
pub trait Witness {
    /// The end of its events and of its stderr.
    fn account(&self) -> String;
}

/// Says that something changed.
pub fn beat() {
    *beats() += 1;
    CHANGED.notify_all();
}

/// Awaits `condition`, looking again whenever a process did something.
///
/// `condition` gives `Err` with the reason for as long as it does not hold. At the deadline the
/// panic says what was awaited, the last reason, and the account of each witness.
#[track_caller]
pub fn until<T, E: Display>(
    what: &str,
    within: Duration,
    witnesses: &[&dyn Witness],
    mut condition: impl FnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        let beat = *beats();
        match condition() {
            Ok(value) => return value,
            Err(reason) if Instant::now() >= deadline => fail(what, within, &reason, witnesses),
            Err(_) => wait_beyond(beat, deadline),
        }
    }
}

/// Awaits `condition` of something that tells nobody when it changes, such as a file in `/proc` or
/// an answer of the director.
#[track_caller]
pub fn poll<T, E: Display>(
    what: &str,
    within: Duration,
    witnesses: &[&dyn Witness],
    mut condition: impl FnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        match condition() {
            Ok(value) => return value,
            Err(reason) if Instant::now() >= deadline => fail(what, within, &reason, witnesses),
            // Waits a moment: what is polled here announces nothing.
            Err(_) => std::thread::sleep(POLL),
        }
    }
}

#[track_caller]
fn fail(what: &str, within: Duration, reason: &dyn Display, witnesses: &[&dyn Witness]) -> ! {
    let accounts: Vec<String> = witnesses.iter().map(|witness| witness.account()).collect();
    panic!(
        "awaited for {within:?}: {what}\n  last seen: {reason}\n{}",
        accounts.join("\n")
    )
}

fn beats() -> MutexGuard<'static, u64> {
    BEATS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns once the count of beats is no longer `beat`, or at the deadline.
fn wait_beyond(beat: u64, deadline: Instant) {
    let remaining = deadline.saturating_duration_since(Instant::now());
    drop(
        CHANGED
            .wait_timeout_while(beats(), remaining, |beats| *beats == beat)
            .unwrap_or_else(PoisonError::into_inner),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_wakes_who_waits() {
        let flag = Mutex::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                *flag.lock().unwrap() = true;
                beat();
            });
            until("the flag", Duration::from_secs(5), &[], || {
                flag.lock().unwrap().then_some(()).ok_or("still down")
            });
        });
    }

    #[test]
    #[should_panic(expected = "last seen: never")]
    fn the_deadline_names_the_reason() {
        until("the end", Duration::from_millis(20), &[], || {
            Err::<(), _>("never")
        });
    }
}

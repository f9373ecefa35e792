//! Waits for conditions on processes, with a deadline and a failure message that says what was seen.
//!
//! A reader thread that receives something calls [`notify`]; a waiting test then checks its condition. So a test
//! continues as soon as it can, and nothing here sleeps for a guessed time.

use std::fmt::Display;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

static CHANGES: Mutex<u64> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

/// The interval at which conditions are checked that nothing announces.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Something whose state is printed when a test fails.
pub trait Witness {
    /// Describes it: the last of its events and of its stderr.
    fn describe(&self) -> String;
}

/// Wakes all waiting tests: something has changed.
pub fn notify() {
    *changes() += 1;
    CHANGED.notify_all();
}

/// Waits for `condition`, and checks it whenever a process has done something.
///
/// `condition` returns `Err` with the reason for as long as it does not hold. The panic at the deadline shows what
/// was awaited, the last reason, and the description of each witness.
#[track_caller]
pub fn until<T, E: Display>(
    what: &str,
    within: Duration,
    witnesses: &[&dyn Witness],
    mut condition: impl FnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        let change = *changes();
        match condition() {
            Ok(value) => return value,
            Err(reason) if Instant::now() >= deadline => fail(what, within, &reason, witnesses),
            Err(_) => wait_for_change(change, deadline),
        }
    }
}

/// Waits for a `condition` that nothing announces, such as one on a file in `/proc` or on an answer of the
/// director.
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
            Err(_) => sleep("what is polled announces nothing", POLL_INTERVAL),
        }
    }
}

/// Sleeps. The only sleep in these tests: `reason` says why there is no event to wait for instead.
#[expect(
    clippy::disallowed_methods,
    reason = "every other sleep calls this one"
)]
pub fn sleep(_reason: &str, time: Duration) {
    std::thread::sleep(time);
}

#[track_caller]
fn fail(what: &str, within: Duration, reason: &dyn Display, witnesses: &[&dyn Witness]) -> ! {
    let descriptions: Vec<String> = witnesses.iter().map(|witness| witness.describe()).collect();
    panic!(
        "awaited for {within:?}: {what}\n  last seen: {reason}\n{}",
        descriptions.join("\n")
    )
}

fn changes() -> MutexGuard<'static, u64> {
    CHANGES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns as soon as the count of changes is no longer `change`, or at the deadline.
fn wait_for_change(change: u64, deadline: Instant) {
    let remaining = deadline.saturating_duration_since(Instant::now());
    drop(
        CHANGED
            .wait_timeout_while(changes(), remaining, |changes| *changes == change)
            .unwrap_or_else(PoisonError::into_inner),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_wakes_a_waiting_test() {
        let flag = Mutex::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                *flag.lock().unwrap() = true;
                notify();
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

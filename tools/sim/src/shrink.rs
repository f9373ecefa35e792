//! Shrinking: it takes faults out of a failing schedule while the schedule still violates the same invariant.
//!
//! It takes out many at once at first, then fewer, then one by one, as long as that helps and a budget lasts.

use crate::runner::{Failure, run};
use crate::scenario::Scenario;
use crate::schedule::{Fault, Schedule};

/// How many runs one failure is worth.
const TRIALS: usize = 400;

/// Returns the smallest schedule found that violates the same invariant; `None` if the schedule as recorded does
/// not violate it.
pub fn shrink(failure: &Failure) -> Option<Schedule> {
    let schedule = failure.schedule.clone()?;
    let fails = |schedule: &Schedule| {
        let scenario = Scenario::scheduled("shrunk", schedule.clone());
        let result = run(&scenario, failure.seed, failure.options);
        result.is_err_and(|found| found.invariant == failure.invariant)
    };
    if !fails(&schedule) {
        return None;
    }
    let mut budget = TRIALS;
    let faults = fewest(schedule.faults.clone(), |faults| {
        budget = budget.saturating_sub(1);
        let smaller = Schedule {
            faults: faults.to_vec(),
            ..schedule.clone()
        };
        budget > 0 && fails(&smaller)
    });
    Some(Schedule { faults, ..schedule })
}

/// Takes out pieces, halves at first, as long as the rest still fails.
fn fewest(mut faults: Vec<Fault>, mut fails: impl FnMut(&[Fault]) -> bool) -> Vec<Fault> {
    let mut piece = faults.len().div_ceil(2);
    while piece > 0 {
        let mut start = 0;
        let mut helped = false;
        while start < faults.len() {
            let end = (start + piece).min(faults.len());
            let mut fewer = faults.clone();
            fewer.drain(start..end);
            if fails(&fewer) {
                faults = fewer;
                helped = true;
            } else {
                start = end;
            }
        }
        if !(helped && piece == 1) {
            piece /= 2;
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::schedule::{Action, Target};

    #[test]
    fn only_the_needed_faults_are_left() {
        let fault = |node| Fault {
            at: Duration::ZERO,
            action: Action::Kill {
                node: Target::Node(node),
            },
        };
        let needed = [fault(3), fault(17)];
        let all: Vec<Fault> = (0..40).map(fault).collect();
        let mut trials = 0;
        let left = fewest(all, |faults| {
            trials += 1;
            needed.iter().all(|fault| faults.contains(fault))
        });
        assert_eq!(left, needed);
        assert!(trials < 100, "{trials}");
    }
}

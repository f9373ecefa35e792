//! The search: every list of choices within the bounds, depth first. The result does not depend on the number of
//! threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::choice::{Choice, Choices, Strike};
use super::findings::{Finding, Findings};
use super::subject::Subject;
use super::trial::{self, TrialResult};
use crate::world::{Options, Step};

/// The space of a search, and its depth.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// The process that is disturbed.
    pub subject: Subject,
    /// How many nodes there are: 3 to 6.
    pub nodes: u64,
    /// The seed of their ids and starting times.
    pub seed: u64,
    /// How many nodes die at most.
    pub failures: usize,
    /// How many links break or are held at most.
    pub delays: usize,
    /// The other options of every run.
    pub options: Options,
}

impl Search {
    /// Runs every list of choices within the bounds, on `jobs` threads. `done` is told how many of the first
    /// choices are finished, and how many there are.
    pub fn run(&self, jobs: usize, done: impl Fn(usize, usize) + Sync) -> Findings {
        let mut findings = Findings::default();
        let none = Choices::default();
        let first = self.run_one(&none, &mut findings);
        let queue = WorkQueue::new(first);
        let work = || {
            while let Some((number, choices)) = queue.next() {
                let mut found = Findings::default();
                self.search_from(choices, &mut found);
                done(queue.add(number, found), queue.choices.len());
            }
        };
        thread::scope(|scope| {
            for _ in 1..jobs.max(1) {
                scope.spawn(work);
            }
            work();
        });
        queue.into_findings().for_each(|part| findings.add(part));
        findings
    }

    /// Runs one list of choices, and returns the hash of its trace, which is equal for equal runs.
    ///
    /// # Errors
    ///
    /// If an invariant is violated, or a choice names a step that does not exist.
    pub fn repeat(&self, choices: &Choices) -> Result<u64, Box<Finding>> {
        let finding = |violation| Box::new(Finding::new(*self, choices.clone(), violation));
        trial::run(self, choices)
            .map(|result| result.trace)
            .map_err(finding)
    }

    /// Runs a list of choices, and all lists that begin with it.
    fn search_from(&self, choices: &Choices, findings: &mut Findings) {
        for longer in self.run_one(choices, findings) {
            self.search_from(&longer, findings);
        }
    }

    /// Runs a list of choices, and returns the lists with one choice more; none if it has violated an invariant.
    fn run_one(&self, choices: &Choices, findings: &mut Findings) -> Vec<Choices> {
        match trial::run(self, choices) {
            Ok(TrialResult {
                steps, trace, took, ..
            }) => {
                findings.passed(choices, trace, took);
                self.longer(choices, &steps, findings)
            }
            Err(violation) => {
                findings.violated(Finding::new(*self, choices.clone(), violation));
                Vec::new()
            }
        }
    }

    fn longer(&self, choices: &Choices, steps: &[Step], findings: &mut Findings) -> Vec<Choices> {
        let strikes = self.remaining_strikes(choices);
        if strikes.is_empty() {
            return Vec::new();
        }
        let mut longer = Vec::new();
        for (step, what) in steps.iter().enumerate().skip(choices.next_step()) {
            findings.points += 1;
            for &strike in &strikes {
                if strike == Strike::Vanish && !what.sign_of_life {
                    findings.skipped += 1;
                } else if what.frame.is_some() || !strike.needs_frame() {
                    longer.push(choices.and(Choice { step, strike }));
                }
            }
        }
        longer
    }

    /// Returns what may still strike.
    fn remaining_strikes(&self, choices: &Choices) -> Vec<Strike> {
        let delays = choices.iter().filter(|choice| choice.strike.needs_frame());
        let delays = delays.count();
        let failures = choices.len() - delays;
        let fits = |strike: &Strike| {
            if strike.needs_frame() {
                delays < self.delays
            } else {
                failures < self.failures
            }
        };
        Strike::ALL.into_iter().filter(fits).collect()
    }
}

/// The first choices, each with everything that follows it, shared by the threads.
struct WorkQueue {
    choices: Vec<Choices>,
    next: AtomicUsize,
    findings: Mutex<Vec<Option<Findings>>>,
}

impl WorkQueue {
    fn new(choices: Vec<Choices>) -> Self {
        Self {
            next: AtomicUsize::new(0),
            findings: Mutex::new(choices.iter().map(|_| None).collect()),
            choices,
        }
    }

    /// Takes the next part, unless all are taken.
    fn next(&self) -> Option<(usize, &Choices)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Some((number, self.choices.get(number)?))
    }

    /// Stores the result of a part, and returns how many parts are finished.
    fn add(&self, number: usize, found: Findings) -> usize {
        // A panic inside a run was caught there, so the lock is never poisoned.
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        findings[number] = Some(found);
        findings.iter().flatten().count()
    }

    /// Returns the results of all parts, in their order.
    fn into_findings(self) -> impl Iterator<Item = Findings> {
        let findings = self.findings.into_inner();
        let findings = findings.unwrap_or_else(PoisonError::into_inner);
        findings.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_proto::PlantedBug;

    use super::*;
    use crate::oracle::Violation;

    fn search(subject: Subject, nodes: u64, failures: usize, delays: usize) -> Search {
        Search {
            subject,
            nodes,
            seed: 0,
            failures,
            delays,
            options: Options::default(),
        }
    }

    fn violations_of(bug: PlantedBug, search: Search) -> Vec<&'static str> {
        let options = Options {
            planted: Some(bug),
            ..search.options
        };
        let findings = Search { options, ..search }.run(2, |_, _| {});
        findings.found.into_keys().collect()
    }

    #[test]
    fn a_search_without_a_planted_bug_finds_nothing() {
        for subject in Subject::ALL {
            let findings = search(subject, 4, 1, 0).run(2, |_, _| {});
            let found: Vec<String> = findings.found.values().map(Finding::to_string).collect();
            assert!(found.is_empty(), "{}", found.join("\n"));
            assert!(findings.runs > 50, "{findings:?}");
        }
    }

    #[test]
    fn planted_bugs_are_found() {
        let election = search(Subject::Election, 4, 1, 0);
        let repair = search(Subject::Repair, 4, 1, 0);
        for (bug, search) in [
            (PlantedBug::ElectById, election),
            (PlantedBug::KeepDeadSuccessor, repair),
            (PlantedBug::CloseOverLive, search(Subject::Join, 4, 1, 0)),
            (
                PlantedBug::WokenCoordinatorGoesOn,
                search(Subject::Merge, 4, 1, 0),
            ),
        ] {
            assert_ne!(violations_of(bug, search), [""; 0], "{bug:?}");
        }
    }

    #[test]
    fn the_same_choices_give_the_same_trace_and_others_another() {
        let join = search(Subject::Join, 4, 0, 0);
        let trace = |choices: &str| {
            let choices = choices.parse().expect("it is a list of choices");
            join.repeat(&choices).expect("nothing is violated")
        };
        let steps = trial::run(&join, &Choices::default()).expect("nothing is violated");
        let steps = steps.steps.iter().enumerate();
        let mut frames = steps.filter(|(_, step)| step.frame.is_some() && step.sign_of_life);
        let (late, _) = frames.next().expect("a newcomer is sent something");
        let (dead, _) = frames.nth(2).expect("and more");
        let choices = |strike| format!("{late}:delay,{dead}:{strike}");
        assert_eq!(trace(&choices("kill")), trace(&choices("kill")));
        assert_ne!(trace(&choices("kill")), trace(&choices("vanish")));
        assert_ne!(trace(&choices("kill")), trace(""));
    }

    #[test]
    fn a_choice_that_cannot_strike_is_an_error() {
        let join = search(Subject::Join, 4, 0, 0);
        for choices in ["100000:kill", "0:reset"] {
            let choices = choices.parse().expect("it is a list of choices");
            let finding = join.repeat(&choices).expect_err("there is no such step");
            assert_eq!(finding.invariant, "choices");
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let lines = |jobs| {
            let findings = search(Subject::Election, 3, 1, 1).run(jobs, |_, _| {});
            let Findings {
                runs,
                points,
                skipped,
                ref longest,
                ..
            } = findings;
            format!(
                "{runs} {} {points} {skipped} {longest:?}",
                findings.distinct()
            )
        };
        assert_eq!(lines(1), lines(3));
    }

    #[test]
    fn a_finding_names_the_command_that_repeats_it() {
        let choices = "12:kill,40:vanish"
            .parse()
            .expect("it is a list of choices");
        let violation = Violation {
            invariant: "E1",
            what: "planted".into(),
        };
        let text = Finding::new(search(Subject::Join, 4, 2, 0), choices, violation).to_string();
        assert!(text.contains("E1 is violated: planted"), "{text}");
        let end = "-- explore --subject join --nodes 4 --choices '12:kill,40:vanish' --trace";
        assert!(text.ends_with(end), "{text}");
    }
}

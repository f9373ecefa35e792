//! The runner: it runs a scenario under many seeds, on several threads, and tells how to repeat the runs that fail.
//! The result does not depend on the number of threads.

use core::fmt;
use core::ops::Range;
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::figures::Figures;
use crate::mutants;
use crate::oracle::Violation;
use crate::scenario::Scenario;
use crate::schedule::Schedule;
use crate::world::{FaultRecord, Options, World};

/// How many failed seeds a report shows.
const SHOWN: usize = 8;

/// A run that went wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The scenario's name.
    pub scenario: String,
    /// The seed under which it failed.
    pub seed: u64,
    /// The invariant that was violated: its id in `DESIGN.md`, or a word of our own.
    pub invariant: &'static str,
    /// The violation, and its node.
    pub what: String,
    /// The options of the run.
    pub options: Options,
    /// The schedule of faults, if chance or a file decided it.
    pub schedule: Option<Schedule>,
}

/// The result of some seeds.
#[derive(Clone, Debug, Default)]
pub struct RunReport {
    /// The figures of the runs that went well, together.
    pub figures: Figures,
    /// How many seeds were run.
    pub seeds: u64,
    /// The runs that failed, in the order of their seeds.
    pub failures: Vec<Failure>,
}

impl RunReport {
    /// Panics with everything that failed, and the commands that repeat it.
    ///
    /// # Panics
    ///
    /// If anything failed: this is for tests.
    pub fn must_be_clean(&self) {
        let shown: Vec<String> = self
            .failures
            .iter()
            .take(SHOWN)
            .map(Failure::to_string)
            .collect();
        assert!(
            shown.is_empty(),
            "{} of {} seeds failed\n{}\n",
            self.failures.len(),
            self.seeds,
            shown.join("\n")
        );
    }

    fn add(&mut self, result: Result<Figures, Box<Failure>>) {
        self.seeds += 1;
        match result {
            Ok(figures) => self.figures.add(&figures),
            Err(failure) => self.failures.push(*failure),
        }
    }
}

impl Failure {
    /// Returns the options beside scenario and seeds, as they are typed, with a blank before each.
    pub fn arguments(&self) -> String {
        let mut arguments = String::new();
        if let Some(nodes) = self.options.nodes {
            arguments.push_str(" --nodes ");
            arguments.push_str(&nodes.to_string());
        }
        if let Some(bug) = self.options.planted {
            arguments.push_str(" --planted ");
            arguments.push_str(&mutants::name(bug));
        }
        if self.options.in_room {
            arguments.push_str(" --in-room");
        }
        if self.options.rooms {
            arguments.push_str(" --rooms");
        }
        arguments
    }
}

/// Writes what happened, and below it the command that shows every step of it.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scenario,
            seed,
            invariant,
            what,
            ..
        } = self;
        writeln!(f, "seed {seed}: {invariant} is violated: {what}")?;
        let arguments = self.arguments();
        let next = seed + 1;
        write!(
            f,
            "repeat it with: cargo run --release -p ringtalk-sim -- run --scenario {scenario}{arguments} --seeds {seed}..{next} --trace"
        )
    }
}

/// Runs a scenario under each of the seeds, on `jobs` threads. `done` is given the report after every finished
/// seed, and returns whether to go on.
pub fn run_seeds(
    scenario: &Scenario,
    seeds: Range<u64>,
    options: Options,
    jobs: usize,
    done: impl Fn(&RunReport) -> bool + Sync,
) -> RunReport {
    let next = AtomicU64::new(seeds.start);
    let results = Mutex::new(OrderedResults::new(seeds.start));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let result = run(scenario, seed, options);
            // A panic inside a run was caught there, so the lock is never poisoned.
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            results.add(seed, result);
            if !done(&results.report) {
                next.store(seeds.end, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..jobs.max(1) {
            scope.spawn(work);
        }
        work();
    });
    let results = results.into_inner();
    results.unwrap_or_else(PoisonError::into_inner).report
}

/// The results so far. They are added in the order of the seeds, whichever run ends first.
struct OrderedResults {
    report: RunReport,
    next: u64,
    early: BTreeMap<u64, Result<Figures, Box<Failure>>>,
}

impl OrderedResults {
    fn new(first: u64) -> Self {
        Self {
            report: RunReport::default(),
            next: first,
            early: BTreeMap::new(),
        }
    }

    fn add(&mut self, seed: u64, result: Result<Figures, Box<Failure>>) {
        self.early.insert(seed, result);
        while let Some(result) = self.early.remove(&self.next) {
            self.report.add(result);
            self.next += 1;
        }
    }
}

/// Runs a scenario once, and returns its figures or what went wrong.
pub(crate) fn run(
    scenario: &Scenario,
    seed: u64,
    options: Options,
) -> Result<Figures, Box<Failure>> {
    let record = FaultRecord::default();
    let failure = |invariant, what| Failure {
        scenario: scenario.name().to_owned(),
        seed,
        invariant,
        what,
        options,
        schedule: record
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone(),
    };
    let run = || {
        let mut world = World::new(seed, options, record.clone());
        let check = scenario.play(&mut world);
        check.map(|()| world.into_figures())
    };
    catch_panic(run).map_err(|violation| Box::new(failure(violation.invariant, violation.what)))
}

/// Returns the result of a run; a panic in it is a violation too.
pub(crate) fn catch_panic<T>(run: impl FnOnce() -> Result<T, Violation>) -> Result<T, Violation> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Violation::of("panic", panic_text(panic.as_ref())))
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("(no panic message)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(seeds: Range<u64>, jobs: usize) -> u64 {
        let scenario = Scenario::named("random_faults").expect("it is in the list");
        let report = run_seeds(&scenario, seeds, Options::default(), jobs, |_| true);
        report.must_be_clean();
        report.figures.trace
    }

    #[test]
    fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
        assert_eq!(trace(1..2, 1), trace(1..2, 1));
        assert_eq!(trace(2..3, 1), trace(2..3, 1));
        assert_ne!(trace(1..2, 1), trace(2..3, 1));
    }

    #[test]
    fn a_recorded_schedule_gives_the_same_run() {
        let play = |scenario: &Scenario, rooms| {
            let record = FaultRecord::default();
            let options = Options {
                rooms,
                ..Options::default()
            };
            let mut world = World::new(4, options, record.clone());
            scenario.play(&mut world).expect("nothing is wrong");
            let schedule = record.lock().expect("nobody panicked").clone();
            (world.into_figures(), schedule.expect("it was recorded"))
        };
        let by_chance = Scenario::named("random_faults").expect("it is in the list");
        for rooms in [false, true] {
            let (figures, schedule) = play(&by_chance, rooms);
            let text = schedule.to_toml();
            let read = Schedule::from_toml(&text).expect("what was written can be read");
            let (again, _) = play(&Scenario::scheduled("again", read), false);
            assert!(figures.effective_faults() > 0);
            assert_eq!(figures.faults.contains_key("create room"), rooms);
            assert_eq!(again, figures);
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        assert_eq!(trace(3..7, 1), trace(3..7, 3));
    }

    #[test]
    fn a_failure_names_the_command_that_repeats_it() {
        let failure = Failure {
            scenario: "random_faults".into(),
            seed: 7,
            invariant: "C1",
            what: "planted".into(),
            options: Options {
                nodes: Some(5),
                in_room: true,
                ..Options::default()
            },
            schedule: None,
        };
        let text = failure.to_string();
        assert!(text.contains("C1 is violated: planted"), "{text}");
        assert!(
            text.ends_with("--scenario random_faults --nodes 5 --in-room --seeds 7..8 --trace"),
            "{text}"
        );
    }
}

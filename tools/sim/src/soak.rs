//! A soak: batches of seeds whose totals are kept, so that it can be stopped and resumed.
//!
//! The totals belong to one version of the protocol: its number, and the trace of seed 0. If that trace differs,
//! the core or the simulator behaves differently, and old totals say nothing about it. Not here: the file (the
//! command line).

use serde::{Deserialize, Serialize};

use crate::figures::Figures;
use crate::runner::{Failure, Report, run_seeds};
use crate::scenario::Scenario;
use crate::world::Options;

/// The scenario that is soaked.
const SCENARIO: &str = "random_faults";

/// The totals so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Soak {
    /// The version number of the protocol.
    pub protocol: u16,
    /// The trace of seed 0, in hexadecimal digits.
    pub trace_of_seed_0: String,
    /// How many seeds were run, from 0 on; the next batch begins here.
    pub seeds: u64,
    /// How many of them failed.
    pub failed: u64,
    /// How many faults took effect.
    pub effective_faults: u64,
    /// The first failures, with the commands that repeat them.
    #[serde(default)]
    pub failures: Vec<String>,
    /// The figures of all seeds together.
    pub figures: Figures,
}

/// How many failures are kept as text.
const SHOWN: usize = 20;

impl Soak {
    /// Creates empty totals for this program.
    ///
    /// # Errors
    ///
    /// If seed 0 fails.
    pub fn new() -> Result<Self, Box<Failure>> {
        let report = run(0..1, 1, |_| true);
        match report.failures.into_iter().next() {
            Some(failure) => Err(Box::new(failure)),
            None => Ok(Self {
                protocol: ringtalk_wire::VERSION,
                trace_of_seed_0: format!("{:016x}", report.figures.trace),
                ..Self::default()
            }),
        }
    }

    /// Returns true if the totals of both may be added up.
    pub fn is_of_the_same_version(&self, other: &Self) -> bool {
        self.protocol == other.protocol && self.trace_of_seed_0 == other.trace_of_seed_0
    }

    /// Runs the next batch of seeds, and adds it.
    pub fn run_batch(&mut self, seeds: u64, jobs: usize, show: impl Fn(&Report) + Sync) {
        let end = self.seeds.saturating_add(seeds);
        let report = run(self.seeds..end, jobs, |report| {
            show(report);
            true
        });
        self.seeds = end;
        self.failed += report.failures.len() as u64;
        let room = SHOWN.saturating_sub(self.failures.len());
        let shown = report.failures.iter().take(room).map(Failure::to_string);
        self.failures.extend(shown);
        self.figures.add(&report.figures);
        self.effective_faults = self.figures.effective_faults();
    }
}

/// Runs the scenario under these seeds.
///
/// # Panics
///
/// Never: the scenario is in the list.
fn run(seeds: core::ops::Range<u64>, jobs: usize, done: impl Fn(&Report) -> bool + Sync) -> Report {
    let scenario = Scenario::named(SCENARIO).expect("random faults are in the list");
    run_seeds(&scenario, seeds, Options::default(), jobs, done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_batches_are_as_good_as_one_and_a_file_between_changes_nothing() {
        let mut whole = Soak::new().expect("seed 0 is sound");
        let mut parts = whole.clone();
        whole.run_batch(4, 1, |_| ());
        parts.run_batch(1, 1, |_| ());
        let text = toml::to_string(&parts).expect("totals can be written");
        let mut parts: Soak = toml::from_str(&text).expect("and read");
        assert!(parts.is_of_the_same_version(&whole));
        parts.run_batch(3, 2, |_| ());
        let kept = |mut soak: Soak| {
            soak.figures.trace = 0;
            toml::to_string(&soak).expect("totals can be written")
        };
        assert_eq!(kept(parts), kept(whole));
    }
}

//! Soaks: batches of fresh seeds, and an account of what was run.
//!
//! The account belongs to one version of the protocol: its number, and the trace of seed 0. If that trace differs,
//! the core or the simulator behaves differently, and old soaks say nothing about it. Each soak begins at the first
//! seed that no earlier one has run, and has counts and percentiles of its own. Not here: the file (the command
//! line).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::figures::{Figures, Peaks};
use crate::runner::{Failure, RunReport, run_seeds};
use crate::scenario::Scenario;
use crate::times::Percentiles;
use crate::world::Options;

/// The scenario that is soaked.
const SCENARIO: &str = "random_faults";

/// How many failures are kept as text.
const SHOWN: usize = 20;

/// All soaks of one version of the protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Account {
    /// The version number of the protocol.
    pub protocol: u16,
    /// The trace of seed 0, in hexadecimal digits.
    pub trace_of_seed_0: String,
    /// The soaks, the oldest first.
    #[serde(default, rename = "soak")]
    pub soaks: Vec<Summary>,
}

/// The counts and percentiles of one soak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// The first seed.
    pub first_seed: u64,
    /// How many seeds were run.
    pub seeds: u64,
    /// How many of them failed.
    pub failed: u64,
    /// The first failures, with the commands that repeat them.
    #[serde(default)]
    pub failures: Vec<String>,
    /// How many messages were sent.
    #[serde(rename = "said")]
    pub sent: u64,
    /// How many deliveries were checked.
    pub deliveries: u64,
    /// The virtual time of all seeds, in seconds.
    pub virtual_seconds: u64,
    /// How many faults took effect.
    pub effective_faults: u64,
    /// The highest load of each bounded thing.
    pub peaks: Peaks,
    /// How long recovery took, by kind.
    pub times: BTreeMap<String, Percentiles>,
}

/// One soak while it runs.
#[derive(Clone, Debug)]
pub struct Soak {
    first_seed: u64,
    seeds: u64,
    failed: u64,
    failures: Vec<String>,
    figures: Figures,
}

impl Account {
    /// Creates an empty account for this program.
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
                soaks: Vec::new(),
            }),
        }
    }

    /// Returns true if both belong to the same version of the protocol.
    pub fn is_of_the_same_version(&self, other: &Self) -> bool {
        self.protocol == other.protocol && self.trace_of_seed_0 == other.trace_of_seed_0
    }

    /// Returns the first seed that no soak has run.
    pub fn next_seed(&self) -> u64 {
        let ends = self.soaks.iter().map(|soak| soak.first_seed + soak.seeds);
        ends.max().unwrap_or(0)
    }

    /// Returns how many seeds all soaks have run.
    pub fn seeds(&self) -> u64 {
        self.soaks.iter().map(|soak| soak.seeds).sum()
    }
}

impl Soak {
    /// Begins at this seed.
    pub fn new(first_seed: u64) -> Self {
        Self {
            first_seed,
            seeds: 0,
            failed: 0,
            failures: Vec::new(),
            figures: Figures::default(),
        }
    }

    /// Runs the next batch of seeds, and adds it.
    pub fn run_batch(&mut self, seeds: u64, jobs: usize, show: impl Fn(&RunReport) + Sync) {
        let start = self.first_seed + self.seeds;
        let report = run(start..start.saturating_add(seeds), jobs, |report| {
            show(report);
            true
        });
        self.seeds += seeds;
        self.failed += report.failures.len() as u64;
        let room = SHOWN.saturating_sub(self.failures.len());
        let shown = report.failures.iter().take(room).map(Failure::to_string);
        self.failures.extend(shown);
        self.figures.add(&report.figures);
    }

    /// Returns the account of what was run so far.
    pub fn summary(&self) -> Summary {
        let figures = &self.figures;
        let times = figures.spans().into_iter().filter_map(|(name, times)| {
            let percentiles = times.percentiles()?;
            Some((name.to_owned(), percentiles))
        });
        Summary {
            first_seed: self.first_seed,
            seeds: self.seeds,
            failed: self.failed,
            failures: self.failures.clone(),
            sent: figures.sent,
            deliveries: figures.deliveries,
            virtual_seconds: figures.virtual_seconds,
            effective_faults: figures.effective_faults(),
            peaks: figures.peaks,
            times: times.collect(),
        }
    }
}

/// # Panics
///
/// Never: the scenario is in the list.
fn run(
    seeds: core::ops::Range<u64>,
    jobs: usize,
    done: impl Fn(&RunReport) -> bool + Sync,
) -> RunReport {
    let scenario = Scenario::named(SCENARIO).expect("random faults are in the list");
    run_seeds(&scenario, seeds, Options::default(), jobs, done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_batches_equal_one() {
        let (mut whole, mut parts) = (Soak::new(1), Soak::new(1));
        whole.run_batch(4, 1, |_| ());
        parts.run_batch(1, 1, |_| ());
        parts.run_batch(3, 2, |_| ());
        assert_eq!(parts.summary(), whole.summary());
        assert!(whole.summary().times.contains_key("join"));
    }

    #[test]
    fn the_next_soak_begins_where_the_last_one_ended() {
        let mut account = Account::new().expect("seed 0 is sound");
        assert_eq!(account.next_seed(), 0);
        for seeds in [2, 1] {
            let mut soak = Soak::new(account.next_seed());
            soak.run_batch(seeds, 1, |_| ());
            account.soaks.push(soak.summary());
        }
        assert_eq!((account.next_seed(), account.seeds()), (3, 3));
        let text = toml::to_string(&account).expect("an account can be written");
        let read: Account = toml::from_str(&text).expect("and read");
        assert_eq!(read, account);
    }
}

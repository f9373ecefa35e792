//! The result of a search: how much was run, and what was found, with the command that repeats it.

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, HashSet};

use super::{Choices, Search};
use crate::mutants;
use crate::oracle::Violation;

/// A list of choices under which an invariant does not hold.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The search that found it.
    pub search: Search,
    /// The choices that struck.
    pub choices: Choices,
    /// The invariant that was violated: its id in `DESIGN.md`, or a word of our own.
    pub invariant: &'static str,
    /// The violation, and its node.
    pub what: String,
}

/// The result of a search.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// How many lists of choices were run.
    pub runs: u64,
    /// The steps at which something could strike, in all runs that left something to choose.
    pub points: u64,
    /// Choices that were left out, since nobody could have told them from an earlier one.
    pub skipped: u64,
    /// How many runs violated an invariant.
    pub violations: u64,
    /// The longest that a ring took to be whole again, and the choices that had struck it.
    pub longest: (Duration, Choices),
    /// The shortest list of choices for each invariant that was violated.
    pub found: BTreeMap<&'static str, Finding>,
    traces: HashSet<u64>,
}

impl Findings {
    /// Returns how many runs differed from all others.
    pub fn distinct(&self) -> usize {
        self.traces.len()
    }

    /// Records a run that went well.
    pub(super) fn passed(&mut self, choices: &Choices, trace: u64, took: Duration) {
        self.runs += 1;
        self.traces.insert(trace);
        if took > self.longest.0 {
            self.longest = (took, choices.clone());
        }
    }

    /// Records a run that violated an invariant.
    pub(super) fn violated(&mut self, finding: Finding) {
        self.runs += 1;
        self.violations += 1;
        self.keep(finding);
    }

    /// Adds the result of another part of the same search.
    pub(super) fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.points += other.points;
        self.skipped += other.skipped;
        self.violations += other.violations;
        if other.longest.0 > self.longest.0 {
            self.longest = other.longest;
        }
        self.traces.extend(other.traces);
        other.found.into_values().for_each(|one| self.keep(one));
    }

    fn keep(&mut self, finding: Finding) {
        let rank = |finding: &Finding| (finding.choices.len(), finding.choices.clone());
        let known = self.found.get(finding.invariant);
        if known.is_none_or(|known| rank(&finding) < rank(known)) {
            self.found.insert(finding.invariant, finding);
        }
    }
}

impl Finding {
    pub(super) fn new(search: Search, choices: Choices, violation: Violation) -> Self {
        Self {
            search,
            choices,
            invariant: violation.invariant,
            what: violation.what,
        }
    }
}

/// Writes what happened, and below it the command that shows every step of it.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Search {
            subject,
            nodes,
            seed,
            options,
            ..
        } = self.search;
        let (choices, subject) = (&self.choices, subject.name());
        writeln!(f, "{} is violated: {}", self.invariant, self.what)?;
        write!(
            f,
            "repeat it with: cargo run --release -p ringtalk-sim -- explore --subject {subject} --nodes {nodes}"
        )?;
        if seed != 0 {
            write!(f, " --seed {seed}")?;
        }
        if let Some(bug) = options.planted {
            write!(f, " --planted {}", mutants::name(bug))?;
        }
        write!(f, " --choices '{choices}' --trace")
    }
}

//! The oracle: judges what nodes said by the invariants of the design (§4).
//!
//! It takes happened-before from the order of each node's own events (what an author had delivered
//! when it sealed a message) and never from the clocks and heads that nodes claim; those are judged
//! too. C4 is judged against what the harness typed.

mod authority;
mod content;
mod delivery;
mod ledger;
pub mod ring;
mod session;
#[cfg(test)]
mod tests;
mod transcript;

use std::fmt;

use crate::id::NodeId;
use crate::journal::Seen;

/// How many violations a failure shows.
const SHOWN: usize = 20;

/// How much of one violation a failure shows.
const SHOWN_CHARACTERS: usize = 800;

/// One node's part of a run.
#[derive(Clone, Debug)]
pub struct Record {
    /// What failures call it.
    pub label: String,
    /// Its id, once it said so.
    pub id: Option<NodeId>,
    /// The messages typed into it, in order.
    pub typed: Vec<String>,
    /// What it said, in order.
    pub seen: Vec<Seen>,
    /// What it said against the contract.
    pub malformed: Vec<String>,
    /// How it ended.
    pub end: End,
}

/// How a node ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It runs.
    Live,
    /// It exited by itself.
    Left,
    /// It was killed, so that its last events may be missing.
    Killed,
}

/// What holds in a run besides the invariants.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The log keeps everything, so that a newcomer's first message of an author is number 1.
    pub complete_history: bool,
    /// How many messages a node keeps for its transcript.
    pub retention: usize,
    /// There never were two rings, so that an epoch number has one coordinator in all events.
    pub one_ring: bool,
}

/// An invariant or a promise of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// C1: nothing is delivered before what happened before it.
    Causal,
    /// C2: an author's messages are consecutive, but for gaps that were shown.
    Fifo,
    /// C3: nothing is delivered twice.
    Once,
    /// C4: everything delivered was typed, unchanged, at its author.
    NoCreation,
    /// A message has the same id, Lamport time, heads and time stamp everywhere.
    SameMessage,
    /// C7: transcripts are what was delivered, by (Lamport time, author, seq), which agrees with
    /// causality.
    Transcript,
    /// The vector clock is this node's clock right after the delivery.
    Clock,
    /// Heads were delivered before, and stand for everything that happened before.
    Heads,
    /// V1: the same epoch and number mean the same view.
    SameView,
    /// V2 and E3: epochs and view numbers never go down.
    NeverDown,
    /// E1: one coordinator per epoch number.
    OneCoordinator,
    /// R1: successors form one cycle over the view.
    Ring,
    /// `ready` once, after all history; `goodbye` last; nothing but events of the contract.
    Session,
}

/// A promise that was broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which promise.
    pub rule: Rule,
    /// By whom, and how.
    pub detail: String,
}

/// What the checker found.
#[derive(Debug, Default)]
pub struct Report {
    /// Every broken promise.
    pub violations: Vec<Violation>,
    /// How many different messages there were.
    pub messages: usize,
    /// How many deliveries were judged.
    pub deliveries: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            complete_history: true,
            retention: 10_000,
            one_ring: true,
        }
    }
}

impl Report {
    fn blame(&mut self, rule: Rule, detail: String) {
        self.violations.push(Violation { rule, detail });
    }

    /// Panics with the first violations, if there are any.
    ///
    /// # Panics
    ///
    /// Where there is a violation.
    #[track_caller]
    pub fn expect_clean(&self) {
        let shown: Vec<String> = self
            .violations
            .iter()
            .take(SHOWN)
            .map(ToString::to_string)
            .collect();
        assert!(
            shown.is_empty(),
            "{} violations:\n{}",
            self.violations.len(),
            shown.join("\n")
        );
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {:?}: {:.*}", self.rule, SHOWN_CHARACTERS, self.detail)
    }
}

/// Judges a whole run. Take the records when all is at rest.
pub fn check(records: &[Record], rules: &Rules) -> Report {
    let mut report = Report::default();
    let ledger = ledger::Ledger::of(records);
    session::check(records, &mut report);
    content::check(records, &ledger, &mut report);
    delivery::check(records, &ledger, rules, &mut report);
    transcript::check(records, &ledger, rules, &mut report);
    authority::check(records, rules, &mut report);
    report
}

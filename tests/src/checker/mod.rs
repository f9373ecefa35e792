//! The oracle: checks the events of nodes against the invariants (`wire/DESIGN.md`).
//!
//! It takes happened-before from the order of each node's own events (what an author had delivered when it sent a
//! message), and never from the clocks and heads that nodes report: those are checked too. C4 is checked against
//! what the harness typed.

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
use crate::journal::TimedEvent;

/// The number of violations that a failure message shows.
const SHOWN: usize = 20;

/// The number of characters of one violation that a failure message shows.
const SHOWN_CHARACTERS: usize = 800;

/// One node's part of a run.
#[derive(Clone, Debug)]
pub struct Record {
    /// The name of the node in failure messages.
    pub label: String,
    /// Its id, once it has printed it.
    pub id: Option<NodeId>,
    /// The messages typed into it, in order.
    pub typed: Vec<String>,
    /// Its events, in order.
    pub events: Vec<TimedEvent>,
    /// Its lines that are not events of the contract, each with the reason.
    pub malformed: Vec<String>,
    /// How it ended.
    pub end: End,
}

/// How a node ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is running.
    Live,
    /// It exited by itself.
    Left,
    /// It was killed, so its last events may be missing.
    Killed,
}

/// The assumptions that the checker may make about a run.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Nodes keep the whole history, so a newcomer's first message of an author is number 1.
    pub complete_history: bool,
    /// The number of messages that a node keeps for its transcript.
    pub retention: usize,
    /// There was only ever one ring, so an epoch number has one coordinator in all events.
    pub one_ring: bool,
}

/// An invariant or a promise of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// C1: no message is delivered before one that happened before it.
    Causal,
    /// C2: an author's messages are consecutive, except for gaps that were shown.
    Fifo,
    /// C3: no message is delivered twice.
    Once,
    /// C4: every delivered message was typed, unchanged, at its author.
    NoCreation,
    /// A message has the same id, Lamport time, heads and timestamp everywhere.
    SameMessage,
    /// C7: a transcript is what the node delivered, ordered by (Lamport time, author, seq), which agrees with
    /// causality.
    Transcript,
    /// A message's Lamport time follows from those of the messages that its author had delivered.
    Lamport,
    /// The vector clock is the node's clock right after the delivery.
    Clock,
    /// The heads were delivered before the message, and cover everything that happened before it.
    Heads,
    /// V1: the same epoch and number mean the same view.
    SameView,
    /// V2 and E3: epochs and view numbers never go down.
    NeverDown,
    /// A node announces a coordinator only when it changes.
    AnnouncedOnce,
    /// E1: one coordinator per epoch number.
    OneCoordinator,
    /// R1: successors form one cycle over the view.
    Ring,
    /// `ready` comes once, after all history; `goodbye` comes last; nothing but events of the contract is printed.
    Session,
}

/// One broken rule.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// Which node broke it, and how.
    pub detail: String,
}

/// The result of a check.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// All violations.
    pub violations: Vec<Violation>,
    /// The number of distinct messages.
    pub messages: usize,
    /// The number of deliveries that were checked.
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

impl CheckReport {
    fn blame(&mut self, rule: Rule, detail: String) {
        self.violations.push(Violation { rule, detail });
    }

    /// Panics with the first violations, if there are any.
    ///
    /// # Panics
    ///
    /// If there is a violation.
    #[track_caller]
    pub fn expect_clean(&self) {
        let violations: Vec<String> = self
            .violations
            .iter()
            .take(SHOWN)
            .map(ToString::to_string)
            .collect();
        assert!(
            violations.is_empty(),
            "{} violations:\n{}",
            self.violations.len(),
            violations.join("\n")
        );
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {:?}: {:.*}", self.rule, SHOWN_CHARACTERS, self.detail)
    }
}

/// Checks a whole run. Take the records when nothing is in flight any more.
pub fn check(records: &[Record], rules: &Rules) -> CheckReport {
    let mut report = CheckReport::default();
    let ledger = ledger::Ledger::of(records);
    session::check(records, &mut report);
    content::check(records, &ledger, &mut report);
    delivery::check(records, &ledger, rules, &mut report);
    transcript::check(records, &ledger, rules, &mut report);
    authority::check(records, rules, &mut report);
    report
}

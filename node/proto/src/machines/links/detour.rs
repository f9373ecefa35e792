//! A dial with its detours: what to try next for a peer that does not answer where it is dialled.
//!
//! First others are asked to have the peer dial this node; then one after another is asked to carry a
//! circuit (`PROTOCOL.md` §3.5). Not here: the choice of those others (`concerns::reaching`).

use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::{Addresses, NodeId};

use crate::Time;

/// How long a peer may take to dial back before others are asked to carry a circuit.
const DIAL_BACK_WAIT: Duration = Duration::from_millis(600);
/// How long a carrier may take before another one is asked.
const CARRIER_WAIT: Duration = Duration::from_secs(1);
/// How many members are asked for help with one dial.
pub(crate) const HELPERS: usize = 3;

/// A dial that has not led to a link yet.
#[derive(Debug)]
pub(crate) struct Dial {
    addresses: Addresses,
    stage: DialStage,
    due: Time,
    /// Whether the dial itself came to nothing, so that only the detours are left.
    failed: bool,
    /// The members that are asked for help, once somebody is.
    helpers: Vec<(NodeId, Addresses)>,
    /// The node on whose behalf this node dials, if any; then nobody is asked for help.
    on_behalf_of: Option<NodeId>,
}

/// How far a dial has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum DialStage {
    /// Only the addresses are tried.
    Direct,
    /// The peer was asked to dial back.
    AskedToDialBack,
    /// This many helpers were asked to carry a circuit.
    AskingCarrier(usize),
}

/// The next step for a dial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DialStep {
    /// Ask the helpers to have the peer dial back.
    AskToDialBack,
    /// Ask the helper of this number to carry a circuit.
    AskCarrier(usize),
    /// Give up: it came to nothing.
    GiveUp,
}

impl Dial {
    /// Starts a dial; the detours begin if there is no link after `patience`.
    pub(crate) fn new(now: Time, addresses: Addresses, patience: Duration) -> Self {
        Self {
            addresses,
            stage: DialStage::Direct,
            due: now + patience,
            failed: false,
            helpers: Vec::new(),
            on_behalf_of: None,
        }
    }

    /// Starts a dial that asks for a circuit while the addresses are tried, since the last link was a circuit.
    pub(crate) const fn with_carrier(now: Time, addresses: Addresses) -> Self {
        Self {
            addresses,
            stage: DialStage::AskedToDialBack,
            due: now,
            failed: false,
            helpers: Vec::new(),
            on_behalf_of: None,
        }
    }

    /// Starts a dial on behalf of another node: if the addresses lead nowhere, nothing else is tried.
    pub(crate) fn on_behalf(now: Time, addresses: Addresses, requester: NodeId) -> Self {
        Self {
            on_behalf_of: Some(requester),
            ..Self::with_carrier(now, addresses)
        }
    }

    /// Makes the dial this node's own, with detours from then on.
    pub(crate) fn become_own(&mut self, now: Time, patience: Duration) {
        if self.on_behalf_of.take().is_some() {
            self.stage = DialStage::Direct;
            self.due = now + patience;
        }
    }

    /// Starts the detours over after `patience`, with helpers chosen anew.
    pub(crate) fn restart(&mut self, now: Time, patience: Duration) {
        self.helpers.clear();
        self.stage = DialStage::Direct;
        self.due = now + patience;
    }

    /// Returns the node on whose behalf this node dials, if any.
    pub(crate) const fn on_behalf_of(&self) -> Option<NodeId> {
        self.on_behalf_of
    }

    /// Returns the members that are asked for help.
    pub(crate) fn helpers(&self) -> &[(NodeId, Addresses)] {
        &self.helpers
    }

    /// Sets the members that are to be asked for help.
    pub(crate) fn set_helpers(&mut self, helpers: Vec<(NodeId, Addresses)>) {
        self.helpers = helpers;
    }

    /// Returns where the peer is dialled.
    pub(crate) const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Notes that nobody answers at the addresses.
    pub(crate) fn fail(&mut self, now: Time) {
        self.failed = true;
        if self.stage == DialStage::Direct {
            self.due = self.due.min(now);
        }
    }

    /// Notes that the addresses are tried once more. Returns true if they had failed.
    pub(crate) const fn begin_again(&mut self) -> bool {
        core::mem::replace(&mut self.failed, false)
    }

    /// Returns when the next step is due, if there is one.
    pub(crate) fn deadline(&self) -> Option<Time> {
        if self.on_behalf_of.is_some() {
            return None;
        }
        (self.failed || self.stage != DialStage::AskingCarrier(HELPERS)).then_some(self.due)
    }

    /// Returns the next step, if it is due.
    pub(crate) fn step(&mut self, now: Time) -> Option<DialStep> {
        if self.deadline().is_none_or(|due| due > now) {
            return None;
        }
        let (stage, wait, step) = match self.stage {
            DialStage::Direct => (
                DialStage::AskedToDialBack,
                DIAL_BACK_WAIT,
                DialStep::AskToDialBack,
            ),
            DialStage::AskedToDialBack => (
                DialStage::AskingCarrier(1),
                CARRIER_WAIT,
                DialStep::AskCarrier(0),
            ),
            DialStage::AskingCarrier(asked) if asked < HELPERS => (
                DialStage::AskingCarrier(asked + 1),
                CARRIER_WAIT,
                DialStep::AskCarrier(asked),
            ),
            DialStage::AskingCarrier(_) => (self.stage, CARRIER_WAIT, DialStep::GiveUp),
        };
        self.stage = stage;
        self.due = now + wait;
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(400);

    fn steps(dial: &mut Dial, from: Time) -> Vec<(Duration, DialStep)> {
        let mut steps = Vec::new();
        while let Some(due) = dial.deadline() {
            let now = due.max(from);
            let step = dial.step(now);
            steps.extend(step.map(|step| (now - from, step)));
            if step == Some(DialStep::GiveUp) {
                break;
            }
        }
        steps
    }

    #[test]
    fn a_silent_peer_is_asked_to_dial_back_and_then_one_carrier_after_another() {
        let start = Time::default() + Duration::from_secs(1);
        let mut dial = Dial::new(start, Addresses::default(), PATIENCE);
        assert_eq!(dial.step(start), None);
        let found = steps(&mut dial, start);
        let at = Duration::from_millis;
        let expected = [
            (at(400), DialStep::AskToDialBack),
            (at(1_000), DialStep::AskCarrier(0)),
            (at(2_000), DialStep::AskCarrier(1)),
            (at(3_000), DialStep::AskCarrier(2)),
        ];
        assert_eq!(found, expected, "the dial itself is still waited for");
        dial.fail(start + at(4_500));
        assert_eq!(steps(&mut dial, start).last().unwrap().1, DialStep::GiveUp);
    }

    #[test]
    fn a_dial_that_fails_at_once_starts_its_detour_at_once() {
        let start = Time::default() + Duration::from_secs(1);
        let mut dial = Dial::new(start, Addresses::default(), PATIENCE);
        dial.fail(start);
        assert_eq!(dial.step(start), Some(DialStep::AskToDialBack));
        assert_eq!(dial.step(start), None);
    }

    #[test]
    fn a_known_carrier_is_asked_first() {
        let start = Time::default() + Duration::from_secs(1);
        let mut dial = Dial::with_carrier(start, Addresses::default());
        assert_eq!(dial.step(start), Some(DialStep::AskCarrier(0)));
    }
}

//! Trials: whether a suspect is dead.
//!
//! A suspect that nobody hears from until its trial ends is dead; one that refuses a connection
//! is dead at once (`PROTOCOL.md` §6.2). Not here: what the judge does with the verdict.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use ringtalk_wire::NodeId;

use crate::Time;
use crate::config::PROBE;

/// Suspects on trial.
#[derive(Debug, Default)]
pub(crate) struct Trials {
    open: BTreeMap<NodeId, Trial>,
}

#[derive(Debug)]
struct Trial {
    ends: Time,
    /// True where the verdict is this node's own; otherwise it only helps others to see.
    judge: bool,
    /// Who wants to know of any sign of life.
    asked_by: BTreeSet<NodeId>,
}

impl Trials {
    /// Opens a trial to judge; true where there was none.
    pub(crate) fn judge(&mut self, now: Time, suspect: NodeId) -> bool {
        let trial = self.open.entry(suspect).or_insert_with(|| Trial::new(now));
        !core::mem::replace(&mut trial.judge, true)
    }

    /// Opens a trial on behalf of somebody else.
    pub(crate) fn help(&mut self, now: Time, suspect: NodeId, asked_by: NodeId) {
        let trial = self.open.entry(suspect).or_insert_with(|| Trial::new(now));
        trial.asked_by.insert(asked_by);
    }

    /// True where the node is on trial.
    pub(crate) fn is_open(&self, suspect: &NodeId) -> bool {
        self.open.contains_key(suspect)
    }

    /// A sign of life ends a trial; gives those who wanted to know.
    pub(crate) fn acquit(&mut self, suspect: &NodeId) -> BTreeSet<NodeId> {
        let trial = self.open.remove(suspect);
        trial.map(|trial| trial.asked_by).unwrap_or_default()
    }

    /// Proof of death ends a trial; true where this node judges.
    pub(crate) fn convict(&mut self, suspect: &NodeId) -> bool {
        self.open.remove(suspect).is_some_and(|trial| trial.judge)
    }

    /// Ends the trials whose time is over, and gives the dead among those judged here.
    pub(crate) fn expire(&mut self, now: Time) -> Vec<NodeId> {
        let over: Vec<NodeId> = self
            .open
            .iter()
            .filter(|(_, trial)| trial.ends <= now)
            .map(|(&id, _)| id)
            .collect();
        over.into_iter().filter(|id| self.convict(id)).collect()
    }

    /// When [`Trials::expire`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.open.values().map(|trial| trial.ends).min()
    }

    /// Ends everything without a verdict.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }
}

impl Trial {
    fn new(now: Time) -> Self {
        Self {
            ends: now + PROBE,
            judge: false,
            asked_by: BTreeSet::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    #[test]
    fn only_a_judge_finds_somebody_dead() {
        let start = Time::default();
        let mut trials = Trials::default();
        trials.help(start, id(1), id(9));
        assert!(trials.judge(start, id(2)));
        assert!(!trials.judge(start, id(2)));
        assert_eq!(trials.expire(start), []);
        assert_eq!(trials.expire(start + PROBE), [id(2)]);
        assert_eq!(trials.deadline(), None);
    }

    #[test]
    fn a_sign_of_life_ends_a_trial() {
        let start = Time::default();
        let mut trials = Trials::default();
        trials.judge(start, id(1));
        trials.help(start, id(1), id(9));
        assert_eq!(trials.acquit(&id(1)), BTreeSet::from([id(9)]));
        assert_eq!(trials.expire(start + PROBE), []);
    }
}

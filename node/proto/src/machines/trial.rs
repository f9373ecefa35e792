//! Trials: whether a suspect is dead.
//!
//! A suspect that nobody hears from until its trial ends is dead; one that refuses a connection is dead at once
//! (`PROTOCOL.md` §6.2). A scout's trial only finds out whether a member beyond a suspect is silent too. Not here:
//! the consequences of a verdict (`node::judgement`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::NodeId;

use crate::Time;
use crate::config::{LATE, PROBE};

/// Suspects on trial.
#[derive(Debug, Default)]
pub(crate) struct Trials {
    open: BTreeMap<NodeId, Trial>,
}

#[derive(Debug)]
struct Trial {
    begun: Time,
    ends: Time,
    /// Whether silence means death.
    judge: bool,
    /// Whether silence makes a suspect.
    scout: bool,
}

/// The result of a trial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TrialVerdict {
    /// Nobody hears the node.
    Dead,
    /// The node was silent, and is to be suspected.
    Silent,
}

impl Trials {
    /// Opens a trial in which this node judges. Returns true if there was none.
    pub(crate) fn start_judging(&mut self, now: Time, suspect: NodeId) -> bool {
        let trial = self.open.entry(suspect).or_insert_with(|| Trial::new(now));
        !core::mem::replace(&mut trial.judge, true)
    }

    /// Opens a trial that finds out whether a node is silent. Returns true if there was none.
    pub(crate) fn start_scouting(&mut self, now: Time, suspect: NodeId) -> bool {
        let trial = self.open.entry(suspect).or_insert_with(|| Trial::new(now));
        !core::mem::replace(&mut trial.scout, true)
    }

    /// Returns the number of the trial in which this node judges a suspect. No number is used twice.
    pub(crate) fn number(&self, suspect: &NodeId) -> Option<u64> {
        let trial = self.open.get(suspect).filter(|trial| trial.judge);
        trial.map(|trial| trial.begun.as_micros())
    }

    /// Returns true if the node is on trial.
    pub(crate) fn is_open(&self, suspect: &NodeId) -> bool {
        self.open.contains_key(suspect)
    }

    /// Ends a trial, because the node showed a sign of life.
    pub(crate) fn acquit(&mut self, suspect: &NodeId) {
        self.open.remove(suspect);
    }

    /// Ends a trial, because there is proof of death. Returns true if this node judges.
    pub(crate) fn convict(&mut self, suspect: &NodeId) -> bool {
        self.open.remove(suspect).is_some_and(|trial| trial.judge)
    }

    /// Ends the trials whose time is over, and returns what they found.
    pub(crate) fn expire(&mut self, now: Time) -> Vec<(NodeId, TrialVerdict)> {
        let over = |trial: &Trial| trial.ends <= now;
        let ended: Vec<NodeId> = self
            .open
            .iter()
            .filter(|(_, trial)| over(trial))
            .map(|(&id, _)| id)
            .collect();
        let verdict = |id| {
            let trial = self.open.remove(&id)?;
            debug_assert!(trial.judge || trial.scout, "a trial has a purpose");
            let silent = trial.scout.then_some(TrialVerdict::Silent);
            let verdict = trial.judge.then_some(TrialVerdict::Dead).or(silent)?;
            Some((id, verdict))
        };
        ended.into_iter().filter_map(verdict).collect()
    }

    /// Gives all suspects more time: this node itself was late, and their answers wait to be read.
    pub(crate) fn put_off(&mut self, now: Time, late: Duration) {
        for trial in self.open.values_mut() {
            trial.ends = (trial.ends + late).max(now + LATE);
        }
    }

    /// Returns when [`Trials::expire`] is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.open.values().map(|trial| trial.ends).min()
    }

    /// Ends all trials without a verdict.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }
}

impl Trial {
    fn new(now: Time) -> Self {
        Self {
            begun: now,
            ends: now + PROBE,
            judge: false,
            scout: false,
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
    fn only_a_judge_finds_a_member_dead() {
        let start = Time::default();
        let mut trials = Trials::default();
        assert!(trials.start_scouting(start, id(1)));
        assert!(trials.start_judging(start, id(2)));
        assert!(!trials.start_judging(start, id(2)));
        assert_eq!(trials.number(&id(1)), None);
        assert_eq!(trials.number(&id(2)), Some(start.as_micros()));
        assert_eq!(trials.expire(start), []);
        let verdicts = [(id(1), TrialVerdict::Silent), (id(2), TrialVerdict::Dead)];
        assert_eq!(trials.expire(start + PROBE), verdicts);
        assert_eq!(trials.deadline(), None);
    }

    #[test]
    fn a_sign_of_life_ends_a_trial() {
        let start = Time::default();
        let mut trials = Trials::default();
        trials.start_judging(start, id(1));
        trials.acquit(&id(1));
        assert_eq!(trials.expire(start + PROBE), []);
    }

    #[test]
    fn a_scout_finds_silence_and_no_death_once_the_answers_were_read() {
        let start = Time::default();
        let mut trials = Trials::default();
        assert!(trials.start_scouting(start, id(1)));
        assert!(!trials.start_scouting(start, id(1)));
        assert!(!trials.convict(&id(1)));
        trials.start_scouting(start, id(2));
        let late = Duration::from_millis(150);
        trials.put_off(start + PROBE + late, late);
        assert_eq!(trials.expire(start + PROBE + late), []);
        let later = start + PROBE + late + LATE;
        assert_eq!(trials.expire(later), [(id(2), TrialVerdict::Silent)]);
    }
}

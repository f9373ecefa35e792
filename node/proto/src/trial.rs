//! Trials: whether a suspect is dead.
//!
//! A suspect that nobody hears from until its trial ends is dead; one that refuses a connection
//! is dead at once (`PROTOCOL.md` §6.2). A scout's trial only finds out whether somebody beyond a
//! suspect is silent too. Not here: what becomes of the verdict.

use alloc::collections::{BTreeMap, BTreeSet};
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
    ends: Time,
    /// True where the verdict is this node's own; otherwise it only helps others to see.
    judge: bool,
    /// True where silence makes a suspect.
    scout: bool,
    /// Who wants to know of any sign of life.
    asked_by: BTreeSet<NodeId>,
}

/// What a trial found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Nobody hears the node.
    Dead,
    /// It was silent: it is to be suspected.
    Silent,
}

impl Trials {
    /// Opens a trial to judge; true where there was none.
    pub(crate) fn judge(&mut self, now: Time, suspect: NodeId) -> bool {
        let trial = self.open.entry(suspect).or_insert_with(|| Trial::new(now));
        !core::mem::replace(&mut trial.judge, true)
    }

    /// Opens a trial to find out whether a node is silent; true where there was none.
    pub(crate) fn scout(&mut self, now: Time, whom: NodeId) -> bool {
        let trial = self.open.entry(whom).or_insert_with(|| Trial::new(now));
        !core::mem::replace(&mut trial.scout, true)
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

    /// Ends the trials whose time is over, and gives what was found in those of this node.
    pub(crate) fn expire(&mut self, now: Time) -> Vec<(NodeId, Verdict)> {
        let over = |trial: &Trial| trial.ends <= now;
        let ended: Vec<NodeId> = self
            .open
            .iter()
            .filter(|(_, trial)| over(trial))
            .map(|(&id, _)| id)
            .collect();
        let verdict = |id| {
            let trial = self.open.remove(&id)?;
            let silent = trial.scout.then_some(Verdict::Silent);
            let verdict = trial.judge.then_some(Verdict::Dead).or(silent)?;
            Some((id, verdict))
        };
        ended.into_iter().filter_map(verdict).collect()
    }

    /// Gives everybody more time: this node itself was late, and the answers wait to be read.
    pub(crate) fn put_off(&mut self, now: Time, late: Duration) {
        for trial in self.open.values_mut() {
            trial.ends = (trial.ends + late).max(now + LATE);
        }
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
            scout: false,
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
        assert_eq!(trials.expire(start + PROBE), [(id(2), Verdict::Dead)]);
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

    #[test]
    fn a_scout_finds_silence_and_no_death_once_the_answers_were_read() {
        let start = Time::default();
        let mut trials = Trials::default();
        assert!(trials.scout(start, id(1)));
        assert!(!trials.scout(start, id(1)));
        assert!(!trials.convict(&id(1)));
        trials.scout(start, id(2));
        let late = Duration::from_millis(150);
        trials.put_off(start + PROBE + late, late);
        assert_eq!(trials.expire(start + PROBE + late), []);
        let later = start + PROBE + late + LATE;
        assert_eq!(trials.expire(later), [(id(2), Verdict::Silent)]);
    }
}

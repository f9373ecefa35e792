//! One ring out of several: what is demanded after a partition.
//!
//! Not here: what holds at rest (`demand`).

use core::time::Duration;
use std::collections::BTreeSet;

use ringtalk_wire::NodeId;

use super::{POLL_INTERVAL, World};
use crate::network::HostIndex;
use crate::oracle::{Check, ensure};

/// How often the world is checked if a scenario must act at once.
const SHORT_POLL_INTERVAL: Duration = Duration::from_millis(1);

impl World {
    /// Waits until all members follow one view that lists exactly them; fails after `patience`.
    pub(crate) fn one_ring_within(&mut self, patience: Duration) -> Check {
        let begun = self.now;
        while !self.is_one_ring() {
            ensure(self.now < begun + patience, "E2", || {
                format!("there is more than one ring after {patience:?}")
            })?;
            self.run_for(POLL_INTERVAL)?;
        }
        self.figures.merges.push(self.now - begun);
        Ok(())
    }

    /// Waits until `count` members consider themselves the coordinator; fails after `patience`.
    pub(crate) fn coordinators_within(&mut self, count: usize, patience: Duration) -> Check {
        let begun = self.now;
        while self.coordinators().len() != count {
            ensure(self.now < begun + patience, "H1", || {
                format!("there are not {count} coordinators after {patience:?}")
            })?;
            self.run_for(SHORT_POLL_INTERVAL)?;
        }
        Ok(())
    }

    /// Waits until a node has made one of two rings, or was told of it; fails after `patience`.
    pub(crate) fn merged_within(&mut self, index: HostIndex, patience: Duration) -> Check {
        let begun = self.now;
        while self.processes[index].merges == 0 {
            ensure(self.now < begun + patience, "merged", || {
                format!("n{index} has not merged after {patience:?}")
            })?;
            self.run_for(SHORT_POLL_INTERVAL)?;
        }
        Ok(())
    }

    /// Checks that every member was told of at least `times` merges.
    pub(crate) fn check_merges_shown(&self, times: u32) -> Check {
        for index in self.members() {
            let shown = self.processes[index].merges;
            ensure(shown >= times, "merged", || {
                format!("n{index} showed {shown} merges")
            })?;
        }
        Ok(())
    }

    /// Waits until these nodes are neighbours of each other only, in whatever order; fails after `patience`.
    pub(crate) fn ring_closed_within(&mut self, live: &[HostIndex], patience: Duration) -> Check {
        let begun = self.now;
        while !self.is_closed(live) {
            ensure(self.now < begun + patience, "R1", || {
                format!("the ring of {live:?} is not closed after {patience:?}")
            })?;
            self.run_for(POLL_INTERVAL)?;
        }
        self.figures.repairs.push(self.now - begun);
        Ok(())
    }

    /// Returns true if all live processes are members of one ring, which lists exactly them.
    pub(crate) fn is_whole(&self) -> bool {
        self.members().len() == self.alive() && self.is_one_ring()
    }

    /// Returns true if all members that do not lie have delivered the same messages.
    pub(crate) fn have_same_messages(&self) -> bool {
        let honest = |index: &HostIndex| !self.oracles.distrusts(self.id(*index));
        let members = self.members().into_iter().filter(honest);
        let clocks: BTreeSet<u64> = members
            .map(|index| self.processes[index].node().clock().hash())
            .collect();
        clocks.len() <= 1
    }

    fn is_one_ring(&self) -> bool {
        let members = self.members();
        let ids: BTreeSet<NodeId> = members.iter().map(|&index| self.id(index)).collect();
        let tags: BTreeSet<_> = members
            .iter()
            .map(|&index| self.processes[index].node().view().map(|view| view.tag()))
            .collect();
        let view = members
            .first()
            .and_then(|&first| self.processes[first].node().view());
        let listed = view.map(|view| view.members().map(|member| member.id).collect());
        tags.len() == 1 && listed == Some(ids)
    }

    fn is_closed(&self, live: &[HostIndex]) -> bool {
        let &[first, _, ..] = live else {
            return live.iter().all(|&alone| self.neighbours(alone).is_none());
        };
        let mut seen = BTreeSet::new();
        let mut at = first;
        while seen.insert(at) {
            match self.successor(at).filter(|next| live.contains(next)) {
                Some(next)
                    if self
                        .neighbours(next)
                        .is_some_and(|[before, _]| before == at) =>
                {
                    at = next;
                }
                _ => return false,
            }
        }
        at == first && seen.len() == live.len()
    }
}

//! One ring out of several: what is demanded after a partition.
//!
//! Not here: what holds at rest (`demand`).

use core::time::Duration;
use std::collections::BTreeSet;

use ringtalk_wire::NodeId;

use super::World;
use crate::network::HostIndex;
use crate::oracle::{Check, ensure};

/// How often the world is looked at while something is awaited.
const LOOK: Duration = Duration::from_millis(20);
/// The same, where what happens next must not be missed.
const GLANCE: Duration = Duration::from_millis(1);

impl World {
    /// All members follow one view, which lists all of them and nobody else, within this time.
    pub(crate) fn one_ring_within(&mut self, patience: Duration) -> Check {
        let begun = self.now;
        while !self.is_one_ring() {
            ensure(self.now < begun + patience, "E2", || {
                format!("there is more than one ring after {patience:?}")
            })?;
            self.run_for(LOOK)?;
        }
        self.figures.merges.push(self.now - begun);
        Ok(())
    }

    /// So many members would call themselves the coordinator, within this time.
    pub(crate) fn coordinators_within(&mut self, count: usize, patience: Duration) -> Check {
        let begun = self.now;
        while self.coordinators().len() != count {
            ensure(self.now < begun + patience, "H1", || {
                format!("there are not {count} coordinators after {patience:?}")
            })?;
            self.run_for(GLANCE)?;
        }
        Ok(())
    }

    /// This node has made one of two rings, or been told of it, within this time.
    pub(crate) fn merged_within(&mut self, index: HostIndex, patience: Duration) -> Check {
        let begun = self.now;
        while self.processes[index].merges == 0 {
            ensure(self.now < begun + patience, "merged", || {
                format!("n{index} has merged with nobody after {patience:?}")
            })?;
            self.run_for(GLANCE)?;
        }
        Ok(())
    }

    /// Everybody of these has been told that two rings became one, so often at least.
    pub(crate) fn all_were_told_of_the_merge(&self, times: u32) -> Check {
        for index in self.members() {
            let told = self.processes[index].merges;
            ensure(told >= times, "merged", || {
                format!("n{index} was told of {told} merges")
            })?;
        }
        Ok(())
    }

    /// The neighbours of all these are each other, in whatever order, within this time.
    pub(crate) fn ring_closed_within(&mut self, live: &[HostIndex], patience: Duration) -> Check {
        let begun = self.now;
        while !self.is_closed(live) {
            ensure(self.now < begun + patience, "R1", || {
                format!("the ring of {live:?} is not closed after {patience:?}")
            })?;
            self.run_for(LOOK)?;
        }
        self.figures.repairs.push(self.now - begun);
        Ok(())
    }

    /// True where everybody who runs is in one ring, which lists all of them and nobody else.
    pub(crate) fn is_whole(&self) -> bool {
        self.members().len() == self.alive() && self.is_one_ring()
    }

    /// True where all members that do not lie have delivered the same.
    pub(crate) fn have_all_the_same(&self) -> bool {
        let honest = |index: &HostIndex| !self.oracles.distrusts(self.id(*index));
        let members = self.members().into_iter().filter(honest);
        let clocks: BTreeSet<u64> = members
            .map(|index| self.processes[index].node.clock().hash())
            .collect();
        clocks.len() <= 1
    }

    fn is_one_ring(&self) -> bool {
        let members = self.members();
        let ids: BTreeSet<NodeId> = members.iter().map(|&index| self.id(index)).collect();
        let tags: BTreeSet<_> = members
            .iter()
            .map(|&index| self.processes[index].node.view().map(|view| view.tag()))
            .collect();
        let view = members
            .first()
            .and_then(|&first| self.processes[first].node.view());
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

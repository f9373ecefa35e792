//! Recovery times: how soon the dead are found, the ring is closed, and one coordinator is followed.
//!
//! It judges nothing. Not here: how long these things may take (`demand`).

use ringtalk_proto::Time;
use ringtalk_wire::{Epoch, NodeId};

use super::World;
use crate::network::HostIndex;

/// The death of a member.
#[derive(Debug)]
pub(super) struct Death {
    pub(super) at: Time,
    /// Whether its host died too, so that nothing was closed.
    pub(super) silent: bool,
    pub(super) found: bool,
    pub(super) mended: bool,
}

/// What has not recovered yet, and since when.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// When the coordinator was lost, while not everybody's view has its successor.
    pub(super) leaderless: Option<Time>,
    /// When a partition healed that had made several rings.
    healed: Option<Time>,
    deaths: Vec<(HostIndex, Death)>,
}

impl World {
    /// Records the death of a member.
    pub(super) fn watch_death(&mut self, index: HostIndex, silent: bool) {
        if self.oracles.are_frugal() {
            return;
        }
        if self.is_member(index) && self.members().len() > 1 {
            let death = Death {
                at: self.now,
                silent,
                found: false,
                mended: false,
            };
            self.watch.deaths.push((index, death));
        }
        self.lose_coordinator(index);
    }

    /// Records the loss of the coordinator, if this node is it.
    pub(super) fn lose_coordinator(&mut self, index: HostIndex) {
        if self.coordinator() == Some(index) && self.members().len() > 1 {
            self.watch.leaderless.get_or_insert(self.now);
        }
    }

    /// Records that a partition has healed, if several rings are left.
    pub(super) fn watch_healing(&mut self) {
        if self.common_epoch().is_none() {
            self.watch.healed.get_or_insert(self.now);
        }
    }

    /// Records that somebody found a node dead.
    pub(super) fn note_found(&mut self, gone: NodeId) {
        let Some(&index) = self.indexes.get(&gone) else {
            return;
        };
        let mut deaths = self.watch.deaths.iter_mut();
        let death = deaths.find(|(dead, death)| *dead == index && !death.found);
        if let Some((_, death)) = death {
            death.found = true;
            let took = self.now - death.at;
            if death.silent {
                self.figures.detections.push(took);
            } else {
                self.figures.detections_killed.push(took);
            }
        }
    }

    /// Records that a view, a coordinator or a neighbour changed somewhere.
    pub(super) fn note_change(&mut self) {
        self.note_failover();
        self.note_mended();
        if let Some(healed) = self.watch.healed
            && self.common_epoch().is_some()
        {
            self.watch.healed = None;
            self.figures.merges.push(self.now - healed);
        }
    }

    /// Records the failover if all running members follow a live coordinator, which has replaced the lost one.
    pub(super) fn note_failover(&mut self) {
        let Some(lost) = self.watch.leaderless else {
            return;
        };
        let Some(epoch) = self.common_epoch() else {
            return;
        };
        let coordinator = self.indexes.get(&epoch.coordinator);
        if coordinator.is_some_and(|&index| self.processes[index].is_running()) {
            self.watch.leaderless = None;
            self.figures.failovers.push(self.now - lost);
        }
    }

    fn note_mended(&mut self) {
        if self.watch.deaths.is_empty() {
            return;
        }
        let mut deaths = core::mem::take(&mut self.watch.deaths);
        for (dead, death) in deaths.iter_mut().filter(|(_, death)| !death.mended) {
            if !self.is_a_neighbour(*dead) {
                death.mended = true;
                self.figures.repairs.push(self.now - death.at);
            }
        }
        deaths.retain(|(_, death)| !death.mended || !death.found);
        self.watch.deaths = deaths;
    }

    fn is_a_neighbour(&self, dead: HostIndex) -> bool {
        let dead = self.id(dead);
        let mut members = self.members().into_iter();
        members.any(|index| {
            let neighbours = self.processes[index].node.neighbours();
            neighbours.is_some_and(|(before, after)| before == dead || after == dead)
        })
    }

    /// Returns the epoch that all running members follow, if they follow the same one.
    fn common_epoch(&self) -> Option<Epoch> {
        let epochs = self.members().into_iter().map(|index| {
            let view = self.processes[index].node.view();
            view.map(|view| view.tag().epoch)
        });
        let mut epochs = epochs.peekable();
        let first = epochs.peek().copied().flatten()?;
        epochs.all(|epoch| epoch == Some(first)).then_some(first)
    }
}

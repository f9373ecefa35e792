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
    pub(super) detected: bool,
    pub(super) repaired: bool,
}

/// The faults that have not recovered yet, and since when.
#[derive(Debug, Default)]
pub(super) struct RecoveryTimes {
    /// When the coordinator was lost, while not everybody's view has its successor.
    pub(super) leaderless: Option<Time>,
    /// When a partition healed that had made several rings.
    healed: Option<Time>,
    deaths: Vec<(HostIndex, Death)>,
}

impl World {
    /// Records the death of a member.
    pub(super) fn record_death(&mut self, index: HostIndex, silent: bool) {
        if self.oracles.uses_cheap_checks() {
            return;
        }
        if self.is_member(index) && self.members().len() > 1 {
            let death = Death {
                at: self.now,
                silent,
                detected: false,
                repaired: false,
            };
            self.recovery.deaths.push((index, death));
        }
        self.record_coordinator_loss(index);
    }

    /// Records the loss of the coordinator, if this node is it.
    pub(super) fn record_coordinator_loss(&mut self, index: HostIndex) {
        if self.coordinator() == Some(index) && self.members().len() > 1 {
            self.recovery.leaderless.get_or_insert(self.now);
        }
    }

    /// Records that a partition has healed, if several rings are left.
    pub(super) fn record_healing(&mut self) {
        if self.common_epoch().is_none() {
            self.recovery.healed.get_or_insert(self.now);
        }
    }

    /// Records that somebody found a node dead.
    pub(super) fn record_detection(&mut self, gone: NodeId) {
        let Some(&index) = self.indexes.get(&gone) else {
            return;
        };
        let mut deaths = self.recovery.deaths.iter_mut();
        let death = deaths.find(|(dead, death)| *dead == index && !death.detected);
        if let Some((_, death)) = death {
            death.detected = true;
            let took = self.now - death.at;
            if death.silent {
                self.figures.detections.push(took);
            } else {
                self.figures.detections_killed.push(took);
            }
        }
    }

    /// Records that a view, a coordinator or a neighbour changed somewhere.
    pub(super) fn record_change(&mut self) {
        self.record_failover();
        self.record_repairs();
        if let Some(healed) = self.recovery.healed
            && self.common_epoch().is_some()
        {
            self.recovery.healed = None;
            self.figures.merges.push(self.now - healed);
        }
    }

    /// Records the failover if all running members follow a live coordinator, which has replaced the lost one.
    pub(super) fn record_failover(&mut self) {
        let Some(lost) = self.recovery.leaderless else {
            return;
        };
        let Some(epoch) = self.common_epoch() else {
            return;
        };
        let coordinator = self.indexes.get(&epoch.coordinator);
        if coordinator.is_some_and(|&index| self.processes[index].is_running()) {
            self.recovery.leaderless = None;
            self.figures.failovers.push(self.now - lost);
        }
    }

    fn record_repairs(&mut self) {
        if self.recovery.deaths.is_empty() {
            return;
        }
        let mut deaths = core::mem::take(&mut self.recovery.deaths);
        for (dead, death) in deaths.iter_mut().filter(|(_, death)| !death.repaired) {
            if !self.is_a_neighbour(*dead) {
                death.repaired = true;
                self.figures.repairs.push(self.now - death.at);
            }
        }
        deaths.retain(|(_, death)| !death.repaired || !death.detected);
        self.recovery.deaths = deaths;
    }

    fn is_a_neighbour(&self, dead: HostIndex) -> bool {
        let dead = self.id(dead);
        let mut members = self.members().into_iter();
        members.any(|index| {
            let neighbours = self.processes[index].node().neighbours();
            neighbours.is_some_and(|(before, after)| before == dead || after == dead)
        })
    }

    /// Returns the epoch that all running members follow, if they follow the same one.
    fn common_epoch(&self) -> Option<Epoch> {
        let epochs = self.members().into_iter().map(|index| {
            let view = self.processes[index].node().view();
            view.map(|view| view.tag().epoch)
        });
        let mut epochs = epochs.peekable();
        let first = epochs.peek().copied().flatten()?;
        epochs.all(|epoch| epoch == Some(first)).then_some(first)
    }
}

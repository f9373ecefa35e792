//! What is done to processes, to the network and to the director. Each deed counts as a fault only
//! where it really hit somebody.

use core::time::Duration;

use ringtalk_proto::{Input, Time};
use ringtalk_wire::NodeId;

use super::{Happening, World};
use crate::network::HostIndex;
use crate::oracle::{Check, ensure};
use crate::process::{Health, Process};

/// A node that leaves is gone after this time.
const LEAVE: Duration = Duration::from_millis(2_050);
/// Who says goodbye this long before or after somebody dies may have told the dead alone.
const NEAR_DEATH: Duration = Duration::from_secs(3);
/// The same where frames were lost or delayed.
const NEAR_DEATH_IMPAIRED: Duration = Duration::from_secs(30);
/// Who is stopped for less is to be evicted by nobody.
const SHORT: Duration = Duration::from_secs(1);

impl World {
    /// A process is gone from one moment to the next.
    pub(crate) fn kill(&mut self, index: HostIndex) {
        if !self.processes[index].is_alive() {
            return;
        }
        if self.is_member(index) {
            self.figures.fault("kill");
        }
        self.die(index, false);
    }

    /// A host loses power: nothing is closed, and nobody answers.
    pub(crate) fn vanish(&mut self, index: HostIndex) {
        if self.is_member(index) {
            self.figures.fault("vanish");
        }
        self.die(index, true);
    }

    /// A process is gone, and with its host where that is `silent`.
    pub(super) fn die(&mut self, index: HostIndex, silent: bool) {
        if !self.processes[index].is_alive() {
            return;
        }
        self.trace
            .show(self.now, || format!("n{index} dies, silently: {silent}"));
        self.watch_death(index, silent);
        self.oracles.may_fail(self.processes[index].id());
        if silent {
            self.network.vanish(index);
        } else {
            self.network.kill(self.now, index);
        }
        self.deaths.push(self.now);
        let process = &mut self.processes[index];
        process.health = Health::Killed;
        process.inbox.clear();
        if let Some((slot, _)) = process.timer.take() {
            self.agenda.cancel(slot);
        }
    }

    /// A process is stopped for a while.
    pub(crate) fn pause(&mut self, index: HostIndex, time: Duration) {
        if !self.processes[index].is_running() {
            return;
        }
        self.trace
            .show(self.now, || format!("n{index} is stopped for {time:?}"));
        if self.is_member(index) {
            self.figures.fault("pause");
        }
        if time > Duration::from_secs(5) {
            self.lose_coordinator(index);
        }
        if time >= SHORT {
            self.oracles.may_fail(self.processes[index].id());
        }
        let process = &mut self.processes[index];
        process.health = Health::Paused;
        process.stops += 1;
        self.network.pause(index);
        self.agenda.plan(self.now + time, Happening::Resume(index));
    }

    /// So many links break.
    pub(crate) fn reset_links(&mut self, count: usize) {
        for _ in 0..count {
            let open: Vec<_> = self.network.open_links().collect();
            let Some((link, one, other)) = self.random.pick(&open) else {
                return;
            };
            self.trace
                .show(self.now, || format!("the link n{one} - n{other} breaks"));
            self.figures.fault("reset");
            self.network.reset(self.now, link);
        }
    }

    /// Every link between two nodes breaks.
    pub(super) fn reset_between(&mut self, one: HostIndex, other: HostIndex) {
        for link in self.network.links_between(one, other) {
            self.figures.fault("reset");
            self.network.reset(self.now, link);
        }
    }

    /// A user leaves properly.
    pub(crate) fn leave(&mut self, index: HostIndex) -> Check {
        let process = &mut self.processes[index];
        if !process.is_running() || process.leaving.is_some() {
            return Ok(());
        }
        process.leaving = Some(self.now);
        self.trace.show(self.now, || format!("n{index} leaves"));
        self.agenda
            .plan(self.now + LEAVE, Happening::LeaveDue(index));
        self.tell(index, Input::Leave.into())
    }

    /// The director dies, and comes back after a while knowing nothing.
    pub(crate) fn restart_director(&mut self, after: Duration) {
        self.trace.show(self.now, || "the director dies".into());
        if self.director.crash() {
            self.figures.fault("director");
        }
        self.agenda.plan(self.now + after, Happening::DirectorUp);
    }

    /// Whether the director tells everybody to found.
    pub(crate) const fn let_everybody_found(&mut self, everybody: bool) {
        self.director.be_gullible(everybody);
    }

    /// Nodes of different groups do not reach each other from now on.
    pub(crate) fn partition(&mut self, group_of: impl Fn(HostIndex) -> u8) {
        self.trace.show(self.now, || "the network parts".into());
        self.figures.inject("partition");
        self.network.partition(self.now, group_of);
    }

    /// Whatever is stopped goes on, and everybody reaches everybody.
    pub(crate) fn heal(&mut self) -> Check {
        self.trace.show(self.now, || "everything heals".into());
        for index in 0..self.processes.len() {
            self.resume(index)?;
        }
        self.network.clear_up(self.now);
        self.director_group = None;
        self.partitions += 1;
        self.watch_healing();
        self.director.restart();
        self.changed = self.now;
        Ok(())
    }

    /// True where the process runs and its node is in the ring.
    pub(crate) fn is_member(&self, index: HostIndex) -> bool {
        let process = &self.processes[index];
        process.is_running() && process.ready.is_some()
    }

    /// The nodes that run and are in the ring, and do not leave.
    pub(crate) fn members(&self) -> Vec<HostIndex> {
        (0..self.processes.len())
            .filter(|&index| self.is_member(index) && self.processes[index].leaving.is_none())
            .collect()
    }

    /// How many dials there were, by all.
    pub(crate) const fn dials(&self) -> u64 {
        self.network.dials
    }

    /// How often the ring, as its first member sees it, goes from one network to another.
    pub(crate) fn crossings(&self) -> usize {
        let view = self
            .members()
            .first()
            .and_then(|&first| self.view_of(first));
        let networks: Vec<_> = view
            .iter()
            .flat_map(|view| view.members())
            .map(|one| one.network)
            .collect();
        let next = networks.iter().cycle().skip(1);
        networks
            .iter()
            .zip(next)
            .filter(|(one, next)| one != next)
            .count()
    }

    /// How long frames take from now on, at least and at most.
    pub(crate) fn set_latency(&mut self, [low, high]: [Duration; 2]) {
        self.network.set_latency(low, high);
    }

    /// How many processes there ever were.
    pub(crate) const fn processes(&self) -> usize {
        self.processes.len()
    }

    /// The pairs of nodes that open links join.
    pub(crate) fn linked(&self) -> Vec<(HostIndex, HostIndex)> {
        let links = self.network.open_links();
        links.map(|(_, one, other)| (one, other)).collect()
    }

    /// The members in ring order, as the coordinator's view has them.
    pub(crate) fn in_ring_order(&self) -> Vec<HostIndex> {
        let coordinator = self.coordinator();
        let view = coordinator.and_then(|index| self.processes[index].node.view());
        let members = view.into_iter().flat_map(|view| view.members());
        members
            .filter_map(|member| self.indexes.get(&member.id).copied())
            .collect()
    }

    /// How many processes are alive.
    pub(crate) fn alive(&self) -> usize {
        self.processes
            .iter()
            .filter(|process| process.is_alive())
            .count()
    }

    /// The running member that most others would call the coordinator.
    pub(crate) fn coordinator(&self) -> Option<HostIndex> {
        let registers = |&index: &HostIndex| self.processes[index].node.registration().is_some();
        self.members()
            .into_iter()
            .filter(registers)
            .max_by_key(|&index| {
                let view = self.processes[index].node.view();
                view.map(|view| view.tag())
            })
    }

    /// All running members that would call themselves the coordinator.
    pub(crate) fn coordinators(&self) -> Vec<HostIndex> {
        let registers = |&index: &HostIndex| self.processes[index].node.registration().is_some();
        self.members().into_iter().filter(registers).collect()
    }

    /// The successor of a node, as the node itself says.
    pub(crate) fn successor(&self, index: HostIndex) -> Option<HostIndex> {
        let (_, successor) = self.processes[index].node.neighbours()?;
        self.indexes.get(&successor).copied()
    }

    /// Both neighbours of a node, as the node itself says.
    pub(crate) fn neighbours(&self, index: HostIndex) -> Option<[HostIndex; 2]> {
        let (before, after) = self.processes[index].node.neighbours()?;
        Some([*self.indexes.get(&before)?, *self.indexes.get(&after)?])
    }

    /// Who a process is.
    pub(crate) fn id(&self, index: HostIndex) -> NodeId {
        self.processes[index].id()
    }

    /// Nobody is to be found dead from now on but these.
    pub(crate) fn expect_failed(&mut self, indexes: &[HostIndex]) {
        let ids: Vec<NodeId> = indexes.iter().map(|&index| self.id(index)).collect();
        self.oracles.expect_failed(ids);
    }

    /// A node has said that it is gone.
    pub(super) fn left(&mut self, index: HostIndex, unhanded: u64) {
        self.trace.show(self.now, || {
            format!("n{index} has left, {unhanded} unhanded")
        });
        self.network.leave(self.now, index);
        let id = self.id(index);
        let due = self.oracles.said_by(id).saturating_sub(unhanded);
        let heirs = self.heirs_of(index);
        let process = &mut self.processes[index];
        process.heirs = heirs;
        let last = process.node.view().is_none_or(|view| view.len() <= 1);
        process.health = Health::Left { due };
        if let Some((slot, _)) = process.timer.take() {
            self.agenda.cancel(slot);
        }
        if process.registered && last {
            self.director.forget(id);
        }
        self.figures.fault("leave");
    }

    fn heirs_of(&self, index: HostIndex) -> Vec<HostIndex> {
        let view = self.processes[index].node.view();
        let members = view.into_iter().flat_map(|view| view.members());
        members
            .filter_map(|member| self.indexes.get(&member.id).copied())
            .filter(|&heir| heir != index && self.processes[heir].is_running())
            .filter(|&heir| self.network.reach_each_other(index, heir))
            .collect()
    }

    /// A node that wanted to leave must be gone by now.
    pub(super) fn leave_due(&self, index: HostIndex) -> Check {
        let process = &self.processes[index];
        ensure(process.stops > 0 || !process.is_running(), "leave", || {
            format!("n{index} has not left after {LEAVE:?}")
        })
    }

    /// True where somebody alive must have the last words of a node that has left: it had heirs,
    /// one of them lives, and nobody died at the time who could have taken them along.
    pub(super) fn left_something(&self, gone: &Process) -> bool {
        let span = if self.impaired {
            NEAR_DEATH_IMPAIRED
        } else {
            NEAR_DEATH
        };
        let near = |&death: &Time| {
            gone.leaving
                .is_some_and(|leaving| death + span > leaving && leaving + span > death)
        };
        let lives = |&heir: &HostIndex| self.processes[heir].is_alive();
        gone.heirs.iter().any(lives) && !self.deaths.iter().any(near)
    }
}

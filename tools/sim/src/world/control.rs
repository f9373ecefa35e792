//! Control of processes, of the network and of the director, and what scenarios look up in them.
//!
//! An action counts as a fault only if it hits a process or a link.

use core::time::Duration;

use ringtalk_proto::{Input, Time};
use ringtalk_wire::NodeId;

use super::{World, WorldEvent};
use crate::network::{Health, HostIndex};
use crate::oracle::{Check, Oracles, ensure};
use crate::process::Process;

/// How long a node may take to leave.
const LEAVE: Duration = Duration::from_millis(2_050);
/// A node that leaves within this time of a death may have given its last messages to the dead node only.
const NEAR_DEATH: Duration = Duration::from_secs(3);
/// The same, if frames were lost or delayed.
const NEAR_DEATH_IMPAIRED: Duration = Duration::from_secs(30);
/// A member that is paused for less must not be evicted.
const SHORT: Duration = Duration::from_secs(1);

impl World {
    /// Kills a process without warning.
    pub(crate) fn kill(&mut self, index: HostIndex) {
        if !self.processes[index].is_alive() {
            return;
        }
        if self.is_member(index) {
            self.figures.count_effective("kill");
        }
        self.die(index, false);
    }

    /// Cuts the power of a host: nothing is closed, and nobody answers.
    pub(crate) fn vanish(&mut self, index: HostIndex) {
        if self.is_member(index) {
            self.figures.count_effective("vanish");
        }
        self.die(index, true);
    }

    /// Ends a process; if `silent`, its host goes with it.
    pub(super) fn die(&mut self, index: HostIndex, silent: bool) {
        if !self.processes[index].is_alive() {
            return;
        }
        self.trace
            .show(self.now, || format!("n{index} dies, silently: {silent}"));
        self.record_death(index, silent);
        self.allow_failure(index);
        if silent {
            self.network.vanish(index);
        } else {
            self.network.kill(self.now, index);
        }
        self.deaths.push(self.now);
        let process = &mut self.processes[index];
        process.health = if silent {
            Health::Vanished
        } else {
            Health::Killed
        };
        process.inbox.clear();
        if let Some((event, _)) = process.timer.take() {
            self.events.cancel(event);
        }
    }

    /// Pauses a process for a while.
    pub(crate) fn pause(&mut self, index: HostIndex, time: Duration) {
        if !self.processes[index].is_running() {
            return;
        }
        self.trace
            .show(self.now, || format!("n{index} is stopped for {time:?}"));
        if self.is_member(index) {
            self.figures.count_effective("pause");
        }
        if time > Duration::from_secs(5) {
            self.record_coordinator_loss(index);
        }
        if time >= SHORT {
            self.allow_failure(index);
        }
        let process = &mut self.processes[index];
        process.health = Health::Paused;
        process.pauses += 1;
        self.network.pause(index);
        self.events.push(self.now + time, WorldEvent::Resume(index));
    }

    /// Allows a node to be found dead, in whatever ring.
    fn allow_failure(&mut self, index: HostIndex) {
        let id = self.id(index);
        self.oracles.allow_failure(id);
        for oracles in self.rooms.oracles_mut() {
            oracles.allow_failure(id);
        }
    }

    /// Breaks `count` links, chosen at random.
    pub(crate) fn reset_links(&mut self, count: usize) {
        for _ in 0..count {
            let open: Vec<_> = self.network.open_links().collect();
            let Some((link, one, other)) = self.random.pick(&open) else {
                return;
            };
            self.trace
                .show(self.now, || format!("the link n{one} - n{other} breaks"));
            self.figures.count_effective("reset");
            self.network.reset(self.now, link);
        }
    }

    /// Breaks every link between two nodes.
    pub(super) fn reset_between(&mut self, one: HostIndex, other: HostIndex) {
        for link in self.network.links_between(one, other) {
            self.figures.count_effective("reset");
            self.network.reset(self.now, link);
        }
    }

    /// Makes a user leave properly.
    pub(crate) fn leave(&mut self, index: HostIndex) -> Check {
        let process = &mut self.processes[index];
        if !process.is_running() || process.departure.since.is_some() {
            return Ok(());
        }
        process.departure.since = Some(self.now);
        self.trace.show(self.now, || format!("n{index} leaves"));
        self.events
            .push(self.now + LEAVE, WorldEvent::LeaveDeadline(index));
        self.note_leaving_all_rooms(index);
        self.handle_input(index, Input::Leave.into())
    }

    /// Kills the director, which comes back after a while without its state.
    pub(crate) fn restart_director(&mut self, after: Duration) {
        self.trace.show(self.now, || "the director dies".into());
        if self.director.crash() {
            self.figures.count_effective("director");
        }
        self.events.push(self.now + after, WorldEvent::DirectorUp);
    }

    /// Sets whether the director tells every newcomer to found a ring.
    pub(crate) const fn let_everybody_found(&mut self, everybody: bool) {
        self.director.let_everybody_found(everybody);
    }

    /// Parts the network: from now on, nodes of different groups do not reach each other.
    pub(crate) fn partition(&mut self, group_of: impl Fn(HostIndex) -> u8) {
        self.trace.show(self.now, || "the network parts".into());
        self.figures.count_injected("partition");
        self.network.partition(self.now, group_of);
    }

    /// Ends all faults: paused processes resume, and everybody reaches everybody.
    pub(crate) fn heal(&mut self) -> Check {
        self.trace.show(self.now, || "everything heals".into());
        for index in 0..self.processes.len() {
            self.resume(index)?;
        }
        self.network.restore(self.now);
        self.disturbance.director_group = None;
        self.disturbance.partitions += 1;
        self.record_healing();
        self.director.restart();
        self.last_change = self.now;
        Ok(())
    }

    /// Returns true if the process runs and its node has joined.
    pub(crate) fn is_member(&self, index: HostIndex) -> bool {
        let process = &self.processes[index];
        process.is_running() && process.ready.is_some()
    }

    /// Returns the nodes that run, have joined, and are not leaving.
    pub(crate) fn members(&self) -> Vec<HostIndex> {
        (0..self.processes.len())
            .filter(|&index| {
                self.is_member(index) && self.processes[index].departure.since.is_none()
            })
            .collect()
    }

    /// Returns how many dials there were, by all nodes.
    pub(crate) const fn dials(&self) -> u64 {
        self.network.dials
    }

    /// Returns how often the ring crosses from one network to another, as its first member sees it.
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

    /// Sets the shortest and the longest latency of frames from now on.
    pub(crate) fn set_latency(&mut self, [low, high]: [Duration; 2]) {
        self.network.set_latency(low, high);
    }

    /// Returns how many processes there ever were.
    pub(crate) const fn processes(&self) -> usize {
        self.processes.len()
    }

    /// Returns the pairs of nodes that open links join.
    pub(crate) fn linked_pairs(&self) -> Vec<(HostIndex, HostIndex)> {
        let links = self.network.open_links();
        links.map(|(_, one, other)| (one, other)).collect()
    }

    /// Returns the members in ring order, from the coordinator's view.
    pub(crate) fn in_ring_order(&self) -> Vec<HostIndex> {
        let coordinator = self.coordinator();
        let view = coordinator.and_then(|index| self.processes[index].node().view());
        let members = view.into_iter().flat_map(|view| view.members());
        members
            .filter_map(|member| self.indexes.get(&member.id).copied())
            .collect()
    }

    /// Returns how many processes are alive.
    pub(crate) fn alive(&self) -> usize {
        self.processes
            .iter()
            .filter(|process| process.is_alive())
            .count()
    }

    /// Returns the running coordinator; of several, the one whose view has the highest tag.
    pub(crate) fn coordinator(&self) -> Option<HostIndex> {
        let registers = |&index: &HostIndex| self.processes[index].coordinates();
        self.members()
            .into_iter()
            .filter(registers)
            .max_by_key(|&index| {
                let view = self.processes[index].node().view();
                view.map(|view| view.tag())
            })
    }

    /// Returns all running members that consider themselves the coordinator.
    pub(crate) fn coordinators(&self) -> Vec<HostIndex> {
        let registers = |&index: &HostIndex| self.processes[index].coordinates();
        self.members().into_iter().filter(registers).collect()
    }

    /// Returns the successor of a node, as the node itself sees it.
    pub(crate) fn successor(&self, index: HostIndex) -> Option<HostIndex> {
        let (_, successor) = self.processes[index].node().neighbours()?;
        self.indexes.get(&successor).copied()
    }

    /// Returns both neighbours of a node, as the node itself sees them.
    pub(crate) fn neighbours(&self, index: HostIndex) -> Option<[HostIndex; 2]> {
        let (before, after) = self.processes[index].node().neighbours()?;
        Some([*self.indexes.get(&before)?, *self.indexes.get(&after)?])
    }

    /// Returns the id of a process's node.
    pub(crate) fn id(&self, index: HostIndex) -> NodeId {
        self.processes[index].id()
    }

    /// Allows only these nodes to be found dead from now on, and those that were allowed before.
    pub(crate) fn expect_failed(&mut self, indexes: &[HostIndex]) {
        let ids: Vec<NodeId> = indexes.iter().map(|&index| self.id(index)).collect();
        for oracles in self.rooms.oracles_mut().chain([&mut self.oracles]) {
            oracles.expect_failed(ids.iter().copied());
        }
    }

    /// Ends the process of a node that has left, with `unhanded` messages that it did not hand over.
    pub(super) fn finish_leave(&mut self, index: HostIndex, unhanded: u64) {
        self.trace.show(self.now, || {
            format!("n{index} has left, {unhanded} unhanded")
        });
        self.network.leave(self.now, index);
        let id = self.id(index);
        let handed_over = self.oracles.sent_count(id).saturating_sub(unhanded);
        let heirs = self.heirs_in(&self.oracles, index);
        let process = &mut self.processes[index];
        process.departure.heirs = heirs;
        let last = process.node().view().is_none_or(|view| view.len() <= 1);
        process.health = Health::Left;
        process.departure.handed_over = handed_over;
        if let Some((event, _)) = process.timer.take() {
            self.events.cancel(event);
        }
        if process.registered && last {
            self.director.forget(id);
        }
        self.figures.count_effective("leave");
    }

    /// Returns the members of a ring to which a process that has left it can have handed over: those that run, of its
    /// last view.
    pub(super) fn heirs_in(&self, oracles: &Oracles, index: HostIndex) -> Vec<HostIndex> {
        let view = oracles.view_of(self.id(index));
        let members = view.into_iter().flat_map(|view| view.members());
        members
            .filter_map(|member| self.indexes.get(&member.id).copied())
            .filter(|&heir| heir != index && self.processes[heir].is_running())
            .filter(|&heir| self.network.can_reach(index, heir))
            .collect()
    }

    /// Checks that a node that wanted to leave is gone.
    pub(super) fn check_left(&self, index: HostIndex) -> Check {
        let process = &self.processes[index];
        ensure(process.pauses > 0 || !process.is_running(), "leave", || {
            format!("n{index} has not left after {LEAVE:?}")
        })
    }

    /// Returns true if a living node must have the last messages of one that left: one of its heirs lives, and
    /// nobody died around then who could have taken the messages along.
    pub(super) fn must_be_handed_over(&self, gone: &Process) -> bool {
        let lives = |&heir: &HostIndex| self.processes[heir].is_alive();
        let leaving = gone.departure.since;
        gone.departure.heirs.iter().any(lives)
            && leaving.is_none_or(|leaving| self.nobody_died_near(leaving))
    }

    /// Returns true if nobody died around the time when somebody left.
    pub(super) fn nobody_died_near(&self, leaving: Time) -> bool {
        let span = if self.disturbance.impaired {
            NEAR_DEATH_IMPAIRED
        } else {
            NEAR_DEATH
        };
        let near = |&death: &Time| death + span > leaving && leaving + span > death;
        !self.deaths.iter().any(near)
    }
}

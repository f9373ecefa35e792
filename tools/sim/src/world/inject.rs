//! Faults from a schedule, and their record: whom a fault hits, what it does, and when it ends.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use super::{World, WorldEvent};
use crate::network::{HostIndex, Impairment};
use crate::oracle::Check;
use crate::schedule::{Action, Fault, Role, Schedule, Target};

/// The schedule of what was done in a run; it outlives a run that panics.
pub(crate) type FaultRecord = std::sync::Arc<Mutex<Option<Schedule>>>;

impl World {
    /// Starts to record faults, as parts of this schedule.
    pub(crate) fn start_recording(&mut self, schedule: Schedule) {
        self.record.from = self.now;
        *self
            .record
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(schedule);
    }

    /// Carries out the faults of a schedule, each at its time.
    pub(crate) fn play_schedule(&mut self, schedule: &Schedule) -> Check {
        self.start_recording(Schedule {
            faults: Vec::new(),
            ..schedule.clone()
        });
        if schedule.calm {
            self.expect_failed(&[]);
            self.oracles.expect_few_faults();
        }
        let begun = self.now;
        for Fault { at, action } in &schedule.faults {
            if begun + *at > self.now {
                self.run_until(begun + *at)?;
            }
            self.inject(action.clone())?;
        }
        self.run_until(begun + schedule.lasts)
    }

    /// Carries out a fault, and records it.
    pub(crate) fn inject(&mut self, action: Action) -> Check {
        self.trace.show(self.now, || format!("fault: {action:?}"));
        self.figures.count_injected(action.kind());
        if let Some(schedule) = &mut *self
            .record
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
        {
            schedule.faults.push(Fault {
                at: self.now - self.record.from,
                action: action.clone(),
            });
        }
        match action {
            Action::Paste { node, lines } => match self.resolve(node) {
                Some(index) => self.send_lines(index, lines),
                None => Ok(()),
            },
            Action::Leave { node } => match self.resolve(node) {
                Some(index) => self.leave(index),
                None => Ok(()),
            },
            Action::CreateRoom { .. }
            | Action::JoinRoom { .. }
            | Action::LeaveRoom { .. }
            | Action::PasteInRoom { .. } => self.use_rooms(&action),
            Action::LastWords { node, after } => self.last_words(node, after),
            Action::Start => {
                self.start();
                self.figures.count_effective("start");
                Ok(())
            }
            Action::Director { time } => {
                self.restart_director(time);
                Ok(())
            }
            other => {
                self.apply(&other);
                Ok(())
            }
        }
    }

    /// Carries out what a user does with a room.
    fn use_rooms(&mut self, action: &Action) -> Check {
        let (Action::CreateRoom { node, room }
        | Action::JoinRoom { node, room }
        | Action::LeaveRoom { node, room }
        | Action::PasteInRoom { node, room, .. }) = *action
        else {
            return Ok(());
        };
        let Some(index) = self.resolve(node) else {
            return Ok(());
        };
        match *action {
            Action::CreateRoom { .. } => self.create_room(index, room),
            Action::JoinRoom { .. } => self.join_room(index, room),
            Action::PasteInRoom { lines, .. } => self.send_lines_in(index, room, lines),
            _ => self.leave_room(index, room),
        }
    }

    /// Carries out a fault that hits processes or links, and cannot violate an invariant by itself.
    fn apply(&mut self, action: &Action) {
        match *action {
            Action::Kill { node } => self.for_resolved(node, Self::kill),
            Action::Vanish { node } => self.for_resolved(node, Self::vanish),
            Action::Restart { node, after } => self.for_resolved(node, |world, index| {
                world.restart(index, after);
            }),
            Action::Pause { node, time } => {
                self.for_resolved(node, |world, index| world.pause(index, time));
            }
            Action::Reset { node, other } => {
                if let Some([one, other]) = self.resolve_both(node, other) {
                    self.reset_between(one, other);
                }
            }
            Action::Latency { low, high } => {
                self.figures.count_effective("latency");
                self.network.set_latency(low, high);
            }
            Action::Loss { percent, time } => self.impair_for(Impairment::Loss { percent }, time),
            Action::Cut { node, other, time } => {
                if let Some([from, to]) = self.resolve_both(node, other) {
                    self.impair_for(Impairment::Cut { from, to }, time);
                }
            }
            Action::Slow {
                node,
                other,
                bytes_per_ms,
                time,
            } => {
                if let Some(ends) = self.resolve_both(node, other) {
                    self.impair_for(Impairment::Slow { ends, bytes_per_ms }, time);
                }
            }
            Action::Partition {
                ref groups,
                director,
                time,
            } => self.partition_for(groups, director, time),
            _ => {}
        }
    }

    fn last_words(&mut self, node: Target, after: Duration) -> Check {
        let Some(index) = self.resolve(node) else {
            return Ok(());
        };
        if self.is_member(index) {
            self.figures.count_effective("last words");
        }
        let lines = self.driver_random.between(1, 3);
        self.events.push(self.now + after, WorldEvent::Die(index));
        self.send_lines(index, lines)
    }

    fn restart(&mut self, index: HostIndex, after: Duration) {
        if self.is_member(index) {
            self.figures.count_effective("restart");
        }
        let address = self.processes[index].address.clone();
        self.die(index, false);
        self.events
            .push(self.now + after, WorldEvent::StartAt(address));
    }

    fn impair_for(&mut self, impairment: Impairment, time: Duration) {
        self.disturbance.impaired = true;
        let id = self.network.impair(impairment);
        self.events
            .push(self.now + time, WorldEvent::ImpairmentOver(id));
    }

    fn partition_for(&mut self, groups: &[u8], director: Option<u8>, time: Duration) {
        self.disturbance.impaired = true;
        self.disturbance.partitions += 1;
        let group_of = |index: HostIndex| groups.get(index).copied().unwrap_or(0);
        self.disturbance.director_group = Some(director.unwrap_or(u8::MAX));
        self.disturbance.groups = groups.to_vec();
        self.network.partition(self.now, group_of);
        let number = self.disturbance.partitions;
        self.events
            .push(self.now + time, WorldEvent::PartitionOver(number));
    }

    /// Ends a partition, unless another one has taken its place.
    pub(super) fn end_partition(&mut self, number: u64) {
        if number == self.disturbance.partitions {
            self.trace.show(self.now, || "the network is one".into());
            self.disturbance.director_group = None;
            self.network.partition(self.now, |_| 0);
            self.record_healing();
        }
    }

    /// Returns true if a process reaches the director.
    pub(super) fn reaches_director(&self, index: HostIndex) -> bool {
        let group = self.disturbance.groups.get(index).copied().unwrap_or(0);
        self.disturbance
            .director_group
            .is_none_or(|director| director == group)
    }

    fn for_resolved(&mut self, node: Target, action: impl Fn(&mut Self, HostIndex)) {
        if let Some(index) = self.resolve(node) {
            action(self, index);
        }
    }

    fn resolve_both(&self, one: Target, other: Target) -> Option<[HostIndex; 2]> {
        let both = [self.resolve(one)?, self.resolve(other)?];
        (both[0] != both[1]).then_some(both)
    }

    /// Returns the process that is meant, if there is one.
    fn resolve(&self, target: Target) -> Option<HostIndex> {
        match target {
            Target::Node(index) => (index < self.processes.len()).then_some(index),
            Target::Role(role) => {
                let coordinator = self.coordinator()?;
                let rank = |rank| self.by_seniority().get(rank).copied();
                match role {
                    Role::Coordinator => Some(coordinator),
                    Role::Successor => self.neighbours(coordinator).map(|[_, after]| after),
                    Role::Predecessor => self.neighbours(coordinator).map(|[before, _]| before),
                    Role::Deputy => rank(1),
                    Role::Second => rank(2),
                    Role::Junior => self.by_seniority().last().copied(),
                }
            }
        }
    }

    /// Returns the members that the coordinator's view lists, the most senior first.
    fn by_seniority(&self) -> Vec<HostIndex> {
        let coordinator = self.coordinator();
        let view = coordinator.and_then(|index| self.processes[index].node().view());
        let mut members: Vec<_> = view.into_iter().flat_map(|view| view.members()).collect();
        members.sort_by_key(|member| member.seniority);
        let index = |id| self.indexes.get(id).copied();
        members
            .iter()
            .filter_map(|member| index(&member.id))
            .collect()
    }
}

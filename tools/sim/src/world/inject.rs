//! Faults from a schedule, and their record: whom a fault hits, what it does, and when it ends.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use super::{Happening, World};
use crate::network::{HostIndex, Ill};
use crate::oracle::Check;
use crate::schedule::{Deed, Fault, Role, Schedule, Who};

/// The schedule of what was done in a run; it outlives a run that panics.
pub(crate) type Record = std::sync::Arc<Mutex<Option<Schedule>>>;

impl World {
    /// Starts to record faults, as parts of this schedule.
    pub(crate) fn record(&mut self, schedule: Schedule) {
        self.recorded_from = self.now;
        *self.record.lock().unwrap_or_else(PoisonError::into_inner) = Some(schedule);
    }

    /// Carries out the faults of a schedule, each at its time.
    pub(crate) fn follow(&mut self, schedule: &Schedule) -> Check {
        self.record(Schedule {
            faults: Vec::new(),
            ..schedule.clone()
        });
        if schedule.calm {
            self.expect_failed(&[]);
            self.oracles.be_calm();
        }
        let begun = self.now;
        for Fault { at, deed } in &schedule.faults {
            if begun + *at > self.now {
                self.run_until(begun + *at)?;
            }
            self.inject(deed.clone())?;
        }
        self.run_until(begun + schedule.lasts)
    }

    /// Carries out a fault, and records it.
    pub(crate) fn inject(&mut self, deed: Deed) -> Check {
        self.trace.show(self.now, || format!("fault: {deed:?}"));
        self.figures.inject(deed.kind());
        if let Some(schedule) = &mut *self.record.lock().unwrap_or_else(PoisonError::into_inner) {
            schedule.faults.push(Fault {
                at: self.now - self.recorded_from,
                deed: deed.clone(),
            });
        }
        match deed {
            Deed::Paste { node, lines } => match self.who(node) {
                Some(index) => self.paste(index, lines),
                None => Ok(()),
            },
            Deed::Leave { node } => match self.who(node) {
                Some(index) => self.leave(index),
                None => Ok(()),
            },
            Deed::LastWords { node, after } => self.last_words(node, after),
            Deed::Start => {
                self.start();
                self.figures.fault("start");
                Ok(())
            }
            Deed::Director { time } => {
                self.restart_director(time);
                Ok(())
            }
            other => {
                self.strike(&other);
                Ok(())
            }
        }
    }

    /// Carries out a fault that hits processes or links, and cannot violate an invariant by itself.
    fn strike(&mut self, deed: &Deed) {
        match *deed {
            Deed::Kill { node } => self.each(node, Self::kill),
            Deed::Vanish { node } => self.each(node, Self::vanish),
            Deed::Restart { node, after } => self.each(node, |world, index| {
                world.restart(index, after);
            }),
            Deed::Pause { node, time } => self.each(node, |world, index| world.pause(index, time)),
            Deed::Reset { node, other } => {
                if let Some([one, other]) = self.both(node, other) {
                    self.reset_between(one, other);
                }
            }
            Deed::Latency { low, high } => {
                self.figures.fault("latency");
                self.network.set_latency(low, high);
            }
            Deed::Loss { percent, time } => self.afflict(Ill::Loss { percent }, time),
            Deed::Cut { node, other, time } => {
                if let Some([from, to]) = self.both(node, other) {
                    self.afflict(Ill::Cut { from, to }, time);
                }
            }
            Deed::Slow {
                node,
                other,
                bytes_per_ms,
                time,
            } => {
                if let Some(ends) = self.both(node, other) {
                    self.afflict(Ill::Slow { ends, bytes_per_ms }, time);
                }
            }
            Deed::Partition {
                ref groups,
                director,
                time,
            } => self.part(groups, director, time),
            _ => {}
        }
    }

    fn last_words(&mut self, node: Who, after: Duration) -> Check {
        let Some(index) = self.who(node) else {
            return Ok(());
        };
        if self.is_member(index) {
            self.figures.fault("last words");
        }
        let lines = self.chance.between(1, 3);
        self.agenda.plan(self.now + after, Happening::Die(index));
        self.paste(index, lines)
    }

    fn restart(&mut self, index: HostIndex, after: Duration) {
        if self.is_member(index) {
            self.figures.fault("restart");
        }
        let address = self.processes[index].address.clone();
        self.die(index, false);
        self.agenda
            .plan(self.now + after, Happening::StartAt(address));
    }

    fn afflict(&mut self, ill: Ill, time: Duration) {
        self.impaired = true;
        let name = self.network.afflict(ill);
        self.agenda.plan(self.now + time, Happening::Relief(name));
    }

    fn part(&mut self, groups: &[u8], director: Option<u8>, time: Duration) {
        self.impaired = true;
        self.partitions += 1;
        let group_of = |index: HostIndex| groups.get(index).copied().unwrap_or(0);
        self.director_group = Some(director.unwrap_or(u8::MAX));
        self.groups = groups.to_vec();
        self.network.partition(self.now, group_of);
        let number = self.partitions;
        self.agenda
            .plan(self.now + time, Happening::Reunion(number));
    }

    /// Ends a partition, unless another one has taken its place.
    pub(super) fn reunite(&mut self, number: u64) {
        if number == self.partitions {
            self.trace.show(self.now, || "the network is one".into());
            self.director_group = None;
            self.network.partition(self.now, |_| 0);
            self.watch_healing();
        }
    }

    /// Returns true if a process reaches the director.
    pub(super) fn reaches_director(&self, index: HostIndex) -> bool {
        let group = self.groups.get(index).copied().unwrap_or(0);
        self.director_group.is_none_or(|director| director == group)
    }

    fn each(&mut self, node: Who, deed: impl Fn(&mut Self, HostIndex)) {
        if let Some(index) = self.who(node) {
            deed(self, index);
        }
    }

    fn both(&self, one: Who, other: Who) -> Option<[HostIndex; 2]> {
        let both = [self.who(one)?, self.who(other)?];
        (both[0] != both[1]).then_some(both)
    }

    /// Returns the process that is meant, if there is one.
    pub(crate) fn who(&self, who: Who) -> Option<HostIndex> {
        match who {
            Who::Node(index) => (index < self.processes.len()).then_some(index),
            Who::Role(role) => {
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
        let view = coordinator.and_then(|index| self.processes[index].node.view());
        let mut members: Vec<_> = view.into_iter().flat_map(|view| view.members()).collect();
        members.sort_by_key(|member| member.seniority);
        let index = |id| self.indexes.get(id).copied();
        members
            .iter()
            .filter_map(|member| index(&member.id))
            .collect()
    }
}

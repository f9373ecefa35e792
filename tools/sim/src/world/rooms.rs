//! The rooms of a schedule: users create, join and leave them, and talk in them. Each room is a ring with oracles of its
//! own.
//!
//! Not here: what holds in a room at rest (`rest`), and the one room of `--in-room` (`common_room`).

mod rest;

use std::collections::BTreeMap;

use ringtalk_proto::{Delivered, Event, Input, Node, Time};
use ringtalk_wire::{NodeId, RingId};

use super::World;
use crate::network::HostIndex;
use crate::oracle::{Check, Oracles, ensure};

/// The rooms that users have created, by their numbers in the schedule.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    rooms: BTreeMap<u64, Room>,
    numbers: BTreeMap<RingId, u64>,
}

/// A room, and everybody who was ever in it.
#[derive(Debug)]
struct Room {
    ring: RingId,
    oracles: Oracles,
    visitors: BTreeMap<HostIndex, Visitor>,
}

/// A process that is or was in a room.
#[derive(Debug, Default)]
struct Visitor {
    /// How often it has entered.
    stays: u64,
    stage: Stage,
    /// Up to which of its messages nobody but an earlier stay of its own may have them.
    excused: u64,
}

/// Where a visitor is.
#[derive(Debug, Default)]
enum Stage {
    /// It is in the room, or is joining it.
    #[default]
    Inside,
    /// Its user has wanted to leave since then.
    Leaving(Time),
    /// It has left.
    Gone(RoomExit),
}

/// How a process left a room.
#[derive(Debug)]
struct RoomExit {
    /// When its user wanted to leave.
    since: Time,
    /// Its last message that another node must have.
    handed_over: u64,
    /// The members that ran and were in its view when it had left, each with the number of its stay.
    heirs: Vec<(HostIndex, u64)>,
}

impl Rooms {
    /// Returns the oracles of all rooms.
    pub(super) fn oracles(&self) -> impl Iterator<Item = &Oracles> {
        self.rooms.values().map(|room| &room.oracles)
    }

    /// Returns the same, to be told something.
    pub(super) fn oracles_mut(&mut self) -> impl Iterator<Item = &mut Oracles> {
        self.rooms.values_mut().map(|room| &mut room.oracles)
    }

    /// Returns the oracles of the room with this ring.
    pub(super) fn oracles_of(&mut self, ring: RingId) -> Option<&mut Oracles> {
        let room = self.rooms.get_mut(self.numbers.get(&ring)?)?;
        Some(&mut room.oracles)
    }

    fn is_inside(&self, number: u64, index: HostIndex) -> bool {
        let room = self.rooms.get(&number);
        let visitor = room.and_then(|room| room.visitors.get(&index));
        visitor.is_some_and(|visitor| matches!(visitor.stage, Stage::Inside))
    }
}

impl World {
    /// Makes a user create a room, unless there is one of this number. The room's id is drawn.
    pub(crate) fn create_room(&mut self, index: HostIndex, number: u64) -> Check {
        if self.rooms.rooms.contains_key(&number) || !self.can_act(index) {
            return Ok(());
        }
        let random = self.driver_random.bytes();
        let now = self.now;
        let host = &mut self.processes[index].host;
        let Ok(ring) = host.create_nameless_room(now, &random) else {
            return Ok(());
        };
        self.trace
            .show(now, || format!("n{index} creates room {number}, {ring:?}"));
        let room = Room {
            ring,
            oracles: self.oracles.for_another_ring(),
            visitors: BTreeMap::new(),
        };
        self.rooms.rooms.insert(number, room);
        self.rooms.numbers.insert(ring, number);
        self.begin_stay(index, number, "create room")
    }

    /// Makes a user join a room by its id, unless it is in it.
    pub(crate) fn join_room(&mut self, index: HostIndex, number: u64) -> Check {
        let Some(room) = self.rooms.rooms.get(&number) else {
            return Ok(());
        };
        let ring = room.ring;
        if !self.can_act(index) {
            return Ok(());
        }
        let now = self.now;
        if self.processes[index].host.join_room(now, ring).is_err() {
            return Ok(());
        }
        self.trace
            .show(now, || format!("n{index} joins room {number}"));
        self.begin_stay(index, number, "join room")
    }

    fn begin_stay(&mut self, index: HostIndex, number: u64, kind: &str) -> Check {
        self.figures.count_effective(kind);
        let id = self.id(index);
        let is_lost = |world: &Self, departure: &RoomExit| {
            let calm = world.disturbance.partitions == 0 && !world.disturbance.impaired;
            !calm || !world.must_be_handed_over_in(number, departure)
        };
        let room = self.rooms.rooms.get(&number);
        let visitor = room.and_then(|room| room.visitors.get(&index));
        let loses = visitor.is_some_and(|visitor| match &visitor.stage {
            Stage::Gone(departure) => is_lost(self, departure),
            Stage::Inside | Stage::Leaving(_) => false,
        });
        if let Some(room) = self.rooms.rooms.get_mut(&number) {
            self.processes[index].inside.insert(room.ring);
            let visitor = room.visitors.entry(index).or_default();
            visitor.stays += 1;
            visitor.stage = Stage::Inside;
            if loses {
                visitor.excused = room.oracles.sent_count(id);
            }
        }
        self.drain(index)
    }

    /// Makes a user leave a room.
    pub(crate) fn leave_room(&mut self, index: HostIndex, number: u64) -> Check {
        if !self.processes[index].is_running() || !self.rooms.is_inside(number, index) {
            return Ok(());
        }
        let Some(room) = self.rooms.rooms.get_mut(&number) else {
            return Ok(());
        };
        let ring = room.ring;
        room.visitors.entry(index).or_default().stage = Stage::Leaving(self.now);
        self.trace
            .show(self.now, || format!("n{index} leaves room {number}"));
        self.figures.count_effective("leave room");
        self.tell_ring(index, ring, Input::Leave)
    }

    /// Notes that a process leaves all its rooms, because its user leaves the discussion.
    pub(super) fn note_leaving_all_rooms(&mut self, index: HostIndex) {
        let now = self.now;
        for room in self.rooms.rooms.values_mut() {
            if let Some(visitor) = room.visitors.get_mut(&index)
                && matches!(visitor.stage, Stage::Inside)
            {
                visitor.stage = Stage::Leaving(now);
            }
        }
    }

    /// Notes that a process has left a room, with `untaken` messages that nobody else has.
    pub(super) fn finish_stay(&mut self, index: HostIndex, ring: RingId, untaken: u64) {
        let id = self.id(index);
        let Some(&number) = self.rooms.numbers.get(&ring) else {
            return;
        };
        let Some(room) = self.rooms.rooms.get(&number) else {
            return;
        };
        let heirs = self
            .heirs_in(&room.oracles, index)
            .into_iter()
            .filter_map(|heir| Some((heir, room.visitors.get(&heir)?.stays)))
            .collect();
        let Some(room) = self.rooms.rooms.get_mut(&number) else {
            return;
        };
        let visitor = room.visitors.entry(index).or_default();
        let since = match visitor.stage {
            Stage::Leaving(since) => since,
            Stage::Inside | Stage::Gone(_) => self.now,
        };
        let sent = room.oracles.sent_count(id);
        visitor.stage = Stage::Gone(RoomExit {
            since,
            handed_over: sent.saturating_sub(untaken),
            heirs,
        });
        room.oracles.record_exit(id);
        self.trace.show(self.now, || {
            format!("n{index} has left room {number}, {untaken} untaken")
        });
    }

    /// Makes a user send `lines` lines in a room, as far as the room's node accepts them.
    pub(crate) fn send_lines_in(&mut self, index: HostIndex, number: u64, lines: u64) -> Check {
        for _ in 0..lines {
            let Some(room) = self.rooms.rooms.get(&number) else {
                return Ok(());
            };
            let node = self.processes[index].host.room(&room.ring);
            let accepts = node.is_some_and(Node::accepts_input);
            if !self.can_act(index) || !self.rooms.is_inside(number, index) || !accepts {
                return Ok(());
            }
            let ring = room.ring;
            self.say_in(index, ring, &format!(" in room {number}"))?;
        }
        Ok(())
    }

    /// Handles an event of a room, and checks it.
    pub(super) fn handle_room_event(
        &mut self,
        index: HostIndex,
        ring: RingId,
        event: &Event,
    ) -> Check {
        let node = self.processes[index].id();
        let Some(&number) = self.rooms.numbers.get(&ring) else {
            return Ok(());
        };
        self.trace.show(self.now, || {
            format!("n{index} says in room {number} {event:?}")
        });
        self.trace.mix(number);
        self.trace.mix_event(event);
        match event {
            Event::Error { kind, .. } => drop(self.processes[index].errors.insert(*kind)),
            Event::View(_) | Event::Neighbours { .. } => self.last_change = self.now,
            Event::Message(message) => self.check_said_here(node, ring, message)?,
            _ => {}
        }
        let host = &self.processes[index].host;
        let waits = |author: &NodeId| host.room(&ring).is_some_and(|node| node.waits_for(author));
        match self.rooms.oracles_of(ring) {
            Some(oracles) => oracles.check_event(node, event, waits),
            None => Ok(()),
        }
    }

    /// I1: checks that a message was not sent in another ring than the one in which it is delivered.
    pub(super) fn check_said_here(
        &mut self,
        node: NodeId,
        ring: RingId,
        message: &Delivered,
    ) -> Check {
        if self.rooms.rooms.is_empty() {
            return Ok(());
        }
        let here = match self.rooms.oracles_of(ring) {
            Some(oracles) => oracles.was_sent(message),
            None => self.oracles.was_sent(message),
        };
        let mut oracles = self.rooms.oracles().chain([&self.oracles]);
        let elsewhere = !here && oracles.any(|one| one.was_sent(message));
        ensure(!elsewhere, "I1", || {
            format!(
                "{node:?} delivers {:?}, which was sent in another ring, in {ring:?}",
                message.id
            )
        })
    }

    /// Looks after the rooms of a process: its user gives up waiting for a room that nobody is in any more, and a node
    /// that coordinates a part of a room is told of another part.
    pub(super) fn tend_rooms(&mut self, index: HostIndex) -> Check {
        let numbers: Vec<u64> = self.rooms_of(index);
        for number in numbers {
            let Some(ring) = self.rooms.rooms.get(&number).map(|room| room.ring) else {
                continue;
            };
            if self.has_members(number) {
                self.introduce_coordinators(index, ring)?;
            } else {
                self.leave_room(index, number)?;
            }
        }
        Ok(())
    }

    /// Returns the rooms that a process is in, or is joining.
    pub(crate) fn rooms_of(&self, index: HostIndex) -> Vec<u64> {
        let numbers = self.rooms.rooms.keys().copied();
        numbers
            .filter(|&number| self.rooms.is_inside(number, index))
            .collect()
    }

    /// Returns the numbers of all rooms that were ever created.
    pub(crate) fn room_numbers(&self) -> Vec<u64> {
        self.rooms.rooms.keys().copied().collect()
    }

    /// Returns the ring of a room, or the one that is observed.
    pub(super) fn ring_of(&self, room: Option<u64>) -> RingId {
        let room = room.and_then(|number| self.rooms.rooms.get(&number));
        room.map_or(self.setup.ring, |room| room.ring)
    }

    /// Returns the process that coordinates a room, if there is one.
    pub(crate) fn coordinator_of_room(&self, number: u64) -> Option<HostIndex> {
        let ring = self.rooms.rooms.get(&number)?.ring;
        let mut inside = self.visitors_of(number).into_iter();
        inside.find(|&index| self.processes[index].coordinates_in(&ring))
    }

    /// Returns the processes that are alive and in a room, or are joining it.
    pub(crate) fn visitors_of(&self, number: u64) -> Vec<HostIndex> {
        let lives = |index: &HostIndex| self.processes[*index].is_alive();
        let room = self.rooms.rooms.get(&number);
        let visitors = room.into_iter().flat_map(|room| room.visitors.keys());
        visitors
            .copied()
            .filter(lives)
            .filter(|&index| self.rooms.is_inside(number, index))
            .collect()
    }

    fn can_act(&self, index: HostIndex) -> bool {
        let process = &self.processes[index];
        process.is_running() && process.departure.since.is_none()
    }
}

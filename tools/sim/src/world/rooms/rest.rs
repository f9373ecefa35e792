//! What holds in the rooms at rest: the same as in the lobby, among those who are in each room.

use std::collections::BTreeSet;

use ringtalk_proto::Node;
use ringtalk_wire::NodeId;

use super::super::World;
use super::{Room, RoomExit, Stage, Visitor};
use crate::network::HostIndex;
use crate::oracle::{Author, Check, Witness, ensure};

impl World {
    /// Returns true if some process that is alive is a member of a room.
    pub(super) fn has_members(&self, number: u64) -> bool {
        let Some(room) = self.rooms.rooms.get(&number) else {
            return false;
        };
        let mut visitors = room.visitors.keys();
        visitors.any(|&index| {
            let process = &self.processes[index];
            let node = process.host.room(&room.ring);
            process.is_alive() && node.is_some_and(Node::is_member)
        })
    }

    /// Returns true if each room is one ring of exactly those who are in it, and they have the same messages.
    pub(in crate::world) fn are_rooms_whole(&self) -> bool {
        let mut rooms = self.rooms.rooms.iter();
        rooms.all(|(&number, room)| {
            let inside = self.visitors_of(number);
            let ids: BTreeSet<NodeId> = inside.iter().map(|&index| self.id(index)).collect();
            let nodes = inside
                .iter()
                .map(|&index| self.processes[index].host.room(&room.ring));
            let states: BTreeSet<_> = nodes
                .map(|node| {
                    let node = node?;
                    let view = node.view()?;
                    let members: BTreeSet<NodeId> = view.members().map(|one| one.id).collect();
                    (members == ids).then(|| (view.tag(), node.clock().hash()))
                })
                .collect();
            states.len() <= 1 && !states.contains(&None)
        })
    }

    /// Makes everybody send one line in each room.
    pub(in crate::world) fn send_lines_in_rooms(&mut self) -> Check {
        for number in self.room_numbers() {
            for index in self.visitors_of(number) {
                self.send_lines_in(index, number, 1)?;
            }
        }
        Ok(())
    }

    /// Checks the invariants at rest in each room, among those who are in it.
    pub(in crate::world) fn check_rooms_at_rest(&self) -> Check {
        for (number, room) in &self.rooms.rooms {
            let inside = self.visitors_of(*number);
            let nodes = inside
                .iter()
                .filter_map(|&index| self.processes[index].host.room(&room.ring));
            let witnesses: Vec<Witness> = nodes.map(Witness::from).collect();
            ensure(witnesses.len() == inside.len(), "room", || {
                format!("some of n{inside:?} have left room {number}, though no user wanted it")
            })?;
            self.check_nobody_lingers(*number, room)?;
            if !witnesses.is_empty() {
                let authors: Vec<Author> = self.authors_in(*number, room);
                let check = room
                    .oracles
                    .check_at_rest(&witnesses, &authors, self.setup.history);
                check.map_err(|violation| violation.in_room(*number))?;
            }
        }
        Ok(())
    }

    fn check_nobody_lingers(&self, number: u64, room: &Room) -> Check {
        let lingers = |(index, visitor): &(&HostIndex, &Visitor)| {
            self.processes[**index].is_alive() && matches!(visitor.stage, Stage::Leaving(_))
        };
        let lingering = room.visitors.iter().find(lingers);
        ensure(lingering.is_none(), "leave", || {
            format!("{lingering:?} has not left room {number} at rest")
        })
    }

    /// Returns how many messages of each author must arrive in a room, as in the lobby.
    fn authors_in(&self, number: u64, room: &Room) -> Vec<Author> {
        let author = |(&index, visitor): (&HostIndex, &Visitor)| {
            let id = self.id(index);
            let due = match &visitor.stage {
                Stage::Inside if self.processes[index].is_alive() => room.oracles.sent_count(id),
                Stage::Gone(departure) if self.must_be_handed_over_in(number, departure) => {
                    departure.handed_over
                }
                Stage::Inside | Stage::Leaving(_) | Stage::Gone(_) => 0,
            };
            let excused = visitor.excused;
            Author { id, due, excused }
        };
        room.visitors.iter().map(author).collect()
    }

    /// Returns true if the members of a room must have the last messages of one that left: one of its heirs has been
    /// there ever since, and nobody died around then who could have taken the messages along.
    pub(super) fn must_be_handed_over_in(&self, number: u64, departure: &RoomExit) -> bool {
        let room = self.rooms.rooms.get(&number);
        let stays = |&(heir, stay): &(HostIndex, u64)| {
            let visitor = room.and_then(|room| room.visitors.get(&heir));
            let is_there =
                |visitor: &Visitor| visitor.stays == stay && matches!(visitor.stage, Stage::Inside);
            self.processes[heir].is_alive() && visitor.is_some_and(is_there)
        };
        departure.heirs.iter().any(stays) && self.nobody_died_near(departure.since)
    }
}

//! The one room of `--in-room`: each process enters it as soon as the lobby has let it in, and all users talk there.
//!
//! Also here: the parts of any room are told of each other. Not here: what is checked in the room, which is what is
//! checked in the lobby otherwise.

use ringtalk_proto::Input;
use ringtalk_wire::{Contact, RingId};

use super::World;
use crate::keys::{LOBBY, ROOM};
use crate::network::HostIndex;
use crate::oracle::Check;
use crate::process::Process;

impl World {
    /// Enters the room, or founds it if no process that is alive is in it.
    pub(super) fn enter_room(&mut self, index: HostIndex) {
        if self.setup.ring == LOBBY {
            return;
        }
        let somebody_is_inside = self.room_has_members();
        let now = self.now;
        self.processes[index].inside.insert(ROOM);
        let host = &mut self.processes[index].host;
        if somebody_is_inside {
            // It is in the room already if it has come back to the lobby.
            let _ = host.join_room(now, ROOM);
        } else {
            host.found_room(now, ROOM);
        }
    }

    /// Founds the room anew if all who were in it are gone, as a director lets somebody found the discussion anew.
    pub(super) fn refound_room(&mut self, index: HostIndex) -> Check {
        let process = &self.processes[index];
        let waits = process.is_running() && process.host.room(&ROOM).is_some();
        if waits && !self.room_has_members() {
            self.enter_room(index);
            return self.drain(index);
        }
        Ok(())
    }

    /// Tells a node that coordinates a room, or a part of it, of another one that does, as the directory of rooms will.
    pub(super) fn introduce_coordinators(&mut self, index: HostIndex, ring: RingId) -> Check {
        let process = &self.processes[index];
        if ring == LOBBY || !process.is_running() || !process.coordinates_in(&ring) {
            return Ok(());
        }
        let is_foreign = |other: &Process| {
            let view = process.host.lobby().view();
            let is_listed = view.is_some_and(|view| view.contains(&other.id()));
            is_listed
                && other.id() != process.id()
                && other.is_alive()
                && other.coordinates_in(&ring)
        };
        let foreign = self.processes.iter().find(|other| is_foreign(other));
        let contact = foreign.and_then(|other| {
            Some(Contact {
                id: other.id(),
                addresses: other.addresses.clone(),
                epoch: other.host.room(&ring)?.view()?.tag().epoch,
            })
        });
        let Some(contact) = contact else {
            return Ok(());
        };
        self.tell_ring(index, ring, Input::Foreign(contact))
    }

    fn room_has_members(&self) -> bool {
        let mut alive = self.processes.iter().filter(|process| process.is_alive());
        alive.any(|process| {
            process
                .host
                .room(&ROOM)
                .is_some_and(|node| node.view().is_some())
        })
    }
}

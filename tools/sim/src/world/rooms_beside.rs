//! Rooms beside the ring that is observed: a scenario enters them and speaks in them itself.
//!
//! Of these rooms only what their nodes keep is checked. Not here: the room in which all users talk (`rooms`).

use ringtalk_proto::{Draft, Input, Node};
use ringtalk_wire::{BundleMessage, RingId};

use super::World;
use crate::network::HostIndex;
use crate::oracle::{Check, Violation};

impl World {
    /// Makes a process found a room.
    pub(crate) fn found_beside(&mut self, index: HostIndex, ring: RingId) -> Check {
        let now = self.now;
        self.processes[index].inside.insert(ring);
        self.processes[index].host.found_room(now, ring);
        self.drain(index)
    }

    /// Makes a process join a room.
    pub(crate) fn join_beside(&mut self, index: HostIndex, ring: RingId) -> Check {
        let now = self.now;
        self.processes[index].inside.insert(ring);
        let joined = self.processes[index].host.join_room(now, ring);
        debug_assert_eq!(joined, Ok(()));
        self.drain(index)
    }

    /// Makes a process say a text of so many bytes in a room. Returns false if its node takes nothing more yet.
    pub(crate) fn say_beside(
        &mut self,
        index: HostIndex,
        ring: &RingId,
        bytes: usize,
    ) -> Result<bool, Violation> {
        let now = self.now;
        let host = &mut self.processes[index].host;
        let accepts = host.room(ring).is_some_and(Node::accepts_input);
        if accepts {
            let text = BundleMessage::text(now.as_micros() / 1_000, "x".repeat(bytes));
            host.handle_in(now, ring, Input::Say(Draft::from(text)));
            self.drain(index)?;
        }
        Ok(accepts)
    }

    /// Returns the node of a process in a room.
    pub(crate) fn node_beside(&self, index: HostIndex, ring: &RingId) -> Option<&Node> {
        self.processes[index].host.room(ring)
    }
}

//! The events of a room, as its members see them.
//!
//! They are those of the discussion, as far as a room has them. Not here: the messages (`event`).

use std::sync::Arc;

use ringtalk_wire::{NodeId, VectorClock};

use crate::{Members, Person, RoomName};

/// An event in a room other than the lobby.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RoomEvent {
    /// This node creates or joins the room.
    Entering,
    /// The name of the room is known.
    Named(RoomName),
    /// The vector clock starts here.
    Start {
        /// The clock before the first message. This node does not receive the messages that it covers.
        base: VectorClock,
    },
    /// This node is in the room and has fetched the history. This happens once.
    Ready,
    /// A new view is in force.
    View(Arc<Members>),
    /// A member joined.
    Joined(Person),
    /// A member left properly. If it is this node, it is in the room no more.
    Left(Person),
    /// This node was not let in, and gives up.
    NotEntered,
    /// A member was found dead.
    Failed(Person),
    /// Another node administers the room.
    Administrator {
        /// The administrator.
        administrator: Person,
        /// The one before.
        previous: Option<NodeId>,
        /// What became of that one.
        cause: Succession,
    },
    /// Several members were lost at once, so the network may be partitioned.
    Split {
        /// The number of members that are left on this side.
        members: usize,
    },
    /// Two parts of the room became one.
    Merged {
        /// The number of members in the merged room.
        members: usize,
    },
    /// Members have delivered this node's own messages `first..=last`.
    Reached {
        /// The first message.
        first: u64,
        /// The last message.
        last: u64,
        /// The number of members that have delivered them, this node included.
        members: u64,
        /// True if every member has them, and there is another one. It stays true, whoever comes.
        complete: bool,
    },
    /// Messages `from..=to` of an author are not available at present.
    Gap {
        /// The author.
        author: NodeId,
        /// The first missing message.
        from: u64,
        /// The last missing message.
        to: u64,
        /// True if the clock passes them: they were delivered elsewhere, and no member keeps them any more.
        passed: bool,
    },
}

/// The reason why another node administers a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Succession {
    /// The room is new.
    Created,
    /// The administrator before has left.
    HandedOver,
    /// The administrator before has failed.
    Failed,
    /// Two parts of the room became one.
    Merged,
}

impl Succession {
    /// Returns the word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::HandedOver => "handed-over",
            Self::Failed => "failed",
            Self::Merged => "merged",
        }
    }
}

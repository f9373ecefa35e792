//! The events of a discussion, as its user sees them.
//!
//! Not here: the state that is derived from them (`state`), and their rendering (`json`, and the faces).

use std::sync::Arc;

use bytestring::ByteString;
use ringtalk_wire::{Epoch, MessageId, NodeId, RingId, VectorClock};

use crate::{Code, Invite, InviteState, Members, Presence, RoomEvent};

/// An event in a discussion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Joining has reached this stage.
    Joining(JoinStage),
    /// The outcome of one step of joining.
    Progress(JoinProgress),
    /// The vector clock starts here.
    Start {
        /// The clock before the first message. This node does not receive the messages that it covers.
        base: VectorClock,
    },
    /// The node is in the ring and has fetched the history. This happens once.
    Ready {
        /// The name that the coordinator gave this node.
        name: String,
    },
    /// A message was delivered, in the lobby or in another room.
    Message(Message),
    /// A message between programs was delivered.
    Control(ControlMessage),
    /// Something happened in a room other than the lobby.
    Room(RingId, RoomEvent),
    /// The lines that the user types go to this room from now on.
    Typing {
        /// The room.
        room: RingId,
    },
    /// A new view is in force.
    View(Arc<Members>),
    /// The neighbours changed. Both are `None` if the node is alone.
    Neighbours {
        /// The neighbour counter-clockwise.
        predecessor: Option<NodeId>,
        /// The neighbour clockwise.
        successor: Option<NodeId>,
    },
    /// The coordinator or its epoch changed.
    Coordinator {
        /// The epoch, with the coordinator's id.
        epoch: Epoch,
    },
    /// A member joined.
    Joined(Person),
    /// A member left properly.
    Left(Person),
    /// A member was found dead.
    Failed(Person),
    /// A member has a new name.
    Renamed {
        /// The member, with the new name.
        person: Person,
        /// The previous name.
        previous: String,
    },
    /// Several members were lost at once, so the network may be partitioned.
    Split {
        /// The number of members that are left on this side.
        members: usize,
        /// The epoch on this side.
        epoch: Epoch,
    },
    /// Two rings became one.
    Merged {
        /// The number of members in the merged ring.
        members: usize,
        /// The epoch of the merged ring.
        epoch: Epoch,
    },
    /// Members have delivered this node's own messages `first..=last`. What is said alone has reached nobody until
    /// somebody comes and has it.
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
    /// A problem that the user should know about. The node goes on.
    Error(Remark),
    /// Information that may be useful to the user.
    Notice(Remark),
    /// The invite of the discussion is another one now. It is only for the state: faces show invites on request.
    Invite(InviteState),
    /// This discussion is open to anyone.
    Open {
        /// A sentence for people, which says who can join.
        message: String,
    },
    /// Others reach this node at another address.
    Relocated {
        /// The address.
        address: String,
        /// The invite from now on.
        invite: Invite,
        /// A sentence for people, which says what changed.
        message: String,
    },
    /// The node ends. This is the last event.
    Goodbye {
        /// The reason.
        reason: Goodbye,
    },
}

/// A sentence for people, with a code for programs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remark {
    /// The code, for programs.
    pub code: Code,
    /// The sentence, for people: what happened, and what to do.
    pub message: String,
}

/// The member that an event is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: String,
}

/// A delivered message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The room.
    pub room: RingId,
    /// Author and sequence number.
    pub id: MessageId,
    /// The author's name, as far as it is known.
    pub name: Arc<str>,
    /// The time on the author's clock, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// The time on this node's clock when the message arrived, in milliseconds since 1970.
    pub arrived_ms: u64,
    /// The text. It is a slice of the bundle that the message came in, and keeps that bundle in memory.
    pub text: ByteString,
    /// Its Lamport time.
    pub lamport: u64,
    /// Its direct causal dependencies. `None` means the author's previous message, which came in the same bundle.
    pub heads: Option<Vec<MessageId>>,
    /// True if the message was said before this node joined.
    pub history: bool,
}

/// A delivered message between programs. It is not shown as a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControlMessage {
    /// The room.
    pub room: RingId,
    /// Author and sequence number.
    pub id: MessageId,
    /// The author's name, as far as it is known.
    pub name: Arc<str>,
    /// What it tells of the author's user, if it does.
    pub presence: Option<Presence>,
    /// True if the message was said before this node joined.
    pub history: bool,
}

impl ControlMessage {
    /// Returns the length of what it tells, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.presence {
            Some(Presence::Away(reason)) => reason.len(),
            _ => 0,
        }
    }
}

impl Message {
    /// Returns the message's direct causal dependencies.
    pub fn dependencies(&self) -> Vec<MessageId> {
        let previous = MessageId {
            seq: self.id.seq - 1,
            ..self.id
        };
        let heads = self.heads.as_ref();
        heads.map_or_else(|| vec![previous], Clone::clone)
    }
}

/// A stage of joining.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JoinStage {
    /// A director is asked where the coordinator is.
    AskingDirector,
    /// This node is connecting to the member that it will ask for a place.
    Linking {
        /// The member.
        peer: NodeId,
        /// Its address.
        address: String,
    },
    /// That member was asked for a place in the ring.
    AskingForPlace {
        /// The member.
        peer: NodeId,
        /// Its address.
        address: String,
    },
    /// This node has a place in the ring, and fetches the history.
    FetchingHistory {
        /// The number of messages that have arrived.
        done: u64,
        /// The number of messages in total; 0 until it is known.
        total: u64,
    },
}

/// The outcome of one step of joining.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JoinProgress {
    /// The node asks the directors where the coordinator is.
    AskingDirectors {
        /// The addresses of the directors.
        directors: String,
    },
    /// A director answered, and told this node to try again later.
    DirectorDeferred {
        /// The address of the director.
        director: String,
        /// The reason that the director gave.
        reason: String,
    },
    /// No director answered.
    NoDirector {
        /// The reason, in a few words.
        reason: String,
        /// A suggestion for the user.
        advice: &'static str,
    },
    /// This node could not connect to the member that it wants to ask for a place.
    LinkFailed {
        /// The reason, in a few words.
        reason: String,
        /// Whether the member may be there, behind a router that lets nobody in.
        may_be_at_home: bool,
    },
}

/// The reason why a node ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Goodbye {
    /// The user asked for it.
    Quit,
    /// A signal asked for it.
    Signal,
    /// Stdin ended.
    EndOfInput,
    /// Nobody could be reached in time.
    Unreachable,
    /// This node was refused entry.
    Refused,
    /// Something failed.
    Failure,
}

impl Goodbye {
    /// Returns the word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::Signal => "signal",
            Self::EndOfInput => "end-of-input",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Failure => "failure",
        }
    }
}

//! The commands of a user, and the node's answers.
//!
//! Not here: the lines that people type (`ringtalk-terminal`), and the events that other members see (`event`).

use std::fmt;
use std::sync::Arc;

use ringtalk_wire::{MessageId, NodeId, RingId};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::{
    Code, FaceCommand, Invite, Members, MessageText, Place, RequestedName, Room, RoomName,
};

/// A command of the user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Send this text. It is never parsed as a command, whatever it starts with.
    Say(Place, MessageText),
    /// Create a room with this name. Lines that are typed go there then.
    Create(RoomName),
    /// Join a room. Lines that are typed go there then.
    Join(Place),
    /// Let typed lines go to a room that the node is in, or say where they go.
    Go(Option<Place>),
    /// Leave a room.
    Leave(Place),
    /// List the rooms that the node is in.
    Rooms,
    /// Tell the others of the user's presence.
    Tell(Presence),
    /// Ask the coordinator for another name.
    Name(RequestedName),
    /// List the members of a room.
    Who(Place),
    /// Show the ring.
    Ring,
    /// Show the invite.
    Invite,
    /// List the ids of all messages of a room that this node keeps.
    Transcript(Place),
    /// Do what the face does by itself.
    Face(FaceCommand),
    /// List the available commands.
    Help,
    /// Clear the display.
    Clear,
    /// Leave the discussion.
    Quit,
}

/// What others are told of a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Presence {
    /// The user is away, for this reason; it may be empty.
    Away(String),
    /// The user is back.
    Back,
    /// The user has saved a copy of what was said in all rooms of the node.
    Saved,
}

impl Presence {
    /// Returns the name of the command, as programs write it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Away(_) => "away",
            Self::Back => "back",
            Self::Saved => "save",
        }
    }
}

impl Command {
    /// Returns the command to send a text where typed lines go.
    pub const fn say(text: MessageText) -> Self {
        Self::Say(Place::Here, text)
    }

    /// Returns the command's name, as programs write it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Say(..) => "say",
            Self::Create(_) => "create",
            Self::Join(_) => "join",
            Self::Go(_) => "room",
            Self::Leave(_) => "leave",
            Self::Rooms => "rooms",
            Self::Tell(presence) => presence.name(),
            Self::Name(_) => "name",
            Self::Who(_) => "who",
            Self::Ring => "ring",
            Self::Invite => "invite",
            Self::Transcript(_) => "transcript",
            Self::Face(command) => command.name(),
            Self::Help => "help",
            Self::Clear => "clear",
            Self::Quit => "quit",
        }
    }
}

/// A node's answer to a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The message was sent.
    Sent {
        /// The room.
        room: RingId,
        /// Author and sequence number.
        id: MessageId,
    },
    /// The node is in this room.
    Entered(RingId),
    /// Typed lines go to this room.
    Typing(RingId),
    /// The rooms that the node is in, besides the lobby.
    Rooms(Vec<Room>),
    /// The request was accepted. Events report its outcome.
    Accepted,
    /// The members of a room; `None` before the first view.
    Who {
        /// The room.
        room: RingId,
        /// Its members.
        members: Option<Arc<Members>>,
    },
    /// The ring.
    Ring {
        /// Its members; `None` before the first view.
        members: Option<Arc<Members>>,
        /// The neighbour before this node.
        predecessor: Option<NodeId>,
        /// The neighbour after this node.
        successor: Option<NodeId>,
    },
    /// The invite to this discussion.
    Invite(Invite),
    /// The ids of all messages of a room that this node keeps, in transcript order.
    Transcript {
        /// The room.
        room: RingId,
        /// The ids.
        ids: Vec<MessageId>,
    },
    /// The face carries this out by itself.
    Face(FaceCommand),
    /// The face lists its own commands.
    Help,
    /// The face clears its display.
    Clear,
}

impl Reply {
    /// Returns true if it says nothing but that the command was accepted or carried out.
    pub const fn is_plain(&self) -> bool {
        matches!(self, Self::Sent { .. } | Self::Accepted)
    }
}

/// The reason why a node does not carry out a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandError {
    /// The code, for programs.
    pub code: Code,
    /// The sentence, for people: what is wrong, and what to do.
    pub message: String,
}

impl CommandError {
    /// Returns the error for a command that comes before the node is ready.
    pub fn not_ready() -> Self {
        Self {
            code: Code::NotReady,
            message: "not carried out: this node has not joined the discussion yet; try again when it is ready"
                .to_owned(),
        }
    }

    /// Returns the error for a room that the node is not in.
    pub fn no_such_room(place: &Place) -> Self {
        Self {
            code: Code::NoSuchRoom,
            message: format!("you are not in {place}; /rooms lists your rooms"),
        }
    }

    /// Returns the error for typed lines that go to no room.
    pub fn nowhere() -> Self {
        Self {
            code: Code::NoSuchRoom,
            message:
                "nothing is sent: your lines go to no room now; /room main lets them go to #main"
                    .to_owned(),
        }
    }

    /// Returns the error for a room that has ended for this node.
    pub fn room_ended(label: &str) -> Self {
        Self {
            code: Code::NoSuchRoom,
            message: format!(
                "not sent: you are not in #{label} any more; /room main goes to #main"
            ),
        }
    }

    /// Returns the error for a node that has ended or is ending.
    pub fn ended() -> Self {
        Self {
            code: Code::Ended,
            message: "not carried out: this node is leaving the discussion, or has left it"
                .to_owned(),
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CommandError {}

/// A command on its way to the node, with the recipient of the answer.
#[derive(Debug)]
pub struct Request {
    /// The command. An error stands for input that is not a command: it waits its turn, so that answers keep their
    /// order.
    pub command: Result<Command, CommandError>,
    /// The sender, who gets the answer.
    pub requester: Requester,
}

/// A program's tag for a command. The answer repeats it, so that the program can match the two.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Tag {
    /// A string.
    Text(String),
    /// A number.
    Number(serde_json::Number),
}

/// The sender of a request.
#[derive(Debug)]
pub enum Requester {
    /// The person who types at this process.
    Typist,
    /// The program that reads this process's stdout, with the tag that the answer repeats.
    Program(Option<Tag>),
    /// A [`Handle`](crate::Handle), which waits for the answer.
    Handle(oneshot::Sender<Result<Reply, CommandError>>),
}

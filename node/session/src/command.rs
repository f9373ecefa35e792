//! The commands of a user, and the node's answers.
//!
//! Not here: the lines that people type (`ringtalk-terminal`), and the events that other members see (`event`).

use std::fmt;
use std::sync::Arc;

use ringtalk_wire::{MessageId, NodeId};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::{Code, FaceCommand, Invite, Members, MessageText, RequestedName};

/// A command of the user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Send this text. It is never parsed as a command, whatever it starts with.
    Say(MessageText),
    /// Ask the coordinator for another name.
    Name(RequestedName),
    /// List the members.
    Who,
    /// Show the ring.
    Ring,
    /// Show the invite.
    Invite,
    /// List the ids of all messages that this node keeps.
    Transcript,
    /// Do what the face does by itself.
    Face(FaceCommand),
    /// List the available commands.
    Help,
    /// Clear the display.
    Clear,
    /// Leave the discussion.
    Quit,
}

impl Command {
    /// Returns the command's name, as programs write it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Say(_) => "say",
            Self::Name(_) => "name",
            Self::Who => "who",
            Self::Ring => "ring",
            Self::Invite => "invite",
            Self::Transcript => "transcript",
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
    Sent(MessageId),
    /// The request was accepted. Events report its outcome.
    Accepted,
    /// The members; `None` before the first view.
    Who(Option<Arc<Members>>),
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
    /// The ids of all messages that this node keeps, in transcript order.
    Transcript(Vec<MessageId>),
    /// The face carries this out by itself.
    Face(FaceCommand),
    /// The face lists its own commands.
    Help,
    /// The face clears its display.
    Clear,
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

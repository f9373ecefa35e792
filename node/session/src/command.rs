//! What a user asks of a node, and what it answers.
//!
//! Not here: what people type for it (the terminal), and what comes of it for others (`event`).

use std::fmt;
use std::sync::Arc;

use ringtalk_wire::limit::TEXT_BYTES;
use ringtalk_wire::{MessageId, NodeId};
use tokio::sync::oneshot;

use crate::{Code, Invite, Members, Name};

/// Something that a user asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Say this: a text is what it is, and nothing in it is a command.
    Say(String),
    /// Ask for another name.
    Name(Name),
    /// Say who is here.
    Who,
    /// Show the ring.
    Ring,
    /// Say how others get in.
    Invite,
    /// Say which messages there are.
    Transcript,
    /// Say what can be asked for.
    Help,
    /// Take away what is shown.
    Clear,
    /// Leave.
    Quit,
}

impl Command {
    /// Its name, for programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Say(_) => "say",
            Self::Name(_) => "name",
            Self::Who => "who",
            Self::Ring => "ring",
            Self::Invite => "invite",
            Self::Transcript => "transcript",
            Self::Help => "help",
            Self::Clear => "clear",
            Self::Quit => "quit",
        }
    }
}

/// What a node answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// It was said.
    Said(MessageId),
    /// It was asked for: events tell what comes of it.
    Asked,
    /// Who is here; nothing before there is a ring.
    Who(Option<Arc<Members>>),
    /// The ring.
    Ring {
        /// Who is in it; nothing before there is one.
        members: Option<Arc<Members>>,
        /// The neighbour before this node.
        predecessor: Option<NodeId>,
        /// The neighbour after it.
        successor: Option<NodeId>,
    },
    /// How others get in.
    Invite(Invite),
    /// The ids of all messages kept, in transcript order.
    Transcript(Vec<MessageId>),
    /// The face knows what can be asked for there.
    Help,
    /// The face is to take away what it shows.
    Clear,
}

/// Why a node does not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandError {
    /// For programs.
    pub code: Code,
    /// For people: what is wrong, and what to do.
    pub message: String,
}

impl CommandError {
    /// This node is not in the ring yet.
    pub fn not_ready() -> Self {
        Self {
            code: Code::NotReady,
            message: "this node is not in the discussion yet: wait until it is ready".to_owned(),
        }
    }

    /// A text is longer than a message may be.
    pub fn too_long() -> Self {
        Self {
            code: Code::TooLong,
            message: format!(
                "that text is too long: a message has {TEXT_BYTES} bytes of UTF-8 at most; nothing of it was sent"
            ),
        }
    }

    /// The node has ended, or ends.
    pub fn ended() -> Self {
        Self {
            code: Code::Ended,
            message: "the node has ended".to_owned(),
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CommandError {}

/// A command on its way to the node, and where the answer goes.
#[derive(Debug)]
pub struct Request {
    /// What is asked for; or why what was typed is nothing that can be asked for, to be told in turn.
    pub command: Result<Command, CommandError>,
    /// Who asks.
    pub asker: Asker,
}

/// Who asks for something.
#[derive(Debug)]
pub enum Asker {
    /// Whoever types in front of this process.
    Typist,
    /// The program that reads this process's stdout; with what it wants repeated in the answer.
    Program(Option<String>),
    /// Whoever has a handle.
    Handle(oneshot::Sender<Result<Reply, CommandError>>),
}

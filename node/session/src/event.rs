//! What happens in a discussion, as far as its user sees it.
//!
//! Not here: what follows from it for the next one (`state`), and how any of it looks (`json`, and the faces).

use std::sync::Arc;

use bytestring::ByteString;
use ringtalk_wire::{Epoch, MessageId, NodeId, VectorClock};

use crate::{Code, Members};

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The way in has got so far.
    Joining(Stage),
    /// What came of a step of the way in.
    Progress(Progress),
    /// The clock starts here.
    Start {
        /// What was said before that this node will not hear.
        base: VectorClock,
    },
    /// In the ring, and the discussion so far is fetched. Once.
    Ready {
        /// The name that the coordinator gave this node.
        name: String,
    },
    /// A message is delivered.
    Message(Message),
    /// Who is here now.
    View(Arc<Members>),
    /// The neighbours changed; none where the node is alone.
    Neighbours {
        /// Counter-clockwise.
        predecessor: Option<NodeId>,
        /// Clockwise.
        successor: Option<NodeId>,
    },
    /// Another coordinator, or another epoch of the same one.
    Coordinator {
        /// The epoch, with the coordinator's id.
        epoch: Epoch,
    },
    /// A member came.
    Joined(Person),
    /// A member left properly.
    Left(Person),
    /// A member was found dead.
    Failed(Person),
    /// A member has another name now.
    Renamed {
        /// With the new name.
        person: Person,
        /// The name before.
        previous: String,
    },
    /// Several members were lost at once: the network may be cut in two.
    Split {
        /// How many members are left here.
        members: usize,
        /// The epoch here.
        epoch: Epoch,
    },
    /// Two rings became one.
    Merged {
        /// How many members it has.
        members: usize,
        /// Its epoch.
        epoch: Epoch,
    },
    /// So many members, this one included, have delivered one's own messages `first..=last`.
    Reached {
        /// The first message.
        first: u64,
        /// The last message.
        last: u64,
        /// How many members.
        members: u64,
    },
    /// Messages `from..=to` of an author cannot be had now.
    Gap {
        /// The author.
        author: NodeId,
        /// The first missing message.
        from: u64,
        /// The last missing message.
        to: u64,
        /// True where the clock passes them: they were delivered elsewhere, and are kept no more.
        passed: bool,
    },
    /// Something is wrong that the user should know; the node goes on.
    Error(Remark),
    /// Something that the user may like to know.
    Notice(Remark),
    /// This discussion is open to everybody.
    Open {
        /// For people: to whom.
        message: String,
    },
    /// The last word.
    Goodbye {
        /// Why.
        reason: Goodbye,
    },
}

/// A sentence, and a word for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remark {
    /// For programs.
    pub code: Code,
    /// For people: what happened, and what to do.
    pub message: String,
}

/// A member who came, went or has another name.
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
    /// Author and sequence number.
    pub id: MessageId,
    /// The author's name, as far as it is known.
    pub name: Arc<str>,
    /// The author's clock, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// This node's clock when the message came, in milliseconds since 1970.
    pub arrived_ms: u64,
    /// What it says: a part of the bundle that it came in, which stays in memory as long as this does.
    pub text: ByteString,
    /// Its Lamport time.
    pub lamport: u64,
    /// What it depends on directly; none where that is the author's message before, with which it came.
    pub heads: Option<Vec<MessageId>>,
    /// True for what was said before this node came.
    pub history: bool,
}

impl Message {
    /// Its direct causal dependencies.
    pub fn depends_on(&self) -> Vec<MessageId> {
        let previous = MessageId {
            seq: self.id.seq - 1,
            ..self.id
        };
        let heads = self.heads.as_ref();
        heads.map_or_else(|| vec![previous], Clone::clone)
    }
}

/// How far the way in has got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stage {
    /// A director was asked where the coordinator is.
    AskingDirector,
    /// A link is being made to whoever gives places.
    Linking {
        /// Whom.
        peer: NodeId,
        /// Where.
        address: String,
    },
    /// Somebody was asked for a place.
    AskingForPlace {
        /// Who.
        peer: NodeId,
        /// Where.
        address: String,
    },
    /// There is a place, and the discussion so far comes.
    FetchingHistory {
        /// How many messages have come.
        done: u64,
        /// How many there are.
        total: u64,
    },
}

/// What came of a step of the way in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The directors are asked where the coordinator is.
    Asking {
        /// Which ones.
        directors: String,
    },
    /// A director answered, and sent this node away for now.
    Later {
        /// Which one.
        director: String,
        /// What it says.
        reason: String,
    },
    /// No director answered.
    Unasked {
        /// Why, in a few words.
        reason: String,
    },
    /// The node that gives places could not be linked to.
    Unlinked {
        /// Why, in a few words.
        reason: String,
    },
}

/// Why a node says goodbye.
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
    /// The way in was refused.
    Refused,
    /// Something failed.
    Failure,
}

impl Goodbye {
    /// For programs.
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

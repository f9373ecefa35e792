//! Orders from the runner to a member, and answers from the member: one JSON value per line, on stdin and stdout,
//! which are not measured. A talk is one numbered run of messages between the members.

use serde::{Deserialize, Serialize};

/// An order from the runner to a member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Order {
    /// Connect to the other members.
    Join(Assignment),
    /// Send greetings, again and again, until [`Order::Greeted`] arrives.
    Greet(Greet),
    /// Stop greeting: all members have received the greetings that they were to wait for.
    Greeted,
    /// Send messages as fast as possible, or only receive.
    Talk(Talk),
    /// All members have received this many messages of this member. If the peer has no flow control of its own, at
    /// most [`Talk::window`] messages more may be in flight.
    Heard {
        /// The number of the talk.
        talk: u16,
        /// The number of messages.
        messages: u64,
    },
    /// Send messages at a steady rate.
    Chat(Chat),
    /// Exit.
    End,
}

/// The number of a member, and the addresses of the others.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Assignment {
    /// Its number, from 0.
    pub index: u16,
    /// The address that each member announced, in order. A newcomer is the last; the others are not told its address.
    pub addresses: Vec<String>,
    /// The address of the server, if there is one.
    pub server: Option<String>,
}

/// Greetings at a steady rate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Greet {
    /// The number of members whose greetings must arrive before this member sends [`MemberEvent::Greeted`].
    pub others: usize,
    /// The interval between two greetings, in milliseconds.
    pub every_ms: u64,
}

/// A talk in which authors send as fast as possible.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Talk {
    /// The number of the talk, from 1.
    pub talk: u16,
    /// The number of authors: the members with the lowest numbers.
    pub authors: u16,
    /// The number of messages of each author.
    pub messages: u64,
    /// The length of a message, in bytes.
    pub bytes: usize,
    /// The most messages of each author in flight, if the peer has no flow control of its own.
    pub window: Option<u64>,
}

/// A talk in which all members send in turn, at a steady rate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Chat {
    /// The number of the talk, from 1.
    pub talk: u16,
    /// The number of messages of each member.
    pub messages: u64,
    /// The length of a message, in bytes.
    pub bytes: usize,
    /// The messages per second of all members together.
    pub rate: u32,
    /// When the first message is due, in nanoseconds of this machine's monotonic clock.
    pub from_ns: u64,
}

/// An answer or a notice from a member to the runner.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum MemberEvent {
    /// It listens at this address.
    Listening(String),
    /// It is connected to the others.
    Joined,
    /// It has received greetings from as many members as it was to wait for.
    Greeted,
    /// It has received the first message that was sent after its process began.
    First {
        /// When, in nanoseconds of this machine's monotonic clock.
        at_ns: u64,
    },
    /// It has learnt that a member is gone.
    Gone {
        /// The member: a part of its address that no other address has.
        who: String,
        /// When, in nanoseconds of this machine's monotonic clock.
        at_ns: u64,
    },
    /// It has received this many messages of an author.
    Heard {
        /// The number of the talk.
        talk: u16,
        /// The number of the author.
        author: u16,
        /// The number of messages.
        messages: u64,
    },
    /// It has received everything that others send in a talk, or has given up.
    Done(TalkResult),
    /// It has failed for this reason, and exits.
    Failed(String),
}

/// The result of a talk for one member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TalkResult {
    /// When it began to send or to receive, in nanoseconds of this machine's monotonic clock.
    pub from_ns: u64,
    /// When the last message arrived.
    pub to_ns: u64,
    /// The number of messages that it received from others.
    pub heard: u64,
    /// The number of those that were not the next one of their author: duplicates, and messages out of order.
    pub odd: u64,
    /// The number of messages that it should have received.
    pub due: u64,
    /// In a chat, the latency of each message, in microseconds.
    pub latencies_us: Vec<u32>,
}

impl TalkResult {
    /// Returns the number of messages that never arrived.
    pub fn lost(&self) -> u64 {
        self.due.saturating_sub(self.heard)
    }
}

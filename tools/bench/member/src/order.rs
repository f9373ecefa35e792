//! What the runner tells a member, and what a member tells the runner: one JSON value a line, on stdin and
//! stdout, which nobody measures.

use serde::{Deserialize, Serialize};

/// What a member is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Order {
    /// Get into touch with the others.
    Join(Place),
    /// Say hello, again and again, until [`Order::Greeted`] comes.
    Greet(Greet),
    /// Everybody has heard everybody who was to be heard.
    Greeted,
    /// Talk as fast as it goes, or listen.
    Talk(Talk),
    /// Everybody has heard so many messages of this member: where peers do not do that themselves, no more
    /// than [`Talk::window`] may be on their way.
    Heard {
        /// In which talk.
        talk: u16,
        /// How many.
        messages: u64,
    },
    /// Talk at a steady rate, or listen.
    Chat(Chat),
    /// That is all.
    End,
}

/// Where a member stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    /// Its number, from 0.
    pub index: u16,
    /// What each member has said of itself, in order; a newcomer is the last, and the others never hear of it.
    pub addresses: Vec<String>,
    /// Where the server is, if there is one.
    pub server: Option<String>,
}

/// Hellos at a steady rate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Greet {
    /// How many others are to be heard before this member says that it is [`Word::Greeted`].
    pub others: usize,
    /// How long it waits between two hellos, in milliseconds.
    pub every_ms: u64,
}

/// As many messages as fast as it goes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Talk {
    /// Which one it is, from 1.
    pub talk: u16,
    /// The first members speak.
    pub authors: u16,
    /// How many messages each of them says.
    pub messages: u64,
    /// How many bytes each has.
    pub bytes: usize,
    /// How many messages of each author may be on their way, where peers need to be told.
    pub window: Option<u64>,
}

/// All members in turn, at a steady rate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Chat {
    /// Which one it is, from 1.
    pub talk: u16,
    /// How many messages each member says.
    pub messages: u64,
    /// How many bytes each has.
    pub bytes: usize,
    /// How many are said in a second, by all together.
    pub rate: u32,
    /// When the first one is due, by this machine's monotonic clock.
    pub from_ns: u64,
}

/// What a member tells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Word {
    /// Others find it so.
    Listening(String),
    /// It is in touch.
    Joined,
    /// It has heard as many as it was told to.
    Greeted,
    /// It has heard something that was said after its process began; told once.
    First {
        /// When, by this machine's monotonic clock.
        at_ns: u64,
    },
    /// It was told that a member is gone.
    Gone {
        /// Which one: a part of its address that no other has.
        who: String,
        /// When, by this machine's monotonic clock.
        at_ns: u64,
    },
    /// It has heard so many messages of an author.
    Heard {
        /// In which talk.
        talk: u16,
        /// Whose.
        author: u16,
        /// How many.
        messages: u64,
    },
    /// It has heard everything that others say in a talk.
    Done(Account),
    /// It cannot go on, and ends.
    Failed(String),
}

/// How a talk went for one member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Account {
    /// When it began to speak or to listen, by this machine's monotonic clock.
    pub from_ns: u64,
    /// When it had heard everything, or gave up.
    pub to_ns: u64,
    /// How many messages of others it heard.
    pub heard: u64,
    /// How many of them came twice, or before one that was said earlier by the same author.
    pub odd: u64,
    /// How many it should have heard.
    pub due: u64,
    /// In a chat, how long each message took, in microseconds.
    pub latencies_us: Vec<u32>,
}

impl Account {
    /// How many messages were never heard.
    pub fn lost(&self) -> u64 {
        self.due.saturating_sub(self.heard)
    }
}

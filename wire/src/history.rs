//! The frames of anti-entropy: what each of two nodes has, what one lacks, and where the discussion so far begins and ends.
//!
//! Not here: the messages themselves (`bundle`), and the list of all frames (`frame`).

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::limit::{self, PAGE_CLOCK, PAGE_ITEMS, PAGE_MEMBERS};
use crate::{MessageId, NodeId, Renamed};

/// A page of clock entries.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Digest {
    /// Each author with its last message here.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_CLOCK>")]
    pub entries: Vec<MessageId>,
    /// True where the receiver's own digest is wanted in return.
    pub answer: bool,
}

/// Messages `from..=to` of one author.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Range {
    /// Whose.
    pub author: NodeId,
    /// The first.
    #[serde(deserialize_with = "limit::counter")]
    pub from: u64,
    /// The last.
    #[serde(deserialize_with = "limit::counter")]
    pub to: u64,
}

/// Ranges that somebody lacks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pull {
    /// Names the pull: its answer's end repeats it. From 1.
    #[serde(deserialize_with = "limit::counter")]
    pub number: u64,
    /// The ranges.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_ITEMS>")]
    pub ranges: Vec<Range>,
}

/// The end of an answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PullEnd {
    /// Which pull it answers; 0 if nobody pulled, but asked who has a message.
    #[serde(deserialize_with = "limit::counter")]
    pub number: u64,
    /// True where there is more to be pulled.
    pub more: bool,
    /// Ranges that were asked for and had been delivered here, but are kept no longer.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_ITEMS>")]
    pub evicted: Vec<Range>,
}

/// A page of a cut: where the discussion so far begins and ends at one node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cut {
    /// For each author, the last message that is *not* kept any more: the history begins after it.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_CLOCK>")]
    pub base: Vec<MessageId>,
    /// For each author, the last message before the cut.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_CLOCK>")]
    pub clock: Vec<MessageId>,
    /// The names of authors who have departed.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_MEMBERS>")]
    pub authors: Vec<Renamed>,
    /// The greatest Lamport time before the cut.
    #[serde(deserialize_with = "limit::counter")]
    pub lamport: u64,
    /// True on the last page.
    pub last: bool,
}

/// The answer to `WhoHas`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Has {
    /// The message that was asked for.
    pub message: MessageId,
    /// What the answering node knows of it.
    pub holding: Holding,
}

/// What a node knows of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holding {
    /// It never had it.
    Never,
    /// It delivered it, and keeps it no longer.
    Evicted,
    /// It can give it.
    Held,
}

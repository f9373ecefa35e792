//! The frames of anti-entropy: what a node has, what it lacks, and where the discussion so far begins and ends.
//!
//! Not here: the messages themselves (`bundle`), and the list of all frames (`frame`).

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::limit::{self, NAME_BYTES, PAGE_CLOCK, PAGE_ITEMS, PAGE_MEMBERS};
use crate::{MessageId, NodeId, Renamed};

/// A page of clock entries.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Digest {
    /// Each author with its last message at the sender.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_CLOCK>")]
    pub entries: Vec<MessageId>,
    /// True if the receiver should send its own digest in return.
    pub answer: bool,
}

/// The messages `from..=to` of one author.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Range {
    /// The author.
    pub author: NodeId,
    /// The first sequence number.
    #[serde(deserialize_with = "limit::counter")]
    pub from: u64,
    /// The last sequence number.
    #[serde(deserialize_with = "limit::counter")]
    pub to: u64,
}

/// A request for ranges that the sender lacks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pull {
    /// The number of the pull, from 1; the end of its answer repeats it.
    #[serde(deserialize_with = "limit::counter")]
    pub number: u64,
    /// The ranges.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_ITEMS>")]
    pub ranges: Vec<Range>,
}

/// The end of the answer to a pull.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PullEnd {
    /// The number of the pull that it answers; 0 if it follows a who-has instead.
    #[serde(deserialize_with = "limit::counter")]
    pub number: u64,
    /// True if there is more to pull.
    pub more: bool,
    /// Ranges that were requested and had been delivered here, but are no longer kept.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_ITEMS>")]
    pub evicted: Vec<Range>,
}

/// A page of a cut: where the discussion so far begins and ends at one node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cut {
    /// For each author, the last message that is *not* kept any more; the history begins after it.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_CLOCK>")]
    pub base: Vec<MessageId>,
    /// For each author, the last message before the cut.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_CLOCK>")]
    pub clock: Vec<MessageId>,
    /// The names of departed authors.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_MEMBERS>")]
    pub authors: Vec<Renamed>,
    /// The greatest Lamport time before the cut.
    #[serde(deserialize_with = "limit::counter")]
    pub lamport: u64,
    /// True on the last page.
    pub last: bool,
    /// The names under which authors spoke before they were renamed.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "limit::at_most::<_, _, PAGE_MEMBERS>"
    )]
    pub bylines: Vec<Byline>,
}

/// A name under which an author spoke, before it had the next one or the present one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Byline {
    /// The author.
    pub id: NodeId,
    /// Its last message under this name.
    #[serde(deserialize_with = "limit::counter")]
    pub last: u64,
    /// The name.
    #[serde(deserialize_with = "limit::short_text::<_, NAME_BYTES>")]
    pub name: String,
}

/// The answer to a who-has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Has {
    /// The requested message.
    pub message: MessageId,
    /// The answering node's knowledge of it.
    pub holding: Holding,
}

/// A node's knowledge of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holding {
    /// The node never had it.
    Never,
    /// The node delivered it, but no longer keeps it.
    Evicted,
    /// The node can give it.
    Held,
}

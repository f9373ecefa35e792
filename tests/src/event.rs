//! The events that `node --json` prints, one JSON object a line.
//!
//! Unknown events and unknown fields are skipped, as the contract asks of every reader; a known
//! event with a missing or wrong field is an error.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::id::{MessageId, NodeId};

/// The most entries of a clock that a `message` shows.
pub const CLOCK_SHOWN: usize = 64;

/// One line of a node's stdout.
#[derive(Clone, Debug)]
pub enum Event {
    /// A step of the way in.
    Joining(Joining),
    /// In the ring, the discussion so far fetched.
    Ready(Ready),
    /// A message was delivered.
    Message(Message),
    /// A new view is in force.
    View(View),
    /// The neighbours changed.
    Neighbours(Neighbours),
    /// Another coordinator, or another epoch.
    Coordinator(Reign),
    /// A member came.
    Joined(Person),
    /// A member left properly.
    Left(Person),
    /// A member was found dead.
    Failed(Person),
    /// A member has another name.
    Renamed(Renamed),
    /// Two or more members were lost at about the same time.
    Split(Shape),
    /// Two rings became one.
    Merged(Shape),
    /// Messages that cannot be had now.
    Gap(Gap),
    /// The answer to `/transcript`.
    Transcript(Transcript),
    /// Something the user should know.
    Error(Trouble),
    /// Something the user may like to know.
    Notice(Trouble),
    /// A JSON command was carried out.
    Done(Done),
    /// The last line.
    Goodbye(Goodbye),
    /// An event that this reader has no use for; its name.
    Other(String),
}

/// A coordinator's reign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Epoch {
    /// Higher wins.
    pub number: u64,
    /// Whose reign it is.
    pub coordinator: NodeId,
}

/// See [`Event::Joining`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Joining {
    /// Which step.
    pub stage: String,
    /// While the discussion so far is fetched: how many of its messages are here.
    pub done: Option<u64>,
    /// How many are to come in all.
    pub total: Option<u64>,
}

/// See [`Event::Ready`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ready {
    /// This node.
    pub node_id: NodeId,
    /// The name that the coordinator gave it.
    pub name: String,
    /// What other nodes dial.
    pub address: String,
    /// Which discussion it takes part in.
    pub discussion: String,
    /// What to give to `--join`.
    pub invite: String,
    /// Who coordinates.
    pub coordinator: NodeId,
    /// Under which epoch.
    pub epoch: Epoch,
    /// How many are in the view.
    pub members: usize,
}

/// See [`Event::Message`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Message {
    /// The message's id.
    pub id: MessageId,
    /// Its author.
    pub node_id: NodeId,
    /// Its place among the author's messages, from 1.
    pub seq: u64,
    /// The author's name.
    pub name: String,
    /// The room; `main` until there are rooms.
    pub room: String,
    /// When it was written, by the author's clock.
    pub timestamp: String,
    /// The text.
    pub message: String,
    /// The Lamport time.
    pub lamport: u64,
    /// The direct causal dependencies.
    pub heads: Vec<Head>,
    /// This node's clock right after the delivery, if it has at most [`CLOCK_SHOWN`] entries.
    pub vector_clock: Option<BTreeMap<NodeId, u64>>,
    /// How many entries it has, if it has more.
    pub clock_size: Option<usize>,
    /// Whether it lies before this node's join cut.
    pub history: bool,
    /// True where the view does not list its author.
    #[serde(default)]
    pub unlisted: bool,
}

/// A direct causal dependency of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Head {
    /// The author of the message depended on.
    pub node_id: NodeId,
    /// Its number.
    pub seq: u64,
}

/// See [`Event::View`].
#[derive(Clone, Debug, Deserialize)]
pub struct View {
    /// The reign under which it was published.
    pub epoch: Epoch,
    /// Counts the views.
    pub number: u64,
    /// Who published it.
    pub coordinator: NodeId,
    /// Who is in, in ring order.
    pub members: Vec<Member>,
}

/// One line of a view.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Member {
    /// Who.
    pub node_id: NodeId,
    /// Under which name.
    pub name: String,
    /// What others dial.
    pub address: String,
    /// The order of admission.
    pub seniority: u64,
}

/// See [`Event::Neighbours`]. Both are absent where the node is alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Neighbours {
    /// The node before this one.
    pub predecessor: Option<NodeId>,
    /// The node after this one.
    pub successor: Option<NodeId>,
}

/// See [`Event::Coordinator`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reign {
    /// Who coordinates.
    pub node_id: NodeId,
    /// Under which epoch.
    pub epoch: Epoch,
}

/// Whom [`Event::Joined`], [`Event::Left`] and [`Event::Failed`] are about.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Person {
    /// Who.
    pub node_id: NodeId,
    /// Under which name.
    pub name: String,
}

/// See [`Event::Renamed`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Renamed {
    /// Who.
    pub node_id: NodeId,
    /// The name now.
    pub name: String,
    /// The name before.
    pub previous: String,
}

/// What a ring is after [`Event::Split`] or [`Event::Merged`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Shape {
    /// How many are in it.
    pub members: usize,
    /// Under which epoch.
    pub epoch: Epoch,
}

/// See [`Event::Gap`]: both ends are part of it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Gap {
    /// Whose messages.
    pub node_id: NodeId,
    /// The first that is missing.
    pub from: u64,
    /// The last that is missing.
    pub to: u64,
}

/// See [`Event::Transcript`].
#[derive(Clone, Debug, Deserialize)]
pub struct Transcript {
    /// Message ids by (Lamport time, author, seq).
    pub ids: Vec<MessageId>,
}

/// See [`Event::Error`].
#[derive(Clone, Debug, Deserialize)]
pub struct Trouble {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// What the JSON command wanted repeated that it is about.
    #[serde(default, deserialize_with = "tag")]
    pub tag: Option<String>,
}

/// See [`Event::Done`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Done {
    /// What the command wanted repeated.
    #[serde(default, deserialize_with = "tag")]
    pub tag: Option<String>,
    /// Its name.
    pub command: String,
    /// The id of what was said.
    pub id: Option<MessageId>,
    /// Its number.
    pub seq: Option<u64>,
}

/// A tag as text: a program may choose a number.
fn tag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let tag = Option::<serde_json::Value>::deserialize(deserializer)?;
    Ok(tag.map(|tag| tag.as_str().map_or_else(|| tag.to_string(), str::to_owned)))
}

/// See [`Event::Goodbye`].
#[derive(Clone, Debug, Deserialize)]
pub struct Goodbye {
    /// Why the node goes.
    pub reason: String,
}

impl Event {
    /// Reads one line of stdout. The error says what is wrong with it.
    pub fn parse(line: &str) -> Result<Self, String> {
        let name = event_name(line).ok_or("`event` is not the first field")?;
        let event = match name {
            "joining" => Self::Joining(fields(line)?),
            "ready" => Self::Ready(fields(line)?),
            "message" => Self::Message(fields(line)?),
            "view" => Self::View(fields(line)?),
            "neighbours" => Self::Neighbours(fields(line)?),
            "coordinator" => Self::Coordinator(fields(line)?),
            "joined" => Self::Joined(fields(line)?),
            "left" => Self::Left(fields(line)?),
            "failed" => Self::Failed(fields(line)?),
            "renamed" => Self::Renamed(fields(line)?),
            "split" => Self::Split(fields(line)?),
            "merged" => Self::Merged(fields(line)?),
            "gap" => Self::Gap(fields(line)?),
            "transcript" => Self::Transcript(fields(line)?),
            "error" => Self::Error(fields(line)?),
            "notice" => Self::Notice(fields(line)?),
            "done" => Self::Done(fields(line)?),
            "goodbye" => Self::Goodbye(fields(line)?),
            other => Self::Other(fields::<serde_json::Value>(line).map(|_| other.to_owned())?),
        };
        Ok(event)
    }
}

fn fields<T: DeserializeOwned>(line: &str) -> Result<T, String> {
    serde_json::from_str(line).map_err(|error| error.to_string())
}

/// The value of `event`, where that is the line's first field.
fn event_name(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix('{')?.trim_start();
    let rest = rest.strip_prefix("\"event\"")?.trim_start();
    let rest = rest.strip_prefix(':')?.trim_start().strip_prefix('"')?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_known_event_and_skips_unknown_fields() {
        let line = r#"{"event":"gap","node-id":"a0000000-0000-8000-8000-000000000001","from":2,"to":4,"new":[]}"#;
        let Event::Gap(gap) = Event::parse(line).unwrap() else {
            panic!("not a gap")
        };
        assert_eq!((gap.node_id, gap.from, gap.to), (NodeId::made_up(1), 2, 4));
    }

    #[test]
    fn skips_an_unknown_event() {
        let event = Event::parse(r#"{"event":"weather","sun":true}"#).unwrap();
        assert!(matches!(event, Event::Other(name) if name == "weather"));
    }

    #[test]
    fn refuses_what_the_contract_does_not_allow() {
        for line in [
            r#"{"code":"x","event":"error","message":"late"}"#,
            r#"{"event":"error","message":"no code"}"#,
            r#"{"event":"weather""#,
            "hello",
        ] {
            assert!(Event::parse(line).is_err(), "accepted {line}");
        }
    }

    #[test]
    fn a_lone_node_has_no_neighbours() {
        let line = r#"{"event":"neighbours","predecessor":null,"successor":null}"#;
        let event = Event::parse(line).unwrap();
        assert!(matches!(event, Event::Neighbours(pair) if pair.successor.is_none()));
    }
}

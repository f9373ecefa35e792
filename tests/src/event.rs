//! The events that `node --json` prints, one JSON object per line.
//!
//! Unknown events and fields are skipped, as the contract asks of every reader; a known event with a missing or
//! wrong field is an error. Types here have the names of those of the wire and of the core that they correspond to
//! (`Epoch`, `Member`, `Event`, `View`), and share no code with them: the checker is independent of what it checks.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::id::{MessageId, NodeId};

/// The largest clock that a `message` shows, in entries.
pub const CLOCK_SHOWN: usize = 64;

/// One line of a node's stdout.
#[derive(Clone, Debug)]
pub enum Event {
    /// A step of joining.
    Joining(Joining),
    /// The node is in the ring, and has fetched the history.
    Ready(Ready),
    /// A message was delivered.
    Message(Message),
    /// A new view is in force.
    View(View),
    /// The neighbours changed.
    Neighbours(Neighbours),
    /// The coordinator or the epoch changed.
    Coordinator(Coordinator),
    /// A member joined.
    Joined(NamedMember),
    /// A member left properly.
    Left(NamedMember),
    /// A member was declared dead.
    Failed(NamedMember),
    /// A member changed its name.
    Renamed(Renamed),
    /// Two or more members were lost at about the same time.
    Split(RingSummary),
    /// Two rings became one.
    Merged(RingSummary),
    /// Members have delivered messages of this node.
    Reached(Reached),
    /// Messages that cannot be had at present.
    Gap(Gap),
    /// The answer to `/transcript`.
    Transcript(Transcript),
    /// The answer to `/invite`: what to pass to `--join`.
    Invite(String),
    /// An error that the user should know about.
    Error(Diagnostic),
    /// Something that the user may want to know.
    Notice(Diagnostic),
    /// A JSON command was carried out.
    Done(Done),
    /// The last line.
    Goodbye(Goodbye),
    /// An event of a room other than the lobby, with its messages; or one that has no variant here.
    Other(Box<Other>),
}

/// See [`Event::Other`].
#[derive(Clone, Debug)]
pub struct Other {
    /// The name of the event.
    pub name: String,
    /// All fields.
    pub fields: Value,
}

impl Other {
    /// Returns true if it is this event, in the room of this id or name.
    pub fn is(&self, name: &str, room: &str) -> bool {
        self.name == name && (self.fields["room-id"] == room || self.fields["room"] == room)
    }

    /// Returns a field that is a text, or nothing.
    pub fn text(&self, field: &str) -> &str {
        self.fields[field].as_str().unwrap_or_default()
    }
}

/// One term of office of a coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Epoch {
    /// The higher number wins.
    pub number: u64,
    /// The coordinator.
    pub coordinator: NodeId,
}

/// See [`Event::Joining`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Joining {
    /// The step.
    pub stage: String,
    /// While the history is fetched: the number of its messages that have arrived.
    pub done: Option<u64>,
    /// The number of its messages in all.
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
    /// The address that other nodes dial.
    pub address: String,
    /// The discussion that it takes part in.
    pub discussion: String,
    /// The invite: what to pass to `--join`.
    pub invite: String,
    /// The coordinator.
    pub coordinator: NodeId,
    /// Its epoch.
    pub epoch: Epoch,
    /// The number of members in the view.
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
    /// Its sequence number among the author's messages, from 1.
    pub seq: u64,
    /// The author's name.
    pub name: String,
    /// The room; only messages in `main` are kept as [`Event::Message`].
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
    /// The number of its entries, if it has more.
    pub clock_size: Option<usize>,
    /// True if it lies before this node's join cut.
    pub history: bool,
    /// True if the view does not list its author.
    #[serde(default)]
    pub unlisted: bool,
}

/// A direct causal dependency of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Head {
    /// The author of the message that is depended on.
    pub node_id: NodeId,
    /// Its sequence number.
    pub seq: u64,
}

/// See [`Event::View`].
#[derive(Clone, Debug, Deserialize)]
pub struct View {
    /// The epoch in which it was published.
    pub epoch: Epoch,
    /// The number of the view.
    pub number: u64,
    /// The coordinator that published it.
    pub coordinator: NodeId,
    /// The members, in ring order.
    pub members: Vec<Member>,
}

/// One member of a view.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Member {
    /// The member.
    pub node_id: NodeId,
    /// Its name.
    pub name: String,
    /// The address that others dial.
    pub address: String,
    /// The order of admission.
    pub seniority: u64,
}

/// See [`Event::Neighbours`]. Both are absent if the node is alone.
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
pub struct Coordinator {
    /// The coordinator.
    pub node_id: NodeId,
    /// Its epoch.
    pub epoch: Epoch,
}

/// The member that [`Event::Joined`], [`Event::Left`] or [`Event::Failed`] is about.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NamedMember {
    /// The member.
    pub node_id: NodeId,
    /// Its name.
    pub name: String,
}

/// See [`Event::Renamed`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Renamed {
    /// The member.
    pub node_id: NodeId,
    /// The new name.
    pub name: String,
    /// The old name.
    pub previous: String,
}

/// The ring after [`Event::Split`] or [`Event::Merged`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct RingSummary {
    /// The number of members.
    pub members: usize,
    /// The epoch.
    pub epoch: Epoch,
}

/// See [`Event::Reached`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Reached {
    /// The first of the messages.
    pub from: u64,
    /// The last one.
    pub to: u64,
    /// The number of members that have them, this node included.
    pub members: u64,
    /// Whether every member has them.
    pub complete: bool,
}

/// See [`Event::Gap`]. Both ends are part of the gap.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Gap {
    /// The author of the messages.
    pub node_id: NodeId,
    /// The first missing sequence number.
    pub from: u64,
    /// The last missing sequence number.
    pub to: u64,
}

/// See [`Event::Transcript`].
#[derive(Clone, Debug, Deserialize)]
pub struct Transcript {
    /// The ids of messages, ordered by (Lamport time, author, seq).
    pub ids: Vec<MessageId>,
}

/// See [`Event::Error`] and [`Event::Notice`].
#[derive(Clone, Debug, Deserialize)]
pub struct Diagnostic {
    /// A code for programs.
    pub code: String,
    /// A text for people.
    pub message: String,
    /// The tag of the JSON command that it answers.
    #[serde(default, deserialize_with = "tag")]
    pub tag: Option<String>,
}

/// See [`Event::Done`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Done {
    /// The tag of the command.
    #[serde(default, deserialize_with = "tag")]
    pub tag: Option<String>,
    /// The name of the command.
    pub command: String,
    /// The id of the message that it sent.
    pub id: Option<MessageId>,
    /// The sequence number of that message.
    pub seq: Option<u64>,
    /// The room that it entered.
    pub room_id: Option<String>,
}

/// Reads a tag as text: a program may use a number.
fn tag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let tag = Option::<Value>::deserialize(deserializer)?;
    Ok(tag.map(|tag| tag.as_str().map_or_else(|| tag.to_string(), str::to_owned)))
}

/// See [`Event::Invite`].
#[derive(Clone, Debug, Deserialize)]
struct Invited {
    invite: String,
}

/// See [`Event::Goodbye`].
#[derive(Clone, Debug, Deserialize)]
pub struct Goodbye {
    /// The reason why the node ends.
    pub reason: String,
}

impl Event {
    /// Parses one line of stdout. The error says what is wrong with it.
    pub fn parse(line: &str) -> Result<Self, String> {
        let name = event_name(line).ok_or("`event` is not the first field")?;
        let event = match name {
            "joining" => Self::Joining(fields(line)?),
            "ready" => Self::Ready(fields(line)?),
            "message" => {
                let message: Message = fields(line)?;
                if message.room == "main" {
                    Self::Message(message)
                } else {
                    other(name, line)?
                }
            }
            "view" => Self::View(fields(line)?),
            "neighbours" => Self::Neighbours(fields(line)?),
            "coordinator" => Self::Coordinator(fields(line)?),
            "joined" => Self::Joined(fields(line)?),
            "left" => Self::Left(fields(line)?),
            "failed" => Self::Failed(fields(line)?),
            "renamed" => Self::Renamed(fields(line)?),
            "split" => Self::Split(fields(line)?),
            "merged" => Self::Merged(fields(line)?),
            "reached" => Self::Reached(fields(line)?),
            "gap" => Self::Gap(fields(line)?),
            "transcript" => Self::Transcript(fields(line)?),
            "invite" => Self::Invite(fields::<Invited>(line)?.invite),
            "error" => Self::Error(fields(line)?),
            "notice" => Self::Notice(fields(line)?),
            "done" => Self::Done(fields(line)?),
            "goodbye" => Self::Goodbye(fields(line)?),
            name => other(name, line)?,
        };
        Ok(event)
    }
}

fn other(name: &str, line: &str) -> Result<Event, String> {
    let (name, fields) = (name.to_owned(), fields(line)?);
    Ok(Event::Other(Box::new(Other { name, fields })))
}

fn fields<T: DeserializeOwned>(line: &str) -> Result<T, String> {
    serde_json::from_str(line).map_err(|error| error.to_string())
}

/// Returns the value of `event`, if that is the line's first field.
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
        assert!(matches!(event, Event::Other(other) if other.name == "weather"));
    }

    #[test]
    fn refuses_lines_that_the_contract_does_not_allow() {
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

//! Events and answers as JSON, one object a line.
//!
//! Not here: the output of the lines (the faces).

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;
use time::format_description::well_known::iso8601::{self, TimePrecision};
use uuid::Uuid;

use crate::text::EscapingFormatter;
use crate::{
    Answer, Code, DiscussionId, Epoch, Event, Goodbye, JoinStage, Member, Members, Message,
    MessageId, NodeId, Person, Remark, Reply, State, Tag, VectorClock,
};

/// The maximum number of entries of a clock that a message shows. Without a limit, anyone could make every line longer
/// by inventing authors.
const MAX_CLOCK_ENTRIES: usize = 64;
/// The only room.
const ROOM: &str = "main";

/// Writes the error of a node that could not start, and its goodbye.
pub fn write_failure(error: Remark, out: &mut Vec<u8>) {
    let reason = Goodbye::Failure;
    for event in [Event::Error(error), Event::Goodbye { reason }] {
        if let Some(line) = JsonLine::of_remark(&event) {
            line.write(out);
        }
    }
}

/// Writes an event, given the state right after it. Writes nothing for an event that programs do not see.
pub fn write_event(event: &Event, state: &State, out: &mut Vec<u8>) {
    if let Some(line) = JsonLine::of_event(event, state) {
        line.write(out);
    }
}

/// Writes that messages of an author were withheld because the reader was too slow.
pub fn write_withheld(author: NodeId, from: u64, to: u64, out: &mut Vec<u8>) {
    let line = JsonLine::Gap {
        node_id: author,
        from,
        to,
        withheld: true,
    };
    line.write(out);
}

/// Writes a node's answer: the reply and, for a program, `done`. If the command failed, writes the error instead.
pub fn write_answer(answer: &Answer, out: &mut Vec<u8>) {
    match &answer.result {
        Ok(reply) => {
            if let Some(line) = JsonLine::of_reply(reply) {
                line.write(out);
            }
            if answer.by_program {
                JsonLine::done(answer.command, answer.tag.as_ref(), reply).write(out);
            }
        }
        Err(error) => {
            let line = JsonLine::Error {
                code: error.code,
                message: &error.message,
                tag: answer.tag.as_ref(),
            };
            line.write(out);
        }
    }
}

/// Writes the commands that can be typed.
pub fn write_help(commands: &[&str], out: &mut Vec<u8>) {
    JsonLine::Help { commands }.write(out);
}

/// The last time that can be shown: 9999-12-31T23:59:59.999Z.
const LAST_MS: u64 = 253_402_300_799_999;
/// RFC 3339 with milliseconds.
const RFC_3339: iso8601::EncodedConfig = iso8601::Config::DEFAULT
    .set_time_precision(TimePrecision::Second {
        decimal_digits: std::num::NonZeroU8::new(3),
    })
    .encode();

/// A line of output.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(strum::VariantNames), strum(serialize_all = "kebab-case"))]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub(super) enum JsonLine<'a> {
    Joining {
        stage: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        done: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        total: Option<u64>,
    },
    Ready {
        node_id: NodeId,
        name: &'a str,
        address: &'a str,
        discussion: DiscussionId,
        invite: &'a str,
        coordinator: Option<NodeId>,
        epoch: Option<Epoch>,
        members: usize,
    },
    Message {
        id: Uuid,
        node_id: NodeId,
        seq: u64,
        name: &'a str,
        room: &'static str,
        timestamp: String,
        message: &'a str,
        lamport: u64,
        heads: Vec<JsonHead>,
        #[serde(skip_serializing_if = "Option::is_none")]
        vector_clock: Option<JsonClock<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        clock_size: Option<usize>,
        history: bool,
        #[serde(skip_serializing_if = "is_false")]
        unlisted: bool,
    },
    View {
        epoch: Epoch,
        number: u64,
        coordinator: NodeId,
        members: Vec<JsonMember<'a>>,
    },
    Neighbours {
        predecessor: Option<NodeId>,
        successor: Option<NodeId>,
    },
    Coordinator {
        node_id: NodeId,
        epoch: Epoch,
    },
    Joined(JsonPerson<'a>),
    Left(JsonPerson<'a>),
    Failed(JsonPerson<'a>),
    Renamed {
        node_id: NodeId,
        name: &'a str,
        previous: &'a str,
    },
    Split {
        members: usize,
        epoch: Epoch,
    },
    Reached {
        from: u64,
        to: u64,
        members: u64,
        complete: bool,
    },
    Merged {
        members: usize,
        epoch: Epoch,
    },
    Gap {
        node_id: NodeId,
        from: u64,
        to: u64,
        #[serde(skip_serializing_if = "is_false")]
        withheld: bool,
    },
    Transcript {
        ids: Vec<Uuid>,
    },
    Who {
        members: Vec<JsonMember<'a>>,
    },
    Ring {
        predecessor: Option<NodeId>,
        successor: Option<NodeId>,
        members: Vec<JsonMember<'a>>,
    },
    Invite {
        invite: &'a str,
    },
    Help {
        commands: &'a [&'a str],
    },
    Done {
        #[serde(skip_serializing_if = "Option::is_none")]
        tag: Option<&'a Tag>,
        command: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Uuid>,
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
    },
    Error {
        code: Code,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        tag: Option<&'a Tag>,
    },
    Notice {
        code: Code,
        message: &'a str,
    },
    Goodbye {
        reason: &'static str,
    },
}

impl<'a> JsonLine<'a> {
    fn of_event(event: &'a Event, state: &'a State) -> Option<Self> {
        Some(match event {
            Event::Start { .. } | Event::Progress(_) => return None,
            Event::Joining(progress) => Self::joining(progress),
            Event::Ready { name } => Self::ready(name, state),
            Event::Message(message) => Self::message(message, state),
            Event::View(members) => Self::View {
                epoch: members.epoch(),
                number: members.number(),
                coordinator: members.coordinator(),
                members: json_members(members),
            },
            Event::Neighbours {
                predecessor,
                successor,
            } => Self::Neighbours {
                predecessor: *predecessor,
                successor: *successor,
            },
            Event::Coordinator { epoch } => Self::Coordinator {
                node_id: epoch.coordinator,
                epoch: *epoch,
            },
            Event::Joined(person) => Self::Joined(person.into()),
            Event::Left(person) => Self::Left(person.into()),
            Event::Failed(person) => Self::Failed(person.into()),
            Event::Renamed { person, previous } => Self::Renamed {
                node_id: person.id,
                name: &person.name,
                previous,
            },
            Event::Merged { members, epoch } => Self::Merged {
                members: *members,
                epoch: *epoch,
            },
            Event::Reached {
                first,
                last,
                members,
                complete,
            } => Self::Reached {
                from: *first,
                to: *last,
                members: *members,
                complete: *complete,
            },
            Event::Gap {
                author, from, to, ..
            } => Self::Gap {
                node_id: *author,
                from: *from,
                to: *to,
                withheld: false,
            },
            Event::Split { members, epoch } => Self::Split {
                members: *members,
                epoch: *epoch,
            },
            Event::Error(_)
            | Event::Notice(_)
            | Event::Invite(_)
            | Event::Open { .. }
            | Event::Relocated { .. }
            | Event::Goodbye { .. } => return Self::of_remark(event),
        })
    }

    /// Returns the line for a remark or a goodbye. Returns `None` for other events.
    fn of_remark(event: &'a Event) -> Option<Self> {
        Some(match event {
            Event::Error(remark) => Self::Error {
                code: remark.code,
                message: &remark.message,
                tag: None,
            },
            Event::Notice(remark) => Self::Notice {
                code: remark.code,
                message: &remark.message,
            },
            Event::Open { message } => Self::Notice {
                code: Code::OpenDiscussion,
                message,
            },
            Event::Relocated { message, .. } => Self::Notice {
                code: Code::AddressChanged,
                message,
            },
            Event::Goodbye { reason } => Self::Goodbye {
                reason: reason.as_str(),
            },
            _ => return None,
        })
    }

    const fn joining(stage: &JoinStage) -> Self {
        let (stage, done, total) = match stage {
            JoinStage::AskingDirector => ("asking-director", None, None),
            JoinStage::Linking { .. } => ("linking", None, None),
            JoinStage::AskingForPlace { .. } => ("asking-for-place", None, None),
            JoinStage::FetchingHistory { done, total } => {
                ("fetching-history", Some(*done), Some(*total))
            }
        };
        Self::Joining { stage, done, total }
    }

    fn ready(name: &'a str, state: &'a State) -> Self {
        let members = state.members.as_ref();
        let epoch = members.map(|members| members.epoch());
        Self::Ready {
            node_id: state.me.id,
            name,
            address: &state.me.address,
            discussion: state.me.discussion,
            invite: state.me.invite.as_str(),
            coordinator: epoch.map(|epoch| epoch.coordinator),
            epoch,
            members: members.map_or(1, |members| members.len()),
        }
    }

    fn message(message: &'a Message, state: &'a State) -> Self {
        let clock = &state.clock;
        let is_short = clock.len() <= MAX_CLOCK_ENTRIES;
        Self::Message {
            id: message.id.uuid(),
            node_id: message.id.author,
            seq: message.id.seq,
            name: &message.name,
            room: ROOM,
            timestamp: rfc3339(message.timestamp_ms),
            message: &message.text,
            lamport: message.lamport,
            heads: message.dependencies().iter().map(JsonHead::from).collect(),
            vector_clock: is_short.then_some(JsonClock(clock)),
            clock_size: (!is_short).then(|| clock.len()),
            history: message.history,
            unlisted: state.is_unlisted(message),
        }
    }

    fn of_reply(reply: &'a Reply) -> Option<Self> {
        Some(match reply {
            Reply::Sent(_) | Reply::Accepted | Reply::Face(_) | Reply::Help | Reply::Clear => {
                return None;
            }
            Reply::Who(members) => Self::Who {
                members: members.as_deref().map_or_else(Vec::new, json_members),
            },
            Reply::Ring {
                members,
                predecessor,
                successor,
            } => Self::Ring {
                predecessor: *predecessor,
                successor: *successor,
                members: members.as_deref().map_or_else(Vec::new, json_members),
            },
            Reply::Invite(invite) => Self::Invite {
                invite: invite.as_str(),
            },
            Reply::Transcript(ids) => Self::Transcript {
                ids: ids.iter().map(MessageId::uuid).collect(),
            },
        })
    }

    fn done(command: &'static str, tag: Option<&'a Tag>, reply: &Reply) -> Self {
        let sent = match reply {
            Reply::Sent(id) => Some(id),
            _ => None,
        };
        Self::Done {
            tag,
            command,
            id: sent.map(MessageId::uuid),
            seq: sent.map(|id| id.seq),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut serializer = serde_json::Serializer::with_formatter(&mut *out, EscapingFormatter);
        let written = self.serialize(&mut serializer);
        written.expect("every line has string keys, and memory takes whatever is written");
        out.push(b'\n');
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_false(value: &bool) -> bool {
    !*value
}

fn json_members(members: &Members) -> Vec<JsonMember<'_>> {
    members.iter().map(JsonMember::from).collect()
}

/// A direct causal dependency.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct JsonHead {
    node_id: NodeId,
    seq: u64,
}

impl From<&MessageId> for JsonHead {
    fn from(message: &MessageId) -> Self {
        Self {
            node_id: message.author,
            seq: message.seq,
        }
    }
}

/// A vector clock, written as an object.
#[derive(Debug)]
pub(super) struct JsonClock<'a>(pub(super) &'a VectorClock);

impl Serialize for JsonClock<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for entry in self.0.iter() {
            map.serialize_entry(&entry.author, &entry.seq)?;
        }
        map.end()
    }
}

/// A member in a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct JsonMember<'a> {
    node_id: NodeId,
    name: &'a str,
    address: &'a str,
    seniority: u64,
}

impl<'a> From<&'a Member> for JsonMember<'a> {
    fn from(member: &'a Member) -> Self {
        Self {
            node_id: member.id,
            name: &member.name,
            address: member.addresses.shown(),
            seniority: member.seniority,
        }
    }
}

/// A member that joined, left or failed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct JsonPerson<'a> {
    pub(super) node_id: NodeId,
    pub(super) name: &'a str,
}

impl<'a> From<&'a Person> for JsonPerson<'a> {
    fn from(person: &'a Person) -> Self {
        Self {
            node_id: person.id,
            name: &person.name,
        }
    }
}

/// Formats a time for programs: RFC 3339 in UTC, with milliseconds.
pub(crate) fn rfc3339(ms: u64) -> String {
    let formatted = moment(ms).format(&Iso8601::<RFC_3339>);
    formatted.expect("a moment within the calendar can be written")
}

/// Converts a time in milliseconds since 1970. A time after the year 9999 becomes its last moment.
pub fn moment(ms: u64) -> OffsetDateTime {
    let nanoseconds = i128::from(ms.min(LAST_MS)) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_read_rfc_3339() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_700_000_000_042), "2023-11-14T22:13:20.042Z");
        assert_eq!(rfc3339(u64::MAX), "9999-12-31T23:59:59.999Z");
    }
}

//! Events and answers as JSON, one object a line.
//!
//! Not here: the output of the lines (the faces).

use std::borrow::Cow;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;
use time::format_description::well_known::iso8601::{self, TimePrecision};
use uuid::Uuid;

use super::parts::{JsonClock, JsonHead, JsonMember, JsonPerson};
use super::rooms::{JsonListedRoom, JsonRoom, JsonRoomId, RoomLine};
use crate::text::EscapingFormatter;
use crate::{
    Answer, Code, DiscussionId, Epoch, Event, Goodbye, JoinStage, Members, Message, MessageId,
    NodeId, Remark, Reply, RingId, State, Tag,
};

/// The maximum number of entries of a clock that a message shows. Without a limit, anyone could make every line longer
/// by inventing authors.
const MAX_CLOCK_ENTRIES: usize = 64;

/// Writes the error of a node that could not start, and its goodbye.
pub fn write_failure(error: Remark, out: &mut Vec<u8>) {
    let reason = Goodbye::Failure;
    for event in [Event::Error(error), Event::Goodbye { reason }] {
        if let Some(line) = JsonLine::of_remark(&event) {
            write(&line, out);
        }
    }
}

/// Writes an event, given the state right after it. Writes nothing for an event that programs do not see.
pub fn write_event(event: &Event, state: &State, out: &mut Vec<u8>) {
    if let Some(line) = JsonLine::of_event(event, state) {
        write(&line, out);
    } else if let Some(line) = RoomLine::of_event(event, state) {
        write(&line, out);
    }
}

/// Writes that messages `from..=to` of an author in a room were withheld because the reader was too slow.
pub fn write_withheld(
    room: &RingId,
    author: NodeId,
    (from, to): (u64, u64),
    state: &State,
    out: &mut Vec<u8>,
) {
    if state.is_main(room) {
        let line = JsonLine::Gap {
            node_id: author,
            from,
            to,
            withheld: true,
        };
        write(&line, out);
    } else {
        let line = RoomLine::RoomGap {
            at: JsonRoom::of(room, state),
            node_id: author,
            from,
            to,
            withheld: true,
        };
        write(&line, out);
    }
}

/// Writes a node's answer: the reply and, for a program, `done`. If the command failed, writes the error instead.
pub fn write_answer(answer: &Answer, state: &State, out: &mut Vec<u8>) {
    match &answer.result {
        Ok(reply) => {
            if let Reply::Rooms(rooms) = reply {
                let rooms = rooms.iter().map(JsonListedRoom::from).collect();
                write(&RoomLine::Rooms { rooms }, out);
            } else if let Some(line) = JsonLine::of_reply(reply, state) {
                write(&line, out);
            }
            if answer.by_program {
                let line = JsonLine::done(answer.command, answer.tag.as_ref(), reply, state);
                write(&line, out);
            }
        }
        Err(error) => {
            let line = JsonLine::Error {
                code: error.code,
                message: &error.message,
                tag: answer.tag.as_ref(),
            };
            write(&line, out);
        }
    }
}

/// Writes the commands that can be typed.
pub fn write_help(commands: &[&str], out: &mut Vec<u8>) {
    write(&JsonLine::Help { commands }, out);
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
        room: Cow<'a, str>,
        room_id: JsonRoomId,
        timestamp: String,
        message: &'a str,
        lamport: u64,
        heads: Vec<JsonHead>,
        #[serde(skip_serializing_if = "Option::is_none")]
        vector_clock: Option<JsonClock<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        clock_size: Option<usize>,
        history: bool,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
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
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        withheld: bool,
    },
    Transcript {
        #[serde(flatten)]
        at: JsonRoom<'a>,
        ids: Vec<Uuid>,
    },
    Who {
        #[serde(flatten)]
        at: JsonRoom<'a>,
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
        #[serde(skip_serializing_if = "Option::is_none")]
        room_id: Option<JsonRoomId>,
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
            Event::Start { .. }
            | Event::Progress(_)
            | Event::Control(_)
            | Event::Typing { .. }
            | Event::Room(..) => return None,
            Event::Joining(progress) => Self::joining(progress),
            Event::Ready { name } => Self::ready(name, state),
            Event::Message(message) => Self::message(message, state)?,
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

    fn message(message: &'a Message, state: &'a State) -> Option<Self> {
        let room = &message.room;
        let clock = match state.rooms.get(room) {
            Some(room) => &room.clock,
            None if state.is_main(room) => &state.clock,
            None => return None,
        };
        let is_short = clock.len() <= MAX_CLOCK_ENTRIES;
        Some(Self::Message {
            id: uuid(&message.id, room, state),
            node_id: message.id.author,
            seq: message.id.seq,
            name: &message.name,
            room: state.room_label(room),
            room_id: JsonRoomId(*room),
            timestamp: rfc3339(message.timestamp_ms),
            message: &message.text,
            lamport: message.lamport,
            heads: message.dependencies().iter().map(JsonHead::from).collect(),
            vector_clock: is_short.then_some(JsonClock(clock)),
            clock_size: (!is_short).then(|| clock.len()),
            history: message.history,
            unlisted: state.is_unlisted(message),
        })
    }

    fn of_reply(reply: &'a Reply, state: &'a State) -> Option<Self> {
        Some(match reply {
            Reply::Sent { .. }
            | Reply::Accepted
            | Reply::Entered(_)
            | Reply::Typing(_)
            | Reply::Rooms(_)
            | Reply::Face(_)
            | Reply::Help
            | Reply::Clear => return None,
            Reply::Who { room, members } => Self::Who {
                at: JsonRoom::of(room, state),
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
            Reply::Transcript { room, ids } => Self::Transcript {
                at: JsonRoom::of(room, state),
                ids: ids.iter().map(|id| uuid(id, room, state)).collect(),
            },
        })
    }

    fn done(command: &'static str, tag: Option<&'a Tag>, reply: &Reply, state: &State) -> Self {
        let sent = match reply {
            Reply::Sent { room, id } => Some((uuid(id, room, state), id.seq)),
            _ => None,
        };
        let entered = match reply {
            Reply::Entered(room) => Some(JsonRoomId(*room)),
            _ => None,
        };
        Self::Done {
            tag,
            command,
            id: sent.map(|(id, _)| id),
            seq: sent.map(|(_, seq)| seq),
            room_id: entered,
        }
    }
}

fn write(line: &impl Serialize, out: &mut Vec<u8>) {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, EscapingFormatter);
    let written = line.serialize(&mut serializer);
    written.expect("every line has string keys, and memory takes whatever is written");
    out.push(b'\n');
}

/// Returns the UUID of a message.
fn uuid(id: &MessageId, room: &RingId, state: &State) -> Uuid {
    if state.is_main(room) {
        id.uuid()
    } else {
        id.uuid_in_room(room)
    }
}

fn json_members(members: &Members) -> Vec<JsonMember<'_>> {
    members.iter().map(JsonMember::from).collect()
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

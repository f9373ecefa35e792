//! The face for programs: one JSON object a line, as `contract.md` lists them.
//!
//! Not here: when the lines are written (`stdout`).

use ringtalk_proto::{Delivered, Event, JoiningStage, Person};
use ringtalk_wire::{DiscussionId, Epoch, Member, MessageId, NodeId, VectorClock};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::Told;
use super::known::Known;
use super::timestamp::rfc3339;
use crate::harmless::HarmlessJson;
use crate::stdin::HELP;

/// The most entries of a clock that are shown with a message: with those of all authors ever, a line would be as long as
/// whoever makes up authors likes.
const CLOCK_SHOWN: usize = 64;
/// The one room, until there are rooms.
const ROOM: &str = "main";

/// Shows an event of the core.
pub(super) fn show(event: &Event, known: &Known, out: &mut Vec<u8>) {
    if let Some(line) = Line::of_event(event, known) {
        line.write(out);
    }
}

/// Shows something of the driver's own.
pub(super) fn tell(told: &Told, known: &Known, out: &mut Vec<u8>) {
    if let Some(line) = Line::of_told(told, known) {
        line.write(out);
    }
}

/// A line of output.
#[derive(Debug, Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
enum Line<'a> {
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
        heads: Vec<Head>,
        #[serde(skip_serializing_if = "Option::is_none")]
        vector_clock: Option<Clock<'a>>,
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
        members: Vec<Listed<'a>>,
    },
    Neighbours {
        predecessor: Option<NodeId>,
        successor: Option<NodeId>,
    },
    Coordinator {
        node_id: NodeId,
        epoch: Epoch,
    },
    Joined(Somebody<'a>),
    Left(Somebody<'a>),
    Failed(Somebody<'a>),
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
        members: Vec<Listed<'a>>,
    },
    Ring {
        predecessor: Option<NodeId>,
        successor: Option<NodeId>,
        members: Vec<Listed<'a>>,
    },
    Invite {
        invite: &'a str,
    },
    Help {
        commands: [&'static str; HELP.len()],
    },
    Error {
        code: &'static str,
        message: &'a str,
    },
    Notice {
        code: &'static str,
        message: &'a str,
    },
    Goodbye {
        reason: &'static str,
    },
}

impl<'a> Line<'a> {
    fn of_event(event: &'a Event, known: &'a Known) -> Option<Self> {
        Some(match event {
            Event::Start { .. } | Event::Observed { .. } => return None,
            Event::Joining(stage) => Self::joining(stage),
            Event::Ready { name } => Self::ready(name, known),
            Event::Message(message) => Self::message(message, known),
            Event::View(view) => Self::View {
                epoch: view.tag().epoch,
                number: view.tag().number,
                coordinator: view.coordinator(),
                members: view.members().map(Listed::from).collect(),
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
            } => Self::Reached {
                from: *first,
                to: *last,
                members: *members,
            },
            Event::Gap {
                author, from, to, ..
            } => Self::Gap {
                node_id: *author,
                from: *from,
                to: *to,
                withheld: false,
            },
            Event::Error { code, message } => Self::Error { code, message },
        })
    }

    const fn joining(stage: &JoiningStage) -> Self {
        let (stage, done, total) = match stage {
            JoiningStage::AskingDirector => ("asking-director", None, None),
            JoiningStage::Linking { .. } => ("linking", None, None),
            JoiningStage::AskingForPlace { .. } => ("asking-for-place", None, None),
            JoiningStage::FetchingHistory { done, total } => {
                ("fetching-history", Some(*done), Some(*total))
            }
        };
        Self::Joining { stage, done, total }
    }

    fn ready(name: &'a str, known: &'a Known) -> Self {
        let epoch = known.view.as_ref().map(|view| view.tag().epoch);
        Self::Ready {
            node_id: known.me.id,
            name,
            address: known.me.address.as_str(),
            discussion: known.me.discussion,
            invite: known.me.invite.as_str(),
            coordinator: epoch.map(|epoch| epoch.coordinator),
            epoch,
            members: known.view.as_ref().map_or(1, |view| view.len()),
        }
    }

    fn message(message: &'a Delivered, known: &'a Known) -> Self {
        let clock = &known.clock;
        let is_short = clock.len() <= CLOCK_SHOWN;
        Self::Message {
            id: message.id.uuid(),
            node_id: message.id.author,
            seq: message.id.seq,
            name: &message.name,
            room: ROOM,
            timestamp: rfc3339(message.timestamp_ms),
            message: &message.text,
            lamport: message.lamport,
            heads: message.depends_on().iter().map(Head::from).collect(),
            vector_clock: is_short.then_some(Clock(clock)),
            clock_size: (!is_short).then(|| clock.len()),
            history: message.history,
            unlisted: known.is_unlisted(message),
        }
    }

    fn of_told(told: &'a Told, known: &'a Known) -> Option<Self> {
        Some(match told {
            Told::Clear => return None,
            Told::Who => Self::Who {
                members: listed(known),
            },
            Told::Ring => Self::Ring {
                predecessor: known.predecessor,
                successor: known.successor,
                members: listed(known),
            },
            Told::Invite => Self::Invite {
                invite: known.me.invite.as_str(),
            },
            Told::Withheld(withheld) => Self::Gap {
                node_id: withheld.author,
                from: withheld.from,
                to: withheld.to,
                withheld: true,
            },
            Told::Help => Self::Help { commands: HELP },
            Told::Transcript(ids) => Self::Transcript {
                ids: ids.iter().map(MessageId::uuid).collect(),
            },
            Told::Split { members, epoch } => Self::Split {
                members: *members,
                epoch: *epoch,
            },
            Told::Error { code, message } => Self::Error { code, message },
            Told::Notice { code, message } => Self::Notice { code, message },
            Told::Open { message } => Self::Notice {
                code: "open-discussion",
                message,
            },
            Told::Goodbye { reason } => Self::Goodbye {
                reason: reason.as_str(),
            },
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut serializer = serde_json::Serializer::with_formatter(&mut *out, HarmlessJson);
        let written = self.serialize(&mut serializer);
        written.expect("every line has string keys, and memory takes whatever is written");
        out.push(b'\n');
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_false(value: &bool) -> bool {
    !*value
}

fn listed(known: &Known) -> Vec<Listed<'_>> {
    let members = known.view.iter().flat_map(|view| view.members());
    members.map(Listed::from).collect()
}

/// A direct dependency.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Head {
    node_id: NodeId,
    seq: u64,
}

impl From<&MessageId> for Head {
    fn from(message: &MessageId) -> Self {
        Self {
            node_id: message.author,
            seq: message.seq,
        }
    }
}

/// A clock as an object.
#[derive(Debug)]
struct Clock<'a>(&'a VectorClock);

impl Serialize for Clock<'_> {
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
struct Listed<'a> {
    node_id: NodeId,
    name: &'a str,
    address: &'a str,
    seniority: u64,
}

impl<'a> From<&'a Member> for Listed<'a> {
    fn from(member: &'a Member) -> Self {
        Self {
            node_id: member.id,
            name: &member.name,
            address: member.addresses.shown(),
            seniority: member.seniority,
        }
    }
}

/// A member who came or went.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Somebody<'a> {
    node_id: NodeId,
    name: &'a str,
}

impl<'a> From<&'a Person> for Somebody<'a> {
    fn from(person: &'a Person) -> Self {
        Self {
            node_id: person.id,
            name: &person.name,
        }
    }
}

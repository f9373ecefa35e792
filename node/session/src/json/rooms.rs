//! The events of rooms, and of persons, as JSON.
//!
//! Not here: the events of the discussion and of its lobby, and messages (`events`).

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::parts::JsonPerson;
use crate::{
    ControlMessage, Epoch, Event, NodeId, Person, Presence, RingId, Room, RoomEvent, State,
};

/// The room that an event is about.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct JsonRoom<'a> {
    pub(super) room: Cow<'a, str>,
    pub(super) room_id: JsonRoomId,
}

/// The id of a room, written as a UUID.
#[derive(Clone, Copy, Debug)]
pub(super) struct JsonRoomId(pub(super) RingId);

impl Serialize for JsonRoomId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'a> JsonRoom<'a> {
    /// Returns the room with this id. Its name is the start of the id, as long as the node does not know the name.
    pub(super) fn of(room: &RingId, state: &'a State) -> Self {
        Self {
            room: state.room_label(room),
            room_id: JsonRoomId(*room),
        }
    }
}

/// The settings of a room. All rooms have the same as yet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct JsonPolicy {
    order: &'static str,
    history: &'static str,
    admission: &'static str,
    hidden: bool,
    stored: bool,
    fade: Option<u64>,
    locked: bool,
}

/// The settings of every room.
pub(super) const POLICY: JsonPolicy = JsonPolicy {
    order: "causal",
    history: "all",
    admission: "open",
    hidden: false,
    stored: false,
    fade: None,
    locked: false,
};

/// A line of output about a room or a person.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(strum::VariantNames), strum(serialize_all = "kebab-case"))]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub(super) enum RoomLine<'a> {
    RoomReady {
        #[serde(flatten)]
        at: JsonRoom<'a>,
        administrator: Option<NodeId>,
        policy: JsonPolicy,
        topic: Option<&'a str>,
        members: usize,
    },
    RoomView {
        #[serde(flatten)]
        at: JsonRoom<'a>,
        number: u64,
        epoch: Epoch,
        administrator: NodeId,
        members: Vec<JsonPerson<'a>>,
    },
    RoomJoined(JsonPersonIn<'a>),
    RoomLeft(JsonPersonIn<'a>),
    RoomFailed(JsonPersonIn<'a>),
    RoomAdministrator {
        #[serde(flatten)]
        person: JsonPersonIn<'a>,
        previous: Option<NodeId>,
        cause: &'static str,
    },
    RoomSplit {
        #[serde(flatten)]
        at: JsonRoom<'a>,
        members: usize,
    },
    RoomMerged {
        #[serde(flatten)]
        at: JsonRoom<'a>,
        members: usize,
    },
    RoomReached {
        #[serde(flatten)]
        at: JsonRoom<'a>,
        from: u64,
        to: u64,
        members: u64,
        complete: bool,
    },
    RoomGap {
        #[serde(flatten)]
        at: JsonRoom<'a>,
        node_id: NodeId,
        from: u64,
        to: u64,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        withheld: bool,
    },
    Rooms {
        rooms: Vec<JsonListedRoom<'a>>,
    },
    Away {
        #[serde(flatten)]
        person: JsonPerson<'a>,
        text: &'a str,
        history: bool,
    },
    Back {
        #[serde(flatten)]
        person: JsonPerson<'a>,
        history: bool,
    },
    Saved {
        #[serde(flatten)]
        person: JsonPersonIn<'a>,
        history: bool,
    },
}

/// A person, and the room in which something happened to them.
#[derive(Debug, Serialize)]
pub(super) struct JsonPersonIn<'a> {
    #[serde(flatten)]
    pub(super) at: JsonRoom<'a>,
    #[serde(flatten)]
    pub(super) person: JsonPerson<'a>,
}

/// A room in a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct JsonListedRoom<'a> {
    #[serde(flatten)]
    at: JsonRoom<'a>,
    topic: Option<&'a str>,
    policy: JsonPolicy,
    administrator: Option<NodeId>,
    operators: Vec<JsonPerson<'a>>,
    members: usize,
    joined: bool,
    state: &'static str,
}

impl<'a> From<&'a Room> for JsonListedRoom<'a> {
    fn from(room: &'a Room) -> Self {
        Self {
            at: JsonRoom {
                room: room.label(),
                room_id: JsonRoomId(room.id),
            },
            topic: None,
            policy: POLICY,
            administrator: room.administrator(),
            operators: Vec::new(),
            members: room.members.as_ref().map_or(0, |members| members.len()),
            joined: room.ready,
            state: "open",
        }
    }
}

impl<'a> RoomLine<'a> {
    /// Returns the line for an event, or `None` for one that programs do not see, or that is another's.
    pub(super) fn of_event(event: &'a Event, state: &'a State) -> Option<Self> {
        match event {
            Event::Room(room, event) => Self::of_room(room, event, state),
            Event::Control(message) => Self::of_control(message, state),
            _ => None,
        }
    }

    fn of_control(message: &'a ControlMessage, state: &'a State) -> Option<Self> {
        let (history, at) = (message.history, JsonRoom::of(&message.room, state));
        let person = JsonPerson {
            node_id: message.id.author,
            name: &message.name,
        };
        Some(match message.presence.as_ref()? {
            Presence::Away(text) => Self::Away {
                person,
                text,
                history,
            },
            Presence::Back => Self::Back { person, history },
            Presence::Saved => Self::Saved {
                person: JsonPersonIn { at, person },
                history,
            },
        })
    }

    fn of_room(room: &RingId, event: &'a RoomEvent, state: &'a State) -> Option<Self> {
        let at = JsonRoom::of(room, state);
        Some(match event {
            RoomEvent::Entering
            | RoomEvent::Named(_)
            | RoomEvent::Start { .. }
            | RoomEvent::NotEntered => return None,
            RoomEvent::Ready => {
                let members = state.members_of(room);
                Self::RoomReady {
                    at,
                    administrator: members.map(|members| members.coordinator()),
                    policy: POLICY,
                    topic: None,
                    members: members.map_or(1, |members| members.len()),
                }
            }
            RoomEvent::View(members) => Self::RoomView {
                at,
                number: members.number(),
                epoch: members.epoch(),
                administrator: members.coordinator(),
                members: members.iter().map(JsonPerson::from).collect(),
            },
            RoomEvent::Joined(person) => Self::RoomJoined(Self::person(room, person, state)),
            RoomEvent::Left(person) => Self::RoomLeft(Self::person(room, person, state)),
            RoomEvent::Failed(person) => Self::RoomFailed(Self::person(room, person, state)),
            RoomEvent::Administrator {
                administrator,
                previous,
                cause,
            } => Self::RoomAdministrator {
                person: Self::person(room, administrator, state),
                previous: *previous,
                cause: cause.as_str(),
            },
            RoomEvent::Split { members } => Self::RoomSplit {
                at,
                members: *members,
            },
            RoomEvent::Merged { members } => Self::RoomMerged {
                at,
                members: *members,
            },
            RoomEvent::Reached {
                first,
                last,
                members,
                complete,
            } => Self::RoomReached {
                at,
                from: *first,
                to: *last,
                members: *members,
                complete: *complete,
            },
            RoomEvent::Gap {
                author, from, to, ..
            } => Self::RoomGap {
                at,
                node_id: *author,
                from: *from,
                to: *to,
                withheld: false,
            },
        })
    }

    fn person(room: &RingId, person: &'a Person, state: &'a State) -> JsonPersonIn<'a> {
        JsonPersonIn {
            at: JsonRoom::of(room, state),
            person: person.into(),
        }
    }
}

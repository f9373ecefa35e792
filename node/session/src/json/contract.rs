//! Checks that `wire/CONTRACT.md` lists every event with its fields, every code, and every command with its fields.
//!
//! Not here: flags, exit statuses and HTTP (`tests/tests/documents.rs`).

use std::collections::{BTreeMap, BTreeSet};

use ringtalk_wire::{Epoch, MessageId, NodeId};
use serde_json::{Map, Value, json};
use strum::VariantNames;
use uuid::Uuid;

use super::commands::{CommandFields, parse_command};
use super::events::JsonLine;
use super::parts::{JsonClock, JsonPerson};
use super::rooms::{JsonPersonIn, JsonRoom, JsonRoomId, POLICY, RoomLine};
use crate::{Code, RingId, Tag, VectorClock};

const CONTRACT: &str = include_str!("../../../../wire/CONTRACT.md");

/// Returns the rows of the table whose first column has this heading, as cells.
fn table(head: &str) -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| -> Vec<_> {
        let inner = line.trim_matches('|').split('|');
        inner.map(|cell| cell.trim().trim_matches('`')).collect()
    };
    let lines = CONTRACT.lines();
    let rows = lines.skip_while(|line| cells(line)[0] != head).skip(2);
    let rows: Vec<_> = rows.take_while(|line| line.starts_with('|')).collect();
    assert!(!rows.is_empty(), "there is a table of {head}s");
    rows.into_iter().map(cells).collect()
}

/// Returns the first column of that table.
fn names(head: &str) -> BTreeSet<&'static str> {
    table(head).into_iter().map(|row| row[0]).collect()
}

fn set(names: &[&'static str]) -> BTreeSet<&'static str> {
    names.iter().copied().collect()
}

static TAG: Tag = Tag::Text(String::new());
const NODE_ID: NodeId = NodeId::from_bytes([1; 16]);
const ROOM_ID: JsonRoomId = JsonRoomId(RingId::from_bytes([2; 16]));
const EPOCH: Epoch = Epoch {
    number: 1,
    coordinator: NODE_ID,
};

/// Returns one line of each kind of event, with all fields that it can have.
fn events(clock: &VectorClock) -> Vec<JsonLine<'_>> {
    let (node_id, epoch) = (NODE_ID, EPOCH);
    let person = || JsonPerson {
        node_id,
        name: "ann",
    };
    vec![
        JsonLine::Joining {
            stage: "linking",
            done: Some(1),
            total: Some(2),
        },
        JsonLine::Ready {
            node_id,
            name: "ann",
            address: "",
            discussion: crate::test_support::me().discussion,
            invite: "",
            coordinator: None,
            epoch: None,
            members: 1,
        },
        message(clock),
        JsonLine::View {
            epoch,
            number: 1,
            coordinator: node_id,
            members: Vec::new(),
        },
        JsonLine::Neighbours {
            predecessor: None,
            successor: None,
        },
        JsonLine::Coordinator { node_id, epoch },
        JsonLine::Joined(person()),
        JsonLine::Left(person()),
        JsonLine::Failed(person()),
        JsonLine::Renamed {
            node_id,
            name: "ann",
            previous: "anna",
        },
        JsonLine::Split { members: 2, epoch },
        JsonLine::Reached {
            from: 1,
            to: 2,
            members: 3,
            complete: true,
        },
        JsonLine::Merged { members: 2, epoch },
        JsonLine::Gap {
            node_id,
            from: 1,
            to: 2,
            withheld: true,
        },
        JsonLine::Error {
            code: Code::Full,
            message: "",
            tag: Some(&TAG),
        },
        JsonLine::Notice {
            code: Code::Observer,
            message: "",
        },
        JsonLine::Goodbye { reason: "quit" },
    ]
}

fn message(clock: &VectorClock) -> JsonLine<'_> {
    JsonLine::Message {
        id: Uuid::nil(),
        node_id: NODE_ID,
        seq: 1,
        name: "ann",
        room: "main".into(),
        room_id: ROOM_ID,
        timestamp: String::new(),
        message: "hello",
        lamport: 1,
        heads: Vec::new(),
        vector_clock: Some(JsonClock(clock)),
        clock_size: Some(65),
        history: false,
        unlisted: true,
    }
}

/// Returns one line of each kind of answer, with all fields that it can have.
fn answers() -> Vec<JsonLine<'static>> {
    let message = MessageId {
        author: NODE_ID,
        seq: 1,
    };
    vec![
        JsonLine::Transcript {
            at: at(),
            ids: vec![message.uuid()],
        },
        JsonLine::Who {
            at: at(),
            members: Vec::new(),
        },
        JsonLine::Ring {
            predecessor: None,
            successor: None,
            members: Vec::new(),
        },
        JsonLine::Invite { invite: "" },
        JsonLine::Help { commands: &[] },
        JsonLine::Done {
            tag: Some(&TAG),
            command: "say",
            id: Some(Uuid::nil()),
            seq: Some(1),
            room_id: Some(ROOM_ID),
        },
    ]
}

fn at() -> JsonRoom<'static> {
    JsonRoom {
        room: "main".into(),
        room_id: ROOM_ID,
    }
}

/// Returns one line of each kind about rooms and persons, with all fields that it can have.
fn of_rooms() -> Vec<RoomLine<'static>> {
    let (at, name) = (at, "ann");
    let person = || JsonPerson {
        node_id: NODE_ID,
        name,
    };
    let person_in = || JsonPersonIn {
        at: at(),
        person: person(),
    };
    vec![
        RoomLine::RoomReady {
            at: at(),
            administrator: None,
            policy: POLICY,
            topic: None,
            members: 1,
        },
        RoomLine::RoomView {
            at: at(),
            number: 1,
            epoch: EPOCH,
            administrator: NODE_ID,
            members: Vec::new(),
        },
        RoomLine::RoomJoined(person_in()),
        RoomLine::RoomLeft(person_in()),
        RoomLine::RoomFailed(person_in()),
        RoomLine::RoomAdministrator {
            person: person_in(),
            previous: None,
            cause: "created",
        },
        RoomLine::RoomSplit {
            at: at(),
            members: 2,
        },
        RoomLine::RoomMerged {
            at: at(),
            members: 2,
        },
        RoomLine::RoomReached {
            at: at(),
            from: 1,
            to: 2,
            members: 3,
            complete: true,
        },
        RoomLine::RoomGap {
            at: at(),
            node_id: NODE_ID,
            from: 1,
            to: 2,
            withheld: true,
        },
        RoomLine::Rooms { rooms: Vec::new() },
        RoomLine::Away {
            person: person(),
            text: "",
            history: true,
        },
        RoomLine::Back {
            person: person(),
            history: true,
        },
        RoomLine::Saved {
            person: person_in(),
            history: true,
        },
    ]
}

#[test]
fn every_event_is_listed_with_its_fields() {
    let clock = VectorClock::new();
    let mut built = BTreeMap::new();
    let lines = events(&clock).into_iter().chain(answers());
    let lines = lines.map(serde_json::to_value);
    let of_rooms = of_rooms().into_iter().map(serde_json::to_value);
    for line in lines.chain(of_rooms) {
        let Ok(Value::Object(mut fields)) = line else {
            panic!("a line is an object: {line:?}");
        };
        let event = fields.remove("event").expect("a line names its event");
        let fields: BTreeSet<String> = fields.keys().cloned().collect();
        let event = event.as_str().expect("the event is a word").to_owned();
        assert_eq!(built.insert(event, fields), None);
    }
    let known: BTreeSet<&str> = built.keys().map(String::as_str).collect();
    let kinds = [JsonLine::VARIANTS, RoomLine::VARIANTS].concat();
    assert_eq!(known, set(&kinds), "each kind of line is built");

    let listed = table("event").into_iter().map(|row| {
        let fields = row[1].split(' ').map(|field| field.trim_end_matches('?'));
        (row[0].to_owned(), fields.map(str::to_owned).collect())
    });
    assert_eq!(built, listed.collect());
}

#[test]
fn every_code_is_listed() {
    assert_eq!(names("code"), set(Code::VARIANTS));
    for row in table("code") {
        assert!(["error", "notice"].contains(&row[1]), "{row:?}");
    }
}

#[test]
fn every_command_is_listed_with_its_fields() {
    assert_eq!(names("command"), set(CommandFields::VARIANTS));
    for row in table("command") {
        let fields = row[1].split(' ').filter(|field| !field.is_empty());
        let fields: Vec<_> = fields.collect();
        let object = |left_out: &str| {
            let named = fields.iter().filter(|field| **field != left_out);
            let named =
                named.map(|field| (field.trim_end_matches('?').to_owned(), json!("kitchen")));
            let mut object: Map<String, Value> = named.collect();
            object.insert("command".to_owned(), json!(row[0]));
            parse_command(Value::from(object).to_string().as_bytes()).command
        };
        let read = object("");
        assert_eq!(read.as_ref().map(crate::Command::name), Ok(row[0]));
        for field in &fields {
            let is_optional = field.ends_with('?');
            assert_eq!(
                object(field).is_ok(),
                is_optional,
                "{} without {field}",
                row[0]
            );
        }
    }
}

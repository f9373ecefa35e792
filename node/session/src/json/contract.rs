//! Checks that `wire/CONTRACT.md` lists every event with its fields, every code, and every command with its fields.
//!
//! Not here: flags, exit statuses and HTTP (`tests/tests/documents.rs`).

use std::collections::{BTreeMap, BTreeSet};

use ringtalk_wire::{Epoch, MessageId, NodeId};
use serde_json::{Map, Value, json};
use strum::VariantNames;
use uuid::Uuid;

use super::commands::{Fields, read_command};
use super::events::{Clock, Line, Somebody};
use crate::{Code, Tag, VectorClock};

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
const EPOCH: Epoch = Epoch {
    number: 1,
    coordinator: NODE_ID,
};

/// Returns one line of each kind of event, with all fields that it can have.
fn events(clock: &VectorClock) -> Vec<Line<'_>> {
    let (node_id, epoch) = (NODE_ID, EPOCH);
    let somebody = || Somebody {
        node_id,
        name: "ann",
    };
    vec![
        Line::Joining {
            stage: "linking",
            done: Some(1),
            total: Some(2),
        },
        Line::Ready {
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
        Line::View {
            epoch,
            number: 1,
            coordinator: node_id,
            members: Vec::new(),
        },
        Line::Neighbours {
            predecessor: None,
            successor: None,
        },
        Line::Coordinator { node_id, epoch },
        Line::Joined(somebody()),
        Line::Left(somebody()),
        Line::Failed(somebody()),
        Line::Renamed {
            node_id,
            name: "ann",
            previous: "anna",
        },
        Line::Split { members: 2, epoch },
        Line::Reached {
            from: 1,
            to: 2,
            members: 3,
        },
        Line::Merged { members: 2, epoch },
        Line::Gap {
            node_id,
            from: 1,
            to: 2,
            withheld: true,
        },
        Line::Error {
            code: Code::Full,
            message: "",
            tag: Some(&TAG),
        },
        Line::Notice {
            code: Code::Observer,
            message: "",
        },
        Line::Goodbye { reason: "quit" },
    ]
}

fn message(clock: &VectorClock) -> Line<'_> {
    Line::Message {
        id: Uuid::nil(),
        node_id: NODE_ID,
        seq: 1,
        name: "ann",
        room: "main",
        timestamp: String::new(),
        message: "hello",
        lamport: 1,
        heads: Vec::new(),
        vector_clock: Some(Clock(clock)),
        clock_size: Some(65),
        history: false,
        unlisted: true,
    }
}

/// Returns one line of each kind of answer, with all fields that it can have.
fn answers() -> Vec<Line<'static>> {
    let message = MessageId {
        author: NODE_ID,
        seq: 1,
    };
    vec![
        Line::Transcript {
            ids: vec![message.uuid()],
        },
        Line::Who {
            members: Vec::new(),
        },
        Line::Ring {
            predecessor: None,
            successor: None,
            members: Vec::new(),
        },
        Line::Invite { invite: "" },
        Line::Help { commands: &[] },
        Line::Done {
            tag: Some(&TAG),
            command: "say",
            id: Some(Uuid::nil()),
            seq: Some(1),
        },
    ]
}

#[test]
fn every_event_is_listed_with_its_fields() {
    let clock = VectorClock::new();
    let mut built = BTreeMap::new();
    for line in events(&clock).into_iter().chain(answers()) {
        let Ok(Value::Object(mut fields)) = serde_json::to_value(&line) else {
            panic!("a line is an object: {line:?}");
        };
        let event = fields.remove("event").expect("a line names its event");
        let fields: BTreeSet<String> = fields.keys().cloned().collect();
        let event = event.as_str().expect("the event is a word").to_owned();
        assert_eq!(built.insert(event, fields), None);
    }
    let known: BTreeSet<&str> = built.keys().map(String::as_str).collect();
    assert_eq!(known, set(Line::VARIANTS), "each kind of line is built");

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
    assert_eq!(names("command"), set(Fields::VARIANTS));
    for row in table("command") {
        let fields = row[1].split(' ').filter(|field| !field.is_empty());
        let fields: Vec<_> = fields.collect();
        let object = |left_out: &str| {
            let named = fields.iter().filter(|field| **field != left_out);
            let named = named.map(|field| (field.trim_end_matches('?').to_owned(), json!("main")));
            let mut object: Map<String, Value> = named.collect();
            object.insert("command".to_owned(), json!(row[0]));
            read_command(Value::from(object).to_string().as_bytes()).command
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

//! C4, and that a message is identical at every node.

use std::collections::HashMap;

use super::ledger::{Ledger, messages};
use super::session::describe;
use super::{CheckReport, End, Record, Rule};
use crate::event::Message;
use crate::id::{MessageId, NodeId};

pub(super) fn check(records: &[Record], ledger: &Ledger, report: &mut CheckReport) {
    let authors: HashMap<NodeId, &Record> = records
        .iter()
        .filter_map(|record| Some((record.id?, record)))
        .collect();
    let mut first = HashMap::new();
    let mut ids = HashMap::new();
    for record in records {
        for message in messages(record) {
            check_creation(record, message, &authors, ledger, report);
            check_format(record, message, report);
            check_sameness(record, message, &mut first, &mut ids, report);
        }
    }
    report.messages = first.len();
}

fn check_creation(
    record: &Record,
    message: &Message,
    authors: &HashMap<NodeId, &Record>,
    ledger: &Ledger,
    report: &mut CheckReport,
) {
    let mut blame = |what: &str| {
        report.blame(
            Rule::NoCreation,
            format!("{}: {what}: {}", record.label, describe(message)),
        );
    };
    let Some(author) = authors.get(&message.node_id) else {
        return blame("no such author");
    };
    let index = message
        .seq
        .checked_sub(1)
        .and_then(|index| usize::try_from(index).ok());
    match index.and_then(|index| author.typed.get(index)) {
        None => blame("never typed"),
        Some(text) if *text != message.message => {
            blame(&format!(
                "changed from {:?}",
                text.chars().take(60).collect::<String>()
            ));
        }
        Some(_) => {}
    }
    let slot = ledger
        .slot(message.node_id)
        .expect("every author has a slot");
    if author.end != End::Killed && ledger.sent(slot, message.seq).is_none() {
        blame("its author never said so");
    }
}

fn check_format(record: &Record, message: &Message, report: &mut CheckReport) {
    if message.room != "main" {
        let detail = format!("{}: the room is {:?}", record.label, message.room);
        report.blame(Rule::SameMessage, detail);
    }
    if !is_rfc3339(&message.timestamp) {
        let detail = format!(
            "{}: no RFC 3339 time: {:?}",
            record.label, message.timestamp
        );
        report.blame(Rule::SameMessage, detail);
    }
}

/// Compares a message with the first copy that was seen, which stands for all others.
fn check_sameness<'a>(
    record: &Record,
    message: &'a Message,
    first: &mut HashMap<(NodeId, u64), &'a Message>,
    ids: &mut HashMap<MessageId, (NodeId, u64)>,
    report: &mut CheckReport,
) {
    let key = (message.node_id, message.seq);
    let other = *first.entry(key).or_insert(message);
    let is_same = other.id == message.id
        && other.lamport == message.lamport
        && other.timestamp == message.timestamp
        && other.message == message.message
        && same_heads(other, message);
    let named = *ids.entry(message.id).or_insert(key);
    if !is_same || named != key {
        let detail = format!("{}: differs: {message:?} from {other:?}", record.label);
        report.blame(Rule::SameMessage, detail);
    }
}

fn same_heads(one: &Message, other: &Message) -> bool {
    one.heads.len() == other.heads.len() && one.heads.iter().all(|head| other.heads.contains(head))
}

/// Returns true if the text looks like a date, `T`, a time, and an offset or `Z`.
fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let has = |position: usize, byte: u8| bytes.get(position) == Some(&byte);
    let is_dated = has(4, b'-') && has(7, b'-') && (has(10, b'T') || has(10, b't'));
    let is_timed = has(13, b':') && has(16, b':');
    let has_offset =
        text.ends_with(['Z', 'z']) || text.get(19..).is_some_and(|end| end.contains(['+', '-']));
    is_dated && is_timed && has_offset
}

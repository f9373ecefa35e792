//! C7: a node's answer to `/transcript` is what it delivered, ordered by (Lamport time, author, seq), and that
//! order agrees with happened-before.

use std::collections::HashMap;

use super::ledger::{Ledger, messages};
use super::session::describe;
use super::{CheckReport, Record, Rule, Rules};
use crate::event::{Event, Message};
use crate::id::{MessageId, NodeId};

/// The sort key of a transcript.
type SortKey = (u64, NodeId, u64);

pub(super) fn check(records: &[Record], ledger: &Ledger, rules: &Rules, report: &mut CheckReport) {
    check_lamport_times(records, ledger, report);
    for record in records {
        check_answers(record, rules, report);
    }
}

/// Checks that a message has a higher Lamport time than everything that its author had delivered.
fn check_lamport_times(records: &[Record], ledger: &Ledger, report: &mut CheckReport) {
    for record in records {
        for message in messages(record).filter(|message| record.id == Some(message.node_id)) {
            let slot = ledger
                .slot(message.node_id)
                .expect("every author has a slot");
            let Some(sent) = ledger.sent(slot, message.seq) else {
                continue;
            };
            let known = sent.before.iter().enumerate();
            let is_early = known
                .filter_map(|(slot, seq)| ledger.sent(slot, *seq))
                .any(|known| known.lamport >= message.lamport);
            if is_early {
                let detail = format!(
                    "{}: Lamport time too low: {}",
                    record.label,
                    describe(message)
                );
                report.blame(Rule::Lamport, detail);
            }
        }
    }
}

fn check_answers(record: &Record, rules: &Rules, report: &mut CheckReport) {
    let mut keys: HashMap<MessageId, SortKey> = HashMap::new();
    for timed in &record.events {
        match &timed.event {
            Event::Message(message) => {
                keys.insert(message.id, key(message));
            }
            Event::Transcript(transcript) => {
                check_answer(record, &transcript.ids, &keys, rules, report);
            }
            _ => {}
        }
    }
}

fn check_answer(
    record: &Record,
    ids: &[MessageId],
    keys: &HashMap<MessageId, SortKey>,
    rules: &Rules,
    report: &mut CheckReport,
) {
    let mut blame = |what: String| {
        report.blame(
            Rule::Transcript,
            format!("{}: transcript: {what}", record.label),
        );
    };
    let Some(order) = ids
        .iter()
        .map(|id| keys.get(id))
        .collect::<Option<Vec<_>>>()
    else {
        return blame("it has a message that was not delivered".to_owned());
    };
    if !order.is_sorted_by(|one, next| one < next) {
        blame("it is not by (Lamport time, author, seq)".to_owned());
    }
    if ids.len() < keys.len().min(rules.retention) {
        blame(format!(
            "it has {} of {} messages delivered",
            ids.len(),
            keys.len()
        ));
    }
}

fn key(message: &Message) -> SortKey {
    (message.lamport, message.node_id, message.seq)
}

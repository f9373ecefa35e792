//! The shape of a node's event stream: `ready` once and after all history, `goodbye` last, no line that the
//! contract does not allow.

use super::{CheckReport, End, Record, Rule};
use crate::event::{Event, Message};

pub(super) fn check(records: &[Record], report: &mut CheckReport) {
    for record in records {
        for line in &record.malformed {
            report.blame(
                Rule::Session,
                format!("{}: a bad line: {line}", record.label),
            );
        }
        check_ready(record, report);
        check_goodbye(record, report);
    }
}

fn check_ready(record: &Record, report: &mut CheckReport) {
    let mut is_ready = false;
    for timed in &record.events {
        match &timed.event {
            Event::Ready(_) if is_ready => {
                report.blame(Rule::Session, format!("{}: a second `ready`", record.label));
            }
            Event::Ready(_) => is_ready = true,
            Event::Joining(step) if is_ready => {
                let detail = format!("{}: {step:?} after `ready`", record.label);
                report.blame(Rule::Session, detail);
            }
            Event::Message(message) if is_ready && message.history => {
                let detail = format!(
                    "{}: history after `ready`: {}",
                    record.label,
                    describe(message)
                );
                report.blame(Rule::Session, detail);
            }
            _ => {}
        }
    }
}

fn check_goodbye(record: &Record, report: &mut CheckReport) {
    let index = record
        .events
        .iter()
        .position(|timed| matches!(timed.event, Event::Goodbye(_)));
    match index {
        Some(index) if index + 1 < record.events.len() => {
            let next = &record.events[index + 1].event;
            report.blame(
                Rule::Session,
                format!("{}: after `goodbye`: {next:?}", record.label),
            );
        }
        None if record.end == End::Left => {
            report.blame(
                Rule::Session,
                format!("{}: left without `goodbye`", record.label),
            );
        }
        _ => {}
    }
}

/// Describes a message in failure messages.
pub(super) fn describe(message: &Message) -> String {
    let text: String = message.message.chars().take(40).collect();
    format!(
        "{} {} of {} {text:?}",
        message.name, message.seq, message.node_id
    )
}

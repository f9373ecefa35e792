//! V1, V2, E1 and E3: views and epochs.

use std::collections::HashMap;

use super::{CheckReport, Record, Rule, Rules};
use crate::event::{Epoch, Event, Member};
use crate::id::NodeId;

pub(super) fn check(records: &[Record], rules: &Rules, report: &mut CheckReport) {
    let mut views = HashMap::new();
    let mut coordinators = HashMap::new();
    for record in records {
        check_views(record, &mut views, report);
        check_epochs(record, report);
        if rules.one_ring {
            check_one_coordinator(record, &mut coordinators, report);
        } else {
            check_one_coordinator(record, &mut HashMap::new(), report);
        }
    }
}

fn check_views<'a>(
    record: &'a Record,
    views: &mut HashMap<(u64, NodeId, u64), &'a [Member]>,
    report: &mut CheckReport,
) {
    let mut last = (0, 0);
    for timed in &record.events {
        let Event::View(view) = &timed.event else {
            continue;
        };
        let name = (view.epoch.number, view.number);
        let described = format!("{}: view {name:?} of {}", record.label, view.coordinator);
        if view.coordinator != view.epoch.coordinator {
            report.blame(
                Rule::OneCoordinator,
                format!("{described} in the epoch {:?}", view.epoch),
            );
        }
        if name <= last {
            report.blame(Rule::NeverDown, format!("{described} after {last:?}"));
        }
        let key = (view.epoch.number, view.epoch.coordinator, view.number);
        let members = *views.entry(key).or_insert(&view.members);
        if members != view.members {
            let detail = format!(
                "{described}: {:?} here, {members:?} elsewhere",
                view.members
            );
            report.blame(Rule::SameView, detail);
        }
        last = name;
    }
}

/// Checks that one node's epoch numbers never go down, and that it announces a coordinator only when that changes.
fn check_epochs(record: &Record, report: &mut CheckReport) {
    let mut last: Option<Epoch> = None;
    for epoch in epochs(record) {
        if last.is_some_and(|last| epoch.number < last.number) {
            let detail = format!("{}: epoch {epoch:?} after {last:?}", record.label);
            report.blame(Rule::NeverDown, detail);
        }
        last = Some(epoch);
    }
    let announced: Vec<_> = record
        .events
        .iter()
        .filter_map(|timed| match &timed.event {
            Event::Coordinator(coordinator) => Some(coordinator),
            _ => None,
        })
        .collect();
    for pair in announced.windows(2).filter(|pair| pair[0] == pair[1]) {
        let detail = format!("{}: {:?} announced twice", record.label, pair[0]);
        report.blame(Rule::AnnouncedOnce, detail);
    }
}

/// Checks that an epoch number has one coordinator.
fn check_one_coordinator(
    record: &Record,
    coordinators: &mut HashMap<u64, NodeId>,
    report: &mut CheckReport,
) {
    for epoch in epochs(record) {
        let coordinator = *coordinators
            .entry(epoch.number)
            .or_insert(epoch.coordinator);
        if coordinator != epoch.coordinator {
            let detail = format!("{}: {epoch:?}, which was {coordinator}'s", record.label);
            report.blame(Rule::OneCoordinator, detail);
        }
    }
}

/// Returns the epochs that a node named, in order.
fn epochs(record: &Record) -> impl Iterator<Item = Epoch> {
    record.events.iter().filter_map(|timed| match &timed.event {
        Event::Ready(ready) => Some(ready.epoch),
        Event::View(view) => Some(view.epoch),
        Event::Coordinator(coordinator) => Some(coordinator.epoch),
        _ => None,
    })
}

//! V1, V2, E1 and E3: views and epochs.

use std::collections::HashMap;

use super::{Record, Report, Rule, Rules};
use crate::event::{Epoch, Event, Member};
use crate::id::NodeId;

pub(super) fn check(records: &[Record], rules: &Rules, report: &mut Report) {
    let mut views = HashMap::new();
    let mut reigns = HashMap::new();
    for record in records {
        check_views(record, &mut views, report);
        check_reigns(record, report);
        if rules.one_ring {
            check_one_reign(record, &mut reigns, report);
        } else {
            check_one_reign(record, &mut HashMap::new(), report);
        }
    }
}

fn check_views<'a>(
    record: &'a Record,
    views: &mut HashMap<(u64, NodeId, u64), &'a [Member]>,
    report: &mut Report,
) {
    let mut last = (0, 0);
    for seen in &record.seen {
        let Event::View(view) = &seen.event else {
            continue;
        };
        let name = (view.epoch.number, view.number);
        let shown = format!("{}: view {name:?} of {}", record.label, view.coordinator);
        if view.coordinator != view.epoch.coordinator {
            report.blame(
                Rule::OneCoordinator,
                format!("{shown} in the epoch {:?}", view.epoch),
            );
        }
        if name <= last {
            report.blame(Rule::NeverDown, format!("{shown} after {last:?}"));
        }
        let key = (view.epoch.number, view.epoch.coordinator, view.number);
        let members = *views.entry(key).or_insert(&view.members);
        if members != view.members {
            let detail = format!("{shown}: {:?} here, {members:?} elsewhere", view.members);
            report.blame(Rule::SameView, detail);
        }
        last = name;
    }
}

/// Checks that one node's epoch numbers never go down, and that it announces a coordinator only when that changes.
fn check_reigns(record: &Record, report: &mut Report) {
    let mut last: Option<Epoch> = None;
    for epoch in epochs(record) {
        if last.is_some_and(|last| epoch.number < last.number) {
            let detail = format!("{}: epoch {epoch:?} after {last:?}", record.label);
            report.blame(Rule::NeverDown, detail);
        }
        last = Some(epoch);
    }
    let announced: Vec<_> = record
        .seen
        .iter()
        .filter_map(|seen| match &seen.event {
            Event::Coordinator(reign) => Some(reign),
            _ => None,
        })
        .collect();
    for pair in announced.windows(2).filter(|pair| pair[0] == pair[1]) {
        let detail = format!("{}: {:?} announced twice", record.label, pair[0]);
        report.blame(Rule::NeverDown, detail);
    }
}

/// Checks that an epoch number has one coordinator.
fn check_one_reign(record: &Record, reigns: &mut HashMap<u64, NodeId>, report: &mut Report) {
    for epoch in epochs(record) {
        let coordinator = *reigns.entry(epoch.number).or_insert(epoch.coordinator);
        if coordinator != epoch.coordinator {
            let detail = format!("{}: {epoch:?}, which was {coordinator}'s", record.label);
            report.blame(Rule::OneCoordinator, detail);
        }
    }
}

/// Returns the epochs that a node named, in order.
fn epochs(record: &Record) -> impl Iterator<Item = Epoch> {
    record.seen.iter().filter_map(|seen| match &seen.event {
        Event::Ready(ready) => Some(ready.epoch),
        Event::View(view) => Some(view.epoch),
        Event::Coordinator(reign) => Some(reign.epoch),
        _ => None,
    })
}

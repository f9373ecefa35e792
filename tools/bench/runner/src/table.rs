//! The printed table: medians of all rounds, and their ratios to those of the first peer.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::Measurement;
use crate::peer::Peer;
use crate::work::Workload;

/// A function that picks one figure of a measurement.
type Figure<'a> = Box<dyn Fn(&Measurement) -> Option<f64> + 'a>;

/// Returns all figures, with one table for each number of members.
pub(crate) fn format(all: &[Measurement], peers: &[&Peer]) -> String {
    let mut text = String::new();
    let counts: BTreeSet<usize> = all.iter().map(|one| one.members).collect();
    for count in counts {
        let _ = write!(text, "\n{count} members\n{:48}", "");
        for peer in peers {
            let _ = write!(text, "{:>26}", peer.name);
        }
        text.push('\n');
        let here: Vec<&Measurement> = all.iter().filter(|one| one.members == count).collect();
        for (what, figure) in rows(&here) {
            if here.iter().all(|one| figure(one).is_none()) {
                continue;
            }
            let _ = write!(text, "{what:48}");
            let mut first = None;
            for peer in peers {
                let theirs = here.iter().filter(|one| one.peer == peer.name);
                let value = median(theirs.filter_map(|one| figure(one)).collect());
                let cell = value.map_or(String::from("-"), |value| {
                    let base = *first.get_or_insert(value);
                    if base == 0.0 {
                        return format_short(value);
                    }
                    format!("{} ({:.2})", format_short(value), value / base)
                });
                let _ = write!(text, "{cell:>26}");
            }
            text.push('\n');
        }
        for one in here {
            for failure in &one.failures {
                let _ = writeln!(text, "{}, round {}: {failure}", one.peer, one.round);
            }
        }
    }
    text
}

fn rows<'a>(here: &[&'a Measurement]) -> Vec<(String, Figure<'a>)> {
    let mut rows: Vec<(String, Figure<'a>)> = Vec::new();
    let talks: BTreeSet<Workload> = here
        .iter()
        .flat_map(|one| one.talks.iter().map(|(workload, _)| *workload))
        .collect();
    for workload in talks {
        let mut row = |what: &str, pick: fn(&crate::work::Throughput) -> f64| {
            let figure = move |one: &Measurement| {
                let mut talks = one.talks.iter();
                let found = talks.find(|(other, _)| *other == workload);
                found.map(|(_, talk)| pick(talk))
            };
            let what = format!("{workload}: {what}");
            rows.push((what, Box::new(figure)));
        };
        row("deliveries/s", |talk| talk.deliveries_per_second);
        row("CPU s per million", |talk| {
            talk.processor_seconds_per_million
        });
        row("wire B per delivery", |talk| talk.wire_bytes_per_delivery);
        row("lost", |talk| talk.lost as f64);
        row("odd", |talk| talk.odd as f64);
    }
    let mut row = |what: &str, pick: fn(&Measurement) -> Option<f64>| {
        rows.push((what.to_owned(), Box::new(pick)));
    };
    row("200 messages/s: p50 µs", |one| {
        Some(one.chat.as_ref()?.p50_us)
    });
    row("200 messages/s: p99 µs", |one| {
        Some(one.chat.as_ref()?.p99_us)
    });
    row("200 messages/s: p99.9 µs", |one| {
        Some(one.chat.as_ref()?.p999_us)
    });
    row("200 messages/s: CPU s per million", |one| {
        Some(one.chat.as_ref()?.processor_seconds_per_million)
    });
    row("200 messages/s: lost", |one| {
        Some(one.chat.as_ref()?.lost as f64)
    });
    row("memory idle, KiB", |one| Some(one.idle_kib? as f64));
    row("memory after all that, KiB", |one| {
        Some(one.loaded_kib? as f64)
    });
    row("start to the first message, ms", |one| one.join_ms);
    row("a death is known, ms", |one| one.death.as_ref()?.known_ms);
    row("… by how many of the others", |one| {
        Some(one.death.as_ref()?.told as f64)
    });
    rows
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn format_short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{:.2} M", value / 1e6),
        value if value >= 1e4 => format!("{:.0} k", value / 1e3),
        value if value >= 100.0 => format!("{value:.0}"),
        value => format!("{value:.2}"),
    }
}

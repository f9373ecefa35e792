//! The metrics of a director in Prometheus' text format.
//!
//! Not here: the counting (`metrics`, `registry`).

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use crate::director::Director;
use crate::metrics::Request;

/// Returns all counts as text.
pub(crate) fn render(director: &Director) -> String {
    let mut text = Text::default();
    let tally = director.tally();
    let registered = u8::from(director.coordinator(None).is_some());
    text.gauge(
        "registered",
        "Whether a coordinator of the open discussion is registered.",
        registered,
    );
    text.gauge(
        "private_discussions",
        "Private discussions known.",
        director.private_count(),
    );
    text.counter(
        "registrations_total",
        "Coordinators that registered anew.",
        tally.registrations,
    );
    text.counter(
        "renewals_total",
        "Renewals by the registered coordinator.",
        tally.renewals,
    );
    text.counter(
        "conflicts_total",
        "Calls refused for another ring.",
        tally.conflicts,
    );
    text.counter("lapses_total", "Registrations that lapsed.", tally.lapses);
    text.counter("foundings_total", "Nodes told to found.", tally.foundings);
    text.counter(
        "newcomers_total",
        "Nodes pointed at a coordinator.",
        tally.newcomers,
    );
    text.counter(
        "newcomers_forgotten_total",
        "Newcomers forgotten before a coordinator was told.",
        tally.newcomers_forgotten,
    );
    text.gauge(
        "held_newcomers",
        "Newcomers' calls held open.",
        director.held_newcomers(),
    );
    let metrics = director.metrics();
    text.counter(
        "connections_refused_total",
        "Connections that found no room.",
        metrics.connections_refused(),
    );
    text.counter(
        "requests_refused_total",
        "Requests of addresses that make too many.",
        metrics.requests_refused(),
    );
    text.requests(&metrics.requests());
    text.0
}

/// The text as it grows. Writing to a string cannot fail.
#[derive(Default)]
struct Text(String);

impl Text {
    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.header(name, help, "gauge");
        let _ = writeln!(self.0, "ringtalk_director_{name} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.header(name, help, "counter");
        let _ = writeln!(self.0, "ringtalk_director_{name} {value}");
    }

    fn requests(&mut self, requests: &BTreeMap<Request, u64>) {
        self.header("requests_total", "Requests answered.", "counter");
        for (request, count) in requests {
            let Request {
                endpoint,
                method,
                status,
            } = request;
            let _ = writeln!(
                self.0,
                "ringtalk_director_requests_total\
                 {{endpoint=\"{endpoint}\",method=\"{method}\",status=\"{status}\"}} {count}"
            );
        }
    }

    fn header(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.0, "# HELP ringtalk_director_{name} {help}");
        let _ = writeln!(self.0, "# TYPE ringtalk_director_{name} {kind}");
    }
}

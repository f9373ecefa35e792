//! The metrics of a director in Prometheus' text format.
//!
//! Not here: the counting (`metrics`, `registry`).

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use crate::director::Director;
use crate::metrics::RequestLabels;

/// Returns all counts as text.
pub(crate) fn render(director: &Director) -> String {
    let mut text = MetricsText::default();
    let counts = director.counts();
    let registered = u8::from(director.coordinator(None).is_some());
    text.gauge(
        "registered",
        "Whether a coordinator of the open discussion is registered.",
        registered,
    );
    text.gauge(
        "private_discussions",
        "Known private discussions.",
        director.private_count(),
    );
    text.counter(
        "registrations_total",
        "New registrations of coordinators.",
        counts.registrations,
    );
    text.counter(
        "renewals_total",
        "Renewals by the registered coordinator.",
        counts.renewals,
    );
    text.counter(
        "conflicts_total",
        "Registrations refused because another ring is registered.",
        counts.conflicts,
    );
    text.counter("lapses_total", "Registrations that lapsed.", counts.lapses);
    text.counter(
        "foundings_total",
        "Nodes told to start a discussion.",
        counts.foundings,
    );
    text.counter(
        "newcomers_total",
        "Nodes pointed at a coordinator.",
        counts.newcomers,
    );
    text.counter(
        "newcomers_forgotten_total",
        "Newcomers dropped before a coordinator learned of them.",
        counts.newcomers_forgotten,
    );
    text.gauge(
        "held_newcomers",
        "Newcomers' calls held open.",
        director.held_newcomers(),
    );
    if let Some(rendezvous) = director.rendezvous() {
        text.gauge(
            "circuits",
            "Circuits between members that cannot reach each other.",
            rendezvous.open_count(),
        );
    }
    let metrics = director.metrics();
    text.counter(
        "connections_refused_total",
        "Connections closed for lack of room.",
        metrics.connections_refused(),
    );
    text.counter(
        "requests_refused_total",
        "Requests rejected by the rate limit.",
        metrics.requests_refused(),
    );
    text.requests(&metrics.requests());
    text.0
}

/// The text as it grows. Writing to a string cannot fail.
#[derive(Default)]
struct MetricsText(String);

impl MetricsText {
    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.header(name, help, "gauge");
        let _ = writeln!(self.0, "ringtalk_director_{name} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.header(name, help, "counter");
        let _ = writeln!(self.0, "ringtalk_director_{name} {value}");
    }

    fn requests(&mut self, requests: &BTreeMap<RequestLabels, u64>) {
        self.header("requests_total", "Requests answered.", "counter");
        for (labels, count) in requests {
            let RequestLabels {
                endpoint,
                method,
                status,
            } = labels;
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

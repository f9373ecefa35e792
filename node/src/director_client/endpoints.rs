//! The endpoints of a discussion, and what answers at each: a director, or a member in its place.
//!
//! Members are for getting in. A node registers at, watches and reports on directors only. Not here: the calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::StatusCode;
use ringtalk_director::Problem;
use ringtalk_director::api::{Directions, FoundingLease, Health, Newcomers};
use tokio::sync::watch;

use super::NewsSender;
use super::http::HttpAnswer;
use crate::settings::Endpoint;

/// The kind of service that answers at an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum EndpointKind {
    /// Nothing has answered yet.
    #[default]
    Unknown,
    /// A director.
    Director,
    /// A member.
    Member,
}

/// An endpoint, and what is known of it. Clones share that.
#[derive(Clone, Debug)]
pub(super) struct KnownEndpoint {
    pub(super) endpoint: Endpoint,
    kind: watch::Sender<EndpointKind>,
    /// Whether a director is there that carries circuits.
    carries: Arc<AtomicBool>,
}

impl KnownEndpoint {
    /// Creates an endpoint at which nothing has answered yet.
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            kind: watch::Sender::default(),
            carries: Arc::default(),
        }
    }

    /// Learns from an answer what is at this endpoint, and reports that it answers. Returns false for an answer that
    /// neither a director nor a member gives: any web server may be there.
    pub(super) async fn learn(&self, answer: &HttpAnswer, news: &NewsSender) -> bool {
        let Some((kind, carries)) = kind_of(answer) else {
            return false;
        };
        if let Some(carries) = carries {
            self.carries.store(carries, Ordering::Relaxed);
        }
        self.kind.send_if_modified(|known| {
            let changed = *known != kind;
            *known = kind;
            changed
        });
        news.up(&self.endpoint.director, kind).await;
        true
    }

    /// Returns true if a member answered last.
    pub(super) fn is_member(&self) -> bool {
        *self.kind.borrow() == EndpointKind::Member
    }

    /// Returns true if a director answered last that carries circuits.
    pub(super) fn carries(&self) -> bool {
        self.carries.load(Ordering::Relaxed)
    }

    /// Waits until this is no member (any more), as far as is known.
    pub(super) async fn wait_while_member(&self) {
        let mut kind = self.kind.subscribe();
        // This endpoint keeps the sender.
        let _ = kind.wait_for(|kind| *kind != EndpointKind::Member).await;
    }
}

/// Returns what has answered, if it was a director or a member, and whether it carries circuits, if it says so. A member
/// says in whatever it answers that it is one.
fn kind_of(answer: &HttpAnswer) -> Option<(EndpointKind, Option<bool>)> {
    let (is_member, carries) = match answer.status {
        StatusCode::OK => {
            let health = answer.json::<Health>();
            let health = health.map(|health| (health.member, health.carries));
            let directions = answer.json::<Directions>();
            let directions = directions.map(|found| (found.member, found.carries));
            let newcomers = answer.json::<Newcomers>();
            let newcomers = newcomers.map(|found| (found.member, found.carries));
            let (is_member, carries) = health.or(directions).or(newcomers).ok()?;
            (is_member, Some(carries))
        }
        StatusCode::CREATED => (false, Some(answer.json::<FoundingLease>().ok()?.carries)),
        _ => (answer.json::<Problem>().ok()?.member, None),
    };
    let kind = if is_member {
        EndpointKind::Member
    } else {
        EndpointKind::Director
    };
    Some((kind, carries))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, body: &'static str) -> Option<EndpointKind> {
        let found = kind_of(&HttpAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: None,
            host: None,
            location: None,
            body: body.into(),
        });
        found.map(|(kind, _)| kind)
    }

    #[test]
    fn only_what_answers_like_a_director_or_a_member_is_one() {
        let ok = r#"{"status":"ok"}"#;
        assert_eq!(kind(200, ok), Some(EndpointKind::Director));
        let member = r#"{"status":"ok","member":true}"#;
        assert_eq!(kind(200, member), Some(EndpointKind::Member));
        let problem =
            r#"{"type":"about:blank","title":"No","status":403,"detail":"no","member":true}"#;
        assert_eq!(kind(403, problem), Some(EndpointKind::Member));
        for (status, body) in [(200, "hi"), (404, "<html>"), (201, "{}"), (500, ok)] {
            assert_eq!(kind(status, body), None, "{status} {body}");
        }
    }
}

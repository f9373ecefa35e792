//! Health checks of the directors: each member asks them now and then. Members that answer in a director's place are
//! asked too, but rarely: a director may take that place.
//!
//! The user is told when none answers any more, and when one does again. A discussion goes on without directors; only
//! newcomers need one. Not here: the calls that a coordinator makes anyway (`registrar`), which count as checks too.

use std::time::Duration;

use hyper::{Method, StatusCode};
use ringtalk_director::api::Address;
use tokio::sync::watch;
use tokio::time::sleep;

use super::endpoints::{EndpointKind, KnownEndpoint};
use super::http::{Http, HttpError, RequestParts};
use super::{NewsSender, with_jitter};

/// The period of checks in a small ring. Larger rings share the work.
const PERIOD: Duration = Duration::from_secs(5);
/// The wait before the retry of a failed check.
const RETRY_WAIT: Duration = Duration::from_secs(1);
/// The number of failures in a row before a member's user is told: one may occur because this process itself slept.
const FAILURES: u32 = 2;
/// The number of members that check once per period. All together make less than twice as many checks.
const SHARE: usize = 50;
/// How many times rarer members are checked than directors.
const MEMBER_SHARE: u32 = 6;
/// The timeout of a check.
const ANSWER_TIME: Duration = Duration::from_secs(3);

/// The health check of one director.
#[derive(Debug)]
pub(super) struct HealthCheck {
    pub(super) http: Http,
    pub(super) endpoint: KnownEndpoint,
    pub(super) news: NewsSender,
}

impl HealthCheck {
    /// Checks the director forever.
    pub(super) async fn run(self, members: watch::Receiver<usize>) {
        loop {
            let share = (*members.borrow() / SHARE).max(1);
            let share = u32::try_from(share).unwrap_or(u32::MAX);
            let rarity = if self.endpoint.is_member() {
                MEMBER_SHARE
            } else {
                1
            };
            let period = PERIOD.saturating_mul(share.saturating_mul(rarity));
            sleep(with_jitter(period)).await;
            if !self.check().await {
                sleep(RETRY_WAIT).await;
                self.check().await;
            }
        }
    }

    /// Checks once, and returns true if the director answered.
    async fn check(&self) -> bool {
        let address = &self.endpoint.endpoint.director;
        let request = RequestParts::default();
        let answer = self
            .http
            .call(Method::GET, address, "/healthz", request, ANSWER_TIME);
        match answer.await {
            // A director that gets too many requests is alive.
            Ok(answer)
                if matches!(
                    answer.status,
                    StatusCode::OK | StatusCode::TOO_MANY_REQUESTS
                ) =>
            {
                if self.endpoint.learn(&answer, &self.news).await {
                    return true;
                }
                let error = HttpError::Refused("what answers there is no director".to_owned());
                self.news.down(address, &error).await;
            }
            Ok(answer) => {
                let error = HttpError::Refused(answer.problem());
                self.news.down(address, &error).await;
            }
            Err(error) => self.news.down(address, &error).await,
        }
        false
    }
}

/// The record of which directors answer. It decides what is news for the user.
#[derive(Debug)]
pub(crate) struct Reachability {
    endpoints: Vec<EndpointRecord>,
    are_down: bool,
}

#[derive(Debug)]
struct EndpointRecord {
    address: Address,
    kind: EndpointKind,
    /// The number of failed calls since the last success.
    failures: u32,
    /// Why the last one failed.
    reason: String,
}

impl Reachability {
    /// Creates a record in which nothing is known yet.
    pub(crate) fn new(endpoints: impl IntoIterator<Item = Address>) -> Self {
        let record = |address| EndpointRecord {
            address,
            kind: EndpointKind::Unknown,
            failures: 0,
            reason: String::new(),
        };
        Self {
            endpoints: endpoints.into_iter().map(record).collect(),
            are_down: false,
        }
    }

    /// Records that a director, or a member, answered. Returns true if the user was told that no director does, and
    /// this is one.
    pub(crate) fn up(&mut self, address: &Address, kind: EndpointKind) -> bool {
        if let Some(record) = self.record_of(address) {
            record.failures = 0;
            record.reason.clear();
            record.kind = kind;
        }
        kind == EndpointKind::Director && std::mem::take(&mut self.are_down)
    }

    /// Records that nothing answered. Returns true if no director answers any more, and that is news. While the node
    /// is not `ready`, one failure of each endpoint is enough, whatever is there; later only directors count.
    pub(crate) fn down(&mut self, address: &Address, reason: String, ready: bool) -> bool {
        if let Some(record) = self.record_of(address) {
            record.failures = record.failures.saturating_add(1);
            record.reason = reason;
        }
        let is_news = self.have_failed(ready) && !self.are_down;
        self.are_down |= is_news;
        is_news
    }

    /// Returns true if the last call to every endpoint failed.
    pub(crate) fn are_all_down(&self) -> bool {
        let mut all = self.endpoints.iter();
        !self.endpoints.is_empty() && all.all(|record| record.failures >= 1)
    }

    /// Returns the directors whose last call succeeded.
    pub(crate) fn answering(&self) -> impl Iterator<Item = &Address> {
        let directors = self.endpoints.iter().filter(|record| record.is_director());
        let answering = directors.filter(|record| record.failures == 0);
        answering.map(|record| &record.address)
    }

    /// Returns true if a member answered last at this endpoint.
    pub(crate) fn is_member(&self, address: &Address) -> bool {
        let mut known = self.endpoints.iter();
        known.any(|record| record.address == *address && record.kind == EndpointKind::Member)
    }

    /// Returns a list of all endpoints, for people.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self
            .endpoints
            .iter()
            .map(|record| record.address.as_str())
            .collect();
        names.join(", ")
    }

    /// Returns true if there are endpoints, and all have a property.
    pub(crate) fn all(&self, has: impl Fn(&Address) -> bool) -> bool {
        !self.endpoints.is_empty() && self.endpoints.iter().all(|one| has(&one.address))
    }

    /// Returns a list of the endpoints that are watched, for people: all, or the directors once the node is ready.
    pub(crate) fn watched_names(&self, ready: bool) -> String {
        let names = self.watched(ready).map(|record| record.address.as_str());
        names.collect::<Vec<_>>().join(", ")
    }

    /// Returns why the last calls to these failed: one reason if it is the same for all, else one for each.
    pub(crate) fn reasons(&self, ready: bool) -> String {
        let mut all = self.watched(ready);
        let first = all.next().map_or("", |one| one.reason.as_str());
        if all.all(|one| one.reason == first) {
            return first.to_owned();
        }
        let each = self.watched(ready);
        let each = each.map(|one| format!("{}: {}", one.address, one.reason));
        each.collect::<Vec<_>>().join("; ")
    }

    fn have_failed(&self, ready: bool) -> bool {
        if !ready {
            return self.are_all_down();
        }
        let is_any = self.watched(ready).next().is_some();
        is_any
            && self
                .watched(ready)
                .all(|record| record.failures >= FAILURES)
    }

    fn watched(&self, ready: bool) -> impl Iterator<Item = &EndpointRecord> {
        let is_watched = move |record: &&EndpointRecord| !ready || record.is_director();
        self.endpoints.iter().filter(is_watched)
    }

    fn record_of(&mut self, address: &Address) -> Option<&mut EndpointRecord> {
        let mut known = self.endpoints.iter_mut();
        known.find(|record| record.address == *address)
    }
}

impl EndpointRecord {
    fn is_director(&self) -> bool {
        self.kind == EndpointKind::Director
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> String {
        "refused".to_owned()
    }

    fn record() -> (Reachability, Address, Address) {
        let one: Address = "a:1".parse().unwrap();
        let other: Address = "b:2".parse().unwrap();
        let reachability = Reachability::new([one.clone(), other.clone()]);
        (reachability, one, other)
    }

    #[test]
    fn the_last_failure_and_the_first_recovery_are_reported() {
        let (mut reachability, one, other) = record();
        for director in [&one, &other] {
            assert!(!reachability.up(director, EndpointKind::Director));
        }
        let mut down = |director: &Address| {
            assert!(!reachability.down(director, refused(), true));
            reachability.down(director, refused(), true)
        };
        assert!(!down(&one), "the other may answer");
        assert!(down(&other));
        assert!(!down(&one), "once");
        assert!(reachability.up(&one, EndpointKind::Director));
        assert!(!reachability.up(&one, EndpointKind::Director), "once");
        assert_eq!(reachability.names(), "a:1, b:2");
    }

    #[test]
    fn one_failure_of_each_is_reported_before_the_node_is_ready() {
        let (mut reachability, one, other) = record();
        assert!(!reachability.down(&one, refused(), false));
        assert!(reachability.down(&other, refused(), false));
        assert!(reachability.are_all_down());
    }

    #[test]
    fn only_directors_are_watched_once_the_node_is_ready() {
        let (mut reachability, one, other) = record();
        reachability.up(&one, EndpointKind::Member);
        for _ in 0..3 {
            for endpoint in [&one, &other] {
                assert!(
                    !reachability.down(endpoint, refused(), true),
                    "neither is a director"
                );
            }
        }
        assert_eq!(reachability.answering().count(), 0);
        reachability.up(&other, EndpointKind::Director);
        assert!(reachability.answering().eq([&other]));
        reachability.down(&other, refused(), true);
        assert!(
            reachability.down(&other, refused(), true),
            "the only director"
        );
    }

    #[test]
    fn reasons_that_differ_are_told_for_each_endpoint() {
        let (mut reachability, one, other) = record();
        for endpoint in [&one, &other] {
            reachability.down(endpoint, refused(), false);
        }
        assert_eq!(reachability.reasons(false), "refused");
        reachability.down(&other, "unknown".to_owned(), false);
        assert_eq!(reachability.reasons(false), "a:1: refused; b:2: unknown");
        reachability.up(&one, EndpointKind::Member);
        reachability.up(&other, EndpointKind::Director);
        reachability.down(&other, refused(), true);
        assert_eq!(
            reachability.reasons(true),
            "refused",
            "members do not count"
        );
        assert_eq!(reachability.watched_names(true), "b:2");
    }
}

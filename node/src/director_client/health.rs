//! Health checks of the directors: each member asks them now and then.
//!
//! The user is told when none answers any more, and when one does again. A discussion goes on without directors; only
//! newcomers need one. Not here: the calls that a coordinator makes anyway (`registrar`), which count as checks too.

use std::time::Duration;

use hyper::{Method, StatusCode};
use ringtalk_director::api::Address;
use tokio::sync::watch;
use tokio::time::sleep;

use super::http::{Http, RequestParts};
use super::{NewsSender, with_jitter};

/// The period of checks in a small ring. Larger rings share the work.
const PERIOD: Duration = Duration::from_secs(5);
/// The wait before the retry of a failed check.
const RETRY_WAIT: Duration = Duration::from_secs(1);
/// The number of failures in a row before a member's user is told: one may occur because this process itself slept.
const FAILURES: u32 = 2;
/// The number of members that check once per period. All together make less than twice as many checks.
const SHARE: usize = 50;
/// The timeout of a check.
const ANSWER_TIME: Duration = Duration::from_secs(3);

/// The health check of one director.
#[derive(Debug)]
pub(super) struct HealthCheck {
    pub(super) http: Http,
    pub(super) director: Address,
    pub(super) news: NewsSender,
}

impl HealthCheck {
    /// Checks the director forever.
    pub(super) async fn run(self, members: watch::Receiver<usize>) {
        loop {
            let share = (*members.borrow() / SHARE).max(1);
            let share = u32::try_from(share).unwrap_or(u32::MAX);
            sleep(with_jitter(PERIOD.saturating_mul(share))).await;
            if !self.check().await {
                sleep(RETRY_WAIT).await;
                self.check().await;
            }
        }
    }

    /// Checks once, and returns true if the director answered.
    async fn check(&self) -> bool {
        let request = RequestParts::default();
        let answer = self.http.call(
            Method::GET,
            &self.director,
            "/healthz",
            request,
            ANSWER_TIME,
        );
        match answer.await {
            // A director that gets too many requests is alive.
            Ok(answer)
                if matches!(
                    answer.status,
                    StatusCode::OK | StatusCode::TOO_MANY_REQUESTS
                ) =>
            {
                self.news.up(&self.director).await;
                return true;
            }
            Ok(answer) => self.news.down(&self.director, answer.problem()).await,
            Err(error) => self.news.down(&self.director, error).await,
        }
        false
    }
}

/// The record of which directors answer. It decides what is news for the user.
#[derive(Debug)]
pub(crate) struct Reachability {
    /// The number of failed calls to each director since the last success.
    failures: Vec<(Address, u32)>,
    are_down: bool,
}

impl Reachability {
    /// Creates a record in which nothing is known yet.
    pub(crate) fn new(directors: impl IntoIterator<Item = Address>) -> Self {
        Self {
            failures: directors.into_iter().map(|name| (name, 0)).collect(),
            are_down: false,
        }
    }

    /// Records that a director answered. Returns true if the user was told that none does.
    pub(crate) fn up(&mut self, director: &Address) -> bool {
        if let Some(failures) = self.failures_of(director) {
            *failures = 0;
        }
        std::mem::take(&mut self.are_down)
    }

    /// Records that a director did not answer. Returns true if none does any more, and that is news. While the node is
    /// not `ready`, one failure of each is enough.
    pub(crate) fn down(&mut self, director: &Address, ready: bool) -> bool {
        if let Some(failures) = self.failures_of(director) {
            *failures = failures.saturating_add(1);
        }
        let enough = if ready { FAILURES } else { 1 };
        let is_news = self.have_failed(enough) && !self.are_down;
        self.are_down |= is_news;
        is_news
    }

    /// Returns true if the last call to every director failed.
    pub(crate) fn are_all_down(&self) -> bool {
        self.have_failed(1)
    }

    /// Returns a list of all directors, for people.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self
            .failures
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        names.join(", ")
    }

    /// Returns true if the last `times` calls to every director have failed.
    fn have_failed(&self, times: u32) -> bool {
        let mut failures = self.failures.iter();
        failures.all(|(_, failed)| *failed >= times)
    }

    fn failures_of(&mut self, director: &Address) -> Option<&mut u32> {
        let mut known = self.failures.iter_mut();
        let (_, failures) = known.find(|(name, _)| name == director)?;
        Some(failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_failure_and_the_first_recovery_are_reported() {
        let one: Address = "a:1".parse().unwrap();
        let other: Address = "b:2".parse().unwrap();
        let mut reachability = Reachability::new([one.clone(), other.clone()]);
        let mut down = |director: &Address| {
            assert!(!reachability.down(director, true));
            reachability.down(director, true)
        };
        assert!(!down(&one), "the other may answer");
        assert!(down(&other));
        assert!(!down(&one), "once");
        assert!(reachability.up(&one));
        assert!(!reachability.up(&one), "once");
        assert_eq!(reachability.names(), "a:1, b:2");
    }

    #[test]
    fn one_failure_is_reported_before_the_node_is_ready() {
        let one: Address = "a:1".parse().unwrap();
        let mut reachability = Reachability::new([one.clone()]);
        assert!(reachability.down(&one, false));
    }
}

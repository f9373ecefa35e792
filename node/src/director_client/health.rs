//! Whether the directors are well: each member asks them now and then, and the user is told when
//! none answers any more, and when one does again.
//!
//! A discussion goes on without directors; it is newcomers who need one. Not here: the calls that
//! a coordinator makes anyway (`registering`), which count as checks too.

use std::time::Duration;

use hyper::{Method, StatusCode};
use ringtalk_director::api::Address;
use tokio::sync::watch;
use tokio::time::sleep;

use super::http::{Http, Sent};
use super::{NewsLine, with_jitter};

/// How often a member of a small ring asks. Larger rings share the work.
const PERIOD: Duration = Duration::from_secs(5);
/// How soon it asks again where there was no answer.
const AGAIN: Duration = Duration::from_secs(1);
/// How many calls in a row must fail before a member's user is told: one may fail because this
/// very process slept.
const FAILURES: u32 = 2;
/// How many members ask once a period, all together at most twice as often as that.
const SHARE: usize = 50;
/// How long an answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(3);

/// Asks one director.
#[derive(Debug)]
pub(super) struct HealthCheck {
    pub(super) http: Http,
    pub(super) director: Address,
    pub(super) news: NewsLine,
}

impl HealthCheck {
    /// Asks for ever.
    pub(super) async fn run(self, members: watch::Receiver<usize>) {
        loop {
            let share = (*members.borrow() / SHARE).max(1);
            let share = u32::try_from(share).unwrap_or(u32::MAX);
            sleep(with_jitter(PERIOD.saturating_mul(share))).await;
            if !self.check().await {
                sleep(AGAIN).await;
                self.check().await;
            }
        }
    }

    /// True where the director answered.
    async fn check(&self) -> bool {
        let sent = Sent::default();
        let answer = self
            .http
            .call(Method::GET, &self.director, "/healthz", sent, ANSWER_TIME);
        match answer.await {
            // One that hears too much is alive.
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

/// Which directors answer, and which of it is news.
#[derive(Debug)]
pub(crate) struct Reachability {
    /// How many calls to each have failed since the last that did not.
    failures: Vec<(Address, u32)>,
    are_down: bool,
}

impl Reachability {
    /// Nothing is known yet.
    pub(crate) fn new(directors: impl IntoIterator<Item = Address>) -> Self {
        Self {
            failures: directors.into_iter().map(|name| (name, 0)).collect(),
            are_down: false,
        }
    }

    /// A director answered; true where none did before.
    pub(crate) fn up(&mut self, director: &Address) -> bool {
        if let Some(failures) = self.failures_of(director) {
            *failures = 0;
        }
        std::mem::take(&mut self.are_down)
    }

    /// A director did not answer; true where none does any more, and that is news. While the node is not `ready`, one
    /// failure of each is enough.
    pub(crate) fn down(&mut self, director: &Address, ready: bool) -> bool {
        if let Some(failures) = self.failures_of(director) {
            *failures = failures.saturating_add(1);
        }
        let enough = if ready { FAILURES } else { 1 };
        let is_news = self.have_failed(enough) && !self.are_down;
        self.are_down |= is_news;
        is_news
    }

    /// True where none has answered the last call.
    pub(crate) fn are_all_down(&self) -> bool {
        self.have_failed(1)
    }

    /// All of them, for people.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self
            .failures
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        names.join(", ")
    }

    /// True where so many calls in turn have failed, of each.
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
    fn it_is_news_when_the_last_one_goes_and_when_the_first_one_is_back() {
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
    fn for_who_is_not_in_yet_one_failure_is_news() {
        let one: Address = "a:1".parse().unwrap();
        let mut reachability = Reachability::new([one.clone()]);
        assert!(reachability.down(&one, false));
    }
}

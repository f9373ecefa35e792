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

use super::http::Http;
use super::{NewsLine, with_jitter};
use crate::face::Told;

/// How often a member of a small ring asks. Larger rings share the work.
const PERIOD: Duration = Duration::from_secs(5);
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
            self.check().await;
        }
    }

    async fn check(&self) {
        let answer =
            self.http
                .call::<()>(Method::GET, &self.director, "/healthz", None, ANSWER_TIME);
        match answer.await {
            Ok(answer) if answer.status == StatusCode::OK => self.news.up(&self.director).await,
            Ok(answer) => self.news.down(&self.director, answer.problem()).await,
            Err(error) => self.news.down(&self.director, error).await,
        }
    }
}

/// Which directors answer, and what the user knows of it.
#[derive(Debug)]
pub(crate) struct Reachability {
    directors: Vec<(Address, Option<bool>)>,
    told_down: bool,
}

impl Reachability {
    /// Nothing is known yet.
    pub(crate) fn new(directors: impl IntoIterator<Item = Address>) -> Self {
        Self {
            directors: directors.into_iter().map(|name| (name, None)).collect(),
            told_down: false,
        }
    }

    /// A director answered; says what the user should hear, if anything.
    pub(crate) fn up(&mut self, director: &Address) -> Option<Told> {
        self.set(director, true);
        std::mem::take(&mut self.told_down).then(|| Told::Notice {
            code: "director-reachable",
            message: format!("the director at {director} answers again"),
        })
    }

    /// A director did not answer; says what the user should hear, if anything.
    pub(crate) fn down(&mut self, director: &Address, reason: &str, ready: bool) -> Option<Told> {
        self.set(director, false);
        let all = self.directors.iter().all(|(_, up)| *up == Some(false));
        if !all || self.told_down {
            return None;
        }
        self.told_down = true;
        let names: Vec<&str> = self
            .directors
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let names = names.join(", ");
        let rest = if ready {
            "nobody new can get in until one does; the discussion goes on"
        } else {
            "is the address right, and the director running? trying again"
        };
        Some(Told::Error {
            code: "director-unreachable",
            message: format!("no director answers at {names} ({reason}): {rest}"),
        })
    }

    fn set(&mut self, director: &Address, up: bool) {
        let known = self.directors.iter_mut().find(|(name, _)| name == director);
        if let Some((_, state)) = known {
            *state = Some(up);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_hears_when_the_last_one_goes_and_when_the_first_one_is_back() {
        let one: Address = "a:1".parse().unwrap();
        let other: Address = "b:2".parse().unwrap();
        let mut reachability = Reachability::new([one.clone(), other.clone()]);
        assert_eq!(reachability.down(&one, "x", true), None);
        assert_eq!(reachability.up(&other), None);
        let told = reachability.down(&other, "x", true);
        let Some(Told::Error { message, .. }) = told else {
            panic!("{told:?}");
        };
        assert!(message.contains("a:1, b:2 (x)"), "{message}");
        assert_eq!(reachability.down(&one, "x", true), None, "once");
        assert!(matches!(reachability.up(&one), Some(Told::Notice { .. })));
        assert_eq!(reachability.up(&one), None, "once");
        assert_eq!(reachability.down(&one, "x", true).map(|_| ()), Some(()));
    }
}

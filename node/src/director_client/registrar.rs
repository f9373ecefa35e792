//! Registers this node at one director for as long as it coordinates.
//!
//! At an endpoint where a member answers, it waits until a director does. The director holds each call for a while, so
//! that it can name a newcomer at once. A director that restarts learns of the ring with the next call. Not here:
//! whether this node coordinates (the core).

use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode};
use ringtalk_director::Problem;
use ringtalk_director::api::{Address, Coordinator, Newcomer, Newcomers};
use ringtalk_proto::Registration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::http::{HttpAnswer, HttpError};
use super::{
    Caller, KnownEndpoint, News, NewsSender, addresses, contacts, coordinator, with_jitter,
};

const PATH: &str = "/register_coordinator";
/// The timeout of a call: longer than a director holds it.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// The wait after a failure: a restarted director must know the ring within 3 s.
const FAILURE_WAIT: Duration = Duration::from_millis(600);
/// The wait after a director named another ring: the core needs time to contact it.
const FOREIGN_WAIT: Duration = Duration::from_secs(1);
/// The time before the user is told that another coordinator is registered: a lease, in which two rings of one
/// discussion usually become one.
pub(crate) const DISPLACEMENT_TIME: Duration = Duration::from_secs(5);
/// The least time between two calls, whatever a director answers.
const LEAST_WAIT: Duration = Duration::from_millis(50);

/// The task that registers at one director.
#[derive(Debug)]
pub(super) struct Registrar {
    pub(super) caller: Caller,
    pub(super) endpoint: KnownEndpoint,
    pub(super) news: NewsSender,
}

impl Registrar {
    /// Keeps the current registration at the director. A change cuts the open call short.
    pub(super) async fn run(self, mut registration: watch::Receiver<Option<Arc<Registration>>>) {
        let mut displacement = Displacement::default();
        loop {
            let current = registration.borrow_and_update().clone();
            let body = current.as_deref().and_then(coordinator);
            let changed = if let Some(body) = body {
                tokio::select! {
                    changed = registration.changed() => changed,
                    never = self.keep(&body, &mut displacement) => match never {},
                }
            } else {
                displacement = Displacement::default();
                registration.changed().await
            };
            if changed.is_err() {
                return;
            }
        }
    }

    async fn keep(
        &self,
        body: &Coordinator,
        displacement: &mut Displacement,
    ) -> std::convert::Infallible {
        loop {
            self.endpoint.wait_while_member().await;
            let began = Instant::now();
            let wait = self.register(body, displacement).await;
            sleep(wait.max(LEAST_WAIT.saturating_sub(began.elapsed()))).await;
        }
    }

    /// Calls once, and returns how long to wait before the next call.
    async fn register(&self, body: &Coordinator, displacement: &mut Displacement) -> Duration {
        let director = &self.endpoint.endpoint.director;
        let answer = self
            .caller
            .call(Method::POST, director, PATH, body, ANSWER_TIME)
            .await;
        let host = answer.as_ref().ok().and_then(|answer| answer.host);
        let meaning = match answer {
            Ok(answer) => {
                let meaning = read(&answer);
                self.endpoint.learn(&answer, &self.news).await;
                meaning
            }
            Err(error) => Err(error),
        };
        match meaning {
            // It keeps no registrations, and knows of this ring or will soon.
            _ if self.endpoint.is_member() => Duration::ZERO,
            Ok(RegistrationAnswer::Registered(newcomers)) => {
                *displacement = Displacement::default();
                for newcomer in newcomers {
                    let expected = News::Expected {
                        newcomer: newcomer.id,
                        addresses: addresses(newcomer),
                        host,
                    };
                    self.news.send(expected).await;
                }
                Duration::ZERO
            }
            Ok(RegistrationAnswer::Later(pause)) => with_jitter(pause.max(FAILURE_WAIT)),
            Ok(RegistrationAnswer::Foreign(foreign)) => {
                if displacement.is_news(Instant::now()) {
                    let displaced = News::Displaced {
                        director: director.clone(),
                        to: foreign.display_address().clone(),
                    };
                    self.news.send(displaced).await;
                }
                let (contact, _) = contacts(*foreign);
                self.news.send(News::Foreign(contact)).await;
                FOREIGN_WAIT
            }
            Err(error) => {
                self.news.down(director, &error).await;
                with_jitter(FAILURE_WAIT)
            }
        }
    }
}

/// The time for which another coordinator has been registered.
#[derive(Clone, Copy, Debug, Default)]
struct Displacement {
    since: Option<Instant>,
    is_reported: bool,
}

impl Displacement {
    /// Records that another coordinator is still registered. Returns true once, when that has lasted.
    fn is_news(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let is_news = !self.is_reported && now - since >= DISPLACEMENT_TIME;
        self.is_reported |= is_news;
        is_news
    }
}

/// A director's answer to a registration.
enum RegistrationAnswer {
    /// This node is registered, and these newcomers are on their way to it.
    Registered(Vec<Newcomer>),
    /// The director gets too many requests at the moment.
    Later(Duration),
    /// Another ring is registered; this is its coordinator.
    Foreign(Box<Coordinator>),
}

fn read(answer: &HttpAnswer) -> Result<RegistrationAnswer, HttpError> {
    match answer.status {
        StatusCode::OK => {
            let newcomers: Newcomers = answer.json()?;
            Ok(RegistrationAnswer::Registered(newcomers.newcomers))
        }
        StatusCode::TOO_MANY_REQUESTS => Ok(RegistrationAnswer::Later(answer.pause())),
        StatusCode::CONFLICT => {
            let problem: Problem = answer.json()?;
            let foreign = problem.coordinator.ok_or(HttpError::Answer)?;
            Ok(RegistrationAnswer::Foreign(foreign))
        }
        _ => Err(HttpError::Refused(answer.problem())),
    }
}

/// Ends a registration, because the last member leaves.
pub(super) async fn withdraw(
    caller: &Caller,
    director: &Address,
    registration: &Registration,
    deadline: Duration,
) {
    let Some(body) = coordinator(registration) else {
        return;
    };
    let answer = caller.call(Method::DELETE, director, PATH, &body, deadline);
    if let Err(error) = answer.await {
        tracing::debug!(%director, %error, "cannot end the registration; it will lapse");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_displacement_is_reported_once() {
        let mut displacement = Displacement::default();
        let now = Instant::now();
        assert!(!displacement.is_news(now));
        assert!(!displacement.is_news(now + DISPLACEMENT_TIME / 2));
        assert!(displacement.is_news(now + DISPLACEMENT_TIME));
        assert!(!displacement.is_news(now + DISPLACEMENT_TIME * 2));
    }
}

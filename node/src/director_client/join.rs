//! Asks how to join: each director in turn, again and again, until one has an answer.
//!
//! Not here: what happens if nobody answers in time (`driver`), who founds (a director says so, never the node).

use std::time::Duration;

use hyper::{Method, StatusCode};
use ringtalk_director::api::{Directions, NODE_HOLD, Newcomer, RegisterNode};
use tokio::time::{Instant, sleep};

use super::http::{HttpAnswer, HttpError};
use super::{Caller, EntryAnswer, News, NewsSender, entry_answer, with_jitter};
use crate::settings::Endpoint;

/// The timeout of a call: longer than a director holds it.
const ANSWER_TIME: Duration = NODE_HOLD.saturating_add(Duration::from_secs(2));
/// The first wait between two rounds; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait between two rounds.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The time in which "no such discussion" may be temporary.
const NO_SUCH_TIME: Duration = Duration::from_secs(5);
/// The wait after a director would have this node found, if it may not: longer than the lease, so that others may.
const LEASE_WAIT: Duration = Duration::from_millis(2_200);

/// A node's question how to join.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) caller: Caller,
    pub(super) newcomer: Newcomer,
    pub(super) news: NewsSender,
    /// Whether the node was a member already. Then it looks for its ring whatever directors say, since a discussion
    /// needs none.
    pub(super) persists: bool,
}

/// The meaning of one director's answer.
#[derive(Clone, PartialEq, Eq, Debug)]
enum DirectorReply {
    /// How to join.
    Entry(EntryAnswer),
    /// Try again.
    Later {
        /// The least time to wait.
        again: Duration,
        /// The director's words, if it gives any.
        detail: Option<String>,
    },
    /// There is no such discussion, at least not yet.
    NoSuch {
        /// The message for the user.
        detail: String,
        /// The least time to wait.
        again: Duration,
    },
    /// This director refuses this node.
    Refused(String),
}

/// The results of a round of questions so far.
#[derive(Debug, Default)]
struct Round {
    pause: Duration,
    no_such: Option<String>,
    refused: Option<String>,
    left: Vec<Endpoint>,
}

impl Question {
    /// Asks until a director says how to join, or all refuse, and reports that to the driver.
    pub(super) async fn ask(self, mut endpoints: Vec<Endpoint>, number: u64) {
        let mut wait = FIRST_WAIT;
        let mut no_such_since = None;
        let answer = loop {
            let round = match self.ask_all(endpoints).await {
                Ok(answer) => break answer,
                Err(round) => round,
            };
            let mut pause = round.pause.max(with_jitter(wait));
            if let (true, Some(detail)) = (round.left.is_empty(), round.refused) {
                break EntryAnswer::Refused(detail);
            }
            if let Some(detail) = round.no_such {
                let since: &mut Instant = no_such_since.get_or_insert_with(Instant::now);
                let left = NO_SUCH_TIME.saturating_sub(since.elapsed());
                if left.is_zero() {
                    break EntryAnswer::Refused(detail);
                }
                pause = pause.min(left);
            } else {
                no_such_since = None;
            }
            endpoints = round.left;
            sleep(pause).await;
            wait = LONGEST_WAIT.min(wait * 2);
        };
        self.news
            .send(News::Entry {
                question: number,
                answer,
            })
            .await;
    }

    /// Asks each director once, until one says how to join.
    async fn ask_all(&self, endpoints: Vec<Endpoint>) -> Result<EntryAnswer, Round> {
        let mut round = Round::default();
        for endpoint in endpoints {
            match self.ask_one(&endpoint).await {
                DirectorReply::Entry(answer) => return Ok(answer),
                DirectorReply::Later { again, detail } => {
                    round.pause = round.pause.max(again);
                    if let Some(detail) = detail {
                        self.news.later(&endpoint.director, detail).await;
                    }
                }
                DirectorReply::NoSuch { detail, again } => {
                    round.pause = round.pause.max(again);
                    // If time runs out before this is final, it is what the user needs to know.
                    self.news.later(&endpoint.director, detail.clone()).await;
                    let director = &endpoint.director;
                    round.no_such = Some(format!("the director at {director} answered: {detail}"));
                }
                DirectorReply::Refused(detail) => {
                    round.refused = Some(detail);
                    continue;
                }
            }
            round.left.push(endpoint);
        }
        Err(round)
    }

    async fn ask_one(&self, endpoint: &Endpoint) -> DirectorReply {
        let director = &endpoint.director;
        let body = RegisterNode {
            newcomer: self.newcomer.clone(),
            may_found: self.caller.is_private() && endpoint.may_found,
        };
        let path = "/register_node";
        let answer = self
            .caller
            .call(Method::POST, director, path, &body, ANSWER_TIME);
        let reply = match answer.await {
            Ok(answer) => self.read(endpoint, &answer),
            Err(error) => Err(error),
        };
        match reply {
            Ok(reply) => {
                self.news.up(director).await;
                if self.persists {
                    reply.into_retry()
                } else {
                    reply
                }
            }
            Err(error) => {
                self.news.down(director, error).await;
                DirectorReply::later(Duration::ZERO)
            }
        }
    }

    fn read(&self, endpoint: &Endpoint, answer: &HttpAnswer) -> Result<DirectorReply, HttpError> {
        Ok(match answer.status {
            StatusCode::CREATED if endpoint.may_found => DirectorReply::Entry(EntryAnswer::Found),
            StatusCode::CREATED => DirectorReply::NoSuch {
                detail: format!(
                    "no open discussion: it has ended, the director has restarted, or the invite is \
                     incomplete. Use the complete invite, including the part after the #, or start a \
                     discussion with --start {}",
                    endpoint.director
                ),
                again: LEASE_WAIT,
            },
            StatusCode::OK => {
                let directions: Directions = answer.json()?;
                if directions.coordinator.id == self.newcomer.id {
                    // This node's own registration, from an earlier term as coordinator. It will lapse.
                    DirectorReply::later(Duration::ZERO)
                } else {
                    DirectorReply::Entry(entry_answer(directions))
                }
            }
            StatusCode::NOT_FOUND => DirectorReply::NoSuch {
                detail: "no such discussion: it has ended, or this is the invite of another one. \
                         Ask someone in the discussion for its present invite"
                    .to_owned(),
                again: Duration::ZERO,
            },
            StatusCode::FORBIDDEN => DirectorReply::Refused(answer.problem()),
            // 401: the director has restarted between the two halves of the call.
            StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::UNAUTHORIZED => DirectorReply::Later {
                again: answer.pause(),
                detail: Some(answer.problem()),
            },
            status => {
                tracing::warn!(director = %endpoint.director, %status, "unexpected answer from a director");
                DirectorReply::Later {
                    again: LONGEST_WAIT,
                    detail: Some(format!(
                        "unexpected HTTP status {status}; is that a Ringtalk director?"
                    )),
                }
            }
        })
    }
}

impl DirectorReply {
    /// Returns the same reply for a node that asks again whatever the answer is.
    fn into_retry(self) -> Self {
        let (again, detail) = match self {
            Self::NoSuch { again, detail } => (again, detail),
            Self::Refused(detail) => (LONGEST_WAIT, detail),
            Self::Entry(_) | Self::Later { .. } => return self,
        };
        let detail = Some(detail);
        Self::Later { again, detail }
    }

    const fn later(again: Duration) -> Self {
        let detail = None;
        Self::Later { again, detail }
    }
}

//! Asks for the way in: each director in turn, again and again, until one has an answer.
//!
//! Not here: what happens if nobody answers in time (`driver`), who founds (a director says so, never the node).

use std::time::Duration;

use hyper::{Method, StatusCode};
use ringtalk_director::api::{Directions, NODE_HOLD, Newcomer, RegisterNode};
use tokio::time::{Instant, sleep};

use super::http::{Answer, HttpError};
use super::{Caller, News, NewsLine, Way, way, with_jitter};
use crate::settings::Place;

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

/// A node's question for the way in.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) caller: Caller,
    pub(super) newcomer: Newcomer,
    pub(super) news: NewsLine,
    /// Whether the node was a member already. Then it looks for its ring whatever directors say, since a discussion
    /// needs none.
    pub(super) persists: bool,
}

/// The meaning of one director's answer.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Reply {
    /// The way in.
    Way(Way),
    /// Try again.
    Later {
        /// The least time to wait.
        again: Duration,
        /// What the director says, if it says anything.
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
    left: Vec<Place>,
}

impl Question {
    /// Asks until there is a way in, or certainly none, and tells the driver.
    pub(super) async fn ask(self, mut places: Vec<Place>, ask: u64) {
        let mut wait = FIRST_WAIT;
        let mut no_such_since = None;
        let way = loop {
            let round = match self.ask_all(places).await {
                Ok(way) => break way,
                Err(round) => round,
            };
            let mut pause = round.pause.max(with_jitter(wait));
            if let (true, Some(detail)) = (round.left.is_empty(), round.refused) {
                break Way::Refused(detail);
            }
            if let Some(detail) = round.no_such {
                let since: &mut Instant = no_such_since.get_or_insert_with(Instant::now);
                let left = NO_SUCH_TIME.saturating_sub(since.elapsed());
                if left.is_zero() {
                    break Way::Refused(detail);
                }
                pause = pause.min(left);
            } else {
                no_such_since = None;
            }
            places = round.left;
            sleep(pause).await;
            wait = LONGEST_WAIT.min(wait * 2);
        };
        self.news.tell(News::Way { ask, way }).await;
    }

    /// Asks each director once, until one gives the way in.
    async fn ask_all(&self, places: Vec<Place>) -> Result<Way, Round> {
        let mut round = Round::default();
        for place in places {
            match self.ask_one(&place).await {
                Reply::Way(way) => return Ok(way),
                Reply::Later { again, detail } => {
                    round.pause = round.pause.max(again);
                    if let Some(detail) = detail {
                        self.news.later(&place.director, detail).await;
                    }
                }
                Reply::NoSuch { detail, again } => {
                    round.pause = round.pause.max(again);
                    round.no_such = Some(detail);
                }
                Reply::Refused(detail) => {
                    round.refused = Some(detail);
                    continue;
                }
            }
            round.left.push(place);
        }
        Err(round)
    }

    async fn ask_one(&self, place: &Place) -> Reply {
        let director = &place.director;
        let body = RegisterNode {
            newcomer: self.newcomer.clone(),
            found: self.caller.is_private() && place.may_found,
        };
        let path = "/register_node";
        let answer = self
            .caller
            .call(Method::POST, director, path, &body, ANSWER_TIME);
        let reply = match answer.await {
            Ok(answer) => self.read(place, &answer),
            Err(error) => Err(error),
        };
        match reply {
            Ok(reply) => {
                self.news.up(director).await;
                if self.persists {
                    reply.not_final()
                } else {
                    reply
                }
            }
            Err(error) => {
                self.news.down(director, error).await;
                Reply::later(Duration::ZERO)
            }
        }
    }

    fn read(&self, place: &Place, answer: &Answer) -> Result<Reply, HttpError> {
        Ok(match answer.status {
            StatusCode::CREATED if place.may_found => Reply::Way(Way::Found),
            StatusCode::CREATED => Reply::NoSuch {
                detail: format!(
                    "{} knows of nobody: the discussion has ended, or that director has \
                     restarted; ask somebody inside, or start another with --start",
                    place.director
                ),
                again: LEASE_WAIT,
            },
            StatusCode::OK => {
                let directions: Directions = answer.json()?;
                if directions.coordinator.id == self.newcomer.id {
                    // This node's own registration, from an earlier term as coordinator. It will lapse.
                    Reply::later(Duration::ZERO)
                } else {
                    Reply::Way(way(directions))
                }
            }
            StatusCode::NOT_FOUND => Reply::NoSuch {
                detail: format!(
                    "no such discussion at {}: it has ended, or the secret is another one's; ask \
                     somebody inside for a new invite",
                    place.director
                ),
                again: Duration::ZERO,
            },
            StatusCode::FORBIDDEN => Reply::Refused(answer.problem()),
            // 401: the director has restarted between the two halves of the call.
            StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::UNAUTHORIZED => Reply::Later {
                again: answer.pause(),
                detail: Some(answer.problem()),
            },
            status => {
                tracing::warn!(director = %place.director, %status, "an odd answer");
                Reply::Later {
                    again: LONGEST_WAIT,
                    detail: Some(format!("with an odd status, {status}")),
                }
            }
        })
    }
}

impl Reply {
    /// Returns the same reply for a node that asks again whatever the answer is.
    fn not_final(self) -> Self {
        let (again, detail) = match self {
            Self::NoSuch { again, detail } => (again, detail),
            Self::Refused(detail) => (LONGEST_WAIT, detail),
            Self::Way(_) | Self::Later { .. } => return self,
        };
        let detail = Some(detail);
        Self::Later { again, detail }
    }

    const fn later(again: Duration) -> Self {
        let detail = None;
        Self::Later { again, detail }
    }
}

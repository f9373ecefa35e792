//! Asks for the way in: each director in turn, again and again, until one has an answer.
//!
//! Not here: what happens where nobody answers in time (`driver`), and who founds: a director
//! says so, never this node by itself.

use std::time::Duration;

use hyper::{Method, StatusCode};
use ringtalk_director::api::{Directions, NODE_HOLD, Newcomer, RegisterNode};
use tokio::time::{Instant, sleep};

use super::http::{Answer, HttpError};
use super::{Caller, News, NewsLine, Way, way, with_jitter};
use crate::settings::Place;

/// How long an answer may take: longer than a director holds a call.
const ANSWER_TIME: Duration = NODE_HOLD.saturating_add(Duration::from_secs(2));
/// The first wait between two rounds; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait between two rounds.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How long "no such discussion" is taken for a moment's confusion.
const NO_SUCH_TIME: Duration = Duration::from_secs(5);
/// How long to stay away from a director that would have this node found, where it may not: a
/// little longer than the lease, so that others may.
const LEASE_WAIT: Duration = Duration::from_millis(2_200);

/// The question for the way in.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) caller: Caller,
    pub(super) newcomer: Newcomer,
    pub(super) news: NewsLine,
    /// True for a node that was inside: it looks for its ring whatever directors say, since a discussion needs none.
    pub(super) persists: bool,
}

/// What one director's answer comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Reply {
    /// The way in.
    Way(Way),
    /// Try again.
    Later {
        /// Not before this long.
        again: Duration,
        /// What the director says, if it says anything.
        detail: Option<String>,
    },
    /// There is no such discussion, at least not yet.
    NoSuch {
        /// What the director says.
        detail: String,
        /// When to ask again.
        again: Duration,
    },
    /// This director has nothing for this node.
    Refused(String),
}

/// What a round of questions has come to so far.
#[derive(Debug, Default)]
struct Round {
    pause: Duration,
    no_such: Option<String>,
    refused: Option<String>,
    left: Vec<Place>,
}

impl Question {
    /// Asks until there is a way, or certainly none, and tells the driver.
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

    /// Asks each director once.
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
                    // The registration of a reign of this node's own, which will lapse.
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
    /// The same for somebody who asks again whatever the answer is.
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

//! The meaning of one entrance's answer to the question how to join.
//!
//! Not here: when the question is repeated (`join`).

use std::time::Duration;

use hyper::StatusCode;
use ringtalk_director::api::Directions;
use ringtalk_wire::NodeId;

use super::http::{HttpAnswer, HttpError};
use super::{EntryAnswer, entry_answer};
use crate::settings::Endpoint;

/// The wait after an answer that no director gives.
const LONG_WAIT: Duration = Duration::from_secs(2);
/// The wait after a director would have this node found, if it may not: longer than the lease, so that others may.
const LEASE_WAIT: Duration = Duration::from_millis(2_200);

/// The meaning of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum EntranceReply {
    /// How to join.
    Entry(EntryAnswer),
    /// Try again.
    Later {
        /// The least time to wait.
        again: Duration,
        /// The words of the entrance, if it gives any.
        detail: Option<String>,
    },
    /// There is no such discussion, at least not yet.
    NoSuch {
        /// The message for the user.
        detail: String,
        /// The least time to wait.
        again: Duration,
    },
    /// This entrance refuses this node.
    Refused(String),
}

impl EntranceReply {
    /// Reads the answer of an entrance to the node `me`.
    pub(super) fn read(
        endpoint: &Endpoint,
        me: &NodeId,
        answer: &HttpAnswer,
    ) -> Result<Self, HttpError> {
        Ok(match answer.status {
            StatusCode::CREATED if endpoint.may_found => Self::Entry(EntryAnswer::Found),
            StatusCode::CREATED => Self::NoSuch {
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
                if directions.coordinator.id == *me {
                    // This node's own registration, from an earlier term as coordinator. It will lapse.
                    Self::later(Duration::ZERO)
                } else {
                    Self::Entry(entry_answer(directions))
                }
            }
            // Any web server answers so, too.
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN if !answer.is_problem() => {
                Self::unexpected(answer.status)
            }
            StatusCode::NOT_FOUND => Self::NoSuch {
                detail: "no such discussion: it has ended, or this is the invite of another one. \
                         Ask someone in the discussion for its present invite"
                    .to_owned(),
                again: Duration::ZERO,
            },
            StatusCode::FORBIDDEN => Self::Refused(answer.problem()),
            // 401: the director has restarted between the two halves of the call.
            StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::UNAUTHORIZED => Self::Later {
                again: answer.pause(),
                detail: Some(answer.problem()),
            },
            status => {
                tracing::info!(director = %endpoint.director, %status, "unexpected answer from a director");
                Self::unexpected(status)
            }
        })
    }

    /// Returns the same reply for a node that asks again whatever the answer is.
    pub(super) fn into_retry(self) -> Self {
        let (again, detail) = match self {
            Self::NoSuch { again, detail } => (again, detail),
            Self::Refused(detail) => (LONG_WAIT, detail),
            Self::Entry(_) | Self::Later { .. } => return self,
        };
        let detail = Some(detail);
        Self::Later { again, detail }
    }

    fn unexpected(status: StatusCode) -> Self {
        let detail = format!("unexpected HTTP status {status}; is that a Ringtalk director?");
        Self::Later {
            again: LONG_WAIT,
            detail: Some(detail),
        }
    }

    pub(super) const fn later(again: Duration) -> Self {
        let detail = None;
        Self::Later { again, detail }
    }
}

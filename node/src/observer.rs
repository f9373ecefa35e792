//! The observer: for a program that looks at a ring without taking part. It finds the ring, and dials members.
//!
//! An observer has a fresh id, and never asks to be admitted, so it is in no view. Not here: what it says over its
//! links, and what it makes of the answers.

use std::io;
use std::time::Duration;

use ringtalk_director::api::Address;
use ringtalk_wire::{Member, RingId, ViewPage};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::director_client::{Caller, LookupAnswer, look_up};
use crate::identity::{CachingVerifier, Identity};
use crate::link::dialler::{dial_any, dial_with_slot};
use crate::link::slots::{SlotLimits, Slots};
use crate::link::{Credentials, Link};
use crate::secret::Secret;
use crate::settings::Endpoint;

pub use ringtalk_proto::View;

/// The timeout for a director's answer, and then for a node's. A frozen node must leave time to ask again, since the
/// others replace it within about 2 s.
const ATTEMPT_TIME: Duration = Duration::from_millis(1_500);
/// The wait before all directors are asked again.
const RETRY_WAIT: Duration = Duration::from_millis(100);
/// The time in which "no ring is registered" may be temporary: a restarted director learns of its ring within 1 s.
const NOBODY_TIME: Duration = Duration::from_millis(1_500);

/// The limits on dials at a time: enough to hide the latency of answers, and few enough for every host. A failed dial
/// keeps its slot for `hold`.
const LIMITS: SlotLimits = SlotLimits {
    all: 16,
    host: 12,
    hold: ATTEMPT_TIME,
};

/// An observer of one discussion.
#[derive(Debug)]
pub struct Observer {
    credentials: Credentials,
    lobby: RingId,
    slots: Slots,
    caller: Caller,
}

/// The reason why no ring was found.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FindError {
    /// The director knows no ring.
    #[error(
        "no ring is registered at the director {0}: the discussion has not started, or has ended"
    )]
    Nobody(Address),
    /// The director gives no usable answer.
    #[error("no director answers at {director} ({reason})")]
    Director {
        /// The director.
        director: Address,
        /// The reason, in a few words.
        reason: String,
    },
    /// The node that the director names does not answer.
    #[error("no node answers at {member}, which the director {director} names")]
    Member {
        /// The address of the node.
        member: Address,
        /// The director that names it.
        director: Address,
    },
    /// Nobody answered in time.
    #[error("no director or member answered in time")]
    TimeUp,
    /// The director turns observers away, or the node speaks another version.
    #[error("{0}")]
    Refused(String),
}

/// The error of a dial that did not reach its member.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the member cannot be reached")]
pub struct Unreachable;

impl Observer {
    /// Creates an observer of the discussion that has this secret. Fails if the system gives no random numbers.
    pub fn new(secret: &Secret) -> io::Result<Self> {
        let identity = Identity::generate().map_err(io::Error::other)?;
        Ok(Self {
            credentials: Credentials::new(identity, secret)?,
            lobby: RingId::lobby(&secret.discussion()),
            slots: Slots::new(LIMITS),
            caller: Caller::new(secret),
        })
    }

    /// Asks the directors in turn, until one leads to a member that answers. `within` limits the whole search.
    pub async fn find(&self, endpoints: &[Endpoint], within: Duration) -> Result<Link, FindError> {
        let started = Instant::now();
        let deadline = started + within;
        let mut last = FindError::TimeUp;
        while let Ok(found) = timeout_at(deadline, self.find_once(endpoints)).await {
            match found {
                Ok(link) => return Ok(link),
                Err(error) => last = error,
            }
            let is_certain = match &last {
                FindError::Refused(_) => true,
                FindError::Nobody(_) => started.elapsed() >= NOBODY_TIME,
                _ => false,
            };
            if is_certain || Instant::now() + RETRY_WAIT >= deadline {
                break;
            }
            sleep(RETRY_WAIT).await;
        }
        Err(last)
    }

    /// Dials a known member within this time, and accepts no other node. It waits for a free slot first: the addresses
    /// come from members, who may say anything.
    pub async fn dial(&self, member: &Member, within: Duration) -> Result<Link, Unreachable> {
        let slot = self.slots.take().await;
        let (addresses, me) = (&member.addresses, &self.credentials);
        let dialled = dial_with_slot(slot, addresses, member.id, me, within).await;
        dialled.map_err(|_| Unreachable)
    }

    /// Returns the view in a complete set of pages, in order, if its coordinator signed it.
    pub fn view(&self, pages: Vec<ViewPage>) -> Option<View> {
        View::from_pages(pages, self.lobby, &CachingVerifier::default()).ok()
    }

    /// Asks each director once. Returns a refusal only if all of them refuse.
    async fn find_once(&self, endpoints: &[Endpoint]) -> Result<Link, FindError> {
        let mut result = FindError::TimeUp;
        for endpoint in endpoints {
            match self.dial_through(&endpoint.director).await {
                Ok(link) => return Ok(link),
                Err(error) if result == FindError::TimeUp || result.is_refusal() => result = error,
                Err(_) => {}
            }
        }
        Err(result)
    }

    async fn dial_through(&self, director: &Address) -> Result<Link, FindError> {
        let director = director.clone();
        let member = match look_up(&self.caller, &director, ATTEMPT_TIME).await {
            LookupAnswer::Member(member) => member,
            LookupAnswer::Nobody => return Err(FindError::Nobody(director)),
            LookupAnswer::Silent(reason) => return Err(FindError::Director { director, reason }),
            LookupAnswer::Refused(reason) => {
                let words = format!("the director {director} refused: {reason}");
                return Err(FindError::Refused(words));
            }
        };
        let dialled = timeout(ATTEMPT_TIME, dial_any(&member, self.credentials.clone())).await;
        let failure = match dialled {
            Ok(Ok(link)) => return Ok(link),
            Ok(Err(failure)) => failure.version,
            Err(_) => None,
        };
        Err(failure.map_or(FindError::Member { member, director }, FindError::Refused))
    }
}

impl FindError {
    /// Returns true if somebody answered and refused.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use ringtalk_wire::NodeId;

    use crate::link::test_support::credentials;
    use crate::link::{ReplayFilter, accept};

    const LONG: Duration = Duration::from_secs(5);
    const SHORT: Duration = Duration::from_millis(300);

    fn at(listener: &TcpListener) -> Address {
        let address = listener.local_addr().unwrap().to_string();
        address.parse().unwrap()
    }

    async fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").await.unwrap()
    }

    /// Starts a director that answers every request with this status and these headers.
    async fn director(head: String) -> Endpoint {
        let listener = listener().await;
        let director = at(&listener);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let end = "Content-Length: 0\r\nConnection: close\r\n\r\n";
                let answer = format!("HTTP/1.1 {head}\r\n{end}");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Endpoint {
            director,
            may_found: true,
        }
    }

    async fn pointing_at(member: &Address) -> Endpoint {
        director(format!("307 There\r\nLocation: http://{member}/")).await
    }

    async fn nobody() -> Endpoint {
        Endpoint {
            director: at(&listener().await),
            may_found: false,
        }
    }

    async fn find(endpoints: &[Endpoint], within: Duration) -> Result<NodeId, FindError> {
        let observer = Observer::new(&Secret::open()).unwrap();
        observer.find(endpoints, within).await.map(|link| link.peer)
    }

    #[tokio::test]
    async fn a_director_leads_to_the_member_that_it_names() {
        let node = listener().await;
        let endpoints = [nobody().await, pointing_at(&at(&node)).await];
        let me = credentials(1);
        let host = async {
            let (stream, address) = node.accept().await.unwrap();
            accept(stream, address, &me, &ReplayFilter::default())
                .await
                .unwrap()
        };
        let (_link, found) = tokio::join!(host, find(&endpoints, LONG));
        assert_eq!(found, Ok(me.id()));
    }

    #[tokio::test]
    async fn a_failed_search_names_its_reason() {
        let nobody = nobody().await;
        let Err(FindError::Director { director, .. }) = find(from_ref(&nobody), SHORT).await else {
            panic!("found a ring");
        };
        assert_eq!(director, nobody.director);

        let empty = director_of("503 Empty").await;
        let error = find(from_ref(&empty), SHORT).await.unwrap_err();
        assert_eq!(error, FindError::Nobody(empty.director));

        let stale = pointing_at(&nobody.director).await;
        let error = find(&[stale], SHORT).await.unwrap_err();
        assert!(matches!(error, FindError::Member { member, .. } if member == nobody.director));
    }

    async fn director_of(status: &str) -> Endpoint {
        director(status.to_owned()).await
    }

    #[tokio::test]
    async fn a_refusal_counts_only_if_all_directors_refuse() {
        let refusing = director_of("403 No").await;
        let error = find(from_ref(&refusing), LONG).await.unwrap_err();
        assert!(error.is_refusal(), "{error}");
        let error = find(&[refusing, nobody().await], SHORT).await.unwrap_err();
        assert!(!error.is_refusal(), "{error}");
    }

    #[tokio::test]
    async fn another_version_is_a_refusal() {
        let node = listener().await;
        let endpoint = pointing_at(&at(&node)).await;
        tokio::spawn(async move {
            let (mut stream, _) = node.accept().await.unwrap();
            stream.write_all(b"RTLK\x00\xff").await.unwrap();
            let _ = stream.read(&mut [0; 64]).await;
        });
        let error = find(&[endpoint], LONG).await.unwrap_err();
        assert!(
            error.is_refusal() && error.to_string().contains("version 255"),
            "{error}"
        );
    }
}

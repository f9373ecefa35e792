//! Asks a director where a discussion is: for the open one by `GET /`, as a browser would.
//!
//! No member is told of this question; a node that wants to join asks another one (`join`). Not here: whether a
//! member answers at the address.

use std::time::Duration;

use hyper::{Method, StatusCode};
use ringtalk_director::api::{Address, Coordinator, FindCoordinator};

use super::Caller;
use super::http::RequestParts;

/// The meaning of a director's answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum LookupAnswer {
    /// A member of the ring listens at this address.
    Member(Address),
    /// No ring is registered.
    Nobody,
    /// The director refuses to tell; what it says.
    Refused(String),
    /// The director did not answer; the reason, in a few words.
    Silent(String),
}

/// Asks a director once.
pub(crate) async fn look_up(
    caller: &Caller,
    director: &Address,
    deadline: Duration,
) -> LookupAnswer {
    let find = || {
        let (path, content) = ("/find_coordinator", &FindCoordinator {});
        caller.call(Method::POST, director, path, content, deadline)
    };
    let answer = if caller.is_private() {
        find().await
    } else {
        let (http, nothing) = (caller.http(), RequestParts::default());
        let answer = http.call(Method::GET, director, "/", nothing, deadline);
        match answer.await {
            // A member redirects nobody.
            Ok(answer) if answer.status == StatusCode::UPGRADE_REQUIRED => find().await,
            answer => answer,
        }
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return LookupAnswer::Silent(error.to_string()),
    };
    match answer.status {
        StatusCode::TEMPORARY_REDIRECT => {
            let member = answer.location.as_deref().and_then(member);
            let invalid = || LookupAnswer::Silent("its redirect names no node".to_owned());
            member.map_or_else(invalid, LookupAnswer::Member)
        }
        StatusCode::OK => match answer.json::<Coordinator>() {
            Ok(coordinator) => LookupAnswer::Member(coordinator.display_address().clone()),
            Err(error) => LookupAnswer::Silent(error.to_string()),
        },
        StatusCode::SERVICE_UNAVAILABLE => LookupAnswer::Nobody,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED => {
            LookupAnswer::Silent(answer.problem())
        }
        status if status.is_client_error() => LookupAnswer::Refused(answer.problem()),
        _ => LookupAnswer::Silent(answer.problem()),
    }
}

/// Returns the address in `http://ADDRESS/`.
fn member(location: &str) -> Option<Address> {
    let address = location.strip_prefix("http://")?;
    address.trim_end_matches('/').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_named_by_a_url() {
        for address in ["10.0.0.1:4000", "[2001:db8::1]:80", "chat.example:4000"] {
            let url = format!("http://{address}/");
            assert_eq!(member(&url).unwrap().as_str(), address);
        }
        for url in ["https://a:1/", "http://a/", "http://a:1/x", "/elsewhere"] {
            assert_eq!(member(url), None, "{url}");
        }
    }
}

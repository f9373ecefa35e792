//! The endpoints that `--join` names: directors, singly or in an invite, and the secret of the discussion.
//!
//! Not here: whether a director answers (`director_client`), which secret counts if the environment has one too
//! (`destination`).

use ringtalk_director::api::{Address, AddressError};
use ringtalk_session::Invite;

use crate::secret::{Secret, SecretError};

const SCHEME: &str = "ringtalk://";

/// A director to ask how to join.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// The address on which it listens.
    pub director: Address,
    /// Whether this node may found a discussion there. Not at a director in an invite: that discussion exists already.
    pub may_found: bool,
}

/// The endpoints in one text, and what the text says of the secret.
#[derive(Debug, Default)]
pub(super) struct ParsedJoin {
    /// The directors, in the order given.
    pub(super) directors: Vec<Endpoint>,
    /// The secrets of the invites among them.
    pub(super) secrets: Vec<Secret>,
    /// Whether an invite ends in a bare #, so that the user must be asked for the secret.
    pub(super) needs_prompt: bool,
}

/// The reason why a text names no endpoint.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EndpointError {
    /// One of its addresses is not valid.
    #[error("{text:?} is neither host:port nor an invite ringtalk://host:port/#SECRET: {error}")]
    Address {
        /// The text that was given, without any secret.
        text: String,
        /// The reason.
        error: AddressError,
    },
    /// The secret stands where an address belongs. It must not be looked up as the name of a host.
    #[error("the secret is in the wrong place: an invite is ringtalk://host:port/#SECRET")]
    Misplaced,
    /// It is the address of a web page.
    #[error(
        "{0:?} is a web address: give a director as host:port, without http:// and without a path"
    )]
    Web(String),
    /// There is a path after the directors.
    #[error(
        "an invite has the form ringtalk://host:port/#SECRET, with nothing between the last / and the #"
    )]
    Path,
    /// Its secret is not valid.
    #[error("{0}")]
    Secret(#[from] SecretError),
}

/// Parses one value of `--join` or `RINGTALK_JOIN`: endpoints, separated by commas. Commas also separate the directors
/// within an invite; its `/` ends them.
pub(super) fn parse_join(text: &str) -> Result<ParsedJoin, EndpointError> {
    let mut parsed = ParsedJoin::default();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = end_of_first(rest);
        let (first, after) = rest.split_at(end);
        match first.trim().strip_prefix(SCHEME) {
            Some(invite) => parsed.add_invite(invite)?,
            None if first.trim().is_empty() => {}
            None => parsed.directors.push(Endpoint {
                director: address(first)?,
                may_found: true,
            }),
        }
        rest = after.trim_start_matches([',', ' ']);
    }
    Ok(parsed)
}

/// Returns where the first endpoint of a list ends.
fn end_of_first(text: &str) -> usize {
    let inside = if let Some(hosts) = text.strip_prefix(SCHEME) {
        let slash = hosts.find('/').unwrap_or(hosts.len());
        SCHEME.len() + slash
    } else {
        0
    };
    text[inside..]
        .find(',')
        .map_or(text.len(), |comma| inside + comma)
}

impl ParsedJoin {
    fn add_invite(&mut self, invite: &str) -> Result<(), EndpointError> {
        let (location, secret) = match invite.split_once('#') {
            Some((location, secret)) => (location, Some(secret)),
            None => (invite, None),
        };
        let (directors, path) = location.split_once('/').unwrap_or((location, ""));
        if !path.is_empty() {
            return Err(EndpointError::Path);
        }
        for director in directors.split(',') {
            self.directors.push(Endpoint {
                director: address(director)?,
                may_found: false,
            });
        }
        match secret {
            Some("") => self.needs_prompt = true,
            Some(secret) => self.secrets.push(secret.parse()?),
            None => {}
        }
        Ok(())
    }
}

fn address(text: &str) -> Result<Address, EndpointError> {
    let text = text.trim();
    let mut parts = text.split([':', '/', '@']);
    if parts.any(|part| part.parse::<Secret>().is_ok()) {
        return Err(EndpointError::Misplaced);
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        return Err(EndpointError::Web(without_secret(text).to_owned()));
    }
    text.parse().map_err(|error| EndpointError::Address {
        text: without_secret(text).to_owned(),
        error,
    })
}

/// Returns a text as it may be shown: the user may have typed a secret instead of an address.
fn without_secret(text: &str) -> &str {
    let shown = text.split('#').next().unwrap_or_default();
    match shown.parse::<Secret>() {
        Ok(_) | Err(SecretError::Mistyped) => "…",
        Err(SecretError::Form) => shown,
    }
}

/// Returns the invite into the discussion that has this secret, at these directors: a value for others' `--join`.
pub(crate) fn invite<'a>(
    directors: impl IntoIterator<Item = &'a Address>,
    secret: &Secret,
) -> Invite {
    let directors: Vec<&str> = directors.into_iter().map(Address::as_str).collect();
    let directors = directors.join(",");
    Invite::from(if secret.is_open() {
        format!("{SCHEME}{directors}/")
    } else {
        format!("{SCHEME}{directors}/#{}", *secret.to_text())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, bool)> {
        let parsed = parse_join(text).unwrap();
        let endpoints = parsed.directors.into_iter();
        endpoints
            .map(|endpoint| (endpoint.director.to_string(), endpoint.may_found))
            .collect()
    }

    fn endpoint(director: &str, may_found: bool) -> (String, bool) {
        (director.to_owned(), may_found)
    }

    #[test]
    fn a_secret_is_never_taken_for_an_address() {
        let secret = Secret::generate().unwrap().to_text();
        for text in ["S:8080", "a:S", "a:1/S", "ringtalk://S@a:1/"] {
            let text = text.replace('S', &secret);
            assert!(matches!(parse_join(&text), Err(EndpointError::Misplaced)));
        }
    }

    #[test]
    fn a_web_address_gets_an_error_of_its_own() {
        for text in ["http://a:1/", "https://a:1"] {
            assert!(matches!(parse_join(text), Err(EndpointError::Web(_))));
        }
    }

    #[test]
    fn a_bare_director_address_may_found() {
        assert_eq!(read("a.example:80"), [endpoint("a.example:80", true)]);
        assert_eq!(read("[::1]:9"), [endpoint("[::1]:9", true)]);
    }

    #[test]
    fn an_invite_names_directors_and_never_founds() {
        let both = [endpoint("a:1", false), endpoint("[::1]:2", false)];
        assert_eq!(read("ringtalk://a:1,[::1]:2/"), both);
        assert_eq!(read("ringtalk://a:1,[::1]:2"), both);
        assert_eq!(read("ringtalk://a:1/#"), [endpoint("a:1", false)]);
    }

    #[test]
    fn a_list_may_hold_invites_that_hold_lists() {
        let expected = [
            endpoint("x:1", true),
            endpoint("a:1", false),
            endpoint("b:2", false),
            endpoint("y:3", true),
            endpoint("c:4", false),
        ];
        let secret = Secret::generate().unwrap();
        let text = format!(
            "x:1, ringtalk://a:1,b:2/#{}, y:3,ringtalk://c:4/",
            *secret.to_text()
        );
        assert_eq!(read(&text), expected);
        assert_eq!(parse_join(&text).unwrap().secrets, [secret]);
        assert_eq!(read(" , "), []);
    }

    #[test]
    fn a_text_without_a_director_is_refused() {
        for text in ["host", "a:0", "ringtalk:///", "ringtalk://a/", "::1:80"] {
            let error = parse_join(text).unwrap_err();
            assert!(matches!(error, EndpointError::Address { .. }), "{text}");
        }
        let path = parse_join("ringtalk://a:1/room").unwrap_err();
        assert_eq!(path, EndpointError::Path);
    }

    #[test]
    fn no_error_repeats_a_secret() {
        let secret = Secret::generate().unwrap().to_text();
        for text in [
            secret.to_string(),
            format!("a:1#{}", *secret),
            format!("ringtalk://a/#{}", *secret),
            format!("ringtalk://a:1/#{}x", *secret),
        ] {
            let error = parse_join(&text).unwrap_err();
            assert!(!error.to_string().contains(&**secret), "{error}");
        }
        let error = parse_join("ringtalk://a:1/#abc").unwrap_err();
        assert_eq!(error, EndpointError::Secret(SecretError::Form));
    }

    #[test]
    fn an_invite_can_be_read_again() {
        let directors = ["a:1".parse().unwrap(), "[::1]:2".parse().unwrap()];
        let open = invite(&directors, &Secret::open());
        assert_eq!(open.as_str(), "ringtalk://a:1,[::1]:2/");
        let secret = Secret::generate().unwrap();
        let private = invite(&directors, &secret);
        let parsed = parse_join(private.as_str()).unwrap();
        assert_eq!((parsed.directors.len(), parsed.secrets), (2, vec![secret]));
        assert_eq!(format!("{private:?}"), "Invite");
    }
}

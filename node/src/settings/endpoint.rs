//! The endpoints that `--join` names: directors, singly or in an invite, and the secret of the discussion.
//!
//! Invites are copied from mails and chats, so the marks that stand around them there are left out. Not here: whether
//! a director answers (`director_client`), which secret counts if the environment has one too (`destination`).

use std::borrow::Cow;

use ringtalk_director::api::{Address, AddressError};
use ringtalk_director::masking::{is_secret_char, looks_like_secret};
use ringtalk_session::Invite;

use super::link_local::{LINK_LOCAL, is_link_local};
use super::{DEFAULT_PORT, mask_secrets};
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
    /// It is valid on one link only.
    #[error("{0:?}: {LINK_LOCAL}")]
    LinkLocal(String),
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
    let mut rest = text.trim_start_matches(stands_before);
    while !rest.is_empty() {
        let (first, after) = rest.split_at(end_of_first(rest));
        let first = first.trim_end_matches(stands_behind);
        match without_scheme(first) {
            Some(invite) => parsed.add_invite(invite)?,
            None => parsed.directors.push(Endpoint {
                director: address(first)?,
                may_found: true,
            }),
        }
        rest = after.trim_start_matches(stands_before);
    }
    Ok(parsed)
}

/// Returns a text without the marks that may stand around it in a mail.
pub(super) fn without_marks(text: &str) -> &str {
    text.trim_start_matches(stands_before)
        .trim_end_matches(stands_behind)
}

/// Returns true for what may stand before an endpoint in a mail or a list, and is no part of it.
fn stands_before(char: char) -> bool {
    is_separator(char) || is_quote(char) || matches!(char, '<' | '(')
}

/// Returns true for what may stand behind an endpoint, and is no part of it. A secret has none of these characters.
fn stands_behind(char: char) -> bool {
    is_separator(char) || is_quote(char) || matches!(char, '>' | ')' | '.' | ';' | '!' | '?')
}

/// Returns true for what separates endpoints, and for the invisible marks that are copied with a text.
fn is_separator(char: char) -> bool {
    let is_invisible = matches!(
        char,
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2060}' | '\u{feff}'
    );
    char == ',' || char.is_whitespace() || is_invisible
}

const fn is_quote(char: char) -> bool {
    matches!(
        char,
        '"' | '\'' | '`' | '“' | '”' | '„' | '‘' | '’' | '‚' | '«' | '»' | '‹' | '›'
    )
}

/// Returns what follows the scheme of an invite, which may be in upper case; `None` if it is no invite.
fn without_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(rest)
}

/// Returns where the first endpoint of a list ends.
fn end_of_first(text: &str) -> usize {
    let inside = if let Some(hosts) = without_scheme(text) {
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
        // Some services add a query to every link, to follow who opens it.
        let location = location.split('?').next().unwrap_or_default();
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
    if has_secret(text) {
        return Err(EndpointError::Misplaced);
    }
    if is_web_address(text) {
        return Err(EndpointError::Web(without_secret(text)));
    }
    if is_link_local(text) {
        return Err(EndpointError::LinkLocal(text.to_owned()));
    }
    let parsed = with_port(text).parse();
    parsed.map_err(|error| EndpointError::Address {
        text: without_secret(text),
        error,
    })
}

/// Returns true if a secret stands where an address belongs. A mistyped one is no secret, but it must not be looked up
/// either. It looks like a host without a domain, and such a host is hardly ever that long with letters of both cases.
fn has_secret(text: &str) -> bool {
    let mut words = text.split(|char| !is_secret_char(char));
    let host = text.split(':').next().unwrap_or_default();
    words.any(|word| word.parse::<Secret>().is_ok()) || looks_like_secret(host)
}

fn is_web_address(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let mut web = ["http", "https"].into_iter();
    web.any(|web| scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(web)))
}

/// Adds the port, if it is missing. Without brackets, nothing tells the end of an IPv6 address from a port.
fn with_port(text: &str) -> Cow<'_, str> {
    if text.is_empty() || text.contains(':') && !text.ends_with(']') {
        text.into()
    } else {
        format!("{text}:{DEFAULT_PORT}").into()
    }
}

/// Returns a text as it may be shown: the user may have typed a secret instead of an address.
fn without_secret(text: &str) -> String {
    mask_secrets(text.split('#').next().unwrap_or_default())
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
        for text in ["http://a:1/", "https://a:1", "HTTP://a"] {
            assert!(matches!(parse_join(text), Err(EndpointError::Web(_))));
        }
    }

    #[test]
    fn a_link_local_address_gets_an_error_of_its_own() {
        for text in ["[fe80::1%eth0]:8080", "ringtalk://[fe80::1]:8080/"] {
            let error = parse_join(text).unwrap_err();
            assert!(matches!(error, EndpointError::LinkLocal(_)), "{error}");
        }
    }

    #[test]
    fn a_bare_director_address_may_found() {
        assert_eq!(read("a.example:80"), [endpoint("a.example:80", true)]);
        assert_eq!(read("[::1]:9"), [endpoint("[::1]:9", true)]);
    }

    #[test]
    fn a_missing_port_is_that_of_directors() {
        for (text, director, may_found) in [
            ("a.example", "a.example:8080", true),
            ("192.0.2.7", "192.0.2.7:8080", true),
            ("[2001:db8::1]", "[2001:db8::1]:8080", true),
            ("ringtalk://a.example/#", "a.example:8080", false),
            ("ringtalk://[::1]/", "[::1]:8080", false),
        ] {
            assert_eq!(read(text), [endpoint(director, may_found)], "{text}");
        }
        let several = ["a:8080", "b:2", "c:8080"].map(|director| endpoint(director, false));
        assert_eq!(read("ringtalk://a,b:2,c/#"), several);
    }

    #[test]
    fn an_invite_is_understood_as_people_send_it() {
        let secret = Secret::generate().unwrap();
        let invite = format!("ringtalk://a:1,b:2/#{}", *secret.to_text());
        let upper = invite.replacen("ringtalk", "RINGTALK", 1);
        let title = invite.replacen("ringtalk", "Ringtalk", 1);
        for text in [
            upper,
            title,
            format!("<{invite}>"),
            format!("'{invite}'"),
            format!("\"{invite}\"."),
            format!("“{invite}”,"),
            format!("({invite})!"),
            format!("\u{a0}\u{200b}«{invite}».\n"),
            format!("{invite};"),
        ] {
            let parsed = parse_join(&text).unwrap();
            assert_eq!(parsed.secrets.first(), Some(&secret), "{text}");
            let directors = parsed.directors.iter().map(|p| p.director.as_str());
            assert_eq!(directors.collect::<Vec<_>>(), ["a:1", "b:2"], "{text}");
        }
        let followed = invite.replace("/#", "/?fbclid=IwAR3qvAPT-0lv5fLNnYAk4VEXzu7&x=y#");
        assert_eq!(parse_join(&followed).unwrap().secrets, [secret]);
        for text in [
            "<ringtalk://a:1/#>",
            "\"ringtalk://a:1/#\"",
            "Ringtalk://a:1/#.",
        ] {
            assert!(parse_join(text).unwrap().needs_prompt, "{text}");
        }
        assert_eq!(read("<a.example:80>."), [endpoint("a.example:80", true)]);
    }

    #[test]
    fn a_mistyped_secret_is_never_looked_up() {
        let secret = Secret::generate().unwrap().to_text();
        let changed = if secret.ends_with('A') { 'B' } else { 'A' };
        let mistyped = format!("{}{changed}", &secret[..23]);
        for text in [
            mistyped.clone(),
            mistyped[..22].to_owned(),
            format!("{mistyped}:8080"),
            format!("ringtalk://{mistyped}/"),
        ] {
            assert_eq!(parse_join(&text).unwrap_err(), EndpointError::Misplaced);
        }
        for text in [format!("x@{mistyped}:1"), format!("a:{mistyped}")] {
            let error = parse_join(&text).unwrap_err().to_string();
            assert!(!error.contains(&mistyped[..20]), "{error}");
        }
        for host in [
            "MyStack-LoadBal-1ABCDEFGHIJKL-12345.eu-west-1.elb.example:80",
            "a-host-with-a-long-name-indeed:1",
        ] {
            assert!(parse_join(host).is_ok(), "{host}");
        }
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
        for text in [
            "a/b",
            "a:",
            "a:0",
            "ringtalk:///",
            "::1:80",
            "::1",
            "...",
            "[x]",
        ] {
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
            format!("ringtalk://a:0/#{}", *secret),
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

//! The destination: directors, and the one secret of the discussion, from what the command line, the environment and
//! the terminal say.
//!
//! Not here: how a single endpoint is parsed (`endpoint`), how the user is asked (`prompt`).

use std::io;

use super::Hidden;
use super::endpoint::{Endpoint, EndpointError, parse_join, without_marks};
use crate::secret::{Secret, SecretError};

/// The most places that are asked for the way into a discussion: eight times as many as an invite names.
const ENTRANCES: usize = 64;

/// The directors, and the discussion that they are asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Destination {
    /// The directors, each once; empty if none was named.
    pub endpoints: Vec<Endpoint>,
    /// The secret, if one was given.
    pub secret: Option<Secret>,
}

/// The reason why there is no destination.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// A value of `--join` is wrong.
    #[error("--join: {0}")]
    Join(#[from] EndpointError),
    /// The value of `RINGTALK_SECRET` is wrong.
    #[error("RINGTALK_SECRET: {0}")]
    Variable(SecretError),
    /// The secret that was typed at the prompt is wrong.
    #[error("{0}")]
    Typed(SecretError),
    /// Two different secrets were given.
    #[error(
        "two different secrets were given (in --join or RINGTALK_SECRET): a node can take part in \
         only one discussion"
    )]
    Conflict,
    /// More entrances are named than anybody needs.
    #[error(
        "--join names {0} places to ask; at most {ENTRANCES} are asked, so that an invite makes nobody call half of a \
         network"
    )]
    TooMany(usize),
    /// The user ended the input at the prompt.
    #[error("no secret was entered: give the complete invite, including the part after the #")]
    NotEntered,
    /// The prompt failed.
    #[error("cannot read the secret from the terminal ({0}): set RINGTALK_SECRET instead")]
    Prompt(io::Error),
    /// A secret is missing, and there is no terminal.
    #[error(
        "the secret is missing, and there is no terminal to ask for it: give the complete invite, \
         including the part after the #, or set RINGTALK_SECRET"
    )]
    Missing(#[source] io::Error),
}

impl DestinationError {
    /// Returns true if the secret is wrong or missing, which has an exit status of its own.
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Join(EndpointError::Secret(_))
            | Self::Variable(_)
            | Self::Typed(_)
            | Self::NotEntered
            | Self::Prompt(_)
            | Self::Missing(_) => true,
            Self::Join(_) | Self::Conflict | Self::TooMany(_) => false,
        }
    }
}

impl Destination {
    /// Finds the destination from all values of `--join`, and from `RINGTALK_SECRET`. If an invite ends in a bare #
    /// and no secret is given otherwise, `ask` gets one from the user.
    pub fn resolve<'a>(
        joins: impl IntoIterator<Item = &'a str>,
        variable: Option<&str>,
        ask: impl FnOnce() -> io::Result<Hidden>,
    ) -> Result<Self, DestinationError> {
        let mut endpoints = Vec::new();
        let mut secret = variable_secret(variable)?;
        let mut needs_prompt = false;
        for text in joins {
            let named = parse_join(text)?;
            for endpoint in named.directors {
                add(&mut endpoints, endpoint);
            }
            for other in named.secrets {
                if *secret.get_or_insert_with(|| other.clone()) != other {
                    return Err(DestinationError::Conflict);
                }
            }
            needs_prompt |= named.needs_prompt;
        }
        if endpoints.len() > ENTRANCES {
            return Err(DestinationError::TooMany(endpoints.len()));
        }
        if needs_prompt && secret.is_none() {
            let typed = ask().map_err(prompt_error)?;
            secret = Some(parse_typed(typed.as_str()).map_err(DestinationError::Typed)?);
        }
        if secret.as_ref().is_some_and(|secret| !secret.is_open()) {
            // A private discussion is joined here; other settings ask to found one.
            for endpoint in &mut endpoints {
                endpoint.may_found = false;
            }
        }
        Ok(Self { endpoints, secret })
    }
}

/// Adds a director, unless it is known: directors are asked in the order given, each once.
fn add(endpoints: &mut Vec<Endpoint>, endpoint: Endpoint) {
    match endpoints
        .iter_mut()
        .find(|known| known.director == endpoint.director)
    {
        Some(known) => known.may_found |= endpoint.may_found,
        None => endpoints.push(endpoint),
    }
}

/// Opening the terminal fails in two ways if there is none.
fn prompt_error(error: io::Error) -> DestinationError {
    let is_missing = error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(nix::errno::Errno::ENXIO as i32);
    match error.kind() {
        io::ErrorKind::UnexpectedEof => DestinationError::NotEntered,
        _ if is_missing => DestinationError::Missing(error),
        _ => DestinationError::Prompt(error),
    }
}

/// Parses the secret that was typed at the prompt: the secret alone, or the complete invite. The command line already
/// says which directors to ask, so those of the invite are ignored.
fn parse_typed(text: &str) -> Result<Secret, SecretError> {
    let text = without_marks(text);
    let secret = text.rsplit_once('#').map_or(text, |(_, secret)| secret);
    secret.parse()
}

/// Parses the secret in `RINGTALK_SECRET`. An empty variable counts as none.
fn variable_secret(text: Option<&str>) -> Result<Option<Secret>, DestinationError> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let secret = text.map(str::parse).transpose();
    secret.map_err(DestinationError::Variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_terminal() -> io::Result<Hidden> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn secret(byte: u8) -> (Secret, String) {
        let text = format!("{byte:02x}").repeat(16);
        (text.parse().unwrap(), text)
    }

    fn resolve(joins: &[&str], variable: Option<&str>) -> Result<Destination, DestinationError> {
        Destination::resolve(joins.iter().copied(), variable, no_terminal)
    }

    #[test]
    fn an_address_alone_leads_to_the_open_discussion() {
        let found = resolve(&["a:1"], None).unwrap();
        assert_eq!(found.secret, None);
        assert!(found.endpoints[0].may_found);
        assert_eq!(resolve(&["a:1"], Some("")).unwrap(), found);
        let open = Secret::open().to_text();
        assert!(resolve(&["a:1"], Some(&open)).unwrap().endpoints[0].may_found);
    }

    #[test]
    fn a_secret_leads_to_its_discussion_and_never_founds() {
        let (one, text) = secret(1);
        let invite = format!("ringtalk://b:2/#{text}");
        for (joins, variable) in [
            (&["a:1"][..], Some(text.as_str())),
            (&["a:1", &invite], None),
            (&[&invite, "ringtalk://a:1/#"], None),
            (&[&invite], Some(&text)),
        ] {
            let found = resolve(joins, variable).unwrap();
            assert_eq!(found.secret.as_ref(), Some(&one));
            assert!(!found.endpoints.iter().any(|endpoint| endpoint.may_found));
        }
    }

    #[test]
    fn an_invite_names_a_bounded_number_of_places() {
        let invite = |count: usize| {
            let places: Vec<String> = (1..=count).map(|port| format!("a:{port}")).collect();
            format!("ringtalk://{}/#{}", places.join(","), secret(1).1)
        };
        assert_eq!(
            resolve(&[&invite(ENTRANCES)], None)
                .unwrap()
                .endpoints
                .len(),
            ENTRANCES
        );
        let error = resolve(&[&invite(ENTRANCES + 1)], None).unwrap_err();
        assert!(matches!(error, DestinationError::TooMany(65)) && !error.is_refusal());
    }

    #[test]
    fn two_different_secrets_are_refused() {
        let [one, other] = [1, 2].map(|byte| format!("ringtalk://a:1/#{}", secret(byte).1));
        let error = resolve(&[&one, &other], None).unwrap_err();
        assert!(matches!(error, DestinationError::Conflict) && !error.is_refusal());
        let error = resolve(&[&one], Some(&secret(2).1)).unwrap_err();
        assert!(matches!(error, DestinationError::Conflict));
    }

    #[test]
    fn the_prompt_takes_a_secret_or_a_complete_invite() {
        let (one, text) = secret(1);
        let resolve = |typed: io::Result<Hidden>| {
            Destination::resolve(["ringtalk://a:1/#"], None, move || typed)
        };
        for typed in [
            format!(" {text}\n"),
            format!("ringtalk://a:1/#{text}\n"),
            format!("<Ringtalk://a:1/#{text}>.\n"),
        ] {
            let found = resolve(Ok(Hidden::from(typed))).unwrap();
            assert_eq!(found.secret.as_ref(), Some(&one));
        }
        let ended = resolve(Err(io::ErrorKind::UnexpectedEof.into())).unwrap_err();
        assert!(matches!(ended, DestinationError::NotEntered) && ended.is_refusal());
        let failed = resolve(Err(io::ErrorKind::InvalidData.into())).unwrap_err();
        assert!(matches!(failed, DestinationError::Prompt(_)) && failed.is_refusal());
    }

    #[test]
    fn a_bare_hash_asks_for_the_secret() {
        let (one, text) = secret(1);
        let typed = || Ok(Hidden::from(format!("{text}\n")));
        let found = Destination::resolve(["ringtalk://a:1/#"], None, typed).unwrap();
        assert_eq!(found.secret, Some(one));
        let error = resolve(&["ringtalk://a:1/#"], None).unwrap_err();
        assert!(error.is_refusal());
        let words = error.to_string();
        assert!(words.contains("RINGTALK_SECRET") && words.contains("complete invite"));
    }

    #[test]
    fn a_mistyped_secret_is_a_refusal_wherever_it_stands() {
        let typed = || Ok(Hidden::from("mistyped".to_owned()));
        let prompted = Destination::resolve(["ringtalk://a:1/#"], None, typed);
        for found in [
            resolve(&["a:1"], Some("mistyped")),
            resolve(&["ringtalk://a:1/#mistyped"], None),
            prompted,
        ] {
            let error = found.unwrap_err();
            assert!(error.is_refusal(), "{error}");
            assert!(!error.to_string().contains("mistyped:"), "{error}");
        }
    }
}

//! Where to go in the end: directors, and the one secret of the discussion, from whatever the
//! command line, the environment and the terminal say of them.
//!
//! Not here: how a single place is read (`place`).

use std::fs::File;
use std::io::{self, Write};

use super::Hidden;
use super::place::{Place, PlaceError, places};
use crate::secret::{Secret, SecretError};
use crate::{environment, traces};

/// Where a terminal is, whatever stdin is.
const TERMINAL: &str = "/dev/tty";

/// Directors, and the discussion that they are asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Destination {
    /// The directors, each once; none where none was named.
    pub places: Vec<Place>,
    /// The secret, where one was given.
    pub secret: Option<Secret>,
}

/// Why there is nowhere to go.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// What `--join` says is wrong.
    #[error("--join: {0}")]
    Join(#[from] PlaceError),
    /// What `RINGTALK_SECRET` says is wrong.
    #[error("RINGTALK_SECRET: {0}")]
    Variable(SecretError),
    /// What was typed at the prompt is wrong.
    #[error("{0}")]
    Typed(SecretError),
    /// Two secrets were given.
    #[error(
        "two different secrets were given (in --join, or in RINGTALK_SECRET): a node takes part in \
         one discussion"
    )]
    Conflict,
    /// A secret is missing, and nobody can be asked.
    #[error(
        "the secret is missing, and there is no terminal to ask for it ({0}): give the whole \
         invite, with everything after the #, or set RINGTALK_SECRET"
    )]
    Missing(io::Error),
}

impl DestinationError {
    /// True where the secret is wrong or missing, which has an exit status of its own.
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Join(PlaceError::Secret(_))
            | Self::Variable(_)
            | Self::Typed(_)
            | Self::Missing(_) => true,
            Self::Join(_) | Self::Conflict => false,
        }
    }
}

impl Destination {
    /// What all values of `--join`, and `RINGTALK_SECRET`, come to. Where an invite ends in a bare
    /// # and no secret is given otherwise, `ask` gets one from somebody.
    pub fn find<'a>(
        joins: impl IntoIterator<Item = &'a str>,
        variable: Option<&str>,
        ask: impl FnOnce() -> io::Result<Hidden>,
    ) -> Result<Self, DestinationError> {
        let mut found = Vec::new();
        let mut secret = variable_secret(variable)?;
        let mut asks = false;
        for text in joins {
            let named = places(text)?;
            for place in named.directors {
                add(&mut found, place);
            }
            for other in named.secrets {
                if *secret.get_or_insert_with(|| other.clone()) != other {
                    return Err(DestinationError::Conflict);
                }
            }
            asks |= named.asks;
        }
        if asks && secret.is_none() {
            let typed = ask().map_err(DestinationError::Missing)?;
            let typed = typed.as_str().trim().parse();
            secret = Some(typed.map_err(DestinationError::Typed)?);
        }
        if secret.as_ref().is_some_and(|secret| !secret.is_open()) {
            // A private discussion is joined; founding one is asked for by other means.
            for place in &mut found {
                place.may_found = false;
            }
        }
        Ok(Self {
            places: found,
            secret,
        })
    }
}

/// Directors are asked in the order given, each once.
fn add(found: &mut Vec<Place>, place: Place) {
    match found
        .iter_mut()
        .find(|known| known.director == place.director)
    {
        Some(known) => known.may_found |= place.may_found,
        None => found.push(place),
    }
}

/// The secret in `RINGTALK_SECRET`. An empty variable is as good as none.
fn variable_secret(text: Option<&str>) -> Result<Option<Secret>, DestinationError> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let secret = text.map(str::parse).transpose();
    secret.map_err(DestinationError::Variable)
}

/// Returns the secret of an invite that ends in a bare #: what the environment had there, or what somebody types at
/// the terminal, which does not show it.
pub fn ask_for_secret() -> io::Result<Hidden> {
    if let Some(secret) = environment::secret_of_invites() {
        return Ok(Hidden::from(secret.to_owned()));
    }
    File::open(TERMINAL)?;
    // What is typed is in the buffers of whoever reads it before it is anybody's secret.
    traces::protect();
    // Stdout is the chat, and may go elsewhere.
    write!(io::stderr(), "the secret of the discussion (not shown): ")?;
    io::stderr().flush()?;
    rpassword::read_password().map(Hidden::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody() -> io::Result<Hidden> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn secret(byte: u8) -> (Secret, String) {
        let text = format!("{byte:02x}").repeat(16);
        (text.parse().unwrap(), text)
    }

    fn find(joins: &[&str], variable: Option<&str>) -> Result<Destination, DestinationError> {
        Destination::find(joins.iter().copied(), variable, nobody)
    }

    #[test]
    fn an_address_alone_leads_to_the_open_discussion() {
        let found = find(&["a:1"], None).unwrap();
        assert_eq!(found.secret, None);
        assert!(found.places[0].may_found);
        assert_eq!(find(&["a:1"], Some("")).unwrap(), found);
        let open = Secret::open().to_text();
        assert!(find(&["a:1"], Some(&open)).unwrap().places[0].may_found);
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
            let found = find(joins, variable).unwrap();
            assert_eq!(found.secret.as_ref(), Some(&one));
            assert!(!found.places.iter().any(|place| place.may_found));
        }
    }

    #[test]
    fn two_secrets_are_one_too_many() {
        let [one, other] = [1, 2].map(|byte| format!("ringtalk://a:1/#{}", secret(byte).1));
        let error = find(&[&one, &other], None).unwrap_err();
        assert!(matches!(error, DestinationError::Conflict) && !error.is_refusal());
        let error = find(&[&one], Some(&secret(2).1)).unwrap_err();
        assert!(matches!(error, DestinationError::Conflict));
    }

    #[test]
    fn a_bare_hash_asks_for_the_secret() {
        let (one, text) = secret(1);
        let typed = || Ok(Hidden::from(format!("{text}\n")));
        let found = Destination::find(["ringtalk://a:1/#"], None, typed).unwrap();
        assert_eq!(found.secret, Some(one));
        let error = find(&["ringtalk://a:1/#"], None).unwrap_err();
        assert!(error.is_refusal());
        let words = error.to_string();
        assert!(words.contains("RINGTALK_SECRET") && words.contains("whole invite"));
    }

    #[test]
    fn a_mistyped_secret_is_a_refusal_wherever_it_stands() {
        let typed = || Ok(Hidden::from("mistyped".to_owned()));
        let prompted = Destination::find(["ringtalk://a:1/#"], None, typed);
        for found in [
            find(&["a:1"], Some("mistyped")),
            find(&["ringtalk://a:1/#mistyped"], None),
            prompted,
        ] {
            let error = found.unwrap_err();
            assert!(error.is_refusal(), "{error}");
            assert!(!error.to_string().contains("mistyped:"), "{error}");
        }
    }
}

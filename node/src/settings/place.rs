//! What `--join` names: directors, singly or in an invite.
//!
//! Not here: whether anybody answers there (`director_client`).

use ringtalk_director::api::{Address, AddressError};

const SCHEME: &str = "ringtalk://";

/// A director to ask for the way in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Where it listens.
    pub director: Address,
    /// False for one named by an invite: an invite leads into a discussion that exists.
    pub may_found: bool,
}

/// Why a text names no place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlaceError {
    /// One of its addresses is none.
    #[error("{text:?} is neither host:port nor ringtalk://host:port/: {error}")]
    Address {
        /// What was given.
        text: String,
        /// What is wrong with it.
        error: AddressError,
    },
    /// It goes on after the directors.
    #[error("an invite is ringtalk://host:port/, with nothing between the last / and a #")]
    Path,
    /// It carries a secret, and joining without honouring it would send everything in clear.
    #[error(
        "this invite has a secret, so it leads into a private discussion, which this version \
         cannot join"
    )]
    Secret,
}

/// Reads one value of `--join` or `RINGTALK_JOIN`: places, separated by commas. The directors
/// within an invite are separated by commas too; its `/` ends it.
pub fn places(text: &str) -> Result<Vec<Place>, PlaceError> {
    let mut places = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = end_of_first(rest);
        let (first, after) = rest.split_at(end);
        match first.trim().strip_prefix(SCHEME) {
            Some(invite) => invited(invite, &mut places)?,
            None if first.trim().is_empty() => {}
            None => places.push(Place {
                director: address(first)?,
                may_found: true,
            }),
        }
        rest = after.trim_start_matches([',', ' ']);
    }
    Ok(places)
}

/// Where the first place of a list ends.
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

fn invited(invite: &str, places: &mut Vec<Place>) -> Result<(), PlaceError> {
    let (location, secret) = invite.split_once('#').unwrap_or((invite, ""));
    if !secret.is_empty() {
        return Err(PlaceError::Secret);
    }
    let (directors, path) = location.split_once('/').unwrap_or((location, ""));
    if !path.is_empty() {
        return Err(PlaceError::Path);
    }
    for director in directors.split(',') {
        places.push(Place {
            director: address(director)?,
            may_found: false,
        });
    }
    Ok(())
}

fn address(text: &str) -> Result<Address, PlaceError> {
    text.trim().parse().map_err(|error| PlaceError::Address {
        text: text.trim().to_owned(),
        error,
    })
}

/// What others give to `--join` to get into the open discussion of these directors.
pub(crate) fn invite<'a>(directors: impl IntoIterator<Item = &'a Address>) -> String {
    let directors: Vec<&str> = directors.into_iter().map(Address::as_str).collect();
    format!("{SCHEME}{}/", directors.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, bool)> {
        let places = places(text).unwrap();
        places
            .into_iter()
            .map(|place| (place.director.to_string(), place.may_found))
            .collect()
    }

    fn place(director: &str, may_found: bool) -> (String, bool) {
        (director.to_owned(), may_found)
    }

    #[test]
    fn a_director_by_its_address_may_be_a_new_discussions() {
        assert_eq!(read("a.example:80"), [place("a.example:80", true)]);
        assert_eq!(read("[::1]:9"), [place("[::1]:9", true)]);
    }

    #[test]
    fn an_invite_names_directors_and_never_founds() {
        let both = [place("a:1", false), place("[::1]:2", false)];
        assert_eq!(read("ringtalk://a:1,[::1]:2/"), both);
        assert_eq!(read("ringtalk://a:1,[::1]:2"), both);
        assert_eq!(read("ringtalk://a:1/#"), [place("a:1", false)]);
    }

    #[test]
    fn a_list_may_hold_invites_that_hold_lists() {
        let expected = [
            place("x:1", true),
            place("a:1", false),
            place("b:2", false),
            place("y:3", true),
            place("c:4", false),
        ];
        assert_eq!(
            read("x:1, ringtalk://a:1,b:2/, y:3,ringtalk://c:4/"),
            expected
        );
        assert_eq!(read(" , "), []);
    }

    #[test]
    fn what_names_no_director_is_refused() {
        for text in [
            "host",
            "http://a:1",
            "a:0",
            "ringtalk:///",
            "ringtalk://a/",
            "::1:80",
        ] {
            let error = places(text).unwrap_err();
            assert!(matches!(error, PlaceError::Address { .. }), "{text}");
        }
        assert_eq!(places("ringtalk://a:1/room"), Err(PlaceError::Path));
    }

    #[test]
    fn a_secret_is_never_ignored() {
        assert_eq!(places("ringtalk://a:1/#abc"), Err(PlaceError::Secret));
    }

    #[test]
    fn an_invite_can_be_read_again() {
        let directors = ["a:1".parse().unwrap(), "[::1]:2".parse().unwrap()];
        let text = invite(&directors);
        assert_eq!(text, "ringtalk://a:1,[::1]:2/");
        assert_eq!(places(&text).unwrap().len(), 2);
    }
}

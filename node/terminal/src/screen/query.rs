//! What the search through the talk and the search through the user's lines have in common: the search text, and the
//! words if nothing is found.
//!
//! Not here: the searches themselves (`navigation`, `recall`).

use crate::folded::fold;

/// The maximum length of a search text, in characters.
const QUERY_CHARS: usize = 200;

/// Why a search found nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SearchFailure {
    NoMatch,
    /// There is no further match in that direction.
    NoMore,
}

impl SearchFailure {
    /// Returns the reason if nothing was found. `has_match` tells whether there is a match in any direction.
    pub(super) fn of(
        is_found: bool,
        query: &str,
        has_match: impl FnOnce() -> bool,
    ) -> Option<Self> {
        if is_found || query.is_empty() {
            None
        } else if has_match() {
            Some(Self::NoMore)
        } else {
            Some(Self::NoMatch)
        }
    }

    /// Returns the words behind a search text.
    pub(super) const fn describe(failure: Option<Self>) -> &'static str {
        match failure {
            None => "",
            Some(Self::NoMatch) => " (no match)",
            Some(Self::NoMore) => " (no more)",
        }
    }
}

/// Appends to a search text, in lower case.
pub(super) fn add_to_query(query: &mut String, text: &str) {
    let room = QUERY_CHARS.saturating_sub(query.chars().count());
    let visible = fold(text).filter(|char| !char.is_control());
    query.extend(visible.take(room));
}

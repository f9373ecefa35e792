//! The name that a user asks for.
//!
//! It is sent as it was typed. Not here: its conversion to a valid name (`ringtalk_wire::name`), and the check for the
//! same or a similar name of another member (the coordinator).

use std::fmt;
use std::str::FromStr;

use ringtalk_wire::limit::NAME_CHARS;
use ringtalk_wire::name::{from_wish, is_separator};
use unicode_width::UnicodeWidthChar;

use crate::text::is_blank;

/// A name that a user may ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestedName(String);

/// The reason why a user may not ask for a text as a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// It has nothing visible besides separators.
    #[error("a name needs a visible character other than - _ . '")]
    Blank,
    /// It has too many characters.
    #[error("a name can have at most {NAME_CHARS} characters; this one has {0}")]
    TooLong(usize),
    /// Nothing of it would be left in a valid name.
    #[error("a name needs a letter or a digit")]
    NoLetter,
    /// It has a control character.
    #[error("a name cannot have control characters")]
    Control,
}

impl RequestedName {
    /// Returns the first login name that can become a valid name, in its valid form. Returns `node` if there is none.
    pub fn of_login(candidates: impl IntoIterator<Item = String>) -> Self {
        let mut names = candidates.into_iter();
        let name = names.find_map(|login| from_wish(&login));
        Self(name.unwrap_or_else(|| "node".to_owned()))
    }

    /// Returns this name, if something of it is left in a valid name: who has a name keeps it rather than become
    /// anonymous.
    pub fn into_new_name(self) -> Result<Self, NameError> {
        match from_wish(&self.0) {
            Some(_) => Ok(self),
            None => Err(NameError::NoLetter),
        }
    }

    /// Returns the name as the user asked for it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns true if a character is visible in a name, and distinguishes the name from others.
fn is_visible(char: char) -> bool {
    char.width().is_some_and(|width| width > 0) && !is_blank(char) && !is_separator(char)
}

impl FromStr for RequestedName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let length = text.chars().count();
        if text.chars().any(char::is_control) {
            Err(NameError::Control)
        } else if !text.chars().any(is_visible) {
            Err(NameError::Blank)
        } else if length > NAME_CHARS {
            Err(NameError::TooLong(length))
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl fmt::Display for RequestedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_in_characters() {
        let longest = "名".repeat(NAME_CHARS);
        assert_eq!(longest.parse::<RequestedName>().unwrap().0, longest);
        let longer = longest + "x";
        assert_eq!(longer.parse::<RequestedName>(), Err(NameError::TooLong(33)));
    }

    #[test]
    fn an_invisible_name_is_rejected() {
        assert_eq!("".parse::<RequestedName>(), Err(NameError::Blank));
        assert_eq!("  ".parse::<RequestedName>(), Err(NameError::Blank));
        assert_eq!(
            "\u{200b}\u{3164}".parse::<RequestedName>(),
            Err(NameError::Blank)
        );
        assert_eq!(
            "a\u{1b}[2J".parse::<RequestedName>(),
            Err(NameError::Control)
        );
        assert_eq!(
            "a\u{9b}2J".parse::<RequestedName>(),
            Err(NameError::Control)
        );
    }

    #[test]
    fn nobody_becomes_anonymous_by_a_slip() {
        let renamed = |text: &str| text.parse::<RequestedName>().unwrap().into_new_name();
        assert_eq!(renamed("@@"), Err(NameError::NoLetter));
        assert_eq!(renamed("🎉"), Err(NameError::NoLetter));
        assert!(renamed("🎉 ann").is_ok());
    }

    #[test]
    fn a_login_name_is_cut_to_fit() {
        let of = |names: &[&str]| RequestedName::of_login(names.iter().map(ToString::to_string)).0;
        assert_eq!(of(&["", "ann"]), "ann");
        assert_eq!(of(&[&"x".repeat(40)]), "x".repeat(32));
        assert_eq!(of(&["...", "CORP\\mary jane"]), "CORP-mary-jane");
        assert_eq!(of(&[]), "node");
    }
}

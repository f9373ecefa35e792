//! Texts that may be meant in another way than they would be taken: the full screen asks before it sends them.
//!
//! Not here: the question and its answer (`screen::writing`), and mistakes, which are never sent (`typed`).

use std::fmt;

use super::typed::{Mistake, is_action, is_path, unknown};
use super::words::{Missing, Word, find_word, near_words};

/// A reason to ask before a text is sent: it may be meant in another way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Doubt {
    /// There are blanks before its `/`, so it is no command.
    BlankBefore,
    /// It starts with a path.
    Path,
    /// It has several lines, and the first one begins like a command.
    SeveralLines,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BlankBefore => {
                "not sent: there is a blank before the /, so this is no command, and everyone would read it"
            }
            Self::Path => "not sent: this starts with /, but it is no command, and everyone would read it",
            Self::SeveralLines => {
                "not sent: a text of several lines is no command, and everyone would read it"
            }
        })?;
        f.write_str(". Enter again sends it")
    }
}

impl Doubt {
    /// Returns the reason to ask before this text is sent, if there is one. A text that may be meant for one person is
    /// a mistake: nobody is asked whether to send it to everyone.
    pub(crate) fn about(text: &str) -> Result<Option<Self>, Mistake> {
        let word = text.split_whitespace().next().unwrap_or_default();
        if !word.starts_with('/') || word.starts_with("//") || is_action(text) {
            return Ok(None);
        }
        let lower = word.to_lowercase();
        let meaning = find_word(&lower);
        if !text.starts_with('/') {
            let what = Missing::PrivateMessages;
            let is_private = |word: &str| find_word(word) == Some(Word::Missing(what));
            return if is_private(&lower) {
                Err(Mistake::NotBuilt { what })
            } else if near_words(&lower).into_iter().any(is_private) {
                Err(unknown(word, &lower))
            } else {
                Ok(Some(Self::BlankBefore))
            };
        }
        Ok(match meaning {
            None => is_path(word).then_some(Self::Path),
            Some(Word::Missing(_) | Word::Me) => None,
            Some(_) => {
                let has_lines = text.trim_end().contains('\n');
                has_lines.then_some(Self::SeveralLines)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_doubt_about_what_may_be_meant_as_a_command() {
        let doubt = |text: &str| Doubt::about(text).unwrap();
        for text in [" /quit", "\t/nonsense x", "\n/who", " /usr/bin"] {
            assert_eq!(doubt(text), Some(Doubt::BlankBefore), "{text:?}");
        }
        for text in ["/usr/bin/env x", "/* a comment */", "/etc/\nline"] {
            assert_eq!(doubt(text), Some(Doubt::Path), "{text:?}");
        }
        for text in ["/quit\nis what I typed", "/name\nann", "/search a\nb"] {
            assert_eq!(doubt(text), Some(Doubt::SeveralLines), "{text:?}");
        }
        for text in [
            "hello",
            "a /quit",
            " //quit",
            "//quit",
            "/quit",
            "/quit\n",
            "/quit now",
            "/nonsense",
            "/nonsense\nx",
            "/me waves\nand goes",
            "/msg bob\na secret",
            "/",
            "",
            " ",
        ] {
            assert_eq!(doubt(text), None, "{text:?}");
        }
        for private in [" /msg bob a secret", "\t/mgs bob a secret"] {
            assert!(Doubt::about(private).is_err(), "{private:?}");
        }
    }
}

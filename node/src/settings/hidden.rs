//! Text that may hold a secret, as the user typed it.
//!
//! Not here: what it means (`endpoint`, `secret`).

use std::fmt;

use ringtalk_director::masking::{MASK, is_secret_char, looks_like_secret};
use zeroize::Zeroizing;

use crate::secret::{Secret, SecretError};
use crate::traces;

/// A text that no log shows, and that is wiped on drop. It protects the process as a [`Secret`] does.
#[derive(Clone)]
pub struct Hidden(Zeroizing<String>);

impl Hidden {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        traces::protect();
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

/// The length of the text form of a secret, with its checksum.
const SECRET_CHARS: usize = 24;
/// The length of its hexadecimal form.
const HEX_CHARS: usize = 32;
/// The longest message that repeats what was typed, in characters.
const MESSAGE_CHARS: usize = 4_000;

/// Returns a message in which every secret is masked, and every word that looks like a mistyped one: a user may have put
/// it into a wrong flag, variable or file. Cuts long messages.
pub fn mask_secrets(message: &str) -> String {
    let mut message = message.to_owned();
    let mut from = 0;
    while let Some(start) = message[from..].find(is_secret_char).map(|at| from + at) {
        let run = &message[start..];
        let end = start + run.find(|char| !is_secret_char(char)).unwrap_or(run.len());
        let word = &message[start..end];
        // A word that looks like a secret as a whole may be a mistyped one with a few letters more.
        let whole = Some((0, word.len())).filter(|_| looks_like_secret(word));
        match find_secret(word).or(whole) {
            Some((at, length)) => {
                let secret = start + at..start + at + length;
                message.replace_range(secret, MASK.encode_utf8(&mut [0; 4]));
                from = start + at;
            }
            None => from = end,
        }
    }
    // Only now: a cut through a secret would leave a part of it that nothing recognizes.
    message.chars().take(MESSAGE_CHARS).collect()
}

/// Returns where a secret begins in a word, and its length. A word may have more before and behind it.
fn find_secret(word: &str) -> Option<(usize, usize)> {
    let is_secret = |part: &str| part.parse::<Secret>().is_ok();
    [SECRET_CHARS, HEX_CHARS].into_iter().find_map(|length| {
        let last = word.len().checked_sub(length)?;
        let mut starts = 0..=last;
        let start = starts.find(|start| is_secret(&word[*start..*start + length]))?;
        Some((start, length))
    })
}

/// Returns `text` without the secrets that `typed` may hold: what stands behind a #, and words that are secrets
/// themselves. It is for messages that repeat what was typed.
pub(super) fn without_secrets<'a>(text: &str, typed: impl IntoIterator<Item = &'a str>) -> String {
    let secrets = typed.into_iter().filter_map(|typed| {
        let is_secret = typed.parse::<Secret>() != Err(SecretError::Form);
        let fragment = typed.split_once('#').map(|(_, fragment)| fragment);
        let fragment = fragment.filter(|fragment| !fragment.is_empty());
        fragment.or(is_secret.then_some(typed))
    });
    secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_behind_the_hash_is_never_shown() {
        let hidden = Hidden::from("ringtalk://a:1/#secret".to_owned());
        assert_eq!(format!("{hidden:?}"), "Hidden");
        let text = "unexpected argument 'ringtalk://a:1/#secret' found";
        let shown = without_secrets(text, ["node", "ringtalk://a:1/#secret", "#"]);
        assert_eq!(shown, "unexpected argument 'ringtalk://a:1/#…' found");
        let secret = "00112233445566778899aabbccddeeff";
        assert_eq!(without_secrets(secret, ["node", secret]), "…");
    }

    #[test]
    fn no_message_has_a_secret_anywhere() {
        let secret = Secret::generate().unwrap().to_text();
        let secret = secret.as_str();
        for (before, behind) in [
            ("invalid value \"127.0.0.1:9/", "\""),
            ("unknown key join-secret-", " in it"),
            ("unexpected argument '--", "'"),
            ("", ""),
        ] {
            let masked = mask_secrets(&format!("{before}{secret}{behind}"));
            assert!(!masked.contains(secret), "{masked}");
            assert!(masked.ends_with(behind), "{masked}");
        }
        let changed = if secret.starts_with('A') { 'B' } else { 'A' };
        let mistyped = format!("x-{changed}{}y", &secret[1..]);
        let masked = mask_secrets(&format!("invalid value \"{mistyped}\" for --listen"));
        assert_eq!(masked, "invalid value \"…\" for --listen");
        let innocent = "set RINGTALK_DIRECTOR_LISTEN, or a8355634-b342-85b9-be77-ca157821a6d0";
        assert_eq!(mask_secrets(innocent), innocent);
        assert!(mask_secrets(&"x".repeat(100_000)).len() <= MESSAGE_CHARS);
        let at_the_cut = " ".repeat(MESSAGE_CHARS - 12) + secret;
        assert!(!mask_secrets(&at_the_cut).contains(&secret[..12]));
    }
}

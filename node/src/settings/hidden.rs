//! Text that may hold a secret, as the user typed it.
//!
//! Not here: what it means (`endpoint`, `secret`).

use std::fmt;

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
}

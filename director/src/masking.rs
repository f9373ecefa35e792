//! Words that look like the secret of a discussion: no error repeats them.
//!
//! Users put secrets into wrong places, and mistype them there. A word is judged by its looks alone, since a mistyped
//! secret has no valid checksum, and a director does not know what a valid one is. Not here: what a secret is
//! (`ringtalk-node`).

/// The least length of such a word. A secret has 24 letters; a few may have been lost.
const MIN_CHARS: usize = 20;
/// The least number of hexadecimal digits in a row, for secrets that are written like that: they have 32.
const MIN_HEX_DIGITS: usize = 28;

/// The sign in place of a masked word.
pub const MASK: char = '…';

/// Returns true for a character that a secret may have.
pub const fn is_secret_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '_')
}

/// Returns true for a long word with letters of both cases, as base64url has them, or with many hexadecimal digits in
/// a row. Names of flags, variables and files rarely look like that, and an error without them can still be understood.
pub fn looks_like_secret(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.bytes().any(|byte| kind(&byte));
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let hex = word.split(|char: char| !char.is_ascii_hexdigit());
    let is_hex = hex.map(str::len).max() >= Some(MIN_HEX_DIGITS);
    word.len() >= MIN_CHARS && word.chars().all(is_secret_char) && (is_mixed || is_hex)
}

/// Returns a text in which each word that looks like a secret is masked.
pub fn mask_words(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    for part in text.split_inclusive(|char| !is_secret_char(char)) {
        let word = part.trim_end_matches(|char| !is_secret_char(char));
        if looks_like_secret(word) {
            masked.push(MASK);
            masked.push_str(&part[word.len()..]);
        } else {
            masked.push_str(part);
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_looks_like_a_secret_is_masked() {
        for secret in [
            "EaGqGNVcyaY6oykTFuP5fAHy",
            "EaGqGNVcyaY6oykTFuP5f",
            "--namEaGqGNVcyaY6oykTFuP5fAHyx",
            "000102030405060708090a0b0c0d0e0",
            "x-f0e0d0c0b0a090807060504030201000",
        ] {
            assert_eq!(mask_words(secret), "…");
            let text = format!("invalid value 'ringtalk://a:1/#{secret}' for '--listen'");
            let masked = "invalid value 'ringtalk://a:1/#…' for '--listen'";
            assert_eq!(mask_words(&text), masked);
        }
    }

    #[test]
    fn what_errors_say_otherwise_is_not() {
        for innocent in [
            "set RINGTALK_DIRECTOR_LISTEN, or a8355634-b342-85b9-be77-ca157821a6d0",
            "unexpected argument '--director-listen-everywhere' found",
            "cannot listen on [2001:db8::1]:8080: Address already in use (os error 98)",
            "$XDG_CONFIG_HOME/ringtalk/config.toml, line 2",
            "",
        ] {
            assert_eq!(mask_words(innocent), innocent);
        }
    }
}

//! Finds a name or another word in a text, as a word of its own.
//!
//! Not here: what follows from it (`screen`, `lines`).

use ringtalk_session::text::escape_line;

use crate::folded::{find_folded, fold};

/// Returns true if a text contains this name as a word of its own, in any case.
pub(crate) fn mentions(text: &str, name: &str) -> bool {
    let wanted: String = fold(&escape_line(name)).collect();
    let mut rest = text;
    while let Some((from, to)) = find_folded(rest, &wanted) {
        let before = rest[..from].chars().next_back();
        let after = rest[to..].chars().next();
        let alone = |char: Option<char>| char.is_none_or(|char| !char.is_alphanumeric());
        if alone(before) && alone(after) {
            return true;
        }
        let next = rest[from..].chars().next().map_or(1, char::len_utf8);
        rest = &rest[from + next..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_of_its_own() {
        for text in ["ann", "hi Ann!", "@ann: see", "anna, ANN"] {
            assert!(mentions(text, "ann"), "{text}");
        }
        assert!(mentions("ΝΊΚΟΣ: hi", "Νίκος"), "a final sigma");
        for text in ["", "anna", "joann", "an n"] {
            assert!(!mentions(text, "ann"), "{text}");
        }
    }
}

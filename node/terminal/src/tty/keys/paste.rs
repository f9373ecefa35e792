//! The text of a paste while it arrives: harmless, and no longer than its limit.
//!
//! Not here: where a paste begins and ends (`decoder`).

use ringtalk_wire::limit::TEXT_BYTES;

/// The most bytes that are kept of a paste. It is more than the longest message, with room for blanks at the end that
/// do not count.
pub(super) const PASTE_BYTES: usize = 4 * TEXT_BYTES;

/// The text of a paste so far. Its lines end in `\n`.
#[derive(Debug, Default)]
pub(super) struct PasteText {
    text: String,
    is_too_long: bool,
    /// True after `\r`, which is one line end together with `\n`.
    is_after_return: bool,
}

impl PasteText {
    /// Appends a character. Control characters other than line ends and tabs are dropped.
    fn push(&mut self, char: char) {
        let is_second_half = char == '\n' && self.is_after_return;
        self.is_after_return = char == '\r';
        let char = if char == '\r' { '\n' } else { char };
        if is_second_half || (char.is_control() && !matches!(char, '\n' | '\t')) {
            return;
        }
        if self.text.len() + char.len_utf8() > PASTE_BYTES {
            self.is_too_long = true;
            // Nobody can use a part of it, so there is no reason to keep it.
            self.text = String::new();
        }
        if !self.is_too_long {
            self.text.push(char);
        }
    }

    /// Appends characters.
    pub(super) fn extend(&mut self, text: impl IntoIterator<Item = char>) {
        text.into_iter().for_each(|char| self.push(char));
    }

    /// Returns the text, or `None` if it is too long.
    pub(super) fn finish(self) -> Option<String> {
        (!self.is_too_long).then_some(self.text)
    }

    /// Returns the number of bytes that are kept.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) const fn len(&self) -> usize {
        self.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pasted(text: &str) -> Option<String> {
        let mut paste = PasteText::default();
        for char in text.chars() {
            paste.push(char);
            assert!(paste.len() <= PASTE_BYTES);
        }
        paste.finish()
    }

    #[test]
    fn lines_end_alike_and_nothing_in_it_controls() {
        let text = pasted("one\r\ntwo\rthree\n\n\tfour\r\r\u{7}\u{1b}\u{9b}\u{7f}.");
        assert_eq!(text.as_deref(), Some("one\ntwo\nthree\n\n\tfour\n\n."));
    }

    #[test]
    fn a_paste_has_a_limit() {
        let longest = "x".repeat(PASTE_BYTES);
        assert_eq!(pasted(&longest), Some(longest.clone()));
        assert_eq!(pasted(&(longest + "\u{e9}")), None);
    }
}

//! The input text, with a cursor that moves as in readline.
//!
//! It may have several lines, pasted or typed. Not here: the key bindings (`keys`), and earlier input (`history`).

use ringtalk_wire::limit::TEXT_BYTES;
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// The maximum length of the text, in bytes: the longest message, with a `/` before one that starts with `/`.
const BYTES: usize = TEXT_BYTES + 1;

/// A movement of the cursor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Left,
    Right,
    WordLeft,
    WordRight,
    /// To the start of the word, if only blanks separate words, as in readline's `unix-word-rubout`.
    BlankLeft,
    Start,
    End,
}

/// The input text.
#[derive(Debug, Default)]
pub(super) struct Editor {
    text: String,
    /// The position in bytes, always between two grapheme clusters.
    cursor: usize,
    killed: String,
}

impl Editor {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) const fn cursor(&self) -> usize {
        self.cursor
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Replaces the text, and puts the cursor behind it.
    pub(super) fn set(&mut self, text: String) {
        self.cursor = text.len();
        self.text = text;
    }

    /// Takes the text out, and leaves the editor empty.
    pub(super) fn take(&mut self) -> String {
        self.cursor = 0;
        std::mem::take(&mut self.text)
    }

    /// Inserts a text at the cursor. Returns false if there is no room for it.
    pub(super) fn insert(&mut self, text: &str) -> bool {
        let fits = self.text.len() + text.len() <= BYTES;
        if fits {
            self.text.insert_str(self.cursor, text);
            // A mark joins the character before it, and the cursor must not be between them.
            self.cursor = self.boundary_from(self.cursor + text.len());
        }
        fits
    }

    /// Replaces the text between `start` and the cursor.
    pub(super) fn replace_from(&mut self, start: usize, text: &str) {
        self.text.replace_range(start..self.cursor, "");
        self.cursor = start;
        self.insert(text);
    }

    pub(super) fn go(&mut self, step: Step) {
        self.cursor = self.target(step);
    }

    /// Deletes from the cursor to the target of a step.
    pub(super) fn delete(&mut self, step: Step) {
        let (from, to) = self.span(step);
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    /// Deletes like [`Self::delete`], and keeps the deleted text for [`Self::yank`].
    pub(super) fn kill(&mut self, step: Step) {
        let (from, to) = self.span(step);
        if from < to {
            self.killed = self.text[from..to].to_owned();
        }
        self.delete(step);
    }

    /// Inserts the text that was killed last.
    pub(super) fn yank(&mut self) -> bool {
        let killed = self.killed.clone();
        self.insert(&killed)
    }

    /// Exchanges the characters on both sides of the cursor. At the end, exchanges the last two.
    pub(super) fn transpose(&mut self) {
        if self.cursor == self.text.len() {
            self.go(Step::Left);
        }
        let (here, before) = (self.cursor, self.target(Step::Left));
        let after = self.target(Step::Right);
        if before < here && here < after {
            let swapped = [&self.text[here..after], &self.text[before..here]].concat();
            self.text.replace_range(before..after, &swapped);
            self.cursor = after;
        }
    }

    fn span(&self, step: Step) -> (usize, usize) {
        let target = self.target(step);
        (self.cursor.min(target), self.cursor.max(target))
    }

    fn target(&self, step: Step) -> usize {
        let before = &self.text[..self.cursor];
        let after = &self.text[self.cursor..];
        let is_blank = |cluster: &str| cluster.chars().all(char::is_whitespace);
        let is_gap = |cluster: &str| !cluster.chars().any(char::is_alphanumeric);
        match step {
            Step::Start => before.rfind('\n').map_or(0, |at| at + 1),
            Step::End => self.cursor + after.find('\n').unwrap_or(after.len()),
            Step::Left => self.cursor - before.graphemes(true).next_back().map_or(0, str::len),
            Step::Right => self.cursor + after.graphemes(true).next().map_or(0, str::len),
            Step::WordLeft => self.cursor - word(before.graphemes(true).rev(), is_gap),
            Step::BlankLeft => self.cursor - word(before.graphemes(true).rev(), is_blank),
            Step::WordRight => self.cursor + word(after.graphemes(true), is_gap),
        }
    }

    fn boundary_from(&self, at: usize) -> usize {
        let mut cursor = GraphemeCursor::new(at, self.text.len(), true);
        match cursor.is_boundary(&self.text, 0) {
            Ok(false) => cursor
                .next_boundary(&self.text, 0)
                .ok()
                .flatten()
                .unwrap_or(self.text.len()),
            _ => at,
        }
    }
}

/// Returns the length of the next word in bytes, with the gap before it.
fn word<'a>(clusters: impl Iterator<Item = &'a str>, is_gap: impl Fn(&str) -> bool) -> usize {
    let mut inside = false;
    let taken = clusters.take_while(|cluster| {
        let gap = is_gap(cluster);
        inside |= !gap;
        !(inside && gap)
    });
    taken.map(str::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an editor with the cursor at `|`.
    fn editor(shown: &str) -> Editor {
        let cursor = shown.find('|').unwrap();
        Editor {
            text: shown.replacen('|', "", 1),
            cursor,
            killed: String::new(),
        }
    }

    fn shown(editor: &Editor) -> String {
        let (before, after) = editor.text.split_at(editor.cursor);
        format!("{before}|{after}")
    }

    fn after(before: &str, change: impl FnOnce(&mut Editor)) -> String {
        let mut editor = editor(before);
        change(&mut editor);
        shown(&editor)
    }

    #[test]
    fn the_cursor_moves_by_what_is_seen() {
        assert_eq!(after("你👩‍👩‍👧|", |e| e.go(Step::Left)), "你|👩‍👩‍👧");
        assert_eq!(after("|e\u{301}x", |e| e.go(Step::Right)), "e\u{301}|x");
        assert_eq!(after("one, two|", |e| e.go(Step::WordLeft)), "one, |two");
        assert_eq!(after("|one, two", |e| e.go(Step::WordRight)), "one|, two");
        assert_eq!(after("a\nb|c", |e| e.go(Step::Start)), "a\n|bc");
        assert_eq!(after("a|b\nc", |e| e.go(Step::End)), "ab|\nc");
        assert_eq!(after("|", |e| e.go(Step::Left)), "|");
    }

    #[test]
    fn deleting_is_moving_without_what_is_between() {
        assert_eq!(after("ab|c", |e| e.delete(Step::Left)), "a|c");
        assert_eq!(after("a|bc", |e| e.delete(Step::Right)), "a|c");
        assert_eq!(after("x a-b |c", |e| e.kill(Step::BlankLeft)), "x |c");
        let swap = |e: &mut Editor| {
            e.kill(Step::Start);
            e.go(Step::End);
            e.yank();
        };
        assert_eq!(after("one| two", swap), " twoone|");
        assert_eq!(after("ab|", Editor::transpose), "ba|");
    }

    #[test]
    fn a_mark_joins_the_character_before_it() {
        let written = after("e|x", |e| {
            e.insert("\u{301}");
            e.go(Step::Left);
        });
        assert_eq!(written, "|e\u{301}x");
    }

    #[test]
    fn there_is_room_for_the_longest_message_and_no_more() {
        let mut editor = Editor::default();
        assert!(editor.insert(&"x".repeat(BYTES)));
        assert!(!editor.insert("y"));
        assert_eq!(editor.text.len(), BYTES);
    }
}

//! The input text, with a cursor that moves as in readline.
//!
//! It may have several lines, pasted or typed. Not here: the key bindings (`keys`), undo (`draft`), and earlier input
//! (`history`).

use ringtalk_wire::limit::TEXT_BYTES;
use unicode_segmentation::UnicodeSegmentation;

use super::draft::{ChangeKind, Draft};

/// The maximum length of the text, in bytes: the longest message, with a `/` before one that starts with `/`.
const MAX_BYTES: usize = TEXT_BYTES + 1;

/// A movement of the cursor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Motion {
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
    draft: Draft,
    killed: String,
}

impl Editor {
    pub(super) fn text(&self) -> &str {
        self.draft.text()
    }

    pub(super) const fn cursor(&self) -> usize {
        self.draft.cursor()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text().is_empty()
    }

    /// Goes on with another draft. Returns the one before.
    pub(super) fn exchange(&mut self, draft: Draft) -> Draft {
        std::mem::replace(&mut self.draft, draft)
    }

    /// Replaces the whole text. Undo brings it back.
    pub(super) fn set(&mut self, text: &str) {
        if self.text() != text {
            self.replace(0, self.text().len(), text, ChangeKind::Step);
        }
    }

    /// Takes the text out, and leaves the editor empty. Undo brings it back.
    pub(super) fn take(&mut self) -> String {
        let text = self.text().to_owned();
        self.set("");
        text
    }

    /// Inserts a text at the cursor. Returns false if there is no room for it.
    pub(super) fn insert(&mut self, text: &str) -> bool {
        let fits = self.text().len() + text.len() <= MAX_BYTES;
        if fits {
            let is_key = text.chars().nth(1).is_none();
            let kind = if is_key {
                ChangeKind::Key
            } else {
                ChangeKind::Step
            };
            self.replace(self.cursor(), self.cursor(), text, kind);
        }
        fits
    }

    /// Replaces the text between `start` and the cursor. Returns false if there is no room for it.
    pub(super) fn replace_from(&mut self, start: usize, text: &str) -> bool {
        let rest = self.text().len() - (self.cursor() - start);
        let fits = rest + text.len() <= MAX_BYTES;
        if fits {
            self.replace(start, self.cursor(), text, ChangeKind::Step);
        }
        fits
    }

    pub(super) fn go(&mut self, motion: Motion) {
        self.go_to(self.target(motion));
    }

    /// Moves the cursor to this position, in bytes.
    pub(super) fn go_to(&mut self, at: usize) {
        self.draft.set_cursor(at);
    }

    /// Deletes from the cursor to the target of a motion.
    pub(super) fn delete(&mut self, motion: Motion) {
        let (from, to) = self.span(motion);
        self.replace(from, to, "", ChangeKind::Key);
    }

    /// Deletes like [`Self::delete`], and keeps the deleted text for [`Self::yank`]. Returns false if there is none.
    pub(super) fn kill(&mut self, motion: Motion) -> bool {
        let (from, to) = self.span(motion);
        if from < to {
            self.killed = self.text()[from..to].to_owned();
            self.replace(from, to, "", ChangeKind::Step);
        }
        from < to
    }

    /// Inserts the text that was killed last.
    pub(super) fn yank(&mut self) -> bool {
        let killed = self.killed.clone();
        self.insert(&killed)
    }

    /// Undoes the last change of this text. Returns false if there is none.
    pub(super) fn undo(&mut self) -> bool {
        self.draft.undo()
    }

    /// Does the change again that was undone last. Returns false if there is none.
    pub(super) fn redo(&mut self) -> bool {
        self.draft.redo()
    }

    /// Exchanges the characters on both sides of the cursor. At the end, exchanges the last two.
    pub(super) fn transpose(&mut self) {
        if self.cursor() == self.text().len() {
            self.go(Motion::Left);
        }
        let (here, before) = (self.cursor(), self.target(Motion::Left));
        let after = self.target(Motion::Right);
        if before < here && here < after {
            let swapped = [&self.text()[here..after], &self.text()[before..here]].concat();
            self.replace(before, after, &swapped, ChangeKind::Step);
        }
    }

    fn replace(&mut self, from: usize, to: usize, text: &str, kind: ChangeKind) {
        self.draft.replace(from..to, text, kind);
    }

    fn span(&self, motion: Motion) -> (usize, usize) {
        let target = self.target(motion);
        (self.cursor().min(target), self.cursor().max(target))
    }

    fn target(&self, motion: Motion) -> usize {
        let cursor = self.cursor();
        let (before, after) = self.text().split_at(cursor);
        let is_blank = |cluster: &str| cluster.chars().all(char::is_whitespace);
        let is_gap = |cluster: &str| !cluster.chars().any(char::is_alphanumeric);
        match motion {
            Motion::Start => before.rfind('\n').map_or(0, |at| at + 1),
            Motion::End => cursor + after.find('\n').unwrap_or(after.len()),
            Motion::Left => cursor - before.graphemes(true).next_back().map_or(0, str::len),
            Motion::Right => cursor + after.graphemes(true).next().map_or(0, str::len),
            Motion::WordLeft => cursor - word(before.graphemes(true).rev(), is_gap),
            Motion::BlankLeft => cursor - word(before.graphemes(true).rev(), is_blank),
            Motion::WordRight => cursor + word(after.graphemes(true), is_gap),
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
        let mut draft = Draft::from(shown.replacen('|', "", 1));
        draft.set_cursor(cursor);
        Editor {
            draft,
            killed: String::new(),
        }
    }

    fn shown(editor: &Editor) -> String {
        let (before, after) = editor.text().split_at(editor.cursor());
        format!("{before}|{after}")
    }

    fn after(before: &str, change: impl FnOnce(&mut Editor)) -> String {
        let mut editor = editor(before);
        change(&mut editor);
        shown(&editor)
    }

    #[test]
    fn the_cursor_moves_by_grapheme_clusters() {
        assert_eq!(after("你👩‍👩‍👧|", |e| e.go(Motion::Left)), "你|👩‍👩‍👧");
        assert_eq!(after("|e\u{301}x", |e| e.go(Motion::Right)), "e\u{301}|x");
        assert_eq!(after("one, two|", |e| e.go(Motion::WordLeft)), "one, |two");
        assert_eq!(after("|one, two", |e| e.go(Motion::WordRight)), "one|, two");
        assert_eq!(after("a\nb|c", |e| e.go(Motion::Start)), "a\n|bc");
        assert_eq!(after("a|b\nc", |e| e.go(Motion::End)), "ab|\nc");
        assert_eq!(after("|", |e| e.go(Motion::Left)), "|");
    }

    #[test]
    fn deleting_removes_the_text_that_a_motion_passes() {
        assert_eq!(after("ab|c", |e| e.delete(Motion::Left)), "a|c");
        assert_eq!(after("a|bc", |e| e.delete(Motion::Right)), "a|c");
        assert_eq!(
            after("x a-b |c", |e| assert!(e.kill(Motion::BlankLeft))),
            "x |c"
        );
        let swap = |e: &mut Editor| {
            e.kill(Motion::Start);
            e.go(Motion::End);
            e.yank();
        };
        assert_eq!(after("one| two", swap), " twoone|");
        assert_eq!(after("ab|", Editor::transpose), "ba|");
    }

    #[test]
    fn a_mark_joins_the_character_before_it() {
        let written = after("e|x", |e| {
            e.insert("\u{301}");
            e.go(Motion::Left);
        });
        assert_eq!(written, "|e\u{301}x");
    }

    #[test]
    fn there_is_room_for_the_longest_message_and_no_more() {
        let mut editor = Editor::default();
        assert!(editor.insert(&"x".repeat(MAX_BYTES)));
        assert!(!editor.insert("y"));
        assert_eq!(editor.text().len(), MAX_BYTES);
    }
}

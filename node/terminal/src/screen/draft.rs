//! A text that the user is writing, with its cursor and its changes, which can be undone.
//!
//! Nothing that was in the text is lost: a change after an undo keeps what was undone, as in Emacs, and undo goes back
//! through it. Not here: the keys' movements and deletions (`editor`), and the other lines (`history`).

use std::collections::VecDeque;
use std::mem;
use std::ops::Range;

use unicode_segmentation::GraphemeCursor;

/// The maximum number of changes of one text that can be undone: more than anybody takes back.
const MAX_CHANGES: usize = 1_000;
/// The maximum number of bytes that those changes may take: some words a change, or the longest message a few times.
const MAX_BYTES: usize = 128 * 1024;

/// A text with its cursor.
#[derive(Debug, Default)]
pub(super) struct Draft {
    text: String,
    /// The position in bytes, always between two grapheme clusters.
    cursor: usize,
    /// The changes that led to the text, oldest first.
    done: VecDeque<Change>,
    /// The changes that were undone. The last one is the first to be done again.
    undone: Vec<Change>,
    /// The bytes that `done` and `undone` take.
    bytes: usize,
}

/// A change of a text: other characters in the place of some.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Change {
    at: usize,
    removed: String,
    inserted: String,
    /// The cursor before the change.
    cursor: usize,
    kind: ChangeKind,
}

/// The kind of a change, which decides whether the next one belongs to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ChangeKind {
    /// A key for one character. The next one may go on with it.
    Key,
    /// Anything else, such as a paste or a cut line. It is undone by itself.
    Step,
}

impl From<String> for Draft {
    fn from(text: String) -> Self {
        Self {
            cursor: text.len(),
            text,
            ..Self::default()
        }
    }
}

impl Draft {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) const fn cursor(&self) -> usize {
        self.cursor
    }

    /// Moves the cursor. `at` must be between two grapheme clusters.
    pub(super) fn set_cursor(&mut self, at: usize) {
        debug_assert!(
            self.text.is_char_boundary(at),
            "a cursor is between characters"
        );
        self.cursor = at;
    }

    /// Returns true if there is nothing to undo and nothing to do again.
    pub(super) fn is_untouched(&self) -> bool {
        self.done.is_empty() && self.undone.is_empty()
    }

    /// Replaces a part of the text, and puts the cursor behind it.
    pub(super) fn replace(&mut self, range: Range<usize>, inserted: &str, kind: ChangeKind) {
        if range.is_empty() && inserted.is_empty() {
            return;
        }
        let change = Change {
            at: range.start,
            removed: self.text[range].to_owned(),
            inserted: inserted.to_owned(),
            cursor: self.cursor,
            kind,
        };
        self.apply(&change);
        self.record(change);
    }

    /// Undoes the last change. Returns false if there is none.
    pub(super) fn undo(&mut self) -> bool {
        let Some(change) = self.done.pop_back() else {
            return false;
        };
        self.apply(&change.inverse());
        self.cursor = self.boundary_from(change.cursor);
        self.undone.push(change);
        true
    }

    /// Does the change again that was undone last. Returns false if there is none.
    pub(super) fn redo(&mut self) -> bool {
        let Some(change) = self.undone.pop() else {
            return false;
        };
        self.apply(&change);
        self.done.push_back(change);
        true
    }

    fn apply(&mut self, change: &Change) {
        let range = change.at..change.at + change.removed.len();
        debug_assert_eq!(self.text[range.clone()], change.removed);
        self.text.replace_range(range, &change.inserted);
        // A mark joins the character before it, and the cursor must not be between them.
        self.cursor = self.boundary_from(change.at + change.inserted.len());
    }

    fn record(&mut self, change: Change) {
        // An undone change stays in reach: it counts as done and undone by two changes.
        let undone = mem::take(&mut self.undone);
        let has_undone = !undone.is_empty();
        let inverses: Vec<Change> = undone.iter().map(Change::inverse).collect();
        self.bytes += inverses.iter().map(Change::bytes).sum::<usize>();
        self.done.extend(undone.into_iter().rev());
        self.done.extend(inverses);
        self.bytes += change.bytes();
        let joined = !has_undone && self.done.back_mut().is_some_and(|last| last.join(&change));
        if !joined {
            self.done.push_back(change);
        }
        while self.done.len() > MAX_CHANGES || self.bytes > MAX_BYTES {
            let oldest = self.done.pop_front();
            self.bytes -= oldest.as_ref().map_or(self.bytes, Change::bytes);
        }
    }

    /// Returns this position, or the next one between two grapheme clusters.
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

impl Change {
    fn bytes(&self) -> usize {
        self.removed.len() + self.inserted.len()
    }

    /// Returns the change that takes this one back.
    fn inverse(&self) -> Self {
        Self {
            at: self.at,
            removed: self.inserted.clone(),
            inserted: self.removed.clone(),
            cursor: self.at + self.inserted.len(),
            kind: ChangeKind::Step,
        }
    }

    /// Adds the change of the next key, if both together are one step: a word that is typed, or a run of characters
    /// that are deleted. Returns false if they are two.
    fn join(&mut self, next: &Self) -> bool {
        let are_keys = self.kind == ChangeKind::Key && next.kind == ChangeKind::Key;
        if !are_keys {
            return false;
        }
        if self.removed.is_empty() && next.removed.is_empty() {
            let goes_on = self.at + self.inserted.len() == next.at;
            let is_new_word = self.inserted.ends_with(char::is_whitespace)
                && !next.inserted.starts_with(char::is_whitespace);
            if goes_on && !is_new_word {
                self.inserted += &next.inserted;
            }
            return goes_on && !is_new_word;
        }
        if !self.inserted.is_empty() || !next.inserted.is_empty() {
            return false;
        }
        if next.at + next.removed.len() == self.at {
            self.removed.insert_str(0, &next.removed);
            self.at = next.at;
            return true;
        }
        let goes_on = next.at == self.at;
        if goes_on {
            self.removed += &next.removed;
        }
        goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Draft {
        let mut draft = Draft::default();
        for char in text.chars() {
            let end = draft.text.len();
            draft.replace(end..end, &char.to_string(), ChangeKind::Key);
        }
        draft
    }

    /// Returns the texts that undo leads back through, the present one first.
    fn texts_before(mut draft: Draft) -> Vec<String> {
        let mut texts = vec![draft.text.clone()];
        while draft.undo() {
            texts.push(draft.text.clone());
        }
        texts
    }

    #[test]
    fn typing_is_undone_word_by_word() {
        assert_eq!(
            texts_before(typed("one two  x")),
            ["one two  x", "one two  ", "one ", ""]
        );
    }

    #[test]
    fn deleted_characters_come_back_together_and_with_the_cursor() {
        let mut draft = typed("abcdef");
        for at in [5, 4, 3] {
            draft.replace(at..at + 1, "", ChangeKind::Key);
        }
        draft.replace(0..1, "", ChangeKind::Key);
        assert_eq!(draft.text, "bc");
        assert!(draft.undo() && draft.undo());
        assert_eq!((draft.text.as_str(), draft.cursor), ("abcdef", 6));
        assert!(draft.redo());
        assert_eq!((draft.text.as_str(), draft.cursor), ("abc", 3));
    }

    #[test]
    fn a_change_after_an_undo_loses_nothing() {
        let mut draft = typed("one two");
        assert!(draft.undo() && draft.undo() && !draft.undo());
        draft.replace(0..0, "three", ChangeKind::Step);
        assert!(!draft.redo());
        assert_eq!(
            texts_before(draft),
            ["three", "", "one ", "one two", "one ", ""]
        );
    }

    #[test]
    fn what_can_be_undone_is_bounded_and_the_newest_changes_stay() {
        let mut draft = Draft::default();
        for _ in 0..MAX_CHANGES + 5 {
            draft.replace(0..0, "x", ChangeKind::Step);
        }
        assert_eq!(draft.done.len(), MAX_CHANGES);
        let long = "y".repeat(MAX_BYTES / 3);
        for _ in 0..5 {
            let end = draft.text.len();
            draft.replace(0..end, &long, ChangeKind::Step);
            let held = draft.done.iter().chain(&draft.undone).map(Change::bytes);
            assert_eq!(held.sum::<usize>(), draft.bytes);
            assert!(draft.bytes <= MAX_BYTES);
        }
        assert!(draft.undo(), "the last change can be undone");
        assert_eq!(draft.text, long);
    }
}

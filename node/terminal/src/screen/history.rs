//! The lines that the user wrote before, and the draft below them. The arrow keys go through them.
//!
//! Each line can be changed without being sent. It keeps its changes while the user is at other lines, and so does the
//! draft, so nothing that was written is lost. They are in memory only. Not here: the input text (`editor`).

use std::collections::VecDeque;
use std::mem;

use super::draft::Draft;
use super::editor::Editor;

/// The maximum number of lines that are kept: more than anybody goes back.
const MAX_LINES: usize = 500;

/// The lines that the user wrote before. The line at which the user is, or the draft, is in the editor.
#[derive(Debug, Default)]
pub(super) struct History {
    lines: VecDeque<Line>,
    /// The number of lines that the user has gone back.
    back: usize,
    /// The draft while the user is at another line.
    draft: Draft,
}

/// A line that the user wrote before.
#[derive(Debug)]
struct Line {
    text: String,
    /// The user's edited version. `None` if it was not changed, or if it is in the editor.
    changed: Option<Draft>,
}

impl Line {
    fn shown(&self) -> &str {
        self.changed.as_ref().map_or(&self.text, Draft::text)
    }
}

impl History {
    /// Goes to the line before the one in the editor, if there is one.
    pub(super) fn older(&mut self, editor: &mut Editor) {
        self.go(self.back + 1, editor);
    }

    /// Goes to the line after the one in the editor. After the newest line comes the draft.
    pub(super) fn newer(&mut self, editor: &mut Editor) {
        if let Some(back) = self.back.checked_sub(1) {
            self.go(back, editor);
        }
    }

    /// Goes to the line that is this many lines back, if there is one. The draft is at 0.
    pub(super) fn go(&mut self, back: usize, editor: &mut Editor) {
        if back > self.lines.len() || back == self.back {
            return;
        }
        let next = match self.line(back) {
            None => mem::take(&mut self.draft),
            Some(line) => {
                let changed = line.changed.take();
                changed.unwrap_or_else(|| Draft::from(line.text.clone()))
            }
        };
        let left = editor.exchange(next);
        match self.line(self.back) {
            None => self.draft = left,
            Some(line) => line.changed = (!left.is_untouched()).then_some(left),
        }
        self.back = back;
    }

    /// Returns the number of lines that the user has gone back.
    pub(super) const fn back(&self) -> usize {
        self.back
    }

    /// Returns the text that is this many lines back, as the user would see it there.
    pub(super) fn text<'a>(&'a self, back: usize, editor: &'a Editor) -> Option<&'a str> {
        if back == self.back {
            return Some(editor.text());
        }
        match self.lines.len().checked_sub(back)? {
            index if index == self.lines.len() => Some(self.draft.text()),
            index => Some(self.lines[index].shown()),
        }
    }

    /// Takes the text in the editor out, and keeps it as the newest line. Goes back to the draft.
    pub(super) fn accept(&mut self, editor: &mut Editor) -> String {
        let text = editor.text().to_owned();
        if self.restore(editor) {
            self.go(0, editor);
        } else {
            editor.take();
        }
        self.add(&text);
        text
    }

    /// Empties the editor, and goes back to the end of the history. What the editor had and the draft become lines.
    pub(super) fn clear(&mut self, editor: &mut Editor) {
        let shown = editor.text().to_owned();
        let is_new = !self.is_kept(&shown);
        self.restore(editor);
        self.go(0, editor);
        let draft = editor.take();
        self.add(&draft);
        if is_new {
            self.add(&shown);
        }
    }

    /// Keeps a text that the editor has or had as the newest line, unless it is the line at which the user is.
    pub(super) fn keep(&mut self, text: &str) {
        if !self.is_kept(text) {
            self.add(text);
        }
    }

    /// Gives the line at which the user is its former text again. Returns false at the draft.
    fn restore(&mut self, editor: &mut Editor) -> bool {
        let line = self.line(self.back);
        if let Some(line) = &line {
            editor.set(&line.text);
        }
        line.is_some()
    }

    fn is_kept(&mut self, text: &str) -> bool {
        let line = self.line(self.back);
        line.is_some_and(|line| line.text == text)
    }

    /// Adds a line, unless it is blank or the newest line has the same text.
    fn add(&mut self, text: &str) {
        let is_there = |last: &Line| last.text == text && last.changed.is_none();
        if text.trim().is_empty() || self.lines.back().is_some_and(is_there) {
            return;
        }
        self.lines.push_back(Line {
            text: text.to_owned(),
            changed: None,
        });
        if self.back > 0 {
            self.back += 1;
        }
        if self.lines.len() > MAX_LINES {
            // The line that is in the editor stays.
            let oldest = usize::from(self.back == self.lines.len());
            self.lines.remove(oldest);
            self.back = self.back.min(self.lines.len());
        }
    }

    /// Returns the line that is this many lines back. Returns `None` for the draft.
    fn line(&mut self, back: usize) -> Option<&mut Line> {
        let index = self.lines.len().checked_sub(back)?;
        self.lines.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An input line with its history.
    #[derive(Default)]
    struct Input {
        history: History,
        editor: Editor,
    }

    impl Input {
        fn with(lines: &[&str]) -> Self {
            let mut input = Self::default();
            for line in lines {
                input.write(line);
                input.history.accept(&mut input.editor);
            }
            input
        }

        fn write(&mut self, text: &str) {
            self.editor.insert(text);
        }

        fn older(&mut self) -> &str {
            self.history.older(&mut self.editor);
            self.editor.text()
        }

        fn newer(&mut self) -> &str {
            self.history.newer(&mut self.editor);
            self.editor.text()
        }

        fn clear(&mut self) {
            self.history.clear(&mut self.editor);
        }
    }

    #[test]
    fn the_draft_returns_after_the_newest_line() {
        let mut input = Input::with(&["one", "two", "two"]);
        input.write("draft");
        assert_eq!(input.older(), "two");
        assert_eq!(input.older(), "one");
        assert_eq!(input.older(), "one");
        assert_eq!(input.newer(), "two");
        assert_eq!(input.newer(), "draft");
        assert_eq!(input.newer(), "draft");
    }

    #[test]
    fn a_cleared_line_is_the_newest_and_the_next_draft_stays() {
        let mut input = Input::with(&["said"]);
        input.write("draft A");
        input.older();
        input.clear();
        assert_eq!(input.editor.text(), "");
        input.write("draft B");
        assert_eq!(input.older(), "draft A");
        assert_eq!(input.newer(), "draft B");
        assert_eq!(input.newer(), "draft B");
        input.clear();
        assert!(input.editor.undo());
        assert_eq!(input.editor.text(), "draft B");
    }

    #[test]
    fn a_changed_line_keeps_its_changes_until_it_is_sent() {
        let mut input = Input::with(&["one", "two"]);
        input.write("draft");
        input.older();
        input.write("!");
        assert_eq!(input.older(), "one");
        input.write("?");
        assert_eq!(input.newer(), "two!");
        assert_eq!(input.history.accept(&mut input.editor), "two!");
        assert_eq!(input.editor.text(), "draft");
        let lines = [(); 3].map(|()| input.older().to_owned());
        assert_eq!(lines, ["two!", "two", "one?"]);
        assert!(input.editor.undo());
        assert_eq!(input.editor.text(), "one");
    }

    #[test]
    fn clearing_a_changed_line_keeps_the_change_and_the_draft() {
        let mut input = Input::with(&["one"]);
        input.write("draft");
        input.older();
        input.write("!");
        input.clear();
        let lines = [(); 3].map(|()| input.older().to_owned());
        assert_eq!(lines, ["one!", "draft", "one"]);
    }

    #[test]
    fn the_oldest_lines_are_forgotten_but_not_the_one_in_the_editor() {
        let mut input = Input::default();
        for line in 0..=MAX_LINES {
            input.history.keep(&line.to_string());
        }
        assert_eq!(input.history.lines.len(), MAX_LINES);
        assert_eq!(input.history.lines[0].text, "1");
        input.history.go(MAX_LINES, &mut input.editor);
        input.history.keep("a refused line");
        assert_eq!(input.editor.text(), "1");
        assert_eq!(input.newer(), "3");
        assert_eq!(input.older(), "1");
        assert_eq!(input.history.lines.len(), MAX_LINES);
    }
}

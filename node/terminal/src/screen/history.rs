//! The lines that the user wrote before, which the arrow keys bring back. They are in memory only.
//!
//! Not here: the input text (`editor`).

use std::collections::VecDeque;

/// The maximum number of lines that are kept: more than anybody goes back.
const MAX_LINES: usize = 500;

/// The lines that the user wrote before.
#[derive(Debug, Default)]
pub(super) struct History {
    lines: VecDeque<String>,
    /// The number of lines that the user has gone back.
    back: usize,
    /// The input text before the user went back.
    draft: String,
}

impl History {
    /// Adds a line that was sent.
    pub(super) fn add(&mut self, line: &str) {
        self.back = 0;
        if self.lines.back().is_none_or(|last| last != line) {
            self.lines.push_back(line.to_owned());
        }
        if self.lines.len() > MAX_LINES {
            self.lines.pop_front();
        }
    }

    /// Returns the line before the one that is shown, if there is one.
    pub(super) fn older(&mut self, shown: &str) -> Option<String> {
        let older = self.lines.iter().rev().nth(self.back)?.clone();
        if self.back == 0 {
            shown.clone_into(&mut self.draft);
        }
        self.back += 1;
        Some(older)
    }

    /// Returns the line after the one that is shown. After the newest line comes the draft.
    pub(super) fn newer(&mut self) -> Option<String> {
        self.back = self.back.checked_sub(1)?;
        match self.back {
            0 => Some(std::mem::take(&mut self.draft)),
            back => self.lines.iter().rev().nth(back - 1).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draft_returns_after_the_newest_line() {
        let mut history = History::default();
        assert_eq!(history.older("draft"), None);
        for line in ["one", "two", "two"] {
            history.add(line);
        }
        assert_eq!(history.older("draft").unwrap(), "two");
        assert_eq!(history.older("two").unwrap(), "one");
        assert_eq!(history.older("one"), None);
        assert_eq!(history.newer().unwrap(), "two");
        assert_eq!(history.newer().unwrap(), "draft");
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn the_oldest_lines_are_forgotten() {
        let mut history = History::default();
        for line in 0..=MAX_LINES {
            history.add(&line.to_string());
        }
        assert_eq!(history.lines.len(), MAX_LINES);
        assert_eq!(history.lines[0], "1");
    }
}

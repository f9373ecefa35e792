//! The search for a line that the user wrote before (Ctrl+R), as in readline: each key narrows it, and the match is
//! shown in the input line.
//!
//! Not here: the lines (`history`), and the search through the talk (`navigation`).

use super::editor::Motion;
use super::keys::Action;
use super::query::{SearchFailure, add_to_query};
use super::{Effect, Mode, Screen};
use crate::folded::find_folded;
use ringtalk_session::text::escape_line;

/// A search through the lines that the user wrote.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Recall {
    /// The search text, in lower case.
    query: String,
    /// The line that is shown: how many lines it is back.
    back: usize,
    /// The line at which the search began.
    start: usize,
    /// Why nothing was found, if nothing was.
    failure: Option<SearchFailure>,
}

/// The text in the input line, as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ShownInput<'a> {
    pub(super) text: &'a str,
    /// The position of the cursor in bytes.
    pub(super) cursor: usize,
    /// The line above the text.
    pub(super) head: Option<String>,
}

impl Screen {
    pub(super) fn begin_recall(&mut self) {
        let back = self.history.back();
        self.mode = Mode::Recalling(Recall {
            back,
            start: back,
            ..Recall::default()
        });
    }

    /// Handles a key during the search. A key that has no meaning in it takes the match, and does what it does.
    pub(super) fn recall(&mut self, action: Action) {
        match action {
            Action::Insert(char) => self.narrow_recall(char.encode_utf8(&mut [0; 4])),
            Action::Delete(Motion::Left) => self.widen_recall(),
            Action::RecallLine | Action::Older => self.recall_older(false),
            Action::SearchTalk | Action::Newer => self.recall_newer(),
            Action::Escape | Action::Interrupt => self.mode = Mode::Writing,
            Action::Send | Action::Go(Motion::Right) => self.take_match(),
            Action::Repaint => self.effects.push_back(Effect::Repaint),
            Action::Suspend => self.effects.push_back(Effect::Suspend),
            other => {
                self.take_match();
                self.act(other);
            }
        }
    }

    /// Adds to the search text. The line that is shown stays if it still matches.
    pub(super) fn narrow_recall(&mut self, text: &str) {
        if let Mode::Recalling(recall) = &mut self.mode {
            add_to_query(&mut recall.query, text);
            self.recall_older(true);
        }
    }

    fn widen_recall(&mut self) {
        if let Mode::Recalling(recall) = &mut self.mode {
            recall.query.pop();
            recall.back = recall.start;
            self.recall_older(true);
        }
    }

    /// Finds the next older match. If `here` is true, the line that is shown counts too.
    fn recall_older(&mut self, here: bool) {
        let Mode::Recalling(recall) = &self.mode else {
            return;
        };
        let from = recall.back + usize::from(!here);
        let lines = (from..).map_while(|back| Some((back, self.history.text(back, &self.editor)?)));
        let found = self.first_match(recall, here, lines);
        self.show_recalled(found);
    }

    fn recall_newer(&mut self) {
        let Mode::Recalling(recall) = &self.mode else {
            return;
        };
        let newer = (1..recall.back).rev();
        let lines = newer.filter_map(|back| Some((back, self.history.text(back, &self.editor)?)));
        let found = self.first_match(recall, false, lines);
        self.show_recalled(found);
    }

    /// Returns the first of these lines that matches. Without `here`, it must differ from the line that is shown.
    fn first_match<'a>(
        &self,
        recall: &Recall,
        here: bool,
        lines: impl IntoIterator<Item = (usize, &'a str)>,
    ) -> Option<usize> {
        let shown = self.history.text(recall.back, &self.editor);
        let matches = |(back, text): &(usize, &str)| {
            let is_another = here || Some(*text) != shown;
            // The draft is not a line that was written before.
            *back > 0 && is_another && find_folded(text, &recall.query).is_some()
        };
        lines.into_iter().find(matches).map(|(back, _)| back)
    }

    fn show_recalled(&mut self, found: Option<usize>) {
        let Mode::Recalling(recall) = &self.mode else {
            return;
        };
        let failure = SearchFailure::of(found.is_some(), &recall.query, || {
            let lines = (1..).map_while(|back| self.history.text(back, &self.editor));
            let mut matches = lines.filter(|text| find_folded(text, &recall.query).is_some());
            matches.next().is_some()
        });
        if let Mode::Recalling(recall) = &mut self.mode {
            recall.failure = failure;
            recall.back = found.unwrap_or(recall.back);
        }
    }

    /// Ends the search at the line that is shown. The draft stays below it.
    fn take_match(&mut self) {
        if let Mode::Recalling(recall) = std::mem::take(&mut self.mode) {
            self.history.go(recall.back, &mut self.editor);
        }
    }

    /// Returns what stands in the input line.
    pub(super) fn shown_input(&self) -> ShownInput<'_> {
        let (text, cursor) = (self.editor.text(), self.editor.cursor());
        let Mode::Recalling(recall) = &self.mode else {
            let head = None;
            return ShownInput { text, cursor, head };
        };
        let failure = SearchFailure::describe(recall.failure);
        let query = escape_line(&recall.query);
        let text = self.history.text(recall.back, &self.editor);
        let text = text.unwrap_or_default();
        ShownInput {
            text,
            cursor: find_folded(text, &recall.query).map_or(text.len(), |(start, _)| start),
            head: Some(format!("find what you wrote: {query}{failure}")),
        }
    }
}

//! Scrolling and searching through the transcript, and scrolling through the help.
//!
//! Not here: the rows that this shows (`scroll`).

use super::keys::Action;
use super::query::{SearchFailure, add_to_query};
use super::scroll::{RowPosition, Rows};
use super::{Effect, Mode, Screen, help, view};

/// The number of rows of a step of the wheel, as in most programs.
const WHEEL_ROWS: usize = 3;

/// A search.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// The search text, in lower case.
    pub(super) query: String,
    /// The entry in which the text was found.
    pub(super) current: Option<u64>,
    /// Why nothing was found, if nothing was.
    pub(super) failure: Option<SearchFailure>,
}

impl Screen {
    pub(super) fn page_up(&mut self) {
        self.scroll(|rows, bottom, height| rows.up(bottom, height.saturating_sub(1), height));
    }

    pub(super) fn page_down(&mut self) {
        self.scroll(|rows, bottom, height| rows.down(bottom?, height.saturating_sub(1)));
    }

    pub(super) fn go_to_top(&mut self) {
        self.scroll(|rows, _, height| {
            let first = RowPosition {
                entry: rows.transcript.first(),
                row: 0,
            };
            rows.down(first, height.saturating_sub(1))
        });
    }

    /// Scrolls the discussion or the help by a step of the wheel.
    pub(super) fn turn_wheel(&mut self, is_up: bool) {
        match self.mode {
            Mode::Help(_) => {
                for _ in 0..WHEEL_ROWS {
                    self.read_help(if is_up { Action::Older } else { Action::Newer });
                }
            }
            Mode::TextOnly(_) | Mode::Leaving => {}
            _ if is_up => self.scroll(|rows, bottom, height| rows.up(bottom, WHEEL_ROWS, height)),
            _ => self.scroll(|rows, bottom, _| rows.down(bottom?, WHEEL_ROWS)),
        }
    }

    /// Returns true if the wheel scrolls now. The view with the texts alone leaves the mouse to the terminal.
    pub(super) const fn takes_wheel(&self) -> bool {
        !matches!(self.mode, Mode::TextOnly(_))
    }

    /// Goes back to the newest entries.
    pub(super) fn follow(&mut self) {
        self.bottom = None;
        self.below = 0;
    }

    /// Begins to search the talk, for this text or for one that is still to be typed.
    pub(super) fn begin_search(&mut self, text: &str) {
        self.mode = Mode::Searching(Search::default());
        self.narrow_search(text);
    }

    /// Adds to the search text. The match that is shown stays if it still matches.
    pub(super) fn narrow_search(&mut self, text: &str) {
        if let Mode::Searching(search) = &mut self.mode {
            add_to_query(&mut search.query, text);
            self.find_older(true);
        }
    }

    pub(super) fn search(&mut self, action: Action) {
        let Mode::Searching(search) = &mut self.mode else {
            return;
        };
        match action {
            Action::Insert(char) => self.narrow_search(char.encode_utf8(&mut [0; 4])),
            Action::Delete(_) => {
                search.query.pop();
                search.current = None;
                self.find_older(true);
            }
            Action::RecallLine | Action::Older => self.find_older(false),
            Action::SearchTalk | Action::Newer => self.find_newer(),
            Action::PageUp => self.page_up(),
            Action::PageDown => self.page_down(),
            Action::Repaint => self.effects.push_back(Effect::Repaint),
            Action::Suspend => self.effects.push_back(Effect::Suspend),
            Action::Send => self.mode = Mode::Writing,
            Action::Escape | Action::Interrupt => {
                self.mode = Mode::Writing;
                self.follow();
            }
            _ => {}
        }
    }

    /// Finds the next older match. If `here` is true, the current entry counts too.
    pub(super) fn find_older(&mut self, here: bool) {
        let Mode::Searching(search) = &mut self.mode else {
            return;
        };
        let end = match search.current {
            Some(found) => found + u64::from(here),
            None => self.transcript.end(),
        };
        let found = self.transcript.find_before(end, &search.query);
        self.show_match(found);
    }

    fn find_newer(&mut self) {
        let Mode::Searching(search) = &mut self.mode else {
            return;
        };
        let start = search.current.map_or(0, |found| found + 1);
        let found = self.transcript.find_from(start, &search.query);
        self.show_match(found);
    }

    /// Scrolls to the entry that was found, and puts it into the middle of the screen if possible.
    fn show_match(&mut self, found: Option<u64>) {
        let Mode::Searching(search) = &mut self.mode else {
            return;
        };
        let transcript = &self.transcript;
        search.failure = SearchFailure::of(found.is_some(), &search.query, || {
            let any = transcript.find_before(transcript.end(), &search.query);
            any.is_some()
        });
        let Some(entry) = found else {
            return;
        };
        search.current = Some(entry);
        let first = RowPosition { entry, row: 0 };
        self.scroll(|rows, _, height| {
            let middle = rows.down(first, height / 2)?;
            // Go no higher than a full page allows.
            rows.up(Some(middle), 0, height)
        });
    }

    /// Scrolls until this entry is shown.
    pub(super) fn reveal(&mut self, entry: u64) {
        self.scroll(|rows, bottom, height| rows.reveal(bottom, entry, height));
    }

    /// Shows the help over the discussion.
    pub(super) fn show_help(&mut self) {
        self.look_away();
        self.mode = Mode::Help(0);
    }

    /// Acts on a key while the help is shown.
    pub(super) fn read_help(&mut self, action: Action) {
        let (_, height) = view::talk_layout(self);
        let last = help::last_start(self.size.width.into(), height);
        let Mode::Help(first) = &mut self.mode else {
            return;
        };
        // Half of what is shown stays, so that the reader finds the place.
        let page = (height / 2).max(1);
        match action {
            Action::Older => *first = first.saturating_sub(1),
            Action::Newer => *first = (*first + 1).min(last),
            Action::PageUp => *first = first.saturating_sub(page),
            Action::PageDown => *first = (*first + page).min(last),
            Action::Top => *first = 0,
            Action::Bottom => *first = last,
            Action::Repaint => self.effects.push_back(Effect::Repaint),
            Action::Suspend => self.effects.push_back(Effect::Suspend),
            Action::Escape | Action::Help | Action::Interrupt | Action::Send => {
                self.mode = Mode::Writing;
            }
            _ => {}
        }
    }

    fn scroll(
        &mut self,
        to: impl FnOnce(&Rows, Option<RowPosition>, usize) -> Option<RowPosition>,
    ) {
        let (look, height) = view::talk_layout(self);
        let rows = Rows {
            transcript: &self.transcript,
            look: &look,
            unread: self.unread,
        };
        let bottom = to(&rows, self.bottom, height);
        match bottom {
            Some(_) => {
                if self.bottom.is_none() {
                    self.look_away();
                }
                self.bottom = bottom;
            }
            None => self.follow(),
        }
    }
}

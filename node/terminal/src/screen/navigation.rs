//! Scrolling and searching through the transcript.
//!
//! Not here: the rows that this shows (`scroll`).

use super::keys::Action;
use super::scroll::{RowPosition, Rows};
use super::{Effect, Mode, Screen, view};

/// The maximum length of a search text, in characters.
const QUERY_CHARS: usize = 200;

/// A search.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// The search text, in lower case.
    pub(super) query: String,
    /// The entry in which the text was found.
    pub(super) current: Option<u64>,
    /// True if there is no match, or no further match in that direction.
    pub(super) is_over: bool,
}

impl Search {
    /// Appends to the search text.
    pub(super) fn add(&mut self, text: &str) {
        let room = QUERY_CHARS.saturating_sub(self.query.chars().count());
        let visible = text.chars().filter(|char| !char.is_control());
        let folded = visible.flat_map(char::to_lowercase);
        self.query.extend(folded.take(room));
    }
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

    /// Goes back to the newest entries.
    pub(super) fn follow(&mut self) {
        self.bottom = None;
        self.below = 0;
    }

    pub(super) fn begin_search(&mut self) {
        self.mode = Mode::Searching(Search::default());
    }

    pub(super) fn search(&mut self, action: Action) {
        let Mode::Searching(search) = &mut self.mode else {
            return;
        };
        match action {
            Action::Insert(char) => {
                search.add(char.encode_utf8(&mut [0; 4]));
                self.find_older(true);
            }
            Action::Delete(_) => {
                search.query.pop();
                search.current = None;
                self.find_older(true);
            }
            Action::Search | Action::Older => self.find_older(false),
            Action::SearchBack | Action::Newer => self.find_newer(),
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
        search.is_over = found.is_none() && !search.query.is_empty();
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

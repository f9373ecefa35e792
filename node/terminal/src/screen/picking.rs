//! Picking a message, to copy its text: the arrow keys go from message to message.
//!
//! No key of it changes or sends the text in the input line. Not here: the bytes that copy (`tty::control`), and the view
//! without names (`text_only`).

use super::keys::Action;
use super::scroll::RowPosition;
use super::text_only::TextOnly;
use super::{Effect, Mode, Screen};

/// The number of messages that a key for a page goes on by.
const PAGE: usize = 10;

/// The message that is picked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pick {
    /// The number of its entry.
    pub(super) entry: u64,
    /// True if it was copied.
    pub(super) is_copied: bool,
}

impl Pick {
    pub(super) const fn of(entry: u64) -> Self {
        Self {
            entry,
            is_copied: false,
        }
    }

    /// Returns the words that name the keys.
    pub(super) const fn hint(self) -> &'static str {
        if self.is_copied {
            "sent to the clipboard · ↑ ↓ another message · v text only · Esc ends"
        } else {
            "c copies · ↑ ↓ another message · v text only · Esc ends"
        }
    }
}

impl Screen {
    /// Picks the newest message on the screen. Returns false if there is none.
    pub(super) fn begin_picking(&mut self) -> bool {
        // The first rows of the entry at the bottom may be in view.
        let in_view = |bottom: RowPosition| bottom.entry + u64::from(bottom.row > 0);
        let end = self.bottom.map_or(u64::MAX, in_view);
        let newest = self.transcript.message_before(end);
        let found = newest.or_else(|| self.transcript.message_before(u64::MAX));
        self.pick(found);
        found.is_some()
    }

    /// Returns true if there is a message to pick.
    pub(super) fn has_messages(&self) -> bool {
        self.transcript.message_before(u64::MAX).is_some()
    }

    /// Handles a key while a message is picked. A character ends it, and is typed; the keys that search end it, too.
    pub(super) fn act_on_pick(&mut self, action: Action, pick: Pick) {
        match action {
            Action::Insert('c') => self.copy(pick),
            Action::Insert('v') => self.show_text_only(pick),
            // What is typed next must go where the user sees it.
            Action::Insert(_) | Action::RecallLine | Action::SearchTalk => {
                self.mode = Mode::Writing;
                self.act(action);
            }
            Action::Older | Action::PickOlder => self.go_older(pick, 1),
            Action::Newer | Action::PickNewer => self.go_newer(pick, 1),
            Action::PageUp => self.go_older(pick, PAGE),
            Action::PageDown => self.go_newer(pick, PAGE),
            Action::Top => self.pick(self.transcript.message_from(0)),
            Action::Bottom => self.pick(self.transcript.message_before(u64::MAX)),
            Action::Help => self.show_help(),
            Action::Repaint => self.effects.push_back(Effect::Repaint),
            Action::Suspend => self.effects.push_back(Effect::Suspend),
            Action::Escape | Action::Interrupt => self.end_picking(),
            _ => {}
        }
    }

    /// Goes back to the input line, and to the newest message.
    pub(super) fn end_picking(&mut self) {
        self.mode = Mode::Writing;
        self.follow();
    }

    /// Scrolls to the message that is picked, if there is one: something new or another size of the window may have
    /// pushed it out of view.
    pub(super) fn keep_pick_in_view(&mut self) {
        let Mode::Picking(pick) = self.mode else {
            return;
        };
        if self.transcript.message(pick.entry).is_some() {
            self.reveal(pick.entry);
        } else {
            // The oldest messages go when there are too many.
            self.end_picking();
        }
    }

    fn pick(&mut self, found: Option<u64>) {
        if let Some(entry) = found {
            self.mode = Mode::Picking(Pick::of(entry));
            self.reveal(entry);
        }
    }

    fn go_older(&mut self, from: Pick, count: usize) {
        let older = |entry: &u64| self.transcript.message_before(*entry);
        let found = std::iter::successors(older(&from.entry), older);
        self.pick(found.take(count).last());
    }

    fn go_newer(&mut self, from: Pick, count: usize) {
        let newer = |entry: &u64| self.transcript.message_from(entry + 1);
        let found = std::iter::successors(newer(&from.entry), newer);
        self.pick(found.take(count).last());
    }

    fn copy(&mut self, pick: Pick) {
        // The oldest messages may have gone meanwhile.
        let Some(message) = self.transcript.message(pick.entry) else {
            return self.end_picking();
        };
        let text = message.original().to_owned();
        self.effects.push_back(Effect::Copy(text));
        self.mode = Mode::Picking(Pick {
            is_copied: true,
            ..pick
        });
    }

    fn show_text_only(&mut self, pick: Pick) {
        self.look_away();
        self.mode = Mode::TextOnly(TextOnly {
            picked: pick.entry,
            end: self.transcript.end(),
        });
    }
}

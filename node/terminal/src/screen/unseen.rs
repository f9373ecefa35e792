//! Whether the user sees the newest messages, and what came while that was not so: the title of the window tells it.
//!
//! Not here: the rule before unread messages (`arrivals`), and the bytes that set a title (`tty::control`).

use super::{Mode, Screen};

/// The title of a window in which nothing is unseen.
const TITLE: &str = "ringtalk";

/// The messages that the user has not seen.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    focus: Focus,
    messages: usize,
    has_mention: bool,
}

/// Whether the window has the focus.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Focus {
    /// The terminal has not said it yet, and may never do so.
    #[default]
    Unknown,
    Lost,
    Gained,
}

impl Unseen {
    pub(super) const fn set_focus(&mut self, has_focus: bool) {
        self.focus = if has_focus {
            Focus::Gained
        } else {
            Focus::Lost
        };
    }

    /// Returns true unless the window is known to have no focus.
    pub(super) fn has_focus(&self) -> bool {
        self.focus != Focus::Lost
    }

    /// Counts a message that the user does not see.
    pub(super) const fn add(&mut self, is_mention: bool) {
        self.messages += 1;
        self.has_mention |= is_mention;
    }
}

impl Screen {
    /// Returns true if the newest messages are on the screen.
    pub(super) const fn shows_newest(&self) -> bool {
        self.bottom.is_none() && !matches!(self.mode, Mode::Help(_) | Mode::TextOnly(_))
    }

    /// Returns true unless the user is known not to see what comes now.
    pub(super) fn may_be_seen(&self) -> bool {
        self.shows_newest() && self.unseen.has_focus()
    }

    /// Returns true if the user certainly sees what comes now. Without reports of the focus, nobody knows that.
    pub(super) fn is_seen(&self) -> bool {
        self.shows_newest() && self.unseen.focus == Focus::Gained
    }

    /// Forgets what was unseen, if the user sees the newest messages now.
    pub(super) fn update_unseen(&mut self) {
        if self.may_be_seen() {
            self.unseen.messages = 0;
            self.unseen.has_mention = false;
        }
    }

    /// Returns the title of the window: how many messages came unseen, with a mark if one of them mentions the user.
    /// Nothing in it comes from others.
    pub(super) fn title(&self) -> String {
        let Unseen {
            messages,
            has_mention,
            ..
        } = &self.unseen;
        let mark = if *has_mention { "!" } else { "" };
        if *messages == 0 || self.attention.is_muted() {
            TITLE.to_owned()
        } else {
            format!("({messages}{mark}) {TITLE}")
        }
    }
}

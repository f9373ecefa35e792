//! What is shown, and how far behind whoever reads it is. Not here: how it looks (`face`), and what others do about a slow
//! reader (the core).

use ringtalk_proto::Input;
use ringtalk_proto::config::UNREAD;

use super::{Driver, Ending};
use crate::face::Goodbye;
use crate::status::Status;
use crate::stdout::StdoutError;

impl Driver {
    /// Lets the core know how far behind whoever reads is, once all that it says has been shown.
    pub(super) fn look_at_reader(&mut self) {
        let unread = self.face.unread();
        let before = std::mem::replace(&mut self.unread, unread);
        if before.max(unread) > UNREAD {
            self.feed(Input::Read { unread });
        }
    }

    /// Has everything shown that follows from what happened; leaves if that cannot be.
    pub(super) fn show(&mut self) {
        if let Err(error) = self.face.settle() {
            self.unshown(&error);
        }
    }

    /// Nobody can see what happens here any more, so this node should not stay. A window that was closed is no failure.
    pub(super) fn unshown(&mut self, error: &StdoutError) {
        if self.asked.is_terminal_gone() {
            return self.depart(Ending::asked(Goodbye::Signal));
        }
        if self.leaving.is_none() && self.ended.is_none() {
            let message = format!("{error}; leaving");
            self.depart(Ending::wrong(Status::Failed, "stdout", message));
        }
    }
}

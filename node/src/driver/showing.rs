//! What is shown, and how far behind whoever sees it is. Not here: how it looks (the faces), and what others do about a slow
//! reader (the core).

use ringtalk_proto::Input;
use ringtalk_proto::config::UNREAD;
use ringtalk_session::{Code, End, Goodbye, Unseen};

use super::{Driver, Ending};
use crate::status::Status;

impl Driver {
    /// Lets the core know how far behind whoever reads is, once all that it says has been shown.
    pub(super) fn look_at_reader(&mut self) {
        let unread = self.backlog.waiting();
        let before = std::mem::replace(&mut self.unread, unread);
        if before.max(unread) > UNREAD {
            self.feed(Input::Read { unread });
        }
    }

    /// Has everything shown that follows from what happened; leaves if that cannot be.
    pub(super) fn show(&mut self) {
        if let Err(unseen) = self.session.settle() {
            self.unseen(End::Unseen(unseen));
        }
    }

    /// Nobody can see what happens here any more, so this node should not stay. A window that was closed is no failure.
    pub(super) fn unseen(&mut self, end: End) {
        match end {
            End::Gone => self.depart(Ending::asked(Goodbye::Signal)),
            End::Unseen(Unseen(why)) if !self.departure.has_begun() => {
                let message = format!("{why}; leaving");
                self.depart(Ending::wrong(Status::Failed, Code::Stdout, message));
            }
            End::Unseen(_) => {}
        }
    }
}

//! What is shown, and how far behind its reader is. Not here: how it looks (the faces), what others do about a slow
//! reader (the core).

use std::time::Duration;

use ringtalk_proto::Input;
use ringtalk_proto::config::UNREAD;
use ringtalk_session::{Code, End, Goodbye, Unseen};
use tokio::time::Instant;

use super::{Driver, Ending};
use crate::status::Status;

/// The time for which commands wait for a reader that reads nothing more. After that they are taken, and soon so much
/// waits that the node leaves: a program that never reads would wait forever.
const READER_PATIENCE: Duration = Duration::from_secs(10);

/// The hold on commands while too many events wait to be read.
#[derive(Debug, Default)]
pub(super) struct Holdup {
    /// The number of events that were read, and when it last changed.
    seen: Option<(u64, Instant)>,
}

impl Holdup {
    /// Records whether many events wait, and how many were read so far.
    fn look(&mut self, now: Instant, is_filling: bool, seen: u64) {
        let before = self.seen.filter(|(before, _)| *before == seen);
        self.seen = is_filling.then(|| before.unwrap_or((seen, now)));
    }

    /// Returns true while commands must wait.
    pub(super) fn lasts(&self, now: Instant) -> bool {
        self.seen
            .is_some_and(|(_, since)| now - since < READER_PATIENCE)
    }
}

impl Driver {
    /// Tells the core how far behind the reader is, once everything that the core said has been shown.
    pub(super) fn look_at_reader(&mut self) {
        let unread = self.backlog.waiting();
        let before = std::mem::replace(&mut self.unread, unread);
        if before.max(unread) > UNREAD {
            self.feed(Input::Read { unread });
        }
        let (is_filling, seen) = (self.session.is_filling(), self.backlog.seen());
        self.holdup.look(Instant::now(), is_filling, seen);
    }

    /// Shows everything that follows from what happened; leaves if that fails.
    pub(super) fn show(&mut self) {
        if let Err(unseen) = self.session.settle() {
            self.unseen(End::Unseen(unseen));
        }
    }

    /// Leaves, because nobody can see any more what happens here. A closed window is not a failure.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_wait_for_a_reader_that_goes_on_and_not_for_one_that_has_stopped() {
        let start = Instant::now();
        let mut holdup = Holdup::default();
        assert!(!holdup.lasts(start));
        holdup.look(start, true, 7);
        let later = start + READER_PATIENCE / 2;
        holdup.look(later, true, 8);
        assert!(
            holdup.lasts(start + READER_PATIENCE),
            "it has seen something"
        );
        holdup.look(start + READER_PATIENCE, true, 8);
        assert!(!holdup.lasts(later + READER_PATIENCE));
        holdup.look(later + READER_PATIENCE, true, 9);
        assert!(holdup.lasts(later + READER_PATIENCE));
        holdup.look(later + READER_PATIENCE, false, 9);
        assert!(!holdup.lasts(later + READER_PATIENCE), "little waits");
    }
}

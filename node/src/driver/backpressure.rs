//! The events on their way to their reader, and how far behind it is. Not here: how it looks (the faces), what others do about a slow
//! reader (the core).

use std::time::Duration;

use ringtalk_proto::Input;
use ringtalk_proto::config::UNREAD;
use ringtalk_session::{Code, Goodbye, OutletEnd, OutletError};
use tokio::time::Instant;

use super::{Driver, Ending};
use crate::status::Status;

/// The time for which commands wait for a reader that reads nothing more. After that they are taken, and soon so much
/// waits that the node leaves: a program that never reads would wait forever.
const READER_PATIENCE: Duration = Duration::from_secs(10);

/// The hold on commands while too many events wait to be read.
#[derive(Debug, Default)]
pub(super) struct CommandHold {
    /// The number of events that were read, and when it last changed.
    seen: Option<(u64, Instant)>,
}

impl CommandHold {
    /// Records whether many events wait, and how many were read so far.
    fn update(&mut self, now: Instant, is_filling: bool, seen: u64) {
        let before = self.seen.filter(|(before, _)| *before == seen);
        self.seen = is_filling.then(|| before.unwrap_or((seen, now)));
    }

    /// Returns true while commands must wait.
    pub(super) fn is_active(&self, now: Instant) -> bool {
        self.seen
            .is_some_and(|(_, since)| now - since < READER_PATIENCE)
    }
}

impl Driver {
    /// Tells the core how far behind the reader is, once everything that the core said has been shown.
    pub(super) fn check_reader(&mut self) {
        let unread = self.backlog.waiting_count();
        let before = std::mem::replace(&mut self.unread, unread);
        if before.max(unread) > UNREAD {
            self.feed(Input::Read { unread });
        }
        let (is_filling, seen) = (self.session.is_filling(), self.backlog.seen_count());
        self.command_hold.update(Instant::now(), is_filling, seen);
    }

    /// Shows everything that follows from what happened; leaves if that fails.
    pub(super) fn show(&mut self) {
        if let Err(error) = self.session.end_turn() {
            self.handle_outlet_end(OutletEnd::Failed(error));
        }
    }

    /// Leaves, because nobody can see any more what happens here. A closed window is not a failure.
    pub(super) fn handle_outlet_end(&mut self, end: OutletEnd) {
        match end {
            OutletEnd::WindowClosed => self.start_leaving(Ending::normal(Goodbye::Signal)),
            // The end of a pipeline, such as `| head`, has seen enough, and nothing is left to say.
            OutletEnd::ReaderGone(_) if self.quit_on_eof && self.requests.is_over() => {
                self.start_leaving(Ending::normal(Goodbye::EndOfInput));
            }
            OutletEnd::ReaderGone(OutletError(why)) | OutletEnd::Failed(OutletError(why))
                if !self.leave_state.has_begun() =>
            {
                let message = format!("{why}; leaving");
                self.start_leaving(Ending::failure(Status::Failed, Code::Stdout, message));
            }
            // A reader that has seen enough does not miss the last words.
            OutletEnd::ReaderGone(_) => {}
            OutletEnd::Failed(why) => self.note_lost_output(&why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_wait_for_a_reader_that_goes_on_and_not_for_one_that_has_stopped() {
        let start = Instant::now();
        let mut command_hold = CommandHold::default();
        assert!(!command_hold.is_active(start));
        command_hold.update(start, true, 7);
        let later = start + READER_PATIENCE / 2;
        command_hold.update(later, true, 8);
        assert!(
            command_hold.is_active(start + READER_PATIENCE),
            "it has seen something"
        );
        command_hold.update(start + READER_PATIENCE, true, 8);
        assert!(!command_hold.is_active(later + READER_PATIENCE));
        command_hold.update(later + READER_PATIENCE, true, 9);
        assert!(command_hold.is_active(later + READER_PATIENCE));
        command_hold.update(later + READER_PATIENCE, false, 9);
        assert!(
            !command_hold.is_active(later + READER_PATIENCE),
            "little waits"
        );
    }
}

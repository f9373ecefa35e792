//! The reader of the events: what happens when it catches up or stops.
//!
//! Not here: how far it is behind (`reader_lag`).

use super::Node;
use crate::machines::reader_lag::ReaderLag;

impl Node {
    /// Takes the number of events that wait to be read.
    pub(super) fn read(&mut self, unread: u64) {
        let now = self.context.now;
        self.update_reader(|reader| reader.note_unread(now, unread));
    }

    pub(super) fn expire_reader(&mut self) {
        let now = self.context.now;
        self.update_reader(|reader| reader.expire(now));
    }

    fn update_reader(&mut self, change: impl FnOnce(&mut ReaderLag)) {
        let was_behind = self.context.reader_lag.is_behind();
        change(&mut self.context.reader_lag);
        if was_behind && !self.context.reader_lag.is_behind() {
            self.history.pull_due(&mut self.context, &self.discussion);
        }
    }
}

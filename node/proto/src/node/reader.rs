//! The reader of the events: what happens when it catches up or stops.
//!
//! Not here: how far it is behind (`reading`).

use super::Node;
use crate::machines::reading::Reading;

impl Node {
    /// Takes the number of events that wait to be read.
    pub(super) fn read(&mut self, unread: u64) {
        let now = self.context.now;
        self.change_pace(|reader| reader.unread(now, unread));
    }

    pub(super) fn expire_reader(&mut self) {
        let now = self.context.now;
        self.change_pace(|reader| reader.expire(now));
    }

    fn change_pace(&mut self, change: impl FnOnce(&mut Reading)) {
        let was_behind = self.context.reader.is_behind();
        change(&mut self.context.reader);
        if was_behind && !self.context.reader.is_behind() {
            self.history.pull_due(&mut self.context, &self.discussion);
        }
    }
}

//! Reading: whoever reads what this node delivers may be slower than what is said.
//!
//! While it is behind, this node acknowledges nothing, so that authors wait, and pulls nothing
//! (`PROTOCOL.md` §4.6). Not here: how much waits to be read, which the driver knows.

use super::Node;
use crate::Time;
use crate::config::READER_WAIT;

/// The reader, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Until when the reader is waited for, unless it reads on; nothing where it keeps up.
    until: Option<Time>,
}

impl Reading {
    /// True while the reader is waited for.
    pub(super) const fn is_behind(&self) -> bool {
        self.until.is_some()
    }

    /// When the reader is waited for no more.
    pub(super) const fn deadline(&self) -> Option<Time> {
        self.until
    }
}

impl Node {
    /// The reader is behind and has read something, or has caught up.
    pub(super) fn reader(&mut self, now: Time, behind: bool) {
        let was_behind = self.reading.is_behind();
        self.reading.until = behind.then(|| now + READER_WAIT);
        self.hold_acks(behind);
        if was_behind && !behind {
            self.pull_due(now);
            self.seal_what_waits(now);
        }
    }

    /// A reader that has stopped is no reason for others to wait.
    pub(super) fn expire_reader(&mut self, now: Time) {
        if self.reading.until.is_some_and(|until| until <= now) {
            self.reader(now, false);
        }
    }
}

//! The outlet of a connection: what waits on it is written in its order, and as much at once as its pace allows.
//!
//! Not here: the order (`queue`), the pace (`pace`), and who waits until a full socket takes more (`connections`).

#[cfg(test)]
mod floods;

use std::io;

use tokio::time::Instant;

use super::pace::Pace;
use super::queue::Queue;
use crate::link::{FrameWriter, Socket, Written};

/// What waits on a connection, and how much it takes.
#[derive(Debug)]
pub(super) struct LinkOutlet {
    pub(super) queue: Queue,
    pace: Pace,
}

impl LinkOutlet {
    /// Returns the outlet of a connection that has just been made.
    pub(super) fn new<S: Socket>(writer: &mut FrameWriter<S>) -> Self {
        let pace = Pace::new();
        writer.limit_unsent(pace.unsent());
        Self {
            queue: Queue::default(),
            pace,
        }
    }

    /// Writes until nothing waits or the socket is full. Returns what was written, and true if it is full. Then a rest is
    /// left in the writer.
    pub(super) fn write<S: Socket>(
        &mut self,
        now: Instant,
        writer: &mut FrameWriter<S>,
    ) -> io::Result<(Written, bool)> {
        let mut written = Written::default();
        let mut is_full = false;
        while !is_full && self.queue.encrypt(writer, self.pace.unit()) {
            if let Some(bytes) = writer.write_encrypted_now()? {
                self.pace.note_written(now, bytes.total());
                written.add(&bytes);
            } else {
                self.pace.note_full(now);
                is_full = true;
            }
        }
        if !is_full {
            self.pace.note_idle();
        }
        writer.limit_unsent(self.pace.unsent());
        Ok((written, is_full))
    }

    /// Notes that the rest that was left in the writer is written.
    pub(super) fn note_rest_written(&mut self, now: Instant, written: &Written) {
        self.pace.note_written(now, written.total());
    }
}

//! Readers of what nodes deliver; some of them read more slowly than others write.

use core::time::Duration;

use ringtalk_proto::config::UNREAD;
use ringtalk_proto::{Input, Time};

use super::{World, WorldEvent};
use crate::network::HostIndex;
use crate::oracle::Check;

/// How often a reader reads.
const TICK: Duration = Duration::from_millis(50);

/// A slow reader.
#[derive(Debug)]
pub(crate) struct Reader {
    /// How many events it reads at a time.
    at_once: u64,
    unread: u64,
    most_unread: u64,
    was_behind: bool,
    until: Time,
}

impl Reader {
    /// Counts one more unread event.
    pub(super) const fn add_unread(&mut self) {
        self.unread += 1;
        if self.unread > self.most_unread {
            self.most_unread = self.unread;
        }
    }
}

impl World {
    /// Gives a node a reader that reads `a_second` events a second for a while, and all the rest at the end.
    pub(crate) fn read_slowly(&mut self, index: HostIndex, a_second: u64, time: Duration) {
        self.figures.count_effective("slow reader");
        self.processes[index].reader = Some(Reader {
            at_once: a_second * TICK.as_millis() as u64 / 1_000,
            unread: 0,
            most_unread: 0,
            was_behind: false,
            until: self.now + time,
        });
        self.events
            .push(self.now + TICK, WorldEvent::ReaderTick(index));
    }

    /// Lets a reader read what it reads at a time, or everything at the end.
    pub(super) fn advance_reader(&mut self, index: HostIndex) -> Check {
        let Some(reader) = &mut self.processes[index].reader else {
            return Ok(());
        };
        let read = if reader.until <= self.now {
            reader.unread
        } else {
            self.events
                .push(self.now + TICK, WorldEvent::ReaderTick(index));
            reader.at_once
        };
        reader.unread = reader.unread.saturating_sub(read);
        if !self.processes[index].is_running() {
            return Ok(());
        }
        self.report_reader_pace(index);
        self.drain(index)
    }

    /// Tells a node how far its reader is, before it gets any other input, as a driver does.
    pub(super) fn report_reader_pace(&mut self, index: HostIndex) {
        let process = &mut self.processes[index];
        let Some(reader) = &mut process.reader else {
            return;
        };
        let unread = reader.unread;
        let was_behind = std::mem::replace(&mut reader.was_behind, unread > UNREAD);
        if was_behind || reader.was_behind {
            process.host.handle(self.now, Input::Read { unread });
        }
    }

    /// Returns the most events that a slow reader ever left unread.
    pub(crate) fn most_unread(&self, index: HostIndex) -> u64 {
        let reader = self.processes[index].reader.as_ref();
        reader.map_or(0, |reader| reader.most_unread)
    }
}

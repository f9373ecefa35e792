//! Readers: whoever reads what a node delivers, some of them slower than others talk.

use core::time::Duration;

use ringtalk_proto::{Input, Time};

use super::{Happening, World};
use crate::network::HostIndex;
use crate::oracle::Check;

/// How many messages a reader leaves unread before it is behind.
const BEHIND: u64 = 16;
/// How often a reader reads.
const TICK: Duration = Duration::from_millis(50);

/// A slow reader.
#[derive(Debug)]
pub(crate) struct Reader {
    /// How many messages it reads a second.
    a_second: u64,
    /// What it has read of the next message, in millionths.
    begun: u64,
    unread: u64,
    most_unread: u64,
    is_behind: bool,
    until: Time,
}

impl Reader {
    /// The node has delivered a message.
    pub(super) const fn note(&mut self) {
        self.unread += 1;
        if self.unread > self.most_unread {
            self.most_unread = self.unread;
        }
    }

    /// Reads for a while; true where it has read anything.
    fn read(&mut self) -> bool {
        let read = self.begun + self.a_second * TICK.as_micros() as u64;
        self.begun = read % 1_000_000;
        let read = self.unread.min(read / 1_000_000);
        self.unread -= read;
        read > 0
    }
}

impl World {
    /// Whoever reads what a node delivers reads so many messages a second, for so long; at the end it reads all.
    pub(crate) fn read_slowly(&mut self, index: HostIndex, a_second: u64, time: Duration) {
        if !self.processes[index].is_running() {
            return;
        }
        self.figures.fault("slow reader");
        let is_planned = self.processes[index].reader.is_some();
        self.processes[index].reader = Some(Reader {
            a_second,
            begun: 0,
            unread: 0,
            most_unread: 0,
            is_behind: false,
            until: self.now + time,
        });
        if !is_planned {
            self.agenda.plan(self.now + TICK, Happening::Read(index));
        }
    }

    /// A reader reads, and its node learns of it as from a driver.
    pub(super) fn read(&mut self, index: HostIndex) -> Check {
        let now = self.now;
        let process = &mut self.processes[index];
        let is_alive = process.is_alive();
        let Some(reader) = process.reader.as_mut().filter(|_| is_alive) else {
            return Ok(());
        };
        let was_behind = reader.is_behind;
        let has_read = reader.read();
        let is_over = reader.until <= now;
        let behind = !is_over && reader.unread > BEHIND;
        reader.is_behind = behind;
        if is_over {
            process.reader = None;
        } else {
            self.agenda.plan(now + TICK, Happening::Read(index));
        }
        if behind != was_behind || behind && has_read {
            self.tell(index, Input::Reader { behind }.into())?;
        }
        Ok(())
    }

    /// How much a slow reader has left unread at most.
    pub(crate) fn most_unread(&self, index: HostIndex) -> u64 {
        let reader = self.processes[index].reader.as_ref();
        reader.map_or(0, |reader| reader.most_unread)
    }
}

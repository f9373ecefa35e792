//! The users: what they write, and how often. They write only if their node accepts input, and the oracles learn of
//! each message first.

use core::time::Duration;

use ringtalk_proto::{Draft, Input};
use ringtalk_wire::{BundleMessage, RingId};

use super::{World, WorldEvent};
use crate::network::HostIndex;
use crate::oracle::Check;

/// The beginning of virtual time, in milliseconds since 1970: November 2023.
const BEGINNING_MS: u64 = 1_700_000_000_000;
/// The parts of a long line.
const FILLERS: [&str; 4] = ["la ", "再见 ", "🎉 ", "\u{1b}[31mred "];

impl World {
    /// Lets every user write something about once per `pace`, from now on.
    pub(crate) fn talk(&mut self, pace: Duration) {
        let silent = self.setup.pace.replace(pace).is_none();
        if silent {
            for index in 0..self.processes.len() {
                self.plan_message(index);
            }
        }
    }

    /// Silences all users from now on.
    pub(crate) const fn silence_users(&mut self) {
        self.setup.pace = None;
    }

    /// Makes a user send `lines` lines at once, as far as the node accepts them.
    pub(crate) fn send_lines(&mut self, index: HostIndex, lines: u64) -> Check {
        for _ in 0..lines {
            self.send_message(index)?;
        }
        Ok(())
    }

    pub(super) fn plan_message(&mut self, index: HostIndex) {
        if let Some(pace) = self.setup.pace {
            let wait = self.driver_random.between(1, 2 * pace.as_micros() as u64);
            let when = self.now + Duration::from_micros(wait);
            self.events.push(when, WorldEvent::UserMessage(index));
        }
    }

    pub(super) fn write_next(&mut self, index: HostIndex) -> Check {
        if self.setup.pace.is_none() || !self.processes[index].is_alive() {
            return Ok(());
        }
        self.plan_message(index);
        let lines = if self.driver_random.chance(2) { 20 } else { 1 };
        match self.choose_room(index) {
            Some(room) => self.send_lines_in(index, room, lines),
            None => self.send_lines(index, lines),
        }
    }

    /// Chooses where a user writes: in one of its rooms, or in the lobby.
    fn choose_room(&mut self, index: HostIndex) -> Option<u64> {
        let rooms = self.rooms_of(index);
        if rooms.is_empty() {
            return None;
        }
        let place = self.driver_random.below(rooms.len() as u64 + 1) as usize;
        rooms.get(place).copied()
    }

    fn send_message(&mut self, index: HostIndex) -> Check {
        let process = &self.processes[index];
        let can_send = process.is_running() && process.departure.since.is_none();
        if !can_send || !process.node().accepts_input() {
            return Ok(());
        }
        self.say_in(index, self.setup.ring, "")
    }

    /// Makes a user send a message in a ring, with its number and the place in the text.
    pub(super) fn say_in(&mut self, index: HostIndex, ring: RingId, place: &str) -> Check {
        let author = self.id(index);
        let oracles = self.rooms.oracles_of(ring).unwrap_or(&mut self.oracles);
        let number = oracles.sent_count(author) + 1;
        let length = match self.driver_random.below(100) {
            0 => 1_000,
            1..10 => 100,
            _ => self.driver_random.below(8) as usize,
        };
        let filler = self.driver_random.pick(&FILLERS).unwrap_or("");
        let text = format!("n{index} {number}{place} {}", filler.repeat(length));
        let timestamp_ms = BEGINNING_MS + self.now.as_micros() / 1_000;
        let oracles = self.rooms.oracles_of(ring).unwrap_or(&mut self.oracles);
        oracles.record_sent(author, &text, timestamp_ms);
        let input = Input::Say(Draft::from(BundleMessage::text(timestamp_ms, text)));
        if ring == self.setup.ring {
            self.handle_input(index, input.into())
        } else {
            self.tell_ring(index, ring, input)
        }
    }
}

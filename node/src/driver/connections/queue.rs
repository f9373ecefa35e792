//! The frames that wait on one connection, of all its rings.
//!
//! Urgent frames go first, in the order in which they came. Then the lobby's; then those of the rooms, by deficit round
//! robin: each in turn may send 16 KiB, so a room that is flooded delays the others by no more than that. Not here: how
//! much is written at once (`pace`), and the bounds (the core).

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use ringtalk_wire::{Channel, FrameClass, HEADER_BYTES};

use crate::link::{FrameWriter, Socket};

/// How many bytes a room may send in its turn. A longer frame waits for several turns.
const TURN_BYTES: usize = 16 * 1024;

/// The frames that wait for a connection's writer. The core bounds them.
#[derive(Debug, Default)]
pub(super) struct Queue {
    urgent: VecDeque<(Channel, Bytes)>,
    lobby: VecDeque<Bytes>,
    rooms: BTreeMap<Channel, Waiting>,
    /// The rooms that have something to send, the one whose turn it is first.
    turns: VecDeque<Channel>,
    /// The bytes of all frames, with their headers.
    bytes: usize,
}

/// The frames of a room.
#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Bytes>,
    /// How many bytes it may still send in this turn.
    deficit: usize,
}

impl Queue {
    pub(super) const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub(super) fn push(&mut self, channel: Channel, class: FrameClass, frame: Bytes) {
        self.bytes += HEADER_BYTES + frame.len();
        if class == FrameClass::Urgent {
            self.urgent.push_back((channel, frame));
        } else if channel == Channel::LOBBY {
            self.lobby.push_back(frame);
        } else {
            let room = self.rooms.entry(channel).or_default();
            if room.frames.is_empty() {
                self.turns.push_back(channel);
            }
            room.frames.push_back(frame);
        }
        debug_assert_eq!(self.turns.len(), self.rooms.len(), "each room has a turn");
    }

    /// Makes the writer encrypt the next `unit` bytes, urgent frames first. Returns false if there is nothing to write.
    pub(super) fn encrypt<S: Socket>(&mut self, writer: &mut FrameWriter<S>, unit: usize) -> bool {
        // If all goes at once, nothing is overtaken, and all frames share records.
        let at_once = writer.is_idle() && self.bytes <= unit;
        while let Some((channel, frame)) = self.urgent.pop_front() {
            self.bytes -= HEADER_BYTES + frame.len();
            if at_once {
                writer.add_on(channel, FrameClass::Urgent, &frame);
            } else {
                writer.add_urgent(channel, &frame);
            }
        }
        while writer.waiting() < unit
            && let Some((channel, frame)) = self.next_ordered()
        {
            self.bytes -= HEADER_BYTES + frame.len();
            writer.add_on(channel, FrameClass::Ordered, &frame);
        }
        writer.encrypt(unit)
    }

    fn next_ordered(&mut self) -> Option<(Channel, Bytes)> {
        if let Some(frame) = self.lobby.pop_front() {
            return Some((Channel::LOBBY, frame));
        }
        loop {
            let channel = *self.turns.front()?;
            let room = self.rooms.get_mut(&channel)?;
            let next = room.frames.front()?;
            if room.deficit < next.len() {
                room.deficit += TURN_BYTES;
                self.turns.rotate_left(1);
                continue;
            }
            room.deficit -= next.len();
            let frame = room.frames.pop_front()?;
            if room.frames.is_empty() {
                // Who has nothing to send saves nothing up.
                self.rooms.remove(&channel);
                self.turns.pop_front();
            }
            return Some((channel, frame));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(number: u16) -> Channel {
        Channel::new(number).unwrap()
    }

    fn order(queue: &mut Queue) -> Vec<u16> {
        let frames = std::iter::from_fn(|| queue.next_ordered());
        frames.map(|(channel, _)| channel.number()).collect()
    }

    #[test]
    fn the_lobby_goes_first_and_rooms_take_turns() {
        let mut queue = Queue::default();
        let frame = Bytes::from(vec![0; TURN_BYTES / 2]);
        for _ in 0..4 {
            queue.push(channel(1), FrameClass::Ordered, frame.clone());
        }
        queue.push(channel(2), FrameClass::Ordered, frame.clone());
        queue.push(Channel::LOBBY, FrameClass::Ordered, frame);
        assert_eq!(order(&mut queue), [0, 1, 1, 2, 1, 1]);
    }

    #[test]
    fn a_long_frame_gets_its_turn_and_short_ones_go_meanwhile() {
        let mut queue = Queue::default();
        let long = Bytes::from(vec![0; 3 * TURN_BYTES]);
        queue.push(channel(1), FrameClass::Ordered, long);
        for _ in 0..6 {
            let short = Bytes::from(vec![0; TURN_BYTES]);
            queue.push(channel(2), FrameClass::Ordered, short);
        }
        let order = order(&mut queue);
        let place = order.iter().position(|one| *one == 1).unwrap();
        assert!((2..=4).contains(&place), "{order:?}");
    }

    #[test]
    fn a_room_that_was_silent_has_saved_nothing_up() {
        let mut queue = Queue::default();
        for _ in 0..3 {
            queue.push(channel(1), FrameClass::Ordered, Bytes::from_static(b"x"));
            assert_eq!(order(&mut queue), [1]);
        }
        assert!(queue.rooms.is_empty() && queue.turns.is_empty());
    }
}

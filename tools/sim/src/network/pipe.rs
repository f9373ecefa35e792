//! One direction of a connection: a queue in the sender's process, a wire of limited bandwidth, and the window that
//! the receiver's kernel grants.

use core::time::Duration;
use std::collections::VecDeque;

use ringtalk_proto::{LinkId, Time};
use ringtalk_wire::FrameClass;

use super::{Arrival, End, EndState, Health, Network, NetworkEvent, Packet, Passage};

/// How many bytes can be sent to a paused process before its sender blocks.
pub(super) const WINDOW_BYTES: usize = 256 * 1024;
/// How often the arrival of a part of a frame is told.
const PART_PAUSE: Duration = Duration::from_millis(200);
/// The bandwidth of a link: 10 MB a second.
const BYTES_PER_MICROSECOND: u64 = 10;

/// A frame, or the end of the stream, on its way to the far end.
#[derive(Debug)]
pub(super) enum Payload {
    Frame(Packet),
    End,
}

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Pipe {
    /// The frames that wait, by class: urgent ones are written first.
    queues: [VecDeque<Packet>; FrameClass::ALL.len()],
    queued: usize,
    writing: bool,
    /// How many bytes are written and not read yet.
    in_flight: usize,
    last_arrival: Time,
    finishing: bool,
    ended: bool,
    /// Payloads that are written and have not arrived yet, in order.
    wire: VecDeque<Payload>,
    /// How many of them should have arrived, and could not.
    stalled: usize,
}

impl Pipe {
    /// Creates an empty pipe, from which nothing arrives before `open`.
    pub(super) const fn new(open: Time) -> Self {
        Self {
            queues: [VecDeque::new(), VecDeque::new()],
            queued: 0,
            writing: false,
            in_flight: 0,
            last_arrival: open,
            finishing: false,
            ended: false,
            wire: VecDeque::new(),
            stalled: 0,
        }
    }

    pub(super) fn push(&mut self, packet: Packet) -> usize {
        self.queued += packet.bytes.len();
        self.queues[packet.class.index()].push_back(packet);
        self.queued
    }

    pub(super) const fn finish(&mut self) {
        self.finishing = true;
    }

    pub(super) const fn free_window(&mut self, bytes: usize) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
    }

    pub(super) fn clear(&mut self) {
        self.queues.iter_mut().for_each(VecDeque::clear);
        self.queued = 0;
    }

    pub(super) const fn is_stalled(&self) -> bool {
        self.stalled > 0
    }

    /// Takes the number of payloads that have to arrive once more.
    pub(super) const fn unstall(&mut self) -> usize {
        core::mem::replace(&mut self.stalled, 0)
    }

    /// Takes the next frame to write, if it fits the window.
    fn next(&mut self) -> Option<Packet> {
        if self.writing {
            return None;
        }
        let waits = |class: &FrameClass| !self.queues[class.index()].is_empty();
        let class = FrameClass::ALL.into_iter().find(waits)?;
        let queue = &mut self.queues[class.index()];
        let fits = |packet: &Packet| self.in_flight + packet.bytes.len() <= WINDOW_BYTES;
        if !queue.front().is_some_and(fits) {
            return None;
        }
        let packet = queue.pop_front()?;
        self.writing = true;
        self.in_flight += packet.bytes.len();
        Some(packet)
    }

    /// Returns true if a frame is being written.
    pub(super) const fn is_writing(&self) -> bool {
        self.writing
    }

    fn is_written_out(&self) -> bool {
        self.finishing && !self.ended && !self.writing && self.queues.iter().all(VecDeque::is_empty)
    }
}

impl Network {
    /// Writes the next frame on one side of a connection, or the end of the stream, if either is due.
    pub(super) fn pump(&mut self, now: Time, connection: u64, side: usize) {
        let Some(found) = self.connections.get_mut(&connection) else {
            return;
        };
        let writer = self.hosts[found.ends[side].host].health;
        if !matches!(writer, Health::Running | Health::Left) {
            return;
        }
        if let Some(packet) = found.pipes[side].next() {
            let [one, other] = found.ends.each_ref().map(|end| end.host);
            let length = packet.bytes.len() as u64;
            let micros = match self.conditions.bandwidth(one, other) {
                Some(bytes_per_ms) => length * 1_000 / bytes_per_ms,
                None => length / BYTES_PER_MICROSECOND,
            };
            let took = Duration::from_micros(micros);
            self.events
                .push(now + took, NetworkEvent::Written(connection, side, packet));
            self.plan_parts(now, connection, side, took);
        } else if found.pipes[side].is_written_out() {
            self.send_end(now, connection, side);
        }
    }

    /// Plans that parts of a frame arrive while the rest is being written.
    fn plan_parts(&mut self, now: Time, connection: u64, side: usize, took: Duration) {
        let mut after = PART_PAUSE;
        while after < took {
            let latency = self.latency();
            let event = NetworkEvent::Part(connection, side, after);
            self.events.push(now + after + latency, event);
            after += PART_PAUSE;
        }
    }

    /// Tells a process that a part of a frame has come, unless it would have had to wait on the way.
    pub(super) fn deliver_part(&mut self, connection: u64, side: usize, taking: Duration) {
        let Some(found) = self.connections.get(&connection) else {
            return;
        };
        let [from, to] = [side, 1 - side].map(|side| found.ends[side].host);
        let is_held_up = !found.pipes[side].wire.is_empty();
        let End { host, link, state } = found.ends[1 - side];
        let link_is_open = state == EndState::Open;
        if link_is_open && !is_held_up && !self.is_blocked(connection, from, to) {
            self.notify(host, Arrival::Part { link, taking });
        }
    }

    pub(super) fn finish_write(&mut self, now: Time, connection: u64, side: usize, packet: Packet) {
        let Some(found) = self.connections.get_mut(&connection) else {
            return;
        };
        let End { host, link, state } = found.ends[side];
        let pipe = &mut found.pipes[side];
        pipe.writing = false;
        pipe.queued = pipe.queued.saturating_sub(packet.bytes.len());
        if state == EndState::Open {
            let channel = packet.channel;
            let written = Arrival::Written {
                link: LinkId { channel, ..link },
                class: packet.class,
                bytes: packet.bytes.len(),
            };
            self.notify(host, written);
        }
        self.dispatch(now, connection, side, Payload::Frame(packet));
        self.pump(now, connection, side);
    }

    /// Sends the end of the stream: this end writes nothing more, and the far end learns of it.
    pub(super) fn send_end(&mut self, now: Time, connection: u64, side: usize) {
        if let Some(found) = self.connections.get_mut(&connection)
            && !found.pipes[side].ended
        {
            found.pipes[side].ended = true;
            self.dispatch(now, connection, side, Payload::End);
        }
    }

    fn dispatch(&mut self, now: Time, connection: u64, side: usize, payload: Payload) {
        if let Some(found) = self.connections.get_mut(&connection) {
            found.pipes[side].wire.push_back(payload);
            self.plan_arrival(now, connection, side);
        }
    }

    /// Plans the arrival of the oldest payload on the wire. No payload overtakes an earlier one.
    pub(super) fn plan_arrival(&mut self, now: Time, connection: u64, side: usize) {
        let latency = self.latency();
        let Passage::Late(late) = self.conditions.draw_passage(&mut self.random) else {
            return self.break_connection(now, connection);
        };
        if let Some(found) = self.connections.get_mut(&connection) {
            let pipe = &mut found.pipes[side];
            pipe.last_arrival = pipe.last_arrival.max(now + latency + late);
            let event = NetworkEvent::Arrive(connection, side);
            self.events.push(pipe.last_arrival, event);
        }
    }

    pub(super) fn deliver_payload(&mut self, now: Time, connection: u64, side: usize) {
        let Some(found) = self.connections.get_mut(&connection) else {
            return;
        };
        let [from, to] = [side, 1 - side].map(|side| found.ends[side].host);
        let stalled = found.pipes[side].is_stalled();
        let blocked = stalled || self.is_blocked(connection, from, to);
        let Some(found) = self.connections.get_mut(&connection) else {
            return;
        };
        if blocked {
            found.pipes[side].stalled += 1;
            return;
        }
        let Some(payload) = found.pipes[side].wire.pop_front() else {
            return;
        };
        let end = &found.ends[1 - side];
        let (host, link) = (end.host, end.link);
        let receives = matches!(
            end.state,
            EndState::Open | EndState::Closing { lingers: true }
        );
        match payload {
            Payload::Frame(packet) if receives => {
                self.notify(host, Arrival::Frame { link, packet });
            }
            Payload::Frame(packet) => {
                found.pipes[side].free_window(packet.bytes.len());
                self.pump(now, connection, side);
            }
            Payload::End => self.close_end(now, connection, 1 - side, receives),
        }
    }

    /// Closes this end because the far end is gone; whatever was queued here is lost.
    fn close_end(&mut self, now: Time, connection: u64, side: usize, receives: bool) {
        let Some(found) = self.connections.get_mut(&connection) else {
            return;
        };
        let end = &mut found.ends[side];
        end.state = EndState::Closed;
        let (host, link) = (end.host, end.link);
        if self.hosts[host].health == Health::Vanished {
            return;
        }
        found.pipes[side].clear();
        let over = found.pipes[side].ended;
        self.send_end(now, connection, side);
        if receives {
            self.notify(host, Arrival::LinkDown { link });
        }
        if over && let Some(found) = self.connections.remove(&connection) {
            for end in found.ends {
                self.links.remove(&end.link);
            }
        }
    }
}

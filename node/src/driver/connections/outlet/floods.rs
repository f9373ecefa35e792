//! F1: rooms that flood a link delay the lobby's heartbeats by at most 100 ms on links of 6 MB/s and more, on slower ones
//! by 50 ms (or by 4 KiB, on those of less than 80 kB/s) and one frame.
//!
//! The real queue, pace and writer fill a line in virtual time, which sends what it has taken at its rate. The rooms flood
//! it at random. The same floods must break the bound if all frames wait in one queue.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use ringtalk_wire::limit::FRAME_BYTES;
use ringtalk_wire::{Channel, FrameClass};

use super::*;
use crate::link::test_support::writer_to;

/// How many floods are tried.
const SEEDS: u64 = 48;
/// How long each lasts once the link knows its pace.
const LASTS: Duration = Duration::from_secs(3);
/// How long a link takes to learn its pace, and the time for so many bytes: nothing is known of one that has just been
/// made.
const LEARNS: (Duration, usize) = (Duration::from_secs(1), 64 * 1024);
/// How often the lobby sends a heartbeat.
const BEAT: Duration = Duration::from_millis(40);
const HEARTBEAT_BYTES: usize = 60;
/// How much a room keeps waiting while it floods.
const BACKLOG: usize = 512 * 1024;
/// The rate from which on a link is fast, in bytes a second.
const FAST: u64 = 6_000_000;
/// How long a heartbeat may wait for what the system has taken and what is being written, on slower ones.
const SYSTEM: (Duration, usize) = (Duration::from_millis(50), 4 * 1024);

/// A line that sends what it has taken at its rate. It takes a whole write while less than the limit waits in it, and
/// wakes its writer when half as much does, like the system.
#[derive(Debug)]
struct Line {
    /// Bytes a second.
    rate: u64,
    now: Cell<Duration>,
    limit: Cell<usize>,
    /// When all that it has taken will be sent.
    idle: Cell<Duration>,
}

impl Line {
    fn time_for(&self, bytes: usize) -> Duration {
        Duration::from_nanos(bytes as u64 * 1_000_000_000 / self.rate)
    }

    fn unsent(&self) -> usize {
        let left = self.idle.get().saturating_sub(self.now.get());
        (left.as_nanos() * u128::from(self.rate) / 1_000_000_000) as usize
    }

    /// Returns when it wakes its writer.
    fn wakes(&self) -> Duration {
        let half = self.time_for(self.limit.get() / 2);
        self.idle.get().saturating_sub(half).max(self.now.get())
    }
}

impl Socket for Rc<Line> {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.unsent() >= self.limit.get() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let begins = self.idle.get().max(self.now.get());
        self.idle.set(begins + self.time_for(bytes.len()));
        Ok(bytes.len())
    }

    fn limit_unsent(&self, bytes: usize) {
        self.limit.set(bytes);
    }
}

/// In which order frames wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    /// As in the real queue.
    Real,
    /// All in one queue: a planted bug.
    OneQueue,
}

/// A room that floods the link from some time on, with pauses.
#[derive(Debug)]
struct Room {
    channel: Channel,
    frame: usize,
    /// How long it floods before it pauses for as long.
    burst: Duration,
    from: Duration,
}

impl Room {
    fn is_flooding(&self, now: Duration) -> bool {
        let since = now.checked_sub(self.from);
        since.is_some_and(|since| (since.as_micros() / self.burst.as_micros()).is_multiple_of(2))
    }
}

/// A flood of one link.
struct Flood {
    order: Order,
    line: Rc<Line>,
    rooms: Vec<Room>,
    outlet: LinkOutlet,
    writer: FrameWriter<Rc<Line>>,
    start: Instant,
    /// When the link knows its pace, and when the rooms and the lobby fall silent.
    learnt: Duration,
    end: Duration,
    is_full: bool,
    /// How many bytes of rooms wait.
    waiting: usize,
    /// How many bytes have waited where heartbeats wait, and have been taken by the line since.
    queued: usize,
    taken: usize,
    /// The heartbeats on their way: when each was queued, and how many bytes have to be taken until then.
    beats: Vec<(Duration, usize)>,
    /// The longest delay of a heartbeat that was queued once the link knew its pace.
    longest: Duration,
}

impl Flood {
    fn new(seed: u64, order: Order) -> Self {
        let mut random = Random(seed);
        // From 8 kB/s to 32 MB/s, each order of magnitude as often.
        let rate = 8_000 << random.below(12);
        let line = Rc::new(Line {
            rate: rate + random.below(rate),
            now: Cell::default(),
            limit: Cell::new(usize::MAX),
            idle: Cell::default(),
        });
        let rooms = 1..=1 + random.below(6) as u16;
        let rooms = rooms.map(|number| {
            let most = if random.below(10) == 0 {
                FRAME_BYTES
            } else {
                64 << random.below(11)
            };
            Room {
                channel: Channel::new(number).unwrap(),
                frame: most / 2 + random.below(most as u64 / 2) as usize,
                burst: Duration::from_millis(1 << random.below(13)),
                from: Duration::from_millis(random.below(300)),
            }
        });
        let rooms = rooms.collect();
        let mut writer = writer_to(Rc::clone(&line));
        let learnt = LEARNS.0.max(line.time_for(LEARNS.1));
        Self {
            order,
            learnt,
            end: learnt + LASTS,
            outlet: LinkOutlet::new(&mut writer),
            writer,
            line,
            rooms,
            start: Instant::now(),
            is_full: false,
            waiting: 0,
            queued: 0,
            taken: 0,
            beats: Vec::new(),
            longest: Duration::ZERO,
        }
    }

    /// Lets the flood pass. Returns the longest delay of a heartbeat.
    fn run(mut self) -> Duration {
        let mut beat = BEAT;
        let mut refill = Duration::ZERO;
        while self.line.now.get() < self.end || !self.beats.is_empty() {
            let now = self.line.now.get();
            if now >= beat && now < self.end {
                self.push_heartbeat(now);
                beat += BEAT;
            }
            if now >= refill && now < self.end {
                self.refill(now);
                refill += Duration::from_millis(1);
            }
            self.write(now);
            let next = if now < self.end {
                beat.min(refill)
            } else {
                Duration::MAX
            };
            let next = if self.is_full {
                next.min(self.line.wakes())
            } else {
                next
            };
            if next == Duration::MAX {
                break;
            }
            self.line.now.set(next.max(now + Duration::from_micros(1)));
        }
        assert!(self.beats.is_empty(), "all heartbeats are sent");
        self.longest
    }

    /// Returns where heartbeats wait.
    fn place_of_heartbeats(&self) -> Channel {
        match self.order {
            Order::Real => Channel::LOBBY,
            Order::OneQueue => Channel::new(1).unwrap(),
        }
    }

    fn push_heartbeat(&mut self, now: Duration) {
        let place = self.place_of_heartbeats();
        self.push(place, HEARTBEAT_BYTES);
        self.beats.push((now, self.queued));
    }

    fn refill(&mut self, now: Duration) {
        for index in 0..self.rooms.len() {
            let Room { channel, frame, .. } = self.rooms[index];
            let most = BACKLOG * (index + 1);
            while self.rooms[index].is_flooding(now) && self.waiting < most {
                let place = match self.order {
                    Order::Real => channel,
                    Order::OneQueue => self.place_of_heartbeats(),
                };
                self.push(place, frame);
                self.waiting += frame;
            }
        }
    }

    fn push(&mut self, channel: Channel, bytes: usize) {
        let frame = Bytes::from(vec![0; bytes]);
        self.outlet.queue.push(channel, FrameClass::Ordered, frame);
        if channel == self.place_of_heartbeats() {
            self.queued += bytes;
        }
    }

    /// Writes as the driver does: a task waits while the line is full, and then writes the rest.
    fn write(&mut self, now: Duration) {
        if self.is_full {
            if self.line.wakes() > now {
                return;
            }
            let Some(rest) = self.writer.write_encrypted_now().unwrap() else {
                return;
            };
            self.outlet.note_rest_written(self.start + now, &rest);
            self.note_taken(now, &rest);
        }
        let (written, is_full) = self
            .outlet
            .write(self.start + now, &mut self.writer)
            .unwrap();
        self.note_taken(now, &written);
        self.is_full = is_full;
    }

    /// Notes what the line has taken. What it has taken will be sent by `idle`.
    fn note_taken(&mut self, now: Duration, written: &Written) {
        let place = self.place_of_heartbeats();
        for (channel, _, bytes) in written.counts() {
            if channel == place {
                self.taken += bytes;
            }
        }
        self.waiting -= written.total().min(self.waiting);
        let sent = self.line.idle.get().max(now);
        let taken = self.taken;
        for (queued, _) in self.beats.extract_if(.., |(_, end)| *end <= taken) {
            if queued >= self.learnt {
                self.longest = self.longest.max(sent.saturating_sub(queued));
            }
        }
    }
}

/// Plays a flood. Returns an error if a heartbeat waits for too long.
fn play(seed: u64, order: Order) -> Result<(), String> {
    let flood = Flood::new(seed, order);
    let line = Rc::clone(&flood.line);
    let frame = flood.rooms.iter().map(|room| room.frame).max().unwrap_or(0);
    // With the header, and what encryption adds.
    let frame = frame + frame / 32 + 32;
    let bound = if line.rate >= FAST {
        Duration::from_millis(100)
    } else {
        SYSTEM.0.max(line.time_for(SYSTEM.1)) + line.time_for(frame)
    };
    let longest = flood.run();
    if longest <= bound {
        return Ok(());
    }
    let rate = line.rate;
    Err(format!(
        "seed {seed}: {longest:?} at {rate} B/s, {bound:?} at most with frames of {frame} bytes"
    ))
}

/// A sequence of random numbers, the same for each seed (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }
}

#[test]
fn rooms_that_flood_a_link_delay_no_heartbeat_of_the_lobby() {
    let late = (0..SEEDS).filter_map(|seed| play(seed, Order::Real).err());
    assert_eq!(late.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn one_queue_for_all_would_delay_them() {
    let late = (0..SEEDS).filter(|&seed| play(seed, Order::OneQueue).is_err());
    // The others flood with frames of a size that excuses much.
    assert!(late.count() as u64 > SEEDS * 3 / 4);
}

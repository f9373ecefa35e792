//! The core as a member of a ring whose other members lie, in any order and at any time.
//!
//! The node joins an honest ring; then the bytes decide what happens to it. Its own rules must hold in any case
//! (`rules`). Not here: rules that hold only among honest nodes (`tools/sim`).

mod keys;
mod lies;
mod ring;
mod rooms;
mod rules;

use std::collections::BTreeMap;
use std::time::Duration;

use ringtalk_proto::{Draft, Host, Input, LinkId, Output, RingOutput, Time};
use ringtalk_wire::{
    BundleMessage, Channel, Contact, Epoch, Frame, FrameClass, NodeId, RingId, decode, encode,
};

use crate::memory;
use crate::reader::Reader;
use crate::wire::sealed_in;
use keys::{Key, RING};
use lies::Liar;
use ring::{BEGIN, KEYS, MEMBERS, Record, addresses, copy, host, record};
use rules::Rules;

/// Bytes of memory that a node of this small ring may use, whatever its inputs in one run.
const MEMORY_BYTES: usize = 16 * 1024 * 1024;
/// A room that other members may be in.
const OTHER_ROOM: RingId = RingId::from_bytes([2; 16]);
/// The fuzzer's links are numbered from here.
const FIRST_LINK: u64 = 1 << 32;
/// The most timers that may fire in one step of time.
const TIMERS: u32 = 2_000;

/// Runs the life of a node that the bytes describe.
pub(crate) fn check(bytes: &[u8]) {
    let record = record();
    memory::within(MEMORY_BYTES, "a node", || {
        Subject::new(record, bytes).live();
    });
}

/// The node under test, and what its driver knows.
struct Subject<'a> {
    record: &'a Record,
    reader: Reader<'a>,
    key: Key,
    host: Host,
    now: Time,
    links: BTreeMap<LinkId, NodeId>,
    made: u64,
    /// The peers that it wants to dial.
    dials: Vec<NodeId>,
    /// The numbers of the circuits that it carries.
    circuits: Vec<u64>,
    /// The peers that it wants to check.
    checks: Vec<NodeId>,
    /// The bytes that wait in the queue of each link.
    unwritten: BTreeMap<(LinkId, FrameClass), usize>,
    asks: bool,
    left: bool,
    /// The channel on which peers send.
    channel: Channel,
    rules: Rules,
    /// The rules of the rooms that it has been in.
    rules_of_rooms: BTreeMap<RingId, Rules>,
    /// The rings that peers have entered, by the link and the channel on which they send.
    entered: BTreeMap<LinkId, RingId>,
}

impl<'a> Subject<'a> {
    fn new(record: &'a Record, bytes: &'a [u8]) -> Self {
        let mut reader = Reader::new(bytes);
        let index = reader.byte() % MEMBERS;
        let key = Key(index);
        Self {
            record,
            reader,
            key,
            host: ring::start(key, Time::default()),
            now: Time::default(),
            links: BTreeMap::new(),
            made: FIRST_LINK,
            dials: Vec::new(),
            circuits: Vec::new(),
            checks: Vec::new(),
            unwritten: BTreeMap::new(),
            asks: false,
            left: false,
            channel: Channel::LOBBY,
            rules: Rules::of_lobby(record, key),
            rules_of_rooms: BTreeMap::new(),
            entered: BTreeMap::new(),
        }
    }

    fn live(&mut self) {
        let index = usize::from(self.key.0);
        for (time, input) in &self.record.lives[index] {
            self.now = *time;
            self.host.handle(*time, copy(input));
            self.drain();
        }
        self.now = BEGIN;
        self.links.clone_from(&self.record.links[index]);
        (self.asks, self.dials) = (false, Vec::new());
        self.unwritten.clear();
        while !self.reader.is_empty() && !self.left {
            self.step();
        }
    }

    fn step(&mut self) {
        match self.reader.byte() % 24 {
            0 => self.pass(),
            1 => self.link_up(),
            2 => self.link_down(),
            3 => self.answer_dial(),
            4 => self.say(),
            5 => self.rename(),
            6 => self.ask_director(),
            7 => self.write(),
            8 => self.raw(),
            9..=14 => self.recorded(),
            15 => self.leave(),
            _ => self.lie(),
        }
    }

    /// Lets time pass. Timers fire when they are due, or all at the end if the node sleeps.
    fn pass(&mut self) {
        let millis = match self.reader.byte() {
            small @ 0..=99 => small.into(),
            255 => 10_000,
            more => u64::from(more - 99) * 20,
        };
        let until = self.now + Duration::from_millis(millis);
        let sleeps = self.reader.byte() == 255;
        let mut timers = 0;
        while let Some(due) = self.host.poll_timeout().filter(|due| *due <= until) {
            self.now = if sleeps { until } else { due.max(self.now) };
            self.handle(Input::Timer);
            if self.left {
                return;
            }
            timers += 1;
            assert!(
                timers < TIMERS,
                "too many timers fire; the last is due at {due:?}"
            );
        }
        self.now = until;
        self.write();
    }

    fn handle(&mut self, input: Input) {
        if self.left {
            return;
        }
        self.host.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        let mut outputs = 0;
        while let Some(RingOutput { ring, output }) = self.host.poll_output() {
            outputs += 1;
            Rules::outputs(outputs);
            match output {
                Output::Dial { peer, .. } => self.dials.push(peer),
                Output::Send { link, class, bytes } => {
                    *self.unwritten.entry((link, class)).or_default() += bytes.len();
                    Rules::sent(&bytes);
                }
                Output::Close { link, .. } => {
                    self.links.remove(&link);
                }
                Output::AskDirector => self.asks = true,
                Output::Splice { ticket, .. } => self.circuits.push(ticket.number),
                Output::Check { peer, .. } => self.checks.push(peer),
                Output::Unsplice { number } => self.circuits.retain(|one| *one != number),
                Output::Entrances(found) => Rules::entrances(found.len()),
                Output::Finished { .. } if ring == RING => self.left = true,
                Output::Finished { .. } => self.rules_of(ring).left(),
                Output::Event(event) => self.rules_of(ring).event(&event),
                Output::Circuit { .. } => {}
            }
        }
        self.rules.node(self.host.lobby());
        for (ring, node) in self.host.rooms() {
            let rules = self.rules_of_rooms.entry(ring);
            let rules = rules.or_insert_with(|| Rules::new(ring, self.key));
            rules.node(node);
        }
        let rooms = self.host.rooms().map(|(_, node)| node);
        Rules::loads(rooms.chain([self.host.lobby()]));
    }

    fn rules_of(&mut self, ring: RingId) -> &mut Rules {
        if ring == RING {
            return &mut self.rules;
        }
        let rules = self.rules_of_rooms.entry(ring);
        rules.or_insert_with(|| Rules::new(ring, self.key))
    }

    fn any_key(&mut self) -> Key {
        let key = Key(self.reader.byte() % KEYS);
        if key.0 == self.key.0 {
            Key((key.0 + 1) % KEYS)
        } else {
            key
        }
    }

    /// Returns the ring that the frames of a peer are of.
    fn ring_of(&self, peer: Key) -> RingId {
        let channel = self.channel;
        let link = self.link_of(peer.id());
        let entered = link.and_then(|link| self.entered.get(&LinkId { channel, ..link }));
        entered.copied().unwrap_or(RING)
    }

    /// Returns a link to this peer, if there is one; else the newest link.
    fn link_of(&self, peer: NodeId) -> Option<LinkId> {
        let found = self.links.iter().find(|(_, far)| **far == peer);
        found.or(self.links.last_key_value()).map(|(link, _)| *link)
    }

    fn link_up(&mut self) {
        let peer = self.any_key().id();
        let dialled = self.reader.flag();
        self.make_link(peer, dialled);
    }

    fn make_link(&mut self, peer: NodeId, dialled: bool) {
        self.made += 1;
        let link = LinkId::lobby(self.made);
        // Every fourth link is a circuit that another node carries, so it has no host.
        let host = (!self.made.is_multiple_of(4)).then(|| host(self.key));
        self.links.insert(link, peer);
        self.handle(Input::LinkUp {
            link,
            peer,
            dialled,
            host,
        });
    }

    fn link_down(&mut self) {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        if let Some(link) = self.reader.choose(&links) {
            self.links.remove(link);
            self.unwritten.retain(|(of, _), _| of != link);
            self.handle(Input::LinkDown { link: *link });
        }
    }

    fn answer_dial(&mut self) {
        if let Some(number) = self.circuits.pop() {
            self.handle(Input::CircuitOver { number });
        }
        if let Some(peer) = self.checks.pop() {
            let reached = self.checks.len().is_multiple_of(2);
            let at = reached.then(|| "a:1".to_owned());
            self.handle(Input::Checked { peer, at });
        }
        let Some(peer) = self.dials.pop() else {
            return;
        };
        match self.reader.byte() % 4 {
            0 => self.handle(Input::DialFailed {
                peer,
                refused: Vec::new(),
            }),
            1 => self.handle(Input::DialFailed {
                peer,
                refused: vec![host(self.key)],
            }),
            _ => self.make_link(peer, true),
        }
    }

    fn say(&mut self) {
        if self.host.lobby().accepts_input() {
            let length = usize::from(self.reader.byte());
            let text = format!("{} {}", self.rules.said(), "x".repeat(length));
            self.rules.say(&text);
            self.handle(Input::Say(Draft::from(BundleMessage::text(
                1_700_000_000_000,
                text,
            ))));
        }
    }

    fn rename(&mut self) {
        let name = String::from_utf8_lossy(self.reader.take(5)).into_owned();
        if name.is_empty() {
            self.handle(Input::AskEntrances);
        } else {
            self.handle(Input::Rename { name });
        }
    }

    /// Passes on what a director says, which may lie too.
    fn ask_director(&mut self) {
        let key = self.any_key();
        let contact = Contact {
            id: key.id(),
            addresses: addresses(key),
            epoch: Epoch {
                number: self.reader.number().min(ringtalk_wire::limit::COUNTER),
                coordinator: key.id(),
            },
        };
        if std::mem::take(&mut self.asks) {
            let founds = self.reader.flag();
            let other = self.any_key();
            let candidate = Contact {
                id: other.id(),
                addresses: addresses(other),
                epoch: contact.epoch,
            };
            self.handle(if founds {
                Input::Found
            } else {
                Input::Contact {
                    coordinator: contact.clone(),
                    doors: vec![contact],
                    candidates: vec![candidate],
                }
            });
        } else if self.host.lobby().registration().is_some() {
            let expected = Input::Expected {
                newcomer: contact.id,
                addresses: contact.addresses.clone(),
                director: None,
            };
            self.handle(expected);
            self.handle(Input::Foreign(contact));
        }
    }

    /// Writes out the queues of all links that are still up. The reader of the node's events is behind at times.
    fn write(&mut self) {
        let unread = self.made % 3 * 5_000;
        self.handle(Input::Read { unread });
        for ((link, class), bytes) in std::mem::take(&mut self.unwritten) {
            if self.links.contains_key(&LinkId::lobby(link.connection)) {
                let taking = Duration::from_millis(self.made % 3 * 150);
                self.handle(Input::Part { link, taking });
                self.handle(Input::Written { link, class, bytes });
            }
        }
    }

    /// Delivers bytes of the fuzzer's, if they are a frame.
    fn raw(&mut self) {
        let peer = self.any_key();
        let length = usize::from(self.reader.byte());
        if let Ok(frame) = decode(self.reader.take(length)) {
            self.frame(peer, &frame);
        }
    }

    /// Delivers a frame of the honest ring from any peer, perhaps changed, and perhaps sealed again.
    fn recorded(&mut self) {
        let Some((sender, frame)) = self.reader.choose(&self.record.frames) else {
            return;
        };
        let how = self.reader.byte();
        let peer = if how & 1 == 0 {
            Key(*sender)
        } else {
            self.any_key()
        };
        let mut frame = frame.clone();
        if how & 2 != 0 {
            let mut bytes = encode(&frame).to_vec();
            self.reader.edit(&mut bytes);
            frame = match decode(&bytes) {
                Ok(frame) => frame,
                Err(_) => return,
            };
        }
        if how & 4 != 0 {
            self.reseal(&mut frame, peer);
        }
        if peer.0 != self.key.0 {
            self.frame(peer, &frame);
        }
    }

    /// Changes the sealed item in a frame, and seals it with the key of `signer`.
    fn reseal(&mut self, frame: &mut Frame, signer: Key) {
        let Some(sealed) = sealed_in(frame) else {
            return;
        };
        if signer.0 == self.key.0 {
            return;
        }
        let mut raw = sealed.raw.to_vec();
        self.reader.edit(&mut raw);
        let anew = signer.sealed(self.ring_of(signer), raw.into());
        match frame {
            Frame::Spread(spread) => match &mut spread.item {
                ringtalk_wire::Item::Bundle(sealed) | ringtalk_wire::Item::Announcement(sealed) => {
                    *sealed = anew;
                }
            },
            Frame::Pulled(sealed) | Frame::Update(sealed) | Frame::Evidence(sealed) => {
                *sealed = anew;
            }
            _ => {}
        }
    }

    fn lie(&mut self) {
        let key = self.any_key();
        let mut ring = self.ring_of(key);
        let node = self.host.room(&ring).unwrap_or(self.host.lobby());
        let view = node.view().cloned();
        let last_seals = self.rules_of(ring).last_seals().to_vec();
        // In a room it may also say what is sealed for the lobby.
        if ring != RING && self.reader.byte() >= 240 {
            ring = RING;
        }
        let liar = Liar {
            key,
            own: self.key,
            ring,
            view: view.as_deref(),
            last_seals: &last_seals,
        };
        let frame = match liar.frame(&mut self.reader) {
            // Nobody answers it, so it serves for the frames of channels.
            Frame::Pong(number) => match number % 8 {
                0 => Frame::Enter(self.room()),
                1 => Frame::Exit,
                2 => Frame::Absent(self.room()),
                3 => Frame::Enter(RING),
                _ => Frame::Pong(number),
            },
            frame => frame,
        };
        self.frame(key, &frame);
    }

    fn frame(&mut self, peer: Key, frame: &Frame) {
        // Encodes and decodes it as on a link: a frame that does not decode never reaches the core.
        let Ok(frame) = decode(&encode(frame)) else {
            return;
        };
        if let Some(link) = self.link_of(peer.id()) {
            self.rules.hears(&frame);
            for rules in self.rules_of_rooms.values_mut() {
                rules.hears(&frame);
            }
            let channel = self.channel;
            let link = LinkId { channel, ..link };
            match frame {
                Frame::Enter(ring) if channel != Channel::LOBBY => {
                    self.entered.entry(link).or_insert(ring);
                }
                Frame::Exit => drop(self.entered.remove(&link)),
                _ => {}
            }
            self.handle(Input::Frame { link, frame });
        }
    }
}

/// Returns all frames of the honest ring.
pub(crate) fn frames() -> impl Iterator<Item = &'static Frame> {
    record().frames.iter().map(|(_, frame)| frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::life_in_a_room;

    #[test]
    fn a_room_delivers_what_is_sealed_for_it_and_nothing_else() {
        let bytes = life_in_a_room();
        let mut subject = Subject::new(record(), &bytes);
        subject.live();
        let rules = subject.rules_of_rooms.values().next();
        let rules = rules.expect("it has founded a room");
        assert_eq!(rules.last_delivered(Key(1)), 1, "the second is the lobby's");
        assert_eq!(rules.last_delivered(Key(0)), 2, "after the room's name");
    }
}

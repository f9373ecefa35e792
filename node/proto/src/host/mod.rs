//! The host: all rings of a process, which share its connections.
//!
//! The first ring is the lobby. Its node makes the links, and asks directors and other members for ways to peers. Each
//! room is a ring of its own, whose node sees its channels of the connections as its links. Here are the inputs and
//! outputs of the process. Not here: how rooms are joined (`rooms`) and get their links (`entering`), what happens in
//! one ring (`node`).

mod budgets;
mod channels;
mod deadlines;
mod entering;
mod rooms;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use core::time::Duration;

use ringtalk_wire::{Channel, Frame, NodeId, RingId};

#[cfg(feature = "planted-bugs")]
use crate::PlantedBug;
use crate::node::{Node, SpokenWords};
use crate::{Config, Event, Input, LinkId, Output, Signer, Time, Verifier};
use budgets::Budgets;
use channels::{Connection, Incoming};
use deadlines::Deadlines;
use entering::Wish;
use rooms::Room;

pub use rooms::RoomError;

/// How long rooms are left, side by side, before the lobby is left in the time that remains.
const ROOMS_LEAVE: Duration = Duration::from_millis(800);

/// The rings of one process.
#[derive(Debug)]
pub struct Host {
    lobby: Node,
    /// What the nodes of rooms begin with, but for the ring.
    config: Config,
    signer: Arc<dyn Signer>,
    verifier: Arc<dyn Verifier>,
    now: Time,
    rooms: BTreeMap<RingId, Room>,
    /// What all rings keep. While there is no room, nothing is noted.
    budgets: Budgets,
    connections: BTreeMap<u64, Connection>,
    /// What this process has signed in rooms that it has left.
    spoken: BTreeMap<RingId, SpokenWords>,
    /// The links that rooms wait for.
    wishes: BTreeMap<(NodeId, RingId), Wish>,
    /// The last member of the lobby that was asked for a room.
    searched: Option<NodeId>,
    /// The rooms that may have outputs, and a deadline that nobody has looked at.
    touched: BTreeSet<RingId>,
    /// The deadlines of all others.
    deadlines: Deadlines,
    /// When the process began to leave, while it leaves its rooms.
    leaves: Option<Time>,
    out: VecDeque<RingOutput>,
    /// The mistake that the nodes of rooms make.
    #[cfg(feature = "planted-bugs")]
    planted: Option<PlantedBug>,
}

/// An output of one ring.
#[derive(Debug)]
pub struct RingOutput {
    /// The ring.
    pub ring: RingId,
    /// What it asks for, or tells.
    pub output: Output,
}

impl Host {
    /// Returns the host of a process that has just started; its lobby asks for the director at once. The id in
    /// `config` must follow from the signer's key.
    pub fn new(
        config: Config,
        signer: Arc<dyn Signer>,
        verifier: Arc<dyn Verifier>,
        now: Time,
    ) -> Self {
        let lobby = Node::new(
            config.clone(),
            Arc::clone(&signer),
            Arc::clone(&verifier),
            now,
        );
        let budgets = Budgets::new(config.retention.bytes);
        Self {
            lobby,
            config,
            signer,
            verifier,
            now,
            rooms: BTreeMap::new(),
            budgets,
            connections: BTreeMap::new(),
            spoken: BTreeMap::new(),
            wishes: BTreeMap::new(),
            searched: None,
            touched: BTreeSet::new(),
            deadlines: Deadlines::default(),
            leaves: None,
            out: VecDeque::new(),
            #[cfg(feature = "planted-bugs")]
            planted: None,
        }
    }

    /// Handles an input of the process, or of its lobby.
    pub fn handle(&mut self, now: Time, input: Input) {
        self.now = now;
        match input {
            Input::Timer => self.run_timers(),
            Input::LinkUp {
                link,
                peer,
                dialled,
                host,
            } => {
                let connection = Connection::new(peer, dialled, host);
                self.connections.insert(link.connection, connection);
                self.tell_lobby(input);
                self.enter_rooms(link.connection);
            }
            Input::LinkDown { link } => {
                self.tell_lobby(input);
                self.lose_connection(link.connection);
            }
            Input::Frame { link, frame } => self.take_frame(link, frame),
            Input::Part { link, taking } => {
                self.tell_lobby(input);
                for (ring, channel) in self.open_rings(link.connection) {
                    let link = LinkId { channel, ..link };
                    self.tell_room(&ring, Input::Part { link, taking });
                }
            }
            Input::Written { link, class, bytes } if link.channel != Channel::LOBBY => {
                let connection = self.connections.get_mut(&link.connection);
                let written = connection.and_then(|one| one.written(link.channel, class, bytes));
                if let Some((ring, bytes)) = written {
                    self.tell_room(&ring, Input::Written { link, class, bytes });
                }
            }
            Input::DialFailed { peer, ref refused } => {
                let refused = refused.clone();
                self.tell_lobby(input);
                self.dial_failed(&peer, &refused);
            }
            Input::Read { unread } => {
                self.tell_lobby(input);
                self.tell_rooms(|| Input::Read { unread });
            }
            Input::Moved {
                ref addresses,
                network,
            } => {
                self.config.addresses.clone_from(addresses);
                self.config.network = network;
                let addresses = addresses.clone();
                self.tell_lobby(input);
                self.tell_rooms(|| Input::Moved {
                    addresses: addresses.clone(),
                    network,
                });
            }
            Input::Leave => self.leave(),
            Input::Written { .. }
            | Input::CircuitOver { .. }
            | Input::Checked { .. }
            | Input::Say(_)
            | Input::Rename { .. }
            | Input::AskEntrances
            | Input::Found
            | Input::Contact { .. }
            | Input::Expected { .. }
            | Input::Foreign(_) => self.tell_lobby(input),
        }
    }

    /// Handles an input of one ring: what its user says, or that its user leaves. A ring that this process is not in
    /// ignores it.
    pub fn handle_in(&mut self, now: Time, ring: &RingId, input: Input) {
        self.now = now;
        if *ring == self.lobby.ring() {
            self.handle(now, input);
        } else {
            self.tell_room(ring, input);
        }
    }

    /// Returns the next output. Call it until it returns `None`, after each input or batch of inputs.
    pub fn poll_output(&mut self) -> Option<RingOutput> {
        loop {
            if let Some(output) = self.out.pop_front() {
                return Some(output);
            }
            if let Some(output) = self.lobby.poll_output() {
                self.note_output_of_lobby(&output);
                let ring = self.lobby.ring();
                return Some(RingOutput { ring, output });
            }
            let ring = *self.touched.first()?;
            if let Some(output) = self.rooms.get_mut(&ring).and_then(Room::poll_output) {
                self.take_output_of_room(ring, output);
            } else {
                self.touched.remove(&ring);
                let due = self.rooms.get(&ring).and_then(Room::deadline);
                self.deadlines.set(ring, due);
            }
        }
    }

    /// Returns when `Input::Timer` is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        let lobby = self.lobby.poll_timeout();
        if self.rooms.is_empty() {
            return lobby;
        }
        let touched = self.touched.iter().filter_map(|ring| self.rooms.get(ring));
        let rooms = touched.filter_map(Room::deadline);
        let rooms = rooms.chain(self.deadlines.earliest());
        let rooms = rooms.min();
        debug_assert_eq!(
            rooms,
            self.rooms.values().filter_map(Room::deadline).min(),
            "something has changed unseen"
        );
        let wishes = self.wishes.values().map(Wish::deadline);
        let due = lobby.into_iter().chain(rooms).chain(wishes);
        due.chain(self.lobby_leave_due()).min()
    }

    /// Returns the lobby's node, for a short cut or a mistake of a simulation.
    #[cfg(feature = "simulation")]
    pub const fn lobby_mut(&mut self) -> &mut Node {
        &mut self.lobby
    }

    /// Returns the node of a room, for the same.
    #[cfg(feature = "simulation")]
    pub fn room_mut(&mut self, ring: &RingId) -> Option<&mut Node> {
        self.rooms.get_mut(ring).map(Room::node_mut)
    }

    /// Returns the ring of which this process takes the frames on a channel of a peer to be, if it has not forgotten the
    /// channel.
    #[cfg(feature = "simulation")]
    pub fn ring_on(&self, link: LinkId) -> Option<RingId> {
        match self
            .connections
            .get(&link.connection)?
            .incoming(link.channel)
        {
            Incoming::Ring(ring, _) | Incoming::Late(ring) => Some(ring),
            Incoming::Unknown => None,
        }
    }

    /// Makes the nodes of a ring make a mistake from now on.
    #[cfg(feature = "planted-bugs")]
    pub fn plant(&mut self, bug: PlantedBug, ring: &RingId) {
        if bug == PlantedBug::BudgetsPerRoom {
            self.budgets.plant();
        } else if *ring == self.lobby.ring() {
            self.lobby.plant(bug);
        } else {
            self.planted = Some(bug);
        }
    }

    /// Returns the lobby's node.
    pub const fn lobby(&self) -> &Node {
        &self.lobby
    }

    /// Returns the node of a room that this process is in, or is joining.
    pub fn room(&self, ring: &RingId) -> Option<&Node> {
        self.rooms.get(ring).map(Room::node)
    }

    /// Returns the rooms that this process is in, or is joining.
    pub fn rooms(&self) -> impl Iterator<Item = (RingId, &Node)> {
        self.rooms.iter().map(|(ring, room)| (*ring, room.node()))
    }

    fn run_timers(&mut self) {
        let now = self.now;
        let is_due = |due: Option<Time>| due.is_some_and(|due| due <= now);
        if self.rooms.is_empty() || is_due(self.lobby.poll_timeout()) {
            self.tell_lobby(Input::Timer);
        }
        let touched = self.touched.iter().copied().filter(|ring| {
            let room = self.rooms.get(ring);
            is_due(room.and_then(Room::deadline))
        });
        let due: BTreeSet<RingId> = self.deadlines.due(now).chain(touched).collect();
        for ring in due {
            self.tell_room(&ring, Input::Timer);
            if self
                .rooms
                .get(&ring)
                .is_some_and(|room| room.seeks_again(now))
            {
                self.find_contact(ring);
            }
        }
        self.expire_wishes();
        if is_due(self.lobby_leave_due()) {
            self.leave_lobby();
        }
    }

    /// Takes a frame that has come over a connection: it is of the lobby, of a room, or about a channel.
    fn take_frame(&mut self, link: LinkId, frame: Frame) {
        if link.channel == Channel::LOBBY {
            return match frame {
                Frame::Absent(ring) => self.take_absent(link.connection, &ring),
                Frame::Enter(_) | Frame::Exit => {
                    self.reject(link.connection, "a channel's frame in the lobby");
                }
                frame => self.tell_lobby(Input::Frame { link, frame }),
            };
        }
        let Some(connection) = self.connections.get(&link.connection) else {
            return;
        };
        match (connection.incoming(link.channel), frame) {
            (Incoming::Unknown, Frame::Enter(ring)) => self.take_enter(link, ring),
            // It leaves a ring where this end said that it is absent.
            (Incoming::Unknown, Frame::Exit) => {}
            (Incoming::Unknown, _) => {
                self.reject(link.connection, "a frame on a channel that is not open");
            }
            (_, Frame::Enter(_) | Frame::Absent(_)) => {
                self.reject(link.connection, "a channel's frame within a ring");
            }
            (Incoming::Ring(ring, _) | Incoming::Late(ring), Frame::Exit) => {
                self.take_exit(link, &ring);
            }
            (Incoming::Late(_), _) => {}
            (Incoming::Ring(ring, channel), frame) => {
                let link = LinkId { channel, ..link };
                self.tell_room(&ring, Input::Frame { link, frame });
            }
        }
    }

    /// Takes notice of what the lobby does with links, and of the name that it gives.
    fn note_output_of_lobby(&mut self, output: &Output) {
        match output {
            Output::Close { link, .. } => self.lose_connection(link.connection),
            Output::Event(Event::Ready { name }) => self.config.name.clone_from(name),
            Output::Event(Event::Renamed { person, .. }) if person.id == self.config.id => {
                self.config.name.clone_from(&person.name);
                let name = person.name.clone();
                self.tell_rooms(|| Input::Rename { name: name.clone() });
            }
            _ => {}
        }
    }

    /// Leaves all rooms, and then the lobby.
    fn leave(&mut self) {
        if self.rooms.is_empty() {
            return self.leave_lobby();
        }
        if self.leaves.is_some() {
            return;
        }
        self.leaves = Some(self.now);
        self.tell_rooms(|| Input::Leave);
        self.rooms.values_mut().for_each(Room::hurry_leaving);
    }

    /// Returns when to leave the lobby, though some rooms are not left yet.
    fn lobby_leave_due(&self) -> Option<Time> {
        Some(self.leaves? + ROOMS_LEAVE)
    }

    fn leave_lobby(&mut self) {
        let began = self.leaves.take().unwrap_or(self.now);
        let rings: alloc::vec::Vec<RingId> = self.rooms.keys().copied().collect();
        for ring in rings {
            let untaken = self.room(&ring).map_or(0, Node::untaken);
            let output = Output::Finished { untaken };
            self.out.push_back(RingOutput { ring, output });
            self.forget_room(&ring);
        }
        self.tell_lobby(Input::Leave);
        self.lobby.leave_since(began);
    }
}

//! Rooms: how a process creates, joins and leaves them, and how their nodes get channels to peers.
//!
//! A room's `Dial` is a wish: if the peer is linked, the ring is entered on that connection, else the lobby makes a link
//! first. Not here: the channels of one connection (`channels`).

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use ringtalk_wire::{Addresses, Channel, Contact, Epoch, Frame, NodeId, RingId, encode};

use super::channels::RINGS;
use super::{Host, RingOutput};
use crate::config::{REDIAL, RingKind};
use crate::node::Node;
use crate::{Config, Input, LinkId, Output, Time};

/// How long a room waits for a link: as long as a dial may take.
const WISH: Duration = Duration::from_secs(5);
/// How many rooms in which it has spoken a process may have left.
const FORMER_ROOMS: usize = 4_096;
/// How often a process that knows no member of a room asks for one.
const SEEK_PAUSE: Duration = Duration::from_secs(1);
/// How many members of the lobby are asked for a room at once.
const ASKED_AT_ONCE: usize = 16;

/// Why a process cannot enter a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RoomError {
    /// It is in as many rooms as it may be, or has spoken in and left as many as it can remember.
    TooMany,
    /// It is in that room already, or is joining it.
    Joined,
    /// It is no member of the lobby (yet), or is leaving.
    NotReady,
}

/// A room that this process is in, or is joining.
#[derive(Debug)]
pub(super) struct Room {
    node: Node,
    /// True until this process has founded the room.
    founds: bool,
    /// When to ask more members, while the room's node waits for one that lets it in.
    seeks: Option<Time>,
    /// The last peer that was named to it. The next time another one is, since the peer may be a newcomer itself.
    named: Option<NodeId>,
}

impl Room {
    pub(super) const fn node(&self) -> &Node {
        &self.node
    }

    #[cfg(feature = "simulation")]
    pub(super) const fn node_mut(&mut self) -> &mut Node {
        &mut self.node
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.node.poll_output()
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let node = self.node.poll_timeout();
        node.into_iter().chain(self.seeks).min()
    }

    pub(super) fn seeks_again(&self, now: Time) -> bool {
        self.seeks.is_some_and(|at| at <= now)
    }
}

/// A link that a room waits for.
#[derive(Debug)]
pub(super) struct Wish {
    addresses: Addresses,
    /// When the peer is dialled again, if nobody dials it.
    again: Time,
    until: Time,
}

impl Wish {
    pub(super) fn deadline(&self) -> Time {
        self.again.min(self.until)
    }
}

impl Host {
    /// Creates a room; the random bytes make its id. The room tells of itself by events.
    ///
    /// # Errors
    ///
    /// If this process cannot be in one more room, or in any.
    pub fn create_room(&mut self, now: Time, random: &[u8; 16]) -> Result<RingId, RoomError> {
        let ring = RingId::room(&self.signer.public_key(), random);
        self.add_room(now, ring, true)?;
        Ok(ring)
    }

    /// Joins a room that other members of the lobby are in. The room tells of itself by events.
    ///
    /// # Errors
    ///
    /// If this process is in that room, or cannot be in one more.
    pub fn join_room(&mut self, now: Time, ring: RingId) -> Result<(), RoomError> {
        self.add_room(now, ring, false)
    }

    /// Founds a room of any id, because no process of the simulation is in it.
    #[cfg(feature = "simulation")]
    pub fn found_room(&mut self, now: Time, ring: RingId) {
        if !self.rooms.contains_key(&ring) {
            let _ = self.add_room(now, ring, true);
        } else if let Some(room) = self.rooms.get_mut(&ring)
            && room.seeks.take().is_some()
        {
            self.now = now;
            self.tell_room(&ring, Input::Found);
        }
    }

    fn add_room(&mut self, now: Time, ring: RingId, founds: bool) -> Result<(), RoomError> {
        self.now = now;
        if self.rooms.contains_key(&ring) || ring == self.lobby.ring() {
            return Err(RoomError::Joined);
        }
        let is_new = !self.spoken.contains_key(&ring);
        if self.rooms.len() >= RINGS || is_new && self.spoken.len() >= FORMER_ROOMS {
            return Err(RoomError::TooMany);
        }
        if !self.lobby.is_member() || self.leaves.is_some() {
            return Err(RoomError::NotReady);
        }
        let config = Config {
            ring,
            kind: RingKind::Room,
            ..self.config.clone()
        };
        let (signer, verifier) = (Arc::clone(&self.signer), Arc::clone(&self.verifier));
        let mut node = Node::new(config, signer, verifier, now);
        if let Some(spoken) = self.spoken.remove(&ring) {
            node.resume(spoken);
        }
        #[cfg(feature = "planted-bugs")]
        if let Some(bug) = self.planted {
            node.plant(bug);
        }
        let room = Room {
            node,
            founds,
            seeks: None,
            named: None,
        };
        self.rooms.insert(ring, room);
        self.touched.insert(ring);
        Ok(())
    }

    /// Passes an input to the node of a room.
    pub(super) fn tell_room(&mut self, ring: &RingId, input: Input) {
        if let Some(room) = self.rooms.get_mut(ring) {
            room.node.handle(self.now, input);
            self.touched.insert(*ring);
        }
    }

    /// Passes the same input to the nodes of all rooms.
    pub(super) fn tell_rooms(&mut self, input: impl Fn() -> Input) {
        for (ring, room) in &mut self.rooms {
            room.node.handle(self.now, input());
            self.touched.insert(*ring);
        }
    }

    /// Carries out what the node of a room asks for, or passes it on to the driver.
    pub(super) fn take_output_of_room(&mut self, ring: RingId, output: Output) {
        match output {
            Output::Dial {
                peer, addresses, ..
            } => self.wish(peer, ring, addresses),
            Output::Close { link, .. } => self.exit(link.connection, &ring),
            Output::AskDirector => self.find_contact(ring),
            Output::Finished { .. } => {
                self.out.push_back(RingOutput { ring, output });
                self.forget_room(&ring);
                if self.leaves.is_some() && self.rooms.is_empty() {
                    self.leave_lobby();
                }
            }
            Output::Send { .. } | Output::Event(_) => {
                self.out.push_back(RingOutput { ring, output });
            }
            Output::Circuit { .. }
            | Output::Splice { .. }
            | Output::Unsplice { .. }
            | Output::Check { .. }
            | Output::Entrances(_) => debug_assert!(false, "a room looks for no routes"),
        }
    }

    /// Tells the node of a room which member may let it in, or begins to ask for one.
    pub(super) fn find_contact(&mut self, ring: RingId) {
        let Some(room) = self.rooms.get_mut(&ring) else {
            return;
        };
        if core::mem::take(&mut room.founds) {
            return self.tell_room(&ring, Input::Found);
        }
        room.seeks = Some(self.now + SEEK_PAUSE);
        let named = room.named;
        let linked = self.connections.values();
        let inside = linked.filter(|one| one.open_channel(&ring).is_some());
        let inside: BTreeSet<NodeId> = inside.map(|one| one.peer).collect();
        let next = inside.iter().find(|peer| Some(**peer) > named);
        if let Some(&peer) = next.or(inside.first()) {
            self.introduce(&ring, peer);
        }
        for peer in self.members_to_ask(&ring) {
            let addresses = self.lobby.view().and_then(|view| view.member(&peer));
            let addresses = addresses.map_or_else(Addresses::default, |one| one.addresses.clone());
            self.wish(peer, ring, addresses);
        }
    }

    /// Returns members of the lobby to ask whether they are in a room: linked ones first, then others in turn.
    fn members_to_ask(&mut self, ring: &RingId) -> Vec<NodeId> {
        let Some(view) = self.lobby.view() else {
            return Vec::new();
        };
        let me = self.config.id;
        let is_asked = |peer: &NodeId| self.wishes.contains_key(&(*peer, *ring));
        let others = view.members().map(|member| member.id);
        let others: BTreeSet<NodeId> = others.filter(|id| *id != me && !is_asked(id)).collect();
        let is_linked = |id: &NodeId| self.lobby.link_to(id).is_some();
        let (linked, rest): (Vec<NodeId>, Vec<NodeId>) =
            others.iter().partition(|id| is_linked(id));
        let after = |id: &&NodeId| self.searched.is_none_or(|last| **id > last);
        let (later, earlier): (Vec<&NodeId>, Vec<&NodeId>) = rest.iter().partition(after);
        let rest = later.into_iter().chain(earlier).copied();
        let rest: Vec<NodeId> = rest.take(ASKED_AT_ONCE).collect();
        self.searched = rest.last().copied().or(self.searched);
        linked.into_iter().chain(rest).collect()
    }

    /// Tells the node of a room, which waits for that, of a member that is linked.
    fn introduce(&mut self, ring: &RingId, peer: NodeId) {
        let Some(room) = self.rooms.get_mut(ring) else {
            return;
        };
        if room.seeks.take().is_some() {
            room.named = Some(peer);
            // It names the administrator if it is another one.
            let coordinator = Contact {
                id: peer,
                addresses: Addresses::default(),
                epoch: Epoch {
                    number: 0,
                    coordinator: peer,
                },
            };
            let contact = Input::Contact {
                coordinator,
                doors: Vec::new(),
                candidates: Vec::new(),
            };
            self.tell_room(ring, contact);
        }
    }

    /// Makes a room wait for a link to a peer.
    fn wish(&mut self, peer: NodeId, ring: RingId, addresses: Addresses) {
        let wish = Wish {
            addresses,
            again: self.now + REDIAL,
            until: self.now + WISH,
        };
        self.wishes.insert((peer, ring), wish);
        self.lobby.set_room_peer(peer, true);
        self.pursue(peer, ring);
    }

    /// Enters a ring on the connection to a peer, or has the peer dialled.
    fn pursue(&mut self, peer: NodeId, ring: RingId) {
        if let Some(link) = self.lobby.link_to(&peer) {
            return self.enter(link.connection, ring);
        }
        let wish = self.wishes.get(&(peer, ring));
        if let Some(addresses) = wish.map(|wish| wish.addresses.clone()) {
            self.lobby.dial_for_room(self.now, peer, &addresses);
        }
    }

    /// Looks after the wishes that are due: a peer is dialled again, or given up.
    pub(super) fn expire_wishes(&mut self) {
        let now = self.now;
        let due = self
            .wishes
            .iter()
            .filter(|(_, wish)| wish.deadline() <= now);
        let due: Vec<(NodeId, RingId)> = due.map(|(key, _)| *key).collect();
        for (peer, ring) in due {
            let Some(wish) = self.wishes.get_mut(&(peer, ring)) else {
                continue;
            };
            if wish.until <= now {
                self.give_up(peer, ring, Vec::new());
                continue;
            }
            wish.again = now + REDIAL;
            if !self.lobby.is_dialling(&peer) {
                self.pursue(peer, ring);
            }
        }
    }

    /// Tells rooms that the dial to a peer has failed, if the lobby tries nothing else.
    pub(super) fn dial_failed(&mut self, peer: &NodeId, refused: &[IpAddr]) {
        if self.lobby.is_dialling(peer) || self.lobby.link_to(peer).is_some() {
            return;
        }
        for ring in self.rooms_that_wait_for(peer) {
            self.give_up(*peer, ring, refused.to_vec());
        }
    }

    fn rooms_that_wait_for(&self, peer: &NodeId) -> Vec<RingId> {
        let (first, last) = (RingId::from_bytes([0; 16]), RingId::from_bytes([255; 16]));
        let waiting = self.wishes.range((*peer, first)..=(*peer, last));
        waiting.map(|((_, ring), _)| *ring).collect()
    }

    /// Ends the wait of a room for a link.
    fn give_up(&mut self, peer: NodeId, ring: RingId, refused: Vec<IpAddr>) {
        if self.wishes.remove(&(peer, ring)).is_some() {
            self.tell_room(&ring, Input::DialFailed { peer, refused });
        }
        self.review_peer(&peer);
    }

    /// Lets the lobby close its link to a peer once no room uses it or waits for it.
    fn review_peer(&mut self, peer: &NodeId) {
        let mut connections = self.connections.values();
        let is_used = connections.any(|one| one.peer == *peer && !one.is_unused());
        if !is_used && self.rooms_that_wait_for(peer).is_empty() {
            self.lobby.set_room_peer(*peer, false);
        }
    }

    /// Enters the rooms on a new connection that wait for its peer, or have another connection to it: the ends choose
    /// one of the two in each ring as they do in the lobby.
    pub(super) fn enter_rooms(&mut self, number: u64) {
        let Some(peer) = self.connections.get(&number).map(|one| one.peer) else {
            return;
        };
        let mut rings: BTreeSet<RingId> = self.rooms_that_wait_for(&peer).into_iter().collect();
        for (_, connection) in self.connections.iter().filter(|(one, _)| **one != number) {
            if connection.peer == peer {
                rings.extend(connection.open_rings().map(|(ring, _)| ring));
            }
        }
        for ring in rings {
            self.enter(number, ring);
        }
    }

    /// Enters a ring on a connection, unless this end has done so.
    fn enter(&mut self, number: u64, ring: RingId) {
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        if let Some(channel) = connection.enter(ring) {
            let bytes = encode(&Frame::Enter(ring));
            connection.note_enter_sent(&ring, bytes.len());
            self.lobby.set_room_peer(connection.peer, true);
            let link = LinkId {
                connection: number,
                channel,
            };
            let output = Output::Send { link, bytes };
            self.out.push_back(RingOutput { ring, output });
        }
    }

    /// Takes the `enter` of a peer: answers it, and tells the room of the link, or says that this process is not there.
    pub(super) fn take_enter(&mut self, link: LinkId, ring: RingId) {
        let is_inside = self.rooms.contains_key(&ring);
        let Some(connection) = self.connections.get_mut(&link.connection) else {
            return;
        };
        let crosses_exit = connection.is_leaving(&ring);
        if !crosses_exit && (!is_inside || !connection.has_room_for(&ring)) {
            let link = LinkId::lobby(link.connection);
            return self.lobby.send_over(self.now, link, &Frame::Absent(ring));
        }
        if let Err(breach) = connection.take_enter(link.channel, ring) {
            return self.reject(link.connection, breach.0);
        }
        self.enter(link.connection, ring);
        self.tell_link_up(link.connection, ring);
    }

    /// Tells a room that a channel is open, once it is.
    fn tell_link_up(&mut self, number: u64, ring: RingId) {
        let Some(connection) = self.connections.get(&number) else {
            return;
        };
        let Some(channel) = connection.open_channel(&ring) else {
            return;
        };
        let (peer, dialled, host) = (connection.peer, connection.dialled, connection.host);
        self.wishes.remove(&(peer, ring));
        let up = Input::LinkUp {
            link: LinkId {
                connection: number,
                channel,
            },
            peer,
            dialled,
            host,
        };
        self.tell_room(&ring, up);
        self.introduce(&ring, peer);
    }

    /// Takes the answer of a peer that is not in a ring.
    pub(super) fn take_absent(&mut self, number: u64, ring: &RingId) {
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        if !connection.awaits(ring) {
            return;
        }
        connection.forget(ring);
        let peer = connection.peer;
        self.give_up(peer, *ring, Vec::new());
    }

    /// Leaves a ring on one connection.
    fn exit(&mut self, number: u64, ring: &RingId) {
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        if let Some(channel) = connection.exit(ring) {
            let link = LinkId {
                connection: number,
                channel,
            };
            let output = Output::Send {
                link,
                bytes: encode(&Frame::Exit),
            };
            self.out.push_back(RingOutput {
                ring: *ring,
                output,
            });
        }
    }

    /// Takes the `exit` of a peer, and confirms it if this end has not left. If the room still wants the peer, it enters
    /// anew.
    pub(super) fn take_exit(&mut self, number: u64, ring: &RingId) {
        let Some(connection) = self.connections.get(&number) else {
            return;
        };
        let (peer, open) = (connection.peer, connection.open_channel(ring));
        self.exit(number, ring);
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.forget(ring);
        }
        if let Some(channel) = open {
            let link = LinkId {
                connection: number,
                channel,
            };
            self.tell_room(ring, Input::LinkDown { link });
        }
        if self.wishes.contains_key(&(peer, *ring)) {
            self.enter(number, *ring);
        }
        self.review_peer(&peer);
    }

    /// Returns the rings that are open on a connection, each with the channel on which this end sends.
    pub(super) fn open_rings(&self, number: u64) -> Vec<(RingId, Channel)> {
        let connection = self.connections.get(&number);
        connection.map_or_else(Vec::new, |one| one.open_rings().collect())
    }

    /// Forgets a connection that is gone.
    pub(super) fn lose_connection(&mut self, number: u64) {
        let rings = self.open_rings(number);
        let Some(connection) = self.connections.remove(&number) else {
            return;
        };
        for (ring, channel) in rings {
            let link = LinkId {
                connection: number,
                channel,
            };
            self.tell_room(&ring, Input::LinkDown { link });
        }
        self.review_peer(&connection.peer);
    }

    /// Closes a connection whose peer broke a rule of channels.
    pub(super) fn reject(&mut self, number: u64, reason: &'static str) {
        let link = LinkId::lobby(number);
        self.lobby.reject_link(self.now, link, reason);
    }

    /// Forgets a room that this process has left, on all connections.
    pub(super) fn forget_room(&mut self, ring: &RingId) {
        let room = self.rooms.remove(ring);
        if let Some(spoken) = room.and_then(|room| room.node.spoken_words()) {
            self.spoken.insert(*ring, spoken);
            debug_assert!(self.spoken.len() <= FORMER_ROOMS + RINGS);
        }
        self.touched.remove(ring);
        let numbers: Vec<u64> = self.connections.keys().copied().collect();
        for number in numbers {
            self.exit(number, ring);
        }
        let waited_for = self.wishes.keys().filter(|(_, one)| one == ring);
        let waited_for: Vec<NodeId> = waited_for.map(|(peer, _)| *peer).collect();
        for peer in waited_for {
            self.wishes.remove(&(peer, *ring));
            self.review_peer(&peer);
        }
    }
}

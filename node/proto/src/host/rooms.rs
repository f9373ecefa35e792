//! Rooms: how a process creates, joins and leaves them, and finds somebody who is in one.
//!
//! Not here: how their nodes get links to peers (`entering`).

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::{Addresses, Begin, BundleMessage, Contact, Control, Epoch, NodeId, RingId};

use super::channels::RINGS;
use super::{Host, RingOutput};
use crate::config::RingKind;
use crate::node::Node;
use crate::{Config, Draft, Event, Input, Load, Output, Time};

/// How many rooms of which it was a member a process may have left.
const FORMER_ROOMS: usize = 4_096;
/// How soon a process that knows no member of a room asks for one again, and the longest pause.
const SEEK_PAUSE: Duration = Duration::from_secs(1);
const SEEK_PAUSE_MOST: Duration = Duration::from_secs(8);
/// How much sooner than a node that leaves the discussion a room's node hands over and goes, while the process leaves.
const HURRY: Duration = Duration::from_millis(1_100);
/// How many members of the lobby are asked for a room at once.
const ASKED_AT_ONCE: usize = 16;

/// Why a process cannot enter a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RoomError {
    /// It is in as many rooms as it may be, or has left as many as it can remember.
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
    /// What is said first, until this process has founded the room.
    founds: Option<Draft>,
    /// When to ask more members, while the room's node waits for one that lets it in.
    seeks: Option<Time>,
    /// The last peer that was named to it. The next time another one is, since the peer may be a newcomer itself.
    named: Option<NodeId>,
    /// How long it waits before more members are asked. It doubles, since nobody may be in the room.
    seek_pause: Duration,
}

impl Room {
    pub(super) const fn node(&self) -> &Node {
        &self.node
    }

    /// Makes the node leave within 0.7 s, since the lobby is left after that.
    pub(super) fn hurry_leaving(&mut self) {
        self.node.hurry_leaving(HURRY);
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

impl Host {
    /// Creates a room, whose first message names it, at this time of its author's wall clock. The room tells of itself
    /// by events.
    ///
    /// # Errors
    ///
    /// If this process cannot be in one more room, or in any.
    pub fn create_room(
        &mut self,
        now: Time,
        begin: Begin,
        timestamp_ms: u64,
    ) -> Result<RingId, RoomError> {
        let ring = RingId::room(&self.signer.public_key(), &begin.random);
        let body = Control::Begin(begin).body();
        let first = BundleMessage { timestamp_ms, body };
        self.add_room(now, ring, Some(first.into()))?;
        Ok(ring)
    }

    /// Joins a room that other members of the lobby are in. The room tells of itself by events.
    ///
    /// # Errors
    ///
    /// If this process is in that room, or cannot be in one more.
    pub fn join_room(&mut self, now: Time, ring: RingId) -> Result<(), RoomError> {
        self.add_room(now, ring, None)
    }

    /// Returns true if a member of a room was found that may let this process in.
    pub fn has_found(&self, ring: &RingId) -> bool {
        let room = self.rooms.get(ring);
        room.is_some_and(|room| room.named.is_some())
    }

    /// Creates a room that nobody names: the first message in it is a user's, as the simulation counts them.
    ///
    /// # Errors
    ///
    /// As for [`Host::create_room`].
    #[cfg(feature = "simulation")]
    pub fn create_nameless_room(
        &mut self,
        now: Time,
        random: &[u8; 16],
    ) -> Result<RingId, RoomError> {
        let ring = RingId::room(&self.signer.public_key(), random);
        self.add_room(now, ring, Some(Draft::default()))?;
        Ok(ring)
    }

    /// Founds a room of any id, because no process of the simulation is in it.
    #[cfg(feature = "simulation")]
    pub fn found_room(&mut self, now: Time, ring: RingId) {
        if !self.rooms.contains_key(&ring) {
            let _ = self.add_room(now, ring, Some(Draft::default()));
        } else if let Some(room) = self.rooms.get_mut(&ring)
            && room.seeks.take().is_some()
        {
            self.now = now;
            self.tell_room(&ring, Input::Found);
        }
    }

    fn add_room(
        &mut self,
        now: Time,
        ring: RingId,
        founds: Option<Draft>,
    ) -> Result<(), RoomError> {
        self.now = now;
        if self.rooms.contains_key(&ring) || ring == self.lobby.ring() {
            return Err(RoomError::Joined);
        }
        let is_new = !self.spoken.contains_key(&ring);
        if self.rooms.len() >= RINGS || is_new && self.spoken.len() >= FORMER_ROOMS {
            return Err(RoomError::TooMany);
        }
        if !self.lobby.is_member() || self.lobby.is_leaving() || self.leaves.is_some() {
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
            seek_pause: SEEK_PAUSE,
        };
        self.rooms.insert(ring, room);
        self.touch(ring);
        // Until the first room, nobody has noted what the lobby keeps.
        self.note_load(self.lobby.ring());
        self.note_load(ring);
        Ok(())
    }

    /// Passes an input to the lobby's node.
    pub(super) fn tell_lobby(&mut self, input: Input) {
        if self.rooms.is_empty() {
            return self.lobby.handle(self.now, input);
        }
        let ring = self.lobby.ring();
        self.lobby.allow(self.budgets.allowance(&ring));
        self.lobby.handle(self.now, input);
        self.note_load(ring);
        self.keep_budgets();
    }

    /// Passes an input to the node of a room.
    pub(super) fn tell_room(&mut self, ring: &RingId, input: Input) {
        let Some(room) = self.rooms.get_mut(ring) else {
            return;
        };
        room.node.allow(self.budgets.allowance(ring));
        room.node.handle(self.now, input);
        self.touch(*ring);
        self.note_load(*ring);
        self.keep_budgets();
    }

    /// Passes the same input to the nodes of all rooms.
    pub(super) fn tell_rooms(&mut self, input: impl Fn() -> Input) {
        let rings: Vec<RingId> = self.rooms.keys().copied().collect();
        for ring in rings {
            self.tell_room(&ring, input());
        }
    }

    /// Notes what the node of a ring keeps.
    fn note_load(&mut self, ring: RingId) {
        if let Some(node) = self.node_mut(&ring) {
            let load = node.load();
            self.budgets.note(ring, &load);
        }
    }

    /// Makes the rings that keep most drop something while all rings together keep too much.
    fn keep_budgets(&mut self) {
        while let Some((ring, what)) = self.budgets.next_to_give_way() {
            let has_any = self.node_mut(&ring).is_some_and(|node| node.give_way(what));
            debug_assert!(has_any, "the ring with most has something");
            if !has_any {
                return;
            }
            if ring != self.lobby.ring() {
                self.touch(ring);
            }
            self.note_load(ring);
        }
    }

    /// Notes that a room may have outputs, and another deadline.
    fn touch(&mut self, ring: RingId) {
        self.touched.insert(ring);
        self.deadlines.forget(&ring);
    }

    fn node_mut(&mut self, ring: &RingId) -> Option<&mut Node> {
        if *ring == self.lobby.ring() {
            return Some(&mut self.lobby);
        }
        self.rooms.get_mut(ring).map(|room| &mut room.node)
    }

    /// Carries out what the node of a room asks for, or passes it on to the driver.
    pub(super) fn take_output_of_room(&mut self, ring: RingId, output: Output) {
        match output {
            Output::Dial {
                peer, addresses, ..
            } => self.wish(peer, ring, addresses),
            Output::Close { link, .. } => self.close_channel(link, &ring),
            Output::AskDirector => self.find_contact(ring),
            Output::Finished { .. } => {
                self.out.push_back(RingOutput { ring, output });
                self.forget_room(&ring);
                if self.leaves.is_some() && self.rooms.is_empty() {
                    self.leave_lobby();
                }
            }
            Output::Send { link, .. } => {
                // The peer may have left the ring since the node wrote this.
                let connection = self.connections.get(&link.connection);
                let open = connection.and_then(|one| one.open_channel(&ring));
                if open == Some(link.channel) {
                    self.send_bytes(ring, output);
                }
            }
            Output::Event(ref event) => {
                let is_view = matches!(event, Event::View(_));
                self.out.push_back(RingOutput { ring, output });
                if is_view {
                    self.review_peers_in(&ring);
                }
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
        if let Some(first) = room.founds.take() {
            self.tell_room(&ring, Input::Found);
            if !first.is_empty() {
                self.tell_room(&ring, Input::Say(first));
            }
            return;
        }
        if room.node.is_member() {
            // It has gone on alone.
            room.seeks = None;
            return;
        }
        room.seeks = Some(self.now + room.seek_pause);
        room.seek_pause = (room.seek_pause * 2).min(SEEK_PAUSE_MOST);
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
        let is_asked =
            |peer: &NodeId| self.wishes.contains_key(&(*peer, *ring)) || self.is_open(peer, ring);
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
    pub(super) fn introduce(&mut self, ring: &RingId, peer: NodeId) {
        let Some(room) = self.rooms.get_mut(ring) else {
            return;
        };
        if room.seeks.take().is_some() {
            room.named = Some(peer);
            room.seek_pause = SEEK_PAUSE;
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

    /// Forgets a room that this process has left, on all connections.
    pub(super) fn forget_room(&mut self, ring: &RingId) {
        let room = self.rooms.remove(ring);
        if let Some(spoken) = room.and_then(|room| room.node.spoken_words()) {
            self.spoken.insert(*ring, spoken);
            debug_assert!(self.spoken.len() <= FORMER_ROOMS + RINGS);
        }
        self.touched.remove(ring);
        self.deadlines.forget(ring);
        self.budgets.note(*ring, &Load::default());
        if self.rooms.is_empty() {
            self.lobby.allow(self.budgets.whole());
        }
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

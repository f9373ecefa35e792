//! Entering: how the nodes of rooms get channels to peers.
//!
//! A room's `Dial` is a wish: if the peer is linked, the ring is entered on that connection, else the lobby makes a link
//! first. Not here: the channels of one connection (`channels`), which room wants which peer (`rooms`, `node`).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use ringtalk_wire::{Addresses, Channel, Frame, NodeId, RingId, encode};

use super::channels::Connection;
use super::{Host, RingOutput};
use crate::config::REDIAL;
use crate::node::Node;
use crate::{Input, LinkId, Output, Time};

/// How long a room waits for a link: as long as a dial may take.
const WISH: Duration = Duration::from_secs(5);

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
    /// Makes a room wait for a link to a peer.
    pub(super) fn wish(&mut self, peer: NodeId, ring: RingId, addresses: Addresses) {
        if self.is_open(&peer, &ring) {
            return;
        }
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
            // A refusal says something only of the addresses that were dialled, and the lobby may list others.
            let listed = self.lobby.listed_addresses(peer);
            let wish = self.wishes.get(&(*peer, ring));
            let is_there = listed.is_none() || wish.map(|wish| &wish.addresses) == listed.as_ref();
            let refused = if is_there { refused } else { &[] };
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

    /// Tells the lobby whether its link to a peer is needed: a room waits for it, or its view lists the peer and its
    /// channel is open.
    pub(super) fn review_peer(&mut self, peer: &NodeId) {
        let lists = |ring: &RingId| {
            let view = self.room(ring).and_then(Node::view);
            view.is_some_and(|view| view.contains(peer))
        };
        let connections = self.connections.values().filter(|one| one.peer == *peer);
        let mut open = connections.flat_map(Connection::open_rings);
        let is_wanted =
            !self.rooms_that_wait_for(peer).is_empty() || open.any(|(ring, _)| lists(&ring));
        self.lobby.set_room_peer(*peer, is_wanted);
    }

    /// Does the same for all peers that are linked in a room, whose view has changed.
    pub(super) fn review_peers_in(&mut self, ring: &RingId) {
        let linked = self.connections.values();
        let linked = linked.filter(|one| one.open_channel(ring).is_some());
        let peers: BTreeSet<NodeId> = linked.map(|one| one.peer).collect();
        for peer in peers {
            self.review_peer(&peer);
        }
    }

    /// Returns true if a room has a channel to a peer.
    pub(super) fn is_open(&self, peer: &NodeId, ring: &RingId) -> bool {
        let mut connections = self.connections.values();
        connections.any(|one| one.peer == *peer && one.open_channel(ring).is_some())
    }

    /// Sends a frame of the host on a channel.
    fn send_on(&mut self, link: LinkId, ring: RingId, frame: &Frame) {
        let (class, bytes) = (frame.class(), encode(frame));
        self.send_bytes(ring, Output::Send { link, class, bytes });
    }

    /// Passes on what is sent in a room, while the connection has room for it.
    pub(super) fn send_bytes(&mut self, ring: RingId, output: Output) {
        let Output::Send { link, bytes, .. } = &output else {
            return;
        };
        let (number, size) = (link.connection, bytes.len());
        let connection = self.connections.get_mut(&number);
        if connection.is_some_and(|one| one.note_sent(size)) {
            self.out.push_back(RingOutput { ring, output });
        } else {
            let link = LinkId::lobby(number);
            let reason = "the queue of its rooms is over the bound";
            self.lobby.drop_link(self.now, link, reason);
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

    /// Enters a ring on a connection, unless this end has done so, is still leaving it there, or there is no room.
    fn enter(&mut self, number: u64, ring: RingId) {
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        if let Some(channel) = connection.enter(ring) {
            let enter = Frame::Enter(ring);
            connection.note_enter_sent(&ring, encode(&enter).len());
            let link = LinkId {
                connection: number,
                channel,
            };
            self.send_on(link, ring, &enter);
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
        self.review_peer(&peer);
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
        let _ = connection.forget(ring);
        let peer = connection.peer;
        self.give_up(peer, *ring, Vec::new());
    }

    /// Leaves a ring on one connection.
    pub(super) fn exit(&mut self, number: u64, ring: &RingId) {
        let connection = self.connections.get_mut(&number);
        if let Some(channel) = connection.and_then(|one| one.exit(ring)) {
            let link = LinkId {
                connection: number,
                channel,
            };
            self.send_on(link, *ring, &Frame::Exit);
        }
    }

    /// Closes a link of a room's node, if it is still the one in use.
    pub(super) fn close_channel(&mut self, link: LinkId, ring: &RingId) {
        let connection = self.connections.get(&link.connection);
        let channel = connection.and_then(|one| one.open_channel(ring));
        if channel == Some(link.channel) {
            self.exit(link.connection, ring);
        }
    }

    /// Takes the `exit` of a peer, and confirms it if this end has not left. If the peer has entered anew, or the room
    /// still wants it, the ring is entered again.
    pub(super) fn take_exit(&mut self, link: LinkId, ring: &RingId) {
        let number = link.connection;
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        if connection.forget_next(link.channel, ring) {
            return self.answer_absent(number, *ring);
        }
        let (peer, open) = (connection.peer, connection.open_channel(ring));
        self.exit(number, ring);
        let connection = self.connections.get_mut(&number);
        let next = connection.and_then(|one| one.forget(ring));
        if let Some(channel) = open {
            let link = LinkId {
                connection: number,
                channel,
            };
            self.tell_room(ring, Input::LinkDown { link });
        }
        if let Some(channel) = next {
            self.take_enter(LinkId { channel, ..link }, *ring);
        } else if self.wishes.contains_key(&(peer, *ring)) {
            self.enter(number, *ring);
        }
        self.review_peer(&peer);
    }

    /// Tells a peer that this process is not in a ring.
    fn answer_absent(&mut self, number: u64, ring: RingId) {
        let link = LinkId::lobby(number);
        self.lobby.send_over(self.now, link, &Frame::Absent(ring));
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
}

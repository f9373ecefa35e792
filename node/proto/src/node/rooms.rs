//! What the lobby's node does for the rooms of its process: it makes and keeps links, and closes those that break the
//! rules of channels.
//!
//! What a room's node does for its process: it goes on where an earlier node of the process in that room stopped.
//!
//! Not here: channels, and which room wants which peer (`host`).

use ringtalk_wire::{Addresses, Frame, MessageId, NodeId};

use super::Node;
use crate::concerns::forks::LastBundle;
use crate::{LinkId, Time};

/// How far the process has spoken in a room. It must not give a number to another message, ever: that would be a fork.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SpokenWords {
    /// The number of its last message.
    pub(crate) last: u64,
    /// Its last bundle.
    pub(crate) bundle: LastBundle,
}

impl Node {
    /// Returns how far this node has spoken, if it has.
    pub(crate) const fn spoken_words(&self) -> Option<SpokenWords> {
        let last = self.relay.outbox.last_seq();
        if last == 0 {
            return None;
        }
        let bundle = self.forks.last_own;
        Some(SpokenWords { last, bundle })
    }

    /// Makes a node that has just started go on after what an earlier node of this process said in its ring.
    pub(crate) const fn resume(&mut self, spoken: SpokenWords) {
        self.relay.outbox.resume(spoken.last);
        self.forks.last_own = spoken.bundle;
        self.spoken_before = spoken.last;
    }

    /// Returns true if an earlier node of this process said the message: others have to give it.
    pub(super) const fn was_said_before(&self, seq: u64) -> bool {
        seq <= self.spoken_before
    }

    /// Passes the words of an earlier node that no member gave: the next message comes after them.
    pub(super) fn pass_own_words(&mut self) {
        let (author, seq) = (self.context.config.id, self.spoken_before);
        if seq > 0 {
            let last = MessageId { author, seq };
            if !self.discussion.causal.has_delivered(last) {
                self.discussion.skip(last);
            }
            let lamport = self.forks.last_own.lamport;
            self.discussion.causal.raise_lamport(lamport);
        }
    }

    /// Counts the time that leaving may take from when the process began to leave its rooms.
    pub(crate) fn leave_since(&mut self, since: Time) {
        if let Some(leaving) = &mut self.leaving {
            leaving.count_from(since);
        }
        self.timeout.invalidate();
    }

    /// Notes whether a room wants the link to a peer, which is kept then as if the peer were a member of the lobby.
    pub(crate) fn set_room_peer(&mut self, peer: NodeId, is_wanted: bool) {
        if is_wanted {
            self.context.room_peers.insert(peer);
            self.context.links.raise_bound(&peer);
        } else {
            self.context.room_peers.remove(&peer);
        }
    }

    /// Returns the link on which a peer is sent to.
    pub(crate) fn link_to(&self, peer: &NodeId) -> Option<LinkId> {
        self.context.links.link_to(peer)
    }

    /// Returns true while a link to a peer is being made, directly or with the help of others.
    pub(crate) fn is_dialling(&self, peer: &NodeId) -> bool {
        self.context.links.is_dialling(peer)
    }

    /// Dials a peer that a room wants.
    pub(crate) fn dial_for_room(&mut self, now: Time, peer: NodeId, addresses: &Addresses) {
        self.context.now = now;
        self.context.dial(peer, addresses);
        self.timeout.invalidate();
    }

    /// Sends a frame of the host over a link.
    pub(crate) fn send_over(&mut self, now: Time, link: LinkId, frame: &Frame) {
        let context = &mut self.context;
        context.now = now;
        context.links.send_over(now, link, frame, &mut context.out);
        self.timeout.invalidate();
    }

    /// Closes a link whose far end broke a rule of channels.
    pub(crate) fn reject_link(&mut self, now: Time, link: LinkId, reason: &'static str) {
        self.context.now = now;
        if let Some(peer) = self.context.links.peer_of(link) {
            if self.context.links.link_to(&peer) == Some(link) {
                self.reject(peer, reason);
            } else {
                self.link_closed(link);
            }
        }
        self.timeout.invalidate();
    }
}

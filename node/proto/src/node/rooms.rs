//! What the lobby's node does for the rooms of its process: it makes and keeps links, and closes those that break the
//! rules of channels.
//!
//! Not here: channels, and which room wants which peer (`host`).

use core::time::Duration;

use ringtalk_wire::{Addresses, Frame, NodeId};

use super::Node;
use crate::{LinkId, Time};

impl Node {
    /// Counts the time that leaving may take from when the process began to leave its rooms.
    pub(crate) fn leave_since(&mut self, since: Time) {
        if let Some(leaving) = &mut self.leaving {
            leaving.count_from(since);
        }
        self.timeout.invalidate();
    }

    /// Makes this node leave sooner.
    pub(crate) fn hurry_leaving(&mut self, by: Duration) {
        if let Some(leaving) = &mut self.leaving {
            leaving.hurry(by);
        }
        self.timeout.invalidate();
    }

    /// Returns true while this node leaves, or once it has left.
    pub(crate) fn is_leaving(&self) -> bool {
        self.context.is_leaving()
    }

    /// Returns the addresses of a peer, if the view lists it.
    pub(crate) fn listed_addresses(&self, peer: &NodeId) -> Option<Addresses> {
        self.context.listed_addresses(peer)
    }

    /// Notes whether a room wants the link to a peer, which is kept then as if the peer were a member of the lobby.
    pub(crate) fn set_room_peer(&mut self, peer: NodeId, is_wanted: bool) {
        if is_wanted {
            self.context.room_peers.insert(peer);
            self.context.links.raise_bound(&peer);
        } else if self.context.room_peers.remove(&peer) && !self.context.is_member(&peer) {
            self.context.links.lower_bound(&peer);
        }
    }

    /// Returns true if a room wants the link to a peer.
    #[cfg(test)]
    pub(crate) fn has_room_peer(&self, peer: &NodeId) -> bool {
        self.context.room_peers.contains(peer)
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
        self.wake(now);
        self.context.dial(peer, addresses);
        self.timeout.invalidate();
    }

    /// Sends a frame of the host over a link.
    pub(crate) fn send_over(&mut self, now: Time, link: LinkId, frame: &Frame) {
        self.wake(now);
        let context = &mut self.context;
        context.links.send_over(now, link, frame, &mut context.out);
        self.timeout.invalidate();
    }

    /// Closes a link whose far end broke a rule of channels.
    pub(crate) fn reject_link(&mut self, now: Time, link: LinkId, reason: &'static str) {
        self.wake(now);
        if let Some(peer) = self.context.links.peer_of(link) {
            if self.context.links.link_to(&peer) == Some(link) {
                self.reject(peer, reason);
            } else {
                self.link_closed(link);
            }
        }
        self.timeout.invalidate();
    }

    /// Closes a link whose far end takes too little.
    pub(crate) fn drop_link(&mut self, now: Time, link: LinkId, reason: &'static str) {
        self.wake(now);
        if let Some(peer) = self.context.links.peer_of(link) {
            if self.context.links.link_to(&peer) == Some(link) {
                let context = &mut self.context;
                context.links.close(&peer, reason, &mut context.out);
                self.handle_lost_peer(&peer);
            } else {
                self.link_closed(link);
            }
        }
        self.timeout.invalidate();
    }

    /// Notes the time, as each input does.
    fn wake(&mut self, now: Time) {
        self.notice_sleep(now);
        self.context.now = now;
    }
}

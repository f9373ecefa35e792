//! Links from a concern's point of view: sending frames to peers, and dialling them.
//!
//! `PROTOCOL.md` §3. Not here: the links themselves (`links`), which links the ring needs (`ring`).

use core::net::IpAddr;
use core::time::Duration;

use ringtalk_wire::{Addresses, Frame, NodeId};

use super::Context;
use crate::Trust;
use crate::config::{FAR_PATIENCE, NEAR_PATIENCE};

impl Context {
    /// Sends a frame over the link to a peer; returns false if there is none.
    pub(crate) fn send(&mut self, peer: &NodeId, frame: &Frame) -> bool {
        self.links.send(self.now, peer, frame, &mut self.out)
    }

    /// Sends a frame to a node, over a new link if there is none.
    pub(crate) fn send_or_dial(&mut self, (peer, addresses): (NodeId, &Addresses), frame: &Frame) {
        if self.send(&peer, frame) {
            return;
        }
        let patience = self.patience(&peer);
        let listed = self.listed_addresses(&peer);
        let peer = (peer, listed.as_ref().unwrap_or(addresses));
        self.links
            .send_or_dial(self.now, peer, patience, frame, &mut self.out);
    }

    /// Sends a frame to a member, over a new link if there is none.
    pub(crate) fn send_to_member(&mut self, id: &NodeId, frame: &Frame) {
        if let Some(view) = self.view.clone()
            && let Some(member) = view.member(id)
        {
            self.send_or_dial((*id, &member.addresses), frame);
        }
    }

    /// Dials a node, and asks others for help if that takes too long. For a member, the view's addresses count.
    pub(crate) fn dial(&mut self, peer: NodeId, addresses: &Addresses) {
        debug_assert_ne!(peer, self.config.id, "nobody dials itself");
        let patience = self.patience(&peer);
        let listed = self.listed_addresses(&peer);
        let addresses = listed.as_ref().unwrap_or(addresses);
        self.links
            .dial(self.now, (peer, addresses), patience, &mut self.out);
    }

    /// Dials a member at the addresses that the view lists.
    pub(crate) fn dial_member(&mut self, id: &NodeId) {
        if let Some(view) = self.view.clone()
            && let Some(member) = view.member(id)
        {
            self.dial(*id, &member.addresses);
        }
    }

    /// Returns true unless a node is known to be on this node's own network.
    pub(crate) fn is_far(&self, peer: &NodeId) -> bool {
        let Some(view) = &self.view else { return true };
        let me = view.member(&self.config.id);
        let member = view.member(peer).map(|member| member.network);
        let network = member.or_else(|| self.lost_members.network(peer));
        network.is_none() || network != me.map(|me| me.network)
    }

    fn patience(&self, peer: &NodeId) -> Duration {
        if self.is_far(peer) {
            FAR_PATIENCE
        } else {
            NEAR_PATIENCE
        }
    }

    /// Dials a node for another one; returns true if a dial is under way.
    pub(crate) fn dial_on_behalf(
        &mut self,
        requester: NodeId,
        target: (NodeId, &Addresses, Trust),
    ) -> bool {
        self.links
            .dial_on_behalf(self.now, requester, target, &mut self.out)
    }

    /// Sends a frame for another node, over a new link if there is none.
    pub(crate) fn send_on_behalf(
        &mut self,
        requester: NodeId,
        target: (NodeId, &Addresses, Trust),
        frame: &Frame,
    ) {
        self.links
            .send_on_behalf(self.now, requester, target, frame, &mut self.out);
    }

    /// Returns the addresses of a member by the view in force. An outsider has no view in force.
    pub(crate) fn listed_addresses(&self, peer: &NodeId) -> Option<Addresses> {
        let member = self.view_as_member().and_then(|view| view.member(peer));
        member.map(|member| member.addresses.clone())
    }

    /// Asks a member for a sign of life.
    pub(crate) fn ping_member(&mut self, member: &NodeId) {
        let ping = Frame::Ping(self.now.as_micros());
        if !self.send(member, &ping) {
            self.links.dial_soon(member);
            self.dial_member(member);
        }
    }

    /// Returns where to dial a node by the present view or an earlier one, which overrides what others say.
    pub(crate) fn known_addresses(&self, peer: &NodeId) -> Option<&Addresses> {
        let view = self.view.as_ref();
        let member = view.and_then(|view| view.member(peer));
        let member = member.map(|member| &member.addresses);
        member.or_else(|| self.lost_members.addresses(peer))
    }

    /// Returns where to dial a node for another one, and how far to trust that: the view's addresses come before
    /// `claimed`, which a node at the host `teller` has named.
    pub(crate) fn dial_target(
        &self,
        peer: &NodeId,
        claimed: Addresses,
        teller: Option<IpAddr>,
    ) -> (Addresses, Trust) {
        let known = self.known_addresses(peer).cloned();
        known.map_or((claimed, Trust::Hearsay { teller }), |known| {
            (known, Trust::Known)
        })
    }

    /// Returns true if a refused connection means that a peer's process is gone.
    ///
    /// On this node's own network it does. Elsewhere another node may have the address, unless the peer itself has
    /// answered there. If the last link was a circuit, a network that looks like this node's own may be another one. A
    /// refusal at addresses that the view does not list means nothing.
    pub(crate) fn is_gone(&self, peer: &NodeId, refused: &[IpAddr]) -> bool {
        let known = self.known_addresses(peer);
        let is_there = known.is_none_or(|known| self.links.was_dialled_at(peer, known));
        let is_near = !self.is_far(peer) && !self.links.was_carried(peer);
        let is_its_own = is_near || self.links.was_reached_at(peer, refused);
        !refused.is_empty() && is_there && is_its_own
    }

    /// Closes the links that are no longer needed, and those whose far end does not answer.
    pub(crate) fn close_unneeded_links(&mut self, is_needed: impl Fn(&NodeId) -> bool) {
        let view = self.view.as_ref();
        let room_peers = &self.room_peers;
        let is_member =
            |id: &NodeId| view.is_some_and(|view| view.contains(id)) || room_peers.contains(id);
        let is_needed = |id: &NodeId| is_needed(id) || room_peers.contains(id);
        self.links
            .close_unneeded(self.now, is_needed, is_member, &mut self.out);
        self.links.close_unanswered(self.now, &mut self.out);
    }

    /// Closes the circuits of suspects, for whatever reason they are suspected. A circuit whose carrier has vanished
    /// looks alive from both ends, and each end would go on suspecting the other.
    pub(crate) fn drop_silent_circuits(&mut self) {
        let suspicion = self.config.tempo.suspicion;
        for suspect in self.detector.all_suspects() {
            self.links
                .drop_silent_circuit(self.now, &suspect, suspicion, &mut self.out);
        }
    }
}

//! Links from a concern's point of view: what is sent to whom, and who is dialled where.
//!
//! `PROTOCOL.md` §3. Not here: the links themselves (`links`), and who is needed (`ring`).

use core::net::IpAddr;
use core::time::Duration;

use ringtalk_wire::{Addresses, Frame, NodeId};

use super::Context;
use crate::Trust;
use crate::config::{FAR_PATIENCE, NEAR_PATIENCE};

impl Context {
    /// Sends a frame over the link to a peer; false if there is none.
    pub(crate) fn send(&mut self, peer: &NodeId, frame: &Frame) -> bool {
        self.links.send(self.now, peer, frame, &mut self.out)
    }

    /// Sends a frame to a node, over a link that is made if there is none.
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

    /// Sends a frame to a member, over a link that is made if there is none.
    pub(crate) fn send_to_member(&mut self, id: &NodeId, frame: &Frame) {
        if let Some(view) = self.view.clone()
            && let Some(member) = view.member(id)
        {
            self.send_or_dial((*id, &member.addresses), frame);
        }
    }

    /// Dials a node; others are asked to help if that takes too long. Where a member is, only the view says.
    pub(crate) fn dial(&mut self, peer: NodeId, addresses: &Addresses) {
        debug_assert_ne!(peer, self.config.id, "nobody dials itself");
        let patience = self.patience(&peer);
        let listed = self.listed_addresses(&peer);
        let addresses = listed.as_ref().unwrap_or(addresses);
        self.links
            .dial(self.now, (peer, addresses), patience, &mut self.out);
    }

    /// Dials a member where the view says that it is.
    pub(crate) fn dial_member(&mut self, id: &NodeId) {
        if let Some(view) = self.view.clone()
            && let Some(member) = view.member(id)
        {
            self.dial(*id, &member.addresses);
        }
    }

    /// Returns true for a node that is not known to be on this node's own network.
    pub(crate) fn is_far(&self, peer: &NodeId) -> bool {
        let Some(view) = &self.view else { return true };
        let me = view.member(&self.config.id);
        let member = view.member(peer).map(|member| member.network);
        let network = member.or_else(|| self.lost.network(peer));
        network.is_none() || network != me.map(|me| me.network)
    }

    fn patience(&self, peer: &NodeId) -> Duration {
        if self.is_far(peer) {
            FAR_PATIENCE
        } else {
            NEAR_PATIENCE
        }
    }

    /// Dials a node at somebody else's wish; true if it is being dialled now.
    pub(crate) fn dial_for(&mut self, whom: NodeId, whither: (NodeId, &Addresses, Trust)) -> bool {
        self.links.dial_for(self.now, whom, whither, &mut self.out)
    }

    /// Sends a frame at somebody else's wish, over a link that is made if there is none.
    pub(crate) fn send_for_another(
        &mut self,
        whom: NodeId,
        whither: (NodeId, &Addresses, Trust),
        frame: &Frame,
    ) {
        self.links
            .send_for_another(self.now, whom, whither, frame, &mut self.out);
    }

    /// Where a member is, as the view in force says. A node outside has none in force.
    fn listed_addresses(&self, peer: &NodeId) -> Option<Addresses> {
        let member = self.view_inside().and_then(|view| view.member(peer));
        member.map(|member| member.addresses.clone())
    }

    /// Asks a member for a sign of life.
    pub(crate) fn look_at(&mut self, member: &NodeId) {
        let ping = Frame::Ping(self.now.as_micros());
        if !self.send(member, &ping) {
            self.links.dial_soon(member);
            self.dial_member(member);
        }
    }

    /// Where a node is dialled, as a view says or said: whatever others say, that comes first.
    pub(crate) fn known_addresses(&self, peer: &NodeId) -> Option<&Addresses> {
        let view = self.view.as_ref();
        let member = view.and_then(|view| view.member(peer));
        let member = member.map(|member| &member.addresses);
        member.or_else(|| self.lost.addresses(peer))
    }

    /// Where to dial a node at somebody's wish, and how far to trust that: what a view says comes first, and else what
    /// somebody says who is at that host.
    pub(crate) fn whereabouts(
        &self,
        peer: &NodeId,
        said: Addresses,
        teller: Option<IpAddr>,
    ) -> (Addresses, Trust) {
        let known = self.known_addresses(peer).cloned();
        known.map_or((said, Trust::Hearsay { teller }), |known| {
            (known, Trust::Known)
        })
    }

    /// Returns true if a refused connection means that a peer's process is gone: on its own network it does; elsewhere
    /// somebody else may have the address, unless the peer itself has answered there. And a network that looks like one's
    /// own may be another, where the last link was relayed. Where it was dialled at anybody's word but the view's, it means
    /// nothing.
    pub(crate) fn is_gone(&self, peer: &NodeId, refused: &[IpAddr]) -> bool {
        let known = self.known_addresses(peer);
        let is_there = known.is_none_or(|known| self.links.was_dialled_at(peer, known));
        let is_near = !self.is_far(peer) && !self.links.was_relayed(peer);
        let is_its_own = is_near || self.links.was_reached_at(peer, refused);
        !refused.is_empty() && is_there && is_its_own
    }

    /// Closes the links that nobody needs any more.
    pub(crate) fn tidy_links(&mut self, is_needed: impl Fn(&NodeId) -> bool) {
        let view = self.view.as_ref();
        let is_member = |id: &NodeId| view.is_some_and(|view| view.contains(id));
        self.links
            .tidy(self.now, is_needed, is_member, &mut self.out);
    }

    /// Closes the circuits of suspects, whatever made them suspects: a link over a circuit whose carrier has vanished
    /// looks alive from both ends, and each would go on suspecting the other.
    pub(crate) fn drop_silent_circuits(&mut self) {
        let suspicion = self.config.tempo.suspicion;
        for suspect in self.detector.all() {
            self.links
                .drop_silent_circuit(self.now, &suspect, suspicion, &mut self.out);
        }
    }
}

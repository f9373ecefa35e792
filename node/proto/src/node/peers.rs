//! Peers: links that come and go, and the frames that neighbours exchange while a link lasts.
//!
//! Not here: who is a neighbour (`ring`), who is dead (`suspicion`).

use core::net::IpAddr;

use ringtalk_wire::{Frame, Heartbeat, NodeId};

use super::Node;
use crate::concerns::history::send_digest;
use crate::machines::links::LinkUp;
use crate::{ErrorKind, LinkId};

impl Node {
    pub(super) fn link_up(&mut self, up: LinkUp) {
        let context = &mut self.context;
        let peer = up.peer;
        let patience = context.config.tempo.suspicion;
        context
            .links
            .close_stale(context.now, &peer, patience, &mut context.out);
        let first = context.links.up(context.now, up, &mut context.out);
        if context.is_member(&peer) || context.room_peers.contains(&peer) {
            context.links.raise_bound(&peer);
        }
        context
            .links
            .send_pending_frames(context.now, &peer, &mut context.out);
        self.note_alive(&peer);
        self.naming.note_answer(&peer, self.context.now);
        if first {
            self.send_heartbeat(&peer);
            self.maintain_ring();
            self.flush_outbox();
            self.reachability.schedule(&self.context);
        }
    }

    pub(super) fn link_down(&mut self, link: LinkId) {
        let now = self.context.now;
        if let Some(lost) = self.context.links.down(now, link)
            && lost.last
        {
            self.handle_lost_peer(&lost.peer);
        }
    }

    /// Handles a link on which the far end sends no more.
    pub(super) fn link_closed(&mut self, link: LinkId) {
        let context = &mut self.context;
        let lost = context
            .links
            .closed_by_peer(context.now, link, &mut context.out);
        if let Some(lost) = lost.filter(|lost| lost.last) {
            self.handle_lost_peer(&lost.peer);
        }
    }

    /// Handles the loss of the link in use: its peer owes nothing any more, and is dialled again at once if it is
    /// needed.
    pub(super) fn handle_lost_peer(&mut self, peer: &NodeId) {
        let now = self.context.now;
        self.stop_pulling_from(peer);
        self.context.joining.note_link_lost(now, peer);
        for concern in self.concerns() {
            concern.forget(peer);
        }
        let is_probed = self.suspicion.trials.is_open(peer) || self.naming.is_probing(peer);
        if self.ring.needs(peer) || is_probed {
            self.context.dial_member(peer);
        }
        self.reassign_parts_of(peer);
        self.maintain_ring();
    }

    /// Handles a failed dial to a peer; `refused` lists the hosts that refused the connection.
    pub(super) fn dial_failed(&mut self, peer: NodeId, refused: &[IpAddr]) {
        let now = self.context.now;
        if self.context.links.is_up(&peer) {
            return;
        }
        if self.context.is_gone(&peer, refused) {
            self.context.links.dial_failed(now, &peer);
            self.give_up_dial(peer);
            self.context.lost_members.note_refused(&peer);
            self.note_refused_connection(peer);
        } else if self.reaching.can_ask_helpers(&mut self.context, &peer)
            && self.context.links.start_detour(now, &peer)
        {
            self.reassign_parts_of(&peer);
            if !refused.is_empty() {
                // The peer may be gone. While others look for a route, a director may know another coordinator.
                self.join_failed(&peer);
            }
            self.expire_detours();
        } else {
            self.context.links.dial_failed(now, &peer);
            self.give_up_dial(peer);
        }
        let is_member = self.context.is_member(&peer);
        self.naming.note_unreached(&peer, refused, is_member);
        self.maintain_ring();
    }

    /// Gives up what waits for a peer that cannot be reached at present.
    fn give_up_dial(&mut self, peer: NodeId) {
        self.reassign_parts_of(&peer);
        self.join_failed(&peer);
    }

    /// Asks others to help with dials that stay unanswered, and gives up those that nobody can help with.
    pub(super) fn expire_detours(&mut self) {
        let context = &mut self.context;
        for detour in context.links.due_detours(context.now, &mut context.out) {
            if let Some(peer) = self.reaching.ask_helpers(&mut self.context, detour) {
                self.give_up_dial(peer);
            }
        }
    }

    /// Closes the link to a peer that sent something invalid.
    pub(super) fn reject(&mut self, peer: NodeId, reason: &'static str) {
        tracing::info!(?peer, reason, "closing a link");
        let context = &mut self.context;
        if context.is_member(&peer) {
            let who = context.describe(&peer);
            let message = alloc::format!("{who} sent {reason}: refused it, and closed the link");
            context.warn(ErrorKind::Refused, message);
        }
        context.links.close(&peer, reason, &mut context.out);
        self.handle_lost_peer(&peer);
    }

    /// Takes any frame as a sign of life.
    pub(super) fn note_alive(&mut self, peer: &NodeId) {
        let now = self.context.now;
        self.relay.spreading.note_alive(peer);
        if self.context.detector.note_alive(now, peer) {
            self.maintain_ring();
        }
        self.acquit(peer);
    }

    /// Updates the neighbours and the links that the ring needs, and greets new neighbours.
    pub(super) fn maintain_ring(&mut self) {
        for id in self.ring.maintain(&mut self.context) {
            self.send_heartbeat(&id);
            send_digest(&mut self.context, &self.discussion, &id, true);
            self.forks.send_all_evidence(&mut self.context, &id);
        }
    }

    pub(super) fn expire_ring(&mut self) {
        let due = self.ring.deadline();
        if due.is_some_and(|at| at <= self.context.now) {
            self.maintain_ring();
        }
    }

    pub(super) fn expire_heartbeat(&mut self) {
        let now = self.context.now;
        if self.heartbeat_due <= now {
            self.heartbeat_due = now + self.context.config.tempo.heartbeat;
            self.send_heartbeats();
        }
    }

    /// Sends heartbeats to both neighbours, traffic or not, and now and then to a finger.
    pub(super) fn send_heartbeats(&mut self) {
        let now = self.context.now;
        for id in self.ring.neighbour_ids() {
            self.send_heartbeat(&id);
        }
        if let Some(finger) = self.ring.next_finger(now, &self.context.config.tempo) {
            self.send_heartbeat(&finger);
        }
        self.context.detector.relax();
        self.context.drop_silent_circuits();
        self.report_suspects();
        self.maintain_ring();
        if self.context.view.is_some() && !self.context.joining.is_outside() {
            self.context.close_unneeded_links(|id| self.ring.needs(id));
            self.reaching.end_unneeded_circuits(&mut self.context);
        }
    }

    pub(super) fn send_heartbeat(&mut self, peer: &NodeId) {
        let Some(view) = &self.context.view else {
            return;
        };
        let heartbeat = Frame::Heartbeat(Heartbeat {
            tag: view.tag(),
            clock: self.discussion.causal.clock().hash(),
        });
        self.context.send(peer, &heartbeat);
    }

    pub(super) fn take_heartbeat(&mut self, peer: NodeId, heartbeat: &Heartbeat) {
        self.compare_tags(peer, &heartbeat.tag);
        if !self.discussion.has_started() || !self.ring.compares_with(&peer) {
            return;
        }
        let equal = heartbeat.clock == self.discussion.causal.clock().hash();
        if equal {
            let last = self.relay.outbox.last_seq();
            self.relay.note_covered(&mut self.context, peer, last);
            self.note_equal_clock(heartbeat);
        }
        if self.history.repair.compare(self.context.now, peer, equal) {
            send_digest(&mut self.context, &self.discussion, &peer, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use ringtalk_wire::Addresses;

    use super::*;
    use crate::node::test_support::node;
    use crate::view::test_support::{even_ring, id};
    use crate::{Input, Output, Time};

    /// Returns the link on which a node sends to a peer.
    fn link_in_use(node: &mut Node, peer: &NodeId) -> Option<LinkId> {
        core::iter::from_fn(|| node.poll_output()).for_each(drop);
        node.context.send(peer, &Frame::Ping(7));
        core::iter::from_fn(|| node.poll_output()).find_map(|output| match output {
            Output::Send { link, .. } => Some(link),
            _ => None,
        })
    }

    /// The peer has moved: it has lost the old link and dials anew, while the old one looks alive from here.
    #[test]
    fn a_new_link_replaces_a_silent_one_whichever_end_dialled() {
        for peer in [NodeId::from_bytes([0; 16]), NodeId::from_bytes([255; 16])] {
            let mut node = node();
            let up = |link, dialled| Input::LinkUp {
                link: LinkId::lobby(link),
                peer,
                dialled,
                host: Some([192, 0, 2, 7].into()),
            };
            let at = Time::from_micros;
            node.handle(at(1), up(1, true));
            let suspicion = node.context.config.tempo.suspicion;
            node.handle(at(1) + suspicion, up(2, false));
            assert_eq!(link_in_use(&mut node, &peer), Some(LinkId::lobby(2)));
            // Two fresh links are a coincidence, and both ends must choose the same one.
            node.handle(at(2) + suspicion, up(3, true));
            let lower = if node.context.config.id < peer { 3 } else { 2 };
            assert_eq!(link_in_use(&mut node, &peer), Some(LinkId::lobby(lower)));
        }
    }

    /// The peer dials again and again. What it says over the links that are refused must not keep the old one alive.
    #[test]
    fn a_silent_link_is_not_kept_alive_by_another_one() {
        for peer in [NodeId::from_bytes([0; 16]), NodeId::from_bytes([255; 16])] {
            let mut node = node();
            let dials = |node: &mut Node, link, after: u64| {
                let up = Input::LinkUp {
                    link: LinkId::lobby(link),
                    peer,
                    dialled: link == 1,
                    host: Some([192, 0, 2, 7].into()),
                };
                let now = Time::from_micros(1 + after * 1_000);
                node.handle(now, up);
                let frame = Frame::Ping(1);
                let link = LinkId::lobby(link);
                node.handle(now, Input::Frame { link, frame });
            };
            dials(&mut node, 1, 0);
            dials(&mut node, 2, 1_100);
            dials(&mut node, 3, 1_250);
            assert_eq!(link_in_use(&mut node, &peer), Some(LinkId::lobby(3)));
        }
    }

    /// A peer says that a member is at another port of its host, where nobody listens.
    #[test]
    fn a_refusal_proves_death_only_at_the_listed_addresses() {
        let (mut node, member) = (node(), id(3));
        node.context.view = Some(Arc::new(even_ring(4)));
        let host: IpAddr = [192, 0, 2, 7].into();
        let link = LinkId::lobby(1);
        let up = Input::LinkUp {
            link,
            peer: member,
            dialled: true,
            host: Some(host),
        };
        node.handle(Time::default(), up);
        node.handle(Time::default(), Input::LinkDown { link });
        let now = Time::from_micros(1_000_000);
        let elsewhere = Addresses::at("192.0.2.7:9");
        let dialled = |node: &mut Node| {
            let outputs = core::iter::from_fn(|| node.poll_output());
            outputs.fold(None, |last, output| match output {
                Output::Dial { addresses, .. } => Some(addresses),
                _ => last,
            })
        };
        node.context.now = now;
        // An outsider has no view in force.
        node.context.dial(member, &elsewhere);
        assert_eq!(dialled(&mut node), Some(elsewhere.clone()));
        assert!(!node.context.is_gone(&member, &[host]));
        node.context.links.dial_failed(now, &member);
        node.context.joining.complete();
        node.context.now = Time::from_micros(2_000_000);
        node.context.dial(member, &elsewhere);
        assert_eq!(dialled(&mut node), Some(Addresses::default()));
        assert!(node.context.is_gone(&member, &[host]));
    }
}

//! Reaching those who cannot be dialled: by having them dial, or by way of somebody whom both reach.
//!
//! `PROTOCOL.md` §3.5. Each helper is asked as any member would be. Not here: when to ask (`detour`), and what a helper does
//! (`helping`).

use alloc::vec::Vec;
use core::net::IpAddr;

use ringtalk_wire::{Addresses, Call, Circuit, Frame, NodeId, Reach, Ticket};

use super::Node;
use crate::config::{FAR_PATIENCE, NEAR_PATIENCE};
use crate::detour::{HELPERS, Step};
use crate::links::Made;
use crate::{Output, Time, Trust};

impl Node {
    /// Dials a node; others are asked to help where that takes too long. Where a member is, only the view says.
    pub(super) fn dial(&mut self, now: Time, peer: NodeId, addresses: &Addresses) {
        let patience = self.patience(&peer);
        let listed = self.listed_addresses(&peer);
        let addresses = listed.as_ref().unwrap_or(addresses);
        self.links
            .dial(now, (peer, addresses), patience, &mut self.out);
    }

    /// Sends a frame to a node, over a link that is made where there is none.
    pub(super) fn send_or_dial(
        &mut self,
        now: Time,
        (peer, addresses): (NodeId, &Addresses),
        frame: &Frame,
    ) {
        if self.links.send(now, &peer, frame, &mut self.out) {
            return;
        }
        let patience = self.patience(&peer);
        let listed = self.listed_addresses(&peer);
        let peer = (peer, listed.as_ref().unwrap_or(addresses));
        self.links
            .send_or_dial(now, peer, patience, frame, &mut self.out);
    }

    /// Where a member is, as the view in force says. A node outside has none in force.
    fn listed_addresses(&self, peer: &NodeId) -> Option<Addresses> {
        let view = self.view.as_ref().filter(|_| !self.joining.is_outside());
        let member = view.and_then(|view| view.member(peer));
        member.map(|member| member.addresses.clone())
    }

    /// True where a node is not known to be on this node's own network.
    pub(super) fn is_far(&self, peer: &NodeId) -> bool {
        let Some(view) = &self.view else { return true };
        let me = view.member(&self.config.id);
        let member = view.member(peer).map(|member| member.network);
        let network = member.or_else(|| self.lost.network(peer));
        network.is_none() || network != me.map(|me| me.network)
    }

    fn patience(&self, peer: &NodeId) -> core::time::Duration {
        if self.is_far(peer) {
            FAR_PATIENCE
        } else {
            NEAR_PATIENCE
        }
    }

    /// True where it is worth to ask others for a way to a node.
    pub(super) fn has_detour(&mut self, peer: &NodeId) -> bool {
        !self.dead.contains(peer) && !self.helpers_for(peer).is_empty()
    }

    pub(super) fn expire_detours(&mut self, now: Time) {
        for (peer, addresses, step) in self.links.detours(now, &mut self.out) {
            let relay = match step {
                Step::GiveUp => {
                    self.links.dial_failed(now, &peer);
                    self.unreached(now, peer);
                    continue;
                }
                Step::Call => None,
                Step::Relay(number) => Some(number),
            };
            let helpers = self.helpers_for(&peer);
            let asked = match relay {
                // Where there are fewer, one is asked again: it may have a link to the peer by now.
                Some(number) if !helpers.is_empty() => {
                    let turn = number % helpers.len();
                    &helpers[turn..=turn]
                }
                _ => &helpers,
            };
            let reach = Frame::Reach(Reach {
                peer,
                addresses,
                relay: relay.is_some(),
            });
            for (helper, addresses) in asked {
                self.send_or_dial(now, (*helper, addresses), &reach);
            }
        }
    }

    /// Those who help with the dial to a node, if it may be out of reach: the same ones from the first step to the last.
    fn helpers_for(&mut self, peer: &NodeId) -> Vec<(NodeId, Addresses)> {
        let helpers = self.links.helpers(peer);
        if !helpers.is_empty() || !self.is_far(peer) && !self.is_member(peer) {
            return helpers;
        }
        let helpers = self.helpers_towards(peer);
        self.links.ask(peer, helpers.clone());
        helpers
    }

    /// Whom to ask for a way to a node: whoever carried the last link to it; then those on several networks, those
    /// that are linked, and those on another network than this node's. Others each time it comes to nothing.
    fn helpers_towards(&self, peer: &NodeId) -> Vec<(NodeId, Addresses)> {
        let Some(view) = self.view.as_ref().filter(|_| !self.joining.is_outside()) else {
            return self.helpers_outside(peer);
        };
        let last = self.links.relay(peer);
        let home = view.member(&self.config.id).map(|me| me.network);
        let fit = view.members().filter(|member| {
            let id = &member.id;
            id != peer && *id != self.config.id && !self.detector.suspects(id)
        });
        // Who is neither linked nor on several networks knows no more than this node.
        let fit = fit
            .filter(|member| self.links.is_direct(&member.id) || member.addresses.are_manifold());
        let mut ranked: Vec<_> = fit
            .map(|member| {
                let rank = (
                    Some(member.id) != last,
                    !member.addresses.are_manifold(),
                    !self.links.is_direct(&member.id),
                    Some(member.network) == home,
                );
                (rank, member)
            })
            .collect();
        ranked.sort_by_key(|&(rank, member)| (rank, member.key));
        if !ranked.is_empty() {
            let turn = self.links.failures(peer) as usize * HELPERS;
            let first = turn % ranked.len();
            ranked.rotate_left(first);
        }
        let helpers = ranked.into_iter().take(HELPERS);
        helpers
            .map(|(_, member)| (member.id, member.addresses.clone()))
            .collect()
    }

    /// Whom to ask while this node is no member: the doors that a director has named, and former fellows.
    fn helpers_outside(&self, peer: &NodeId) -> Vec<(NodeId, Addresses)> {
        let doors = self.doors.shown().iter();
        let doors = doors.map(|door| (door.id, &door.addresses));
        let fellows = self.view.iter().flat_map(|view| view.members());
        let fellows = fellows
            .filter(|one| self.links.is_direct(&one.id))
            .map(|one| (one.id, &one.addresses));
        let others = doors
            .chain(fellows)
            .filter(|(id, _)| id != peer && *id != self.config.id);
        others
            .map(|(id, addresses)| (id, addresses.clone()))
            .take(HELPERS)
            .collect()
    }

    /// Where a node is dialled, as a view says or said: whatever others say, that comes first.
    pub(super) fn known_addresses(&self, peer: &NodeId) -> Option<Addresses> {
        let view = self.view.as_ref();
        let member = view.and_then(|view| view.member(peer));
        let member = member.map(|member| &member.addresses);
        member.or_else(|| self.lost.addresses(peer)).cloned()
    }

    /// Where to dial a node at somebody's wish, and how far to trust that: what a view says comes first, and else what
    /// somebody says who is at that host.
    pub(super) fn whereabouts(
        &self,
        peer: &NodeId,
        said: Addresses,
        teller: Option<IpAddr>,
    ) -> (Addresses, Trust) {
        let known = self.known_addresses(peer);
        known.map_or((said, Trust::Hearsay { teller }), |known| {
            (known, Trust::Known)
        })
    }

    /// Somebody waits to be dialled.
    pub(super) fn take_call(&mut self, now: Time, peer: NodeId, call: Call) {
        let teller = self.links.host(&peer);
        let (addresses, trust) = self.whereabouts(&call.peer, call.addresses, teller);
        if call.peer == self.config.id || trust != Trust::Known && !self.is_member(&peer) {
            return;
        }
        let whither = (call.peer, &addresses, trust);
        self.links.dial_for(now, peer, whither, &mut self.out);
    }

    /// A relay has room for a link that this node wanted, or that somebody wants to it.
    pub(super) fn take_circuit(&mut self, now: Time, relay: NodeId, circuit: &Circuit) {
        let &Circuit {
            number,
            peer,
            dials,
            comes,
        } = circuit;
        let helpers = self.links.helpers(&peer);
        let was_asked = helpers.iter().any(|(helper, _)| *helper == relay);
        let is_member = self.is_member(&relay) || was_asked;
        if peer == self.config.id || peer == relay || dials && !was_asked {
            return;
        }
        let addresses = self.links.direct(&relay).and_then(Made::addresses);
        if comes && addresses.is_none() || !self.circuits.comes(now, relay, is_member) {
            return;
        }
        self.links.relayed_by(&peer, relay);
        self.out.push_back(Output::Circuit {
            ticket: Ticket { relay, number },
            relay: addresses.filter(|_| comes),
            peer,
            dials,
        });
    }
}

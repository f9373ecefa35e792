//! Reaching nodes that cannot be dialled: they are asked to dial, or a third node carries a circuit.
//!
//! `PROTOCOL.md` §3.5. Every member may be asked to help. Not here: when to ask (`detour`), what a helper does
//! (`helping`).

mod doors;
mod helping;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

use ringtalk_wire::{Addresses, Call, Circuit, Contact, Frame, NodeId, Reach, Ticket};

use crate::config::RingKind;
use crate::context::Context;
use crate::machines::circuits::Circuits;
use crate::machines::links::DialledBy;
use crate::machines::links::detour::{DialStep, HELPERS};
use crate::{Output, Time, Trust, View};
use doors::Doors;
pub use doors::Registration;

/// The circuits that this node carries, and the doors that it knows.
#[derive(Debug, Default)]
pub(crate) struct Reaching {
    circuits: Circuits,
    doors: Doors,
}

impl Reaching {
    /// Takes the doors that a director names.
    pub(crate) fn set_doors(&mut self, doors: Vec<Contact>) {
        self.doors.set(doors);
    }

    /// Decides anew where newcomers should turn, because a new view is in force.
    pub(crate) fn follow(&mut self, context: &Context, view: &View) {
        if context.is_coordinator() {
            self.doors.choose(context, view);
        } else {
            self.doors.follow(context);
        }
    }

    /// Returns where newcomers should turn, while this node follows a coordinator.
    pub(crate) fn directions(&self, context: &Context) -> Option<&Arc<Registration>> {
        self.doors.directions(context)
    }

    /// Returns what to register at the directors while this node is the coordinator.
    pub(crate) fn registration(&self, context: &Context) -> Option<&Arc<Registration>> {
        self.doors.registration(context)
    }

    /// Takes a director's notice of a newcomer that is on its way to this coordinator and may not get through.
    pub(crate) fn expect_newcomer(
        &mut self,
        context: &Context,
        newcomer: NodeId,
        addresses: Addresses,
        director: Option<IpAddr>,
    ) {
        self.doors
            .expect_newcomer(context, newcomer, addresses, director);
    }

    /// Returns when to dial an announced newcomer.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.doors.deadline()
    }

    /// Dials the announced newcomers that have not arrived.
    pub(crate) fn expire(&mut self, context: &mut Context) {
        self.doors.expire(context);
    }

    /// Records that a circuit through this node has ended.
    pub(crate) fn circuit_over(&mut self, number: u64) {
        self.circuits.close(number);
    }

    /// Returns how many circuits this node carries.
    pub(crate) fn circuits(&self) -> usize {
        self.circuits.len()
    }

    /// Returns true if others can be asked to help with a dial to a node.
    pub(crate) fn can_ask_helpers(&mut self, context: &mut Context, peer: &NodeId) -> bool {
        !context.people.dead.contains(peer) && !self.helpers_for(context, peer).is_empty()
    }

    /// Asks others to help with a dial to a peer that does not answer. Returns the peer if it is given up.
    pub(crate) fn ask_helpers(
        &mut self,
        context: &mut Context,
        (peer, addresses, step): (NodeId, Addresses, DialStep),
    ) -> Option<NodeId> {
        let carrier = match step {
            DialStep::GiveUp => {
                context.links.dial_failed(context.now, &peer);
                return Some(peer);
            }
            DialStep::AskToDialBack => None,
            DialStep::AskCarrier(number) => Some(number),
        };
        let helpers = self.helpers_for(context, &peer);
        let asked = match carrier {
            // If there are fewer helpers than steps, one is asked again: it may have a link to the peer by then.
            Some(number) if !helpers.is_empty() => {
                let turn = number % helpers.len();
                &helpers[turn..=turn]
            }
            _ => &helpers,
        };
        let reach = Frame::Reach(Reach {
            peer,
            addresses,
            relay: carrier.is_some(),
        });
        for (helper, addresses) in asked {
            context.send_or_dial((*helper, addresses), &reach);
        }
        None
    }

    /// Returns the helpers for a dial to a node that may be out of reach: the same ones from the first step to the
    /// last.
    fn helpers_for(&mut self, context: &mut Context, peer: &NodeId) -> Vec<(NodeId, Addresses)> {
        if context.config.kind == RingKind::Room {
            return Vec::new();
        }
        let helpers = context.links.helpers(peer);
        if !helpers.is_empty() || !context.is_far(peer) && !context.is_member(peer) {
            return helpers;
        }
        let helpers = self.helpers_towards(context, peer);
        context.links.set_helpers(peer, helpers.clone());
        helpers
    }

    /// Returns the best helpers for a node: the carrier of the last link to it, then members on several networks,
    /// linked ones, and those on another network than this node's. After each failure the next ones follow.
    fn helpers_towards(&self, context: &Context, peer: &NodeId) -> Vec<(NodeId, Addresses)> {
        let Some(view) = context.view_as_member() else {
            return self.helpers_outside(context, peer);
        };
        let last = context.links.carrier(peer);
        let home = view.member(&context.config.id).map(|me| me.network);
        let fit = view.members().filter(|member| {
            let id = &member.id;
            id != peer && *id != context.config.id && !context.detector.suspects(id)
        });
        // A member that is neither linked nor on several networks has no better chance than this node. One whose link is
        // carried cannot carry another, but can have the peer dial.
        let fit =
            fit.filter(|member| context.links.is_up(&member.id) || member.addresses.are_manifold());
        let mut ranked: Vec<_> = fit
            .map(|member| {
                let rank = (
                    Some(member.id) != last,
                    !member.addresses.are_manifold(),
                    !context.links.is_direct(&member.id),
                    Some(member.network) == home,
                );
                (rank, member)
            })
            .collect();
        ranked.sort_by_key(|&(rank, member)| (rank, member.key));
        if !ranked.is_empty() {
            let turn = context.links.failures(peer) as usize * HELPERS;
            let first = turn % ranked.len();
            ranked.rotate_left(first);
        }
        let helpers = ranked.into_iter().take(HELPERS);
        helpers
            .map(|(_, member)| (member.id, member.addresses.clone()))
            .collect()
    }

    /// Returns the helpers while this node is not a member: named doors, and linked members of its last view.
    fn helpers_outside(&self, context: &Context, peer: &NodeId) -> Vec<(NodeId, Addresses)> {
        let doors = self.doors.named().iter();
        let doors = doors.map(|door| (door.id, &door.addresses));
        let fellows = context.view.iter().flat_map(|view| view.members());
        let fellows = fellows
            .filter(|one| context.links.is_direct(&one.id))
            .map(|one| (one.id, &one.addresses));
        let others = doors
            .chain(fellows)
            .filter(|(id, _)| id != peer && *id != context.config.id);
        others
            .map(|(id, addresses)| (id, addresses.clone()))
            .take(HELPERS)
            .collect()
    }

    /// Dials a node that failed to dial this one.
    pub(crate) fn take_call(context: &mut Context, peer: NodeId, call: Call) {
        let teller = context.links.host(&peer);
        let (addresses, trust) = context.dial_target(&call.peer, call.addresses, teller);
        if call.peer == context.config.id || trust != Trust::Known && !context.is_member(&peer) {
            return;
        }
        let target = (call.peer, &addresses, trust);
        context.dial_on_behalf(peer, target);
    }

    /// Takes a circuit that another node is ready to carry: this node asked for it, or the peer did.
    pub(crate) fn take_circuit(
        &mut self,
        context: &mut Context,
        carrier: NodeId,
        circuit: &Circuit,
    ) {
        let now = context.now;
        let &Circuit {
            number,
            peer,
            dials,
            comes,
        } = circuit;
        let helpers = context.links.helpers(&peer);
        let was_asked = helpers.iter().any(|(helper, _)| *helper == carrier);
        let is_member = context.is_member(&carrier) || was_asked;
        if peer == context.config.id || peer == carrier || dials && !was_asked {
            return;
        }
        let addresses = context
            .links
            .dialled_by(&carrier)
            .and_then(DialledBy::addresses);
        if comes && addresses.is_none() || !self.circuits.note_incoming(now, carrier, is_member) {
            return;
        }
        context.links.set_carrier(&peer, carrier);
        context.out.push_back(Output::Circuit {
            ticket: Ticket {
                relay: carrier,
                number,
            },
            carrier: addresses.filter(|_| comes),
            peer,
            dials,
        });
    }
}

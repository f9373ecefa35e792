//! Helping two others to reach each other: this node asks one of them to dial, or carries a circuit.
//!
//! `PROTOCOL.md` §3.5. A circuit is encrypted from end to end. Not here: help for this node (`reaching`), the limits
//! of circuits (`circuits`).

use alloc::boxed::Box;

use ringtalk_wire::{Call, Circuit, Frame, NodeId, Reach, Ticket};

use super::Reaching;
use crate::Output;
use crate::context::Context;
use crate::machines::links::DialledBy;

impl Reaching {
    /// Takes a request for help from a node that does not reach a peer.
    pub(crate) fn take_reach(&mut self, context: &mut Context, asker: NodeId, reach: Reach) {
        let Reach {
            peer,
            addresses,
            relay,
        } = reach;
        let between_strangers = !context.is_member(&asker) && !context.is_member(&peer);
        if peer == context.config.id || peer == asker || between_strangers {
            return;
        }
        let Some(view) = context.view.clone() else {
            return;
        };
        let teller = context.links.host(&asker);
        let (addresses, trust) = context.dial_target(&peer, addresses, teller);
        let target = (peer, &addresses, trust);
        if relay && context.links.is_up(&peer) {
            return self.open_circuit(context, asker, peer);
        }
        let caller = view.member(&asker).filter(|_| !relay);
        match caller {
            Some(caller) => {
                let call = Frame::Call(Call {
                    peer: asker,
                    addresses: caller.addresses.clone(),
                });
                context.send_on_behalf(asker, target, &call);
            }
            // The asker will soon want a circuit. If the link is not up in time for that, it is for the next request.
            None => {
                context.dial_on_behalf(asker, target);
            }
        }
    }

    /// Carries a circuit between two nodes if this node has links to both that no other node carries.
    fn open_circuit(&mut self, context: &mut Context, asker: NodeId, peer: NodeId) {
        let ends = context
            .links
            .dialled_by(&asker)
            .zip(context.links.dialled_by(&peer));
        let Some((to_asker, to_peer)) = ends else {
            return;
        };
        let [to_asker, to_peer] = [to_asker, to_peer].map(DialledBy::addresses);
        let view = context.view.clone();
        let is_member = |id: &NodeId| view.as_ref().is_some_and(|view| view.contains(id));
        if let Some(before) = self.circuits.between([asker, peer]) {
            self.end_circuit(context, before);
        }
        let Some(number) = self.circuits.open([asker, peer], is_member) else {
            return;
        };
        tracing::info!(
            ?asker,
            ?peer,
            circuits = self.circuits.len(),
            "carrying a circuit between two others"
        );
        for (end, far, dials, dialled) in [
            (asker, peer, true, to_asker.is_some()),
            (peer, asker, false, to_peer.is_some()),
        ] {
            let circuit = Frame::Circuit(Circuit {
                number,
                peer: far,
                dials,
                comes: !dialled,
            });
            context.send(&end, &circuit);
        }
        context.out.push_back(Output::Splice {
            ticket: Ticket {
                relay: context.config.id,
                number,
            },
            ends: Box::new([(asker, to_asker), (peer, to_peer)]),
        });
    }

    /// Ends a circuit that this node carries.
    fn end_circuit(&mut self, context: &mut Context, number: u64) {
        self.circuits.close(number);
        context.out.push_back(Output::Unsplice { number });
    }

    /// Ends circuits with an end that is neither a member nor linked any more.
    pub(crate) fn end_unneeded_circuits(&mut self, context: &mut Context) {
        let view = context.view.as_ref();
        let ended = self.circuits.with_unknown_end(|id| {
            context.links.is_up(id) || view.is_some_and(|view| view.contains(id))
        });
        for number in ended {
            self.end_circuit(context, number);
        }
    }
}

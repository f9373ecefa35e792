//! The network of a node: links, circuits, and dials, whose outcome is a happening.
//!
//! Not here: whom to dial, what to send (the core).

use ringtalk_proto::Trust;
use ringtalk_wire::{Addresses, NodeId};

use super::circuits::Circuits;
use super::inbox::{Happening, Inbox};
use super::traffic::Links;
use crate::link::dialler::Dialler;

/// The connections between this node and others.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) dialler: Dialler,
    pub(super) circuits: Circuits,
    pub(super) links: Links,
    /// The queue for everything that happens.
    pub(super) inbox: Inbox,
}

impl Network {
    /// Dials a peer, in the background; the outcome is a happening.
    pub(super) fn dial(&self, peer: NodeId, addresses: Addresses, trust: Trust) {
        let (dialler, inbox) = (self.dialler.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let happening = match dialler.dial(addresses, peer, trust).await {
                Ok(link) => Happening::Linked {
                    link: Box::new(link),
                    dialled: true,
                },
                Err(failure) => Happening::Undialled { peer, failure },
            };
            let _ = inbox.send(happening).await;
        });
    }

    /// Checks in the background whether a peer answers at its addresses; the outcome is a happening.
    pub(super) fn check(&self, peer: NodeId, addresses: Addresses) {
        let (dialler, inbox) = (self.dialler.clone(), self.inbox.clone());
        tokio::spawn(async move {
            // If there was no time to look, the peer is told nothing, and asks again.
            if let Some(reached) = dialler.check(&addresses, peer).await {
                let _ = inbox.send(Happening::Checked { peer, reached }).await;
            }
        });
    }
}

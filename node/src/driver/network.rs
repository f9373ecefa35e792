//! The network of a node: connections, circuits, and dials, whose outcome goes to the inbox.
//!
//! Not here: whom to dial, what to send (the core).

use ringtalk_proto::Trust;
use ringtalk_wire::{Addresses, NodeId};

use super::circuits::Circuits;
use super::connections::Connections;
use super::inbox::{DriverEvent, Inbox};
use crate::link::dialler::Dialler;

/// The connections between this node and others.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) dialler: Dialler,
    pub(super) circuits: Circuits,
    pub(super) connections: Connections,
    /// The queue for everything that happens.
    pub(super) inbox: Inbox,
}

impl Network {
    /// Dials a peer, in the background; the outcome goes to the inbox.
    pub(super) fn dial(&self, peer: NodeId, addresses: Addresses, trust: Trust) {
        let (dialler, inbox) = (self.dialler.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let event = match dialler.dial(addresses, peer, trust).await {
                Ok(link) => DriverEvent::Linked {
                    link: Box::new(link),
                    dialled: true,
                },
                Err(failure) => DriverEvent::DialFailed { peer, failure },
            };
            let _ = inbox.send(event).await;
        });
    }

    /// Checks in the background whether a peer answers at its addresses; the outcome goes to the inbox.
    pub(super) fn check(&self, peer: NodeId, addresses: Addresses) {
        let (dialler, inbox) = (self.dialler.clone(), self.inbox.clone());
        tokio::spawn(async move {
            // If there was no time to look, the peer is told nothing, and asks again.
            if let Some(reached) = dialler.check(&addresses, peer).await {
                let _ = inbox.send(DriverEvent::Checked { peer, reached }).await;
            }
        });
    }
}

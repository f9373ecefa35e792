//! The network of a node: connections, circuits, and dials, whose outcome goes to the inbox.
//!
//! Not here: whom to dial, what to send (the core).

use std::time::Duration;

use ringtalk_proto::{MemberEntrance, Trust};
use ringtalk_wire::{Addresses, NodeId};
use tokio::time::timeout;

use super::circuits::Circuits;
use super::connections::Connections;
use super::director_circuits::DirectorCircuits;
use super::inbox::{DriverEvent, Inbox};
use crate::link::dialler::Dialler;

/// How long a dial may take before directors are asked for a circuit: as long as a dial to another network takes before
/// members are asked for help.
const PATIENCE: Duration = Duration::from_millis(400);

/// The connections between this node and others.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) dialler: Dialler,
    pub(super) circuits: Circuits,
    pub(super) director_circuits: DirectorCircuits,
    pub(super) connections: Connections,
    /// The queue for everything that happens.
    pub(super) inbox: Inbox,
}

impl Network {
    /// Dials a peer, in the background; the outcome goes to the inbox. If that takes long or fails, directors are asked
    /// for a circuit.
    pub(super) fn dial(&self, peer: NodeId, addresses: Addresses, trust: Trust) {
        let (dialler, inbox) = (self.dialler.clone(), self.inbox.clone());
        let circuits = self.director_circuits.clone();
        tokio::spawn(async move {
            let dial = dialler.dial(addresses, peer, trust);
            tokio::pin!(dial);
            let early = timeout(PATIENCE, &mut dial).await;
            let has_link = matches!(early, Ok(Ok(_)));
            let detour = if has_link { None } else { circuits.link(peer) };
            let result = match early {
                Ok(result) => result,
                Err(_) => dial.await,
            };
            if let Some(detour) = detour.filter(|_| result.is_err()) {
                // The peer may still come.
                drop(detour.detach());
            }
            let event = match result {
                Ok(link) => DriverEvent::Linked {
                    link: Box::new(link),
                    dialled: true,
                },
                Err(failure) => DriverEvent::DialFailed { peer, failure },
            };
            let _ = inbox.send(event).await;
        });
    }

    /// Tries in the background which of the entrances that members named lead to them: a member may name any address.
    /// This node's own are taken for tried. The outcome goes to the inbox.
    pub(super) fn try_entrances(&self, me: NodeId, named: Vec<MemberEntrance>) {
        let (dialler, inbox) = (self.dialler.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let tries = named.into_iter().map(|one| {
                let dialler = dialler.clone();
                tokio::spawn(async move {
                    let is_there =
                        one.member == me || dialler.is_at(&one.address, one.member).await;
                    is_there.then_some(one)
                })
            });
            let tries: Vec<_> = tries.collect();
            let mut found = Vec::new();
            for attempt in tries {
                found.extend(attempt.await.ok().flatten());
            }
            let _ = inbox.send(DriverEvent::EntrancesTried { found }).await;
        });
    }

    /// Checks in the background whether a peer answers at its addresses; the outcome goes to the inbox.
    pub(super) fn check(&self, peer: NodeId, addresses: Addresses) {
        let (dialler, inbox) = (self.dialler.clone(), self.inbox.clone());
        tokio::spawn(async move {
            // If there was no time to look, the peer is told nothing, and asks again.
            if let Some(at) = dialler.check(&addresses, peer).await {
                let _ = inbox.send(DriverEvent::Checked { peer, at }).await;
            }
        });
    }
}

//! Dialling: links that are being made, directly or with the help of others.
//!
//! Not here: the order of the attempts (`detour`), and the choice of helpers (`concerns::reaching`).

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use ringtalk_wire::{Addresses, Frame, NodeId};

use super::Links;
use super::detour::{Dial, DialStep};
use crate::config::FAR_PATIENCE;
use crate::{Output, Time, Trust};

/// How many dials on behalf of others there are at a time: in all, for one peer, and for the directors, which speak
/// for all newcomers.
const PROXY_DIALS: usize = 12;
const PROXY_DIALS_OF_NODE: usize = 2;
const PROXY_DIALS_OF_DIRECTORS: usize = 8;
/// How many of them go to one host, so that many newcomers at one address leave room for others. Homes behind one
/// router are one host, and a few newcomers of theirs may come at once.
const PROXY_DIALS_AT_HOST: usize = 4;

/// Which end of a link has dialled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum DialledBy {
    /// This end, at these addresses.
    Us(Addresses),
    /// The far end.
    Peer,
}

impl DialledBy {
    /// Returns where the far end was dialled, if this end dialled.
    pub(crate) fn addresses(self) -> Option<Addresses> {
        match self {
            Self::Us(addresses) => Some(addresses),
            Self::Peer => None,
        }
    }
}

impl Links {
    /// Returns true if a peer is being dialled.
    pub(crate) fn is_dialling(&self, peer: &NodeId) -> bool {
        self.dials.contains_key(peer)
    }

    /// Dials a peer that has no link, unless it is being dialled, or was dialled just now. Others are asked for help
    /// if it does not answer within `patience`.
    pub(crate) fn dial(
        &mut self,
        now: Time,
        (peer, addresses): (NodeId, &Addresses),
        patience: Duration,
        out: &mut VecDeque<Output>,
    ) {
        if let Some(dial) = self.dials.get_mut(&peer) {
            if dial.on_behalf_of().is_none() || dial.addresses() == addresses {
                return dial.become_own(now, patience);
            }
            // The dial on behalf of others goes to other addresses.
            let dial = Dial::new(now, addresses.clone(), patience);
            return self.start_dial(peer, dial, Trust::Own, out);
        }
        let entry = self.peers.entry(peer).or_default();
        if entry.current.is_none() && entry.dial_again <= now {
            let dial = match entry.carrier {
                Some(_) => Dial::with_carrier(now, addresses.clone()),
                None => Dial::new(now, addresses.clone(), patience),
            };
            self.start_dial(peer, dial, Trust::Own, out);
        }
    }

    fn start_dial(&mut self, peer: NodeId, dial: Dial, trust: Trust, out: &mut VecDeque<Output>) {
        let addresses = dial.addresses().clone();
        self.peers
            .entry(peer)
            .or_default()
            .addresses
            .clone_from(&addresses);
        self.dials.insert(peer, dial);
        out.push_back(Output::Dial {
            peer,
            addresses,
            trust,
        });
    }

    /// Dials a peer on behalf of `requester`, without asking for help. Returns true if the peer is being dialled.
    /// There is room for a few such dials.
    pub(crate) fn dial_on_behalf(
        &mut self,
        now: Time,
        requester: NodeId,
        (peer, addresses, trust): (NodeId, &Addresses, Trust),
        out: &mut VecDeque<Output>,
    ) -> bool {
        if self.dials.contains_key(&peer) {
            return true;
        }
        if !self.has_room_for(requester, addresses) {
            return false;
        }
        let entry = self.peers.entry(peer).or_default();
        if entry.current.is_some() || entry.dial_again > now {
            return false;
        }
        let dial = Dial::on_behalf(now, addresses.clone(), requester);
        self.start_dial(peer, dial, trust, out);
        true
    }

    /// Returns true if there is room for one more dial on behalf of `requester`. For a director it is this node itself.
    fn has_room_for(&self, requester: NodeId, addresses: &Addresses) -> bool {
        let dials = self.dials.values();
        let dials = dials.filter_map(|dial| Some((dial.on_behalf_of()?, dial.addresses())));
        let of_one = dials.clone().filter(|(one, _)| *one == requester);
        let host = host(addresses);
        let at_host = dials.clone().filter(|(_, one)| self::host(one) == host);
        let room = if requester == self.me {
            PROXY_DIALS_OF_DIRECTORS
        } else {
            PROXY_DIALS_OF_NODE
        };
        dials.count() < PROXY_DIALS
            && of_one.count() < room
            && at_host.count() < PROXY_DIALS_AT_HOST
    }

    /// Sends a frame on behalf of `requester`, over a link that is made if there is none.
    pub(crate) fn send_on_behalf(
        &mut self,
        now: Time,
        requester: NodeId,
        target: (NodeId, &Addresses, Trust),
        frame: &Frame,
        out: &mut VecDeque<Output>,
    ) {
        let peer = target.0;
        if self.send(now, &peer, frame, out) {
            return;
        }
        if self.dial_on_behalf(now, requester, target, out) {
            self.keep_pending_frame(peer, frame);
        }
    }

    /// Returns the detours that are due, each with its peer and where that is dialled. A peer whose dial had failed
    /// is dialled once more as well.
    pub(crate) fn due_detours(
        &mut self,
        now: Time,
        out: &mut VecDeque<Output>,
    ) -> Vec<(NodeId, Addresses, DialStep)> {
        let mut steps = Vec::new();
        for (&peer, dial) in &mut self.dials {
            let Some(step) = dial.step(now) else { continue };
            let addresses = dial.addresses().clone();
            if step != DialStep::GiveUp && dial.begin_again() {
                // Only dials of this node's own have detours.
                out.push_back(Output::Dial {
                    peer,
                    addresses: addresses.clone(),
                    trust: Trust::Own,
                });
            }
            steps.push((peer, addresses, step));
        }
        steps
    }

    /// Starts all detours over: a new member may reach the peers that this node does not.
    pub(crate) fn restart_detours(&mut self, now: Time) {
        for dial in self.dials.values_mut() {
            dial.restart(now, FAR_PATIENCE);
        }
    }

    /// Returns when [`Links::due_detours`] is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.dials.values().filter_map(Dial::deadline).min()
    }

    /// Notes that nobody answers where a peer was dialled. Returns true if a detour may be left: the dial is this
    /// node's own.
    pub(crate) fn start_detour(&mut self, now: Time, peer: &NodeId) -> bool {
        let dial = self.dials.get_mut(peer);
        let own = dial.filter(|dial| dial.on_behalf_of().is_none());
        own.map(|dial| dial.fail(now)).is_some()
    }

    /// Returns the members that are asked for help with a dial; they stay the same from the first request on.
    pub(crate) fn helpers(&self, peer: &NodeId) -> Vec<(NodeId, Addresses)> {
        let dial = self.dials.get(peer);
        dial.map(|dial| dial.helpers().to_vec()).unwrap_or_default()
    }

    /// Sets the members that are to be asked for help with a dial.
    pub(crate) fn set_helpers(&mut self, peer: &NodeId, helpers: Vec<(NodeId, Addresses)>) {
        if let Some(dial) = self.dials.get_mut(peer) {
            dial.set_helpers(helpers);
        }
    }

    /// Returns how many dials to a peer came to nothing in a row.
    pub(crate) fn failures(&self, peer: &NodeId) -> u32 {
        self.peers.get(peer).map_or(0, |peer| peer.failures)
    }

    /// Notes which node is about to carry the link to a peer.
    pub(crate) fn set_carrier(&mut self, peer: &NodeId, carrier: NodeId) {
        self.peers.entry(*peer).or_default().carrier = Some(carrier);
    }

    /// Returns the node that carried the last link to a peer.
    pub(crate) fn carrier(&self, peer: &NodeId) -> Option<NodeId> {
        self.peers.get(peer)?.carrier
    }

    /// Returns true if there is a direct link to a peer.
    pub(crate) fn is_direct(&self, peer: &NodeId) -> bool {
        self.current(peer).is_some_and(|current| !current.carried)
    }

    /// Returns how the direct link to a peer was made, if there is one.
    pub(crate) fn dialled_by(&self, peer: &NodeId) -> Option<DialledBy> {
        let entry = self.peers.get(peer)?;
        let current = entry.current.as_ref().filter(|one| !one.carried)?;
        Some(if current.dialled {
            DialledBy::Us(entry.addresses.clone())
        } else {
            DialledBy::Peer
        })
    }

    /// Returns the host that a peer's last link came from, or was made to.
    pub(crate) fn host(&self, peer: &NodeId) -> Option<IpAddr> {
        self.peers.get(peer)?.host
    }

    /// Returns true if a peer was dialled at these addresses last.
    pub(crate) fn was_dialled_at(&self, peer: &NodeId, addresses: &Addresses) -> bool {
        let peer = self.peers.get(peer);
        peer.is_some_and(|peer| peer.addresses == *addresses)
    }

    /// Returns true if this peer answered this node's dial at one of these hosts.
    pub(crate) fn was_reached_at(&self, peer: &NodeId, hosts: &[IpAddr]) -> bool {
        let reached = self.peers.get(peer).and_then(|peer| peer.answered_at);
        reached.is_some_and(|host| hosts.contains(&host))
    }

    /// Returns true if the last link to this peer was a circuit.
    pub(crate) fn was_carried(&self, peer: &NodeId) -> bool {
        let peer = self.peers.get(peer);
        peer.is_some_and(|peer| peer.carrier.is_some() && peer.host.is_none())
    }
}

/// Returns the host of a node's internal address.
fn host(addresses: &Addresses) -> &str {
    let address = addresses.internal.as_str();
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_micros(1_000_000);

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn at(host: u8) -> Addresses {
        Addresses::at(alloc::format!("192.0.2.{host}:4000"))
    }

    /// Returns which of these newcomers, each at its host, are dialled on behalf of `requester`.
    fn dialled(links: &mut Links, requester: NodeId, newcomers: &[(u8, u8)]) -> Vec<u8> {
        let trust = Trust::Hearsay { teller: None };
        let dialled = newcomers.iter().filter(|&&(number, host)| {
            let mut out = VecDeque::new();
            links.dial_on_behalf(NOW, requester, (id(number), &at(host), trust), &mut out)
                && out.len() == 1
        });
        dialled.map(|(number, _)| *number).collect()
    }

    #[test]
    fn dials_on_behalf_of_others_are_bounded_in_all_per_node_and_per_host() {
        let mut links = Links::new(id(0));
        let of_one_host = [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)];
        assert_eq!(dialled(&mut links, id(0), &of_one_host), [1, 2, 3, 4]);
        let of_others = [(6, 2), (7, 3), (8, 4), (9, 5), (10, 6)];
        assert_eq!(dialled(&mut links, id(0), &of_others), [6, 7, 8, 9]);
        let of_peer = [(11, 7), (12, 1), (13, 8), (14, 9)];
        assert_eq!(dialled(&mut links, id(100), &of_peer), [11, 13]);
        let of_another = [(15, 10), (16, 11)];
        assert_eq!(dialled(&mut links, id(101), &of_another), [15, 16]);
        assert_eq!(dialled(&mut links, id(102), &[(17, 12)]), []);
        links.dial_failed(NOW, &id(1));
        assert_eq!(dialled(&mut links, id(102), &[(17, 12)]), [17]);
    }

    #[test]
    fn a_nodes_own_dial_uses_its_own_addresses_for_the_peer() {
        let (mut links, mut out) = (Links::new(id(0)), VecDeque::new());
        assert_eq!(dialled(&mut links, id(100), &[(1, 1)]), [1]);
        links.dial(NOW, (id(1), &at(2)), Duration::ZERO, &mut out);
        let dial = out.pop_front().unwrap();
        assert!(
            matches!(&dial, Output::Dial { addresses, trust: Trust::Own, .. } if *addresses == at(2)),
            "{dial:?}"
        );
        assert_eq!(links.dials[&id(1)].on_behalf_of(), None);
    }
}

//! Dials: a host dials an address, and is accepted, refused, or never answered.
//!
//! Not here: what a connection carries (`pipe`).

use core::time::Duration;

use ringtalk_proto::{LinkId, Time};
use ringtalk_wire::{Addresses, NodeId};

use super::circuit::Carriage;
use super::{
    Arrival, Connection, End, EndState, Health, HostIndex, Network, NetworkEvent, Passage, Pipe,
    host_of,
};

/// How long a dial may stay without an answer.
pub(super) const DIAL_PATIENCE: Duration = Duration::from_secs(3);

/// A dial that has not been answered yet.
#[derive(Debug)]
pub(super) struct PendingDial {
    from: HostIndex,
    peer: NodeId,
    addresses: Addresses,
    given_up: bool,
}

impl PendingDial {
    fn refusal(&self) -> Arrival {
        Arrival::DialFailed {
            peer: self.peer,
            refused: self.addresses.all().filter_map(host_of).collect(),
        }
    }
}

impl Network {
    /// Dials a peer; whatever happens, the dialler gets an answer.
    pub(crate) fn dial(&mut self, now: Time, from: HostIndex, peer: NodeId, addresses: Addresses) {
        let dial = self.next_id();
        self.dials += 1;
        self.pending_dials.insert(
            dial,
            PendingDial {
                from,
                peer,
                addresses,
                given_up: false,
            },
        );
        let latency = self.latency();
        if let Passage::Late(late) = self.conditions.draw_passage(&mut self.random) {
            self.events
                .push(now + latency + late, NetworkEvent::Dial(dial));
        }
        self.events
            .push(now + DIAL_PATIENCE, NetworkEvent::DialTimeout(dial));
    }

    pub(super) fn deliver_dial(&mut self, now: Time, dial: u64) {
        let Some(pending) = self.pending_dials.get(&dial) else {
            return;
        };
        let from = pending.from;
        let known = pending.addresses.all();
        let known: Vec<HostIndex> = known
            .filter_map(|address| self.addresses.get(address).copied())
            .collect();
        let target = known.iter().copied().find(|&to| self.admits(from, to));
        let Some(target) = target else {
            if known.is_empty() {
                self.refuse_dial(dial);
            }
            return;
        };
        let matches = self.hosts[target].id == pending.peer;
        if self.conditions.is_cut(from, target) || self.conditions.is_cut(target, from) {
            return;
        }
        match self.hosts[target].health {
            Health::Killed | Health::Left => self.refuse_dial(dial),
            Health::Running if !matches => self.refuse_dial(dial),
            Health::Running => self.accept_dial(now, dial, target),
            Health::Paused => self.hosts[target].backlog.push(dial),
            Health::Vanished => {}
        }
    }

    pub(super) fn time_out_dial(&mut self, dial: u64) {
        let Some(pending) = self.pending_dials.get(&dial) else {
            return;
        };
        let stale = self.hosts.iter().any(|host| host.backlog.contains(&dial));
        if pending.given_up {
            return;
        }
        let (from, peer) = (pending.from, pending.peer);
        if stale {
            self.pending_dials
                .entry(dial)
                .and_modify(|pending| pending.given_up = true);
        } else {
            self.pending_dials.remove(&dial);
        }
        let refused = Vec::new();
        self.notify(from, Arrival::DialFailed { peer, refused });
    }

    fn refuse_dial(&mut self, dial: u64) {
        if let Some(pending) = self.pending_dials.remove(&dial) {
            self.notify(pending.from, pending.refusal());
        }
    }

    /// Checks for a host whether a peer is reachable at the addresses that it claims.
    pub(crate) fn check(
        &mut self,
        now: Time,
        from: HostIndex,
        peer: NodeId,
        addresses: &Addresses,
    ) {
        let mut known = addresses.all();
        let at = known.find(|address| {
            self.addresses.get(*address).is_some_and(|&to| {
                let there = self.hosts[to].id == peer && self.hosts[to].health == Health::Running;
                there && self.admits(from, to)
            })
        });
        let at = at.map(ToOwned::to_owned);
        let wait = self.latency()
            + if at.is_some() {
                Duration::ZERO
            } else {
                DIAL_PATIENCE
            };
        self.events
            .push(now + wait, NetworkEvent::Checked(from, peer, at));
    }

    /// Accepts a dial, unless another process runs at that address. If the dialler is gone by now, the link is up
    /// for a moment at most: the dialler's hello had already arrived.
    pub(super) fn accept_dial(&mut self, now: Time, dial: u64, target: HostIndex) {
        let Some(pending) = self.pending_dials.remove(&dial) else {
            return;
        };
        let gone = pending.given_up || self.is_gone(pending.from);
        if self.hosts[target].id != pending.peer {
            if !gone {
                self.notify(pending.from, pending.refusal());
            }
            return;
        }
        let [near, far] = [self.next_id(), self.next_id()].map(LinkId::lobby);
        if gone {
            if self.random.chance(50) {
                self.announce(target, far, (pending.from, false), true);
                self.notify(target, Arrival::LinkDown { link: far });
            }
            return;
        }
        self.connect(now, [(pending.from, near), (target, far)], None);
    }

    /// Connects two hosts, over a circuit if one is given.
    pub(super) fn connect(
        &mut self,
        now: Time,
        [near, far]: [(HostIndex, LinkId); 2],
        circuit: Option<Carriage>,
    ) {
        let connection = self.next_id();
        let latency = self.latency();
        let end = |(host, link), state| End { host, link, state };
        self.links.insert(near.1, (connection, 0));
        self.links.insert(far.1, (connection, 1));
        self.connections.insert(
            connection,
            Connection {
                ends: [end(near, EndState::Connecting), end(far, EndState::Open)],
                pipes: [Pipe::new(now), Pipe::new(now + latency)],
                circuit,
            },
        );
        self.events
            .push(now + latency, NetworkEvent::LinkUp(connection));
        self.announce(far.0, far.1, (near.0, false), circuit.is_none());
    }

    pub(super) fn open_near_end(&mut self, connection: u64) {
        if let Some(found) = self.connections.get_mut(&connection)
            && found.ends[0].state == EndState::Connecting
        {
            found.ends[0].state = EndState::Open;
            let [near, far] = &found.ends;
            let (host, link, peer) = (near.host, near.link, far.host);
            let direct = found.circuit.is_none();
            self.announce(host, link, (peer, true), direct);
        }
    }

    fn announce(
        &mut self,
        host: HostIndex,
        link: LinkId,
        (peer, dialled): (HostIndex, bool),
        direct: bool,
    ) {
        let far = &self.hosts[peer];
        let (peer, ip) = (far.id, far.ip);
        let up = Arrival::LinkUp {
            link,
            peer,
            dialled,
            host: ip.filter(|_| direct),
        };
        self.notify(host, up);
    }
}

//! Dials: a host dials an address, and is accepted, refused, or never answered.
//!
//! Not here: what a connection carries (`pipe`).

use core::time::Duration;

use ringtalk_proto::{LinkId, Time};
use ringtalk_wire::{Addresses, NodeId, Ticket};

use super::{
    Arrival, Connection, End, EndState, Health, HostIndex, Moment, Network, Passage, Pipe, host_of,
};

/// How long a dial may stay without an answer.
pub(super) const DIAL_PATIENCE: Duration = Duration::from_secs(3);

/// A dial that has not been answered yet.
#[derive(Debug)]
pub(super) struct Knock {
    from: HostIndex,
    peer: NodeId,
    addresses: Addresses,
    given_up: bool,
}

impl Knock {
    fn refused(&self) -> Arrival {
        Arrival::DialFailed {
            peer: self.peer,
            refused: self.addresses.all().filter_map(host_of).collect(),
        }
    }
}

impl Network {
    /// Dials a peer; whatever happens, the dialler gets an answer.
    pub(crate) fn dial(&mut self, now: Time, from: HostIndex, peer: NodeId, addresses: Addresses) {
        let knock = self.name();
        self.dials += 1;
        self.knocks.insert(
            knock,
            Knock {
                from,
                peer,
                addresses,
                given_up: false,
            },
        );
        let latency = self.latency();
        if let Passage::Late(late) = self.weather.passage(&mut self.random) {
            self.agenda.plan(now + latency + late, Moment::Knock(knock));
        }
        self.agenda.plan(now + DIAL_PATIENCE, Moment::GiveUp(knock));
    }

    pub(super) fn knocked(&mut self, now: Time, knock: u64) {
        let Some(waiting) = self.knocks.get(&knock) else {
            return;
        };
        let from = waiting.from;
        let known = waiting.addresses.all();
        let known: Vec<HostIndex> = known
            .filter_map(|address| self.addresses.get(address).copied())
            .collect();
        let target = known.iter().copied().find(|&to| self.admits(from, to));
        let Some(target) = target else {
            if known.is_empty() {
                self.refuse(knock);
            }
            return;
        };
        let matches = self.hosts[target].id == waiting.peer;
        if self.weather.is_cut(from, target) || self.weather.is_cut(target, from) {
            return;
        }
        match self.hosts[target].health {
            Health::Killed | Health::Left => self.refuse(knock),
            Health::Running if !matches => self.refuse(knock),
            Health::Running => self.let_in(now, knock, target),
            Health::Paused => self.hosts[target].backlog.push(knock),
            Health::Vanished => {}
        }
    }

    pub(super) fn gave_up(&mut self, knock: u64) {
        let Some(waiting) = self.knocks.get(&knock) else {
            return;
        };
        let stale = self.hosts.iter().any(|host| host.backlog.contains(&knock));
        if waiting.given_up {
            return;
        }
        let (from, peer) = (waiting.from, waiting.peer);
        if stale {
            self.knocks
                .entry(knock)
                .and_modify(|waiting| waiting.given_up = true);
        } else {
            self.knocks.remove(&knock);
        }
        let refused = Vec::new();
        self.tell(from, Arrival::DialFailed { peer, refused });
    }

    fn refuse(&mut self, knock: u64) {
        if let Some(waiting) = self.knocks.remove(&knock) {
            self.tell(waiting.from, waiting.refused());
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
        let known = addresses.all();
        let known = known.filter_map(|address| self.addresses.get(address).copied());
        let reached = known.into_iter().any(|to| {
            let there = self.hosts[to].id == peer && self.hosts[to].health == Health::Running;
            there && self.admits(from, to)
        });
        let wait = self.latency()
            + if reached {
                Duration::ZERO
            } else {
                DIAL_PATIENCE
            };
        self.agenda
            .plan(now + wait, Moment::Checked(from, peer, reached));
    }

    /// Accepts a dial, unless another process runs at that address. If the dialler is gone by now, the link is up
    /// for a moment at most: the dialler's hello had already arrived.
    pub(super) fn let_in(&mut self, now: Time, knock: u64, target: HostIndex) {
        let Some(waiting) = self.knocks.remove(&knock) else {
            return;
        };
        let gone = waiting.given_up || self.is_gone(waiting.from);
        if self.hosts[target].id != waiting.peer {
            if !gone {
                self.tell(waiting.from, waiting.refused());
            }
            return;
        }
        let [near, far] = [self.name(), self.name()].map(LinkId);
        if gone {
            if self.random.chance(50) {
                self.announce(target, far, (waiting.from, false), true);
                self.tell(target, Arrival::LinkDown { link: far });
            }
            return;
        }
        self.connect(now, [(waiting.from, near), (target, far)], None);
    }

    /// Connects two hosts, over a circuit if one is given.
    pub(super) fn connect(
        &mut self,
        now: Time,
        [near, far]: [(HostIndex, LinkId); 2],
        circuit: Option<Ticket>,
    ) {
        let connection = self.name();
        let latency = self.latency();
        let end = |(host, link), state| End { host, link, state };
        self.links.insert(near.1, (connection, 0));
        self.links.insert(far.1, (connection, 1));
        self.connections.insert(
            connection,
            Connection {
                ends: [end(near, EndState::Opening), end(far, EndState::Open)],
                pipes: [Pipe::new(now), Pipe::new(now + latency)],
                circuit,
            },
        );
        self.agenda.plan(now + latency, Moment::Up(connection));
        self.announce(far.0, far.1, (near.0, false), circuit.is_none());
    }

    pub(super) fn opened(&mut self, connection: u64) {
        if let Some(found) = self.connections.get_mut(&connection)
            && found.ends[0].state == EndState::Opening
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
        self.tell(host, up);
    }
}

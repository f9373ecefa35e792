//! Circuits: links between two hosts that a third host, the relay, carries.
//!
//! A circuit is up when the relay and both ends have asked for it, and breaks when the relay dies. Not here: who
//! asks for a circuit (the core).

use core::time::Duration;

use ringtalk_proto::{LinkId, Time};
use ringtalk_wire::{NodeId, Ticket};

use super::{Arrival, Connection, Health, HostIndex, Moment, Network};

/// How long the two ends may take to come.
const PATIENCE: Duration = Duration::from_secs(5);

/// A circuit that is being set up, or is up.
#[derive(Debug)]
pub(super) struct Circuit {
    relay: HostIndex,
    ends: [NodeId; 2],
    /// The ends that have come: the dialling end, and the other one.
    came: [Option<HostIndex>; 2],
}

impl Network {
    /// Makes a host the relay of a circuit between two others.
    pub(crate) fn splice(
        &mut self,
        now: Time,
        relay: HostIndex,
        ticket: Ticket,
        ends: [NodeId; 2],
    ) {
        let circuit = Circuit {
            relay,
            ends,
            came: [None; 2],
        };
        self.circuits.insert(ticket, circuit);
        self.agenda
            .plan(now + PATIENCE, Moment::CircuitLate(ticket));
    }

    /// Plans that a host comes to a circuit, as its dialling end or the other one.
    pub(crate) fn come(
        &mut self,
        now: Time,
        host: HostIndex,
        (ticket, peer): (Ticket, NodeId),
        dials: bool,
    ) {
        let latency = self.latency();
        let came = Moment::Came {
            ticket,
            host,
            peer,
            dials,
        };
        self.agenda.plan(now + latency, came);
    }

    pub(super) fn came(
        &mut self,
        now: Time,
        host: HostIndex,
        (ticket, peer): (Ticket, NodeId),
        dials: bool,
    ) {
        let id = self.hosts[host].id;
        let Some(circuit) = self.circuits.get_mut(&ticket) else {
            return;
        };
        let two = [id, peer];
        if circuit.ends != two && circuit.ends != [peer, id] {
            return;
        }
        circuit.came[usize::from(!dials)] = Some(host);
        let relay = circuit.relay;
        if let [Some(near), Some(far)] = circuit.came
            && ![near, far, relay].iter().any(|&host| self.is_gone(host))
        {
            let [one, other] = [self.name(), self.name()].map(LinkId);
            self.connect(now, [(near, one), (far, other)], Some(ticket));
        }
    }

    /// Ends a circuit whose ends did not both come in time.
    pub(super) fn circuit_late(&mut self, ticket: Ticket) {
        let incomplete = |circuit: &Circuit| circuit.came.iter().any(Option::is_none);
        if self.circuits.get(&ticket).is_some_and(incomplete) {
            self.end_circuit(ticket);
        }
    }

    /// Ends a circuit, and tells its relay, which has room for another one again.
    pub(super) fn end_circuit(&mut self, ticket: Ticket) {
        if let Some(circuit) = self.circuits.remove(&ticket) {
            let number = ticket.number;
            self.tell(circuit.relay, Arrival::CircuitOver { number });
        }
    }

    /// Breaks a circuit that its relay does not carry any longer.
    pub(crate) fn unsplice(&mut self, now: Time, ticket: Ticket) {
        let over = |connection: &&Connection| connection.circuit == Some(ticket);
        let link = self
            .connections
            .values()
            .find(over)
            .map(|found| found.ends[0].link);
        self.circuits.remove(&ticket);
        if let Some(link) = link {
            self.reset(now, link);
        }
    }

    /// Returns true if no frame passes between two ends: there is a cut, or the relay between them carries nothing.
    pub(super) fn is_held_up(&mut self, connection: u64, from: HostIndex, to: HostIndex) -> bool {
        let ticket = self
            .connections
            .get(&connection)
            .and_then(|found| found.circuit);
        let Some(relay) = ticket
            .and_then(|ticket| self.circuits.get(&ticket))
            .map(|one| one.relay)
        else {
            return self.weather.is_cut(from, to);
        };
        let carries = matches!(self.hosts[relay].health, Health::Running | Health::Left);
        !carries || self.weather.is_cut(from, relay) || self.weather.is_cut(relay, to)
    }

    /// Breaks every circuit of a relay that is gone.
    pub(super) fn break_circuits_of(&mut self, now: Time, relay: HostIndex) {
        let carried = |ticket: &Ticket| {
            let circuit = self.circuits.get(ticket);
            circuit.is_some_and(|circuit| circuit.relay == relay)
        };
        let broken = self.connections.values().filter(|connection| {
            let ticket = connection.circuit.as_ref();
            ticket.is_some_and(carried)
        });
        let broken: Vec<LinkId> = broken.map(|connection| connection.ends[0].link).collect();
        for link in broken {
            self.reset(now, link);
        }
        self.circuits.retain(|_, circuit| circuit.relay != relay);
    }
}

//! Circuits: links between two hosts that a third host, the carrier, carries.
//!
//! A circuit is up when the carrier and both ends have asked for it, and breaks when the carrier dies.
//! Not here: requests for a circuit (the core).

use core::time::Duration;

use ringtalk_proto::{LinkId, Time};
use ringtalk_wire::{NodeId, Ticket};

use super::{Arrival, Connection, Health, HostIndex, Network, NetworkEvent};

/// How long the two ends may take to join.
const PATIENCE: Duration = Duration::from_secs(5);

/// A circuit that is being set up, or is up.
#[derive(Debug)]
pub(super) struct CarriedCircuit {
    carrier: HostIndex,
    ends: [NodeId; 2],
    /// The ends that have joined: the dialling end, and the other one.
    joined: [Option<HostIndex>; 2],
}

/// How a connection is carried. It stays true when one end has closed, and the carrier has forgotten the circuit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Carriage {
    pub(super) ticket: Ticket,
    carrier: HostIndex,
}

impl Network {
    /// Makes a host the carrier of a circuit between two others.
    pub(crate) fn splice(
        &mut self,
        now: Time,
        carrier: HostIndex,
        ticket: Ticket,
        ends: [NodeId; 2],
    ) {
        let circuit = CarriedCircuit {
            carrier,
            ends,
            joined: [None; 2],
        };
        self.circuits.insert(ticket, circuit);
        self.events
            .push(now + PATIENCE, NetworkEvent::CircuitTimeout(ticket));
    }

    /// Plans that a host joins a circuit, as its dialling end or the other one.
    pub(crate) fn plan_circuit_join(
        &mut self,
        now: Time,
        host: HostIndex,
        (ticket, peer): (Ticket, NodeId),
        dials: bool,
    ) {
        let latency = self.latency();
        let event = NetworkEvent::JoinCircuit {
            ticket,
            host,
            peer,
            dials,
        };
        self.events.push(now + latency, event);
    }

    pub(super) fn join_circuit(
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
        circuit.joined[usize::from(!dials)] = Some(host);
        let carrier = circuit.carrier;
        if let [Some(near), Some(far)] = circuit.joined
            && ![near, far, carrier].iter().any(|&host| self.is_gone(host))
        {
            let [one, other] = [self.next_id(), self.next_id()].map(LinkId::lobby);
            let carriage = Carriage { ticket, carrier };
            self.connect(now, [(near, one), (far, other)], Some(carriage));
        }
    }

    /// Ends a circuit whose ends did not both join in time.
    pub(super) fn time_out_circuit(&mut self, ticket: Ticket) {
        let incomplete = |circuit: &CarriedCircuit| circuit.joined.iter().any(Option::is_none);
        if self.circuits.get(&ticket).is_some_and(incomplete) {
            self.end_circuit(ticket);
        }
    }

    /// Ends a circuit, and tells its carrier, which has room for another one again.
    pub(super) fn end_circuit(&mut self, ticket: Ticket) {
        if let Some(circuit) = self.circuits.remove(&ticket) {
            let number = ticket.number;
            self.notify(circuit.carrier, Arrival::CircuitOver { number });
        }
    }

    /// Breaks a circuit that its carrier does not carry any longer.
    pub(crate) fn unsplice(&mut self, now: Time, ticket: Ticket) {
        let over = |connection: &&Connection| {
            let carriage = connection.circuit;
            carriage.is_some_and(|carriage| carriage.ticket == ticket)
        };
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

    /// Returns true if no frame passes between two ends: there is a cut, or their carrier is dead or paused.
    pub(super) fn is_blocked(&mut self, connection: u64, from: HostIndex, to: HostIndex) -> bool {
        let found = self.connections.get(&connection);
        let carriage = found.and_then(|found| found.circuit);
        let Some(Carriage { carrier, .. }) = carriage else {
            return self.conditions.is_cut(from, to);
        };
        let is_up = matches!(self.hosts[carrier].health, Health::Running | Health::Left);
        !is_up || self.conditions.is_cut(from, carrier) || self.conditions.is_cut(carrier, to)
    }

    /// Breaks every circuit of a carrier that is gone.
    pub(super) fn break_circuits_of(&mut self, now: Time, carrier: HostIndex) {
        let broken = self.connections.values().filter(|connection| {
            let carriage = connection.circuit;
            carriage.is_some_and(|carriage| carriage.carrier == carrier)
        });
        let broken: Vec<LinkId> = broken.map(|connection| connection.ends[0].link).collect();
        for link in broken {
            self.reset(now, link);
        }
        self.circuits
            .retain(|_, circuit| circuit.carrier != carrier);
    }
}

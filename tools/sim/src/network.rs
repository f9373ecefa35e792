//! The simulated network: dials, and links that carry frames as TCP does, those of each class in order.
//!
//! A host stands for one process and its address. The kernel of a paused host still accepts what fits its receive
//! window. Bytes that a killed host has already written still arrive, followed by the end of the stream. Not here: the
//! meaning of a frame, and what a node does with it (`world`).

mod circuit;
mod conditions;
mod dial;
mod pipe;
mod site;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use ringtalk_proto::{LinkId, Time};
use ringtalk_wire::{Channel, FrameClass, NodeId, Ticket};

use crate::event_queue::EventQueue;
use crate::random::Random;
use circuit::{Carriage, CarriedCircuit};
pub(crate) use conditions::Impairment;
use conditions::{Conditions, Passage};
use dial::PendingDial;
use pipe::Pipe;
pub(crate) use site::Site;

/// The number of a host, in the order of starting.
pub(crate) type HostIndex = usize;

/// Something that reaches a process.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A link is up: both hellos were exchanged.
    LinkUp {
        link: LinkId,
        peer: NodeId,
        dialled: bool,
        host: Option<IpAddr>,
    },
    /// A link is down.
    LinkDown { link: LinkId },
    /// A dial failed. `refused` has the addresses that refused it, and is empty after a timeout.
    DialFailed { peer: NodeId, refused: Vec<IpAddr> },
    /// A circuit that this process carried has ended.
    CircuitOver { number: u64 },
    /// The result of a check: whether a peer was reached at the addresses that it claims.
    Checked { peer: NodeId, at: Option<String> },
    /// A frame; its receiver calls `read` when it has taken it.
    Frame { link: LinkId, packet: Packet },
    /// A part of a frame, which takes long.
    Part { link: LinkId, taking: Duration },
    /// Bytes of a class left the send queue of a link.
    Written {
        link: LinkId,
        class: FrameClass,
        bytes: usize,
    },
}

/// A frame, its class, and the channel on which it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) channel: Channel,
    pub(crate) class: FrameClass,
    pub(crate) bytes: Bytes,
}

/// The state of a process and of its host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Health {
    Running,
    /// The process is paused: its inputs wait.
    Paused,
    /// The process has left: it writes out its queues, and does nothing else.
    Left,
    Killed,
    /// The host has lost power.
    Vanished,
}

/// A computer with its one process.
#[derive(Debug)]
struct Machine {
    id: NodeId,
    site: Site,
    ip: Option<IpAddr>,
    health: Health,
    /// Dials that the kernel accepted while the process was paused.
    backlog: Vec<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum EndState {
    /// The far end is ready, this end is not yet.
    Connecting,
    Open,
    /// This end has closed; if it lingers, it still receives frames.
    Closing {
        lingers: bool,
    },
    Closed,
}

#[derive(Debug)]
struct End {
    host: HostIndex,
    link: LinkId,
    state: EndState,
}

/// A connection: end 0 dialled; pipe `n` leads away from end `n`.
#[derive(Debug)]
struct Connection {
    ends: [End; 2],
    pipes: [Pipe; 2],
    /// How the connection is carried, if it is a circuit.
    circuit: Option<Carriage>,
}

/// A scheduled event of the network.
#[derive(Debug)]
enum NetworkEvent {
    Dial(u64),
    DialTimeout(u64),
    LinkUp(u64),
    Written(u64, usize, Packet),
    Part(u64, usize, Duration),
    Arrive(u64, usize),
    LinkDown(HostIndex, LinkId),
    JoinCircuit {
        ticket: Ticket,
        host: HostIndex,
        peer: NodeId,
        dials: bool,
    },
    CircuitTimeout(Ticket),
    Checked(HostIndex, NodeId, Option<String>),
}

/// All hosts and connections.
#[derive(Debug)]
pub(crate) struct Network {
    random: Random,
    events: EventQueue<NetworkEvent>,
    hosts: Vec<Machine>,
    addresses: BTreeMap<String, HostIndex>,
    conditions: Conditions,
    pending_dials: BTreeMap<u64, PendingDial>,
    circuits: BTreeMap<Ticket, CarriedCircuit>,
    connections: BTreeMap<u64, Connection>,
    links: BTreeMap<LinkId, (u64, usize)>,
    last_id: u64,
    /// How many dials there were.
    pub(crate) dials: u64,
    arrivals: VecDeque<(HostIndex, Arrival)>,
}

impl Network {
    pub(crate) const fn new(random: Random) -> Self {
        Self {
            random,
            events: EventQueue::new(),
            hosts: Vec::new(),
            addresses: BTreeMap::new(),
            conditions: Conditions::new(),
            pending_dials: BTreeMap::new(),
            circuits: BTreeMap::new(),
            connections: BTreeMap::new(),
            links: BTreeMap::new(),
            last_id: 0,
            dials: 0,
            arrivals: VecDeque::new(),
        }
    }

    /// Adds the host of a process that starts, perhaps at the address of one that is gone.
    pub(crate) fn add_host<'a>(
        &mut self,
        id: NodeId,
        addresses: impl IntoIterator<Item = &'a str>,
        site: Site,
    ) -> HostIndex {
        let host = self.hosts.len();
        let mut ip = None;
        for address in addresses {
            self.addresses.insert(address.to_owned(), host);
            ip = ip.or_else(|| host_of(address));
        }
        self.conditions.add_host();
        self.hosts.push(Machine {
            id,
            site,
            ip,
            health: Health::Running,
            backlog: Vec::new(),
        });
        host
    }

    /// Takes the oldest arrival that has reached a process by now.
    pub(crate) fn next_arrival(&mut self) -> Option<(HostIndex, Arrival)> {
        self.arrivals.pop_front()
    }

    /// Returns the time of the next event.
    pub(crate) fn next_time(&self) -> Option<Time> {
        self.events.next_time()
    }

    /// Executes the next event.
    pub(crate) fn advance(&mut self) {
        let Some((now, event)) = self.events.pop() else {
            return;
        };
        match event {
            NetworkEvent::Dial(dial) => self.deliver_dial(now, dial),
            NetworkEvent::DialTimeout(dial) => self.time_out_dial(dial),
            NetworkEvent::LinkUp(connection) => self.open_near_end(connection),
            NetworkEvent::Written(connection, side, packet) => {
                self.finish_write(now, connection, side, packet);
            }
            NetworkEvent::Part(connection, side, taking) => {
                self.deliver_part(connection, side, taking);
            }
            NetworkEvent::Arrive(connection, side) => self.deliver_payload(now, connection, side),
            NetworkEvent::LinkDown(host, link) => self.notify(host, Arrival::LinkDown { link }),
            NetworkEvent::JoinCircuit {
                ticket,
                host,
                peer,
                dials,
            } => self.join_circuit(now, host, (ticket, peer), dials),
            NetworkEvent::CircuitTimeout(ticket) => self.time_out_circuit(ticket),
            NetworkEvent::Checked(host, peer, at) => {
                self.notify(host, Arrival::Checked { peer, at });
            }
        }
    }

    /// Queues a frame on a link, and returns how many bytes are queued there; 0 if the link is not open.
    pub(crate) fn send(
        &mut self,
        now: Time,
        link: LinkId,
        (class, bytes): (FrameClass, Bytes),
    ) -> usize {
        let packet = Packet {
            channel: link.channel,
            class,
            bytes,
        };
        let link = LinkId::lobby(link.connection);
        let Some(&(connection, side)) = self.links.get(&link) else {
            return 0;
        };
        let Some(found) = self.connections.get_mut(&connection) else {
            return 0;
        };
        if found.ends[side].state != EndState::Open {
            return 0;
        }
        let queued = found.pipes[side].push(packet);
        self.pump(now, connection, side);
        queued
    }

    /// Closes a link; queued frames are written out first.
    pub(crate) fn close(&mut self, now: Time, link: LinkId) {
        let lingers = self.random.chance(50);
        let Some(&(connection, side)) = self.links.get(&link) else {
            return;
        };
        if let Some(found) = self.connections.get_mut(&connection)
            && found.ends[side].state == EndState::Open
        {
            found.ends[side].state = EndState::Closing { lingers };
            found.pipes[side].finish();
            let circuit = found.circuit;
            self.pump(now, connection, side);
            self.end_circuits(circuit);
        }
    }

    /// Frees the receive window of a link after a process has read a frame.
    pub(crate) fn read(&mut self, now: Time, link: LinkId, bytes: usize) {
        let Some(&(connection, side)) = self.links.get(&link) else {
            return;
        };
        if let Some(found) = self.connections.get_mut(&connection) {
            found.pipes[1 - side].free_window(bytes);
            self.pump(now, connection, 1 - side);
        }
    }

    /// Kills a process: what it had written still arrives, what it had queued does not.
    pub(crate) fn kill(&mut self, now: Time, host: HostIndex) {
        self.hosts[host].health = Health::Killed;
        self.break_circuits_of(now, host);
        for (connection, side) in self.ends_of(host) {
            if let Some(found) = self.connections.get_mut(&connection) {
                found.ends[side].state = EndState::Closed;
                found.pipes[side].clear();
                let circuit = found.circuit;
                self.send_end(now, connection, side);
                self.end_circuits(circuit);
            }
        }
        for dial in std::mem::take(&mut self.hosts[host].backlog) {
            let latency = self.latency();
            self.events
                .push(now + latency, NetworkEvent::DialTimeout(dial));
        }
    }

    /// Ends a process properly: every link is written out, then closed.
    pub(crate) fn leave(&mut self, now: Time, host: HostIndex) {
        self.hosts[host].health = Health::Left;
        self.break_circuits_of(now, host);
        for (connection, side) in self.ends_of(host) {
            if let Some(found) = self.connections.get_mut(&connection) {
                let closing = matches!(found.ends[side].state, EndState::Closing { .. });
                found.ends[side].state = EndState::Closed;
                if !closing {
                    found.pipes[side].finish();
                }
                let circuit = found.circuit;
                self.pump(now, connection, side);
                self.end_circuits(circuit);
            }
        }
    }

    /// Pauses a process.
    pub(crate) fn pause(&mut self, host: HostIndex) {
        self.hosts[host].health = Health::Paused;
    }

    /// Resumes a paused process: it accepts the dials that wait in its backlog, and goes on with what it carries.
    pub(crate) fn resume(&mut self, now: Time, host: HostIndex) {
        self.hosts[host].health = Health::Running;
        self.release_stalled(now);
        for dial in std::mem::take(&mut self.hosts[host].backlog) {
            self.accept_dial(now, dial, host);
        }
        for (connection, side) in self.ends_of(host) {
            self.pump(now, connection, side);
        }
    }

    /// Breaks a connection while both processes live; everything in flight is lost.
    pub(crate) fn reset(&mut self, now: Time, link: LinkId) {
        let Some(&(connection, _)) = self.links.get(&link) else {
            return;
        };
        let Some(broken) = self.connections.remove(&connection) else {
            return;
        };
        self.end_circuits(broken.circuit);
        for end in broken.ends {
            self.links.remove(&end.link);
            let latency = self.latency();
            if end.state != EndState::Closed {
                self.events
                    .push(now + latency, NetworkEvent::LinkDown(end.host, end.link));
            }
        }
    }

    /// Returns true if a frame is being written on a link.
    pub(crate) fn is_writing(&self, link: LinkId) -> bool {
        let end = self.links.get(&link);
        end.is_some_and(|&(connection, side)| {
            let found = self.connections.get(&connection);
            found.is_some_and(|found| found.pipes[side].is_writing())
        })
    }

    /// Returns the host at the far end of a link.
    pub(crate) fn far_end(&self, link: LinkId) -> Option<HostIndex> {
        let &(connection, side) = self.links.get(&link)?;
        Some(self.connections.get(&connection)?.ends[1 - side].host)
    }

    /// Returns the open links, each by its id at the end that dialled, with both hosts.
    pub(crate) fn open_links(&self) -> impl Iterator<Item = (LinkId, HostIndex, HostIndex)> {
        let open = |connection: &&Connection| {
            let state = connection.ends.each_ref().map(|end| end.state);
            state == [EndState::Open; 2]
        };
        self.connections.values().filter(open).map(|connection| {
            let [one, other] = &connection.ends;
            (one.link, one.host, other.host)
        })
    }

    /// Returns the open links between two hosts, by their ids at the first host.
    pub(crate) fn links_at(&self, host: HostIndex, far: HostIndex) -> Vec<LinkId> {
        let ends = self.connections.values().filter_map(|connection| {
            let [one, other] = &connection.ends;
            let open = one.state == EndState::Open && other.state == EndState::Open;
            match (one.host, other.host) {
                hosts if hosts == (host, far) => open.then_some(one.link),
                hosts if hosts == (far, host) => open.then_some(other.link),
                _ => None,
            }
        });
        ends.collect()
    }

    fn end_circuits(&mut self, circuit: Option<Carriage>) {
        if let Some(carriage) = circuit {
            self.end_circuit(carriage.ticket);
        }
    }

    fn notify(&mut self, host: HostIndex, arrival: Arrival) {
        if !self.is_gone(host) {
            self.arrivals.push_back((host, arrival));
        }
    }

    fn is_gone(&self, host: HostIndex) -> bool {
        !matches!(self.hosts[host].health, Health::Running | Health::Paused)
    }

    fn ends_of(&self, host: HostIndex) -> Vec<(u64, usize)> {
        let of_host = |&&(connection, side): &&(u64, usize)| {
            let found = self.connections.get(&connection);
            found.is_some_and(|found| found.ends[side].host == host)
        };
        self.links.values().filter(of_host).copied().collect()
    }

    fn latency(&mut self) -> Duration {
        self.conditions.latency(&mut self.random)
    }

    const fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

/// Returns the IP address of a numeric socket address.
fn host_of(address: &str) -> Option<IpAddr> {
    let address: SocketAddr = address.parse().ok()?;
    Some(address.ip())
}

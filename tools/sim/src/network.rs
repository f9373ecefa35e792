//! The network between processes: dials, and links that are ordered streams of frames, as TCP
//! would carry them.
//!
//! It knows hosts and bytes; what a frame says, and what a node does with it, is the world's.
//! A host stands for one process with its address. Paused, its kernel still takes what fits its
//! receive window; killed, what it had already written still arrives, and then the end.

mod circuit;
mod dial;
mod pipe;
mod site;
#[cfg(test)]
mod tests;
mod weather;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use ringtalk_proto::{LinkId, Time};
use ringtalk_wire::{NodeId, Ticket};

use crate::agenda::Agenda;
use crate::random::Random;
use circuit::Circuit;
use dial::Knock;
use pipe::Pipe;
pub(crate) use site::Site;
pub(crate) use weather::Ill;
use weather::{Passage, Weather};

/// One host by its number, in the order of starting.
pub(crate) type HostIndex = usize;

/// Something that reaches a process.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// Both hellos were exchanged.
    LinkUp {
        link: LinkId,
        peer: NodeId,
        dialled: bool,
        host: Option<IpAddr>,
    },
    /// A link is gone.
    LinkDown { link: LinkId },
    /// A dial came to nothing.
    DialFailed { peer: NodeId, refused: Vec<IpAddr> },
    /// A circuit that this process carried is no more.
    CircuitOver { number: u64 },
    /// Whether somebody was found where it says that it is.
    Checked { peer: NodeId, reached: bool },
    /// A frame; its receiver says `read` when it has taken it.
    Frame { link: LinkId, bytes: Bytes },
    /// Bytes left the queue of a link.
    Written { link: LinkId, bytes: usize },
}

/// How a host is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Health {
    Running,
    Paused,
    /// It writes out what it has queued, and does nothing else.
    Left,
    Killed,
    /// Its host is off.
    Vanished,
}

#[derive(Debug)]
struct Host {
    id: NodeId,
    site: Site,
    ip: Option<IpAddr>,
    health: Health,
    /// Dials that the kernel accepted while the process was stopped.
    backlog: Vec<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum EndState {
    /// The far end is ready, this one not yet.
    Opening,
    Open,
    /// This end has closed, and hears what still comes where it lingers.
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

/// A connection: end 0 has dialled; pipe `n` leads away from end `n`.
#[derive(Debug)]
struct Connection {
    ends: [End; 2],
    pipes: [Pipe; 2],
    /// The circuit that it goes over, if it does.
    circuit: Option<Ticket>,
}

/// What the network itself is going to do.
#[derive(Debug)]
enum Moment {
    Knock(u64),
    GiveUp(u64),
    Up(u64),
    Wrote(u64, usize, Bytes),
    Arrive(u64, usize),
    Down(HostIndex, LinkId),
    Came {
        ticket: Ticket,
        host: HostIndex,
        peer: NodeId,
        dials: bool,
    },
    CircuitLate(Ticket),
    Checked(HostIndex, NodeId, bool),
}

/// All hosts and connections.
#[derive(Debug)]
pub(crate) struct Network {
    random: Random,
    agenda: Agenda<Moment>,
    hosts: Vec<Host>,
    addresses: BTreeMap<String, HostIndex>,
    weather: Weather,
    knocks: BTreeMap<u64, Knock>,
    circuits: BTreeMap<Ticket, Circuit>,
    connections: BTreeMap<u64, Connection>,
    links: BTreeMap<LinkId, (u64, usize)>,
    named: u64,
    /// How many dials there were.
    pub(crate) dials: u64,
    news: VecDeque<(HostIndex, Arrival)>,
}

impl Network {
    pub(crate) const fn new(random: Random) -> Self {
        Self {
            random,
            agenda: Agenda::new(),
            hosts: Vec::new(),
            addresses: BTreeMap::new(),
            weather: Weather::new(),
            knocks: BTreeMap::new(),
            circuits: BTreeMap::new(),
            connections: BTreeMap::new(),
            links: BTreeMap::new(),
            named: 0,
            dials: 0,
            news: VecDeque::new(),
        }
    }

    /// A process starts at an address, which may have been another's that is gone.
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
        self.weather.add_host();
        self.hosts.push(Host {
            id,
            site,
            ip,
            health: Health::Running,
            backlog: Vec::new(),
        });
        host
    }

    /// What has reached a process by now, oldest first.
    pub(crate) fn news(&mut self) -> Option<(HostIndex, Arrival)> {
        self.news.pop_front()
    }

    /// When the network does something next.
    pub(crate) fn next(&self) -> Option<Time> {
        self.agenda.next()
    }

    /// Does the next thing.
    pub(crate) fn advance(&mut self) {
        let Some((now, moment)) = self.agenda.pop() else {
            return;
        };
        match moment {
            Moment::Knock(knock) => self.knocked(now, knock),
            Moment::GiveUp(knock) => self.gave_up(knock),
            Moment::Up(connection) => self.opened(connection),
            Moment::Wrote(connection, side, bytes) => self.wrote(now, connection, side, bytes),
            Moment::Arrive(connection, side) => self.arrived(now, connection, side),
            Moment::Down(host, link) => self.tell(host, Arrival::LinkDown { link }),
            Moment::Came {
                ticket,
                host,
                peer,
                dials,
            } => self.came(now, host, (ticket, peer), dials),
            Moment::CircuitLate(ticket) => self.circuit_late(ticket),
            Moment::Checked(host, peer, reached) => {
                self.tell(host, Arrival::Checked { peer, reached });
            }
        }
    }

    /// A process queues a frame; the answer is how many bytes are queued on that link now.
    pub(crate) fn send(&mut self, now: Time, link: LinkId, bytes: Bytes) -> usize {
        let Some(&(connection, side)) = self.links.get(&link) else {
            return 0;
        };
        let Some(found) = self.connections.get_mut(&connection) else {
            return 0;
        };
        if found.ends[side].state != EndState::Open {
            return 0;
        }
        let queued = found.pipes[side].push(bytes);
        self.pump(now, connection, side);
        queued
    }

    /// A process closes a link: what is queued is written out first.
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

    /// A process has taken a frame out of its kernel's hands.
    pub(crate) fn read(&mut self, now: Time, link: LinkId, bytes: usize) {
        let Some(&(connection, side)) = self.links.get(&link) else {
            return;
        };
        if let Some(found) = self.connections.get_mut(&connection) {
            found.pipes[1 - side].was_read(bytes);
            self.pump(now, connection, 1 - side);
        }
    }

    /// A process dies: what it had written still arrives, what it had queued does not.
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
        for knock in std::mem::take(&mut self.hosts[host].backlog) {
            let latency = self.latency();
            self.agenda.plan(now + latency, Moment::GiveUp(knock));
        }
    }

    /// A process ends properly: every link is written out, then closed.
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

    /// A process is stopped.
    pub(crate) fn pause(&mut self, host: HostIndex) {
        self.hosts[host].health = Health::Paused;
    }

    /// A stopped process goes on: who still waits at its door is let in.
    pub(crate) fn resume(&mut self, now: Time, host: HostIndex) {
        self.hosts[host].health = Health::Running;
        for knock in std::mem::take(&mut self.hosts[host].backlog) {
            self.let_in(now, knock, host);
        }
        for (connection, side) in self.ends_of(host) {
            self.pump(now, connection, side);
        }
    }

    /// A connection breaks while both processes live; what was under way is lost.
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
                self.agenda
                    .plan(now + latency, Moment::Down(end.host, end.link));
            }
        }
    }

    /// True where a frame is being written on a link.
    pub(crate) fn is_writing(&self, link: LinkId) -> bool {
        let end = self.links.get(&link);
        end.is_some_and(|&(connection, side)| {
            let found = self.connections.get(&connection);
            found.is_some_and(|found| found.pipes[side].is_writing())
        })
    }

    /// Who is at the far end of a link.
    pub(crate) fn far_end(&self, link: LinkId) -> Option<HostIndex> {
        let &(connection, side) = self.links.get(&link)?;
        Some(self.connections.get(&connection)?.ends[1 - side].host)
    }

    /// The open links, each by the link id of the end that dialled, with both hosts.
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

    /// The open links of one host to another, as that one names them.
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

    fn end_circuits(&mut self, circuit: Option<Ticket>) {
        if let Some(ticket) = circuit {
            self.end_circuit(ticket);
        }
    }

    fn tell(&mut self, host: HostIndex, arrival: Arrival) {
        if !self.is_gone(host) {
            self.news.push_back((host, arrival));
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
        self.weather.latency(&mut self.random)
    }

    const fn name(&mut self) -> u64 {
        self.named += 1;
        self.named
    }
}

/// The host of an address of digits.
fn host_of(address: &str) -> Option<IpAddr> {
    let address: SocketAddr = address.parse().ok()?;
    Some(address.ip())
}

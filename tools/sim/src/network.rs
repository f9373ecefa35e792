//! The network between processes: dials, and links that are ordered streams of frames, as TCP
//! would carry them.
//!
//! It knows hosts and bytes; what a frame says, and what a node does with it, is the world's.
//! A host stands for one process with its address. Paused, its kernel still takes what fits its
//! receive window; killed, what it had already written still arrives, and then the end.

mod pipe;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use ringtalk_proto::{LinkId, Time};
use ringtalk_wire::NodeId;

use crate::agenda::Agenda;
use crate::random::Random;
use pipe::{Payload, Pipe};

/// How long a dial may stay without an answer.
const DIAL_PATIENCE: Duration = Duration::from_secs(3);
/// The longest and the shortest way of a frame, in milliseconds.
const LATENCY_MS: (u64, u64) = (1, 20);

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
    },
    /// A link is gone.
    LinkDown { link: LinkId },
    /// A dial came to nothing.
    DialFailed { peer: NodeId, refused: bool },
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
}

#[derive(Debug)]
struct Host {
    id: NodeId,
    health: Health,
    /// Dials that the kernel accepted while the process was stopped.
    backlog: Vec<u64>,
}

/// Somebody knocks at a door.
#[derive(Debug)]
struct Knock {
    from: HostIndex,
    peer: NodeId,
    addresses: [String; 2],
    given_up: bool,
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
}

/// What the network itself is going to do.
#[derive(Debug)]
enum Moment {
    Knock(u64),
    GiveUp(u64),
    Up(u64),
    Wrote(u64, usize, Bytes),
    Arrive(u64, usize, Payload),
    Down(HostIndex, LinkId),
}

/// All hosts and connections.
#[derive(Debug)]
pub(crate) struct Network {
    random: Random,
    agenda: Agenda<Moment>,
    hosts: Vec<Host>,
    addresses: BTreeMap<String, HostIndex>,
    groups: Vec<u8>,
    knocks: BTreeMap<u64, Knock>,
    connections: BTreeMap<u64, Connection>,
    links: BTreeMap<LinkId, (u64, usize)>,
    named: u64,
    news: VecDeque<(HostIndex, Arrival)>,
}

impl Network {
    pub(crate) const fn new(random: Random) -> Self {
        Self {
            random,
            agenda: Agenda::new(),
            hosts: Vec::new(),
            addresses: BTreeMap::new(),
            groups: Vec::new(),
            knocks: BTreeMap::new(),
            connections: BTreeMap::new(),
            links: BTreeMap::new(),
            named: 0,
            news: VecDeque::new(),
        }
    }

    /// A process starts at an address, which may have been another's that is gone.
    pub(crate) fn add_host(&mut self, id: NodeId, address: &str) -> HostIndex {
        let host = self.hosts.len();
        self.addresses.insert(address.to_owned(), host);
        self.groups.push(0);
        self.hosts.push(Host {
            id,
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
            Moment::Arrive(connection, side, payload) => {
                self.arrived(now, connection, side, payload);
            }
            Moment::Down(host, link) => self.tell(host, Arrival::LinkDown { link }),
        }
    }

    /// A process dials: an answer comes, whatever happens.
    pub(crate) fn dial(
        &mut self,
        now: Time,
        from: HostIndex,
        peer: NodeId,
        addresses: [String; 2],
    ) {
        let knock = self.name();
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
        self.agenda.plan(now + latency, Moment::Knock(knock));
        self.agenda.plan(now + DIAL_PATIENCE, Moment::GiveUp(knock));
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
            self.pump(now, connection, side);
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
        for (connection, side) in self.ends_of(host) {
            if let Some(found) = self.connections.get_mut(&connection) {
                found.ends[side].state = EndState::Closed;
                found.pipes[side].clear();
                self.send_end(now, connection, side);
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
        for (connection, side) in self.ends_of(host) {
            if let Some(found) = self.connections.get_mut(&connection) {
                let closing = matches!(found.ends[side].state, EndState::Closing { .. });
                found.ends[side].state = EndState::Closed;
                if !closing {
                    found.pipes[side].finish();
                }
                self.pump(now, connection, side);
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
        for end in broken.ends {
            self.links.remove(&end.link);
            let latency = self.latency();
            if end.state != EndState::Closed {
                self.agenda
                    .plan(now + latency, Moment::Down(end.host, end.link));
            }
        }
    }

    /// Hosts of different groups do not reach each other; what is under way waits.
    pub(crate) fn partition(&mut self, now: Time, group_of: impl Fn(HostIndex) -> u8) {
        for (host, group) in self.groups.iter_mut().enumerate() {
            *group = group_of(host);
        }
        let mut freed = Vec::new();
        for (&connection, found) in &mut self.connections {
            if self.groups[found.ends[0].host] == self.groups[found.ends[1].host] {
                for side in 0..2 {
                    let stalled = found.pipes[side].unstall();
                    freed.extend(stalled.map(|payload| (connection, side, payload)));
                }
            }
        }
        for (connection, side, payload) in freed {
            self.plan_arrival(now, connection, side, payload);
        }
    }

    /// True where no partition is between two hosts.
    pub(crate) fn reach_each_other(&self, one: HostIndex, other: HostIndex) -> bool {
        self.groups[one] == self.groups[other]
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

    fn knocked(&mut self, now: Time, knock: u64) {
        let Some(waiting) = self.knocks.get(&knock) else {
            return;
        };
        let from = waiting.from;
        let target = waiting
            .addresses
            .iter()
            .find_map(|address| self.addresses.get(address).copied());
        let Some(target) = target else {
            return self.fail(knock, true);
        };
        let matches = self.hosts[target].id == waiting.peer;
        if self.groups[from] != self.groups[target] {
            return;
        }
        match self.hosts[target].health {
            Health::Killed | Health::Left => self.fail(knock, true),
            Health::Running if !matches => self.fail(knock, true),
            Health::Running => self.let_in(now, knock, target),
            Health::Paused => self.hosts[target].backlog.push(knock),
        }
    }

    fn gave_up(&mut self, knock: u64) {
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
        let refused = false;
        self.tell(from, Arrival::DialFailed { peer, refused });
    }

    fn fail(&mut self, knock: u64, refused: bool) {
        if let Some(Knock { from, peer, .. }) = self.knocks.remove(&knock) {
            self.tell(from, Arrival::DialFailed { peer, refused });
        }
    }

    /// The process at the door answers. Where the dialler is gone by now, the link is up for a
    /// moment, if at all: its hello had already come.
    fn let_in(&mut self, now: Time, knock: u64, target: HostIndex) {
        let Some(waiting) = self.knocks.remove(&knock) else {
            return;
        };
        let gone = waiting.given_up || self.is_gone(waiting.from);
        if self.hosts[target].id != waiting.peer {
            if !gone {
                let peer = waiting.peer;
                let refused = true;
                self.tell(waiting.from, Arrival::DialFailed { peer, refused });
            }
            return;
        }
        let [near, far] = [self.name(), self.name()].map(LinkId);
        if gone {
            if self.random.chance(50) {
                self.announce(target, far, waiting.from, false);
                self.tell(target, Arrival::LinkDown { link: far });
            }
            return;
        }
        self.connect(now, [(waiting.from, near), (target, far)]);
    }

    fn connect(&mut self, now: Time, [near, far]: [(HostIndex, LinkId); 2]) {
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
            },
        );
        self.agenda.plan(now + latency, Moment::Up(connection));
        self.announce(far.0, far.1, near.0, false);
    }

    fn opened(&mut self, connection: u64) {
        if let Some(found) = self.connections.get_mut(&connection)
            && found.ends[0].state == EndState::Opening
        {
            found.ends[0].state = EndState::Open;
            let [near, far] = &found.ends;
            let (host, link, peer) = (near.host, near.link, far.host);
            self.announce(host, link, peer, true);
        }
    }

    fn announce(&mut self, host: HostIndex, link: LinkId, peer: HostIndex, dialled: bool) {
        let peer = self.hosts[peer].id;
        let up = Arrival::LinkUp {
            link,
            peer,
            dialled,
        };
        self.tell(host, up);
    }

    fn tell(&mut self, host: HostIndex, arrival: Arrival) {
        if !self.is_gone(host) {
            self.news.push_back((host, arrival));
        }
    }

    fn is_gone(&self, host: HostIndex) -> bool {
        matches!(self.hosts[host].health, Health::Killed | Health::Left)
    }

    fn ends_of(&self, host: HostIndex) -> Vec<(u64, usize)> {
        let of_host = |&&(connection, side): &&(u64, usize)| {
            let found = self.connections.get(&connection);
            found.is_some_and(|found| found.ends[side].host == host)
        };
        self.links.values().filter(of_host).copied().collect()
    }

    fn latency(&mut self) -> Duration {
        self.random.millis(LATENCY_MS.0, LATENCY_MS.1)
    }

    const fn name(&mut self) -> u64 {
        self.named += 1;
        self.named
    }
}

//! Dials: somebody knocks at a door, and is let in, refused, or never answered.
//!
//! Not here: what goes over a connection once there is one (`pipe`).

use core::time::Duration;

use ringtalk_proto::{LinkId, Time};
use ringtalk_wire::NodeId;

use super::{
    Arrival, Connection, End, EndState, Health, HostIndex, Moment, Network, Passage, Pipe,
};

/// How long a dial may stay without an answer.
pub(super) const DIAL_PATIENCE: Duration = Duration::from_secs(3);

/// Somebody knocks at a door.
#[derive(Debug)]
pub(super) struct Knock {
    from: HostIndex,
    peer: NodeId,
    addresses: [String; 2],
    given_up: bool,
}

impl Network {
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
        let target = waiting
            .addresses
            .iter()
            .find_map(|address| self.addresses.get(address).copied());
        let Some(target) = target else {
            return self.fail(knock, true);
        };
        let matches = self.hosts[target].id == waiting.peer;
        if self.weather.is_cut(from, target) || self.weather.is_cut(target, from) {
            return;
        }
        match self.hosts[target].health {
            Health::Killed | Health::Left => self.fail(knock, true),
            Health::Running if !matches => self.fail(knock, true),
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
    pub(super) fn let_in(&mut self, now: Time, knock: u64, target: HostIndex) {
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

    pub(super) fn opened(&mut self, connection: u64) {
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
}

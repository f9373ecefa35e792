//! What impairs the paths between hosts: loss, cuts, slow links, partitions.
//!
//! TCP hides loss: a lost frame arrives later, and everything behind it waits; a frame that is lost too often
//! breaks the connection. Not here: the stream itself (`pipe`).

use core::time::Duration;
use std::collections::BTreeMap;

use ringtalk_proto::{LinkId, Time};

use super::{HostIndex, Network};
use crate::random::Random;

/// When a lost frame is sent again for the first time; each further time takes twice as long.
const RETRANSMISSION: Duration = Duration::from_millis(200);
/// A connection breaks if one of its frames is delayed for longer.
const PATIENCE: Duration = Duration::from_secs(12);
/// The shortest and the longest latency of a frame, unless a scenario sets others.
const LATENCY: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(20)];

/// An impairment, and where it applies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ill {
    /// `percent` of 100 frames are lost, everywhere.
    Loss { percent: u64 },
    /// No frame passes from one host to the other.
    Cut { from: HostIndex, to: HostIndex },
    /// Links between two hosts carry `bytes_per_ms` bytes a millisecond.
    Slow {
        ends: [HostIndex; 2],
        bytes_per_ms: u64,
    },
}

/// The fate of a frame on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Passage {
    /// It arrives this much later than without loss.
    Late(Duration),
    /// It was lost too often, so the connection breaks.
    Broken,
}

/// The state of all paths.
#[derive(Debug)]
pub(super) struct Weather {
    latency: [Duration; 2],
    ills: BTreeMap<u64, (Ill, bool)>,
    groups: Vec<u8>,
    parted: Option<bool>,
    effects: Vec<&'static str>,
}

impl Weather {
    pub(super) const fn new() -> Self {
        Self {
            latency: LATENCY,
            ills: BTreeMap::new(),
            groups: Vec::new(),
            parted: None,
            effects: Vec::new(),
        }
    }

    pub(super) fn add_host(&mut self) {
        self.groups.push(0);
    }

    pub(super) fn latency(&self, random: &mut Random) -> Duration {
        let [low, high] = self.latency.map(|span| span.as_micros() as u64);
        Duration::from_micros(random.between(low, high))
    }

    /// Returns true if neither a partition nor a cut separates two hosts.
    fn joins(&self, one: HostIndex, other: HostIndex) -> bool {
        let cuts = |ill: &Ill| match *ill {
            Ill::Cut { from, to } => [[from, to], [to, from]].contains(&[one, other]),
            Ill::Loss { .. } | Ill::Slow { .. } => false,
        };
        let cut = self.ills.values().any(|(ill, _)| cuts(ill));
        self.groups[one] == self.groups[other] && !cut
    }

    /// Returns true if no frame passes from one host to the other.
    pub(super) fn is_cut(&mut self, from: HostIndex, to: HostIndex) -> bool {
        if self.groups[from] != self.groups[to] {
            if self.parted.replace(true) == Some(false) {
                self.effects.push("partition");
            }
            return true;
        }
        let cut = Ill::Cut { from, to };
        self.hit("cut", |ill| ill == cut).is_some()
    }

    /// Draws what loss does to a frame.
    pub(super) fn passage(&mut self, random: &mut Random) -> Passage {
        let lossy = |ill: &(Ill, bool)| match ill.0 {
            Ill::Loss { percent } => Some(percent),
            _ => None,
        };
        let Some(percent) = self.ills.values().find_map(lossy) else {
            return Passage::Late(Duration::ZERO);
        };
        let mut late = Duration::ZERO;
        let mut wait = RETRANSMISSION;
        while random.chance(percent) {
            self.hit("loss", |ill| matches!(ill, Ill::Loss { .. }));
            late += wait;
            wait *= 2;
            if late > PATIENCE {
                return Passage::Broken;
            }
        }
        Passage::Late(late)
    }

    /// Returns how many bytes a millisecond pass between two hosts, if that is not the usual rate.
    pub(super) fn width(&mut self, one: HostIndex, other: HostIndex) -> Option<u64> {
        let ill = self.hit("slow", |ill| match ill {
            Ill::Slow { ends, .. } => ends == [one, other] || ends == [other, one],
            _ => false,
        })?;
        match ill {
            Ill::Slow { bytes_per_ms, .. } => Some(bytes_per_ms.max(1)),
            _ => None,
        }
    }

    /// Returns an impairment that matches, and records that it took effect.
    fn hit(&mut self, kind: &'static str, matches: impl Fn(Ill) -> bool) -> Option<Ill> {
        let mut ills = self.ills.values_mut();
        let (ill, hit) = ills.find(|(ill, _)| matches(*ill))?;
        if !core::mem::replace(hit, true) {
            self.effects.push(kind);
        }
        Some(*ill)
    }
}

impl Network {
    /// Sets the shortest and the longest latency of frames from now on.
    pub(crate) fn set_latency(&mut self, low: Duration, high: Duration) {
        self.weather.latency = [low, high.max(low)];
    }

    /// Adds an impairment, and returns its name.
    pub(crate) fn afflict(&mut self, ill: Ill) -> u64 {
        let name = self.name();
        self.weather.ills.insert(name, (ill, false));
        name
    }

    /// Ends an impairment.
    pub(crate) fn relieve(&mut self, now: Time, name: u64) {
        self.weather.ills.remove(&name);
        self.flow(now);
    }

    /// Ends all impairments: no loss, no cut, no slow link, one network.
    pub(crate) fn clear_up(&mut self, now: Time) {
        self.weather.ills.clear();
        self.partition(now, |_| 0);
    }

    /// Parts the network: hosts of different groups do not reach each other, and frames in flight wait.
    pub(crate) fn partition(&mut self, now: Time, group_of: impl Fn(HostIndex) -> u8) {
        let groups = &mut self.weather.groups;
        for (host, group) in groups.iter_mut().enumerate() {
            *group = group_of(host);
        }
        let whole = groups.windows(2).all(|pair| pair[0] == pair[1]);
        self.weather.parted = (!whole).then_some(false);
        self.flow(now);
    }

    /// Returns true if no partition and no cut is between two hosts.
    pub(crate) fn reach_each_other(&self, one: HostIndex, other: HostIndex) -> bool {
        self.weather.joins(one, other)
    }

    /// Takes the kinds of impairment that took effect since the last call.
    pub(crate) fn take_effects(&mut self) -> Vec<&'static str> {
        core::mem::take(&mut self.weather.effects)
    }

    /// Lets frames that had to wait go on if their path is free.
    fn flow(&mut self, now: Time) {
        let mut freed = Vec::new();
        for (&connection, found) in &mut self.connections {
            let [one, other] = found.ends.each_ref().map(|end| end.host);
            for (side, [from, to]) in [[one, other], [other, one]].into_iter().enumerate() {
                if found.pipes[side].is_stalled() && !self.weather.is_cut(from, to) {
                    let stalled = found.pipes[side].unstall();
                    freed.extend(core::iter::repeat_n((connection, side), stalled));
                }
            }
        }
        for (connection, side) in freed {
            self.plan_arrival(now, connection, side);
        }
    }

    /// Cuts the power of a host: nothing is closed, and nobody answers.
    pub(crate) fn vanish(&mut self, host: HostIndex) {
        self.hosts[host].health = super::Health::Vanished;
        self.hosts[host].backlog.clear();
        for (connection, side) in self.ends_of(host) {
            if let Some(found) = self.connections.get_mut(&connection) {
                found.pipes[side].clear();
            }
        }
    }

    /// Breaks a connection, if it still exists.
    pub(super) fn break_connection(&mut self, now: Time, connection: u64) {
        let link = self
            .connections
            .get(&connection)
            .map(|found| found.ends[0].link);
        if let Some(link) = link {
            self.reset(now, link);
        }
    }

    /// Returns the open links between two hosts, by their ids at the end that dialled.
    pub(crate) fn links_between(&self, one: HostIndex, other: HostIndex) -> Vec<LinkId> {
        let joins = |&(_, a, b): &(LinkId, HostIndex, HostIndex)| {
            [a, b] == [one, other] || [b, a] == [one, other]
        };
        self.open_links()
            .filter(joins)
            .map(|(link, _, _)| link)
            .collect()
    }
}

//! Impairments of the paths between hosts: loss, cuts, slow links, partitions.
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
pub(crate) enum Impairment {
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
pub(super) struct Conditions {
    latency: [Duration; 2],
    impairments: BTreeMap<u64, (Impairment, bool)>,
    groups: Vec<u8>,
    partition_in_effect: Option<bool>,
    effects: Vec<&'static str>,
}

impl Conditions {
    pub(super) const fn new() -> Self {
        Self {
            latency: LATENCY,
            impairments: BTreeMap::new(),
            groups: Vec::new(),
            partition_in_effect: None,
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
    fn are_connected(&self, one: HostIndex, other: HostIndex) -> bool {
        let cuts = |impairment: &Impairment| match *impairment {
            Impairment::Cut { from, to } => [[from, to], [to, from]].contains(&[one, other]),
            Impairment::Loss { .. } | Impairment::Slow { .. } => false,
        };
        let cut = self
            .impairments
            .values()
            .any(|(impairment, _)| cuts(impairment));
        self.groups[one] == self.groups[other] && !cut
    }

    /// Returns true if no frame passes from one host to the other.
    pub(super) fn is_cut(&mut self, from: HostIndex, to: HostIndex) -> bool {
        if self.groups[from] != self.groups[to] {
            if self.partition_in_effect.replace(true) == Some(false) {
                self.effects.push("partition");
            }
            return true;
        }
        let cut = Impairment::Cut { from, to };
        self.find_effective("cut", |impairment| impairment == cut)
            .is_some()
    }

    /// Draws what loss does to a frame.
    pub(super) fn draw_passage(&mut self, random: &mut Random) -> Passage {
        let lossy = |impairment: &(Impairment, bool)| match impairment.0 {
            Impairment::Loss { percent } => Some(percent),
            _ => None,
        };
        let Some(percent) = self.impairments.values().find_map(lossy) else {
            return Passage::Late(Duration::ZERO);
        };
        let mut late = Duration::ZERO;
        let mut wait = RETRANSMISSION;
        while random.chance(percent) {
            self.find_effective("loss", |impairment| {
                matches!(impairment, Impairment::Loss { .. })
            });
            late += wait;
            wait *= 2;
            if late > PATIENCE {
                return Passage::Broken;
            }
        }
        Passage::Late(late)
    }

    /// Returns how many bytes a millisecond pass between two hosts, if that is not the usual rate.
    pub(super) fn bandwidth(&mut self, one: HostIndex, other: HostIndex) -> Option<u64> {
        let impairment = self.find_effective("slow", |impairment| match impairment {
            Impairment::Slow { ends, .. } => ends == [one, other] || ends == [other, one],
            _ => false,
        })?;
        match impairment {
            Impairment::Slow { bytes_per_ms, .. } => Some(bytes_per_ms.max(1)),
            _ => None,
        }
    }

    /// Returns an impairment that matches, and records that it took effect.
    fn find_effective(
        &mut self,
        kind: &'static str,
        matches: impl Fn(Impairment) -> bool,
    ) -> Option<Impairment> {
        let mut impairments = self.impairments.values_mut();
        let (impairment, hit) = impairments.find(|(impairment, _)| matches(*impairment))?;
        if !core::mem::replace(hit, true) {
            self.effects.push(kind);
        }
        Some(*impairment)
    }
}

impl Network {
    /// Sets the shortest and the longest latency of frames from now on.
    pub(crate) fn set_latency(&mut self, low: Duration, high: Duration) {
        self.conditions.latency = [low, high.max(low)];
    }

    /// Adds an impairment, and returns its id.
    pub(crate) fn impair(&mut self, impairment: Impairment) -> u64 {
        let id = self.next_id();
        self.conditions.impairments.insert(id, (impairment, false));
        id
    }

    /// Ends an impairment.
    pub(crate) fn end_impairment(&mut self, now: Time, id: u64) {
        self.conditions.impairments.remove(&id);
        self.release_stalled(now);
    }

    /// Ends all impairments: no loss, no cut, no slow link, one network.
    pub(crate) fn restore(&mut self, now: Time) {
        self.conditions.impairments.clear();
        self.partition(now, |_| 0);
    }

    /// Parts the network: hosts of different groups do not reach each other, and frames in flight wait.
    pub(crate) fn partition(&mut self, now: Time, group_of: impl Fn(HostIndex) -> u8) {
        let groups = &mut self.conditions.groups;
        for (host, group) in groups.iter_mut().enumerate() {
            *group = group_of(host);
        }
        let whole = groups.windows(2).all(|pair| pair[0] == pair[1]);
        self.conditions.partition_in_effect = (!whole).then_some(false);
        self.release_stalled(now);
    }

    /// Returns true if no partition and no cut is between two hosts.
    pub(crate) fn can_reach(&self, one: HostIndex, other: HostIndex) -> bool {
        self.conditions.are_connected(one, other)
    }

    /// Takes the kinds of impairment that took effect since the last call.
    pub(crate) fn take_effects(&mut self) -> Vec<&'static str> {
        core::mem::take(&mut self.conditions.effects)
    }

    /// Lets frames that had to wait go on if their path is free.
    pub(super) fn release_stalled(&mut self, now: Time) {
        let mut stalled = Vec::new();
        for (&connection, found) in &self.connections {
            let [one, other] = found.ends.each_ref().map(|end| end.host);
            for (side, path) in [[one, other], [other, one]].into_iter().enumerate() {
                if found.pipes[side].is_stalled() {
                    stalled.push((connection, side, path));
                }
            }
        }
        for (connection, side, [from, to]) in stalled {
            if self.is_blocked(connection, from, to) {
                continue;
            }
            let found = self.connections.get_mut(&connection);
            let freed = found.map_or(0, |found| found.pipes[side].unstall());
            for _ in 0..freed {
                self.plan_arrival(now, connection, side);
            }
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

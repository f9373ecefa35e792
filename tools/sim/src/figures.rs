//! The figures of a run: faults injected, faults that took effect, and how soon the ring recovered.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use ringtalk_proto::Load;
use serde::{Deserialize, Serialize};

use crate::times::Times;

/// How often something of each kind happened.
pub type Counts = BTreeMap<String, u64>;

/// The figures of one run, or of several together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many messages users sent.
    pub sent: u64,
    /// How many deliveries were checked.
    pub deliveries: u64,
    /// The virtual time of all runs, in seconds.
    pub virtual_seconds: u64,
    /// A hash of everything that happened.
    pub trace: u64,
    /// How many election frames nodes received.
    pub election_frames: u64,
    /// The highest load of everything that has a bound.
    pub peaks: Peaks,
    /// How many faults of each kind were injected.
    pub injected: Counts,
    /// How many of them took effect.
    pub faults: Counts,
    /// From a host's loss of power until a member found its node dead.
    pub detections: Times,
    /// From the death of a process on a live host until a member found its node dead.
    pub detections_killed: Times,
    /// From a coordinator's death until all live nodes followed a live one.
    pub failovers: Times,
    /// From a death until no live node had the dead node as its neighbour.
    pub repairs: Times,
    /// From the healing of a partition until all live nodes followed one coordinator.
    pub merges: Times,
    /// From the start of a node until it was ready.
    pub joins: Times,
    /// From the moment a scenario demanded it until no view listed a dead process.
    pub burials: Times,
    /// From the healing until the last view or neighbour changed.
    pub settled: Times,
}

/// The highest load of each bounded thing, at any node of any run. Every change is checked against its bound (M1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Peaks {
    /// Messages held back until their dependencies arrive.
    pub held_messages: usize,
    /// Bytes of the messages held back.
    pub held_bytes: usize,
    /// Messages in one log.
    pub logged_messages: usize,
    /// Bytes in one log.
    pub logged_bytes: usize,
    /// Bytes queued on one link.
    pub link_bytes: usize,
}

impl Peaks {
    /// Raises the peaks to the load of a node.
    pub(crate) fn raise(&mut self, load: &Load) {
        self.held_messages = self.held_messages.max(load.held_messages);
        self.held_bytes = self.held_bytes.max(load.held_bytes);
        self.logged_messages = self.logged_messages.max(load.logged_messages);
        self.logged_bytes = self.logged_bytes.max(load.logged_bytes);
    }

    /// Raises each peak to that of another run.
    pub(crate) fn add(&mut self, other: &Self) {
        self.held_messages = self.held_messages.max(other.held_messages);
        self.held_bytes = self.held_bytes.max(other.held_bytes);
        self.logged_messages = self.logged_messages.max(other.logged_messages);
        self.logged_bytes = self.logged_bytes.max(other.logged_bytes);
        self.link_bytes = self.link_bytes.max(other.link_bytes);
    }
}

impl Figures {
    /// Counts a fault that took effect.
    pub(crate) fn count_effective(&mut self, kind: &str) {
        count(&mut self.faults, kind, 1);
    }

    /// Counts a fault that was injected, whether or not it takes effect.
    pub(crate) fn count_injected(&mut self, kind: &str) {
        count(&mut self.injected, kind, 1);
    }

    /// Returns how many faults took effect.
    pub fn effective_faults(&self) -> u64 {
        self.faults.values().sum()
    }

    /// Adds the figures of another run.
    pub fn add(&mut self, other: &Self) {
        for (ours, theirs) in [
            (&mut self.faults, &other.faults),
            (&mut self.injected, &other.injected),
        ] {
            for (kind, &number) in theirs {
                count(ours, kind, number);
            }
        }
        for ((_, ours), (_, theirs)) in self.spans_mut().into_iter().zip(other.spans()) {
            ours.add(theirs);
        }
        self.peaks.add(&other.peaks);
        self.deliveries += other.deliveries;
        self.sent += other.sent;
        self.election_frames += other.election_frames;
        self.virtual_seconds += other.virtual_seconds;
        self.trace = (self.trace ^ other.trace).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// Returns all histograms with their names.
    pub(crate) fn spans(&self) -> [(&'static str, &Times); 8] {
        [
            ("detection, silent", &self.detections),
            ("detection, killed", &self.detections_killed),
            ("failover", &self.failovers),
            ("repair", &self.repairs),
            ("merge", &self.merges),
            ("join", &self.joins),
            ("dead gone from all views", &self.burials),
            ("settled after healing", &self.settled),
        ]
    }

    fn spans_mut(&mut self) -> [(&'static str, &mut Times); 8] {
        [
            ("detection, silent", &mut self.detections),
            ("detection, killed", &mut self.detections_killed),
            ("failover", &mut self.failovers),
            ("repair", &mut self.repairs),
            ("merge", &mut self.merges),
            ("join", &mut self.joins),
            ("dead gone from all views", &mut self.burials),
            ("settled after healing", &mut self.settled),
        ]
    }

    /// Records the virtual time of the run.
    pub(crate) const fn set_virtual_time(&mut self, time: Duration) {
        self.virtual_seconds = time.as_secs();
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "effective faults: {}", self.effective_faults())?;
        for (kind, injected) in &self.injected {
            let effective = self.faults.get(kind).copied().unwrap_or(0);
            writeln!(f, "  {kind}: {injected} injected, {effective} took effect")?;
        }
        for (name, times) in self.spans() {
            writeln!(f, "{name}: {times}")?;
        }
        let peaks = &self.peaks;
        writeln!(
            f,
            "peak load: {} messages ({} bytes) held back, {} messages ({} bytes) logged, {} bytes on one link; all within bounds",
            peaks.held_messages,
            peaks.held_bytes,
            peaks.logged_messages,
            peaks.logged_bytes,
            peaks.link_bytes
        )?;
        writeln!(f, "election frames: {}", self.election_frames)?;
        writeln!(f, "messages sent: {}", self.sent)?;
        writeln!(f, "deliveries checked: {}", self.deliveries)?;
        writeln!(f, "virtual time: {} s", self.virtual_seconds)?;
        write!(f, "trace: {:016x}", self.trace)
    }
}

fn count(counts: &mut Counts, kind: &str, number: u64) {
    match counts.get_mut(kind) {
        Some(known) => *known += number,
        None => {
            counts.insert(kind.to_owned(), number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_add_up() {
        let mut one = Figures::default();
        one.count_injected("kill");
        one.count_injected("pause");
        one.count_effective("kill");
        one.failovers.push(Duration::from_millis(300));
        one.peaks.link_bytes = 70;
        let mut all = one.clone();
        all.add(&one);
        one.peaks.link_bytes = 60;
        all.add(&one);
        assert_eq!(all.effective_faults(), 3);
        let shown = all.to_string();
        for line in [
            "effective faults: 3\n",
            "pause: 3 injected, 0 took effect\n",
            "failover: p50 300 ms, p99 300 ms, max 300 ms, 3 times\n",
            "70 bytes on one link; all within bounds\n",
            "deliveries checked: 0\n",
        ] {
            assert!(shown.contains(line), "{shown}");
        }
    }
}

//! What a run was like: how many faults took effect, and how soon things were well again.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

/// The figures of one run, or of several together.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// How many faults of each kind really hit somebody.
    pub faults: BTreeMap<&'static str, u64>,
    /// From a coordinator's death until all live nodes followed a live one.
    pub failovers: Vec<Duration>,
    /// From a death until no view listed the dead any more.
    pub burials: Vec<Duration>,
    /// From the start of a node until it was ready.
    pub joins: Vec<Duration>,
    /// From the healing until the last view or neighbour changed.
    pub settled: Vec<Duration>,
    /// From the end of a partition until all members followed one view.
    pub merges: Vec<Duration>,
    /// From a loss until the neighbours of the living were each other.
    pub repairs: Vec<Duration>,
    /// How many deliveries were checked.
    pub deliveries: u64,
    /// How many messages were said.
    pub said: u64,
    /// The virtual time of all runs.
    pub virtual_time: Duration,
    /// A hash of everything that happened.
    pub trace: u64,
}

impl Figures {
    /// A fault has hit somebody.
    pub(crate) fn fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    /// How many faults really took effect.
    pub fn effective_faults(&self) -> u64 {
        self.faults.values().sum()
    }

    /// Adds another run.
    pub(crate) fn add(&mut self, other: &Self) {
        for (&kind, count) in &other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        self.failovers.extend(&other.failovers);
        self.burials.extend(&other.burials);
        self.joins.extend(&other.joins);
        self.settled.extend(&other.settled);
        self.merges.extend(&other.merges);
        self.repairs.extend(&other.repairs);
        self.deliveries += other.deliveries;
        self.said += other.said;
        self.virtual_time += other.virtual_time;
        self.trace = (self.trace ^ other.trace).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "effective faults: {} {:?}",
            self.effective_faults(),
            self.faults
        )?;
        writeln!(f, "messages said: {}", self.said)?;
        writeln!(f, "deliveries checked: {}", self.deliveries)?;
        writeln!(f, "failover: {}", Spread(&self.failovers))?;
        writeln!(f, "dead gone from all views: {}", Spread(&self.burials))?;
        writeln!(f, "start to ready: {}", Spread(&self.joins))?;
        writeln!(f, "settled after healing: {}", Spread(&self.settled))?;
        writeln!(f, "merged after healing: {}", Spread(&self.merges))?;
        writeln!(f, "ring closed again: {}", Spread(&self.repairs))?;
        writeln!(f, "virtual time: {} s", self.virtual_time.as_secs())?;
        write!(f, "trace: {:016x}", self.trace)
    }
}

/// The middle and the greatest of some times.
struct Spread<'a>(&'a [Duration]);

impl fmt::Display for Spread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut times = self.0.to_vec();
        times.sort_unstable();
        let Some(greatest) = times.last() else {
            return f.write_str("none");
        };
        let middle = times[times.len() / 2];
        let count = times.len();
        write!(f, "p50 {middle:.0?}, max {greatest:.0?} ({count})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_add_up() {
        let mut one = Figures::default();
        one.fault("kill");
        one.failovers.push(Duration::from_millis(300));
        let mut all = one.clone();
        all.add(&one);
        all.add(&one);
        assert_eq!(all.effective_faults(), 3);
        let shown = all.to_string();
        assert!(shown.contains("p50 300ms, max 300ms (3)"), "{shown}");
    }
}

//! The failure detector: which neighbours have been silent for too long.
//!
//! A suspect is not dead yet (`PROTOCOL.md` §6.1). Not here: the proof of its death (`trial`), and its eviction by
//! the coordinator (`suspicion`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::NodeId;

use crate::Time;
use crate::config::{LATE, Tempo};
use crate::planted::{Planted, PlantedBug};

/// When each neighbour was heard last, and which nodes are suspected.
#[derive(Debug, Default)]
pub(crate) struct Detector {
    watched: BTreeMap<NodeId, Time>,
    suspects: BTreeSet<NodeId>,
    /// How late this node itself was lately: others may seem as late.
    strain: Duration,
    tempo: Tempo,
    planted: Planted,
}

impl Detector {
    /// Creates a detector that watches nobody yet, in a ring of this tempo.
    pub(crate) fn new(tempo: Tempo) -> Self {
        Self {
            tempo,
            ..Self::default()
        }
    }

    /// Activates a planted bug, if it is one of this machine's.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn plant(&mut self, planted: Planted) {
        self.planted = planted;
    }

    /// Watches these neighbours, and no others.
    pub(crate) fn watch(&mut self, now: Time, neighbours: impl IntoIterator<Item = NodeId>) {
        let before = core::mem::take(&mut self.watched);
        for id in neighbours {
            let last_alive = before.get(&id).copied().unwrap_or(now);
            self.watched.insert(id, last_alive);
        }
    }

    /// Takes any frame as a sign of life. Returns true if this clears a suspicion.
    pub(crate) fn note_alive(&mut self, now: Time, id: &NodeId) -> bool {
        if let Some(last_alive) = self.watched.get_mut(id) {
            *last_alive = now;
        }
        let clears = !self.planted.has(PlantedBug::CloseOverLive);
        clears && !self.suspects.is_empty() && self.suspects.remove(id)
    }

    /// Suspects a node for another reason than silence. Returns true if it was not suspected before.
    pub(crate) fn suspect(&mut self, id: NodeId) -> bool {
        self.suspects.insert(id)
    }

    /// Forgets the suspects that are no longer members.
    pub(crate) fn retain(&mut self, is_member: impl Fn(&NodeId) -> bool) {
        self.suspects.retain(is_member);
    }

    /// Returns true if the node is suspected.
    pub(crate) fn suspects(&self, id: &NodeId) -> bool {
        self.suspects.contains(id)
    }

    /// Returns all suspects.
    pub(crate) fn all_suspects(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.suspects.iter().copied()
    }

    /// Suspects the neighbours that were silent for too long. Returns the new suspects.
    pub(crate) fn expire(&mut self, now: Time) -> Vec<NodeId> {
        let mut news = Vec::new();
        let patience = self.patience();
        for (&id, &last_alive) in &self.watched {
            // Adds as `deadline` does: a `Time` has whole microseconds, and a patience may be finer.
            if last_alive + patience <= now && self.suspects.insert(id) {
                news.push(id);
            }
        }
        news
    }

    /// Returns when [`Detector::expire`] is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.watched
            .iter()
            .filter(|(id, _)| !self.suspects.contains(*id))
            .map(|(_, &last_alive)| last_alive + self.patience())
            .min()
    }

    /// Notes how late this node itself was. Its patience with others grows by that, until the strain has faded.
    pub(crate) fn add_strain(&mut self, late: Duration) {
        self.strain = self.strain.max(late);
    }

    /// Lets the strain fade by one eighth: a heartbeat's time has gone by.
    pub(crate) fn relax(&mut self) {
        self.strain = self.strain * 7 / 8;
        if self.strain < LATE {
            self.strain = Duration::ZERO;
        }
    }

    fn patience(&self) -> Duration {
        if self.planted.has(PlantedBug::EvictOnOneHeartbeat) {
            self.tempo.heartbeat * 3 / 2
        } else {
            self.tempo.suspicion + self.strain
        }
    }

    /// Starts over, since it was this node that slept.
    pub(crate) fn reset(&mut self, now: Time) {
        self.suspects.clear();
        for last_alive in self.watched.values_mut() {
            *last_alive = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspicion() -> Duration {
        Tempo::default().suspicion
    }

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    #[test]
    fn silence_makes_a_suspect_and_life_clears_it() {
        let start = Time::default();
        let mut detector = Detector::default();
        detector.watch(start, [id(1), id(2)]);
        let later = start + Duration::from_secs(1);
        detector.note_alive(later, &id(1));
        assert_eq!(detector.expire(later), []);
        assert_eq!(detector.expire(start + suspicion()), [id(2)]);
        assert!(detector.suspects(&id(2)) && !detector.suspects(&id(1)));
        assert_eq!(detector.expire(start + suspicion()), [], "no news twice");
        assert!(detector.note_alive(start + suspicion(), &id(2)));
        assert!(!detector.suspects(&id(2)));
    }

    #[test]
    fn a_reset_clears_all_suspicions() {
        let start = Time::default();
        let mut detector = Detector::default();
        detector.watch(start, [id(1)]);
        let woken = start + Duration::from_secs(20);
        detector.reset(woken);
        assert_eq!(detector.expire(woken), []);
        assert_eq!(detector.deadline(), Some(woken + suspicion()));
    }

    #[test]
    fn a_strained_node_is_patient_until_the_strain_fades() {
        let start = Time::default();
        let mut detector = Detector::default();
        detector.watch(start, [id(1)]);
        detector.add_strain(Duration::from_millis(600));
        assert_eq!(detector.expire(start + suspicion()), []);
        for _ in 0..20 {
            detector.relax();
        }
        assert_eq!(detector.expire(start + suspicion()), [id(1)]);
    }

    #[test]
    fn the_detector_suspects_at_its_deadline() {
        let start = Time::default();
        let mut detector = Detector::default();
        detector.watch(start, [id(1)]);
        detector.add_strain(Duration::from_nanos(105_230_229));
        let due = detector.deadline().unwrap();
        assert_eq!(detector.expire(due), [id(1)]);
    }
}

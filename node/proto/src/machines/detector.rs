//! The detector: which neighbours have been silent for too long.
//!
//! A suspect is not dead: that is for a trial to find out (`trial`), and for the coordinator to
//! say (`PROTOCOL.md` §6.1).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::NodeId;

use crate::Time;
use crate::config::{LATE, Tempo};
use crate::planted::{Planted, PlantedBug};

/// When each neighbour was heard last, and whom this node suspects.
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
    /// One that watches nobody yet, in a ring of this tempo.
    pub(crate) fn new(tempo: Tempo) -> Self {
        Self {
            tempo,
            ..Self::default()
        }
    }

    /// Makes the planted mistake, if it is one of this machine.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn plant(&mut self, planted: Planted) {
        self.planted = planted;
    }

    /// Watches these from now on, and nobody else.
    pub(crate) fn watch(&mut self, now: Time, neighbours: impl IntoIterator<Item = NodeId>) {
        let before = core::mem::take(&mut self.watched);
        for id in neighbours {
            let heard = before.get(&id).copied().unwrap_or(now);
            self.watched.insert(id, heard);
        }
    }

    /// Any frame is a sign of life; true where it clears a suspicion.
    pub(crate) fn heard(&mut self, now: Time, id: &NodeId) -> bool {
        if let Some(heard) = self.watched.get_mut(id) {
            *heard = now;
        }
        let clears = !self.planted.has(PlantedBug::CloseOverLive);
        clears && !self.suspects.is_empty() && self.suspects.remove(id)
    }

    /// Suspects a node for another reason than silence; true where that is new.
    pub(crate) fn suspect(&mut self, id: NodeId) -> bool {
        self.suspects.insert(id)
    }

    /// Forgets the suspects who are no members any more.
    pub(crate) fn retain(&mut self, is_member: impl Fn(&NodeId) -> bool) {
        self.suspects.retain(is_member);
    }

    /// True where the node is suspected.
    pub(crate) fn suspects(&self, id: &NodeId) -> bool {
        self.suspects.contains(id)
    }

    /// Everybody suspected.
    pub(crate) fn all(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.suspects.iter().copied()
    }

    /// Suspects those who were silent for too long, and gives who is new among them.
    pub(crate) fn expire(&mut self, now: Time) -> Vec<NodeId> {
        let mut news = Vec::new();
        let patience = self.patience();
        for (&id, &heard) in &self.watched {
            // As `deadline` has it: times have microseconds, and patience may have less.
            if heard + patience <= now && self.suspects.insert(id) {
                news.push(id);
            }
        }
        news
    }

    /// When [`Detector::expire`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.watched
            .iter()
            .filter(|(id, _)| !self.suspects.contains(*id))
            .map(|(_, &heard)| heard + self.patience())
            .min()
    }

    /// This node was late: it has the more patience with others, until that is some time ago.
    pub(crate) fn strain(&mut self, late: Duration) {
        self.strain = self.strain.max(late);
    }

    /// A heartbeat's time has gone by.
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

    /// Starts all over: it was this node that slept.
    pub(crate) fn pardon(&mut self, now: Time) {
        self.suspects.clear();
        for heard in self.watched.values_mut() {
            *heard = now;
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
        detector.heard(later, &id(1));
        assert_eq!(detector.expire(later), []);
        assert_eq!(detector.expire(start + suspicion()), [id(2)]);
        assert!(detector.suspects(&id(2)) && !detector.suspects(&id(1)));
        assert_eq!(detector.expire(start + suspicion()), [], "no news twice");
        assert!(detector.heard(start + suspicion(), &id(2)));
        assert!(!detector.suspects(&id(2)));
    }

    #[test]
    fn who_slept_pardons_everybody() {
        let start = Time::default();
        let mut detector = Detector::default();
        detector.watch(start, [id(1)]);
        let woken = start + Duration::from_secs(20);
        detector.pardon(woken);
        assert_eq!(detector.expire(woken), []);
        assert_eq!(detector.deadline(), Some(woken + suspicion()));
    }

    #[test]
    fn a_late_node_is_patient_until_that_is_some_time_ago() {
        let start = Time::default();
        let mut detector = Detector::default();
        detector.watch(start, [id(1)]);
        detector.strain(Duration::from_millis(600));
        assert_eq!(detector.expire(start + suspicion()), []);
        for _ in 0..20 {
            detector.relax();
        }
        assert_eq!(detector.expire(start + suspicion()), [id(1)]);
    }

    #[test]
    fn there_is_something_to_do_when_the_time_has_come() {
        let start = Time::default();
        let mut detector = Detector::default();
        detector.watch(start, [id(1)]);
        detector.strain(Duration::from_nanos(105_230_229));
        let due = detector.deadline().unwrap();
        assert_eq!(detector.expire(due), [id(1)]);
    }
}

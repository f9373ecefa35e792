//! A node's doubt in itself, after it slept: it decides nothing until a neighbour shows that nothing was missed.
//!
//! `PROTOCOL.md` §6.1. Not here: how it notices that it slept, and what it does then (`suspicion`).

use alloc::collections::BTreeSet;

use ringtalk_wire::NodeId;

use crate::Time;
use crate::config::{PROBE, Tempo};

/// A node's doubt in itself.
#[derive(Debug)]
pub(crate) struct Doubt {
    since: Time,
    /// When it ends without an answer.
    until: Time,
    /// Peers that have answered a ping of after the sleep.
    answered: BTreeSet<NodeId>,
}

impl Doubt {
    /// It begins now.
    pub(crate) fn since(now: Time, tempo: &Tempo) -> Self {
        Self {
            since: now,
            until: now + tempo.suspicion + PROBE,
            answered: BTreeSet::new(),
        }
    }

    /// A peer answers the ping of that time.
    pub(crate) fn answer(&mut self, peer: NodeId, sent: Time) {
        if sent == self.since {
            self.answered.insert(peer);
        }
    }

    /// Returns true if a peer has spoken since this node woke up.
    pub(crate) fn is_answered_by(&self, peer: &NodeId) -> bool {
        self.answered.contains(peer)
    }

    /// When it ends without an answer.
    pub(crate) const fn deadline(&self) -> Time {
        self.until
    }
}

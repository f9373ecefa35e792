//! A node's doubt in itself after it slept: it decides nothing until a neighbour shows that it missed nothing.
//!
//! `PROTOCOL.md` §6.1. Not here: the detection of the sleep, and what else follows from it (`node::judgement`).

use alloc::collections::BTreeSet;

use ringtalk_wire::NodeId;

use crate::Time;
use crate::config::{PROBE, Tempo};

/// A node's doubt in itself.
#[derive(Debug)]
pub(crate) struct SelfDoubt {
    since: Time,
    /// When it ends without an answer.
    until: Time,
    /// Peers that have answered a ping sent after the sleep.
    answered: BTreeSet<NodeId>,
}

impl SelfDoubt {
    /// Starts the doubt, at `now`.
    pub(crate) fn since(now: Time, tempo: &Tempo) -> Self {
        Self {
            since: now,
            until: now + tempo.suspicion + PROBE,
            answered: BTreeSet::new(),
        }
    }

    /// Notes that a peer answered the ping that was sent at `sent`.
    pub(crate) fn note_answer(&mut self, peer: NodeId, sent: Time) {
        if sent == self.since {
            self.answered.insert(peer);
        }
    }

    /// Returns true if a peer has answered since this node woke up.
    pub(crate) fn is_answered_by(&self, peer: &NodeId) -> bool {
        self.answered.contains(peer)
    }

    /// Returns when the doubt ends without an answer.
    pub(crate) const fn deadline(&self) -> Time {
        self.until
    }
}

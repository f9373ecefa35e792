//! Relocation: how a node whose addresses have changed tells the others, and how often it may.
//!
//! `PROTOCOL.md` §5.1. Not here: the view that has the new addresses (`node::relocation`), how the change is noticed (the
//! driver).

use core::time::Duration;

use ringtalk_wire::NodeId;

use crate::Time;
use crate::machines::rate_limiter::RateLimiter;

/// The wait before the coordinator is told again: longer than a round trip and the next view take together, and long
/// enough for a new coordinator to be elected.
const RETRY: Duration = Duration::from_secs(2);
/// How often a member's addresses change at once, and how often after that: enough for a machine that wakes up, changes
/// from cable to radio and gets IPv6 after IPv4. Each change costs everybody a view.
const MOVES_BURST: u32 = 4;
const MOVE_INTERVAL: Duration = Duration::from_secs(10);

/// This node's own move, and the moves of others that this node has put into views.
#[derive(Debug)]
pub(crate) struct Relocation {
    /// When the coordinator is told (again) where this node is, if the view may be wrong about it.
    announce_at: Option<Time>,
    moves: RateLimiter,
}

impl Default for Relocation {
    fn default() -> Self {
        Self {
            announce_at: None,
            moves: RateLimiter::new(MOVES_BURST, MOVE_INTERVAL),
        }
    }
}

impl Relocation {
    /// Returns when this node tells where it is.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        self.announce_at
    }

    /// Records that this node has moved, and tells it at once.
    pub(crate) const fn begin(&mut self, now: Time) {
        self.announce_at = Some(now);
    }

    /// Returns true if this node must tell where it is now. It tells it again until it has [arrived](Self::end).
    pub(crate) fn is_due(&mut self, now: Time) -> bool {
        let is_due = self.announce_at.is_some_and(|at| at <= now);
        if is_due {
            self.announce_at = Some(now + RETRY);
        }
        is_due
    }

    /// Records that the view in force has this node's addresses.
    pub(crate) const fn end(&mut self) {
        self.announce_at = None;
    }

    /// Returns true if a member may move again.
    pub(crate) fn may_move(&self, now: Time, id: &NodeId) -> bool {
        self.moves.next_allowed(id) <= now
    }

    /// Records that a member has moved.
    pub(crate) fn note_move(&mut self, now: Time, id: NodeId) {
        self.moves.record(now, id);
    }
}

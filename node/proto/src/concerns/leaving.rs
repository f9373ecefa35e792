//! Leaving: what remains to be done before this node may go, and how long that may take.
//!
//! `PROTOCOL.md` §7. Not here: the frames that tell the others (`node::departure`).

use crate::Time;
use crate::config::LEAVE_WAIT;
use crate::context::LeaveStage;
use core::time::Duration;
use ringtalk_wire::{MessageId, VectorClock};

/// The maximum time for leaving; the process exits within 2 s.
const LEAVE_LIMIT: Duration = Duration::from_millis(1_800);

/// How often this node asks its neighbours for their clocks, and repeats its announcement.
const STEP_PAUSE: Duration = Duration::from_millis(200);

/// The next step of a leaving node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LeavingStep {
    /// Ask the neighbours for their clocks.
    AskNeighbours,
    /// Tell the others, or tell them again.
    AnnounceLeave,
    /// Go.
    Finish,
}

/// A leaving node.
#[derive(Debug)]
pub(crate) struct Leaving {
    since: Time,
    next_step_at: Time,
    /// The messages that no neighbour is known to have: this node may be the last that has them.
    unconfirmed: VectorClock,
    done: bool,
}

impl Leaving {
    /// Returns when `expire` has something to do.
    pub(crate) fn deadline(&self, stage: LeaveStage) -> Option<Time> {
        let wait = if stage == LeaveStage::Announced {
            LEAVE_LIMIT
        } else {
            LEAVE_WAIT
        };
        (!self.done).then(|| self.next_step_at.min(self.since + wait))
    }

    /// Begins to leave, with these messages to hand to others.
    pub(crate) const fn begin(now: Time, unconfirmed: VectorClock) -> Self {
        Self {
            since: now,
            next_step_at: now,
            unconfirmed,
            done: false,
        }
    }

    /// Counts the time limits from an earlier time on, when the process began to leave.
    pub(crate) fn count_from(&mut self, since: Time) {
        self.since = self.since.min(since);
    }

    /// Shortens all time limits.
    pub(crate) fn hurry(&mut self, by: Duration) {
        let since = self.since - Time::default();
        self.since = Time::default() + since.saturating_sub(by);
    }

    /// Returns true until this node is done.
    pub(crate) const fn is_waiting(&self) -> bool {
        !self.done
    }

    /// Marks this node as done. Returns true the first time.
    pub(crate) const fn finish(&mut self) -> bool {
        !core::mem::replace(&mut self.done, true)
    }

    /// Returns the next step, if one is due; `is_all_held` is true if others have all messages of this node's own.
    pub(crate) fn expire(
        &mut self,
        now: Time,
        stage: LeaveStage,
        is_all_held: bool,
    ) -> Option<LeavingStep> {
        if self.done {
            return None;
        }
        let waited = now - self.since;
        let step = if stage == LeaveStage::Announced {
            if waited >= LEAVE_LIMIT {
                return Some(LeavingStep::Finish);
            }
            LeavingStep::AnnounceLeave
        } else if waited >= LEAVE_WAIT || (is_all_held && self.unconfirmed.is_empty()) {
            self.next_step_at = now;
            LeavingStep::AnnounceLeave
        } else {
            LeavingStep::AskNeighbours
        };
        if self.next_step_at > now {
            return None;
        }
        self.next_step_at = now + STEP_PAUSE;
        Some(step)
    }

    /// Takes a neighbour's clock: what the neighbour has is no longer to be handed on.
    pub(crate) fn note_held_by_neighbour(&mut self, entries: &[MessageId]) {
        let theirs: VectorClock = entries.iter().copied().collect();
        let lacks = |kept: &MessageId| !theirs.covers(*kept);
        self.unconfirmed = self.unconfirmed.iter().filter(lacks).collect();
    }
}

//! Leaving: what remains to be done before this node may go, and how long that may take.
//!
//! `PROTOCOL.md` §7. Not here: the frames that tell the others (`node::departure`).

use crate::Time;
use crate::config::LEAVE_WAIT;
use crate::context::Farewell;
use core::time::Duration;
use ringtalk_wire::{MessageId, VectorClock};

/// The maximum time for leaving; the process exits within 2 s.
const LEAVE_LIMIT: Duration = Duration::from_millis(1_800);

/// How often this node asks its neighbours for their clocks, and repeats its goodbye.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// The next step of a leaving node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Ask the neighbours for their clocks.
    AskNeighbours,
    /// Tell the others, or tell them again.
    SayGoodbye,
    /// Go.
    Go,
}

/// A leaving node.
#[derive(Debug)]
pub(crate) struct Leaving {
    since: Time,
    ask_at: Time,
    /// The messages that no neighbour is known to have: this node may be the last that has them.
    entrusted: VectorClock,
    done: bool,
}

impl Leaving {
    /// Returns when `expire` has something to do.
    pub(crate) fn deadline(&self, farewell: Farewell) -> Option<Time> {
        let wait = if farewell == Farewell::Said {
            LEAVE_LIMIT
        } else {
            LEAVE_WAIT
        };
        (!self.done).then(|| self.ask_at.min(self.since + wait))
    }

    /// Begins to leave, with these messages to hand to others.
    pub(crate) const fn begin(now: Time, entrusted: VectorClock) -> Self {
        Self {
            since: now,
            ask_at: now,
            entrusted,
            done: false,
        }
    }

    /// Returns true until this node is done.
    pub(crate) const fn is_waiting(&self) -> bool {
        !self.done
    }

    /// Marks this node as done. Returns true the first time.
    pub(crate) const fn finish(&mut self) -> bool {
        !core::mem::replace(&mut self.done, true)
    }

    /// Returns the next step, if one is due; `handed` is true if others have all messages of this node's own.
    pub(crate) fn expire(&mut self, now: Time, farewell: Farewell, handed: bool) -> Option<Step> {
        if self.done {
            return None;
        }
        let waited = now - self.since;
        let step = if farewell == Farewell::Said {
            if waited >= LEAVE_LIMIT {
                return Some(Step::Go);
            }
            Step::SayGoodbye
        } else if waited >= LEAVE_WAIT || (handed && self.entrusted.is_empty()) {
            self.ask_at = now;
            Step::SayGoodbye
        } else {
            Step::AskNeighbours
        };
        if self.ask_at > now {
            return None;
        }
        self.ask_at = now + ASK_AGAIN;
        Some(step)
    }

    /// Takes a neighbour's clock: what the neighbour has is no longer to be handed on.
    pub(crate) fn entrust(&mut self, entries: &[MessageId]) {
        let theirs: VectorClock = entries.iter().copied().collect();
        let lacks = |kept: &MessageId| !theirs.covers(*kept);
        self.entrusted = self.entrusted.iter().filter(lacks).collect();
    }
}

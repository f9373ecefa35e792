//! Leaving: what is left to do before this node may go, and how long that takes at most.
//!
//! `PROTOCOL.md` §7. Not here: what the others are told (`node::departure`).

use crate::Time;
use crate::config::LEAVE_WAIT;
use crate::context::Farewell;
use core::time::Duration;
use ringtalk_wire::{MessageId, VectorClock};

/// How long leaving takes at most; the process exits within 2 s.
const LEAVE_LIMIT: Duration = Duration::from_millis(1_800);

/// How often the neighbours are asked how far they are, and goodbye is said again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// What a node on its way out does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// The neighbours are asked how far they are.
    AskNeighbours,
    /// The others are told, once more if need be.
    SayGoodbye,
    /// This node goes.
    Go,
}

/// A node on its way out.
#[derive(Debug)]
pub(crate) struct Leaving {
    since: Time,
    ask_at: Time,
    /// What no neighbour is known to have yet: this node may be the last that does.
    entrusted: VectorClock,
    done: bool,
}

impl Leaving {
    /// When there is something to do.
    pub(crate) fn deadline(&self, farewell: Farewell) -> Option<Time> {
        let wait = if farewell == Farewell::Said {
            LEAVE_LIMIT
        } else {
            LEAVE_WAIT
        };
        (!self.done).then(|| self.ask_at.min(self.since + wait))
    }

    /// Leaving begins with this to be handed to others.
    pub(crate) const fn begin(now: Time, entrusted: VectorClock) -> Self {
        Self {
            since: now,
            ask_at: now,
            entrusted,
            done: false,
        }
    }

    /// Returns true until the farewell is over.
    pub(crate) const fn is_waiting(&self) -> bool {
        !self.done
    }

    /// The farewell is over. Returns true the first time.
    pub(crate) const fn finish(&mut self) -> bool {
        !core::mem::replace(&mut self.done, true)
    }

    /// What is to be done now; `handed` is true if all that this node has said is in others' hands.
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

    /// A neighbour says how far it is.
    pub(crate) fn entrust(&mut self, entries: &[MessageId]) {
        let theirs: VectorClock = entries.iter().copied().collect();
        let lacks = |kept: &MessageId| !theirs.covers(*kept);
        self.entrusted = self.entrusted.iter().filter(lacks).collect();
    }
}

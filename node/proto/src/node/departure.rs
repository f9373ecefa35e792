//! Departure: leaving properly, so that nothing said is lost and others see "left".
//!
//! `PROTOCOL.md` §7. Not here: how the others go on.

use core::time::Duration;

use ringtalk_wire::{Departed, Departure, Frame, HandOver, MessageId, NodeId, VectorClock};

use super::Node;
use super::history::send_digest;
use crate::config::LEAVE_WAIT;
use crate::context::Farewell;
use crate::{Output, Time, View};

/// How long leaving takes at most; the process exits within 2 s.
const LEAVE_LIMIT: Duration = Duration::from_millis(1_800);

/// How often the neighbours are asked how far they are, and goodbye is said again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// A node on its way out.
#[derive(Debug)]
pub(super) struct Leaving {
    since: Time,
    ask_at: Time,
    /// What no neighbour is known to have yet: this node may be the last that does.
    entrusted: VectorClock,
    done: bool,
}

impl Leaving {
    /// When there is something to do.
    pub(super) fn deadline(&self, farewell: Farewell) -> Option<Time> {
        let wait = if farewell == Farewell::Said {
            LEAVE_LIMIT
        } else {
            LEAVE_WAIT
        };
        (!self.done).then(|| self.ask_at.min(self.since + wait))
    }

    /// A neighbour says how far it is.
    pub(super) fn entrust(&mut self, entries: &[MessageId]) {
        let theirs: VectorClock = entries.iter().copied().collect();
        let lacks = |kept: &MessageId| !theirs.covers(*kept);
        self.entrusted = self.entrusted.iter().filter(lacks).collect();
    }
}

impl Node {
    /// The user leaves.
    pub(super) fn leave(&mut self) {
        let now = self.context.now;
        if self.context.is_leaving() {
            return;
        }
        let alone = self
            .context
            .view
            .as_ref()
            .is_none_or(|view| view.len() == 1);
        let nobody_to_tell = alone || self.context.joining.is_outside();
        if self.context.joining.is_ready() {
            self.seal_everything();
        }
        self.leaving = Some(Leaving {
            since: now,
            ask_at: now,
            entrusted: self.discussion.causal.clock().clone(),
            done: false,
        });
        self.context.farewell = Farewell::Begun;
        self.relay.confirm_everything(&mut self.context);
        if nobody_to_tell {
            self.farewell_heard();
        } else {
            self.expire_leaving();
        }
    }

    /// Says goodbye once everything that this node has is in others' hands; goes when the farewell
    /// is heard, or has been waited for long enough.
    pub(super) fn expire_leaving(&mut self) {
        let now = self.context.now;
        let handed = self.relay.outbox.unhanded() == 0;
        let Some(leaving) = self.leaving.as_mut().filter(|leaving| !leaving.done) else {
            return;
        };
        let overdue = now - leaving.since >= LEAVE_WAIT;
        if self.context.farewell == Farewell::Said {
            if now - leaving.since >= LEAVE_LIMIT {
                self.farewell_heard();
            } else if leaving.ask_at <= now {
                leaving.ask_at = now + ASK_AGAIN;
                self.say_goodbye();
            }
        } else if overdue || (handed && leaving.entrusted.is_empty()) {
            self.context.farewell = Farewell::Said;
            leaving.ask_at = now + ASK_AGAIN;
            self.say_goodbye();
        } else if leaving.ask_at <= now {
            leaving.ask_at = now + ASK_AGAIN;
            for neighbour in self.ring.neighbour_ids() {
                send_digest(&mut self.context, &self.discussion, &neighbour, true);
            }
        }
    }

    /// A member leaves.
    pub(super) fn take_leave(&mut self, peer: NodeId) {
        let member = self.context.is_member(&peer);
        if member && self.context.has_authority() {
            let left = Departed {
                id: peer,
                how: Departure::Left,
            };
            self.publish([].into(), [left].into(), [].into());
        }
    }

    /// The coordinator changed while this node was leaving: the new one is told.
    pub(super) fn leave_again(&mut self, next: &View, new_epoch: bool) {
        let waits = self.leaving.as_ref().is_some_and(|leaving| !leaving.done);
        let said = waits && self.context.farewell == Farewell::Said;
        if said && new_epoch && next.len() > 1 {
            self.say_goodbye();
        } else if said && next.len() == 1 {
            self.farewell_heard();
        }
    }

    /// The others know: this node may go.
    pub(super) fn farewell_heard(&mut self) {
        if let Some(leaving) = self.leaving.as_mut().filter(|leaving| !leaving.done) {
            leaving.done = true;
            let unhanded = self.relay.outbox.unhanded();
            self.context.out.push_back(Output::Left { unhanded });
        }
    }

    fn say_goodbye(&mut self) {
        let Some(view) = self.context.view.clone() else {
            return;
        };
        if self.context.is_coordinator() {
            if let Some(&successor) = self.context.deputies().first() {
                let opening = self.succession.office_for(&self.context, &view, successor);
                let tag = view.tag();
                let office = Frame::HandOver(HandOver { tag, opening });
                self.context.send_to_member(&successor, &office);
            }
        } else {
            let goodbye = Frame::Leave(self.relay.outbox.sealed());
            self.context.send_to_member(&view.coordinator(), &goodbye);
        }
    }
}

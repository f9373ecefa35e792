//! Departure: leaving properly, so that nothing said is lost and others see "left".
//!
//! `PROTOCOL.md` §7. Not here: how the others go on.

use core::time::Duration;

use ringtalk_wire::{Departed, Departure, Frame, HandOver, MessageId, NodeId, VectorClock};

use super::Node;
use crate::config::LEAVE_WAIT;
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
    said_goodbye: bool,
    done: bool,
}

impl Leaving {
    /// True once the others were told: this node decides nothing any more.
    pub(super) const fn has_said_goodbye(&self) -> bool {
        self.said_goodbye
    }

    /// When there is something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        match (self.done, self.said_goodbye) {
            (true, _) => None,
            (_, true) => Some(self.ask_at.min(self.since + LEAVE_LIMIT)),
            (_, false) => Some(self.ask_at.min(self.since + LEAVE_WAIT)),
        }
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
    pub(super) fn leave(&mut self, now: Time) {
        if self.leaving.is_some() {
            return;
        }
        let alone = self.view.as_ref().is_none_or(|view| view.len() == 1);
        let nobody_to_tell = alone || self.joining.is_outside();
        if self.ready {
            self.seal_everything(now);
        }
        self.leaving = Some(Leaving {
            since: now,
            ask_at: now,
            entrusted: self.causal.clock().clone(),
            said_goodbye: false,
            done: false,
        });
        self.confirm_everything();
        if nobody_to_tell {
            self.farewell_heard();
        } else {
            self.expire_leaving(now);
        }
    }

    /// Says goodbye once everything that this node has is in others' hands; goes when the farewell
    /// is heard, or has been waited for long enough.
    pub(super) fn expire_leaving(&mut self, now: Time) {
        let handed = self.outbox.unhanded() == 0;
        let Some(leaving) = self.leaving.as_mut().filter(|leaving| !leaving.done) else {
            return;
        };
        let overdue = now - leaving.since >= LEAVE_WAIT;
        if leaving.said_goodbye {
            if now - leaving.since >= LEAVE_LIMIT {
                self.farewell_heard();
            } else if leaving.ask_at <= now {
                leaving.ask_at = now + ASK_AGAIN;
                self.say_goodbye(now);
            }
        } else if overdue || (handed && leaving.entrusted.is_empty()) {
            leaving.said_goodbye = true;
            leaving.ask_at = now + ASK_AGAIN;
            self.say_goodbye(now);
        } else if leaving.ask_at <= now {
            leaving.ask_at = now + ASK_AGAIN;
            for neighbour in self.neighbour_ids() {
                self.send_digest(now, &neighbour, true);
            }
        }
    }

    /// A member leaves.
    pub(super) fn take_leave(&mut self, now: Time, peer: NodeId) {
        let member = self.view.as_ref().is_some_and(|view| view.contains(&peer));
        if member && self.has_authority() {
            let left = Departed {
                id: peer,
                how: Departure::Left,
            };
            self.publish(now, [].into(), [left].into(), [].into());
        }
    }

    /// The coordinator changed while this node was leaving: the new one is told.
    pub(super) fn leave_again(&mut self, now: Time, next: &View, new_epoch: bool) {
        let said = self
            .leaving
            .as_ref()
            .is_some_and(|it| it.said_goodbye && !it.done);
        if said && new_epoch && next.len() > 1 {
            self.say_goodbye(now);
        } else if said && next.len() == 1 {
            self.farewell_heard();
        }
    }

    /// The others know: this node may go.
    pub(super) fn farewell_heard(&mut self) {
        if let Some(leaving) = self.leaving.as_mut().filter(|leaving| !leaving.done) {
            leaving.done = true;
            let unhanded = self.outbox.unhanded();
            self.out.push_back(Output::Left { unhanded });
        }
    }

    fn say_goodbye(&mut self, now: Time) {
        let Some(view) = self.view.clone() else {
            return;
        };
        if self.is_coordinator() {
            if let Some(&successor) = self.deputies().first() {
                let opening = self.office_for(&view, successor);
                let tag = view.tag();
                let office = Frame::HandOver(HandOver { tag, opening });
                self.send_to_member(now, &successor, &office);
            }
        } else {
            let goodbye = Frame::Leave(self.outbox.sealed());
            self.send_to_member(now, &view.coordinator(), &goodbye);
        }
    }
}

//! Departure: leaving properly, so that no message is lost and others see "left".
//!
//! `PROTOCOL.md` §7. Not here: the next step and the time limits (`leaving`), the successor's takeover (`takeover`).

use super::Node;
use crate::concerns::history::send_digest;
use crate::concerns::leaving::{Leaving, Step};
use crate::context::Farewell;
use crate::{Output, Time, View};
use ringtalk_wire::{Departed, Departure, Frame, HandOver, NodeId};

impl Node {
    /// Begins to leave, as the user asked.
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
        let entrusted = self.discussion.causal.clock().clone();
        self.leaving = Some(Leaving::begin(now, entrusted));
        self.context.farewell = Farewell::Begun;
        self.relay.confirm_everything(&mut self.context);
        if nobody_to_tell {
            self.farewell_heard();
        } else {
            self.expire_leaving();
        }
    }

    /// Returns when the next step of leaving is due.
    pub(super) fn leaving_due(&self) -> Option<Time> {
        let leaving = self.leaving.as_ref()?;
        leaving.deadline(self.context.farewell)
    }

    /// Says goodbye once others have everything that this node has. Goes when its farewell is confirmed, or after
    /// waiting for long enough.
    pub(super) fn expire_leaving(&mut self) {
        let now = self.context.now;
        let handed = self.relay.outbox.unhanded() == 0;
        let farewell = self.context.farewell;
        let leaving = self.leaving.as_mut();
        match leaving.and_then(|leaving| leaving.expire(now, farewell, handed)) {
            Some(Step::AskNeighbours) => {
                for neighbour in self.ring.neighbour_ids() {
                    send_digest(&mut self.context, &self.discussion, &neighbour, true);
                }
            }
            Some(Step::SayGoodbye) => {
                self.context.farewell = Farewell::Said;
                self.say_goodbye();
            }
            Some(Step::Go) => self.farewell_heard(),
            None => {}
        }
    }

    /// Removes a member that leaves from the view.
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

    /// Repeats the goodbye to a new coordinator, or goes if no other member is left.
    pub(super) fn leave_again(&mut self, next: &View, new_epoch: bool) {
        let waits = self.leaving.as_ref().is_some_and(Leaving::is_waiting);
        let said = waits && self.context.farewell == Farewell::Said;
        if said && new_epoch && next.len() > 1 {
            self.say_goodbye();
        } else if said && next.len() == 1 {
            self.farewell_heard();
        }
    }

    /// Lets this node go: the others know.
    pub(super) fn farewell_heard(&mut self) {
        if self.leaving.as_mut().is_some_and(Leaving::finish) {
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

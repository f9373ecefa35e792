//! Departure: leaving properly, so that no message is lost and others see "left".
//!
//! `PROTOCOL.md` §7. Not here: the next step and the time limits (`leaving`), the successor's takeover (`takeover`).

use super::Node;
use crate::concerns::history::send_digest;
use crate::concerns::leaving::{Leaving, LeavingStep};
use crate::context::LeaveStage;
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
            self.flush_all();
        }
        let unconfirmed = self.discussion.causal.clock().clone();
        self.leaving = Some(Leaving::begin(now, unconfirmed));
        self.context.leave_stage = LeaveStage::HandingOff;
        self.relay.confirm_all(&mut self.context);
        if self.context.joining.is_outside() {
            self.withdraw_requests();
        }
        if nobody_to_tell {
            self.finish_leaving();
        } else {
            self.expire_leaving();
        }
    }

    /// Returns when the next step of leaving is due.
    pub(super) fn leaving_due(&self) -> Option<Time> {
        let leaving = self.leaving.as_ref()?;
        leaving.deadline(self.context.leave_stage)
    }

    /// Announces that this node leaves once others have everything that it has. Goes when that is confirmed, or after
    /// waiting for long enough.
    pub(super) fn expire_leaving(&mut self) {
        let now = self.context.now;
        let is_all_held = self.relay.outbox.untaken_count() == 0;
        let stage = self.context.leave_stage;
        let leaving = self.leaving.as_mut();
        match leaving.and_then(|leaving| leaving.expire(now, stage, is_all_held)) {
            Some(LeavingStep::AskNeighbours) => {
                for neighbour in self.ring.neighbour_ids() {
                    send_digest(&mut self.context, &self.discussion, &neighbour, true);
                }
            }
            Some(LeavingStep::AnnounceLeave) => {
                self.context.leave_stage = LeaveStage::Announced;
                self.announce_leave();
            }
            Some(LeavingStep::Finish) => self.finish_leaving(),
            None => {}
        }
    }

    /// Withdraws this node's requests for admission. A coordinator may have admitted this node already, and would
    /// report it as failed.
    fn withdraw_requests(&mut self) {
        for peer in self.context.links.linked_peers() {
            self.context.send(&peer, &Frame::Leave(0));
        }
    }

    /// Removes a member that leaves from the view, or a newcomer that has changed its mind from the queue.
    pub(super) fn take_leave(&mut self, peer: NodeId) {
        self.entry.newcomers.forget(&peer);
        let member = self.context.is_member(&peer);
        if member && self.context.has_authority() {
            let left = Departed {
                id: peer,
                how: Departure::Left,
            };
            self.publish([].into(), [left].into(), [].into());
        }
    }

    /// Repeats the announcement to a new coordinator, or goes if no other member is left.
    pub(super) fn repeat_leave(&mut self, next: &View, new_epoch: bool) {
        let waits = self.leaving.as_ref().is_some_and(Leaving::is_waiting);
        let is_announced = waits && self.context.leave_stage == LeaveStage::Announced;
        if is_announced && new_epoch && next.len() > 1 {
            self.announce_leave();
        } else if is_announced && next.len() == 1 {
            self.finish_leaving();
        }
    }

    /// Lets this node go: the others know.
    pub(super) fn finish_leaving(&mut self) {
        if self.leaving.as_mut().is_some_and(Leaving::finish) {
            let untaken = self.relay.outbox.untaken_count();
            self.context.out.push_back(Output::Finished { untaken });
        }
    }

    fn announce_leave(&mut self) {
        let Some(view) = self.context.view.clone() else {
            return;
        };
        if self.context.is_coordinator() {
            if let Some(&successor) = self.context.deputies().first() {
                let opening =
                    self.succession
                        .opening_for_successor(&self.context, &view, successor);
                let tag = view.tag();
                let office = Frame::HandOver(HandOver { tag, opening });
                self.context.send_to_member(&successor, &office);
            }
        } else {
            let leave = Frame::Leave(self.relay.outbox.last_seq());
            self.context.send_to_member(&view.coordinator(), &leave);
        }
    }
}

//! Reach: how many members have this node's own messages, as the user is told.
//!
//! `PROTOCOL.md` §4.6. Not here: the counting (`coverage`), the acknowledgements of others' bundles (`confirmation`).

use alloc::vec::Vec;

use ringtalk_wire::{Ack, Digest, Frame, MessageId, NodeId};

use super::Relay;
use crate::Event;
use crate::context::Context;
use crate::machines::coverage::{Audience, BundleReach};
use crate::view::Differences;

impl Relay {
    /// Records that a bundle of this node is acknowledged, for the first time or by more members.
    pub(super) fn note_acked(&mut self, context: &mut Context, ack: &Ack) {
        let now = context.now;
        self.outbox.note_acked(now, ack.item.number, ack.behind);
        let audience = audience(context);
        let reached = audience.map(|audience| self.coverage.note_acked(now, ack, audience));
        tell(context, reached);
    }

    /// Records that a member's clock covers this node's messages up to this one.
    pub(crate) fn note_covered(&mut self, context: &mut Context, peer: NodeId, up_to: u64) {
        // A clock cannot cover what this node has not said.
        let up_to = up_to.min(self.outbox.last_seq());
        let audience = audience(context);
        let reached = audience.map(|audience| self.coverage.note_covered(peer, up_to, audience));
        tell(context, reached);
    }

    /// Records a new view: messages are for the members that it lists.
    pub(crate) fn note_view(&mut self, context: &mut Context, differences: &Differences) {
        self.acks.note_view();
        self.confirmations.note_view();
        let Some(audience) = audience(context) else {
            return;
        };
        let joined = differences.joined.iter().map(|member| member.id);
        let gone = differences.gone.iter();
        let gone = gone.map(|member| (member.id, !audience.view.has_left(&member.id)));
        let reached = self.coverage.note_view(context.now, joined, gone, audience);
        tell(context, Some(reached));
    }

    /// Asks members for their clocks if they are not known to have this node's messages. The question names the last
    /// of these, so that a member that lacks it pulls it.
    pub(crate) fn ask_uncovered(&mut self, context: &mut Context) {
        let now = context.now;
        if self.coverage.deadline().is_none_or(|due| due > now) {
            return;
        }
        if !context.joining.is_inside() {
            return self.coverage.put_off(now);
        }
        let members = audience(context).map(|audience| self.coverage.members_to_ask(now, audience));
        let own = MessageId {
            author: context.config.id,
            seq: self.outbox.last_seq(),
        };
        let question = Frame::Digest(Digest {
            entries: Vec::from([own]),
            answer: true,
        });
        for member in members.into_iter().flatten() {
            context.send_to_member(&member, &question);
        }
    }
}

/// Returns the members that this node's messages are for, if it has a view.
fn audience(context: &Context) -> Option<Audience<'_>> {
    let view = context.view.as_deref()?;
    let me = context.config.id;
    Some(Audience { me, view })
}

/// Tells the user how many members have messages.
fn tell(context: &mut Context, reached: Option<Vec<BundleReach>>) {
    for reach in reached.into_iter().flatten() {
        let BundleReach {
            first,
            last,
            members,
            complete,
        } = reach;
        context.emit(Event::Reached {
            first,
            last,
            members,
            complete,
        });
    }
}

//! For simulations: short cuts to large rings (everybody a member in one step, one view for all), and a look inside.
//!
//! Only with the feature `simulation`, which nothing that is shipped has. From there on it is the very
//! same node. Not here: how members really come (`entry`).

use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;
use ringtalk_wire::{Join, MessageId, NodeId, VectorClock};

use super::Node;
use super::entry::slotted;
use crate::view::Change;
use crate::{Time, View};

impl Node {
    /// Founds a discussion and lets all these in with its second view: with the names and the places that
    /// they would have, had they come one after the other.
    pub fn found_with(&mut self, now: Time, newcomers: &[(NodeId, Join)]) {
        self.context.now = now;
        self.timeout.changes();
        self.found();
        let Some(view) = self.context.view.clone() else {
            return;
        };
        let change = Change {
            opening: None,
            joined: slotted(now, &view, newcomers, &mut self.naming),
            departed: Vec::new(),
            renamed: Vec::new(),
        };
        if let Some((_, next)) = view.next(change, |tag| self.context.seals.seal_view(tag)) {
            self.adopt(next);
        }
        self.arrive_if_complete();
    }

    /// Is a member by this view, of a discussion in which nobody has said anything.
    pub fn take_part(&mut self, now: Time, view: Arc<View>) {
        self.context.now = now;
        self.timeout.changes();
        self.context.joining.arrive();
        self.start(VectorClock::new(), 0, 0);
        self.adopt(view);
        self.arrive_if_complete();
    }

    /// The bytes of a bundle that is here, to be kept as somebody else has them: one copy is enough for all.
    pub fn bundle_bytes(&mut self, first: MessageId) -> Option<&mut Bytes> {
        let logged = self.discussion.log.bundle_mut(first);
        let sealed = logged.or_else(|| self.discussion.causal.held_mut(first))?;
        Some(&mut sealed.raw)
    }

    /// Returns true if messages that depend on this author's words wait for them (`PROTOCOL.md` §4.3).
    pub fn waits_for(&self, author: &NodeId) -> bool {
        self.discussion.is_ordered(&self.context, author)
    }

    /// Keeps the view in force as somebody else has it, where that is the same: one copy is enough for all.
    pub fn share_view(&mut self, view: &Arc<View>) {
        if let Some(mine) = &mut self.context.view
            && mine.tag() == view.tag()
        {
            debug_assert_eq!(mine, view, "one tag, one view");
            *mine = Arc::clone(view);
        }
    }
}

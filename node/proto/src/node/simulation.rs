//! Short cuts for simulations of large rings: all nodes become members in one step, copies are shared, state is
//! exposed.
//!
//! Needs the feature `simulation`, which no shipped program has. After a short cut the node behaves as usual. Not
//! here: the real entry into a ring (`entry`).

use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;
use ringtalk_wire::{Join, MessageId, NodeId, Sealed, VectorClock};

use super::Node;
use super::entry::to_members;
use crate::view::Change;
use crate::{Time, View};

impl Node {
    /// Founds a discussion, and admits all newcomers with its second view. Their names and keys are those of
    /// newcomers that join one after the other.
    pub fn found_discussion_with(&mut self, now: Time, newcomers: &[(NodeId, Join)]) {
        self.context.now = now;
        self.timeout.invalidate();
        self.found_discussion();
        let Some(view) = self.context.view.clone() else {
            return;
        };
        let change = Change {
            opening: None,
            joined: to_members(now, &view, newcomers, &mut self.naming),
            departed: Vec::new(),
            renamed: Vec::new(),
        };
        if let Some((_, next)) = view.next(change, |tag| self.context.signatures.sign_view(tag)) {
            self.adopt(next);
        }
        self.become_ready_if_complete();
    }

    /// Makes this node a member by this view, in a discussion without messages.
    pub fn take_part(&mut self, now: Time, view: Arc<View>) {
        self.context.now = now;
        self.timeout.invalidate();
        self.context.joining.complete();
        self.start_clock(VectorClock::new(), 0, 0);
        self.adopt(view);
        self.become_ready_if_complete();
    }

    /// Returns the bytes of a bundle of this node. The caller replaces them by an equal copy, so that all nodes share
    /// one.
    pub fn bundle_bytes(&mut self, first: MessageId) -> Option<&mut Bytes> {
        let logged = self.discussion.log.bundle_mut(first);
        let sealed = logged.or_else(|| self.discussion.causal.held_mut(first))?;
        Some(&mut sealed.raw)
    }

    /// Returns the bundle that has a message, as its author sealed it, for a liar that shows it elsewhere.
    pub fn sealed_bundle(&self, message: MessageId) -> Option<&Sealed> {
        self.discussion.log.bundle_with(message)
    }

    /// Returns true if messages that depend on this author's messages wait for them (`PROTOCOL.md` §4.3).
    pub fn waits_for(&self, author: &NodeId) -> bool {
        self.discussion.is_ordered(&self.context, author)
    }

    /// Replaces the view in force by an equal one, so that all nodes share one copy.
    pub fn reuse_view(&mut self, view: &Arc<View>) {
        if let Some(mine) = &mut self.context.view
            && mine.tag() == view.tag()
        {
            debug_assert_eq!(mine, view, "one tag, one view");
            *mine = Arc::clone(view);
        }
    }
}

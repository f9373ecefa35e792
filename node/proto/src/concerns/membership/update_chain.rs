//! Steps: the updates that led to the view in force, and the peers that got it as a full view.
//!
//! `PROTOCOL.md` §5.3. Not here: which peers are behind (`node::catching_up`).

use crate::Time;
use crate::config::UPDATE_WAIT;
use alloc::collections::{BTreeMap, VecDeque};
use core::time::Duration;
use ringtalk_wire::{ItemId, NodeId, ViewTag};

/// How many missed updates are sent one by one; for more, a full view is sent.
const MAX_UPDATES: usize = 16;

/// How soon a peer may get the same full view again: one frame requests up to 16 MiB of it.
const RESEND_PAUSE: Duration = Duration::from_secs(1);

/// The chain of updates that led to the view in force, and the update that is due.
#[derive(Debug, Default)]
pub(crate) struct UpdateChain {
    updates: VecDeque<AppliedUpdate>,
    /// The full view that each peer got last, and when.
    sent_views: BTreeMap<NodeId, (Time, ViewTag)>,
    /// A view ahead of this node's that it knows of, and since when.
    missing_view: Option<(Time, ViewTag)>,
}

#[derive(Debug)]
struct AppliedUpdate {
    update: ItemId,
    from: ViewTag,
    to: ViewTag,
}

impl UpdateChain {
    /// Records an update that leads from one view to the next.
    pub(crate) fn push(&mut self, update: ItemId, from: &ViewTag, to: &ViewTag) {
        if self.updates.back().is_some_and(|last| last.to != *from) {
            self.updates.clear();
        }
        if self.updates.len() == MAX_UPDATES {
            self.updates.pop_front();
        }
        debug_assert!(from.number < to.number, "a step leads upwards");
        let (from, to) = (*from, *to);
        self.updates.push_back(AppliedUpdate { update, from, to });
        debug_assert!(self.updates.len() <= MAX_UPDATES);
    }

    /// Records that a peer is given a full view; returns false if it got the same one a moment ago.
    pub(crate) fn note_full_view(&mut self, now: Time, peer: NodeId, tag: ViewTag) -> bool {
        self.sent_views
            .retain(|_, (at, _)| now - *at < RESEND_PAUSE);
        let before = self
            .sent_views
            .get(&peer)
            .is_some_and(|(_, given)| *given == tag);
        if !before {
            self.sent_views.insert(peer, (now, tag));
        }
        !before
    }

    /// Forgets a peer whose link is lost, and with it what was sent on that link.
    pub(crate) fn forget(&mut self, peer: &NodeId) {
        self.sent_views.remove(peer);
    }

    /// Returns the updates that lead from one view to another.
    pub(crate) fn between(
        &self,
        from: &ViewTag,
        to: &ViewTag,
    ) -> Option<impl Iterator<Item = &ItemId>> {
        let first = self.updates.iter().position(|step| step.from == *from)?;
        let whole = self.updates.back().is_some_and(|last| last.to == *to);
        whole.then(|| self.updates.range(first..).map(|step| &step.update))
    }

    /// Records a view that is a few updates ahead; the updates are most likely on their way. Returns true if they are
    /// late.
    pub(crate) fn is_overdue(&mut self, now: Time, mine: &ViewTag, theirs: &ViewTag) -> bool {
        let due = self.missing_view.filter(|(_, awaited)| mine < awaited);
        let (since, awaited) = *self.missing_view.insert(due.unwrap_or((now, *theirs)));
        let missed = since + UPDATE_WAIT <= now;
        if missed {
            self.missing_view = Some((now, awaited));
        }
        missed
    }
}

/// Returns true if a view is ahead of another by a few updates of the same epoch.
pub(crate) fn is_near(behind: &ViewTag, ahead: &ViewTag) -> bool {
    let steps = ahead.number.saturating_sub(behind.number);
    behind.epoch == ahead.epoch && steps <= MAX_UPDATES as u64
}

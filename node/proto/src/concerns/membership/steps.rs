//! Steps: the updates that led to the view in force, and who was given it whole.
//!
//! `PROTOCOL.md` §5.3. Not here: who is behind (`node::catching_up`).

use crate::Time;
use crate::config::UPDATE_WAIT;
use alloc::collections::{BTreeMap, VecDeque};
use core::time::Duration;
use ringtalk_wire::{ItemId, NodeId, ViewTag};

/// How many updates a peer may have missed that are sent one by one: more make a full view.
const STEPS: usize = 16;

/// How soon a peer is given the same full view again: one frame asks for up to 16 MiB of it.
const GIVEN_AGAIN: Duration = Duration::from_secs(1);

/// The updates that led to the view in force, one from the other, and those that are due.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    taken: VecDeque<Step>,
    /// Which full view was sent to whom, and when.
    given: BTreeMap<NodeId, (Time, ViewTag)>,
    /// Since when a view has been known of that is not here yet.
    due: Option<(Time, ViewTag)>,
}

#[derive(Debug)]
struct Step {
    update: ItemId,
    from: ViewTag,
    to: ViewTag,
}

impl Steps {
    /// An update leads from one view to the next.
    pub(crate) fn take(&mut self, update: ItemId, from: &ViewTag, to: &ViewTag) {
        if self.taken.back().is_some_and(|last| last.to != *from) {
            self.taken.clear();
        }
        if self.taken.len() == STEPS {
            self.taken.pop_front();
        }
        debug_assert!(from.number < to.number, "a step leads upwards");
        let (from, to) = (*from, *to);
        self.taken.push_back(Step { update, from, to });
        debug_assert!(self.taken.len() <= STEPS);
    }

    /// Notes that a peer is to be given a full view; false where it was given the same just now.
    pub(crate) fn gives(&mut self, now: Time, peer: NodeId, tag: ViewTag) -> bool {
        self.given.retain(|_, (at, _)| now - *at < GIVEN_AGAIN);
        let before = self
            .given
            .get(&peer)
            .is_some_and(|(_, given)| *given == tag);
        if !before {
            self.given.insert(peer, (now, tag));
        }
        !before
    }

    /// The link to a peer is gone, and what was on it.
    pub(crate) fn forget(&mut self, peer: &NodeId) {
        self.given.remove(peer);
    }

    /// The updates that lead from one view to another.
    pub(crate) fn between(
        &self,
        from: &ViewTag,
        to: &ViewTag,
    ) -> Option<impl Iterator<Item = &ItemId>> {
        let first = self.taken.iter().position(|step| step.from == *from)?;
        let whole = self.taken.back().is_some_and(|last| last.to == *to);
        whole.then(|| self.taken.range(first..).map(|step| &step.update))
    }

    /// A view is known of that is a few updates ahead, which are most likely on their way: true where
    /// they have been for too long.
    pub(crate) fn are_missed(&mut self, now: Time, mine: &ViewTag, theirs: &ViewTag) -> bool {
        let due = self.due.filter(|(_, awaited)| mine < awaited);
        let (since, awaited) = *self.due.insert(due.unwrap_or((now, *theirs)));
        let missed = since + UPDATE_WAIT <= now;
        if missed {
            self.due = Some((now, awaited));
        }
        missed
    }
}

/// True where a view is ahead of another by a few updates of the same epoch.
pub(crate) fn is_near(behind: &ViewTag, ahead: &ViewTag) -> bool {
    let steps = ahead.number.saturating_sub(behind.number);
    behind.epoch == ahead.epoch && steps <= STEPS as u64
}

//! What one ring may use of the budgets of its process, and how it gives way to the other rings.
//!
//! Not here: the budgets, and which ring gives way (`host::budgets`).

use super::Node;

/// How many bytes a ring may keep while the other rings of its process keep what they do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RingAllowance {
    /// In the log, before it has to give way.
    pub(crate) logged: usize,
    /// Of parked bundles. They have been confirmed to their senders, so none can be dropped for another ring.
    pub(crate) parked: usize,
    /// Of frames from peers that no view lists.
    pub(crate) unlisted: usize,
}

/// What a ring keeps and can drop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Droppable {
    /// The oldest bundle of the log. It stays if others may lack it.
    Logged,
    /// A bundle that was not delivered yet. It is pulled when there is room.
    Held,
}

impl Node {
    /// Sets how much this ring may keep.
    pub(crate) const fn allow(&mut self, allowance: RingAllowance) {
        self.discussion.log.allow(allowance.logged);
        self.relay.parking.allow(allowance.parked);
        self.unlisted.allow(allowance.unlisted);
    }

    /// Drops one bundle so that other rings have room. Returns false if there is none.
    pub(crate) fn give_way(&mut self, what: Droppable) -> bool {
        self.timeout.invalidate();
        match what {
            Droppable::Logged => {
                let (me, outbox) = (self.context.config.id, &self.relay.outbox);
                self.discussion
                    .log
                    .give_way(|first| first.author == me && outbox.is_in_flight(first.seq))
            }
            Droppable::Held => self.discussion.causal.give_way(),
        }
    }
}

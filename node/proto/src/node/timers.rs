//! Timers: what a node does at certain times, and when that is.
//!
//! Each timer is a line of a table. Not here: the actions themselves (the concerns and `node`).

use core::cell::Cell;

use super::Node;
use crate::Time;
use crate::machines::self_doubt::SelfDoubt;

/// The cached time of the next timer: the driver asks for it more often than it changes.
#[derive(Debug, Default)]
pub(super) struct Timeout {
    is_known: Cell<bool>,
    next: Cell<Option<Time>>,
}

impl Timeout {
    /// Invalidates the cache.
    pub(super) fn invalidate(&self) {
        self.is_known.set(false);
    }

    /// Returns the cached time, or computes it.
    pub(super) fn get(&self, find: impl Fn() -> Option<Time>) -> Option<Time> {
        if self.is_known.replace(true) {
            debug_assert_eq!(self.next.get(), find(), "something has changed unseen");
        } else {
            self.next.set(find());
        }
        self.next.get()
    }
}

/// When something is due, and what to do then. The action itself checks whether it is due.
type Timer = (fn(&Node) -> Option<Time>, fn(&mut Node));

/// The order matters: earlier timers may leave work for later ones.
const TIMERS: [Timer; 25] = [
    (|node| Some(node.heartbeat_due), Node::expire_heartbeat),
    (
        |node| node.context.self_doubt.as_ref().map(SelfDoubt::deadline),
        Node::expire_self_doubt,
    ),
    (
        |node| node.context.reader_lag.deadline(),
        Node::expire_reader,
    ),
    (|node| node.context.joining.deadline(), Node::expire_joining),
    (Node::candidates_due, Node::tell_of_candidates),
    (|node| node.context.links.deadline(), Node::expire_detours),
    (
        |node| node.reachability.deadline(),
        Node::expire_reachability,
    ),
    (
        |node| node.entrances.deadline(),
        |node| node.entrances.expire(&mut node.context),
    ),
    (
        |node| node.reaching.deadline(),
        |node| node.reaching.expire(&mut node.context),
    ),
    (|node| node.ring.deadline(), Node::expire_ring),
    (|node| node.discussion.next_wait_end(), Node::expire_waits),
    (
        |node| node.relay.spreading.deadline(),
        Node::expire_receipts,
    ),
    (
        |node| node.relay.outbox.deadline(),
        |node| node.relay.outbox.expire(node.context.now),
    ),
    (
        |node| node.relay.acks.deadline(),
        |node| node.relay.expire_acks(&mut node.context),
    ),
    (
        |node| node.relay.coverage.deadline(),
        |node| node.relay.ask_uncovered(&mut node.context),
    ),
    // The timers so far may have made room for more.
    (|_| None, Node::flush_outbox),
    (Node::recovery_due, Node::expire_repair),
    (Node::suspicion_due, Node::expire_suspicion),
    (
        |node| node.succession.election.deadline(),
        Node::expire_election,
    ),
    (Node::meeting_due, Node::expire_meeting),
    (Node::naming_due, Node::expire_naming),
    (Node::newcomers_due, Node::admit_newcomers),
    (Node::relocation_due, Node::announce_addresses),
    (Node::leaving_due, Node::expire_leaving),
    (|node| node.absence.deadline(), Node::expire_absence),
];

/// Returns when the next timer is due.
pub(super) fn next(node: &Node) -> Option<Time> {
    let due = TIMERS.iter().filter_map(|(due, _)| due(node));
    // Confirmations are sent after every input, so those that are due already need no timer.
    let confirmations = node.relay.confirmations.deadline();
    let confirmations = confirmations.filter(|&due| due > node.context.now);
    due.chain(confirmations)
        .chain(node.unlisted.deadline())
        .min()
}

/// Does what is due.
pub(super) fn run_due(node: &mut Node) {
    for (_, act) in TIMERS {
        act(node);
    }
}

//! The discussion: what was said, by whom, and what is kept of it.
//!
//! Not here: how it comes (`node::bundles`), and how what is missing is found again (`history`).

mod authors;
mod nameless;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use ringtalk_wire::{Bundle, MessageId, NodeId, Sealed, VectorClock};

use crate::Time;
use crate::config::Retention;
use crate::context::Context;
use crate::machines::causal::{Causal, Deliverable, Lamport};
use crate::machines::log::Log;
use nameless::Nameless;

/// What was said, and by whom.
#[derive(Debug)]
pub(crate) struct Discussion {
    pub(crate) causal: Causal,
    pub(crate) log: Log,
    /// Those of whom something has come, and whom nobody has named.
    nameless: Nameless,
    /// Until when bundles wait for somebody to tell of those on whose words they depend.
    waits: VecDeque<Wait>,
    /// True once the clock has its start: nothing is delivered before.
    started: bool,
}

/// A bundle that waits for somebody to tell of those on whose words it depends.
#[derive(Clone, Copy, Debug)]
struct Wait {
    until: Time,
    first: MessageId,
    /// True where it may wait once more.
    again: bool,
}

impl Discussion {
    /// One of which nothing is known, and of which so much is kept.
    pub(crate) fn new(retention: Retention) -> Self {
        Self {
            causal: Causal::default(),
            log: Log::new(retention),
            nameless: Nameless::default(),
            waits: VecDeque::new(),
            started: false,
        }
    }

    /// Returns true once the clock has its start.
    pub(crate) const fn has_started(&self) -> bool {
        self.started
    }

    /// The clock starts, somewhere below this Lamport time.
    pub(crate) fn start(&mut self, base: &VectorClock, lamport: u64) {
        debug_assert!(!self.started, "a clock starts once");
        self.started = true;
        self.log.start(base);
        self.causal.start(base, lamport);
    }

    /// The clock of what was delivered.
    pub(crate) const fn clock(&self) -> &VectorClock {
        self.causal.clock()
    }

    /// The ids of all messages kept, by (Lamport time, author, seq).
    pub(crate) fn transcript(&self) -> Vec<MessageId> {
        self.log.transcript()
    }

    /// The clock moves over messages that nobody can give any more.
    pub(crate) fn pass(&mut self, up_to: MessageId) {
        self.causal.pass(up_to);
        self.log.pass(up_to);
    }

    /// The next bundle to deliver, and what its Lamport time is worth.
    pub(crate) fn next(&mut self, context: &Context) -> Option<(Deliverable, Lamport)> {
        let log = &self.log;
        let is_member = |author: &NodeId| context.is_member(author);
        let lamport_of = |message| log.lamport_of(message);
        self.causal.next(context.now, is_member, lamport_of)
    }

    /// A bundle that is here, and has one of the messages of this one.
    pub(crate) fn known_instead(&self, bundle: &Bundle) -> Option<&Sealed> {
        let (author, seq) = (bundle.author, bundle.first);
        let logged = self.log.bundle_with(bundle.last_id());
        logged
            .or_else(|| self.log.bundle_with(MessageId { author, seq }))
            .or_else(|| self.causal.held_instead(bundle))
    }

    /// The bundle of its author before this one, if it is kept.
    pub(crate) fn before(&self, bundle: &Bundle) -> Option<&Sealed> {
        let (author, seq) = (bundle.author, bundle.first - 1);
        self.log.bundle_with(MessageId { author, seq })
    }

    /// A bundle that is kept, or held until its time comes.
    pub(crate) fn bundle(&self, first: MessageId) -> Option<&Sealed> {
        self.log.bundle(first).or_else(|| self.causal.held(first))
    }
}

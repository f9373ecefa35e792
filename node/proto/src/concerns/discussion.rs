//! The discussion: messages, their authors, and the log.
//!
//! Not here: how messages arrive (`node::bundles`), how missing ones are found (`history`).

mod authors;
mod unnamed;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use ringtalk_wire::{Bundle, MessageId, NodeId, Sealed, VectorClock};

use crate::Time;
use crate::config::Retention;
use crate::context::Context;
use crate::machines::bylines::Bylines;
use crate::machines::causal::{Causal, Deliverable, LamportVerdict};
use crate::machines::log::Log;
use unnamed::UnnamedAuthors;

/// The messages and their authors.
#[derive(Debug)]
pub(crate) struct Discussion {
    pub(crate) causal: Causal,
    pub(crate) log: Log,
    pub(crate) bylines: Bylines,
    /// Authors that have sent something and that nobody has named.
    unnamed: UnnamedAuthors,
    /// Bundles that wait for their heads' authors to be named, and for how long.
    waits: VecDeque<NewsWait>,
    /// True once the clock has its start; nothing is delivered before.
    started: bool,
}

/// A bundle that waits for its heads' authors to be named.
#[derive(Clone, Copy, Debug)]
struct NewsWait {
    until: Time,
    first: MessageId,
    /// True if it may wait once more.
    again: bool,
}

impl Discussion {
    /// Returns an empty discussion with this retention.
    pub(crate) fn new(retention: Retention) -> Self {
        Self {
            causal: Causal::default(),
            log: Log::new(retention),
            bylines: Bylines::default(),
            unnamed: UnnamedAuthors::default(),
            waits: VecDeque::new(),
            started: false,
        }
    }

    /// Notes that an author has had this name so far, and has another one from now on.
    pub(crate) fn note_byline(&mut self, author: NodeId, name: &str) {
        let last = self.causal.last_of(&author);
        self.bylines.note(author, last, name);
    }

    /// Returns true once the clock has its start.
    pub(crate) const fn has_started(&self) -> bool {
        self.started
    }

    /// Starts the clock at `base`, which lies somewhere below this Lamport time.
    pub(crate) fn start(&mut self, base: &VectorClock, lamport: u64) {
        debug_assert!(!self.started, "a clock starts once");
        self.started = true;
        self.log.start(base);
        self.causal.start(base, lamport);
    }

    /// Returns the clock of the delivered messages.
    pub(crate) const fn clock(&self) -> &VectorClock {
        self.causal.clock()
    }

    /// Returns the ids of all kept messages, by (Lamport time, author, seq).
    pub(crate) fn transcript(&self) -> Vec<MessageId> {
        self.log.transcript()
    }

    /// Moves the clock past messages that no member can give any more.
    pub(crate) fn skip(&mut self, up_to: MessageId) {
        self.causal.advance(up_to);
        self.log.skip(up_to);
    }

    /// Returns the next bundle to deliver, and how to treat its Lamport time.
    pub(crate) fn next(&mut self, context: &Context) -> Option<(Deliverable, LamportVerdict)> {
        let log = &self.log;
        let is_member = |author: &NodeId| context.is_member(author);
        let lamport_of = |message| log.lamport_of(message);
        self.causal.next(context.now, is_member, lamport_of)
    }

    /// Returns a bundle that is here and has one of the messages of this one.
    pub(crate) fn overlapping(&self, bundle: &Bundle) -> Option<&Sealed> {
        let (author, seq) = (bundle.author, bundle.first);
        let logged = self.log.bundle_with(bundle.last_id());
        logged
            .or_else(|| self.log.bundle_with(MessageId { author, seq }))
            .or_else(|| self.causal.overlapping_held(bundle))
    }

    /// Returns the author's bundle before this one, if it is kept.
    pub(crate) fn previous_bundle(&self, bundle: &Bundle) -> Option<&Sealed> {
        let (author, seq) = (bundle.author, bundle.first - 1);
        self.log.bundle_with(MessageId { author, seq })
    }

    /// Returns a bundle that is logged or held back.
    pub(crate) fn bundle(&self, first: MessageId) -> Option<&Sealed> {
        self.log.bundle(first).or_else(|| self.causal.held(first))
    }
}

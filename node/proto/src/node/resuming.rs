//! Resuming: a room's node goes on where an earlier node of its process in that room stopped.
//!
//! Not here: who remembers what was signed (`host`).

use ringtalk_wire::{Epoch, MessageId};

use super::Node;
use crate::concerns::forks::LastBundle;

/// What the process has signed in a room. It must not give a number to another message, ever: that would be a fork. Nor
/// to another epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SpokenWords {
    /// The number of its last message.
    pub(crate) last: u64,
    /// Its last bundle.
    pub(crate) bundle: LastBundle,
    /// The highest epoch number in force, or signed.
    pub(crate) epoch: u64,
}

impl Node {
    /// Returns what this node or an earlier one may have signed, if it was ever a member.
    pub(crate) fn spoken_words(&self) -> Option<SpokenWords> {
        let last = self.relay.outbox.last_seq();
        let bundle = self.forks.last_own;
        let view = self.context.view.as_ref();
        let epoch = view.map_or(0, |view| view.tag().epoch.number);
        let epoch = epoch
            .max(self.succession.last_signed())
            .max(self.context.epochs_before);
        (last > 0 || epoch > 0).then_some(SpokenWords {
            last,
            bundle,
            epoch,
        })
    }

    /// Makes a node that has just started go on after what an earlier node of this process said in its ring.
    pub(crate) const fn resume(&mut self, spoken: SpokenWords) {
        self.context.epochs_before = spoken.epoch;
        self.succession.resume_signing_after(Epoch {
            number: spoken.epoch,
            coordinator: self.context.config.id,
        });
        self.relay.outbox.resume(spoken.last);
        self.forks.last_own = spoken.bundle;
        self.spoken_before = spoken.last;
    }

    /// Returns true if an earlier node of this process said the message: others have to give it.
    pub(super) const fn was_said_before(&self, seq: u64) -> bool {
        seq <= self.spoken_before
    }

    /// Passes the words of an earlier node that no member gave: the next message comes after them.
    pub(super) fn pass_own_words(&mut self) {
        let (author, seq) = (self.context.config.id, self.spoken_before);
        if seq > 0 {
            let last = MessageId { author, seq };
            if !self.discussion.causal.has_delivered(last) {
                self.discussion.skip(last);
            }
            let lamport = self.forks.last_own.lamport;
            self.discussion.causal.raise_lamport(lamport);
        }
    }
}

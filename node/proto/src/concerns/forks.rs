//! Forks: an author that sent different messages to different members is muted everywhere.
//!
//! `PROTOCOL.md` §4.7. Two bundles that no honest author signs are the evidence. It is kept, shown and passed on.
//! From the author itself nothing is accepted any more. But members still pull its bundles that other members have
//! delivered, so that all end with the same messages. Not here: which bundles contradict each other
//! (`ringtalk_wire::Sealed::contradicts`).

use alloc::collections::BTreeMap;
use alloc::format;

use ringtalk_wire::{Frame, NodeId, SealHash, Sealed};

use super::Concern;
use crate::ErrorKind;
use crate::context::Context;

/// The maximum number of authors whose evidence is kept, 2 MiB in all. Evidence against others is passed on once.
const MAX_EVIDENCE: usize = 16;

/// The evidence of forks.
#[derive(Debug, Default)]
pub(crate) struct Forks {
    /// The hash that names this node's own last bundle.
    pub(crate) last_own: LastBundle,
    /// The evidence against up to [`MAX_EVIDENCE`] authors, for newcomers.
    kept: BTreeMap<NodeId, [Sealed; 2]>,
    /// Evidence whose other half is still to come, by its sender.
    halves: BTreeMap<NodeId, Sealed>,
}

/// The verdict on two bundles that may contradict each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ForkVerdict {
    /// They do not, the fork is known already, or their author is unknown.
    Nothing,
    /// They do, but a signature is invalid.
    Unsigned,
    /// They do, and every member must learn of it.
    Equivocated,
}

/// This node's last bundle, as the next one follows from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct LastBundle {
    /// The hash of its seal.
    pub(crate) seal: SealHash,
    /// The Lamport time of its last message.
    pub(crate) lamport: u64,
}

impl Forks {
    /// Keeps the evidence against an author. If there is no room, it replaces the evidence against `departed`.
    fn keep(&mut self, author: NodeId, both: [Sealed; 2], departed: Option<NodeId>) {
        if self.kept.len() == MAX_EVIDENCE
            && let Some(departed) = departed
        {
            self.kept.remove(&departed);
        }
        if self.kept.len() < MAX_EVIDENCE {
            self.kept.insert(author, both);
        }
    }

    /// Returns true if the evidence against an author is kept.
    pub(crate) fn has_evidence(&self, author: &NodeId) -> bool {
        self.kept.contains_key(author)
    }

    /// Takes one half of a peer's evidence against an author; returns both halves if the other one has come. A half
    /// whose other half was lost gives way to the next author's.
    pub(crate) fn complete(&mut self, peer: NodeId, sealed: Sealed) -> Option<[Sealed; 2]> {
        let waiting = self.halves.remove(&peer);
        let other = waiting.filter(|other| other.seal.signer() == sealed.seal.signer());
        if let Some(other) = other {
            return Some([other, sealed]);
        }
        self.halves.insert(peer, sealed);
        None
    }

    /// Mutes the author of two bundles if they contradict each other. `is_known_author` returns true if this
    /// node has heard of the author.
    pub(crate) fn weigh(
        &mut self,
        context: &mut Context,
        both: &[Sealed; 2],
        is_known_author: impl Fn(&Context, &NodeId) -> bool,
    ) -> ForkVerdict {
        let [one, other] = both;
        let author = one.seal.signer();
        let is_known = context.has_equivocated(&author) || !is_known_author(context, &author);
        if is_known || author == context.config.id || !one.contradicts(other) {
            return ForkVerdict::Nothing;
        }
        // Last, since two signatures cost more than all checks before.
        if !both
            .iter()
            .all(|sealed| context.signatures.is_genuine(sealed))
        {
            return ForkVerdict::Unsigned;
        }
        let first = one.bundle().map(|bundle| bundle.first).unwrap_or_default();
        let who = context.describe(&author);
        let message = format!(
            "{who} sent different messages to different members, from its message {first} on: its messages \
             are no longer accepted"
        );
        context.error(ErrorKind::AuthorForked, message);
        context.people.equivocators.insert(author);
        let mut kept = self.kept.keys().copied();
        let departed = kept.find(|id| !context.is_member(id));
        self.keep(author, both.clone(), departed);
        ForkVerdict::Equivocated
    }

    /// Sends a peer all evidence that is kept.
    pub(crate) fn send_all_evidence(&self, context: &mut Context, peer: &NodeId) {
        for both in self.kept.values() {
            send_evidence(context, peer, both);
        }
    }
}

impl Concern for Forks {
    /// Drops the peer's half of evidence: the other half will not come.
    fn forget(&mut self, peer: &NodeId) {
        self.halves.remove(peer);
    }
}

/// Sends a peer the evidence against one author.
pub(crate) fn send_evidence(context: &mut Context, peer: &NodeId, both: &[Sealed; 2]) {
    for sealed in both {
        context.send(peer, &Frame::Evidence(sealed.clone()));
    }
}

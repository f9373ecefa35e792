//! Forks: an author that said different things to different members is muted everywhere.
//!
//! `PROTOCOL.md` §4.7. Two bundles that no honest author seals are the evidence; it is kept, shown, and
//! passed on. What some members have delivered of such an author the others still pull, so that all end
//! with the same messages; nothing is taken from the author itself any more. Not here: which bundles
//! contradict each other (`ringtalk_wire::Sealed::contradicts`).

use alloc::collections::BTreeMap;
use alloc::format;

use ringtalk_wire::{Frame, NodeId, SealHash, Sealed};

use super::Concern;
use crate::Trouble;
use crate::context::Context;

/// Of so many authors the evidence is kept, 2 MiB at most; of others it goes round once.
const KEPT: usize = 16;

/// What authors were found to have said beside what they said.
#[derive(Debug, Default)]
pub(crate) struct Forks {
    /// What names this node's own last bundle.
    pub(crate) last_own: SealHash,
    /// Of [`KEPT`] of the authors that were shown up the two bundles that show it, for those who come later.
    kept: BTreeMap<NodeId, [Sealed; 2]>,
    /// Evidence of which the other half is to come, by who sent it.
    halves: BTreeMap<NodeId, Sealed>,
}

/// What two bundles come to that are said to contradict each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// They do not, or it is known, or nothing is known of their author.
    Nothing,
    /// They do; but it is nobody's signature that they have.
    Unsigned,
    /// They do, and everybody is to be told.
    ShownUp,
}

impl Forks {
    /// Keeps the evidence against an author. Where no more has room, that of `departed` makes it.
    fn keep(&mut self, author: NodeId, both: [Sealed; 2], departed: Option<NodeId>) {
        if self.kept.len() == KEPT
            && let Some(departed) = departed
        {
            self.kept.remove(&departed);
        }
        if self.kept.len() < KEPT {
            self.kept.insert(author, both);
        }
    }

    /// Returns true if the evidence against an author is kept.
    pub(crate) fn keeps(&self, author: &NodeId) -> bool {
        self.kept.contains_key(author)
    }

    /// One half of somebody's evidence against an author; both, if the other one has come. A half whose other one got lost
    /// gives way to the next author's.
    pub(crate) fn complete(&mut self, peer: NodeId, sealed: Sealed) -> Option<[Sealed; 2]> {
        let waiting = self.halves.remove(&peer);
        let other = waiting.filter(|other| other.seal.signer() == sealed.seal.signer());
        if let Some(other) = other {
            return Some([other, sealed]);
        }
        self.halves.insert(peer, sealed);
        None
    }

    /// Two bundles are said to contradict each other. If they do, their author is muted; it `is_heard` if anything is known of
    /// it.
    pub(crate) fn weigh(
        &mut self,
        context: &mut Context,
        both: &[Sealed; 2],
        is_heard: impl Fn(&Context, &NodeId) -> bool,
    ) -> Verdict {
        let [one, other] = both;
        let author = one.seal.signer();
        let is_known = context.is_proven(&author) || !is_heard(context, &author);
        if is_known || author == context.config.id || !one.contradicts(other) {
            return Verdict::Nothing;
        }
        // Last: two signatures cost more than everything before.
        if !both.iter().all(|sealed| context.seals.is_genuine(sealed)) {
            return Verdict::Unsigned;
        }
        let first = one.bundle().map(|bundle| bundle.first).unwrap_or_default();
        let who = context.described(&author);
        let message = format!(
            "{who} said different things to different members, from its message {first} on: nothing more \
             is taken from it"
        );
        context.error(Trouble::AuthorForked, message);
        context.people.liars.insert(author);
        let mut kept = self.kept.keys().copied();
        let departed = kept.find(|id| !context.is_member(id));
        self.keep(author, both.clone(), departed);
        Verdict::ShownUp
    }

    /// Tells a peer of every author that was shown up.
    pub(crate) fn send_all_evidence(&self, context: &mut Context, peer: &NodeId) {
        for both in self.kept.values() {
            send_evidence(context, peer, both);
        }
    }
}

impl Concern for Forks {
    /// The other half will not come.
    fn forget(&mut self, peer: &NodeId) {
        self.halves.remove(peer);
    }
}

/// Tells a peer of an author that was shown up.
pub(crate) fn send_evidence(context: &mut Context, peer: &NodeId, both: &[Sealed; 2]) {
    for sealed in both {
        context.send(peer, &Frame::Evidence(sealed.clone()));
    }
}

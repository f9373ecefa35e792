//! Forks: an author that said different things to different members is muted everywhere.
//!
//! `PROTOCOL.md` §4.7. Two bundles that no honest author seals are the evidence; it is kept, shown, and
//! passed on. What some members have delivered of such an author the others still pull, so that all end
//! with the same messages; nothing is taken from the author itself any more. Not here: which bundles
//! contradict each other (`ringtalk_wire::Sealed::contradicts`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;

use ringtalk_wire::{Bundle, Frame, MessageId, NodeId, SealHash, Sealed};

use super::Node;
use crate::planted::PlantedBug;
use crate::{Time, Trouble};

/// Of so many authors the evidence is kept, 2 MiB at most; of others it goes round once.
const KEPT: usize = 16;

/// What authors were found to have said beside what they said.
#[derive(Debug, Default)]
pub(super) struct Forks {
    /// What names this node's own last bundle.
    pub(super) last_own: SealHash,
    /// The authors that were shown up: nothing of them is taken from themselves any more.
    proven: BTreeSet<NodeId>,
    /// Of [`KEPT`] of them the two bundles that show it, for those who come later.
    kept: BTreeMap<NodeId, [Sealed; 2]>,
    /// Evidence of which the other half is to come, by who sent it.
    halves: BTreeMap<NodeId, Sealed>,
}

impl Forks {
    /// True where an author has been shown up.
    pub(super) fn is_proven(&self, author: &NodeId) -> bool {
        self.proven.contains(author)
    }

    /// An author is shown up. Where no more evidence has room, that of `departed` makes it.
    fn prove(&mut self, author: NodeId, both: [Sealed; 2], departed: Option<NodeId>) {
        self.proven.insert(author);
        if self.kept.len() == KEPT
            && let Some(departed) = departed
        {
            self.kept.remove(&departed);
        }
        if self.kept.len() < KEPT {
            self.kept.insert(author, both);
        }
    }

    /// Nothing was heard of all but these; whose evidence is passed on stays muted.
    pub(super) fn forget_authors(&mut self, is_heard: impl Fn(&NodeId) -> bool) {
        let kept = &self.kept;
        self.proven
            .retain(|id| is_heard(id) || kept.contains_key(id));
    }

    /// The other half will not come.
    pub(super) fn forget(&mut self, peer: &NodeId) {
        self.halves.remove(peer);
    }
}

impl Node {
    /// A bundle is about to be shown: it must follow the one before it.
    pub(super) fn look_for_fork(&mut self, now: Time, bundle: &Bundle, sealed: &Sealed) {
        let before = MessageId {
            author: bundle.author,
            seq: bundle.first - 1,
        };
        let previous = self.log.bundle_with(before);
        let differs = previous.filter(|previous| previous.seal.hash() != bundle.previous);
        if let Some(previous) = differs.cloned() {
            self.weigh(now, None, &[previous, sealed.clone()]);
        }
    }

    /// A bundle arrived that has messages which are here already: it must be the very same.
    pub(super) fn compare_with_known(&mut self, now: Time, bundle: &Bundle, sealed: &Sealed) {
        let first = MessageId {
            author: bundle.author,
            seq: bundle.first,
        };
        let logged = self.log.bundle_with(bundle.last_id());
        let known = logged
            .or_else(|| self.log.bundle_with(first))
            .or_else(|| self.causal.held_instead(bundle));
        let differs = known.filter(|known| known.raw != sealed.raw);
        if let Some(known) = differs.cloned() {
            self.weigh(now, None, &[known, sealed.clone()]);
        }
    }

    /// One half of somebody's evidence against an author. A half whose other one got lost gives way to the
    /// next author's.
    pub(super) fn take_evidence(&mut self, now: Time, peer: NodeId, sealed: Sealed) {
        let waiting = self.forks.halves.remove(&peer);
        match waiting.filter(|other| other.seal.signer() == sealed.seal.signer()) {
            Some(other) => self.weigh(now, Some(peer), &[other, sealed]),
            None => {
                self.forks.halves.insert(peer, sealed);
            }
        }
    }

    /// Tells a peer of every author that was shown up.
    pub(super) fn send_all_evidence(&mut self, now: Time, peer: &NodeId) {
        let evidence: Vec<[Sealed; 2]> = self.forks.kept.values().cloned().collect();
        for both in evidence {
            self.send_evidence(now, peer, &both);
        }
    }

    /// Two bundles are said to contradict each other: where they do, their author is muted, and everybody
    /// is told.
    fn weigh(&mut self, now: Time, source: Option<NodeId>, both: &[Sealed; 2]) {
        let [one, other] = both;
        let author = one.seal.signer();
        let known = self.forks.is_proven(&author) || !self.is_or_was_heard(&author);
        if known || author == self.config.id || !one.contradicts(other) {
            return;
        }
        // Last: two signatures cost more than everything before.
        if !both.iter().all(|sealed| self.seals.is_genuine(sealed)) {
            if let Some(source) = source {
                self.reject(now, source, "evidence that nobody has signed");
            }
            return;
        }
        let first = one.bundle().map(|bundle| bundle.first).unwrap_or_default();
        let who = self.described(&author);
        let message = format!(
            "{who} said different things to different members, from its message {first} on: nothing more \
             is taken from it"
        );
        self.error(Trouble::AuthorForked, message);
        let departed = self
            .forks
            .kept
            .keys()
            .copied()
            .find(|id| !self.is_member(id));
        self.forks.prove(author, both.clone(), departed);
        self.depose_liar(now);
        let peers: Vec<NodeId> = self.needed_ids().copied().collect();
        for peer in peers.into_iter().filter(|peer| Some(*peer) != source) {
            self.send_evidence(now, &peer, both);
        }
    }

    /// A coordinator that was shown up cannot stay in office: for the election it counts as dead, whatever it says.
    pub(super) fn depose_liar(&mut self, now: Time) {
        let coordinator = self.view.as_ref().map(|view| view.coordinator());
        if let Some(liar) = coordinator.filter(|id| self.is_deposed(id)) {
            self.found_dead(now, liar);
        }
    }

    /// True if this is the coordinator, and it was shown up.
    pub(super) fn is_deposed(&self, id: &NodeId) -> bool {
        let view = self.view.as_ref();
        let planted = self.planted.has(PlantedBug::KeepLiarInOffice);
        !planted && self.forks.is_proven(id) && view.is_some_and(|view| view.coordinator() == *id)
    }

    pub(super) fn is_member(&self, id: &NodeId) -> bool {
        self.view.as_ref().is_some_and(|view| view.contains(id))
    }

    fn is_or_was_heard(&self, author: &NodeId) -> bool {
        self.is_named(author) || self.causal.knows(author)
    }

    fn send_evidence(&mut self, now: Time, peer: &NodeId, both: &[Sealed; 2]) {
        for sealed in both {
            let evidence = Frame::Evidence(sealed.clone());
            self.links.send(now, peer, &evidence, &mut self.out);
        }
    }
}

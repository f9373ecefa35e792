//! Causal delivery: what may be delivered now, and what is held back until it may.
//!
//! A bundle is deliverable when its author is known, the author's previous message and every head
//! have been delivered (`PROTOCOL.md` §4.3). Not here: how a bundle arrives (`spread`), and how a
//! missing one is found again (`repair`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use ringtalk_wire::{Bundle, MessageId, NodeId, Sealed, VectorClock};

use crate::config::{HELD_BYTES, HELD_MESSAGES, LAMPORT_AHEAD};
use crate::planted::{Planted, PlantedBug};

/// What became of a bundle that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reception {
    /// It is new, and delivered or held back.
    New,
    /// It had been delivered, or is held back already.
    Known,
    /// It cannot be its author's: it overlaps what the author said before.
    Refused,
}

/// A bundle whose time has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Deliverable {
    /// Its exact bytes.
    pub(crate) sealed: Sealed,
    /// What they say.
    pub(crate) bundle: Bundle,
}

/// The clock of what was delivered, and the bundles that wait for it to advance.
#[derive(Debug, Default)]
pub(crate) struct Causal {
    clock: VectorClock,
    /// The delivered messages that no delivered message depends on, with their Lamport times: the
    /// transitive reduction of the clock, and the heads of whatever is said next.
    frontier: BTreeMap<NodeId, (u64, u64)>,
    lamport: u64,
    /// The Lamport time that the discussion had reached when this node came.
    horizon: u64,
    authors: BTreeSet<NodeId>,
    muted: BTreeSet<NodeId>,
    /// By the id of their first message.
    held: BTreeMap<MessageId, Deliverable>,
    /// For a message that is missing, the held bundles that wait for it; sequence number 0 stands
    /// for the author's admission.
    waiting: BTreeMap<MessageId, BTreeSet<MessageId>>,
    ready: BTreeSet<MessageId>,
    held_messages: usize,
    held_bytes: usize,
    planted: Planted,
}

impl Causal {
    /// Makes the planted mistake, if it is one of this machine.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn plant(&mut self, planted: Planted) {
        self.planted = planted;
    }

    /// A planted mistake: what is held back waits for nothing any more.
    pub(crate) fn forget_held(&mut self) {
        self.waiting.clear();
        self.ready.clear();
    }

    /// What was received and waits, of the bundle that has this message.
    pub(crate) fn held_with(&self, message: MessageId) -> Option<&Sealed> {
        let from = MessageId { seq: 0, ..message };
        let (_, held) = self.held.range(from..=message).next_back()?;
        (message.seq <= held.bundle.last()).then_some(&held.sealed)
    }

    /// What has been delivered.
    pub(crate) const fn clock(&self) -> &VectorClock {
        &self.clock
    }

    /// The greatest Lamport time of what has been delivered.
    pub(crate) const fn lamport(&self) -> u64 {
        self.lamport
    }

    /// The messages that are held back, and their bytes.
    pub(crate) const fn held_load(&self) -> (usize, usize) {
        (self.held_messages, self.held_bytes)
    }

    /// Starts the clock where the discussion so far starts, somewhere below this Lamport time.
    pub(crate) fn start(&mut self, base: &VectorClock, lamport: u64) {
        self.horizon = lamport;
        for entry in base.iter() {
            self.pass(entry);
        }
    }

    /// Lets an author's bundles through: it has been admitted, or has been waited for in vain.
    pub(crate) fn admit(&mut self, author: NodeId) {
        if self.authors.insert(author) {
            self.release(MessageId { author, seq: 0 });
        }
    }

    /// True where the author's bundles are let through.
    pub(crate) fn knows(&self, author: &NodeId) -> bool {
        self.authors.contains(author)
    }

    /// The heads and the Lamport time of what is said next.
    pub(crate) fn heads(&self) -> (Vec<MessageId>, u64) {
        let heads = self
            .frontier
            .iter()
            .map(|(&author, &(seq, _))| MessageId { author, seq });
        (heads.collect(), self.lamport + 1)
    }

    /// Takes a bundle in; call [`Causal::next`] until it gives nothing.
    pub(crate) fn receive(&mut self, sealed: Sealed, bundle: Bundle) -> Reception {
        let known = self.clock.get(&bundle.author);
        let first = MessageId {
            author: bundle.author,
            seq: bundle.first,
        };
        if bundle.last() <= known || self.held.contains_key(&first) {
            return Reception::Known;
        }
        if bundle.first <= known || self.muted.contains(&bundle.author) {
            return Reception::Refused;
        }
        self.held_messages += bundle.messages.len();
        self.held_bytes += sealed.weight();
        self.held.insert(first, Deliverable { sealed, bundle });
        self.file(first);
        self.shed();
        Reception::New
    }

    /// The next bundle to deliver; the clock has passed it then. `lamport_of` gives the Lamport
    /// time of a delivered message, where it is still known. An author whose Lamport time lies is
    /// muted, and given as the error.
    pub(crate) fn next(
        &mut self,
        lamport_of: impl Fn(MessageId) -> Option<u64>,
    ) -> Option<Result<Deliverable, NodeId>> {
        let first = self.ready.pop_first()?;
        let deliverable = self.unfile(first)?;
        if !self.lamport_holds(&deliverable.bundle, lamport_of) {
            self.mute(first.author);
            return Some(Err(first.author));
        }
        self.deliver(&deliverable.bundle);
        Some(Ok(deliverable))
    }

    /// Moves the clock over a bundle: of somebody else, or one's own that was just sealed.
    pub(crate) fn deliver(&mut self, bundle: &Bundle) {
        for head in &bundle.heads {
            if self
                .frontier
                .get(&head.author)
                .is_some_and(|&(seq, _)| seq <= head.seq)
            {
                self.frontier.remove(&head.author);
            }
        }
        let last = (bundle.last(), bundle.last_lamport());
        self.frontier.insert(bundle.author, last);
        self.lamport = self.lamport.max(bundle.last_lamport());
        self.pass(bundle.last_id());
    }

    /// Moves the clock over messages that nobody can give any more.
    pub(crate) fn pass(&mut self, up_to: MessageId) {
        self.clock.advance(up_to.author, up_to.seq);
        self.release(up_to);
        self.forget_passed(up_to);
    }

    /// True where the message has been delivered or is held back.
    pub(crate) fn has(&self, message: MessageId) -> bool {
        self.clock.covers(message) || self.holds(message)
    }

    /// The first message of an author that is neither delivered nor held back.
    pub(crate) fn first_missing(&self, author: NodeId) -> u64 {
        let mut next = self.clock.get(&author) + 1;
        while let Some(held) = self.held.get(&MessageId { author, seq: next }) {
            next = held.bundle.last() + 1;
        }
        next
    }

    /// The messages that something waits for, and that are not here; sequence number 0 stands for
    /// the author's admission.
    pub(crate) fn missing(&self) -> impl Iterator<Item = MessageId> + '_ {
        self.waiting
            .keys()
            .copied()
            .filter(|&message| message.seq == 0 || !self.holds(message))
    }

    /// The bytes of a held bundle, by the id of its first message.
    pub(crate) fn held(&self, first: MessageId) -> Option<&Sealed> {
        self.held.get(&first).map(|held| &held.sealed)
    }

    fn holds(&self, message: MessageId) -> bool {
        let from = MessageId { seq: 0, ..message };
        let before = self.held.range(from..=message).next_back();
        before.is_some_and(|(_, held)| held.bundle.last() >= message.seq)
    }

    /// Notes what a held bundle waits for: one missing message at a time.
    fn file(&mut self, first: MessageId) {
        let Some(held) = self.held.get(&first) else {
            return;
        };
        match self.first_unmet(&held.bundle) {
            Some(_) if self.planted.has(PlantedBug::DropInsteadOfHolding) => {}
            Some(missing) => {
                self.waiting.entry(missing).or_default().insert(first);
            }
            None => {
                self.ready.insert(first);
            }
        }
    }

    fn first_unmet(&self, bundle: &Bundle) -> Option<MessageId> {
        let author = bundle.author;
        if !self.authors.contains(&author) {
            return Some(MessageId { author, seq: 0 });
        }
        let previous = MessageId {
            author,
            seq: bundle.first - 1,
        };
        core::iter::once(&previous)
            .chain(&bundle.heads)
            .copied()
            .filter(|needed| !self.overlooks(author, needed))
            .find(|&needed| !self.clock.covers(needed))
    }

    /// A planted mistake: a message is delivered without what it depends on.
    fn overlooks(&self, author: NodeId, needed: &MessageId) -> bool {
        if needed.author == author {
            self.planted.has(PlantedBug::DeliverWithoutPrevious)
        } else {
            self.planted.has(PlantedBug::DeliverWithoutHeads)
        }
    }

    /// Files the bundles anew that waited for messages up to this one.
    fn release(&mut self, up_to: MessageId) {
        let from = MessageId { seq: 0, ..up_to };
        let met: Vec<MessageId> = self
            .waiting
            .range(from..=up_to)
            .map(|(&missing, _)| missing)
            .filter(|missing| missing.seq > 0 || self.authors.contains(&missing.author))
            .collect();
        for missing in met {
            for first in self.waiting.remove(&missing).unwrap_or_default() {
                self.file(first);
            }
        }
    }

    /// Drops held bundles that the clock has passed: they came twice, by different ways.
    fn forget_passed(&mut self, up_to: MessageId) {
        let from = MessageId { seq: 0, ..up_to };
        let passed: Vec<MessageId> = self.held.range(from..=up_to).map(|(&id, _)| id).collect();
        for first in passed {
            self.unfile(first);
        }
    }

    fn unfile(&mut self, first: MessageId) -> Option<Deliverable> {
        let held = self.held.remove(&first)?;
        self.held_messages -= held.bundle.messages.len();
        self.held_bytes -= held.sealed.weight();
        self.ready.remove(&first);
        if let Some(missing) = self.first_unmet(&held.bundle)
            && let Some(dependants) = self.waiting.get_mut(&missing)
        {
            dependants.remove(&first);
            if dependants.is_empty() {
                self.waiting.remove(&missing);
            }
        }
        Some(held)
    }

    /// Over the bound, the newest of the author with most pending go; anti-entropy brings them
    /// back when there is room.
    fn shed(&mut self) {
        while self.held_messages > HELD_MESSAGES || self.held_bytes > HELD_BYTES {
            let mut pending: BTreeMap<NodeId, (usize, MessageId)> = BTreeMap::new();
            let waiting = self.held.len() > self.ready.len();
            for (&first, held) in &self.held {
                if waiting && self.ready.contains(&first) {
                    continue;
                }
                let entry = pending.entry(first.author).or_insert((0, first));
                *entry = (entry.0 + held.bundle.messages.len(), first);
            }
            let Some(&(_, newest)) = pending.values().max() else {
                return;
            };
            self.unfile(newest);
        }
    }

    fn mute(&mut self, author: NodeId) {
        self.muted.insert(author);
        let from = MessageId { author, seq: 0 };
        let to = MessageId {
            author,
            seq: u64::MAX,
        };
        let theirs: Vec<MessageId> = self.held.range(from..=to).map(|(&id, _)| id).collect();
        for first in theirs {
            self.unfile(first);
        }
    }

    /// A Lamport time is one more than the greatest of what the message depends on.
    fn lamport_holds(
        &self,
        bundle: &Bundle,
        lamport_of: impl Fn(MessageId) -> Option<u64>,
    ) -> bool {
        let previous = MessageId {
            author: bundle.author,
            seq: bundle.first - 1,
        };
        let mut greatest = 0;
        let mut all_known = true;
        let own = (previous.seq > 0).then_some(previous);
        for needed in bundle.heads.iter().copied().chain(own) {
            let recent = self.frontier.get(&needed.author);
            let lamport = recent
                .filter(|&&(seq, _)| seq == needed.seq)
                .map(|&(_, lamport)| lamport)
                .or_else(|| lamport_of(needed));
            match lamport {
                Some(lamport) => greatest = greatest.max(lamport),
                None => all_known = false,
            }
        }
        if all_known {
            bundle.lamport == greatest + 1
        } else {
            bundle.lamport > greatest
                && bundle.lamport <= self.lamport.max(self.horizon) + LAMPORT_AHEAD
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use ringtalk_wire::{
        KEY_BYTES, PublicKey, SIGNATURE_BYTES, Seal, SealHash, Signature, Text, encode_item,
    };

    use super::*;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn bundle(author: u8, first: u64, lamport: u64, heads: &[(u8, u64)]) -> Bundle {
        Bundle {
            author: id(author),
            first,
            previous: SealHash::default(),
            lamport,
            heads: heads
                .iter()
                .map(|&(author, seq)| MessageId {
                    author: id(author),
                    seq,
                })
                .collect(),
            messages: [Text {
                timestamp_ms: 0,
                text: "hello".to_string(),
            }]
            .into(),
        }
    }

    fn causal() -> Causal {
        let mut causal = Causal::default();
        for author in 1..=4 {
            causal.admit(id(author));
        }
        causal
    }

    fn give(causal: &mut Causal, bundle: &Bundle) -> Reception {
        let sealed = Sealed {
            raw: encode_item(bundle),
            seal: Seal {
                key: PublicKey([0; KEY_BYTES]),
                signature: Signature([0; SIGNATURE_BYTES]),
            },
        };
        causal.receive(sealed, bundle.clone())
    }

    fn delivered(causal: &mut Causal) -> Vec<(u8, u64)> {
        core::iter::from_fn(|| causal.next(|_| None))
            .map(|next| next.unwrap().bundle)
            .map(|bundle| (bundle.author.as_bytes()[0], bundle.first))
            .collect()
    }

    #[test]
    fn waits_for_heads_and_for_the_authors_previous_message() {
        let mut causal = causal();
        give(&mut causal, &bundle(2, 2, 3, &[(2, 1)]));
        give(&mut causal, &bundle(2, 1, 2, &[(1, 1)]));
        assert_eq!(delivered(&mut causal), []);
        let missing: Vec<MessageId> = causal.missing().collect();
        assert_eq!(missing, [bundle(1, 1, 1, &[]).last_id()]);
        give(&mut causal, &bundle(1, 1, 1, &[]));
        assert_eq!(delivered(&mut causal), [(1, 1), (2, 1), (2, 2)]);
        assert_eq!(causal.held_messages, 0);
        assert_eq!(causal.held_bytes, 0);
        assert!(causal.waiting.is_empty());
    }

    #[test]
    fn delivers_once() {
        let mut causal = causal();
        let first = bundle(1, 1, 1, &[]);
        assert_eq!(give(&mut causal, &first), Reception::New);
        assert_eq!(give(&mut causal, &first), Reception::Known);
        assert_eq!(delivered(&mut causal), [(1, 1)]);
        assert_eq!(give(&mut causal, &first), Reception::Known);
        assert_eq!(delivered(&mut causal), []);
    }

    #[test]
    fn heads_are_the_transitive_reduction() {
        let mut causal = causal();
        give(&mut causal, &bundle(1, 1, 1, &[]));
        give(&mut causal, &bundle(2, 1, 2, &[(1, 1)]));
        give(&mut causal, &bundle(3, 1, 1, &[]));
        delivered(&mut causal);
        let (heads, lamport) = causal.heads();
        let heads: Vec<u8> = heads.iter().map(|head| head.author.as_bytes()[0]).collect();
        assert_eq!(heads, [2, 3], "1 is covered by 2");
        assert_eq!(lamport, 3);
    }

    #[test]
    fn an_author_waits_for_its_admission() {
        let mut causal = causal();
        give(&mut causal, &bundle(9, 1, 1, &[]));
        assert_eq!(delivered(&mut causal), []);
        causal.admit(id(9));
        assert_eq!(delivered(&mut causal), [(9, 1)]);
    }

    #[test]
    fn the_hold_back_queue_is_bounded_and_sheds_the_newest() {
        let mut causal = causal();
        for seq in (2..).take(HELD_MESSAGES + 10) {
            give(&mut causal, &bundle(1, seq, seq, &[]));
        }
        assert_eq!(causal.held_messages, HELD_MESSAGES);
        assert!(!causal.has(bundle(1, HELD_MESSAGES as u64 + 11, 1, &[]).last_id()));
        give(&mut causal, &bundle(1, 1, 1, &[]));
        assert_eq!(delivered(&mut causal).len(), HELD_MESSAGES);
    }

    #[test]
    fn a_lying_lamport_time_mutes_its_author() {
        let mut causal = causal();
        give(&mut causal, &bundle(1, 1, 7, &[]));
        let lie = causal.next(|_| None).unwrap();
        assert_eq!(lie, Err(id(1)));
        assert_eq!(give(&mut causal, &bundle(1, 1, 1, &[])), Reception::Refused);
    }

    #[test]
    fn passing_a_gap_frees_what_waited_for_it() {
        let mut causal = causal();
        give(&mut causal, &bundle(2, 1, 8, &[(1, 5)]));
        causal.pass(bundle(1, 5, 1, &[]).last_id());
        assert_eq!(delivered(&mut causal), [(2, 1)]);
    }
}

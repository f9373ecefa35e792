//! The log: the delivered messages that are kept, for latecomers and for members that missed some.
//!
//! One bound per node, in messages and in bytes. The oldest in delivery order go first, so what is kept is always
//! causally closed upwards. Messages that others may not have yet stay beside it: as many as the node's own window
//! has. Not here: the requests for messages (`repair`).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use ringtalk_wire::{Bundle, MessageId, NodeId, Range, Sealed, VectorClock};

use crate::config::Retention;
use crate::planted::{Planted, PlantedBug};

/// The cost of each kept bundle beside its bytes: the entry, and its number in the index.
const ENTRY_BYTES: usize = 160;

/// Delivered bundles in delivery order.
#[derive(Debug)]
pub(crate) struct Log {
    retention: Retention,
    /// How many bytes the log may have before it has to give way to other logs of the process.
    allowance: usize,
    entries: VecDeque<LogEntry>,
    /// The number of the first entry; entries are numbered in delivery order.
    first: u64,
    /// For the first message of each kept bundle, the number of its entry.
    entry_numbers: BTreeMap<MessageId, u64>,
    /// Bundles that are kept only because others may lack them, by their first message.
    kept_for_others: BTreeMap<MessageId, LogEntry>,
    /// For each author, the last message that is no longer kept.
    base: VectorClock,
    /// True once a gap was skipped.
    has_gaps: bool,
    messages: usize,
    bytes: usize,
    planted: Planted,
}

#[derive(Debug)]
struct LogEntry {
    author: NodeId,
    first: u64,
    count: u64,
    lamport: u64,
    sealed: Sealed,
}

/// The answer to a pull.
#[derive(Debug, Default)]
pub(crate) struct Pulled {
    /// Bundles in delivery order.
    pub(crate) bundles: Vec<Sealed>,
    /// Whether the ranges have more bundles.
    pub(crate) more: bool,
    /// The parts of the ranges that were delivered, and are no longer kept.
    pub(crate) evicted: Vec<Range>,
}

impl Log {
    /// Creates an empty log. It keeps as much as the retention says, and the rest of the bundle with the oldest
    /// message.
    pub(crate) fn new(retention: Retention) -> Self {
        Self {
            retention,
            allowance: retention.bytes,
            entries: VecDeque::new(),
            first: 0,
            entry_numbers: BTreeMap::new(),
            kept_for_others: BTreeMap::new(),
            base: VectorClock::new(),
            has_gaps: false,
            messages: 0,
            bytes: 0,
            planted: Planted::default(),
        }
    }

    /// Returns how many messages are kept, and their bytes.
    pub(crate) const fn load(&self) -> (usize, usize) {
        (self.messages, self.bytes)
    }

    /// Activates a planted bug, if it is one of this machine's.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn plant(&mut self, planted: Planted) {
        self.planted = planted;
    }

    /// Returns, for each author, the last message that a newcomer does not get.
    pub(crate) fn base_for_latecomers(&self) -> VectorClock {
        let mut base = self.base.clone();
        for entry in self.kept_for_others.values() {
            base.advance(entry.author, entry.last());
        }
        let (mut kept, mut bytes) = (self.messages, self.bytes);
        let most_bytes = self.promised_bytes();
        for entry in &self.entries {
            let count = entry.count as usize;
            if kept < self.retention.history + count && bytes <= most_bytes {
                break;
            }
            kept -= count;
            bytes -= entry.weight();
            base.advance(entry.author, entry.last());
        }
        if self.has_gaps {
            self.close(&mut base);
        }
        if self.planted.has(PlantedBug::OpenCut) {
            return base.iter().skip(1).collect();
        }
        base
    }

    /// Sets how many bytes the log may have before [`Log::give_way`] is called. Newcomers get less than that, since
    /// others keep talking while they fetch it.
    pub(crate) const fn allow(&mut self, bytes: usize) {
        self.allowance = bytes;
    }

    /// Evicts the oldest bundle although the log is within its own bounds. Others may still lack the bundles for whose
    /// first message `is_awaited` is true. Returns false if the log is empty.
    pub(crate) fn give_way(&mut self, is_awaited: impl Fn(MessageId) -> bool) -> bool {
        let has_any = !self.entries.is_empty();
        self.evict(is_awaited);
        has_any
    }

    /// Extends a base to everything that happened before it. Eviction follows the delivery order and needs no help, but a
    /// gap lifts the base of one author over kept messages, whose past may be kept too. A newcomer would get that past
    /// after messages that depend on it.
    fn close(&self, base: &mut VectorClock) {
        for entry in self.entries.iter().rev() {
            if base.covers(entry.last_id())
                && let Ok(bundle) = entry.sealed.bundle()
            {
                for head in bundle.heads {
                    base.advance(head.author, head.seq);
                }
            }
        }
    }

    /// Starts the log of a node that knows the discussion from `base` on.
    pub(crate) fn start(&mut self, base: &VectorClock) {
        for entry in base.iter() {
            self.base.advance(entry.author, entry.seq);
        }
    }

    /// Notes that messages up to this one will never be here, because a gap was skipped.
    pub(crate) fn skip(&mut self, up_to: MessageId) {
        self.base.advance(up_to.author, up_to.seq);
        self.has_gaps = true;
    }

    /// Adds a bundle that was just delivered. Others may still lack the bundles for whose first message `is_awaited`
    /// is true.
    pub(crate) fn push(
        &mut self,
        bundle: &Bundle,
        sealed: Sealed,
        is_awaited: impl Fn(MessageId) -> bool,
    ) {
        let entry = LogEntry {
            author: bundle.author,
            first: bundle.first,
            count: bundle.messages.len() as u64,
            lamport: bundle.lamport,
            sealed,
        };
        let number = self.first + self.entries.len() as u64;
        self.entry_numbers.insert(entry.first_id(), number);
        self.messages += bundle.messages.len();
        self.bytes += entry.weight();
        self.entries.push_back(entry);
        while self.has_too_many() || self.bytes > self.retention.bytes {
            self.evict(&is_awaited);
        }
        debug_assert!(
            self.entry_numbers.len() <= self.entries.len(),
            "each number is that of a bundle"
        );
    }

    /// Returns the bytes of the bundle that starts with this message.
    pub(crate) fn bundle(&self, first: MessageId) -> Option<&Sealed> {
        let number = self.entry_numbers.get(&first);
        let entry = number.and_then(|&number| self.entry(number));
        Some(&entry.or_else(|| self.kept_for_others.get(&first))?.sealed)
    }

    /// Returns the same bytes mutably, so that simulated nodes can share one copy.
    #[cfg(feature = "simulation")]
    pub(crate) fn bundle_mut(&mut self, first: MessageId) -> Option<&mut Sealed> {
        let number = self.entry_numbers.get(&first)?.checked_sub(self.first)?;
        let entry = self.entries.get_mut(usize::try_from(number).ok()?)?;
        Some(&mut entry.sealed)
    }

    /// Returns the bytes of the bundle that has this message.
    pub(crate) fn bundle_with(&self, message: MessageId) -> Option<&Sealed> {
        Some(&self.find(message)?.sealed)
    }

    /// Returns true if the message is kept.
    pub(crate) fn holds(&self, message: MessageId) -> bool {
        self.find(message).is_some()
    }

    /// Returns the Lamport time of a kept message.
    pub(crate) fn lamport_of(&self, message: MessageId) -> Option<u64> {
        let entry = self.find(message)?;
        Some(entry.lamport + (message.seq - entry.first))
    }

    /// Returns the kept bundles within the ranges, in delivery order, up to `most_bytes` (one bundle at least).
    pub(crate) fn pull(&self, ranges: &[Range], most_bytes: usize) -> Pulled {
        let mut pulled = Pulled::default();
        let mut awaited = Vec::new();
        let mut numbers = Vec::new();
        for range in &merge_ranges(ranges) {
            let base = self.base.get(&range.author);
            if range.from <= base {
                pulled.evicted.push(Range {
                    to: range.to.min(base),
                    ..*range
                });
            }
            let within = |entry: &&LogEntry| entry.author == range.author && entry.meets(range);
            awaited.extend(self.kept_for_others.values().filter(within));
            numbers.extend(self.numbers(range));
        }
        numbers.sort_unstable();
        let entries = numbers.iter().filter_map(|&number| self.entry(number));
        let mut bytes = 0;
        for LogEntry { sealed, .. } in awaited.into_iter().chain(entries) {
            if bytes > 0 && bytes + sealed.weight() > most_bytes {
                pulled.more = true;
                break;
            }
            bytes += sealed.weight();
            pulled.bundles.push(sealed.clone());
        }
        debug_assert!(
            !pulled.more || !pulled.bundles.is_empty(),
            "a peer that asks for more would ask for ever"
        );
        pulled
    }

    /// Returns the authors of the kept bundles.
    pub(crate) fn authors(&self) -> Vec<NodeId> {
        let mut authors: Vec<NodeId> = self
            .entry_numbers
            .keys()
            .map(|first| first.author)
            .collect();
        authors.dedup();
        authors
    }

    /// Returns the ids of all kept messages by (Lamport time, author, seq): the same order for all members.
    pub(crate) fn transcript(&self) -> Vec<MessageId> {
        let mut messages: Vec<(u64, MessageId)> = self
            .entries
            .iter()
            .flat_map(|entry| {
                (0..entry.count).map(|offset| {
                    let id = MessageId {
                        author: entry.author,
                        seq: entry.first + offset,
                    };
                    (entry.lamport + offset, id)
                })
            })
            .collect();
        messages.sort_unstable();
        messages.into_iter().map(|(_, id)| id).collect()
    }

    /// Returns true if enough messages are left without the oldest bundle: bundles are evicted whole, and the
    /// retention is a minimum.
    fn has_too_many(&self) -> bool {
        if self.planted.has(PlantedBug::EndlessLog) {
            return false;
        }
        let oldest = self.entries.front().map(|entry| entry.count as usize);
        let least = self.retention.history + self.retention.spare;
        oldest.is_some_and(|oldest| self.messages - oldest >= least)
    }

    /// Returns how many bytes of the newest bundles newcomers get at most. A log that is to give way early has a smaller
    /// spare, by the same proportion.
    fn promised_bytes(&self) -> usize {
        let Retention {
            bytes, spare_bytes, ..
        } = self.retention;
        let allowed = self.allowance.min(bytes) as u64;
        let spare = allowed * spare_bytes as u64 / bytes.max(1) as u64;
        usize::try_from(allowed - spare).unwrap_or(usize::MAX)
    }

    fn entry(&self, number: u64) -> Option<&LogEntry> {
        let number = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.entries.get(number)
    }

    /// Returns the entry with this message.
    fn find(&self, message: MessageId) -> Option<&LogEntry> {
        let from = MessageId { seq: 0, ..message };
        let number = self.entry_numbers.range(from..=message).next_back();
        let entry = number.and_then(|(_, &number)| self.entry(number));
        let awaited = || Some(self.kept_for_others.range(from..=message).next_back()?.1);
        entry
            .or_else(awaited)
            .filter(|entry| message.seq <= entry.last())
    }

    /// Returns the numbers of the entries that have messages within the range.
    fn numbers(&self, range: &Range) -> impl Iterator<Item = u64> + '_ {
        let id = |seq| MessageId {
            author: range.author,
            seq,
        };
        let to = id(range.to);
        let start = self
            .find(id(range.from))
            .map_or(id(range.from), LogEntry::first_id);
        let within = (start <= to).then(|| self.entry_numbers.range(start..=to));
        within.into_iter().flatten().map(|(_, &number)| number)
    }

    fn evict(&mut self, is_awaited: impl Fn(MessageId) -> bool) {
        let Some(entry) = self.entries.pop_front() else {
            return;
        };
        self.first += 1;
        debug_assert!(self.messages as u64 >= entry.count, "what goes was counted");
        self.entry_numbers.remove(&entry.first_id());
        self.messages -= usize::try_from(entry.count).unwrap_or(usize::MAX);
        self.bytes -= entry.weight();
        let base = &mut self.base;
        let mut stays = |first: MessageId, entry: &LogEntry| {
            let stays = is_awaited(first);
            if !stays {
                base.advance(entry.author, entry.last());
            }
            stays
        };
        self.kept_for_others
            .retain(|&first, entry| stays(first, entry));
        if stays(entry.first_id(), &entry) {
            self.kept_for_others.insert(entry.first_id(), entry);
        }
    }
}

/// Merges the ranges into one for each author, so that each is looked up once, however often a peer names it.
fn merge_ranges(ranges: &[Range]) -> Vec<Range> {
    let mut merged: BTreeMap<NodeId, Range> = BTreeMap::new();
    for range in ranges {
        let hull = merged.entry(range.author).or_insert(*range);
        hull.from = hull.from.min(range.from);
        hull.to = hull.to.max(range.to);
    }
    merged.into_values().collect()
}

impl LogEntry {
    const fn first_id(&self) -> MessageId {
        MessageId {
            author: self.author,
            seq: self.first,
        }
    }

    const fn last_id(&self) -> MessageId {
        MessageId {
            author: self.author,
            seq: self.last(),
        }
    }

    const fn last(&self) -> u64 {
        self.first + self.count - 1
    }

    const fn meets(&self, range: &Range) -> bool {
        self.first <= range.to && range.from <= self.last()
    }

    fn weight(&self) -> usize {
        self.sealed.weight() + ENTRY_BYTES
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use ringtalk_wire::{
        BundleMessage, KEY_BYTES, PublicKey, SIGNATURE_BYTES, Seal, SealHash, Signature,
        encode_item,
    };

    use super::*;
    use crate::config::LOG_SPARE;

    fn key(byte: u8) -> PublicKey {
        PublicKey([byte; KEY_BYTES])
    }

    fn id(byte: u8) -> NodeId {
        NodeId::of(&key(byte))
    }

    fn push(log: &mut Log, author: u8, first: u64, count: usize, lamport: u64) {
        push_beside(log, author, first, count, lamport, &[]);
    }

    /// Adds one message that depends on others.
    fn push_after(log: &mut Log, (author, seq): (u8, u64), heads: &[MessageId]) {
        let bundle = Bundle {
            heads: heads.to_vec(),
            ..bundle(author, seq, 1, seq)
        };
        log.push(&bundle, sealed(author, &bundle), |_| false);
    }

    fn bundle(author: u8, first: u64, count: usize, lamport: u64) -> Bundle {
        Bundle {
            author: id(author),
            first,
            previous: SealHash::default(),
            lamport,
            heads: Vec::new(),
            messages: vec![BundleMessage::text(0, "x"); count],
        }
    }

    fn sealed(author: u8, bundle: &Bundle) -> Sealed {
        Sealed {
            raw: encode_item(bundle),
            seal: Seal {
                key: key(author),
                signature: Signature([0; SIGNATURE_BYTES]),
            },
        }
    }

    /// Does the same while others may lack the bundles that start with these messages of author 1.
    fn push_beside(
        log: &mut Log,
        author: u8,
        first: u64,
        count: usize,
        lamport: u64,
        awaited: &[u64],
    ) {
        let bundle = bundle(author, first, count, lamport);
        let sealed = sealed(author, &bundle);
        log.push(&bundle, sealed, |message| {
            message.author == id(1) && awaited.contains(&message.seq)
        });
    }

    fn range(author: u8, from: u64, to: u64) -> Range {
        Range {
            author: id(author),
            from,
            to,
        }
    }

    #[test]
    fn a_pull_returns_whole_bundles_in_delivery_order() {
        let mut log = Log::new(Retention::of(100));
        push(&mut log, 2, 1, 3, 1);
        push(&mut log, 1, 1, 1, 4);
        push(&mut log, 2, 4, 1, 5);
        let pulled = log.pull(&[range(1, 1, 1), range(2, 2, 4)], usize::MAX);
        let firsts: Vec<(u8, u64)> = pulled
            .bundles
            .iter()
            .map(|sealed| (sealed.seal.key.0[0], sealed.bundle().unwrap().first))
            .collect();
        assert_eq!(firsts, [(2, 1), (1, 1), (2, 4)]);
        assert!(!pulled.more);
        assert_eq!(
            log.lamport_of(MessageId {
                author: id(2),
                seq: 3
            }),
            Some(3)
        );
    }

    #[test]
    fn a_pull_names_the_evicted_ranges() {
        let mut log = Log::new(Retention::of(0));
        let last = LOG_SPARE as u64 + 3;
        for seq in 1..=last {
            push(&mut log, 1, seq, 1, seq);
        }
        assert_eq!(log.messages, LOG_SPARE);
        let pulled = log.pull(&[range(1, 2, last), range(1, 4, 5)], usize::MAX);
        assert_eq!(pulled.evicted, [range(1, 2, 3)]);
        assert_eq!(pulled.bundles.len(), LOG_SPARE, "each once");
        assert!(!log.holds(MessageId {
            author: id(1),
            seq: 3
        }));
    }

    #[test]
    fn bundles_that_others_may_lack_stay_available() {
        let mut log = Log::new(Retention::of(0));
        push(&mut log, 1, 1, 2, 1);
        push(&mut log, 1, 3, 2, 3);
        let third = MessageId {
            author: id(1),
            seq: 3,
        };
        push_beside(&mut log, 2, 1, LOG_SPARE + 1, 5, &[3]);
        let pulled = log.pull(&[range(1, 1, 4)], usize::MAX);
        assert_eq!(pulled.evicted, [range(1, 1, 2)]);
        assert_eq!(pulled.bundles.len(), 1);
        assert!(log.holds(third) && log.bundle(third).is_some());
        assert_eq!(log.base_for_latecomers().get(&id(1)), 4, "not for them");
        push(&mut log, 2, LOG_SPARE as u64 + 2, LOG_SPARE, 9);
        assert!(!log.holds(third), "nobody lacks it any more");
        let pulled = log.pull(&[range(1, 1, 4)], usize::MAX);
        assert_eq!(pulled.evicted, [range(1, 1, 4)]);
    }

    #[test]
    fn an_answer_is_bounded_and_has_at_least_one_bundle() {
        let mut log = Log::new(Retention::of(100));
        push(&mut log, 1, 1, 1, 1);
        push(&mut log, 1, 2, 1, 2);
        let pulled = log.pull(&[range(1, 1, 2)], 1);
        assert_eq!(pulled.bundles.len(), 1);
        assert!(pulled.more);
    }

    #[test]
    fn latecomers_get_at_least_the_configured_history() {
        let mut log = Log::new(Retention::of(4));
        push(&mut log, 1, 1, 3, 1);
        push(&mut log, 1, 4, 3, 4);
        let base = |log: &Log| log.base_for_latecomers().get(&id(1));
        assert_eq!(base(&log), 0, "without the first bundle they would get 3");
        push(&mut log, 1, 7, 1, 7);
        assert_eq!(base(&log), 3);
        assert_eq!(log.messages, 7, "somebody may not have them yet");
    }

    #[test]
    fn promised_history_stays_while_latecomers_fetch_it() {
        let history = 100;
        let mut log = Log::new(Retention::of(history));
        let full = (history + LOG_SPARE) as u64;
        for seq in 1..=full {
            push(&mut log, 1, seq, 1, seq);
        }
        let promised = log.base_for_latecomers().get(&id(1)) + 1;
        assert_eq!(full - promised, history as u64 - 1);
        for seq in full + 1..=full + LOG_SPARE as u64 {
            push(&mut log, 1, seq, 1, seq);
        }
        let pulled = log.pull(&[range(1, promised, full)], usize::MAX);
        assert_eq!((pulled.bundles.len(), pulled.evicted.len()), (history, 0));
    }

    #[test]
    fn a_log_that_gives_way_drops_the_oldest_and_promises_less() {
        let mut log = Log::new(Retention::of(100));
        for seq in 1..=80 {
            push(&mut log, 1, seq, 1, seq);
        }
        let base = |log: &Log| log.base_for_latecomers().get(&id(1));
        assert_eq!(base(&log), 0);
        let (_, bytes) = log.load();
        log.allow(bytes);
        let withheld = base(&log);
        assert!((10..=11).contains(&withheld), "an eighth: {withheld}");
        for _ in 0..withheld {
            assert!(log.give_way(|_| false));
        }
        let pulled = log.pull(&[range(1, 1, 80)], usize::MAX);
        assert_eq!(pulled.evicted, [range(1, 1, withheld)], "no more");
        assert!(log.give_way(|first| first.seq == withheld + 1));
        assert!(log.holds(MessageId {
            author: id(1),
            seq: withheld + 1
        }));
        while log.give_way(|_| false) {}
        assert_eq!(log.load(), (0, 0));
    }

    #[test]
    fn latecomers_begin_after_the_past_of_what_a_gap_takes_from_them() {
        let mut log = Log::new(Retention::of(100));
        let message = |author, seq| MessageId {
            author: id(author),
            seq,
        };
        push(&mut log, 4, 1, 1, 1);
        push_after(&mut log, (2, 1), &[message(4, 1)]);
        push_after(&mut log, (1, 1), &[message(2, 1)]);
        push_after(&mut log, (3, 1), &[message(1, 1)]);
        assert_eq!(log.base_for_latecomers(), VectorClock::new());
        log.skip(message(1, 2));
        let base: VectorClock = [message(1, 2), message(2, 1), message(4, 1)]
            .into_iter()
            .collect();
        assert_eq!(log.base_for_latecomers(), base);
    }

    #[test]
    fn latecomers_get_nothing_without_a_history() {
        let mut log = Log::new(Retention::of(0));
        push(&mut log, 1, 1, 2, 1);
        assert_eq!(log.base_for_latecomers().get(&id(1)), 2);
        assert!(log.holds(MessageId {
            author: id(1),
            seq: 1
        }));
    }
}

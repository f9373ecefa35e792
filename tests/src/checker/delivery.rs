//! C1, C2 and C3, and the clocks and heads that nodes report: replays each node's deliveries.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use super::ledger::{Clock, Ledger, SentState, Slot, messages};
use super::session::describe;
use super::{CheckReport, Record, Rule, Rules};
use crate::event::{CLOCK_SHOWN, Event, Gap, Message};
use crate::id::NodeId;

pub(super) fn check(records: &[Record], ledger: &Ledger, rules: &Rules, report: &mut CheckReport) {
    for record in records {
        let mut replay = Replay::new(record, ledger, rules, report);
        for timed in &record.events {
            match &timed.event {
                Event::Gap(gap) => replay.note_gap(gap),
                Event::Message(message) => replay.deliver(message),
                _ => {}
            }
        }
    }
}

/// The state of a replay of one node's deliveries.
struct Replay<'a> {
    record: &'a Record,
    ledger: &'a Ledger,
    report: &'a mut CheckReport,
    is_complete: bool,
    delivered: HashSet<(Slot, u64)>,
    /// The highest sequence number delivered of each author.
    have: Clock,
    /// Per author, the last sequence number before the join cut; 0 if history is complete.
    floor: Clock,
    gaps: BTreeMap<Slot, Vec<RangeInclusive<u64>>>,
    clock: BTreeMap<NodeId, u64>,
}

impl<'a> Replay<'a> {
    fn new(
        record: &'a Record,
        ledger: &'a Ledger,
        rules: &Rules,
        report: &'a mut CheckReport,
    ) -> Self {
        let is_complete = rules.complete_history;
        Self {
            record,
            ledger,
            report,
            is_complete,
            delivered: HashSet::new(),
            have: ledger.zero(),
            floor: if is_complete {
                ledger.zero()
            } else {
                floor(record, ledger)
            },
            gaps: BTreeMap::new(),
            clock: BTreeMap::new(),
        }
    }

    fn note_gap(&mut self, gap: &Gap) {
        if let Some(slot) = self.ledger.slot(gap.node_id) {
            self.gaps.entry(slot).or_default().push(gap.from..=gap.to);
        }
    }

    fn deliver(&mut self, message: &Message) {
        let slot = self
            .ledger
            .slot(message.node_id)
            .expect("every author has a slot");
        self.report.deliveries += 1;
        if self.delivered.insert((slot, message.seq)) {
            self.check_fifo(slot, message);
        } else {
            self.blame(Rule::Once, message, "delivered twice");
        }
        let ledger = self.ledger;
        if let Some(sent) = ledger.sent(slot, message.seq) {
            self.check_causal(sent, message);
            if self.record.id == Some(message.node_id) {
                self.check_heads_suffice(slot, sent, message);
            }
        }
        self.check_heads_delivered(message);
        self.have[slot] = self.have[slot].max(message.seq);
        self.check_clock(slot, message);
    }

    /// Checks C2: an author's messages are consecutive, except for gaps that were shown.
    fn check_fifo(&mut self, slot: Slot, message: &Message) {
        let have = self.have[slot];
        let is_late = message.seq <= have;
        if is_late && !self.is_excused(slot, message.seq) {
            self.blame(Rule::Fifo, message, &format!("comes after number {have}"));
        } else if let Some(missing) = self.first_missing(slot, message.seq.saturating_sub(1)) {
            self.blame(
                Rule::Fifo,
                message,
                &format!("comes before number {missing}"),
            );
        }
    }

    /// Checks C1: everything that the author had delivered was delivered here first.
    fn check_causal(&mut self, sent: &SentState, message: &Message) {
        for (slot, needed) in sent.before.iter().enumerate() {
            if let Some(missing) = self.first_missing(slot, *needed) {
                let author = self
                    .ledger
                    .authors()
                    .nth(slot)
                    .expect("a slot has an author");
                let what =
                    format!("its author knew number {missing} of {author}, this node does not");
                self.blame(Rule::Causal, message, &what);
            }
        }
    }

    fn check_heads_delivered(&mut self, message: &Message) {
        for head in &message.heads {
            let missing = match self.ledger.slot(head.node_id) {
                Some(slot) => self.first_missing(slot, head.seq).is_some(),
                None => self.is_complete,
            };
            if missing {
                self.blame(
                    Rule::Heads,
                    message,
                    &format!("its head {head:?} is not here yet"),
                );
            }
        }
    }

    /// Checks that the heads and the author's previous message cover everything that the author had delivered, and
    /// that the Lamport time follows from them.
    fn check_heads_suffice(&mut self, author: Slot, sent: &SentState, message: &Message) {
        let previous = message
            .seq
            .checked_sub(1)
            .filter(|seq| *seq > 0)
            .map(|seq| (author, seq));
        let heads = message
            .heads
            .iter()
            .filter_map(|head| Some((self.ledger.slot(head.node_id)?, head.seq)));
        let direct: Vec<(Slot, u64)> = heads.chain(previous).collect();
        let mut reached = self.ledger.zero();
        let mut lamport = 0;
        for (slot, seq) in direct {
            let Some(known) = self.ledger.sent(slot, seq) else {
                return;
            };
            for (reached, before) in reached.iter_mut().zip(&known.before) {
                *reached = (*reached).max(*before);
            }
            reached[slot] = reached[slot].max(seq);
            lamport = lamport.max(known.lamport);
        }
        if sent
            .before
            .iter()
            .zip(&reached)
            .any(|(needed, reached)| needed > reached)
        {
            self.blame(
                Rule::Heads,
                message,
                "its heads leave out what its author had delivered",
            );
        }
        if message.lamport != lamport + 1 {
            let what = format!("Lamport time {} after {lamport}", message.lamport);
            self.blame(Rule::Lamport, message, &what);
        }
    }

    fn check_clock(&mut self, slot: Slot, message: &Message) {
        match (&message.vector_clock, message.clock_size) {
            (Some(clock), None) if clock.len() <= CLOCK_SHOWN => {
                self.check_entries(slot, message, clock);
                self.clock.clone_from(clock);
            }
            (None, Some(size)) if size > CLOCK_SHOWN => self.check_size(message, size),
            (clock, size) => {
                let entries = clock.as_ref().map(BTreeMap::len);
                let what = format!(
                    "it shows {entries:?} entries of its clock, and {size:?} as their number"
                );
                self.blame(Rule::Clock, message, &what);
            }
        }
    }

    fn check_entries(&mut self, slot: Slot, message: &Message, clock: &BTreeMap<NodeId, u64>) {
        let own = clock.get(&message.node_id).copied().unwrap_or(0);
        let is_late = self.have[slot] != message.seq;
        if own < message.seq || (own > message.seq && !is_late) {
            self.blame(
                Rule::Clock,
                message,
                &format!("its author's entry is {own}"),
            );
        }
        if clock.values().any(|entry| *entry == 0) {
            self.blame(Rule::Clock, message, "a zero in the clock");
        }
        if self
            .clock
            .iter()
            .any(|(author, before)| clock.get(author) < Some(before))
        {
            self.blame(Rule::Clock, message, "an entry went down");
        }
        if !self.agrees(clock) {
            let what = format!(
                "the clock {clock:?} is not what was delivered: {:?}",
                self.nonzero_have()
            );
            self.blame(Rule::Clock, message, &what);
        }
    }

    /// Checks the size of a clock that is too long to be shown: one entry for each author of a delivered message.
    fn check_size(&mut self, message: &Message, size: usize) {
        let have = self.nonzero_have().len();
        if size < have || size > have && self.is_exact() {
            let what = format!("a clock of {size} entries after messages of {have} authors");
            self.blame(Rule::Clock, message, &what);
        }
    }

    /// Returns true if only deliveries advance the clock.
    fn is_exact(&self) -> bool {
        self.is_complete && self.gaps.is_empty()
    }

    /// Returns true if a clock equals what was delivered; after gaps or with a cut history, if it is at least that.
    fn agrees(&self, clock: &BTreeMap<NodeId, u64>) -> bool {
        let is_exact = self.is_exact();
        let is_known = |author: &NodeId| self.ledger.slot(*author).is_some();
        let entries_agree = self.ledger.authors().zip(&self.have).all(|(author, have)| {
            let entry = clock.get(&author).copied().unwrap_or(0);
            entry == *have || (entry > *have && !is_exact)
        });
        entries_agree && (!is_exact || clock.keys().all(is_known))
    }

    fn nonzero_have(&self) -> BTreeMap<NodeId, u64> {
        self.ledger
            .authors()
            .zip(self.have.iter().copied())
            .filter(|(_, have)| *have > 0)
            .collect()
    }

    /// Returns the first sequence number up to `seq` that was neither delivered, nor shown as a gap, nor cut off.
    fn first_missing(&self, slot: Slot, seq: u64) -> Option<u64> {
        (self.have[slot] + 1..=seq).find(|seq| !self.is_excused(slot, *seq))
    }

    fn is_excused(&self, slot: Slot, seq: u64) -> bool {
        let is_gap = |gaps: &Vec<RangeInclusive<u64>>| gaps.iter().any(|gap| gap.contains(&seq));
        seq <= self.floor[slot] || self.gaps.get(&slot).is_some_and(is_gap)
    }

    fn blame(&mut self, rule: Rule, message: &Message, what: &str) {
        self.report.blame(
            rule,
            format!("{}: {}: {what}", self.record.label, describe(message)),
        );
    }
}

/// Returns, for a node whose history was cut, the last sequence number of each author that it never got.
fn floor(record: &Record, ledger: &Ledger) -> Clock {
    let mut floor = vec![u64::MAX; ledger.zero().len()];
    for message in messages(record) {
        let slot = ledger
            .slot(message.node_id)
            .expect("every author has a slot");
        floor[slot] = floor[slot].min(message.seq.saturating_sub(1));
    }
    floor
}

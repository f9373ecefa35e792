//! Happened-before, taken from the authors' own events.
//!
//! It records, for each message, what its author had delivered when it sent that message. This is the direct
//! relation and not its transitive closure, which is enough: if nobody delivers a message before its direct
//! dependencies, then, by induction along the chain, nobody delivers it before any dependency.

use std::collections::{BTreeMap, HashMap};

use super::Record;
use crate::event::{Event, Message};
use crate::id::NodeId;

/// An author's index in a [`Clock`].
pub(super) type Slot = usize;

/// A vector clock indexed by slot: how many messages of each author were delivered.
pub(super) type Clock = Vec<u64>;

/// The state of an author when it sent a message.
#[derive(Debug)]
pub(super) struct SentState {
    /// The messages that the author had delivered before, its own included.
    pub(super) before: Clock,
    /// The Lamport time of the message.
    pub(super) lamport: u64,
}

/// All messages that appear in their own authors' events.
#[derive(Debug)]
pub(super) struct Ledger {
    slots: BTreeMap<NodeId, Slot>,
    sent: HashMap<(Slot, u64), SentState>,
}

impl Ledger {
    pub(super) fn of(records: &[Record]) -> Self {
        let mut ledger = Self {
            slots: slots(records),
            sent: HashMap::new(),
        };
        for record in records {
            ledger.read_author(record);
        }
        ledger
    }

    /// Replays one author's deliveries, and records its clock at each of its own messages.
    fn read_author(&mut self, record: &Record) {
        let mut clock = self.zero();
        for message in messages(record) {
            let slot = self.slots[&message.node_id];
            if record.id == Some(message.node_id) {
                let sent = SentState {
                    before: clock.clone(),
                    lamport: message.lamport,
                };
                self.sent.entry((slot, message.seq)).or_insert(sent);
            }
            clock[slot] = clock[slot].max(message.seq);
        }
    }

    /// Returns the clock of a node that has delivered nothing.
    pub(super) fn zero(&self) -> Clock {
        vec![0; self.slots.len()]
    }

    /// Returns the slot of an author. Every author named in any event has one.
    pub(super) fn slot(&self, author: NodeId) -> Option<Slot> {
        self.slots.get(&author).copied()
    }

    /// Returns the authors in the order of their slots.
    pub(super) fn authors(&self) -> impl Iterator<Item = NodeId> {
        self.slots.keys().copied()
    }

    /// Returns the author's state at a message; `None` if the author was killed before it printed that message.
    pub(super) fn sent(&self, slot: Slot, seq: u64) -> Option<&SentState> {
        self.sent.get(&(slot, seq))
    }
}

/// Returns the messages that a node delivered, in order.
pub(super) fn messages(record: &Record) -> impl Iterator<Item = &Message> {
    record.events.iter().filter_map(|timed| match &timed.event {
        Event::Message(message) => Some(message),
        _ => None,
    })
}

fn slots(records: &[Record]) -> BTreeMap<NodeId, Slot> {
    let own = records.iter().filter_map(|record| record.id);
    let authors = records
        .iter()
        .flat_map(messages)
        .map(|message| message.node_id);
    let mut slots: BTreeMap<NodeId, Slot> = own.chain(authors).map(|id| (id, 0)).collect();
    for (index, slot) in slots.values_mut().enumerate() {
        *slot = index;
    }
    slots
}

//! Happened-before, as the authors' own events tell it.
//!
//! For each message: what its author had delivered when it sealed it. That is the direct relation,
//! not its transitive closure, and enough: if nobody delivers a message before its direct
//! dependencies, then, by induction along the chain, nobody delivers it before any dependency.

use std::collections::{BTreeMap, HashMap};

use super::Record;
use crate::event::{Event, Message};
use crate::id::NodeId;

/// An author's place in the compact clocks.
pub(super) type Slot = usize;

/// A clock by slot: how many messages of each author were delivered.
pub(super) type Clock = Vec<u64>;

/// What is known of a message from its author.
#[derive(Debug)]
pub(super) struct Sealed {
    /// What the author had delivered before, its own messages included.
    pub(super) before: Clock,
    /// The Lamport time that the author gave it.
    pub(super) lamport: u64,
}

/// All messages that their authors owned up to.
#[derive(Debug)]
pub(super) struct Ledger {
    slots: BTreeMap<NodeId, Slot>,
    sealed: HashMap<(Slot, u64), Sealed>,
}

impl Ledger {
    pub(super) fn of(records: &[Record]) -> Self {
        let mut ledger = Self {
            slots: slots(records),
            sealed: HashMap::new(),
        };
        for record in records {
            ledger.read_author(record);
        }
        ledger
    }

    /// Replays what one author delivered, and notes what it knew at each of its own messages.
    fn read_author(&mut self, record: &Record) {
        let mut clock = self.zero();
        for message in messages(record) {
            let slot = self.slots[&message.node_id];
            if record.id == Some(message.node_id) {
                let sealed = Sealed {
                    before: clock.clone(),
                    lamport: message.lamport,
                };
                self.sealed.entry((slot, message.seq)).or_insert(sealed);
            }
            clock[slot] = clock[slot].max(message.seq);
        }
    }

    /// A clock of somebody who knows nothing.
    pub(super) fn zero(&self) -> Clock {
        vec![0; self.slots.len()]
    }

    /// The slot of an author. Everybody named in any event has one.
    pub(super) fn slot(&self, author: NodeId) -> Option<Slot> {
        self.slots.get(&author).copied()
    }

    /// The author at each slot, in order.
    pub(super) fn authors(&self) -> impl Iterator<Item = NodeId> {
        self.slots.keys().copied()
    }

    /// What is known of a message; nothing if its author was killed before it said so.
    pub(super) fn sealed(&self, slot: Slot, seq: u64) -> Option<&Sealed> {
        self.sealed.get(&(slot, seq))
    }
}

/// The messages that a node delivered, in order.
pub(super) fn messages(record: &Record) -> impl Iterator<Item = &Message> {
    record.seen.iter().filter_map(|seen| match &seen.event {
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
    for (place, slot) in slots.values_mut().enumerate() {
        *slot = place;
    }
    slots
}

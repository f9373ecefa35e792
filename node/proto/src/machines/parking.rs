//! Parking: bundles that have arrived, and wait until their authors' share of the links is free again.
//!
//! They are receipted, and neither relayed nor delivered yet: what others say meanwhile passes them by, and does not
//! depend on them (`PROTOCOL.md` §4.1). Not here: the size of a share (`concerns::relay`).

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use ringtalk_wire::{Bundle, Interval, ItemId, NodeId, Sealed};

use crate::config::HELD_BYTES;

/// A bundle on its way, as it came.
#[derive(Debug)]
pub(crate) struct IncomingBundle {
    /// Its item id.
    pub(crate) id: ItemId,
    /// The peer that brought it.
    pub(crate) parent: NodeId,
    /// The interval that it came with.
    pub(crate) interval: Interval,
    /// Its exact bytes.
    pub(crate) sealed: Sealed,
    /// The decoded bytes.
    pub(crate) bundle: Bundle,
}

/// The parked bundles, by the share that they take.
#[derive(Debug)]
pub(crate) struct Parking {
    /// The most bytes that all shares may park.
    allowance: usize,
    lanes: BTreeMap<NodeId, Lane>,
    ids: BTreeSet<ItemId>,
    bytes: usize,
    /// The share whose turn was last.
    last: Option<NodeId>,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<IncomingBundle>,
    bytes: usize,
}

impl Default for Parking {
    fn default() -> Self {
        Self {
            allowance: HELD_BYTES,
            lanes: BTreeMap::new(),
            ids: BTreeSet::new(),
            bytes: 0,
            last: None,
        }
    }
}

impl Parking {
    /// Sets how many bytes may be parked. What is parked already stays.
    pub(crate) const fn allow(&mut self, bytes: usize) {
        self.allowance = bytes;
    }

    /// Returns how many bytes are parked.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns true if nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Returns true if bundles of this share wait.
    pub(crate) fn has(&self, share: &NodeId) -> bool {
        self.lanes.contains_key(share)
    }

    /// Returns true if this very bundle waits.
    pub(crate) fn holds(&self, id: &ItemId) -> bool {
        self.ids.contains(id)
    }

    /// Parks a bundle. Returns false if more than `most` bytes of its share would wait, or too many of all. An author
    /// that keeps to its window is never refused for its own fault.
    pub(crate) fn park(&mut self, share: NodeId, most: usize, incoming: IncomingBundle) -> bool {
        let weight = incoming.sealed.weight();
        let taken = self.lanes.get(&share).map_or(0, |lane| lane.bytes);
        if taken + weight > most || self.bytes + weight > self.allowance {
            return false;
        }
        let lane = self.lanes.entry(share).or_default();
        lane.bytes += weight;
        self.bytes += weight;
        self.ids.insert(incoming.id);
        lane.waiting.push_back(incoming);
        true
    }

    /// Returns the next bundle that may go on: one of each author in turn, of those with room.
    pub(crate) fn next(&mut self, has_room: impl Fn(&NodeId) -> bool) -> Option<IncomingBundle> {
        let had_its_turn = |share: &&NodeId| self.last.is_some_and(|last| **share <= last);
        let after = self.lanes.keys().filter(|share| !had_its_turn(share));
        let before = self.lanes.keys().filter(had_its_turn);
        let share = after.chain(before).copied().find(|share| has_room(share))?;
        self.last = Some(share);
        let lane = self.lanes.get_mut(&share)?;
        let incoming = lane.waiting.pop_front()?;
        lane.bytes -= incoming.sealed.weight();
        self.bytes -= incoming.sealed.weight();
        if lane.waiting.is_empty() {
            self.lanes.remove(&share);
        }
        self.ids.remove(&incoming.id);
        debug_assert!(
            !self.lanes.is_empty() || self.bytes == 0 && self.ids.is_empty(),
            "what waits is counted"
        );
        Some(incoming)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use ringtalk_wire::{
        BundleMessage, Direction, ItemKind, KEY_BYTES, PublicKey, RingKey, SIGNATURE_BYTES, Seal,
        SealHash, Signature, encode_item,
    };

    use super::*;
    use crate::config::WINDOW_BYTES;

    const MOST: usize = 2 * WINDOW_BYTES;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn incoming(author: u8, first: u64) -> IncomingBundle {
        let text = BundleMessage::text(0, "x".repeat(16_000));
        let bundle = Bundle {
            author: id(author),
            first,
            previous: SealHash::default(),
            lamport: first,
            heads: Vec::new(),
            messages: [text].into(),
        };
        IncomingBundle {
            id: ItemId {
                kind: ItemKind::Bundle,
                origin: id(author),
                number: first,
            },
            parent: id(9),
            interval: Interval {
                direction: Direction::Clockwise,
                limit: RingKey(0),
                layout: 0,
            },
            sealed: Sealed {
                raw: encode_item(&bundle),
                seal: Seal {
                    key: PublicKey([author; KEY_BYTES]),
                    signature: Signature([0; SIGNATURE_BYTES]),
                },
            },
            bundle,
        }
    }

    #[test]
    fn authors_take_turns_and_each_keeps_its_order() {
        let mut parking = Parking::default();
        for (author, first) in [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1)] {
            assert!(parking.park(id(author), MOST, incoming(author, first)));
        }
        let mut order = Vec::new();
        while let Some(next) = parking.next(|share| *share != id(3)) {
            order.push((next.bundle.author.as_bytes()[0], next.bundle.first));
        }
        assert_eq!(order, [(1, 1), (2, 1), (1, 2), (1, 3)]);
        assert!(parking.has(&id(3)) && !parking.has(&id(1)));
    }

    #[test]
    fn a_lane_and_all_lanes_are_bounded() {
        let mut parking = Parking::default();
        let mut parked = [0; 4];
        for author in 0..4 {
            while parking.park(
                id(author),
                MOST,
                incoming(author, parked[usize::from(author)] + 1),
            ) {
                parked[usize::from(author)] += 1;
            }
        }
        assert!(
            parked[0] * 16_000 > WINDOW_BYTES as u64,
            "a window is taken whole"
        );
        assert!(parking.bytes <= HELD_BYTES && parked[3] == 0, "{parked:?}");
        parking.allow(parking.bytes() - 1);
        assert!(parking.next(|_| true).is_some(), "what waits stays");
        assert!(!parking.park(id(1), MOST, incoming(1, 9_999)));
        while parking.next(|_| true).is_some() {}
        assert!(parking.is_empty() && parking.bytes == 0 && parking.ids.is_empty());
    }
}

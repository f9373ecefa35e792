//! Circuits: what this node carries between two others that do not reach each other.
//!
//! The bytes pass beside the protocol, encrypted from end to end. This counts the circuits, by their ends
//! (`PROTOCOL.md` §3.5). Not here: the bytes (the driver).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::NodeId;

use crate::Time;

/// How many circuits a node carries: each costs two sockets and 64 KiB at most.
const CIRCUITS: usize = 128;
/// How many of them one node may be an end of: as many links as a ring of a thousand wants of it.
const CIRCUITS_OF_NODE: usize = 32;
/// How many of them may have an end that is not a member (yet).
const CIRCUITS_OF_STRANGERS: usize = 16;
/// How many circuits may be on their way to this node, in all and by one carrier.
const INCOMING: usize = 32;
const INCOMING_BY_CARRIER: usize = 8;
/// How many of these may come by carriers that are not members.
const INCOMING_BY_STRANGERS: usize = 4;
/// How long a circuit may be on its way: the driver gives up sooner.
const INCOMING_TIME: Duration = Duration::from_secs(6);

/// The circuits that this node carries, and those that are on their way to it.
#[derive(Debug, Default)]
pub(crate) struct Circuits {
    last: u64,
    open: BTreeMap<u64, [NodeId; 2]>,
    incoming: Vec<(Time, NodeId, bool)>,
}

impl Circuits {
    /// Opens a circuit between two nodes. Returns its number, or `None` if there are too many. Two nodes have one
    /// circuit at a time: the caller ends their last one first ([`Circuits::between`]).
    pub(crate) fn open(
        &mut self,
        ends: [NodeId; 2],
        is_member: impl Fn(&NodeId) -> bool,
    ) -> Option<u64> {
        debug_assert_ne!(ends[0], ends[1], "nobody needs a circuit to itself");
        let crowded = |end: &NodeId| {
            let open = self.open.values().filter(|ends| ends.contains(end));
            open.count() >= CIRCUITS_OF_NODE
        };
        let strange = |ends: &&[NodeId; 2]| !ends.iter().all(&is_member);
        let strangers = self.open.values().filter(strange).count();
        if ends.iter().any(crowded)
            || self.open.len() >= CIRCUITS
            || strange(&&ends) && strangers >= CIRCUITS_OF_STRANGERS
        {
            return None;
        }
        self.last += 1;
        self.open.insert(self.last, ends);
        Some(self.last)
    }

    /// Returns the circuit between these two nodes.
    pub(crate) fn between(&self, [one, other]: [NodeId; 2]) -> Option<u64> {
        let mut open = self.open.iter();
        let found = open.find(|(_, ends)| ends.contains(&one) && ends.contains(&other));
        found.map(|(number, _)| *number)
    }

    /// Returns the circuits that have an end for which `is_known` is false.
    pub(crate) fn with_unknown_end(&self, is_known: impl Fn(&NodeId) -> bool) -> Vec<u64> {
        let open = self.open.iter();
        let unknown = open.filter(|(_, ends)| !ends.iter().all(&is_known));
        unknown.map(|(number, _)| *number).collect()
    }

    /// Forgets a circuit that has ended.
    pub(crate) fn close(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// Returns how many circuits are open.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Notes that another node is ready to carry a circuit to this node. Returns false if too many are on their way.
    pub(crate) fn note_incoming(&mut self, now: Time, carrier: NodeId, is_member: bool) -> bool {
        self.incoming
            .retain(|(since, ..)| now - *since < INCOMING_TIME);
        let of_carrier = self.incoming.iter().filter(|(_, one, _)| *one == carrier);
        let of_strangers = self.incoming.iter().filter(|(.., member)| !member);
        let room = self.incoming.len() < INCOMING
            && of_carrier.count() < INCOMING_BY_CARRIER
            && (is_member || of_strangers.count() < INCOMING_BY_STRANGERS);
        if room {
            self.incoming.push((now, carrier, is_member));
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    #[test]
    fn circuits_are_bounded_for_each_node_and_in_all() {
        let mut circuits = Circuits::default();
        let mut open = |ends| circuits.open(ends, |_| true);
        for far in 0..CIRCUITS_OF_NODE {
            assert!(open([id(255), id(far as u8)]).is_some());
        }
        assert_eq!(open([id(254), id(255)]), None);
        let opened = (0..250)
            .filter_map(|low| open([id(low), id(low + 1)]))
            .count();
        assert_eq!(opened, CIRCUITS - CIRCUITS_OF_NODE);
        assert_eq!(open([id(252), id(253)]), None);
        circuits.close(1);
        assert!(circuits.open([id(252), id(253)], |_| true).is_some());
    }

    #[test]
    fn circuits_of_strangers_are_bounded() {
        let mut circuits = Circuits::default();
        let member = |one: &NodeId| *one == id(0);
        for far in 1..=CIRCUITS_OF_STRANGERS as u8 {
            assert!(circuits.open([id(0), id(far)], member).is_some());
        }
        assert_eq!(circuits.open([id(0), id(200)], member), None);
        assert!(circuits.open([id(0), id(200)], |_| true).is_some());
        assert_eq!(circuits.between([id(3), id(0)]), Some(3));
        assert_eq!(circuits.with_unknown_end(|one| *one != id(3)), [3]);
    }

    #[test]
    fn incoming_circuits_are_bounded() {
        let now = Time::default();
        let mut circuits = Circuits::default();
        for _ in 0..INCOMING_BY_STRANGERS {
            assert!(circuits.note_incoming(now, id(1), false));
        }
        assert!(!circuits.note_incoming(now, id(2), false));
        for _ in 0..INCOMING_BY_CARRIER {
            assert!(circuits.note_incoming(now, id(3), true));
        }
        assert!(!circuits.note_incoming(now, id(3), true));
        assert!(circuits.note_incoming(now + INCOMING_TIME, id(2), false));
    }
}

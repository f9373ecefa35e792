//! R1: at rest, successors form one cycle over all live nodes, and predecessor(successor(x)) = x.

use std::collections::BTreeMap;

use ringtalk_wire::NodeId;

use super::{Check, Violation, Witness, ensure};

/// Checks that the ring, as the nodes themselves report it, is one cycle and whole.
pub(crate) fn check_one_cycle(witnesses: &[Witness]) -> Check {
    let [first, .., _] = witnesses else {
        let alone = witnesses.iter().all(|only| only.neighbours.is_none());
        return ensure(alone, "R1", || "a single node has neighbours".to_owned());
    };
    let mut neighbours: BTreeMap<NodeId, (NodeId, NodeId)> = BTreeMap::new();
    for witness in witnesses {
        match witness.neighbours {
            Some(pair) => neighbours.insert(witness.id, pair),
            None => return Violation::of("R1", format!("{:?} has no neighbours", witness.id)),
        };
    }
    let mut at = first.id;
    for step in 1..=witnesses.len() {
        let Some(&(_, next)) = neighbours.get(&at) else {
            return Violation::of("R1", format!("{at:?} is a successor, but not alive"));
        };
        let back = neighbours.get(&next).map(|&(predecessor, _)| predecessor);
        ensure(back == Some(at), "R1", || {
            format!("the successor of {at:?} is {next:?}, whose predecessor is {back:?}")
        })?;
        at = next;
        ensure((at == first.id) == (step == witnesses.len()), "R1", || {
            format!(
                "the cycle closes after {step} of {} nodes, or never",
                witnesses.len()
            )
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, ring, violated};

    #[test]
    fn a_sound_ring_passes() {
        assert_eq!(check_one_cycle(&ring(2)), Ok(()));
        assert_eq!(check_one_cycle(&ring(5)), Ok(()));
        let mut alone = ring(1);
        alone[0].neighbours = None;
        assert_eq!(check_one_cycle(&alone), Ok(()));
    }

    #[test]
    fn two_rings_are_detected() {
        let mut witnesses = ring(4);
        for (one, other) in [(0, 1), (1, 0), (2, 3), (3, 2)] {
            witnesses[one].neighbours = Some((id(other), id(other)));
        }
        assert_eq!(violated(check_one_cycle(&witnesses)), Some("R1"));
    }

    #[test]
    fn a_wrong_predecessor_is_detected() {
        let mut witnesses = ring(4);
        witnesses[2].neighbours = Some((id(0), id(3)));
        assert_eq!(violated(check_one_cycle(&witnesses)), Some("R1"));
    }

    #[test]
    fn a_dead_successor_and_a_lonely_node_are_detected() {
        let mut witnesses = ring(4);
        witnesses.pop();
        assert_eq!(violated(check_one_cycle(&witnesses)), Some("R1"));
        let mut witnesses = ring(4);
        witnesses[1].neighbours = None;
        assert_eq!(violated(check_one_cycle(&witnesses)), Some("R1"));
    }
}

//! V3: at rest, the view lists exactly the live nodes. V4: no live node is found dead.

use std::collections::BTreeSet;

use ringtalk_wire::NodeId;

use super::{Check, Witness, ensure};

/// The members that were seen to leave, and those that may be found dead.
#[derive(Debug, Default)]
pub(crate) struct Accuracy {
    /// The nodes that may be found dead; everybody may until a scenario names some.
    expected: Option<BTreeSet<NodeId>>,
    left: BTreeSet<(NodeId, NodeId)>,
}

impl Accuracy {
    /// Allows only these nodes to be found dead, and those named before.
    pub(crate) fn expect(&mut self, nodes: impl IntoIterator<Item = NodeId>) {
        self.expected.get_or_insert_default().extend(nodes);
    }

    /// Returns what may be expected in another ring of the same processes.
    pub(crate) fn for_another_ring(&self) -> Self {
        Self {
            expected: self.expected.clone(),
            left: BTreeSet::new(),
        }
    }

    /// Allows one more node to be found dead, unless everybody may.
    pub(crate) fn allow(&mut self, node: NodeId) {
        if let Some(expected) = &mut self.expected {
            expected.insert(node);
        }
    }

    /// Checks that a member may be found dead, when a node is told that it was.
    pub(crate) fn check_failed(&self, node: NodeId, gone: NodeId) -> Check {
        let expected = self.expected.as_ref();
        let fair = expected.is_none_or(|expected| expected.contains(&gone));
        ensure(fair, "V4", || {
            format!("{node:?} reports that {gone:?} failed, but it is alive or has left properly")
        })
    }

    /// Records that a node is told that a member has left properly.
    pub(crate) fn record_leave(&mut self, node: NodeId, gone: NodeId) {
        self.left.insert((node, gone));
    }

    /// Returns true if a node was told that a member has left properly.
    pub(crate) fn saw_leave(&self, node: NodeId, gone: NodeId) -> bool {
        self.left.contains(&(node, gone))
    }
}

/// Checks that all nodes follow one view, which lists exactly the live nodes.
pub(crate) fn check_members(witnesses: &[Witness]) -> Check {
    let live: BTreeSet<NodeId> = witnesses.iter().map(|witness| witness.id).collect();
    let tag = witnesses.first().and_then(|witness| witness.tag);
    for witness in witnesses {
        let members: BTreeSet<NodeId> = witness.members.iter().copied().collect();
        ensure(members == live, "V3", || {
            let dead = members.difference(&live);
            let missing = live.difference(&members);
            format!(
                "the view of {:?} lists the dead {:?} and lacks the live {:?}",
                witness.id,
                dead.collect::<Vec<_>>(),
                missing.collect::<Vec<_>>(),
            )
        })?;
        ensure(witness.tag == tag, "V3", || {
            format!("{:?} follows {:?}, others {tag:?}", witness.id, witness.tag)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, ring, tag, violated};

    #[test]
    fn a_dead_member_a_missing_one_and_another_view_are_detected() {
        assert_eq!(check_members(&ring(3)), Ok(()));
        let mut witnesses = ring(3);
        witnesses[1].members.push(id(7));
        let check = check_members(&witnesses);
        assert_eq!(violated(check), Some("V3"));
        let mut witnesses = ring(3);
        witnesses[1].members.pop();
        let check = check_members(&witnesses);
        assert_eq!(violated(check), Some("V3"));
        let mut witnesses = ring(3);
        witnesses[1].tag = Some(tag(0, 1, 9));
        let check = check_members(&witnesses);
        assert_eq!(violated(check), Some("V3"));
    }

    #[test]
    fn a_live_node_that_is_reported_dead_is_detected() {
        let mut accuracy = Accuracy::default();
        assert_eq!(accuracy.check_failed(id(0), id(1)), Ok(()));
        accuracy.expect([id(2)]);
        assert_eq!(accuracy.check_failed(id(0), id(2)), Ok(()));
        assert_eq!(violated(accuracy.check_failed(id(0), id(1))), Some("V4"));
    }
}

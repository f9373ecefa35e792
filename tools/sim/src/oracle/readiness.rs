//! Joining: a node's clock starts once and before its first message, `ready` comes exactly once and after all
//! history, and in the end everybody may write.

use std::collections::{BTreeMap, BTreeSet};

use ringtalk_proto::JoiningStage;
use ringtalk_wire::NodeId;

use super::{Check, Witness, ensure};

/// How far each node has come in joining.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    started: BTreeSet<NodeId>,
    ready: BTreeSet<NodeId>,
    delivered: BTreeMap<NodeId, u64>,
    /// How many of the delivered messages are history: sent before the node came.
    history: BTreeMap<NodeId, u64>,
}

impl Readiness {
    /// Forgets a node that has left the ring: it joins anew if it comes back.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.started.remove(&node);
        self.ready.remove(&node);
        self.delivered.remove(&node);
        self.history.remove(&node);
    }

    /// Checks that a node's clock starts once, and before its first message.
    pub(crate) fn check_start(&mut self, node: NodeId) -> Check {
        let first = self.started.insert(node) && !self.delivered.contains_key(&node);
        ensure(first, "start", || {
            format!("{node:?} starts its clock again, or after its first message")
        })
    }

    /// Checks what a node tells its user about joining.
    pub(crate) fn check_stage(&self, node: NodeId, stage: &JoiningStage) -> Check {
        ensure(!self.is_ready(node), "joining", || {
            format!("{node:?} reports {stage:?} after it was ready")
        })?;
        let JoiningStage::FetchingHistory { done, total } = stage else {
            return Ok(());
        };
        let delivered = self.history.get(&node).copied().unwrap_or(0);
        ensure(*done == delivered && done <= total, "joining", || {
            format!("{node:?} reports {stage:?} after {delivered} messages")
        })
    }

    /// Checks that a node becomes ready once, and after its clock has started.
    pub(crate) fn check_ready(&mut self, node: NodeId) -> Check {
        ensure(self.started.contains(&node), "ready", || {
            format!("{node:?} is ready before its clock starts")
        })?;
        ensure(self.ready.insert(node), "ready", || {
            format!("{node:?} is ready twice")
        })
    }

    /// Checks that a node delivers after its clock has started, and history before it is ready.
    pub(crate) fn check_delivery(&mut self, node: NodeId, history: bool) -> Check {
        *self.delivered.entry(node).or_default() += 1;
        *self.history.entry(node).or_default() += u64::from(history);
        ensure(self.started.contains(&node), "start", || {
            format!("{node:?} delivers before its clock starts")
        })?;
        ensure(!history || !self.is_ready(node), "ready", || {
            format!("{node:?} delivers history after it was ready")
        })
    }

    /// Returns true if a node has become ready.
    pub(crate) fn is_ready(&self, node: NodeId) -> bool {
        self.ready.contains(&node)
    }
}

/// Checks that every node is ready and accepts input.
pub(crate) fn check_all_take_part(readiness: &Readiness, witnesses: &[Witness]) -> Check {
    for witness in witnesses {
        let id = witness.id;
        ensure(readiness.is_ready(id), "ready", || {
            format!("{id:?} is not ready at rest")
        })?;
        ensure(witness.accepts_input, "input", || {
            format!("{id:?} accepts no input at rest")
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, ring, violated};

    fn ready_node() -> Readiness {
        let mut readiness = Readiness::default();
        assert_eq!(readiness.check_start(id(0)), Ok(()));
        assert_eq!(readiness.check_delivery(id(0), true), Ok(()));
        assert_eq!(readiness.check_ready(id(0)), Ok(()));
        readiness
    }

    #[test]
    fn a_second_ready_is_detected() {
        assert_eq!(violated(ready_node().check_ready(id(0))), Some("ready"));
    }

    #[test]
    fn history_after_ready_is_detected() {
        let mut readiness = ready_node();
        assert_eq!(readiness.check_delivery(id(0), false), Ok(()));
        assert_eq!(
            violated(readiness.check_delivery(id(0), true)),
            Some("ready")
        );
    }

    #[test]
    fn a_wrong_or_late_joining_stage_is_detected() {
        let fetching = |done, total| JoiningStage::FetchingHistory { done, total };
        let late = ready_node().check_stage(id(0), &fetching(1, 1));
        assert_eq!(violated(late), Some("joining"));
        let mut readiness = Readiness::default();
        assert_eq!(readiness.check_start(id(0)), Ok(()));
        assert_eq!(readiness.check_delivery(id(0), true), Ok(()));
        assert_eq!(readiness.check_stage(id(0), &fetching(1, 5)), Ok(()));
        for wrong in [fetching(0, 5), fetching(2, 5), fetching(1, 0)] {
            let check = readiness.check_stage(id(0), &wrong);
            assert_eq!(violated(check), Some("joining"));
        }
    }

    #[test]
    fn a_clock_that_starts_late_or_twice_is_detected() {
        let mut readiness = Readiness::default();
        assert_eq!(
            violated(readiness.check_delivery(id(1), true)),
            Some("start")
        );
        assert_eq!(violated(readiness.check_start(id(1))), Some("start"));
        assert_eq!(violated(ready_node().check_start(id(0))), Some("start"));
    }

    #[test]
    fn a_node_that_is_not_ready_at_rest_is_detected() {
        let mut witnesses = ring(1);
        assert_eq!(check_all_take_part(&ready_node(), &witnesses), Ok(()));
        let nobody = check_all_take_part(&Readiness::default(), &witnesses);
        assert_eq!(violated(nobody), Some("ready"));
        witnesses[0].accepts_input = false;
        let dumb = check_all_take_part(&ready_node(), &witnesses);
        assert_eq!(violated(dumb), Some("input"));
    }
}

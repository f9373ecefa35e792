//! C3, once: no node delivers a message twice, whatever broke and was repaired in between.

use std::collections::{BTreeMap, BTreeSet};

use ringtalk_wire::{MessageId, NodeId};

use super::{Check, ensure};

/// The messages that each node has delivered.
#[derive(Debug, Default)]
pub(crate) struct Once {
    seen: BTreeMap<NodeId, BTreeSet<MessageId>>,
}

impl Once {
    /// Forgets what a node has delivered, because it has left the ring.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.seen.remove(&node);
    }

    /// Checks that a node has not delivered this message before.
    pub(crate) fn check_delivery(&mut self, node: NodeId, message: MessageId) -> Check {
        let new = self.seen.entry(node).or_default().insert(message);
        ensure(new, "C3", || format!("{node:?} delivers {message:?} again"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, message, violated};

    #[test]
    fn a_second_delivery_at_one_node_is_detected() {
        let mut once = Once::default();
        assert_eq!(once.check_delivery(id(1), message(3, 1)), Ok(()));
        assert_eq!(once.check_delivery(id(2), message(3, 1)), Ok(()));
        assert_eq!(
            violated(once.check_delivery(id(1), message(3, 1))),
            Some("C3")
        );
    }
}

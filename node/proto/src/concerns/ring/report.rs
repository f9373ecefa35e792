//! The report for an observer: this node's place in the ring, as the node sees it itself.
//!
//! `PROTOCOL.md` §5.5. Not here: who observes (`observation`).

use alloc::vec::Vec;

use ringtalk_wire::limit::SUSPECTS;
use ringtalk_wire::{Brought, NodeId, Report};

use super::Ring;
use crate::context::Context;

impl Ring {
    /// Returns this node's place; `None` without a view.
    pub(crate) fn report(&self, context: &Context) -> Option<Report> {
        let view = context.view.as_ref()?;
        let fingers = self.linked_fingers(context);
        let neighbours = self.neighbour_ids().into_iter();
        let linked = neighbours.chain(fingers.iter().copied());
        let suspects = context
            .detector
            .all_suspects()
            .filter(|id| view.contains(id));
        Some(Report {
            tag: view.tag(),
            predecessor: self.neighbours.map(|(predecessor, _)| predecessor),
            successor: self.neighbours.map(|(_, successor)| successor),
            suspects: suspects.take(SUSPECTS).collect(),
            brought: linked.map(|member| contribution(context, member)).collect(),
            fingers,
        })
    }

    fn linked_fingers(&self, context: &Context) -> Vec<NodeId> {
        let neighbours = self.neighbour_ids();
        let fingers = self.fingers().difference(&neighbours);
        fingers
            .filter(|id| context.links.is_up(id))
            .copied()
            .collect()
    }
}

fn contribution(context: &Context, member: NodeId) -> Brought {
    Brought {
        member,
        messages: context.links.contribution_of(&member),
    }
}

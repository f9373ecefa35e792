//! Membership: views on their way to this node.
//!
//! `PROTOCOL.md` §5. Not here: the view in force (`context`), how the next one is made and believed (`node::views`).

pub(crate) mod update_chain;

use super::Concern;
use crate::view::Pages;
use ringtalk_wire::NodeId;
use update_chain::UpdateChain;

/// Incomplete views, and the updates that led to the view in force.
#[derive(Debug, Default)]
pub(crate) struct Membership {
    pub(crate) pages: Pages,
    /// Views that are spread round the ring, by their coordinators.
    pub(crate) announced: Pages,
    pub(crate) updates: UpdateChain,
}

impl Concern for Membership {
    fn forget(&mut self, peer: &NodeId) {
        self.pages.forget(peer);
        self.updates.forget(peer);
    }
}

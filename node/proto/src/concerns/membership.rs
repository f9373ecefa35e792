//! Membership: views on their way to this node.
//!
//! `PROTOCOL.md` §5. Not here: the view in force (`context`), how the next one is made and believed (`node::views`).

pub(crate) mod steps;

use super::Concern;
use crate::view::Pages;
use ringtalk_wire::NodeId;
use steps::Steps;

/// Incomplete views, and the updates that led to the view in force.
#[derive(Debug, Default)]
pub(crate) struct Membership {
    pub(crate) pages: Pages,
    /// Views that are spread round the ring, by their coordinators.
    pub(crate) announced: Pages,
    pub(crate) steps: Steps,
}

impl Concern for Membership {
    fn forget(&mut self, peer: &NodeId) {
        self.pages.forget(peer);
        self.steps.forget(peer);
    }
}

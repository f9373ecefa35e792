//! Entry: candidates that a director named, and newcomers that wait for admission.
//!
//! `PROTOCOL.md` §5.1. Not here: the stages of joining (`joining`), decisions about admission (`node::entry`).

mod candidates;
mod newcomers;

use ringtalk_wire::NodeId;

use super::Concern;
use candidates::Candidates;
use newcomers::Newcomers;

/// This node's own entry into the ring, and that of newcomers.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) candidates: Candidates,
    pub(crate) newcomers: Newcomers,
}

impl Concern for Entry {
    fn forget(&mut self, peer: &NodeId) {
        self.newcomers.forget(peer);
    }
}

//! Entry: candidates that a director named, newcomers that wait for admission, and members whose addresses change.
//!
//! `PROTOCOL.md` §5.1. Not here: the stages of joining (`joining`), decisions about admission (`node::entry`).

mod candidates;
mod newcomers;
mod relocation;

use ringtalk_wire::NodeId;

use super::Concern;
use candidates::Candidates;
use newcomers::Newcomers;
use relocation::Relocation;

/// This node's own entry into the ring, and that of newcomers.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) candidates: Candidates,
    /// Members that have moved wait among them.
    pub(crate) newcomers: Newcomers,
    pub(crate) relocation: Relocation,
}

impl Concern for Entry {
    fn forget(&mut self, peer: &NodeId) {
        self.newcomers.forget(peer);
    }
}

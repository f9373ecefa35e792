//! Entry: whom a director named beside the coordinator, and who waits for a place in the ring.
//!
//! `PROTOCOL.md` §5.1. Not here: the stages of one's own way in (`joining`), and who is let in (`node::entry`).

mod candidates;
mod newcomers;

use ringtalk_wire::NodeId;

use super::Concern;
use candidates::Candidates;
use newcomers::Newcomers;

/// The way in, one's own and that of others.
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

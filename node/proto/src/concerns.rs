//! The concerns of a node: each has its own state, and acts in the context that it gets with each call.
//!
//! What a concern cannot do by itself it returns, and `node` does it. Not here: machines that know no context (the
//! modules at the top), and what goes through several concerns (`node`).

pub(crate) mod checking;
pub(crate) mod discussion;
pub(crate) mod entry;
pub(crate) mod forks;
pub(crate) mod history;
pub(crate) mod leaving;
pub(crate) mod meeting;
pub(crate) mod membership;
pub(crate) mod naming;
pub(crate) mod observation;
pub(crate) mod reaching;
pub(crate) mod relay;
pub(crate) mod ring;
pub(crate) mod succession;
pub(crate) mod suspicion;
pub(crate) mod unlisted;

use ringtalk_wire::NodeId;

/// What every part of a node can do that remembers peers.
pub(crate) trait Concern {
    /// The link to a peer is gone: nothing more comes of what was on it.
    fn forget(&mut self, peer: &NodeId);
}

//! The concerns of a node: each has its own state, and acts in the context that every call passes to it.
//!
//! A concern returns what it cannot do itself, and `node` does that. Not here: state and rules that need no context
//! (`machines`), flows through several concerns (`node`).

pub(crate) mod discussion;
pub(crate) mod entrances;
pub(crate) mod entry;
pub(crate) mod forks;
pub(crate) mod history;
pub(crate) mod leaving;
pub(crate) mod meeting;
pub(crate) mod membership;
pub(crate) mod naming;
pub(crate) mod observation;
pub(crate) mod reachability;
pub(crate) mod reaching;
pub(crate) mod relay;
pub(crate) mod ring;
pub(crate) mod succession;
pub(crate) mod suspicion;
pub(crate) mod unlisted;

use ringtalk_wire::NodeId;

/// A part of a node that remembers peers.
pub(crate) trait Concern {
    /// Forgets a peer whose link is lost: nothing that was sent on that link will arrive any more.
    fn forget(&mut self, peer: &NodeId);
}

//! What a session knows of its own node from the beginning.

use std::fmt;

use ringtalk_wire::{DiscussionId, NodeId};
use zeroize::Zeroizing;

/// What a session is told of its own node, once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Me {
    /// The node's id.
    pub id: NodeId,
    /// The name that was asked for.
    pub wanted_name: String,
    /// Where others dial it.
    pub address: String,
    /// Which discussion it takes part in.
    pub discussion: DiscussionId,
    /// What others give to `--join`.
    pub invite: Invite,
    /// The directors of an open discussion; none for a private one.
    pub open_at: Option<String>,
    /// True where the director is inside this node.
    pub hosts: bool,
}

/// What lets somebody into a discussion, secret and all. Wiped when it is dropped, and in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Invite(Zeroizing<String>);

impl Invite {
    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Invite {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

/// Nothing: a secret has no place in a log.
impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invite")
    }
}

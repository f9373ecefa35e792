//! The facts about a session's own node that are known from the start.

use std::fmt;

use ringtalk_wire::{DiscussionId, NodeId};
use zeroize::Zeroizing;

/// The facts about its own node that a session is given once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Me {
    /// The node's id.
    pub id: NodeId,
    /// The name that the user asked for.
    pub requested_name: String,
    /// The address at which others reach the node.
    pub address: String,
    /// The discussion that the node takes part in.
    pub discussion: DiscussionId,
    /// The invite, which others give to `--join`.
    pub invite: Invite,
    /// The directors of an open discussion; `None` for a private one.
    pub open_at: Option<String>,
    /// True if the director runs inside this node.
    pub runs_director: bool,
}

/// The invite to a discussion, with its secret. Its memory is wiped when it is dropped, and it appears in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Invite(Zeroizing<String>);

impl Invite {
    /// Returns the whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Invite {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

/// Writes only the name of the type: a secret must not get into a log.
impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invite")
    }
}

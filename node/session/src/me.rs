//! The facts about a session's own node that are known from the start.

use std::fmt;

use ringtalk_wire::{DiscussionId, NodeId, RingId};
use zeroize::Zeroizing;

use crate::ProgramName;

/// The facts about its own node that a session is given once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Me {
    /// The name of the program, for the commands that people are told to type.
    pub program: ProgramName,
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
    /// True if this node founds the discussion, without asking a director.
    pub is_founder: bool,
}

impl Me {
    /// Returns the id of the room `main`.
    pub const fn lobby(&self) -> RingId {
        RingId::lobby(&self.discussion)
    }
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

/// The invites that newcomers need to join, as far as this node knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InviteState {
    /// The invite to the discussion.
    pub invite: Invite,
    /// The invite that they need after this node leaves, if no other entrance of the present one is left.
    pub after_me: Option<Invite>,
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

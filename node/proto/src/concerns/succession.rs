//! Succession: what this node knows of who coordinates next.
//!
//! `PROTOCOL.md` §6.3. Not here: when the steps are due (`election`), and what is done then (`node::takeover`).

mod standing;

use crate::machines::election::Election;
use standing::Standing;

/// Who coordinates next.
#[derive(Debug, Default)]
pub(crate) struct Succession {
    pub(crate) election: Election,
    pub(crate) standing: Standing,
}

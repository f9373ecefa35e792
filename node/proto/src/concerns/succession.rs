//! Succession: what this node knows of the next coordinator.
//!
//! `PROTOCOL.md` §6.3. Not here: when a step is due (`election`), what is done then (`node::takeover`).

mod candidacy;

use crate::machines::election::Election;
use candidacy::Candidacy;

/// The election and the candidacies of deputies.
#[derive(Debug, Default)]
pub(crate) struct Succession {
    pub(crate) election: Election,
    pub(crate) candidacy: Candidacy,
}

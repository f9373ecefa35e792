//! Proof: whether the epoch of another view began rightly, as far as a member can tell.
//!
//! `PROTOCOL.md` §5.3. A chain of openings leads from one's own epoch to the other: each has its
//! coordinator's seal, and with it that of the coordinator before, or of a second member; in the first
//! step both are members of one's own view.
//! Not here: whether a seal holds (`signing`), and what becomes of a view without proof.

use alloc::collections::BTreeSet;

use ringtalk_wire::{Epoch, NodeId, Opening};

use crate::config::EPOCHS_AHEAD;

/// True where the openings lead from one epoch to another, for somebody to whom these are members.
/// `signers` gives those whose seals under an opening hold.
pub(crate) fn leads_to<'a>(
    from: Epoch,
    to: Epoch,
    openings: impl IntoIterator<Item = &'a Opening>,
    is_member: impl Fn(&NodeId) -> bool,
    signers: impl Fn(&Opening) -> BTreeSet<NodeId>,
) -> bool {
    let mut reached = from;
    for opening in openings {
        let follows = opening.before == reached || opening.with == Some(reached);
        let ahead = opening.epoch.number.saturating_sub(reached.number);
        if reached == to || !follows || !(1..=EPOCHS_AHEAD).contains(&ahead) {
            continue;
        }
        let signers = signers(opening);
        // Beyond the first step there may be members whom nobody knows here.
        let knows = |id: &&NodeId| reached != from || is_member(id);
        let members = signers.iter().filter(knows).count();
        let agreed = signers.contains(&reached.coordinator) || members >= 2;
        if agreed && signers.contains(&opening.epoch.coordinator) {
            reached = opening.epoch;
        }
    }
    reached == to
}

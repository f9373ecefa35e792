//! Proof: whether the epoch of another view began rightly, as far as a member can tell.
//!
//! `PROTOCOL.md` §5.3. A chain of openings leads from one's own epoch to the other. Each has its coordinator's seal,
//! and with it that of the coordinator before, or of a second member. Those two must be members of one's own view,
//! since strangers may be several keys of one person. Not here: the check of a seal (`signing`), and the fate of an
//! unproven view (`node::views`).

use alloc::collections::BTreeSet;

use ringtalk_wire::{Epoch, NodeId, Opening};

use crate::config::EPOCHS_AHEAD;

/// Returns true if the openings lead from one epoch to another, for a node whose view has the members `is_member`.
/// `signers` returns those whose seals under an opening hold.
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
        let candidate = opening.epoch.coordinator;
        let members = signers.iter().filter(|id| is_member(id)).count();
        let elected = members >= 2 && is_member(&candidate);
        let agreed = signers.contains(&reached.coordinator) || elected;
        if agreed && signers.contains(&candidate) {
            reached = opening.epoch;
        }
    }
    reached == to
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn epoch(number: u64, coordinator: u8) -> Epoch {
        Epoch {
            number,
            coordinator: id(coordinator),
        }
    }

    /// Returns what a node believes whose view has members 1 to 5, and that followed 1 in epoch 1.
    fn believes(chain: &[(Epoch, Epoch, &[u8])]) -> bool {
        let opening = |&(before, epoch, _): &(Epoch, Epoch, &[u8])| Opening {
            epoch,
            before,
            with: None,
            seals: Vec::new(),
        };
        let openings: Vec<Opening> = chain.iter().map(opening).collect();
        let signers = |opening: &Opening| {
            let step = chain.iter().find(|step| step.1 == opening.epoch);
            step.into_iter()
                .flat_map(|step| step.2)
                .map(|&byte| id(byte))
                .collect()
        };
        let is_member = |one: &NodeId| (1..=5).any(|byte| id(byte) == *one);
        let to = chain.last().map_or(epoch(1, 1), |step| step.1);
        leads_to(epoch(1, 1), to, &openings, is_member, signers)
    }

    #[test]
    fn the_coordinator_before_or_a_second_member_is_needed() {
        assert!(believes(&[(epoch(1, 1), epoch(2, 9), &[1, 9])]));
        assert!(believes(&[(epoch(1, 1), epoch(2, 3), &[3, 4])]));
        assert!(!believes(&[(epoch(1, 1), epoch(2, 3), &[3])]));
        assert!(!believes(&[(epoch(1, 1), epoch(2, 3), &[4, 5])]));
        assert!(!believes(&[(epoch(1, 1), epoch(2, 3), &[3, 9])]));
        assert!(!believes(&[(epoch(1, 1), epoch(2, 9), &[9, 4])]));
        assert!(!believes(&[(epoch(1, 2), epoch(2, 3), &[3, 4])]));
        let far = epoch(2 + EPOCHS_AHEAD, 3);
        assert!(!believes(&[(epoch(1, 1), far, &[3, 4])]));
    }

    #[test]
    fn beyond_the_first_step_a_stranger_needs_the_coordinator_before() {
        let first: (Epoch, Epoch, &[u8]) = (epoch(1, 1), epoch(2, 3), &[3, 4]);
        let then =
            |coordinator, signers| believes(&[first, (first.1, epoch(3, coordinator), signers)]);
        assert!(then(8, &[8, 3]));
        assert!(then(5, &[5, 2]));
        assert!(!then(8, &[8, 5]));
        assert!(!then(8, &[8, 9]));
        assert!(!then(4, &[4, 9]));
        assert!(!then(8, &[4, 5]));
    }
}

//! E2, and E1 at rest: there is exactly one coordinator, whom all follow under one epoch. If faults were few, it is
//! the most senior member, as the bully election promises.

use ringtalk_wire::NodeId;

use super::{Check, Witness, ensure};

/// Checks that one node registers as the coordinator, and that everybody follows it.
pub(crate) fn check_exactly_one(witnesses: &[Witness]) -> Check {
    let registering: Vec<NodeId> = witnesses
        .iter()
        .filter(|witness| witness.registers)
        .map(|witness| witness.id)
        .collect();
    ensure(registering.len() == 1, "E2", || {
        format!("the coordinators are {registering:?}")
    })?;
    let epoch = witnesses[0].tag.map(|tag| tag.epoch);
    for witness in witnesses {
        let follows = witness.tag.map(|tag| tag.epoch);
        ensure(follows.is_some() && follows == epoch, "E1", || {
            format!("{:?} follows {follows:?}, others {epoch:?}", witness.id)
        })?;
    }
    let followed = epoch.map(|epoch| epoch.coordinator);
    ensure(followed == registering.first().copied(), "E2", || {
        format!("{registering:?} registers, but {followed:?} is followed")
    })
}

/// Checks that every coordinator is the most senior member: no newcomer and no restart deposes anybody.
pub(crate) fn check_most_senior(witnesses: &[Witness]) -> Check {
    for witness in witnesses {
        ensure(witness.follows_senior, "senior", || {
            format!(
                "{:?} follows a coordinator that is not the most senior member",
                witness.id
            )
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{ring, tag, violated};

    #[test]
    fn a_member_that_follows_a_junior_is_detected() {
        let mut witnesses = ring(3);
        assert_eq!(check_most_senior(&witnesses), Ok(()));
        witnesses[1].follows_senior = false;
        assert_eq!(violated(check_most_senior(&witnesses)), Some("senior"));
    }

    #[test]
    fn one_coordinator_passes_and_none_or_two_are_detected() {
        let mut witnesses = ring(3);
        assert_eq!(check_exactly_one(&witnesses), Ok(()));
        witnesses[1].registers = true;
        assert_eq!(violated(check_exactly_one(&witnesses)), Some("E2"));
        witnesses[0].registers = false;
        assert_eq!(violated(check_exactly_one(&witnesses)), Some("E2"));
        witnesses[1].registers = false;
        assert_eq!(violated(check_exactly_one(&witnesses)), Some("E2"));
    }

    #[test]
    fn a_member_that_follows_another_coordinator_is_detected() {
        let mut witnesses = ring(3);
        witnesses[2].tag = Some(tag(2, 1, 3));
        assert_eq!(violated(check_exactly_one(&witnesses)), Some("E1"));
        witnesses[2].tag = None;
        assert_eq!(violated(check_exactly_one(&witnesses)), Some("E1"));
    }
}

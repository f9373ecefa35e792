//! The registry under virtual time.

use std::time::Duration;

use ringtalk_wire::{Epoch, NodeId};

use super::{
    Call, Conflict, FOUNDING_LEASE, Handover, LAPSE, NEWCOMERS, Placement, REGISTRATION_LEASE,
    Registry, SETTLING,
};
use crate::api::{Coordinator, Newcomer};

const MS: Duration = Duration::from_millis(1);
/// When all of these tests begin: the director has settled.
const START: Duration = SETTLING;

fn id(n: u16) -> NodeId {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&n.to_be_bytes());
    NodeId::from_bytes(bytes)
}

fn newcomer(n: u16) -> Newcomer {
    Newcomer {
        id: id(n),
        internal_address: format!("10.0.0.1:{}", n + 1).parse().unwrap(),
        public_address: None,
        other_addresses: Vec::new(),
    }
}

fn coordinator(n: u16, number: u64) -> Coordinator {
    Coordinator {
        id: id(n),
        internal_address: format!("10.0.0.1:{}", n + 1).parse().unwrap(),
        public_address: None,
        other_addresses: Vec::new(),
        doors: Vec::new(),
        epoch: Epoch {
            number,
            coordinator: id(n),
        },
    }
}

/// The last instant before `end`.
fn before(end: Duration) -> Duration {
    end.checked_sub(MS).unwrap()
}

fn found(lease: Duration) -> Placement {
    Placement::Found { lease }
}

/// A registry where node 1 coordinates in epoch 5 since `START`.
fn registered() -> (Registry, Call) {
    let mut registry = Registry::new();
    let call = registry.register_coordinator(START, coordinator(1, 5));
    (registry, call.unwrap())
}

#[test]
fn of_two_first_nodes_one_founds_and_the_other_joins_it() {
    let mut registry = Registry::new();
    let until = START + FOUNDING_LEASE;
    assert_eq!(
        registry.register_node(START, &newcomer(1), true),
        found(FOUNDING_LEASE)
    );
    assert_eq!(
        registry.register_node(START, &newcomer(2), true),
        Placement::Wait { until }
    );
    let call = registry
        .register_coordinator(START + 5 * MS, coordinator(1, 1))
        .unwrap();
    assert_eq!(
        registry.register_node(START + 5 * MS, &newcomer(2), true),
        Placement::Join(coordinator(1, 1))
    );
    assert_eq!(
        registry.hand_over(START + 5 * MS, call),
        Handover::Newcomers(vec![newcomer(2)])
    );
}

#[test]
fn the_founding_lease_is_repeated_to_its_holder_and_not_renewed() {
    let mut registry = Registry::new();
    registry.register_node(START, &newcomer(1), true);
    assert_eq!(
        registry.register_node(START + 1500 * MS, &newcomer(1), true),
        found(500 * MS)
    );
    assert_eq!(
        registry.register_node(START + FOUNDING_LEASE, &newcomer(2), true),
        found(FOUNDING_LEASE)
    );
    assert!(matches!(
        registry.register_node(START + FOUNDING_LEASE, &newcomer(1), true),
        Placement::Wait { .. }
    ));
}

#[test]
fn nobody_founds_before_a_running_ring_had_time_to_register() {
    let mut registry = Registry::new();
    assert_eq!(
        registry.register_node(Duration::ZERO, &newcomer(2), true),
        Placement::Wait { until: SETTLING }
    );
    registry
        .register_coordinator(before(SETTLING), coordinator(1, 7))
        .unwrap();
    assert_eq!(
        registry.register_node(SETTLING, &newcomer(2), true),
        Placement::Join(coordinator(1, 7))
    );
}

#[test]
fn a_running_ring_goes_before_a_founder() {
    let mut registry = Registry::new();
    registry.register_node(START, &newcomer(2), true);
    registry
        .register_coordinator(START, coordinator(1, 7))
        .unwrap();
    assert_eq!(
        registry.register_coordinator(START, coordinator(2, 1)),
        Err(Conflict(Box::new(coordinator(1, 7))))
    );
}

#[test]
fn only_a_higher_epoch_number_replaces_a_registration() {
    let (mut registry, old) = registered();
    for number in [4, 5] {
        assert_eq!(
            registry.register_coordinator(START, coordinator(2, number)),
            Err(Conflict(Box::new(coordinator(1, 5))))
        );
    }
    registry
        .register_coordinator(START, coordinator(2, 6))
        .unwrap();
    assert_eq!(registry.coordinator(START), Some(&coordinator(2, 6)));
    assert_eq!(
        registry.hand_over(START, old),
        Handover::Replaced(Conflict(Box::new(coordinator(2, 6))))
    );
}

#[test]
fn the_same_id_renews_and_its_epoch_never_goes_down() {
    let (mut registry, _) = registered();
    let later = before(START + REGISTRATION_LEASE);
    registry
        .register_coordinator(later, coordinator(1, 8))
        .unwrap();
    registry
        .register_coordinator(later, coordinator(1, 3))
        .unwrap();
    assert_eq!(
        registry.coordinator(START + REGISTRATION_LEASE),
        Some(&coordinator(1, 8))
    );
    assert_eq!(registry.coordinator(later + REGISTRATION_LEASE), None);
}

#[test]
fn after_a_lapse_nobody_founds_for_a_while_but_a_coordinator_may_register() {
    let (mut registry, _) = registered();
    let lapse = START + REGISTRATION_LEASE;
    assert_eq!(
        registry.register_node(lapse, &newcomer(2), true),
        Placement::Lapsed
    );
    assert_eq!(
        registry.register_node(before(lapse + LAPSE), &newcomer(2), true),
        Placement::Lapsed
    );
    assert_eq!(
        registry.register_node(lapse + LAPSE, &newcomer(2), true),
        found(FOUNDING_LEASE)
    );

    let (mut registry, _) = registered();
    registry
        .register_coordinator(lapse + MS, coordinator(3, 6))
        .unwrap();
    assert_eq!(
        registry.register_node(lapse + MS, &newcomer(2), true),
        Placement::Join(coordinator(3, 6))
    );
    assert_eq!(registry.tally().lapses, 1);
}

#[test]
fn a_withdrawn_registration_leaves_no_lapse() {
    let (mut registry, call) = registered();
    registry.register_node(START, &newcomer(2), true);
    assert_eq!(
        registry.withdraw(START, id(2)),
        Err(Conflict(Box::new(coordinator(1, 5))))
    );
    assert_eq!(registry.withdraw(START, id(1)), Ok(()));
    assert_eq!(registry.hand_over(START, call), Handover::Over);
    assert_eq!(registry.withdraw(START, id(1)), Ok(()));
    assert_eq!(
        registry.register_node(START, &newcomer(3), true),
        found(FOUNDING_LEASE)
    );
}

#[test]
fn a_lease_is_given_back_by_its_holder_alone() {
    let mut registry = Registry::new();
    registry.register_node(START, &newcomer(1), true);
    registry.withdraw(START, id(2)).unwrap();
    assert!(matches!(
        registry.register_node(START, &newcomer(2), true),
        Placement::Wait { .. }
    ));
    registry.withdraw(START, id(1)).unwrap();
    assert_eq!(
        registry.register_node(START, &newcomer(2), true),
        found(FOUNDING_LEASE)
    );

    let (mut registry, _) = registered();
    let lapse = START + REGISTRATION_LEASE;
    registry.withdraw(lapse, id(2)).unwrap();
    assert_eq!(
        registry.register_node(lapse, &newcomer(2), true),
        Placement::Lapsed
    );
    registry.withdraw(lapse, id(1)).unwrap();
    assert_eq!(
        registry.register_node(lapse, &newcomer(2), true),
        found(FOUNDING_LEASE)
    );
}

#[test]
fn each_newcomer_is_handed_over_once_to_the_latest_call() {
    let (mut registry, first) = registered();
    assert_eq!(registry.hand_over(START, first), Handover::Nobody);
    let second = registry
        .register_coordinator(START, coordinator(1, 5))
        .unwrap();
    registry.register_node(START, &newcomer(2), true);
    registry.register_node(START, &newcomer(3), true);
    registry.register_node(START, &newcomer(2), true);
    assert_eq!(registry.hand_over(START, first), Handover::Over);
    assert_eq!(
        registry.hand_over(START, second),
        Handover::Newcomers(vec![newcomer(3), newcomer(2)])
    );
    assert_eq!(registry.hand_over(START, second), Handover::Nobody);
}

#[test]
fn newcomers_wait_for_the_next_coordinator() {
    let (mut registry, _) = registered();
    registry.register_node(START, &newcomer(2), true);
    let call = registry
        .register_coordinator(START + REGISTRATION_LEASE, coordinator(3, 6))
        .unwrap();
    assert_eq!(
        registry.hand_over(START + REGISTRATION_LEASE, call),
        Handover::Newcomers(vec![newcomer(2)])
    );
}

#[test]
fn the_coordinator_is_no_newcomer_to_itself() {
    let (mut registry, call) = registered();
    assert_eq!(
        registry.register_node(START, &newcomer(1), true),
        Placement::Join(coordinator(1, 5))
    );
    assert_eq!(registry.hand_over(START, call), Handover::Nobody);
}

#[test]
fn of_too_many_newcomers_the_oldest_are_forgotten() {
    let (mut registry, call) = registered();
    let crowd: Vec<_> = (0..=NEWCOMERS as u16).map(|n| newcomer(n + 2)).collect();
    for one in &crowd {
        registry.register_node(START, one, true);
    }
    assert_eq!(
        registry.hand_over(START, call),
        Handover::Newcomers(crowd[1..].to_vec())
    );
    assert_eq!(registry.tally().newcomers_forgotten, 1);
}

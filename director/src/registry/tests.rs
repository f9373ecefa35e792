//! Tests of the registry under virtual time.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ringtalk_wire::{Epoch, NodeId};

use super::{
    CallId, CallOutcome, Conflict, Decision, EPOCH_RISE, FOUNDING_LEASE, LAPSE_PAUSE, NEWCOMERS,
    REGISTRATION_LEASE, Registry, STARTUP_GRACE,
};
use crate::api::{Coordinator, Directions, Newcomer};

const MS: Duration = Duration::from_millis(1);
/// The start of these tests: the director has settled.
const START: Duration = STARTUP_GRACE;

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

const HOUSE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn join(coordinator: Coordinator) -> Decision {
    join_among(coordinator, &[])
}

fn join_among(coordinator: Coordinator, candidates: &[Coordinator]) -> Decision {
    Decision::Join(Directions {
        coordinator,
        candidates: candidates.to_vec(),
        member: false,
        carries: false,
    })
}

impl Registry {
    /// Asks as a node that may found, and that may be dialled at all its addresses.
    fn ask(&mut self, now: Duration, newcomer: &Newcomer) -> Decision {
        self.register_node(now, newcomer.id, Some(newcomer), true)
    }
}

/// Returns the last instant before `end`.
fn before(end: Duration) -> Duration {
    end.checked_sub(MS).unwrap()
}

fn founding(lease: Duration) -> Decision {
    Decision::Found { lease }
}

/// Returns a registry where node 1 has coordinated in epoch 5 since `START`.
fn registered_registry() -> (Registry, CallId) {
    let mut registry = Registry::new();
    let call = registry.register_coordinator(START, coordinator(1, 5), HOUSE);
    (registry, call.unwrap())
}

#[test]
fn of_two_first_nodes_one_founds_and_the_other_joins_it() {
    let mut registry = Registry::new();
    let until = START + FOUNDING_LEASE;
    assert_eq!(registry.ask(START, &newcomer(1)), founding(FOUNDING_LEASE));
    assert_eq!(registry.ask(START, &newcomer(2)), Decision::Wait { until });
    let call = registry
        .register_coordinator(START + 5 * MS, coordinator(1, 1), HOUSE)
        .unwrap();
    assert_eq!(
        registry.ask(START + 5 * MS, &newcomer(2)),
        join(coordinator(1, 1))
    );
    assert_eq!(
        registry.take_newcomers(START + 5 * MS, call),
        CallOutcome::Newcomers(vec![newcomer(2)])
    );
}

#[test]
fn the_founding_lease_is_repeated_to_its_holder_and_not_renewed() {
    let mut registry = Registry::new();
    registry.ask(START, &newcomer(1));
    assert_eq!(
        registry.ask(START + 1500 * MS, &newcomer(1)),
        founding(500 * MS)
    );
    assert_eq!(
        registry.ask(START + FOUNDING_LEASE, &newcomer(2)),
        founding(FOUNDING_LEASE)
    );
    assert!(matches!(
        registry.ask(START + FOUNDING_LEASE, &newcomer(1)),
        Decision::Wait { .. }
    ));
}

#[test]
fn nobody_founds_before_a_running_ring_had_time_to_register() {
    let mut registry = Registry::new();
    assert_eq!(
        registry.ask(Duration::ZERO, &newcomer(2)),
        Decision::Wait {
            until: STARTUP_GRACE
        }
    );
    registry
        .register_coordinator(before(STARTUP_GRACE), coordinator(1, 7), HOUSE)
        .unwrap();
    assert_eq!(
        registry.ask(STARTUP_GRACE, &newcomer(2)),
        join(coordinator(1, 7))
    );
}

#[test]
fn a_running_ring_goes_before_a_founder() {
    let mut registry = Registry::new();
    registry.ask(START, &newcomer(2));
    registry
        .register_coordinator(START, coordinator(1, 7), HOUSE)
        .unwrap();
    assert_eq!(
        registry.register_coordinator(START, coordinator(2, 1), HOUSE),
        Err(Conflict(Box::new(coordinator(1, 7))))
    );
}

#[test]
fn only_a_higher_epoch_number_replaces_a_registration() {
    let (mut registry, old) = registered_registry();
    for number in [4, 5] {
        assert_eq!(
            registry.register_coordinator(START, coordinator(2, number), HOUSE),
            Err(Conflict(Box::new(coordinator(1, 5))))
        );
    }
    registry
        .register_coordinator(START, coordinator(2, 6), HOUSE)
        .unwrap();
    assert_eq!(registry.coordinator(START), Some(&coordinator(2, 6)));
    assert_eq!(
        registry.take_newcomers(START, old),
        CallOutcome::Replaced(Conflict(Box::new(coordinator(2, 6))))
    );
}

#[test]
fn the_same_id_renews_and_its_epoch_never_goes_down() {
    let (mut registry, _) = registered_registry();
    let later = before(START + REGISTRATION_LEASE);
    registry
        .register_coordinator(later, coordinator(1, 8), HOUSE)
        .unwrap();
    registry
        .register_coordinator(later, coordinator(1, 3), HOUSE)
        .unwrap();
    assert_eq!(
        registry.coordinator(START + REGISTRATION_LEASE),
        Some(&coordinator(1, 8))
    );
    assert_eq!(registry.coordinator(later + REGISTRATION_LEASE), None);
}

#[test]
fn after_a_lapse_nobody_founds_for_a_while_but_a_coordinator_may_register() {
    let (mut registry, _) = registered_registry();
    let lapse = START + REGISTRATION_LEASE;
    assert_eq!(registry.ask(lapse, &newcomer(2)), Decision::Lapsed);
    assert_eq!(
        registry.ask(before(lapse + LAPSE_PAUSE), &newcomer(2)),
        Decision::Lapsed
    );
    assert_eq!(
        registry.ask(lapse + LAPSE_PAUSE, &newcomer(2)),
        founding(FOUNDING_LEASE)
    );

    let (mut registry, _) = registered_registry();
    registry
        .register_coordinator(lapse + MS, coordinator(3, 6), HOUSE)
        .unwrap();
    assert_eq!(
        registry.ask(lapse + MS, &newcomer(2)),
        join(coordinator(3, 6))
    );
    assert_eq!(registry.counts().lapses, 1);
}

#[test]
fn a_withdrawn_registration_leaves_no_lapse() {
    let (mut registry, call) = registered_registry();
    registry.ask(START, &newcomer(2));
    assert_eq!(
        registry.withdraw(START, id(2)),
        Err(Conflict(Box::new(coordinator(1, 5))))
    );
    assert_eq!(registry.withdraw(START, id(1)), Ok(()));
    assert_eq!(registry.take_newcomers(START, call), CallOutcome::Over);
    assert_eq!(registry.withdraw(START, id(1)), Ok(()));
    assert_eq!(registry.ask(START, &newcomer(3)), founding(FOUNDING_LEASE));
}

#[test]
fn a_lease_is_given_back_by_its_holder_alone() {
    let mut registry = Registry::new();
    registry.ask(START, &newcomer(1));
    registry.withdraw(START, id(2)).unwrap();
    assert!(matches!(
        registry.ask(START, &newcomer(2)),
        Decision::Wait { .. }
    ));
    registry.withdraw(START, id(1)).unwrap();
    assert_eq!(registry.ask(START, &newcomer(2)), founding(FOUNDING_LEASE));

    let (mut registry, _) = registered_registry();
    let lapse = START + REGISTRATION_LEASE;
    registry.withdraw(lapse, id(2)).unwrap();
    assert_eq!(registry.ask(lapse, &newcomer(2)), Decision::Lapsed);
    registry.withdraw(lapse, id(1)).unwrap();
    assert_eq!(registry.ask(lapse, &newcomer(2)), founding(FOUNDING_LEASE));
}

#[test]
fn each_newcomer_is_handed_over_once_to_the_latest_call() {
    let (mut registry, first) = registered_registry();
    assert_eq!(registry.take_newcomers(START, first), CallOutcome::Nobody);
    let second = registry
        .register_coordinator(START, coordinator(1, 5), HOUSE)
        .unwrap();
    registry.ask(START, &newcomer(2));
    registry.ask(START, &newcomer(3));
    registry.ask(START, &newcomer(2));
    assert_eq!(registry.take_newcomers(START, first), CallOutcome::Over);
    assert_eq!(
        registry.take_newcomers(START, second),
        CallOutcome::Newcomers(vec![newcomer(3), newcomer(2)])
    );
    assert_eq!(registry.take_newcomers(START, second), CallOutcome::Nobody);
}

#[test]
fn newcomers_wait_for_the_next_coordinator() {
    let (mut registry, _) = registered_registry();
    registry.ask(START, &newcomer(2));
    let call = registry
        .register_coordinator(START + REGISTRATION_LEASE, coordinator(3, 6), HOUSE)
        .unwrap();
    assert_eq!(
        registry.take_newcomers(START + REGISTRATION_LEASE, call),
        CallOutcome::Newcomers(vec![newcomer(2)])
    );
}

#[test]
fn the_coordinator_is_no_newcomer_to_itself() {
    let (mut registry, call) = registered_registry();
    assert_eq!(registry.ask(START, &newcomer(1)), join(coordinator(1, 5)));
    assert_eq!(registry.take_newcomers(START, call), CallOutcome::Nobody);
}

#[test]
fn the_oldest_of_too_many_newcomers_are_dropped() {
    let (mut registry, call) = registered_registry();
    let crowd: Vec<_> = (0..=NEWCOMERS as u16).map(|n| newcomer(n + 2)).collect();
    for one in &crowd {
        registry.ask(START, one);
    }
    assert_eq!(
        registry.take_newcomers(START, call),
        CallOutcome::Newcomers(crowd[1..].to_vec())
    );
    assert_eq!(registry.counts().newcomers_forgotten, 1);
}

#[test]
fn an_epoch_rises_only_so_far_within_a_lease() {
    let (mut registry, _) = registered_registry();
    let refused = Err(Conflict(Box::new(coordinator(1, 5))));
    for leap in [EPOCH_RISE + 1, 1 << 52, u64::MAX - 5] {
        let made_up = registry.register_coordinator(START, coordinator(2, 5 + leap), HOUSE);
        assert_eq!(made_up, refused);
    }
    let step = coordinator(3, 5 + EPOCH_RISE);
    registry
        .register_coordinator(START + MS, step.clone(), HOUSE)
        .unwrap();
    let next = registry.register_coordinator(START + MS, coordinator(4, 6 + EPOCH_RISE), HOUSE);
    assert_eq!(
        next,
        Err(Conflict(Box::new(step))),
        "not by many steps either"
    );
    let later = START + MS + before(REGISTRATION_LEASE);
    registry
        .register_coordinator(later, coordinator(3, 5 + EPOCH_RISE), HOUSE)
        .unwrap();
    let next = START + REGISTRATION_LEASE;
    registry
        .register_coordinator(next, coordinator(4, 6 + EPOCH_RISE), HOUSE)
        .unwrap();
}

#[test]
fn a_coordinators_own_epoch_rises_only_so_far_too() {
    let (mut registry, _) = registered_registry();
    registry
        .register_coordinator(START, coordinator(1, 1 << 52), HOUSE)
        .unwrap();
    let risen = coordinator(1, 5 + EPOCH_RISE);
    assert_eq!(registry.coordinator(START), Some(&risen));
}

#[test]
fn rejected_and_replaced_coordinators_are_candidates_while_they_ask() {
    let (mut registry, _) = registered_registry();
    let _ = registry.register_coordinator(START + MS, coordinator(2, 5), HOUSE);
    let now = START + 2 * MS;
    registry
        .register_coordinator(now, coordinator(3, 6), HOUSE)
        .unwrap();
    let others = [coordinator(1, 5), coordinator(2, 5)];
    assert_eq!(
        registry.ask(now, &newcomer(9)),
        join_among(coordinator(3, 6), &others)
    );
    registry.withdraw(now, id(2)).unwrap_err();
    let found = registry.find_directions(now).unwrap();
    assert_eq!(found.candidates, [coordinator(1, 5)]);
    registry
        .register_coordinator(now, coordinator(1, 7), HOUSE)
        .unwrap();
    let found = registry.find_directions(now).unwrap();
    assert_eq!(found.candidates, [coordinator(3, 6)]);
}

#[test]
fn a_ring_of_one_is_over_when_its_founder_stops_renewing() {
    let (mut registry, _) = registered_registry();
    let lapse = START + REGISTRATION_LEASE;
    assert!(!registry.is_over(before(lapse)));
    assert!(registry.is_over(lapse));
    let (mut registry, _) = registered_registry();
    registry.ask(START, &newcomer(2));
    assert!(!registry.is_over(lapse), "others may go on");
    assert!(registry.is_over(lapse + LAPSE_PAUSE));
}

#[test]
fn a_newcomer_without_a_dialable_address_is_not_announced() {
    let (mut registry, call) = registered_registry();
    let placement = registry.register_node(START, id(2), None, true);
    assert_eq!(placement, join(coordinator(1, 5)));
    assert_eq!(registry.take_newcomers(START, call), CallOutcome::Nobody);
}

//! Tests of the discussions under virtual time.

use ringtalk_wire::{Epoch, PublicKey};

use super::*;
use crate::registry::{FOUNDING_LEASE, LAPSE_PAUSE, REGISTRATION_LEASE};

const START: Duration = STARTUP_GRACE;

fn id(n: usize) -> DiscussionId {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&n.to_be_bytes());
    DiscussionId::of(&PublicKey(key))
}

fn household(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn request(byte: u8, may_found: bool) -> NodeRequest<'static> {
    NodeRequest {
        newcomer: NodeId::from_bytes([byte; 16]),
        dialable_newcomer: None,
        may_found,
        household: household(byte),
    }
}

fn coordinator(byte: u8) -> Coordinator {
    let id = NodeId::from_bytes([byte; 16]);
    Coordinator {
        id,
        internal_address: "10.0.0.1:4000".parse().unwrap(),
        public_address: None,
        other_addresses: Vec::new(),
        doors: Vec::new(),
        epoch: Epoch {
            number: 1,
            coordinator: id,
        },
    }
}

#[test]
fn discussions_do_not_see_each_other() {
    let mut all = Discussions::default();
    for (byte, discussion) in [(1, None), (2, Some(id(1))), (3, Some(id(2)))] {
        all.register_coordinator(START, discussion, coordinator(byte), household(byte))
            .unwrap();
    }
    for (byte, discussion) in [(1, None), (2, Some(id(1))), (3, Some(id(2)))] {
        let found = all.register_node(START, discussion, &request(9, false));
        let directions = Directions {
            coordinator: coordinator(byte),
            candidates: Vec::new(),
            member: false,
            carries: false,
        };
        assert_eq!(found, Ok(Decision::Join(directions)));
    }
    assert_eq!(all.counts().registrations, 3);
}

#[test]
fn a_discussion_is_founded_only_with_permission_and_forgotten_after_its_end() {
    let mut all = Discussions::default();
    let discussion = Some(id(1));
    let ask = |all: &mut Discussions, now, may_found| {
        all.register_node(now, discussion, &request(1, may_found))
    };
    assert!(matches!(
        ask(&mut all, Duration::ZERO, false),
        Ok(Decision::Wait { .. })
    ));
    assert_eq!(ask(&mut all, START, false), Ok(Decision::Unknown));
    assert_eq!(all.private_count(), 0, "a question leaves no trace");
    let lease = FOUNDING_LEASE;
    assert_eq!(ask(&mut all, START, true), Ok(Decision::Found { lease }));
    all.register_coordinator(START, discussion, coordinator(1), household(1))
        .unwrap();
    all.register_node(START, discussion, &request(2, false))
        .unwrap();
    let over = START + REGISTRATION_LEASE;
    assert_eq!(ask(&mut all, over, false), Ok(Decision::Lapsed));
    let over = over + LAPSE_PAUSE;
    assert_eq!(ask(&mut all, over, false), Ok(Decision::Unknown));
    all.register_coordinator(over, Some(id(2)), coordinator(2), household(1))
        .unwrap();
    assert_eq!(all.private_count(), 1);
    assert_eq!(all.counts().registrations, 2);
}

/// Registers `count` discussions from a household, starting at the `first`-th. Returns how many are refused.
fn register_many(
    all: &mut Discussions,
    now: Duration,
    first: usize,
    count: usize,
    from: u8,
) -> usize {
    let register = |n| all.register_coordinator(now, Some(id(n)), coordinator(1), household(from));
    let refused = (first..first + count).map(register);
    refused.filter(Result::is_err).count()
}

/// Returns how many discussions of a household are known.
fn count_of_household(all: &Discussions, from: u8) -> usize {
    let theirs = all.private.values();
    theirs
        .filter(|one| one.household == household(from))
        .count()
}

#[test]
fn room_is_bounded_and_free_again_when_leases_run_out() {
    let mut all = Discussions::default();
    for n in 0..PRIVATE_ON_PROBATION {
        all.register_node(START, Some(id(n)), &request(1, true))
            .unwrap();
    }
    assert_eq!(
        register_many(&mut all, START, PRIVATE_ON_PROBATION, 1, 1),
        1,
        "its share is all of it"
    );
    let again = all.register_node(START, Some(id(0)), &request(1, true));
    assert!(again.is_ok());
    let later = START + FOUNDING_LEASE;
    assert_eq!(
        register_many(&mut all, later, PRIVATE_ON_PROBATION, 1, 1),
        0
    );
    assert_eq!(all.private_count(), 1);
}

#[test]
fn two_households_keep_no_other_out() {
    let mut all = Discussions::default();
    register_many(&mut all, START, 0, PRIVATE_ON_PROBATION, 1);
    register_many(
        &mut all,
        START,
        PRIVATE_ON_PROBATION,
        PRIVATE_ON_PROBATION,
        2,
    );
    assert_eq!(count_of_household(&all, 1), PRIVATE_ON_PROBATION / 2);
    for from in 3..13 {
        let first = 10_000 * usize::from(from);
        assert_eq!(
            register_many(&mut all, START, first, 100, from),
            0,
            "{from}"
        );
    }
    let last = START + REGISTRATION_LEASE / 2;
    assert_eq!(
        register_many(&mut all, last, 1_000_000, PRIVATE_ON_PROBATION, 1),
        PRIVATE_ON_PROBATION,
        "its own share is used"
    );
    assert!((3..13).all(|from| count_of_household(&all, from) == 100));
    assert_eq!(all.private_count(), PRIVATE_ON_PROBATION);
}

#[test]
fn a_rush_of_new_discussions_ends_none_that_has_lasted() {
    let mut all = Discussions::default();
    let mut now = START;
    while now < START + PROBATION {
        assert_eq!(
            register_many(
                &mut all,
                now,
                0,
                PRIVATE_DISCUSSIONS - PRIVATE_ON_PROBATION,
                1
            ),
            0
        );
        now += REGISTRATION_LEASE / 2;
    }
    for from in 2..=255 {
        let first = 10_000 * usize::from(from);
        register_many(&mut all, now, first, 100, from);
    }
    assert_eq!(
        count_of_household(&all, 1),
        PRIVATE_DISCUSSIONS - PRIVATE_ON_PROBATION
    );
    assert_eq!(all.private_count(), PRIVATE_DISCUSSIONS);
}

#[test]
fn a_discussion_that_never_admitted_anyone_is_forgotten_when_its_founder_stops_renewing() {
    let mut all = Discussions::default();
    let discussion = Some(id(1));
    all.register_coordinator(START, discussion, coordinator(1), household(1))
        .unwrap();
    let over = START + REGISTRATION_LEASE;
    let decision = all.register_node(over, discussion, &request(2, false));
    assert_eq!(decision, Ok(Decision::Unknown));
    assert_eq!(all.private_count(), 0);
    assert_eq!(all.counts().lapses, 1);
}

//! Intervals against a plain set of keys: no key is given to two children, and none is lost.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use ringtalk_wire::{Direction, Interval, ItemId, ItemKind, NodeId, RingKey};

use super::{Extension, RingPart, Spreading};

/// Returns keys on both sides of where they wrap round, and far away.
fn key() -> impl Strategy<Value = RingKey> {
    prop_oneof![
        4 => 0_u128..12,
        4 => u128::MAX - 11..=u128::MAX,
        1 => (u128::MAX / 2 - 6)..(u128::MAX / 2 + 6),
    ]
    .prop_map(RingKey)
}

/// Returns all keys that matter here.
fn keys() -> impl Iterator<Item = RingKey> {
    let far = u128::MAX / 2 - 7..=u128::MAX / 2 + 7;
    let around = (0..14).chain(far).chain(u128::MAX - 13..=u128::MAX);
    around.map(RingKey)
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![
        Just(Direction::Clockwise),
        Just(Direction::Counterclockwise)
    ]
}

fn part() -> impl Strategy<Value = RingPart> {
    (key(), key(), direction()).prop_map(|(after, limit, direction)| RingPart {
        after,
        interval: Interval {
            direction,
            limit,
            layout: 0,
        },
    })
}

proptest! {
    #[test]
    fn children_share_a_part_without_a_gap_or_an_overlap(
        part in part(),
        members in btree_set(0_usize..keys().count(), 1..8),
    ) {
        let keys: Vec<RingKey> = keys().collect();
        let mut children: Vec<RingKey> = members.into_iter().map(|place| keys[place]).collect();
        children.retain(|child| part.contains(*child));
        children.sort_by_key(|child| part.distance(*child));
        let next = children.iter().skip(1).map(|next| part.up_to(*next));
        let intervals = next.chain([part.interval]);
        let parts: Vec<RingPart> = children
            .iter()
            .zip(intervals)
            .map(|(&after, interval)| RingPart { after, interval })
            .collect();
        let first = children.first().map(|child| part.distance(*child));
        for key in keys {
            let givers = parts.iter().filter(|part| part.contains(key)).count();
            let own = children.contains(&key);
            let beyond_first = first.is_some_and(|first| part.distance(key) > first);
            let expected = part.contains(key) && beyond_first && !own;
            prop_assert_eq!(givers, usize::from(expected), "key {:?}", key);
        }
    }

    #[test]
    fn a_second_interval_adds_only_its_new_keys(
        me in key(),
        direction in direction(),
        limits in vec(key(), 1..6),
    ) {
        let item = ItemId {
            kind: ItemKind::Bundle,
            origin: NodeId::from_bytes([1; 16]),
            number: 1,
        };
        let mut spreading = Spreading::default();
        let mut taken: BTreeSet<RingKey> = BTreeSet::new();
        for limit in limits {
            let interval = Interval { direction, limit, layout: 0 };
            let part = RingPart { after: me, interval };
            let within = |part: &RingPart| keys().filter(|key| part.contains(*key)).collect::<BTreeSet<_>>();
            let added = match spreading.take(item, &interval, me) {
                Extension::Nothing => BTreeSet::new(),
                Extension::Everything => within(&part),
                Extension::Beyond(after) => within(&RingPart { after, interval }),
            };
            let new: BTreeSet<RingKey> = within(&part).difference(&taken).copied().collect();
            prop_assert_eq!(&added, &new, "up to {:?}", limit);
            taken.extend(added);
        }
    }
}

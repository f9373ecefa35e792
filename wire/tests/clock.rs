//! Compares the vector clock with a plain map, for entries in any order.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use ringtalk_wire::{MessageId, NodeId, VectorClock};

/// Generates few authors and numbers, so that entries collide, and some of the greatest numbers.
fn message() -> impl Strategy<Value = MessageId> {
    let seq = prop_oneof![4 => 0_u64..6, 1 => u64::MAX - 1..=u64::MAX];
    (0_u8..5, seq).prop_map(|(author, seq)| MessageId {
        author: NodeId::from_bytes([author; 16]),
        seq,
    })
}

fn clock_of(entries: &[MessageId]) -> VectorClock {
    entries.iter().copied().collect()
}

/// Returns the last message of each author.
fn model_of(entries: &[MessageId]) -> BTreeMap<NodeId, u64> {
    let mut model = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.seq > 0) {
        let last = model.entry(entry.author).or_default();
        *last = entry.seq.max(*last);
    }
    model
}

proptest! {
    #[test]
    fn a_clock_knows_the_last_message_of_each_author(entries in vec(message(), 0..40)) {
        let (clock, model) = (clock_of(&entries), model_of(&entries));
        let told: BTreeMap<NodeId, u64> = clock.iter().map(|one| (one.author, one.seq)).collect();
        prop_assert_eq!(&told, &model);
        prop_assert_eq!(clock.len(), model.len());
        prop_assert_eq!(clock.is_empty(), model.is_empty());
    }

    #[test]
    fn a_message_is_covered_if_it_or_a_later_one_is_known(
        entries in vec(message(), 0..40),
        asked in message(),
    ) {
        let later = entries.iter().any(|one| one.author == asked.author && one.seq >= asked.seq);
        prop_assert_eq!(clock_of(&entries).covers(asked), later || asked.seq == 0);
    }

    #[test]
    fn the_order_of_the_entries_changes_nothing(
        (entries, shuffled) in vec(message(), 0..40)
            .prop_flat_map(|entries| (Just(entries.clone()), Just(entries).prop_shuffle()))
    ) {
        let (one, other) = (clock_of(&entries), clock_of(&shuffled));
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(one.hash(), other.hash());
    }

    #[test]
    fn clocks_have_one_hash_only_if_they_are_equal(
        one in vec(message(), 0..8),
        other in vec(message(), 0..8),
    ) {
        let (one, other) = (clock_of(&one), clock_of(&other));
        prop_assert_eq!(one == other, one.hash() == other.hash());
    }

    #[test]
    fn advancing_covers_the_message_and_takes_nothing_back(
        entries in vec(message(), 0..20),
        next in message(),
    ) {
        let before = clock_of(&entries);
        let mut after = before.clone();
        after.advance(next.author, next.seq);
        prop_assert!(after.covers(next));
        prop_assert!(before.iter().all(|one| after.covers(one)));
        let added: Vec<MessageId> = after.iter().filter(|one| !before.covers(*one)).collect();
        prop_assert!(added.iter().all(|one| *one == next));
    }
}

//! C5, everything arrives: once faults end, every live member has every message of an author that is live or left
//! properly, and of a dead author what any of them has. C6: no gap hides a loss.

use std::collections::BTreeSet;

use ringtalk_wire::{MessageId, NodeId, VectorClock};

use super::watermarks::Watermarks;
use super::{Check, Witness, ensure};

/// An author, and how many of its messages must have arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Author {
    pub(crate) id: NodeId,
    pub(crate) due: u64,
    /// Up to which of its messages a gap hides nothing: it said them before it left, and nobody else may have them.
    pub(crate) excused: u64,
}

/// Checks that everybody has what is due, and that all have the same.
pub(crate) fn check_everything_arrived(
    watermarks: &Watermarks,
    witnesses: &[Witness],
    authors: &[Author],
    whole: bool,
) -> Check {
    let Some(first) = witnesses.first() else {
        return Ok(());
    };
    for &Author {
        id: author,
        due,
        excused,
    } in authors
    {
        let here = watermarks.of(first.id, author);
        for &Witness { id, .. } in witnesses {
            let reached = watermarks.of(id, author);
            ensure(reached >= due, "C5", || {
                format!("{id:?} has {reached} of the {due} messages of {author:?}")
            })?;
            ensure(reached == here, "C5", || {
                let first = first.id;
                format!("{id:?} has {reached} messages of {author:?}, {first:?} has {here}")
            })?;
            ensure(
                !(whole && watermarks.has_passed_gap_beyond(id, author, excused)),
                "C6",
                || format!("{id:?} shows a gap in {author:?}, though nothing had to be forgotten"),
            )?;
        }
    }
    Ok(())
}

/// Checks that all nodes have followed these authors equally far, whatever the authors sent.
pub(crate) fn check_all_have_the_same(
    watermarks: &Watermarks,
    witnesses: &[Witness],
    authors: &[Author],
) -> Check {
    for Author { id: author, .. } in authors {
        let reached: BTreeSet<u64> = witnesses
            .iter()
            .map(|one| watermarks.of(one.id, *author))
            .collect();
        ensure(reached.len() <= 1, "C5", || {
            format!("members have followed {author:?}, a liar, up to {reached:?}")
        })?;
    }
    Ok(())
}

/// C6: checks that a node that still holds messages back has shown a gap.
pub(crate) fn check_no_silent_loss(gaps: &BTreeSet<NodeId>, witnesses: &[Witness]) -> Check {
    for Witness { id, held, .. } in witnesses {
        ensure(*held == 0 || gaps.contains(id), "C6", || {
            format!("{id:?} holds {held} messages back, and has shown no gap")
        })?;
    }
    Ok(())
}

/// Checks that the clock that a node shows is that of what it has delivered; it may omit made-up authors.
pub(crate) fn check_clocks(
    watermarks: &Watermarks,
    witnesses: &[Witness],
    distrusts: impl Fn(&NodeId) -> bool,
) -> Check {
    for Witness { id, clock, .. } in witnesses {
        let counts = |entry: &MessageId| !distrusts(&entry.author) || clock.get(&entry.author) > 0;
        let true_clock: VectorClock = watermarks.of_node(*id).filter(counts).collect();
        let silent = clock.iter().find(|entry| !true_clock.covers(*entry));
        ensure(silent.is_none(), "C6", || {
            format!(
                "the clock of {id:?} has passed {silent:?}, but neither a message nor a gap was shown"
            )
        })?;
        ensure(*clock == true_clock, "clock", || {
            let differs = |entry: &MessageId| clock.get(&entry.author) != entry.seq;
            let differing: Vec<MessageId> = true_clock.iter().filter(differs).collect();
            format!("the clock of {id:?} is {clock:?}, but {differing:?} are delivered")
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, message, ring, violated};

    fn author(byte: u8, due: u64) -> Author {
        Author {
            id: id(byte),
            due,
            excused: 0,
        }
    }

    /// Returns watermarks by which both nodes have two messages of 7, and only 0 has one of 8.
    fn delivered() -> Watermarks {
        let mut watermarks = Watermarks::default();
        for node in 0..2 {
            watermarks.advance(id(node), message(7, 1));
            watermarks.advance(id(node), message(7, 2));
        }
        watermarks.advance(id(0), message(8, 1));
        watermarks
    }

    #[test]
    fn a_missing_message_that_is_due_is_detected() {
        let check = |due| check_everything_arrived(&delivered(), &ring(2), &[author(7, due)], true);
        assert_eq!(check(2), Ok(()));
        assert_eq!(violated(check(3)), Some("C5"));
    }

    #[test]
    fn a_message_of_the_dead_at_one_node_only_is_detected() {
        let check = check_everything_arrived(&delivered(), &ring(2), &[author(8, 0)], true);
        assert_eq!(violated(check), Some("C5"));
    }

    #[test]
    fn a_gap_is_detected_if_nothing_had_to_be_forgotten() {
        let mut watermarks = delivered();
        watermarks.pass_gap(id(1), id(8), 1, 1);
        let check = |whole| check_everything_arrived(&watermarks, &ring(2), &[author(8, 1)], whole);
        assert_eq!(check(false), Ok(()));
        assert_eq!(violated(check(true)), Some("C6"));
        let excused = Author {
            excused: 1,
            ..author(8, 1)
        };
        let check = check_everything_arrived(&watermarks, &ring(2), &[excused], true);
        assert_eq!(check, Ok(()));
    }

    #[test]
    fn a_message_that_is_held_back_without_a_gap_is_detected() {
        let mut witnesses = ring(2);
        let check = |witnesses: &[Witness], shown: &[NodeId]| {
            let gaps = shown.iter().copied().collect();
            violated(check_no_silent_loss(&gaps, witnesses))
        };
        assert_eq!(check(&witnesses, &[]), None);
        witnesses[1].held = 1;
        assert_eq!(check(&witnesses, &[id(0)]), Some("C6"));
        assert_eq!(check(&witnesses, &[id(1)]), None);
    }

    #[test]
    fn a_clock_that_covers_more_or_less_than_was_delivered_is_detected() {
        let mut witnesses = ring(1);
        let check =
            |witnesses: &[Witness]| violated(check_clocks(&delivered(), witnesses, |_| false));
        witnesses[0].clock = [message(7, 2), message(8, 1)].into_iter().collect();
        assert_eq!(check(&witnesses), None);
        witnesses[0].clock.advance(id(9), 1);
        assert_eq!(check(&witnesses), Some("C6"));
        witnesses[0].clock = [message(7, 2)].into_iter().collect();
        assert_eq!(check(&witnesses), Some("clock"));
    }
}

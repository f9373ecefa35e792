//! C7, same transcript: members with the same messages show them in the same order, by (Lamport time, author,
//! number). That order agrees with what happened before what.

use std::collections::{BTreeMap, BTreeSet};

use ringtalk_wire::{MessageId, NodeId};

use super::{Check, Witness, ensure};

/// The Lamport time of each message, as its author showed it.
#[derive(Debug, Default)]
pub(crate) struct LamportTimes {
    times: BTreeMap<MessageId, u64>,
    latest: BTreeMap<NodeId, u64>,
}

impl LamportTimes {
    /// Forgets what a node has delivered, because it has left the ring.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.latest.remove(&node);
    }

    /// Checks the Lamport time of a message that a node delivers; a liar's message may have any.
    pub(crate) fn check_delivery(
        &mut self,
        node: NodeId,
        message: MessageId,
        lamport: u64,
        liar: bool,
    ) -> Check {
        let latest = self.latest.entry(node).or_default();
        if liar {
            *latest = (*latest).max(lamport);
            return Ok(());
        }
        // An author that has come back may deliver its earlier messages again, as history.
        if node == message.author && !self.times.contains_key(&message) {
            let previous = MessageId {
                seq: message.seq.saturating_sub(1),
                ..message
            };
            let latest = self.times.get(&previous).max(Some(&*latest)).copied();
            ensure(Some(lamport) > latest, "C7", || {
                format!(
                    "{message:?} has the Lamport time {lamport}, but its author had delivered one of {latest:?}"
                )
            })?;
            self.times.insert(message, lamport);
        }
        *latest = (*latest).max(lamport);
        let first = self.times.get(&message).copied();
        ensure(first.is_none_or(|first| first == lamport), "C7", || {
            format!("{node:?} gives {message:?} the Lamport time {lamport}, its author {first:?}")
        })
    }
}

/// Checks that all transcripts agree where they overlap, and are equal if nothing had to be forgotten.
pub(crate) fn check_equal(witnesses: &[Witness], whole: bool) -> Check {
    let Some((first, others)) = witnesses.split_first() else {
        return Ok(());
    };
    for other in others {
        let same = if whole {
            first.transcript == other.transcript
        } else {
            common(first, other).eq(common(other, first))
        };
        ensure(same, "C7", || {
            let differ = first.transcript.iter().zip(&other.transcript);
            let position = differ.take_while(|(one, other)| one == other).count();
            format!(
                "the transcripts of {:?} ({}) and {:?} ({}) differ at position {position}: {:?} and {:?}",
                first.id,
                first.transcript.len(),
                other.id,
                other.transcript.len(),
                first.transcript.get(position),
                other.transcript.get(position),
            )
        })?;
    }
    Ok(())
}

/// Returns the messages that both have, in the order in which `one` shows them.
fn common<'a>(one: &'a Witness, other: &Witness) -> impl Iterator<Item = MessageId> + 'a {
    let has: BTreeSet<MessageId> = other.transcript.iter().copied().collect();
    let transcript = one.transcript.iter().copied();
    transcript.filter(move |message| has.contains(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, message, ring, violated};

    /// Returns the times after two nodes have delivered the same message with the same time.
    fn delivered_twice() -> LamportTimes {
        let mut lamport = LamportTimes::default();
        for node in [id(1), id(2)] {
            let delivery = lamport.check_delivery(node, message(1, 1), 4, false);
            assert_eq!(delivery, Ok(()));
        }
        lamport
    }

    #[test]
    fn the_words_of_an_author_that_comes_back_are_later_than_its_earlier_ones() {
        let mut lamport = delivered_twice();
        lamport.forget(id(1));
        let again = lamport.check_delivery(id(1), message(1, 1), 4, false);
        assert_eq!(again, Ok(()), "it is history now");
        lamport.forget(id(1));
        let next = |lamport: &mut LamportTimes, time| {
            violated(lamport.check_delivery(id(1), message(1, 2), time, false))
        };
        assert_eq!(next(&mut lamport, 4), Some("C7"));
        assert_eq!(next(&mut lamport, 5), None);
    }

    #[test]
    fn another_lamport_time_is_detected() {
        let mut lamport = delivered_twice();
        let other = lamport.check_delivery(id(3), message(1, 1), 5, false);
        assert_eq!(violated(other), Some("C7"));
    }

    #[test]
    fn an_answer_that_is_not_later_is_detected() {
        let mut lamport = delivered_twice();
        let answer = lamport.check_delivery(id(2), message(2, 1), 4, false);
        assert_eq!(violated(answer), Some("C7"));
    }

    #[test]
    fn a_liar_may_give_its_message_two_lamport_times_and_an_answer_is_later() {
        let mut lamport = LamportTimes::default();
        assert_eq!(
            lamport.check_delivery(id(2), message(1, 1), 4, true),
            Ok(())
        );
        assert_eq!(
            lamport.check_delivery(id(3), message(1, 1), 9, true),
            Ok(())
        );
        let answer = lamport.check_delivery(id(3), message(3, 1), 5, false);
        assert_eq!(violated(answer), Some("C7"));
    }

    #[test]
    fn another_order_is_detected_and_a_later_beginning_is_fine() {
        let mut witnesses = ring(2);
        witnesses[0].transcript = vec![message(1, 1), message(2, 1), message(1, 2)];
        witnesses[1].transcript = vec![message(2, 1), message(1, 2)];
        assert_eq!(check_equal(&witnesses, false), Ok(()));
        assert_eq!(violated(check_equal(&witnesses, true)), Some("C7"));
        witnesses[1].transcript.reverse();
        assert_eq!(violated(check_equal(&witnesses, false)), Some("C7"));
    }
}

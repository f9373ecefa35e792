//! Acknowledgements: an author is told of no member that has not delivered its messages.
//!
//! Not here: that the messages reach everybody who is due (`arrival`).

use std::collections::BTreeMap;

use ringtalk_wire::{MessageId, NodeId};

use super::watermarks::Watermarks;
use super::{Check, ensure};

/// How many nodes have delivered each message, and of how many its author was told.
#[derive(Debug, Default)]
pub(crate) struct Acknowledgements {
    delivered: BTreeMap<MessageId, u64>,
    acked: BTreeMap<MessageId, u64>,
}

impl Acknowledgements {
    /// Records that a node delivers a message; authors count too.
    pub(crate) fn record_delivery(&mut self, message: MessageId) {
        *self.delivered.entry(message).or_default() += 1;
    }

    /// Checks what an author is told: that `members` members have delivered its messages from `first` to `last`. A
    /// newcomer counts whose clock began beyond them.
    pub(crate) fn check_ack(
        &mut self,
        watermarks: &Watermarks,
        first: u64,
        last: MessageId,
        members: u64,
    ) -> Check {
        for seq in first..=last.seq {
            let message = MessageId { seq, ..last };
            let delivered = self.delivered.get(&message).copied().unwrap_or_default();
            let holds = members <= delivered || members <= watermarks.count_of(message);
            ensure(holds, "ack", || {
                format!(
                    "{message:?} is acknowledged by {members} nodes, but {delivered} have delivered it"
                )
            })?;
            self.acked.insert(message, members);
        }
        Ok(())
    }

    /// Checks that each author was told of everybody who has delivered its messages, as if nothing went wrong on
    /// their way.
    pub(crate) fn check_complete(&self) -> Check {
        for (message, &delivered) in &self.delivered {
            let acked = self.acked.get(message).copied().unwrap_or_default();
            ensure(acked == delivered, "ack", || {
                format!(
                    "{delivered} nodes have delivered {message:?}, but its author was told of {acked}"
                )
            })?;
        }
        Ok(())
    }
}

/// How often each bundle reached each node, on the way that intervals prescribe.
#[derive(Debug, Default)]
pub(crate) struct PayloadCounts {
    seen: BTreeMap<(NodeId, MessageId), u64>,
}

impl PayloadCounts {
    /// Records that a bundle reaches a node.
    pub(crate) fn record(&mut self, node: NodeId, first: MessageId) {
        *self.seen.entry((node, first)).or_default() += 1;
    }

    /// Checks that at most `permille` of 1,000 payloads reached a node that had received or written them before.
    pub(crate) fn check_duplicates(&self, permille: u64) -> Check {
        let all: u64 = self.seen.values().sum();
        let duplicate = |(&(node, first), &times): (&(NodeId, MessageId), &u64)| {
            if node == first.author {
                times
            } else {
                times - 1
            }
        };
        let duplicates: u64 = self.seen.iter().map(duplicate).sum();
        ensure(duplicates * 1_000 <= all * permille, "payload", || {
            format!("{duplicates} of {all} payloads reached nodes that had them")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, message, violated};

    #[test]
    fn an_ack_of_too_many_is_detected_and_a_missing_one_in_the_end_too() {
        let (mut acks, none) = (Acknowledgements::default(), Watermarks::default());
        for _ in 0..2 {
            acks.record_delivery(message(1, 1));
        }
        assert_eq!(
            violated(acks.check_ack(&none, 1, message(1, 1), 3)),
            Some("ack")
        );
        assert_eq!(acks.check_ack(&none, 1, message(1, 1), 2), Ok(()));
        assert_eq!(acks.check_complete(), Ok(()));
        acks.record_delivery(message(1, 1));
        assert_eq!(violated(acks.check_complete()), Some("ack"));
    }

    #[test]
    fn a_second_payload_is_detected_and_one_at_its_author_too() {
        let mut counts = PayloadCounts::default();
        counts.record(id(2), message(1, 1));
        counts.record(id(3), message(1, 1));
        assert_eq!(counts.check_duplicates(0), Ok(()));
        counts.record(id(2), message(1, 1));
        assert_eq!(violated(counts.check_duplicates(300)), Some("payload"));
        assert_eq!(counts.check_duplicates(334), Ok(()));
        let mut home = PayloadCounts::default();
        home.record(id(1), message(1, 2));
        assert_eq!(violated(home.check_duplicates(0)), Some("payload"));
    }
}

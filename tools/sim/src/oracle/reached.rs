//! Acknowledgements: an author is told of no member that has not delivered its messages.
//!
//! Not here: that the messages reach everybody who is due (`arrival`).

use std::collections::BTreeMap;

use ringtalk_wire::{MessageId, NodeId};

use super::{Check, ensure};

/// How many nodes have delivered each message, and of how many its author was told.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    delivered: BTreeMap<MessageId, u64>,
    told: BTreeMap<MessageId, u64>,
}

impl Reached {
    /// Records that a node delivers a message; authors count too.
    pub(crate) fn delivered(&mut self, message: MessageId) {
        *self.delivered.entry(message).or_default() += 1;
    }

    /// Checks what an author is told: that `members` members have delivered its messages from `first` to `last`.
    pub(crate) fn told(&mut self, first: u64, last: MessageId, members: u64) -> Check {
        for seq in first..=last.seq {
            let message = MessageId { seq, ..last };
            let delivered = self.delivered.get(&message).copied().unwrap_or_default();
            ensure(members <= delivered, "ack", || {
                format!(
                    "{message:?} is said to have reached {members}, and has reached {delivered}"
                )
            })?;
            self.told.insert(message, members);
        }
        Ok(())
    }

    /// Checks that each author was told of everybody who has delivered its messages, as if nothing went wrong on
    /// their way.
    pub(crate) fn all_was_told(&self) -> Check {
        for (message, &delivered) in &self.delivered {
            let told = self.told.get(message).copied().unwrap_or_default();
            ensure(told == delivered, "ack", || {
                format!("{message:?} has reached {delivered}, its author was told of {told}")
            })?;
        }
        Ok(())
    }
}

/// How often each bundle reached each node, on the way that intervals prescribe.
#[derive(Debug, Default)]
pub(crate) struct Passages {
    seen: BTreeMap<(NodeId, MessageId), u64>,
}

impl Passages {
    /// Records that a bundle reaches a node.
    pub(crate) fn came(&mut self, node: NodeId, first: MessageId) {
        *self.seen.entry((node, first)).or_default() += 1;
    }

    /// Checks that at most `permille` of 1,000 payloads reached a node that had received or written them before.
    pub(crate) fn few_came_again(&self, permille: u64) -> Check {
        let all: u64 = self.seen.values().sum();
        let needless = |(&(node, first), &times): (&(NodeId, MessageId), &u64)| {
            if node == first.author {
                times
            } else {
                times - 1
            }
        };
        let again: u64 = self.seen.iter().map(needless).sum();
        ensure(again * 1_000 <= all * permille, "payload", || {
            format!("{again} of {all} payloads came to nodes that had them")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, message, violated};

    #[test]
    fn more_than_have_it_is_seen_and_less_in_the_end_too() {
        let mut reached = Reached::default();
        for _ in 0..2 {
            reached.delivered(message(1, 1));
        }
        assert_eq!(violated(reached.told(1, message(1, 1), 3)), Some("ack"));
        assert_eq!(reached.told(1, message(1, 1), 2), Ok(()));
        assert_eq!(reached.all_was_told(), Ok(()));
        reached.delivered(message(1, 1));
        assert_eq!(violated(reached.all_was_told()), Some("ack"));
    }

    #[test]
    fn a_second_payload_is_seen_and_one_at_its_author_too() {
        let mut passages = Passages::default();
        passages.came(id(2), message(1, 1));
        passages.came(id(3), message(1, 1));
        assert_eq!(passages.few_came_again(0), Ok(()));
        passages.came(id(2), message(1, 1));
        assert_eq!(violated(passages.few_came_again(300)), Some("payload"));
        assert_eq!(passages.few_came_again(334), Ok(()));
        let mut home = Passages::default();
        home.came(id(1), message(1, 2));
        assert_eq!(violated(home.few_came_again(0)), Some("payload"));
    }
}

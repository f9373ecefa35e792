//! What an author is told of its messages' way: nobody is counted who has not delivered them.
//!
//! Not here: that all who are due get them (`arrival`).

use std::collections::BTreeMap;

use ringtalk_wire::{MessageId, NodeId};

use super::{Check, ensure};

/// How many nodes have delivered each message, and how many its author was told of.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    delivered: BTreeMap<MessageId, u64>,
    told: BTreeMap<MessageId, u64>,
}

impl Reached {
    /// A node delivers a message; its author too.
    pub(crate) fn delivered(&mut self, message: MessageId) {
        *self.delivered.entry(message).or_default() += 1;
    }

    /// An author is told that so many members have delivered the messages up to this one.
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

    /// Each author was told of everybody who has delivered its messages: nothing went wrong on
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

/// How often each bundle came to each node, by the way that intervals prescribe.
#[derive(Debug, Default)]
pub(crate) struct Passages {
    seen: BTreeMap<(NodeId, MessageId), u64>,
}

impl Passages {
    /// A bundle comes to a node.
    pub(crate) fn came(&mut self, node: NodeId, first: MessageId) {
        *self.seen.entry((node, first)).or_default() += 1;
    }

    /// Of 1,000 payloads so many at most came to a node that had got them, or had written them.
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

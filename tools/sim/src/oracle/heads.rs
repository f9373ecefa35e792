//! C1, causal order, at a cost that large rings can afford: by the heads that messages carry.
//!
//! Once for each message, what its author had delivered is compared with what its heads lead to. Every other node
//! must have delivered the heads and so, one after the other, everything that they lead to. For rings that know the
//! whole discussion this is the same as `causal`, which compares each delivery with the whole past.

use std::collections::BTreeMap;

use ringtalk_wire::{MessageId, NodeId};

use super::watermarks::{Past, Watermarks, raise};
use super::{Check, ensure};

/// The past of each message, as its heads lead to it.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    pasts: BTreeMap<MessageId, Past>,
}

impl Heads {
    /// Records that a node delivers a message; the author does so first. A message without heads depends on the
    /// previous one of its author.
    pub(crate) fn check_delivery(
        &mut self,
        watermarks: &Watermarks,
        node: NodeId,
        message: MessageId,
        heads: Option<&[MessageId]>,
    ) -> Check {
        let heads = heads.unwrap_or_default();
        if node == message.author {
            return self.check_heads(watermarks, message, heads);
        }
        for head in heads {
            let reached = watermarks.of(node, head.author);
            ensure(reached >= head.seq, "C1", || {
                format!(
                    "{node:?} delivers {message:?}, but {head:?} happened before it, and the node has only {reached} of that author"
                )
            })?;
        }
        Ok(())
    }

    /// Checks that the heads of a message lead to everything that its author had delivered.
    fn check_heads(
        &mut self,
        watermarks: &Watermarks,
        message: MessageId,
        heads: &[MessageId],
    ) -> Check {
        let author = message.author;
        let seq = message.seq - 1;
        let previous = (seq > 0).then_some(MessageId { author, seq });
        let mut past = Past::new();
        for &before in heads.iter().chain(&previous) {
            raise(&mut past, before.author, before.seq);
            for (&author, &seq) in self.pasts.get(&before).into_iter().flatten() {
                raise(&mut past, author, seq);
            }
        }
        for known in watermarks.of_node(author) {
            let leads = past.get(&known.author).copied().unwrap_or(0);
            ensure(leads >= known.seq, "C1", || {
                format!(
                    "the heads of {message:?} do not lead to {known:?}, which its author had delivered"
                )
            })?;
        }
        self.pasts.insert(message, past);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, message, violated};

    #[derive(Default)]
    struct Bench {
        watermarks: Watermarks,
        heads: Heads,
    }

    impl Bench {
        fn deliver(&mut self, node: u8, message: MessageId, heads: &[MessageId]) -> Check {
            let heads = Some(heads);
            let check = self
                .heads
                .check_delivery(&self.watermarks, id(node), message, heads);
            self.watermarks.advance(id(node), message);
            check
        }
    }

    /// Returns a bench in which 2 has answered a question of 1.
    fn question_and_answer() -> Bench {
        let mut bench = Bench::default();
        let question = message(1, 1);
        assert_eq!(bench.deliver(1, question, &[]), Ok(()));
        assert_eq!(bench.deliver(2, question, &[]), Ok(()));
        assert_eq!(bench.deliver(2, message(2, 1), &[question]), Ok(()));
        bench
    }

    #[test]
    fn an_answer_after_its_question_passes_and_one_before_it_is_detected() {
        let mut bench = question_and_answer();
        let early = bench.deliver(3, message(2, 1), &[message(1, 1)]);
        assert_eq!(violated(early), Some("C1"));
        let mut bench = question_and_answer();
        assert_eq!(bench.deliver(3, message(1, 1), &[]), Ok(()));
        let due = bench.deliver(3, message(2, 1), &[message(1, 1)]);
        assert_eq!(due, Ok(()));
        let heads = [message(2, 1)];
        assert_eq!(
            bench.deliver(3, message(3, 1), &heads),
            Ok(()),
            "the question is behind the answer"
        );
    }

    #[test]
    fn incomplete_heads_are_detected() {
        let mut bench = question_and_answer();
        assert_eq!(bench.deliver(3, message(1, 1), &[]), Ok(()));
        let check = bench.deliver(3, message(3, 1), &[]);
        assert_eq!(violated(check), Some("C1"));
    }
}

//! C1, causal order: if m1 happened before m2, no node delivers m2 first, nor m2 while m1 is due and missing.
//!
//! A node is excused if nothing waits there for an author whose name it did not learn in time (`PROTOCOL.md` §4.3).
//! That covers the author's messages, and everything that only they would have led to. Events that happened before a
//! message is what its author had delivered when the author's own node showed it, and what had happened before
//! that. The oracle believes no clock and no head that travelled.

use std::collections::BTreeMap;

use ringtalk_wire::{MessageId, NodeId, VectorClock};

use super::watermarks::{Past, Watermarks, raise};
use super::{Check, ensure};

/// The relation "happened before".
#[derive(Debug, Default)]
pub(crate) struct CausalOrder {
    knows: BTreeMap<NodeId, Past>,
    pasts: BTreeMap<MessageId, Past>,
    /// For each node, the last message of each author for which it did not wait.
    excused: BTreeMap<NodeId, Past>,
    /// The last message of each author before it last left the ring.
    said_before: Past,
}

impl CausalOrder {
    /// Checks the start of a node's clock: it covers everything that happened before the messages that it covers.
    pub(crate) fn check_start(&mut self, node: NodeId, base: &VectorClock) -> Check {
        for MessageId { author, seq } in base.iter() {
            raise(self.knows.entry(node).or_default(), author, seq);
            // An author that has come back passes over what it said before and nobody gives it. So the clock may cover
            // that, and not what happened before it; this node shows none of it.
            if self
                .said_before
                .get(&author)
                .is_some_and(|said| seq <= *said)
            {
                continue;
            }
            let message = MessageId { author, seq };
            for (&author, &seq) in self.pasts.get(&message).into_iter().flatten() {
                let before = MessageId { author, seq };
                ensure(base.covers(before), "C1", || {
                    format!(
                        "the clock of {node:?} starts after {message:?}, but before {before:?}, which happened earlier"
                    )
                })?;
            }
        }
        Ok(())
    }

    /// Forgets what a node knows, because it has left the ring after so many messages of its own.
    pub(crate) fn forget(&mut self, node: NodeId, said: u64) {
        self.knows.remove(&node);
        self.excused.remove(&node);
        self.said_before.insert(node, said);
    }

    /// Checks a message that a node delivers with these heads; at its author, defines its past. `waits` tells for
    /// which authors' messages the node waits at that time.
    pub(crate) fn check_delivery(
        &mut self,
        watermarks: &Watermarks,
        node: NodeId,
        message: MessageId,
        heads: &[MessageId],
        waits: impl Fn(&NodeId) -> bool,
    ) -> Check {
        let excused = self.excused.entry(node).or_default();
        for head in heads
            .iter()
            .filter(|head| node != message.author && !waits(&head.author))
        {
            if watermarks.of(node, head.author) < head.seq {
                raise(excused, head.author, head.seq);
                for (&author, &seq) in self.pasts.get(head).into_iter().flatten() {
                    raise(excused, author, seq);
                }
            }
        }
        let known = self.knows.entry(node).or_default();
        // An author that has come back may deliver its earlier messages again, as history.
        if node == message.author && !self.pasts.contains_key(&message) {
            self.pasts.insert(message, known.clone());
            known.insert(node, message.seq);
            return Ok(());
        }
        let past = self.pasts.get(&message);
        ensure(past.is_some(), "C1", || {
            format!("{node:?} delivers {message:?} before its author has shown it")
        })?;
        for (&author, &seq) in past.into_iter().flatten() {
            let reached = watermarks.of(node, author);
            let is_excused = excused.get(&author).is_some_and(|excused| *excused >= seq);
            let here = author == message.author || reached >= seq || is_excused;
            ensure(here, "C1", || {
                let missing = MessageId { author, seq };
                format!(
                    "{node:?} delivers {message:?}, but {missing:?} happened before it, and the node has only {reached} of that author"
                )
            })?;
            raise(known, author, seq);
        }
        for head in heads.iter().filter(|head| waits(&head.author)) {
            let here =
                head.author == message.author || watermarks.of(node, head.author) >= head.seq;
            ensure(here, "C1", || {
                format!(
                    "{node:?} delivers {message:?} before its head {head:?}, for which it waits"
                )
            })?;
        }
        raise(known, message.author, message.seq);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, message, violated};

    struct Bench {
        watermarks: Watermarks,
        causal: CausalOrder,
    }

    impl Bench {
        fn deliver(&mut self, node: u8, message: MessageId) -> Check {
            self.deliver_without(node, message, &[], &[])
        }

        fn deliver_without(
            &mut self,
            node: u8,
            message: MessageId,
            heads: &[MessageId],
            nameless: &[u8],
        ) -> Check {
            let waits = |author: &NodeId| nameless.iter().all(|byte| *author != id(*byte));
            let watermarks = &self.watermarks;
            let check = self
                .causal
                .check_delivery(watermarks, id(node), message, heads, waits);
            self.watermarks.advance(id(node), message);
            check
        }
    }

    fn bench() -> Bench {
        Bench {
            watermarks: Watermarks::default(),
            causal: CausalOrder::default(),
        }
    }

    /// Returns a bench in which 2 has delivered a message of 1 and answered it.
    fn question_and_answer() -> Bench {
        let mut bench = bench();
        for (node, message) in [(1, message(1, 1)), (2, message(1, 1)), (2, message(2, 1))] {
            assert_eq!(bench.deliver(node, message), Ok(()));
        }
        bench
    }

    #[test]
    fn an_answer_after_its_question_is_fine() {
        let mut bench = question_and_answer();
        assert_eq!(bench.deliver(3, message(1, 1)), Ok(()));
        assert_eq!(bench.deliver(3, message(2, 1)), Ok(()));
    }

    #[test]
    fn an_answer_before_its_question_is_detected() {
        let mut bench = question_and_answer();
        assert_eq!(violated(bench.deliver(3, message(2, 1))), Some("C1"));
    }

    #[test]
    fn a_message_that_a_node_does_not_wait_for_is_excused_there_with_its_past() {
        let mut bench = question_and_answer();
        for (node, message) in [(6, message(1, 1)), (6, message(2, 1)), (6, message(6, 1))] {
            assert_eq!(bench.deliver(node, message), Ok(()));
        }
        let [question, answer, third] = [message(1, 1), message(2, 1), message(6, 1)];
        let other = bench.deliver_without(3, third, &[answer], &[1]);
        assert_eq!(violated(other), Some("C1"), "the head is waited for");
        assert_eq!(bench.deliver_without(4, third, &[answer], &[2]), Ok(()));
        let heads = [question, answer];
        let other = bench.deliver_without(5, third, &heads, &[2]);
        assert_eq!(violated(other), Some("C1"), "one of the heads is");
        assert_eq!(violated(bench.deliver(7, third)), Some("C1"));
    }

    #[test]
    fn the_past_of_the_past_counts() {
        let mut bench = question_and_answer();
        // 4 starts after the question, so it has never delivered it; its remark follows the question all the same.
        let base = [message(1, 1)].into_iter().collect();
        bench.watermarks.start_at(id(4), &base);
        assert_eq!(bench.deliver(4, message(2, 1)), Ok(()));
        assert_eq!(bench.deliver(4, message(4, 1)), Ok(()));
        bench.watermarks.advance(id(3), message(2, 1));
        assert_eq!(violated(bench.deliver(3, message(4, 1))), Some("C1"));
    }

    #[test]
    fn a_start_that_is_not_causally_closed_is_detected() {
        let mut bench = question_and_answer();
        let base = |messages: &[MessageId]| messages.iter().copied().collect();
        let whole = base(&[message(1, 1), message(2, 1)]);
        assert_eq!(bench.causal.check_start(id(3), &whole), Ok(()));
        let open = base(&[message(2, 1)]);
        assert_eq!(violated(bench.causal.check_start(id(4), &open)), Some("C1"));
    }

    #[test]
    fn a_start_need_not_cover_the_past_of_words_from_an_earlier_stay() {
        let mut bench = question_and_answer();
        let base = |seq| [message(2, seq)].into_iter().collect();
        assert_eq!(
            violated(bench.causal.check_start(id(4), &base(1))),
            Some("C1")
        );
        bench.causal.forget(id(2), 1);
        assert_eq!(bench.causal.check_start(id(4), &base(1)), Ok(()));
        // It is back, has the question again, and says more.
        assert_eq!(bench.deliver(2, message(1, 1)), Ok(()));
        assert_eq!(bench.deliver(2, message(2, 2)), Ok(()));
        assert_eq!(
            violated(bench.causal.check_start(id(5), &base(2))),
            Some("C1")
        );
    }

    #[test]
    fn a_message_before_its_author_is_detected() {
        assert_eq!(violated(bench().deliver(3, message(1, 1))), Some("C1"));
    }
}

//! Marks: an author is never told that everyone has its messages while it is alone, and at rest it was told so of all
//! its messages.
//!
//! Not here: how many members it is told of (`acks`). Not checked: whether a mark comes too early. A newcomer that
//! the author's view does not list yet may acknowledge in the place of a member that lacks the message.

use std::collections::BTreeMap;
use std::sync::Arc;

use ringtalk_proto::View;
use ringtalk_wire::{MessageId, NodeId};

use super::watermarks::Watermarks;
use super::{Check, Witness, ensure};

/// Each node's view, and up to which of its own messages it was told that everyone has them.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    views: BTreeMap<NodeId, Arc<View>>,
    complete: BTreeMap<NodeId, u64>,
}

impl Marks {
    /// Records the view of a node.
    pub(crate) fn record_view(&mut self, node: NodeId, view: &Arc<View>) {
        self.views.insert(node, Arc::clone(view));
    }

    /// Returns the view of a node.
    pub(crate) fn view_of(&self, node: NodeId) -> Option<&Arc<View>> {
        self.views.get(&node)
    }

    /// Forgets the view of a node, because it has left the ring.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.views.remove(&node);
    }

    /// Records that an author is told that all members of its view have its messages up to this one, and checks that
    /// there is another one. It may be told again.
    pub(crate) fn record_complete(&mut self, last: MessageId) -> Check {
        let author = last.author;
        let complete = self.complete.entry(author).or_default();
        if last.seq <= *complete {
            return Ok(());
        }
        *complete = last.seq;
        let view = self.views.get(&author);
        ensure(view.is_some_and(|view| view.len() > 1), "mark", || {
            format!("everyone has {last:?}, its author is told, but nobody else is there")
        })
    }

    /// Checks that authors who are not alone were told of everyone. Nobody is told of messages said in an earlier stay,
    /// which `said_before` counts.
    pub(crate) fn check_at_rest(
        &self,
        watermarks: &Watermarks,
        witnesses: &[Witness],
        said_before: impl Fn(NodeId) -> u64,
        is_liar: impl Fn(NodeId) -> bool,
    ) -> Check {
        let accompanied = witnesses
            .iter()
            .filter(|witness| witness.members.len() > 1)
            .filter(|witness| !witness.members.iter().any(|&id| is_liar(id)));
        for witness in accompanied {
            let id = witness.id;
            let said = watermarks.of(id, id);
            let complete = self.complete.get(&id).copied().unwrap_or_default();
            ensure(complete >= said || said <= said_before(id), "mark", || {
                format!(
                    "everyone has the {said} messages of {id:?}, but it was told so of {complete}"
                )
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, message, ring, violated};

    const fn honest(_: NodeId) -> bool {
        false
    }

    #[test]
    fn a_mark_for_nobody_is_detected() {
        let mut marks = Marks::default();
        let check = marks.record_complete(message(1, 1));
        assert_eq!(violated(check), Some("mark"));
    }

    #[test]
    fn a_mark_that_never_comes_is_detected() {
        let (mut marks, mut watermarks) = (Marks::default(), Watermarks::default());
        let witnesses = ring(2);
        watermarks.advance(id(0), message(0, 1));
        let check = marks.check_at_rest(&watermarks, &witnesses, |_| 0, honest);
        assert_eq!(violated(check), Some("mark"));
        let excused = marks.check_at_rest(&watermarks, &witnesses, |_| 0, |one| one == id(1));
        assert_eq!(excused, Ok(()), "a liar may say that it has nothing");
        let earlier = marks.check_at_rest(&watermarks, &witnesses, |_| 1, honest);
        assert_eq!(earlier, Ok(()), "it was said in an earlier stay");
        let alone = marks.check_at_rest(&watermarks, &ring(1), |_| 0, honest);
        assert_eq!(alone, Ok(()));
        marks.complete.insert(id(0), 1);
        let check = marks.check_at_rest(&watermarks, &witnesses, |_| 0, honest);
        assert_eq!(check, Ok(()));
    }
}

//! C4, no creation: every delivered message was sent, unchanged, by the author that it names.

use std::collections::{BTreeMap, BTreeSet};

use ringtalk_proto::Delivered;
use ringtalk_wire::NodeId;

use super::{Check, ensure};

/// What every user has sent, in order.
#[derive(Debug, Default)]
pub(crate) struct Creation {
    said: BTreeMap<NodeId, Vec<(String, u64)>>,
    liars: BTreeSet<NodeId>,
    lies: bool,
}

impl Creation {
    /// Records that a user sends a message.
    pub(crate) fn said(&mut self, author: NodeId, text: &str, timestamp_ms: u64) {
        let said = self.said.entry(author).or_default();
        said.push((text.to_owned(), timestamp_ms));
    }

    /// Marks an author as a liar: nobody can tell what it sent.
    pub(crate) fn distrust(&mut self, author: NodeId) {
        self.liars.insert(author);
    }

    /// Returns true if somebody lies.
    pub(crate) fn has_liars(&self) -> bool {
        self.lies || !self.liars.is_empty()
    }

    /// Records that somebody lies, about others.
    pub(crate) const fn lies(&mut self) {
        self.lies = true;
    }

    /// Returns true if nobody can tell what an author sent.
    pub(crate) fn is_liar(&self, author: NodeId) -> bool {
        self.liars.contains(&author)
    }

    /// Returns how many messages a user has sent.
    pub(crate) fn said_by(&self, author: NodeId) -> u64 {
        self.said.get(&author).map_or(0, Vec::len) as u64
    }

    /// Returns how many messages all users have sent.
    pub(crate) fn total(&self) -> u64 {
        self.said.values().map(|said| said.len() as u64).sum()
    }

    /// Checks a message that a node delivers.
    pub(crate) fn delivered(&self, node: NodeId, message: &Delivered) -> Check {
        if self.is_liar(message.id.author) {
            return Ok(());
        }
        let said = self.said.get(&message.id.author);
        let place = message.id.seq.checked_sub(1);
        let said = said
            .zip(place)
            .and_then(|(said, place)| said.get(place as usize));
        let same =
            |(text, at): &(String, u64)| message.text == *text && *at == message.timestamp_ms;
        ensure(said.is_some_and(same), "C4", || {
            let id = message.id;
            match said {
                Some((text, _)) => {
                    format!(
                        "{node:?} delivers {id:?} as {:?}, but {text:?} was said",
                        message.text
                    )
                }
                None => format!("{node:?} delivers {id:?}, which nobody has said"),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, message, violated};

    fn delivered(seq: u64, text: &str) -> Delivered {
        Delivered {
            id: message(1, seq),
            name: "".into(),
            timestamp_ms: 5,
            text: text.into(),
            lamport: 1,
            heads: None,
            history: false,
        }
    }

    #[test]
    fn what_was_said_is_fine_and_nothing_else() {
        let mut creation = Creation::default();
        creation.said(id(1), "hello", 5);
        let check = |message| violated(creation.delivered(id(2), &message));
        assert_eq!(check(delivered(1, "hello")), None);
        assert_eq!(check(delivered(1, "hullo")), Some("C4"));
        assert_eq!(check(delivered(2, "hello")), Some("C4"));
        assert_eq!(check(delivered(0, "hello")), Some("C4"));
    }
}

//! C4, no creation: every delivered message was sent, unchanged, by the author that it names.

use std::collections::{BTreeMap, BTreeSet};

use ringtalk_proto::Delivered;
use ringtalk_wire::NodeId;

use super::{Check, ensure};

/// The messages of every user, in order.
#[derive(Debug, Default)]
pub(crate) struct Creation {
    sent: BTreeMap<NodeId, Vec<(String, u64)>>,
    liars: BTreeSet<NodeId>,
    others_lie: bool,
}

impl Creation {
    /// Records that a user sends a message.
    pub(crate) fn record_sent(&mut self, author: NodeId, text: &str, timestamp_ms: u64) {
        let sent = self.sent.entry(author).or_default();
        sent.push((text.to_owned(), timestamp_ms));
    }

    /// Marks an author as a liar: nobody can tell what it sent.
    pub(crate) fn distrust(&mut self, author: NodeId) {
        self.liars.insert(author);
    }

    /// Returns true if somebody lies.
    pub(crate) fn has_lies(&self) -> bool {
        self.others_lie || !self.liars.is_empty()
    }

    /// Returns true if somebody tells members different things.
    pub(crate) fn has_liars(&self) -> bool {
        !self.liars.is_empty()
    }

    /// Records that somebody lies, about others.
    pub(crate) const fn record_lie(&mut self) {
        self.others_lie = true;
    }

    /// Returns true if nobody can tell what an author sent.
    pub(crate) fn is_liar(&self, author: NodeId) -> bool {
        self.liars.contains(&author)
    }

    /// Returns how many messages a user has sent.
    pub(crate) fn sent_count(&self, author: NodeId) -> u64 {
        self.sent.get(&author).map_or(0, Vec::len) as u64
    }

    /// Returns how many messages all users have sent.
    pub(crate) fn total_sent(&self) -> u64 {
        self.sent.values().map(|sent| sent.len() as u64).sum()
    }

    /// Returns what the author of a message sent under its number.
    fn sent_as(&self, message: &Delivered) -> Option<&(String, u64)> {
        let sent = self.sent.get(&message.id.author)?;
        sent.get(message.id.seq.checked_sub(1)? as usize)
    }

    /// Returns true if a message was sent by the author that it names, unchanged.
    pub(crate) fn was_sent(&self, message: &Delivered) -> bool {
        let sent = self.sent_as(message);
        sent.is_some_and(|(text, at)| message.text == *text && *at == message.timestamp_ms)
    }

    /// Checks a message that a node delivers.
    pub(crate) fn check_delivery(&self, node: NodeId, message: &Delivered) -> Check {
        if self.is_liar(message.id.author) {
            return Ok(());
        }
        ensure(self.was_sent(message), "C4", || {
            let id = message.id;
            match self.sent_as(message) {
                Some((text, _)) => {
                    format!(
                        "{node:?} delivers {id:?} as {:?}, but {text:?} was sent",
                        message.text
                    )
                }
                None => format!("{node:?} delivers {id:?}, which its author never sent"),
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
    fn only_messages_as_they_were_sent_pass() {
        let mut creation = Creation::default();
        creation.record_sent(id(1), "hello", 5);
        let check = |message| violated(creation.check_delivery(id(2), &message));
        assert_eq!(check(delivered(1, "hello")), None);
        assert_eq!(check(delivered(1, "hullo")), Some("C4"));
        assert_eq!(check(delivered(2, "hello")), Some("C4"));
        assert_eq!(check(delivered(0, "hello")), Some("C4"));
    }
}

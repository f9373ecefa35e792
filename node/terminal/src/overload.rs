//! An overload: an author sends more than is read here, and does not slow down as others do.
//!
//! The face then leaves out some messages of that author, and reports them as missing, instead of losing messages of
//! everybody. Not here: the load of a queue (`written`, `screen`), and the backpressure on authors (the core).

use std::collections::BTreeMap;

use ringtalk_session::{NodeId, RingId};

/// The share above which an author is withheld while the queue is nearly full: one part in this many of all bytes that
/// were sent since the queue began to fill.
const SHARE_DIVISOR: u64 = 16;
/// The number of bytes that a message counts besides its text.
const MESSAGE_BYTES: u64 = 256;
/// The common id of all authors who are not in the view: they count as one.
const UNLISTED: NodeId = NodeId::from_bytes([0; 16]);

/// Messages of one author in a room that were not shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct WithheldMessages {
    pub(crate) room: RingId,
    pub(crate) author: NodeId,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// The number of bytes that each author has sent since the queue began to fill.
#[derive(Debug, Default)]
pub(crate) struct Overload {
    bytes_by_author: BTreeMap<NodeId, u64>,
    total_bytes: u64,
    /// True while the queue is filling.
    is_counting: bool,
    /// True from when the queue is nearly full until it has drained.
    is_throttling: bool,
    withheld: BTreeMap<(RingId, NodeId), WithheldMessages>,
}

impl Overload {
    /// Updates the state with the load of a queue and its maximum. Returns what was not shown, once it has drained.
    pub(crate) fn update(&mut self, waiting: u64, limit: u64) -> Vec<WithheldMessages> {
        self.is_counting = waiting > limit / 8;
        if !self.is_counting {
            return self.end();
        }
        self.is_throttling |= waiting > limit / 4 * 3;
        Vec::new()
    }

    /// Ends the overload, also when the node leaves. Returns the messages that were not shown.
    pub(crate) fn end(&mut self) -> Vec<WithheldMessages> {
        let before = std::mem::take(self);
        before.withheld.into_values().collect()
    }

    /// Returns true if these messages, or the notice that they are missing, should be shown.
    pub(crate) fn admits(
        &mut self,
        messages: WithheldMessages,
        is_listed: bool,
        text: usize,
    ) -> bool {
        if !self.is_counting {
            return true;
        }
        let bytes = text as u64 + MESSAGE_BYTES;
        let author = messages.author;
        let author_bytes = self
            .bytes_by_author
            .entry(if is_listed { author } else { UNLISTED });
        let author_bytes = author_bytes.or_default();
        *author_bytes += bytes;
        self.total_bytes += bytes;
        if let Some(withheld) = self.withheld.get_mut(&(messages.room, author)) {
            withheld.to = messages.to;
            return false;
        }
        let is_shown = !self.is_throttling || *author_bytes * SHARE_DIVISOR <= self.total_bytes;
        if !is_shown {
            self.withheld.insert((messages.room, author), messages);
        }
        is_shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 800;

    fn admits_message(overload: &mut Overload, author: u8, seq: u64) -> bool {
        overload.admits(message(author, seq), true, 0)
    }

    fn message(author: u8, seq: u64) -> WithheldMessages {
        WithheldMessages {
            room: RingId::from_bytes([0; 16]),
            author: NodeId::from_bytes([author; 16]),
            from: seq,
            to: seq,
        }
    }

    #[test]
    fn the_most_active_author_is_withheld_until_the_queue_drains() {
        let mut overload = Overload::default();
        assert_eq!(overload.update(101, LIMIT), []);
        for seq in 1..=100 {
            assert!(admits_message(&mut overload, 1, seq), "there is room");
        }
        assert_eq!(overload.update(601, LIMIT), []);
        assert!(admits_message(&mut overload, 2, 1), "others are heard");
        assert!(!admits_message(&mut overload, 1, 101));
        assert_eq!(overload.update(101, LIMIT), []);
        assert!(!admits_message(&mut overload, 1, 102), "much waits still");
        let [withheld] = overload.update(100, LIMIT)[..] else {
            panic!("one author was withheld");
        };
        assert_eq!((withheld.from, withheld.to), (101, 102));
        assert_eq!(overload.update(100, LIMIT), []);
        assert!(admits_message(&mut overload, 1, 103));
    }

    #[test]
    fn withheld_messages_are_reported_when_the_node_leaves() {
        let mut overload = Overload::default();
        overload.update(601, LIMIT);
        let gap = WithheldMessages {
            from: 3,
            ..message(1, 6)
        };
        assert!(!overload.admits(gap, true, 0));
        assert!(!admits_message(&mut overload, 1, 7));
        let all = WithheldMessages { to: 7, ..gap };
        assert_eq!(overload.end(), [all]);
        assert_eq!(overload.end(), []);
    }

    #[test]
    fn many_short_messages_are_shown_beside_few_long_ones() {
        let mut overload = Overload::default();
        overload.update(601, LIMIT);
        for seq in 1..=10 {
            overload.admits(message(1, seq), true, 16_000);
        }
        let shown = (1..=30).filter(|&seq| admits_message(&mut overload, 2, seq));
        assert_eq!(shown.count(), 30, "many short ones take less");
    }

    #[test]
    fn unlisted_authors_count_as_one() {
        let mut overload = Overload::default();
        overload.update(601, LIMIT);
        let shown = (1..=100_u8).filter(|&author| overload.admits(message(author, 1), false, 0));
        assert_eq!(shown.count(), 0);
        assert!(admits_message(&mut overload, 101, 1));
    }
}

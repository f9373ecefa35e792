//! A rush: an author sends more than is read here, and does not slow down as others do.
//!
//! The face then leaves out some messages of that author, and reports them as missing, instead of losing messages of
//! everybody. Not here: the load of a queue (`written`, `screen`), and the backpressure on authors (the core).

use std::collections::BTreeMap;

use ringtalk_session::NodeId;

/// The share above which an author is withheld while the queue is nearly full: one part in this many of all bytes that
/// were sent since the queue began to fill.
const PART: u64 = 16;
/// The number of bytes that a message counts besides its text.
const MESSAGE: u64 = 256;
/// The common id of all authors who are not in the view: they count as one.
const UNLISTED: NodeId = NodeId::from_bytes([0; 16]);

/// Messages of one author that were not shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Withheld {
    pub(crate) author: NodeId,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// The number of bytes that each author has sent since the queue began to fill.
#[derive(Debug, Default)]
pub(crate) struct Rush {
    said: BTreeMap<NodeId, u64>,
    all: u64,
    /// True while the queue is filling.
    counts: bool,
    /// True from when the queue is nearly full until it has drained.
    narrow: bool,
    withheld: BTreeMap<NodeId, Withheld>,
}

impl Rush {
    /// Updates the rush with the load of a queue and its maximum. Returns what was not shown, once it has drained.
    pub(crate) fn look(&mut self, waiting: u64, most: u64) -> Vec<Withheld> {
        self.counts = waiting > most / 8;
        if !self.counts {
            return self.end();
        }
        self.narrow |= waiting > most / 4 * 3;
        Vec::new()
    }

    /// Ends the rush, also when the node leaves. Returns the messages that were not shown.
    pub(crate) fn end(&mut self) -> Vec<Withheld> {
        let before = std::mem::take(self);
        before.withheld.into_values().collect()
    }

    /// Returns true if these messages, or the notice that they are missing, should be shown.
    pub(crate) fn takes(&mut self, messages: Withheld, is_listed: bool, text: usize) -> bool {
        if !self.counts {
            return true;
        }
        let bytes = text as u64 + MESSAGE;
        let author = messages.author;
        let said = self.said.entry(if is_listed { author } else { UNLISTED });
        let said = said.or_default();
        *said += bytes;
        self.all += bytes;
        if let Some(withheld) = self.withheld.get_mut(&author) {
            withheld.to = messages.to;
            return false;
        }
        let is_shown = !self.narrow || *said * PART <= self.all;
        if !is_shown {
            self.withheld.insert(author, messages);
        }
        is_shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 800;

    fn says(rush: &mut Rush, author: u8, seq: u64) -> bool {
        rush.takes(message(author, seq), true, 0)
    }

    fn message(author: u8, seq: u64) -> Withheld {
        Withheld {
            author: NodeId::from_bytes([author; 16]),
            from: seq,
            to: seq,
        }
    }

    #[test]
    fn who_says_most_is_withheld_until_little_waits() {
        let mut rush = Rush::default();
        assert_eq!(rush.look(101, MOST), []);
        for seq in 1..=100 {
            assert!(says(&mut rush, 1, seq), "there is room");
        }
        assert_eq!(rush.look(601, MOST), []);
        assert!(says(&mut rush, 2, 1), "others are heard");
        assert!(!says(&mut rush, 1, 101));
        assert_eq!(rush.look(101, MOST), []);
        assert!(!says(&mut rush, 1, 102), "much waits still");
        let [withheld] = rush.look(100, MOST)[..] else {
            panic!("one author was withheld");
        };
        assert_eq!((withheld.from, withheld.to), (101, 102));
        assert_eq!(rush.look(100, MOST), []);
        assert!(says(&mut rush, 1, 103));
    }

    #[test]
    fn what_was_not_shown_is_told_when_the_node_leaves() {
        let mut rush = Rush::default();
        rush.look(601, MOST);
        let gap = Withheld {
            from: 3,
            ..message(1, 6)
        };
        assert!(!rush.takes(gap, true, 0));
        assert!(!says(&mut rush, 1, 7));
        let all = Withheld { to: 7, ..gap };
        assert_eq!(rush.end(), [all]);
        assert_eq!(rush.end(), []);
    }

    #[test]
    fn who_says_little_at_length_is_not_heard_less_than_who_says_much() {
        let mut rush = Rush::default();
        rush.look(601, MOST);
        for seq in 1..=10 {
            rush.takes(message(1, seq), true, 16_000);
        }
        let shown = (1..=30).filter(|&seq| says(&mut rush, 2, seq));
        assert_eq!(shown.count(), 30, "many short ones take less");
    }

    #[test]
    fn whoever_makes_up_authors_is_one() {
        let mut rush = Rush::default();
        rush.look(601, MOST);
        let shown = (1..=100_u8).filter(|&author| rush.takes(message(author, 1), false, 0));
        assert_eq!(shown.count(), 0);
        assert!(says(&mut rush, 101, 1));
    }
}

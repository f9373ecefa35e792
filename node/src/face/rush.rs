//! A rush: somebody says more than whoever reads here can read, and does not wait as others do. Then the reader misses some
//! of that author, and is told of it, instead of all that anybody says.
//!
//! Not here: how much waits (`written`, `screen`), and how authors are asked to wait (the core).

use std::collections::BTreeMap;

use ringtalk_wire::{MessageId, NodeId};

/// Whose messages are withheld: those of whoever has said more than this part of all, since much waits.
const PART: u64 = 16;
/// Authors whom no view lists are one.
const UNLISTED: NodeId = NodeId::from_bytes([0; 16]);

/// Messages of an author that were not shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Withheld {
    pub(crate) author: NodeId,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// Who has said how much since much waits.
#[derive(Debug, Default)]
pub(super) struct Rush {
    said: BTreeMap<NodeId, u64>,
    all: u64,
    /// True while much waits.
    counts: bool,
    /// True while so much waits that not everybody is shown.
    narrow: bool,
    withheld: BTreeMap<NodeId, Withheld>,
}

impl Rush {
    /// So much waits, of what may; gives what was not shown, once little waits again.
    pub(super) fn look(&mut self, waiting: u64, most: u64) -> Vec<Withheld> {
        self.counts = waiting > most / 8;
        self.narrow = self.counts && (self.narrow || waiting > most / 4 * 3);
        if self.counts || self.all == 0 {
            return Vec::new();
        }
        let before = std::mem::take(self);
        before.withheld.into_values().collect()
    }

    /// True if a message is to be shown.
    pub(super) fn takes(&mut self, message: MessageId, is_listed: bool) -> bool {
        if !self.counts {
            return true;
        }
        let MessageId { author, seq } = message;
        let said = self.said.entry(if is_listed { author } else { UNLISTED });
        let said = said.or_default();
        if let Some(withheld) = self.withheld.get_mut(&author) {
            withheld.to = seq;
            return false;
        }
        *said += 1;
        self.all += 1;
        let is_shown = !self.narrow || *said * PART <= self.all;
        if !is_shown {
            let withheld = Withheld {
                author,
                from: seq,
                to: seq,
            };
            self.withheld.insert(author, withheld);
        }
        is_shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 800;

    fn says(rush: &mut Rush, author: u8, seq: u64) -> bool {
        let author = NodeId::from_bytes([author; 16]);
        rush.takes(MessageId { author, seq }, true)
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
    fn whoever_makes_up_authors_is_one() {
        let mut rush = Rush::default();
        rush.look(601, MOST);
        let shown = (1..=100_u8).filter(|&author| {
            let author = NodeId::from_bytes([author; 16]);
            rush.takes(MessageId { author, seq: 1 }, false)
        });
        assert_eq!(shown.count(), 0);
        assert!(says(&mut rush, 101, 1));
    }
}

//! A rush: somebody says more than whoever reads here can read, and does not wait as others do. Then the reader misses some
//! of that author, and is told of it, instead of all that anybody says.
//!
//! Not here: how much waits (`written`, `screen`), and how authors are asked to wait (the core).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ringtalk_wire::{MessageId, NodeId};

/// While the queue is nearly full, an author is withheld whose messages were more than this part of all, by their bytes, since
/// it began to fill.
const PART: u64 = 16;
/// What a message takes beside its text.
const MESSAGE: u64 = 256;
/// A reader that has read nothing for so long has stopped: nothing is withheld from it, and the queue fills up.
const STOPPED: Duration = Duration::from_secs(5);
/// Authors whom no view lists are one.
const UNLISTED: NodeId = NodeId::from_bytes([0; 16]);

/// Messages of an author that were not shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Withheld {
    pub(crate) author: NodeId,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// How much whoever reads has left to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backlog {
    pub(super) waiting: u64,
    /// How much may wait.
    pub(super) most: u64,
    /// How much was read so far.
    pub(super) read: u64,
}

/// Who has said how much since much waits.
#[derive(Debug, Default)]
pub(super) struct Rush {
    /// How much was read when more was found to be read last, and when that was.
    progress: Option<(u64, Instant)>,
    said: BTreeMap<NodeId, u64>,
    all: u64,
    /// True while much waits.
    counts: bool,
    /// True while so much waits that not everybody is shown.
    narrow: bool,
    withheld: BTreeMap<NodeId, Withheld>,
}

impl Rush {
    /// So much waits; gives what was not shown, once little waits again.
    pub(super) fn look(&mut self, now: Instant, backlog: Backlog) -> Vec<Withheld> {
        let Backlog {
            waiting,
            most,
            read,
        } = backlog;
        self.counts = waiting > most / 8;
        if !self.counts {
            let before = std::mem::take(self);
            return before.withheld.into_values().collect();
        }
        let (before, since) = *self.progress.get_or_insert((read, now));
        if read > before {
            self.progress = Some((read, now));
        }
        let reads_on = read > before || now - since < STOPPED;
        self.narrow = reads_on && (self.narrow || waiting > most / 4 * 3);
        Vec::new()
    }

    /// True if a message is to be shown.
    pub(super) fn takes(&mut self, message: MessageId, is_listed: bool, text: usize) -> bool {
        if !self.counts {
            return true;
        }
        let bytes = text as u64 + MESSAGE;
        let MessageId { author, seq } = message;
        let said = self.said.entry(if is_listed { author } else { UNLISTED });
        let said = said.or_default();
        if let Some(withheld) = self.withheld.get_mut(&author) {
            withheld.to = seq;
            return false;
        }
        *said += bytes;
        self.all += bytes;
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

    fn waits(waiting: u64, read: u64) -> Backlog {
        Backlog {
            waiting,
            most: MOST,
            read,
        }
    }

    fn says(rush: &mut Rush, author: u8, seq: u64) -> bool {
        let author = NodeId::from_bytes([author; 16]);
        rush.takes(MessageId { author, seq }, true, 0)
    }

    #[test]
    fn who_says_most_is_withheld_until_little_waits() {
        let (mut rush, now) = (Rush::default(), Instant::now());
        assert_eq!(rush.look(now, waits(101, 0)), []);
        for seq in 1..=100 {
            assert!(says(&mut rush, 1, seq), "there is room");
        }
        assert_eq!(rush.look(now, waits(601, 1)), []);
        assert!(says(&mut rush, 2, 1), "others are heard");
        assert!(!says(&mut rush, 1, 101));
        assert_eq!(rush.look(now, waits(101, 2)), []);
        assert!(!says(&mut rush, 1, 102), "much waits still");
        let [withheld] = rush.look(now, waits(100, 3))[..] else {
            panic!("one author was withheld");
        };
        assert_eq!((withheld.from, withheld.to), (101, 102));
        assert_eq!(rush.look(now, waits(100, 4)), []);
        assert!(says(&mut rush, 1, 103));
    }

    #[test]
    fn who_says_little_at_length_is_not_heard_less_than_who_says_much() {
        let (mut rush, now) = (Rush::default(), Instant::now());
        rush.look(now, waits(601, 0));
        let author = NodeId::from_bytes([1; 16]);
        for seq in 1..=10 {
            rush.takes(MessageId { author, seq }, true, 16_000);
        }
        let shown = (1..=30).filter(|&seq| says(&mut rush, 2, seq));
        assert_eq!(shown.count(), 30, "many short ones take less");
    }

    #[test]
    fn nothing_is_withheld_from_a_reader_that_has_stopped() {
        let (mut rush, now) = (Rush::default(), Instant::now());
        rush.look(now, waits(601, 7));
        assert!(!says(&mut rush, 1, 1));
        rush.look(now + STOPPED, waits(601, 7));
        assert!(says(&mut rush, 2, 1));
        rush.look(now + STOPPED, waits(601, 8));
        assert!(!says(&mut rush, 3, 1), "it reads on");
    }

    #[test]
    fn whoever_makes_up_authors_is_one() {
        let mut rush = Rush::default();
        rush.look(Instant::now(), waits(601, 0));
        let shown = (1..=100_u8).filter(|&author| {
            let author = NodeId::from_bytes([author; 16]);
            rush.takes(MessageId { author, seq: 1 }, false, 0)
        });
        assert_eq!(shown.count(), 0);
        assert!(says(&mut rush, 101, 1));
    }
}

//! The count of the messages that a member has received, and whether it is complete.

use std::collections::{BTreeMap, BTreeSet};

use crate::order::Account;
use crate::text::{Said, now_ns};

/// The messages received in the current talk.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The members whose greetings have ever arrived.
    pub(crate) greeted: BTreeSet<u16>,
    talk: u16,
    /// The number of the next message, by author.
    next: BTreeMap<u16, u32>,
    heard: u64,
    odd: u64,
    due: u64,
    /// The number of messages of one author after which the runner is told, if it wants to know.
    told_after: Option<u64>,
    from_ns: u64,
    last_ns: u64,
    latencies: Option<Vec<u32>>,
    /// The messages of a talk that arrived before the order for it, with their times.
    early: Vec<(u64, Said)>,
}

impl Tally {
    /// Begins a talk in which `due` messages are to arrive. Returns what to tell the runner of the messages that have
    /// already arrived: their authors, with the number of messages.
    pub(crate) fn begin(
        &mut self,
        talk: u16,
        due: u64,
        told_after: Option<u64>,
        with_latencies: bool,
    ) -> Vec<(u16, u64)> {
        let now = now_ns();
        *self = Self {
            greeted: std::mem::take(&mut self.greeted),
            early: std::mem::take(&mut self.early),
            talk,
            due,
            told_after,
            from_ns: now,
            last_ns: now,
            latencies: with_latencies.then(Vec::new),
            ..Self::default()
        };
        for (at, said) in std::mem::take(&mut self.early) {
            self.count(at, said);
        }
        let heard = self.next.iter().filter(|_| self.told_after.is_some());
        heard
            .map(|(&author, &next)| (author, u64::from(next)))
            .collect()
    }

    /// Counts a message. Returns what to tell the runner: its author, and the number of messages.
    pub(crate) fn hear(&mut self, said: Said) -> Option<(u16, u64)> {
        if said.talk == 0 {
            self.greeted.insert(said.author);
            return None;
        }
        let now = now_ns();
        if said.talk > self.talk {
            self.early.push((now, said));
            return None;
        }
        if said.talk < self.talk {
            return None;
        }
        let before = self.next.get(&said.author).copied().map_or(0, u64::from);
        let messages = self.count(now, said);
        let told_after = self.told_after?;
        // If messages overtake each other, `messages` may skip a multiple of `told_after`.
        let tell = messages / told_after > before / told_after || self.is_complete();
        tell.then_some((said.author, messages))
    }

    fn count(&mut self, now: u64, said: Said) -> u64 {
        let next = self.next.entry(said.author).or_default();
        if said.number == *next {
            *next += 1;
        } else {
            self.odd += 1;
            *next = (*next).max(said.number + 1);
        }
        self.heard += 1;
        self.last_ns = now;
        if let Some(latencies) = &mut self.latencies {
            latencies.push((now.saturating_sub(said.at_ns) / 1_000) as u32);
        }
        u64::from(*next)
    }

    /// Returns true if everything has arrived.
    pub(crate) const fn is_complete(&self) -> bool {
        self.heard >= self.due
    }

    /// Returns the number of messages received so far.
    pub(crate) const fn heard(&self) -> u64 {
        self.heard
    }

    /// Returns the result of the talk.
    pub(crate) fn account(&mut self) -> Account {
        Account {
            from_ns: self.from_ns,
            to_ns: self.last_ns,
            heard: self.heard,
            odd: self.odd,
            due: self.due,
            latencies_us: self.latencies.take().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(number: u32) -> Said {
        Said {
            talk: 1,
            author: 7,
            number,
            at_ns: 0,
        }
    }

    #[test]
    fn what_is_overtaken_is_odd_and_the_runner_is_told_all_the_same() {
        let mut tally = Tally::default();
        tally.begin(1, 6, Some(3), false);
        let told: Vec<_> = [0, 1, 3, 2, 4, 5]
            .map(|number| tally.hear(said(number)))
            .into();
        assert_eq!(told, [None, None, Some((7, 4)), None, None, Some((7, 6))]);
        let account = tally.account();
        assert_eq!((account.heard, account.odd, account.lost()), (6, 2, 0));
    }

    #[test]
    fn what_comes_before_its_order_counts() {
        let mut tally = Tally::default();
        assert_eq!(tally.hear(said(0)), None);
        assert_eq!(tally.begin(1, 1, Some(1), false), [(7, 1)]);
        assert!(tally.is_complete());
    }
}

//! Bylines: the names under which authors spoke before they were renamed.
//!
//! A message is shown under the name that its author had then, also to those who join later. Not here: present names
//! (`view`), and the choice of a name (`names`).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use ringtalk_wire::{Byline, NodeId, VectorClock};

/// How many earlier names one author keeps: a member may change its name six times a minute.
const NAMES_PER_AUTHOR: usize = 16;
/// How many earlier names are kept in all. The rest of the history shows later names.
const NAMES: usize = 1_024;

/// The earlier names of authors.
#[derive(Debug, Default)]
pub(crate) struct Bylines {
    /// For each author, the last message under each earlier name.
    names: BTreeMap<NodeId, BTreeMap<u64, String>>,
    count: usize,
}

impl Bylines {
    /// Notes that an author said its messages up to `last`, as far as no earlier name covers them, under this name.
    pub(crate) fn note(&mut self, author: NodeId, last: u64, name: &str) {
        let names = self.names.get(&author);
        let newest = names.and_then(BTreeMap::last_key_value);
        let is_news = newest.map_or(last > 0, |(before, _)| *before < last);
        let has_room = names.map_or(0, BTreeMap::len) < NAMES_PER_AUTHOR && self.count < NAMES;
        if is_news && has_room {
            let names = self.names.entry(author).or_default();
            names.insert(last, String::from(name));
            self.count += 1;
        }
    }

    /// Returns the earlier name under which an author said a message.
    pub(crate) fn name_at(&self, author: &NodeId, seq: u64) -> Option<&str> {
        let names = self.names.get(author)?;
        let (_, name) = names.range(seq..).next()?;
        Some(name)
    }

    /// Returns the earlier names of messages after this clock, and forgets all others: nobody shows them any more.
    pub(crate) fn after(&mut self, base: &VectorClock) -> Vec<Byline> {
        self.names.retain(|author, names| {
            names.retain(|last, _| *last > base.get(author));
            !names.is_empty()
        });
        let bylines = self.names.iter().flat_map(|(&id, names)| {
            let names = names.iter();
            names.map(move |(&last, name)| Byline {
                id,
                last,
                name: name.clone(),
            })
        });
        let bylines: Vec<Byline> = bylines.collect();
        self.count = bylines.len();
        bylines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    #[test]
    fn a_message_has_the_name_that_its_author_had_then() {
        let mut bylines = Bylines::default();
        bylines.note(id(1), 0, "nobody");
        bylines.note(id(1), 3, "ann");
        bylines.note(id(1), 3, "anna");
        bylines.note(id(1), 5, "anne");
        let names = [1, 3, 4, 5].map(|seq| bylines.name_at(&id(1), seq));
        assert_eq!(
            names,
            [Some("ann"), Some("ann"), Some("anne"), Some("anne")]
        );
        assert_eq!(bylines.name_at(&id(1), 6), None, "the present name");
        assert_eq!(bylines.name_at(&id(2), 1), None);
    }

    #[test]
    fn names_of_messages_that_are_gone_are_forgotten() {
        let mut bylines = Bylines::default();
        bylines.note(id(1), 3, "ann");
        bylines.note(id(1), 5, "anne");
        bylines.note(id(2), 2, "bob");
        let mut base = VectorClock::new();
        base.advance(id(1), 3);
        base.advance(id(2), 9);
        let kept = bylines.after(&base);
        let kept: Vec<(u64, &str)> = kept.iter().map(|one| (one.last, &*one.name)).collect();
        assert_eq!(kept, [(5, "anne")]);
        assert_eq!((bylines.count, bylines.names.len()), (1, 1));
    }

    #[test]
    fn the_number_of_names_is_bounded() {
        let mut bylines = Bylines::default();
        for last in 1..=NAMES_PER_AUTHOR as u64 + 1 {
            bylines.note(id(1), last, "ann");
        }
        assert_eq!(bylines.count, NAMES_PER_AUTHOR);
        for author in 0..2 * NAMES as u128 {
            bylines.note(NodeId::from_bytes(author.to_be_bytes()), 1, "bob");
        }
        assert_eq!(bylines.count, NAMES);
        assert!(bylines.names.len() <= NAMES);
    }
}

//! Cuts: where the history begins and ends, as neighbours tell a newcomer.
//!
//! `PROTOCOL.md` §5.1. One neighbour's cut is compared with the others': a neighbour that lies about an author would
//! mute that author here for good. The messages in between come from all of them. Not here: how they are fetched
//! (`repair`).

use crate::config::LAMPORT_AHEAD;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use ringtalk_wire::limit::{AUTHORS, PAGE_ITEMS};
use ringtalk_wire::{Byline, Cut, MessageId, NodeId, Range, VectorClock};

/// How many peers may have been asked: two neighbours, the coordinator, and a few that had these roles before.
const MAX_DONORS: usize = 8;

/// How many earlier names of authors one cut may tell: twice what an honest one has.
const BYLINES: usize = 2_048;

/// How long a complete cut waits for the cuts of the others that were asked.
pub(crate) const WITNESS_WAIT: Duration = Duration::from_millis(100);

/// The cuts that were asked for, as far as they have arrived.
#[derive(Debug, Default)]
pub(crate) struct Cuts {
    asked: BTreeSet<NodeId>,
    received: BTreeMap<NodeId, PeerCut>,
    /// The peers that have sent all pages, in the order of completion.
    complete: Vec<NodeId>,
}

/// The cut of one peer.
#[derive(Debug, Default)]
struct PeerCut {
    base: VectorClock,
    clock: VectorClock,
    authors: BTreeMap<NodeId, String>,
    bylines: Vec<Byline>,
    lamport: u64,
}

/// The part of the first complete cut that the newcomer believes.
#[derive(Debug)]
pub(crate) struct AgreedCut {
    /// The peer that gave it.
    pub(crate) donor: NodeId,
    pub(crate) base: VectorClock,
    /// The last message to fetch of each author, and the peer to fetch from.
    pub(crate) to_fetch: Vec<(MessageId, NodeId)>,
    /// Messages that others had while they were still on their way to the donor, and the peers to ask for them. They
    /// passed this node's place in the ring before it was a member.
    pub(crate) ahead: Vec<(NodeId, Vec<Range>)>,
    /// Messages that another peer has too: this node is ready once it has them.
    pub(crate) certain: VectorClock,
    pub(crate) authors: BTreeMap<NodeId, String>,
    /// Earlier names of authors, which all cuts tell.
    pub(crate) bylines: Vec<Byline>,
    pub(crate) lamport: u64,
}

impl Cuts {
    /// Records that these peers are asked for their cuts.
    pub(crate) fn ask(&mut self, donors: &BTreeSet<NodeId>) {
        if self.asked.len() > MAX_DONORS {
            *self = Self::default();
        }
        self.asked.extend(donors);
    }

    /// Drops the pages of a peer, which will never be complete.
    pub(crate) fn forget(&mut self, peer: &NodeId) {
        self.received.remove(peer);
        self.complete.retain(|id| id != peer);
    }

    /// Takes a page; returns true if it completes the peer's cut.
    pub(crate) fn take(&mut self, peer: NodeId, cut: Cut) -> bool {
        if !self.asked.contains(&peer) || self.complete.contains(&peer) {
            return false;
        }
        let given = self.received.entry(peer).or_default();
        if given.clock.len().max(given.base.len()) + given.authors.len() > 2 * AUTHORS {
            return false;
        }
        for entry in cut.base {
            given.base.advance(entry.author, entry.seq);
        }
        for entry in cut.clock {
            given.clock.advance(entry.author, entry.seq);
        }
        for author in cut.authors {
            given.authors.insert(author.id, author.name);
        }
        let room = BYLINES.saturating_sub(given.bylines.len());
        given.bylines.extend(cut.bylines.into_iter().take(room));
        given.lamport = cut.lamport;
        if cut.last {
            self.complete.push(peer);
        }
        cut.last
    }

    pub(crate) fn are_complete(&self) -> bool {
        self.asked.len() == self.complete.len()
    }

    /// Returns the first complete cut as far as the others confirm it. The base covers nothing that the donor lacks,
    /// nor, if others have answered, anything that all of them lack. A message's Lamport time is at most
    /// [`LAMPORT_AHEAD`] beyond all before it, and the times of two neighbours differ by no more than that.
    pub(crate) fn agree(&mut self) -> Option<AgreedCut> {
        let Self {
            mut received,
            complete,
            ..
        } = core::mem::take(self);
        let donor = *complete.first()?;
        let first = received.remove(&donor)?;
        let others: Vec<&PeerCut> = complete.iter().filter_map(|id| received.get(id)).collect();
        let confirmed = |clock: &VectorClock| -> VectorClock {
            let entries = clock.iter().map(|mut entry| {
                let others = others.iter().map(|other| other.clock.get(&entry.author));
                entry.seq = entry.seq.min(others.max().unwrap_or(entry.seq));
                entry
            });
            entries.filter(|entry| entry.seq > 0).collect()
        };
        let possible = first.base.iter().map(|mut entry| {
            entry.seq = entry.seq.min(first.clock.get(&entry.author));
            entry
        });
        let base = confirmed(&possible.collect());
        // An author gets no name here if two cuts name it differently.
        let is_agreed = |id: &NodeId, name: &String| {
            let mut named = others.iter().filter_map(|other| other.authors.get(id));
            named.all(|other| other == name)
        };
        let mut authors = first.authors.clone();
        authors.retain(|id, name| is_agreed(id, name));
        let bylines = agreed_bylines(&first, &others);
        let messages = first.clock.iter().map(|entry| entry.seq);
        let messages = messages.fold(0, u64::saturating_add);
        let greatest = others.iter().map(|other| other.lamport).max();
        let greatest = greatest.map_or(u64::MAX, |other| other.saturating_add(LAMPORT_AHEAD));
        let most = messages.saturating_mul(LAMPORT_AHEAD).min(greatest);
        let others = complete
            .iter()
            .filter_map(|id| Some((*id, received.get(id)?)));
        let others: Vec<(NodeId, &PeerCut)> = others.collect();
        Some(AgreedCut {
            donor,
            ahead: ahead(&first, &others),
            to_fetch: assign_donors(&base, (donor, &first), &others),
            base,
            certain: confirmed(&first.clock),
            lamport: first.lamport.min(most),
            authors,
            bylines,
        })
    }
}

/// Returns the earlier names that all cuts tell. A rename reaches members at different moments, so the first one counts.
fn agreed_bylines(first: &PeerCut, others: &[&PeerCut]) -> Vec<Byline> {
    let agreed = first.bylines.iter().filter_map(|byline| {
        let mut last = byline.last;
        for other in others {
            let mut same = other.bylines.iter();
            let same = same.find(|one| (one.id, &one.name) == (byline.id, &byline.name))?;
            last = last.min(same.last);
        }
        Some(Byline {
            last,
            ..byline.clone()
        })
    });
    agreed.collect()
}

/// Assigns each author's messages after the base to a peer, so that all peers give about the same number. The donor
/// has all of them, others have those that they keep from the base on.
fn assign_donors(
    base: &VectorClock,
    (first, cut): (NodeId, &PeerCut),
    others: &[(NodeId, &PeerCut)],
) -> Vec<(MessageId, NodeId)> {
    let mut burdens: BTreeMap<NodeId, u64> = BTreeMap::new();
    let mut assigned = Vec::new();
    for last in cut.clock.iter() {
        let from = base.get(&last.author);
        let others = others
            .iter()
            .filter(|(_, other)| other.clock.covers(last) && other.base.get(&last.author) <= from);
        let sources = [first].into_iter().chain(others.map(|&(source, _)| source));
        let burden = |source: &NodeId| burdens.get(source).copied().unwrap_or(0);
        if let Some(source) = sources.min_by_key(burden) {
            *burdens.entry(source).or_default() += last.seq.saturating_sub(from);
            assigned.push((last, source));
        }
    }
    assigned
}

/// Returns what each of the others has beyond the first cut, and beyond the others before it.
fn ahead(first: &PeerCut, others: &[(NodeId, &PeerCut)]) -> Vec<(NodeId, Vec<Range>)> {
    let mut known = first.clock.clone();
    let mut ahead = Vec::new();
    for (source, other) in others {
        let beyond = other.clock.iter().filter(|last| !known.covers(*last));
        let range = |last: MessageId| Range {
            author: last.author,
            from: known.get(&last.author) + 1,
            to: last.seq,
        };
        let ranges: Vec<Range> = beyond.map(range).take(PAGE_ITEMS).collect();
        for range in &ranges {
            known.advance(range.author, range.to);
        }
        if !ranges.is_empty() {
            ahead.push((*source, ranges));
        }
    }
    ahead
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::Renamed;

    use super::*;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn entries(entries: &[(u8, u64)]) -> Vec<MessageId> {
        let ids = entries.iter().map(|&(author, seq)| MessageId {
            author: id(author),
            seq,
        });
        ids.collect()
    }

    fn page(base: &[(u8, u64)], clock: &[(u8, u64)], lamport: u64, last: bool) -> Cut {
        Cut {
            base: entries(base),
            clock: entries(clock),
            authors: Vec::new(),
            lamport,
            last,
            bylines: Vec::new(),
        }
    }

    fn asked(donors: &[u8]) -> Cuts {
        let mut cuts = Cuts::default();
        cuts.ask(&donors.iter().map(|&donor| id(donor)).collect());
        cuts
    }

    #[test]
    fn half_a_cut_does_not_block_another_and_an_unrequested_cut_is_ignored() {
        let mut cuts = asked(&[7, 8]);
        for seq in 1..100 {
            assert!(!cuts.take(id(7), page(&[], &[(1, seq)], 1, false)));
        }
        assert!(!cuts.take(id(9), page(&[], &[(1, 1)], 1, true)));
        assert!(cuts.take(id(8), page(&[], &[(1, 5)], 5, true)));
        assert!(!cuts.are_complete());
        let agreed = cuts.agree().unwrap();
        assert_eq!(agreed.donor, id(8));
        assert!(cuts.agree().is_none());
    }

    #[test]
    fn one_cut_of_two_alone_mutes_no_author_and_promises_no_message() {
        let far = 1 << 52;
        let mut cuts = asked(&[7, 8]);
        cuts.take(id(7), page(&[(1, far), (2, far)], &[(1, far)], far, true));
        cuts.take(id(8), page(&[], &[(1, 5), (2, 3)], 9, true));
        assert!(cuts.are_complete());
        let agreed = cuts.agree().unwrap();
        assert_eq!(agreed.base.get(&id(1)), 5);
        assert_eq!(agreed.base.get(&id(2)), 0, "more than 7 has itself");
        assert_eq!(agreed.certain.get(&id(1)), 5);
        assert_eq!(agreed.lamport, 9 + LAMPORT_AHEAD);
    }

    #[test]
    fn an_author_with_two_different_names_gets_none() {
        let telling = |authors: &[(u8, &str)]| Cut {
            authors: authors
                .iter()
                .map(|&(author, name)| Renamed {
                    id: id(author),
                    name: name.into(),
                })
                .collect(),
            ..page(&[], &[(1, 1), (2, 1), (3, 1)], 1, true)
        };
        let mut cuts = asked(&[7, 8]);
        cuts.take(id(7), telling(&[(1, "ann"), (2, "ann"), (3, "cyd")]));
        cuts.take(id(8), telling(&[(1, "ann"), (2, "bob")]));
        let names = cuts.agree().unwrap().authors;
        let names: Vec<(NodeId, &str)> = names.iter().map(|(id, name)| (*id, &**name)).collect();
        assert_eq!(names, [(id(1), "ann"), (id(3), "cyd")]);
    }

    #[test]
    fn an_earlier_name_counts_if_all_cuts_tell_it() {
        let telling = |bylines: &[(u8, u64, &str)]| Cut {
            bylines: bylines
                .iter()
                .map(|&(author, last, name)| Byline {
                    id: id(author),
                    last,
                    name: name.into(),
                })
                .collect(),
            ..page(&[], &[(1, 9), (2, 9)], 1, true)
        };
        let mut cuts = asked(&[7, 8]);
        cuts.take(id(7), telling(&[(1, 4, "ann"), (2, 3, "eve")]));
        cuts.take(id(8), telling(&[(1, 3, "ann"), (2, 3, "bob")]));
        let [byline] = &cuts.agree().unwrap().bylines[..] else {
            panic!("not one earlier name");
        };
        assert_eq!((byline.id, byline.last, &*byline.name), (id(1), 3, "ann"));
    }

    #[test]
    fn a_single_cut_counts_as_far_as_it_can_be() {
        let mut cuts = asked(&[7]);
        cuts.take(id(7), page(&[(1, 2)], &[(1, 5)], 1 << 52, true));
        let agreed = cuts.agree().unwrap();
        assert_eq!(agreed.base.get(&id(1)), 2);
        assert_eq!(agreed.certain.get(&id(1)), 5);
        assert_eq!(agreed.lamport, 5 * LAMPORT_AHEAD);
    }

    #[test]
    fn messages_that_others_had_sooner_are_requested_from_them() {
        let mut cuts = asked(&[6, 7, 8]);
        cuts.take(id(7), page(&[], &[(1, 5), (2, 3)], 9, true));
        cuts.take(id(8), page(&[], &[(1, 7), (2, 2)], 9, true));
        cuts.take(id(6), page(&[], &[(1, 8), (3, 1)], 9, true));
        let range = |author, from, to| Range {
            author: id(author),
            from,
            to,
        };
        assert_eq!(
            cuts.agree().unwrap().ahead,
            [
                (id(8), Vec::from([range(1, 6, 7)])),
                (id(6), Vec::from([range(1, 8, 8), range(3, 1, 1)])),
            ]
        );
    }

    #[test]
    fn all_peers_with_the_history_supply_a_part_of_it() {
        let mut cuts = asked(&[7, 8]);
        let all = [(1, 500), (2, 300), (3, 200), (4, 90)];
        cuts.take(id(7), page(&[], &all, 9, true));
        cuts.take(
            id(8),
            page(&[(3, 10)], &[(1, 500), (2, 300), (3, 200)], 9, true),
        );
        let fetched = cuts.agree().unwrap().to_fetch;
        let from = |author| {
            let share = fetched.iter().find(|(last, _)| last.author == id(author));
            share.map(|&(_, source)| source)
        };
        assert_eq!(fetched.len(), 4);
        assert_eq!((from(1), from(2)), (Some(id(7)), Some(id(8))));
        assert_eq!(from(3), Some(id(7)), "8 keeps its first messages no more");
        assert_eq!(from(4), Some(id(7)), "8 has none of them");
    }
}

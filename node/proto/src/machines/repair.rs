//! Anti-entropy: finding out what others have and this node lacks, and pulling it.
//!
//! However a message was lost, the clocks differ until it is found (`PROTOCOL.md` §4.4). Not here: missing messages
//! that something depends on and nobody offers (`search`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use ringtalk_wire::limit::PAGE_ITEMS;
use ringtalk_wire::{MessageId, NodeId, Pull, Range};

use crate::Time;
use crate::config::{ARRIVAL_WAIT, ARRIVAL_WAIT_MOST, DIFFERENCE_WAIT, PULL_TIMEOUT, PULL_WAIT};
use crate::planted::{Planted, PlantedBug};

/// How many authors' messages one peer may claim to have: inventing an author costs it nothing.
const WANTS: usize = 1_024;

/// The messages that are known to exist elsewhere, and those that are being pulled.
#[derive(Debug, Default)]
pub(crate) struct Repair {
    /// Since when each peer's clock has differed.
    differs: BTreeMap<NodeId, Time>,
    /// For each author, the message up to which a peer has more.
    wants: BTreeMap<NodeId, Want>,
    /// For each holder, when each author's messages are due from it.
    dues: BTreeMap<NodeId, BTreeSet<(Time, NodeId)>>,
    /// The one open pull of each peer.
    pulls: BTreeMap<NodeId, OpenPull>,
    /// When each peer was last asked for anything, so that its answer counts even if it is no member by then.
    last_asked: BTreeMap<NodeId, Time>,
    /// How many pulls there were.
    pull_count: u64,
    /// Until when wanted messages may be arriving by themselves, in a frame that takes long or behind it.
    arriving_until: Option<Time>,
    planted: Planted,
}

/// A pull that has not ended.
#[derive(Debug)]
struct OpenPull {
    number: u64,
    since: Time,
    ranges: Vec<Range>,
}

#[derive(Clone, Copy, Debug)]
struct Want {
    since: Time,
    up_to: u64,
    holder: NodeId,
    due: Time,
    /// Whether it may be on its way by itself.
    may_arrive: bool,
    /// The first message of the last pull.
    asked_from: u64,
    /// The peer that was asked and brought nothing: any other may have more.
    unhelpful: Option<NodeId>,
}

impl Repair {
    /// Activates a planted bug, if it is one of this machine's.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn plant(&mut self, planted: Planted) {
        self.planted = planted;
    }

    /// Notes whether a peer's clock equals this node's. Returns true if they have differed for so long that it is
    /// time to exchange digests.
    pub(crate) fn compare(&mut self, now: Time, peer: NodeId, equal: bool) -> bool {
        if equal {
            self.differs.remove(&peer);
            return false;
        }
        let since = self.differs.entry(peer).or_insert(now);
        let long = now - *since >= DIFFERENCE_WAIT;
        if long {
            *since = now;
        }
        long
    }

    /// Notes that a peer has an author's messages up to this one. They may be on their way, so they are pulled only
    /// after a while, unless `urgent`.
    pub(crate) fn want(&mut self, now: Time, message: MessageId, holder: NodeId, urgent: bool) {
        if !urgent && self.planted.has(PlantedBug::NeverPull) {
            return;
        }
        let due = if urgent { now } else { now + PULL_WAIT };
        let want = Want {
            since: now,
            up_to: message.seq,
            holder,
            due,
            may_arrive: !urgent,
            asked_from: 0,
            unhelpful: None,
        };
        let claims = self.dues.get(&holder).map_or(0, BTreeSet::len);
        let known = match self.wants.get(&message.author) {
            Some(known) => *known,
            None if claims >= WANTS => return,
            None => want,
        };
        // A peer that brought nothing, however much it claims, gives way to any other, and not the reverse.
        let (barren, held_by_barren) = (
            known.unhelpful == Some(holder),
            known.unhelpful == Some(known.holder),
        );
        let mut next = known;
        next.may_arrive &= !urgent;
        if barren == held_by_barren {
            if message.seq > known.up_to || urgent {
                next.up_to = known.up_to.max(message.seq);
                next.holder = holder;
            }
            next.due = known.due.min(due);
        } else if held_by_barren {
            next = Want {
                since: known.since,
                asked_from: known.asked_from,
                unhelpful: known.unhelpful,
                ..want
            };
        } else {
            return;
        }
        if next.holder == known.holder || claims < WANTS {
            self.set(message.author, next);
        }
    }

    /// Notes that a part of a frame has come that takes long: nothing that may be in it or behind it is pulled, since each
    /// copy would delay the other.
    pub(crate) fn note_slow_part(&mut self, now: Time) {
        self.arriving_until = Some(now + ARRIVAL_WAIT);
    }

    /// Returns until when wanted messages may be arriving by themselves.
    pub(crate) const fn arriving_until(&self) -> Option<Time> {
        self.arriving_until
    }

    /// Returns true if some peer is to give what is missing of an author.
    pub(crate) fn is_wanted(&self, author: &NodeId) -> bool {
        self.wants.contains_key(author)
    }

    /// Returns true if a peer was asked for something so recently that its answer may be on its way.
    pub(crate) fn was_asked_lately(&self, now: Time, peer: &NodeId) -> bool {
        let asked = self.last_asked.get(peer);
        asked.is_some_and(|&asked| now - asked < PULL_TIMEOUT)
    }

    /// Creates a pull with a number of its own.
    pub(crate) fn new_pull(&mut self, now: Time, peer: NodeId, ranges: Vec<Range>) -> Pull {
        self.pull_count += 1;
        self.last_asked.insert(peer, now);
        let number = self.pull_count;
        Pull { number, ranges }
    }

    /// Returns the pulls to send, by peer: what is due and still missing, from peers that have no open pull.
    /// `first_missing` returns an author's first missing message.
    pub(crate) fn due(
        &mut self,
        now: Time,
        first_missing: impl Fn(NodeId) -> u64,
    ) -> BTreeMap<NodeId, Pull> {
        self.last_asked
            .retain(|_, asked| now - *asked < PULL_TIMEOUT);
        self.wait_for_arrivals(now);
        let silent = |pull: &OpenPull| self.timeout(pull) <= now;
        let timed_out = self.pulls.iter().filter(|(_, pull)| silent(pull));
        let timed_out: Vec<NodeId> = timed_out.map(|(&peer, _)| peer).collect();
        for peer in timed_out {
            self.pulls.remove(&peer);
            self.drop_all_of(&peer);
        }
        let free = |holder: &&NodeId| !self.pulls.contains_key(*holder);
        let free: Vec<NodeId> = self.dues.keys().filter(free).copied().collect();
        let mut pulled = BTreeMap::new();
        for holder in free {
            let ranges = self.due_from(now, &holder, &first_missing);
            if !ranges.is_empty() {
                let pull = self.new_pull(now, holder, ranges);
                let open = OpenPull {
                    number: pull.number,
                    since: now,
                    ranges: pull.ranges.clone(),
                };
                self.pulls.insert(holder, open);
                pulled.insert(holder, pull);
            }
        }
        pulled
    }

    /// Puts off what is due and may be arriving by itself.
    fn wait_for_arrivals(&mut self, now: Time) {
        let waits = |want: &Want| {
            let until = self.arriving_until?.min(want.since + ARRIVAL_WAIT_MOST);
            (want.may_arrive && want.due <= now && until > now).then_some(until)
        };
        let put_off = self.wants.iter().filter_map(|(&author, &want)| {
            let due = waits(&want)?;
            Some((author, Want { due, ..want }))
        });
        let put_off: Vec<(NodeId, Want)> = put_off.collect();
        for (author, want) in put_off {
            self.set(author, want);
        }
    }

    /// Returns when a pull counts as unanswered.
    fn timeout(&self, pull: &OpenPull) -> Time {
        let timeout = pull.since + PULL_TIMEOUT;
        let latest = pull.since + ARRIVAL_WAIT_MOST;
        self.arriving_until
            .map_or(timeout, |until| timeout.max(until.min(latest)))
    }

    /// Returns what is due from a holder, and forgets what has come meanwhile.
    fn due_from(
        &mut self,
        now: Time,
        holder: &NodeId,
        first_missing: impl Fn(NodeId) -> u64,
    ) -> Vec<Range> {
        let dues = self.dues.get(holder).into_iter().flatten();
        let due = dues.take_while(|(due, _)| *due <= now);
        let due: Vec<NodeId> = due.map(|&(_, author)| author).collect();
        let mut ranges = Vec::new();
        for author in due {
            let Some(want) = self.wants.get_mut(&author) else {
                continue;
            };
            let from = first_missing(author);
            if from > want.up_to {
                self.unset(&author);
            } else if ranges.len() < PAGE_ITEMS {
                want.asked_from = from;
                let to = want.up_to;
                debug_assert!(
                    (1..=to).contains(&from),
                    "nothing is asked for that is here"
                );
                ranges.push(Range { author, from, to });
            }
        }
        ranges
    }

    fn set(&mut self, author: NodeId, want: Want) {
        self.unset(&author);
        let dues = self.dues.entry(want.holder).or_default();
        dues.insert((want.due, author));
        self.wants.insert(author, want);
        debug_assert!(self.is_due_once(), "each author's messages are due once");
    }

    fn unset(&mut self, author: &NodeId) {
        let Some(want) = self.wants.remove(author) else {
            return;
        };
        if let Some(dues) = self.dues.get_mut(&want.holder) {
            dues.remove(&(want.due, *author));
            if dues.is_empty() {
                self.dues.remove(&want.holder);
            }
        }
        debug_assert!(self.is_due_once(), "each author's messages are due once");
    }

    fn is_due_once(&self) -> bool {
        self.dues.values().map(BTreeSet::len).sum::<usize>() == self.wants.len()
    }

    fn drop_all_of(&mut self, holder: &NodeId) {
        for (_, author) in self.dues.remove(holder).unwrap_or_default() {
            self.wants.remove(&author);
        }
    }

    /// Handles the end of a pull. If there is `more`, the rest is asked for at once, as is whatever the pull had no
    /// room for, unless the answer brought nothing. Returns what was asked for, or nothing if this was not the peer's
    /// open pull.
    pub(crate) fn pull_ended(
        &mut self,
        now: Time,
        peer: &NodeId,
        (number, more): (u64, bool),
        first_missing: impl Fn(NodeId) -> u64,
    ) -> Vec<Range> {
        let open = self.pulls.get(peer);
        if open.is_none_or(|open| open.number != number) {
            return Vec::new();
        }
        let Some(pull) = self.pulls.remove(peer) else {
            return Vec::new();
        };
        // What arrived was the answer.
        self.arriving_until = None;
        let has_new_messages = |range: &Range| first_missing(range.author) > range.from;
        if more && pull.ranges.iter().any(has_new_messages) {
            return pull.ranges;
        }
        for range in &pull.ranges {
            let theirs = self.wants.get(&range.author).copied();
            let Some(mut want) = theirs.filter(|want| want.holder == *peer) else {
                continue;
            };
            if want.asked_from > 0 && first_missing(range.author) <= want.asked_from {
                want.unhelpful = Some(*peer);
            }
            want.due = want.due.max(now + PULL_TIMEOUT);
            self.set(range.author, want);
        }
        pull.ranges
    }

    /// Gives up on a peer that is gone: others will tell what they have.
    pub(crate) fn forget(&mut self, peer: &NodeId) {
        self.differs.remove(peer);
        self.pulls.remove(peer);
        self.drop_all_of(peer);
    }

    /// Returns when [`Repair::due`] has something to return.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let firsts = self.dues.iter().filter_map(|(holder, dues)| {
            let &(due, _) = dues.first()?;
            let pull = self.pulls.get(holder);
            Some(pull.map_or(due, |pull| due.max(self.timeout(pull))))
        });
        firsts.min()
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    /// Ends the open pull of a peer.
    fn end(
        repair: &mut Repair,
        now: Time,
        peer: u8,
        more: bool,
        first_missing: impl Fn(NodeId) -> u64,
    ) -> Vec<Range> {
        let number = repair.pulls.get(&id(peer)).map_or(0, |open| open.number);
        repair.pull_ended(now, &id(peer), (number, more), first_missing)
    }

    fn message(author: u8, seq: u64) -> MessageId {
        MessageId {
            author: id(author),
            seq,
        }
    }

    #[test]
    fn a_short_difference_is_normal() {
        let start = Time::default();
        let mut repair = Repair::default();
        assert!(!repair.compare(start, id(1), false));
        assert!(!repair.compare(start + DIFFERENCE_WAIT / 2, id(1), false));
        assert!(!repair.compare(start + DIFFERENCE_WAIT, id(1), true));
        assert!(!repair.compare(start + DIFFERENCE_WAIT * 2, id(1), false));
        assert!(repair.compare(start + DIFFERENCE_WAIT * 3, id(1), false));
    }

    #[test]
    fn missing_messages_are_pulled_once() {
        let start = Time::default();
        let mut repair = Repair::default();
        repair.want(start, message(1, 5), id(7), false);
        repair.want(start, message(2, 3), id(7), false);
        assert!(repair.due(start, |_| 1).is_empty(), "it may be on its way");
        let later = start + PULL_WAIT;
        let first_missing = |author| if author == id(1) { 3 } else { 4 };
        let ranges = repair.due(later, first_missing);
        let only = Range {
            author: id(1),
            from: 3,
            to: 5,
        };
        assert_eq!(ranges[&id(7)].ranges, [only]);
        assert!(repair.due(later, first_missing).is_empty(), "one at a time");
        end(&mut repair, later, 7, true, |_| 4);
        assert_eq!(repair.due(later, |_| 4).len(), 1, "there was more");
        end(&mut repair, later, 7, true, |_| 4);
        assert!(repair.due(later, |_| 4).is_empty(), "it brought nothing");
    }

    #[test]
    fn what_may_be_arriving_is_not_pulled_and_no_pull_times_out() {
        let start = Time::default();
        let mut repair = Repair::default();
        repair.want(start, message(1, 5), id(7), true);
        assert!(repair.due(start, |_| 1).contains_key(&id(7)));
        repair.want(start, message(2, 5), id(8), false);
        repair.note_slow_part(start);
        let later = start + PULL_TIMEOUT;
        assert!(repair.due(later, |_| 1).is_empty());
        let until = start + ARRIVAL_WAIT;
        assert_eq!(repair.deadline(), Some(until));
        assert!(repair.pulls.contains_key(&id(7)), "it may be on its way");
        let due = repair.due(until, |_| 1);
        assert!(due.contains_key(&id(8)) && !repair.pulls.contains_key(&id(7)));
    }

    #[test]
    fn parts_for_ever_put_off_no_pull_for_ever() {
        let start = Time::default();
        let mut repair = Repair::default();
        repair.want(start, message(1, 5), id(7), false);
        let mut now = start;
        let waited = loop {
            repair.note_slow_part(now);
            // Claims meanwhile do not begin the wait anew.
            repair.want(now, message(1, 5), id(7), false);
            if !repair.due(now, |_| 1).is_empty() {
                break now - start;
            }
            now = now + PULL_WAIT;
        };
        assert_eq!(waited, ARRIVAL_WAIT_MOST);
    }

    #[test]
    fn what_a_newcomer_fetches_is_pulled_whatever_arrives() {
        let start = Time::default();
        let mut repair = Repair::default();
        repair.note_slow_part(start);
        repair.want(start, message(1, 5), id(7), false);
        repair.want(start, message(1, 5), id(7), true);
        assert!(repair.due(start, |_| 1).contains_key(&id(7)));
    }

    #[test]
    fn the_next_pull_fetches_what_did_not_fit_into_the_last() {
        let start = Time::default();
        let mut repair = Repair::default();
        let authors = (0..WANTS as u128).map(|author| NodeId::from_bytes(author.to_be_bytes()));
        for author in authors {
            repair.want(start, MessageId { author, seq: 1 }, id(7), true);
        }
        let first = repair.due(start, |_| 1);
        let first: BTreeSet<NodeId> = first[&id(7)]
            .ranges
            .iter()
            .map(|range| range.author)
            .collect();
        assert_eq!(first.len(), PAGE_ITEMS);
        let first_missing = |author: NodeId| if first.contains(&author) { 2 } else { 1 };
        end(&mut repair, start, 7, false, first_missing);
        let second = repair.due(start, first_missing);
        assert_eq!(second[&id(7)].ranges.len(), WANTS - PAGE_ITEMS);
    }

    #[test]
    fn a_truncated_answer_is_continued_at_once() {
        let start = Time::default();
        let mut repair = Repair::default();
        for author in 1..=3 {
            repair.want(start, message(author, 1), id(7), true);
        }
        assert_eq!(repair.due(start, |_| 1)[&id(7)].ranges.len(), 3);
        let first_missing = |author| if author == id(1) { 2 } else { 1 };
        end(&mut repair, start, 7, true, first_missing);
        assert_eq!(repair.due(start, first_missing)[&id(7)].ranges.len(), 2);
        end(&mut repair, start, 7, true, first_missing);
        assert!(repair.due(start, first_missing).is_empty(), "nothing came");
    }

    #[test]
    fn an_unhelpful_peer_does_not_block_others() {
        let start = Time::default();
        let mut repair = Repair::default();
        repair.want(start, message(1, 1 << 40), id(7), true);
        assert!(repair.due(start, |_| 1).contains_key(&id(7)));
        repair.want(start, message(1, 5), id(8), false);
        assert_eq!(end(&mut repair, start, 7, false, |_| 1).len(), 1);
        let later = start + PULL_WAIT;
        assert!(repair.due(later, |_| 1).is_empty(), "7 has more, it says");
        repair.want(later, message(1, 5), id(8), false);
        repair.want(later, message(1, 1 << 41), id(7), false);
        let ranges = repair.due(later + PULL_WAIT, |_| 1);
        assert!(
            ranges.contains_key(&id(8)) && ranges.len() == 1,
            "{ranges:?}"
        );
    }

    #[test]
    fn the_claims_of_one_peer_are_bounded_and_do_not_block_others() {
        let start = Time::default();
        let mut repair = Repair::default();
        for author in 0..2 * WANTS as u128 {
            let author = NodeId::from_bytes(author.to_be_bytes());
            repair.want(start, MessageId { author, seq: 1 }, id(7), false);
        }
        assert_eq!(repair.wants.len(), WANTS);
        repair.want(start, message(255, 1), id(8), false);
        assert!(repair.due(start + PULL_WAIT, |_| 1).contains_key(&id(8)));
        repair.forget(&id(7));
        assert_eq!((repair.wants.len(), repair.dues.len()), (1, 1));
    }

    #[test]
    fn an_unrequested_answer_is_ignored() {
        let mut repair = Repair::default();
        let asked = end(&mut repair, Time::default(), 7, true, |_| 1);
        assert_eq!(asked, []);
    }

    #[test]
    fn the_end_of_another_pull_closes_nothing() {
        let start = Time::default();
        let mut repair = Repair::default();
        let other = repair.new_pull(start, id(7), Vec::new());
        repair.want(start, message(1, 5), id(7), true);
        let pull = repair.due(start, |_| 1)[&id(7)].clone();
        assert_ne!(pull.number, other.number);
        let ended = repair.pull_ended(start, &id(7), (other.number, false), |_| 1);
        assert_eq!(ended, [], "nothing of it was asked for by that pull");
        let ended = repair.pull_ended(start, &id(7), (pull.number, true), |_| 3);
        assert_eq!(ended, pull.ranges);
        assert_eq!(
            repair.due(start, |_| 3)[&id(7)].ranges[0].from,
            3,
            "at once"
        );
    }

    #[test]
    fn an_answer_counts_for_as_long_as_a_pull_may_take() {
        let start = Time::default();
        let mut repair = Repair::default();
        repair.new_pull(start, id(7), Vec::new());
        assert!(repair.was_asked_lately(start, &id(7)));
        assert!(!repair.was_asked_lately(start, &id(8)));
        assert!(!repair.was_asked_lately(start + PULL_TIMEOUT, &id(7)));
    }

    #[test]
    fn an_unanswered_pull_is_left_to_other_peers() {
        let start = Time::default();
        let mut repair = Repair::default();
        repair.want(start, message(1, 5), id(7), true);
        assert_eq!(repair.due(start, |_| 1).len(), 1);
        assert_eq!(repair.deadline(), Some(start + PULL_TIMEOUT));
        assert!(repair.due(start + Duration::from_secs(1), |_| 1).is_empty());
        assert!(repair.due(start + PULL_TIMEOUT, |_| 1).is_empty());
        repair.want(start + PULL_TIMEOUT, message(1, 5), id(8), true);
        let ranges = repair.due(start + PULL_TIMEOUT, |_| 1);
        assert!(ranges.contains_key(&id(8)));
    }
}

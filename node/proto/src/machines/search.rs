//! Searching for a message that others depend on and no neighbour has offered.
//!
//! First every linked neighbour is asked, then every member. If all have answered and nobody can give it, there is a
//! gap (`PROTOCOL.md` §4.5). Not here: the effect of a gap on the clock (`node::recovery`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::{Holding, MessageId, NodeId};

use crate::Time;
use crate::config::{ARRIVAL_WAIT_MOST, PULL_TIMEOUT, PULL_WAIT};

/// How many messages are searched for at a time; the others wait their turn.
const SEARCHES: usize = 256;
/// How many of them the bundles of one author may wait for. An author that names messages that never existed keeps
/// nobody else's from being found.
const SEARCHES_OF_ONE: usize = 64;
/// For how many messages everybody is asked at a time.
const ASKED_OF_ALL: usize = 8;
/// How many of these are on behalf of one author.
const ASKED_FOR_ONE: usize = 2;

/// From how many missing messages on they are looked through only now and then, and how long each of them puts that
/// off: ten times as long as it takes.
const THROTTLE_FROM: usize = 1_024;
const SCAN_PAUSE_EACH: Duration = Duration::from_micros(6);

/// The messages that are searched for.
#[derive(Debug, Default)]
pub(crate) struct Searches {
    open: BTreeMap<MessageId, Search>,
    /// Gaps that were shown although the clock does not pass them: they are not shown twice.
    shown: BTreeSet<MessageId>,
    /// Messages that a peer claims to have had and nobody bears out.
    unproven: BTreeMap<MessageId, Time>,
    /// When the missing messages were last looked through.
    last_scan: Time,
}

/// How often everybody is asked before the search stops waiting for those that do not answer, and for those that have
/// it and do not give it.
const ROUNDS: u32 = 5;
/// How many members must say that they had a message, if as many could be asked: one may lie.
const WITNESSES: usize = 2;
/// How many vain searches are remembered for messages that nothing waits for.
const MAX_UNPROVEN: usize = 1_024;
/// When such a search may be made again.
const RETRY_AFTER: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Search {
    since: Time,
    next: Time,
    state: SearchState,
    /// The author whose bundle waits for it; `None` if nothing here waits for it.
    dependant: Option<NodeId>,
    /// How often everybody was asked.
    rounds: u32,
}

#[derive(Debug)]
enum SearchState {
    /// It may still come by itself.
    Patient,
    /// The neighbours were asked to send it.
    Neighbours,
    /// Everybody was asked; `waiting_for` has not answered yet.
    Everybody {
        waiting_for: BTreeSet<NodeId>,
        answers: Answers,
    },
}

/// The answers of members about a message.
#[derive(Debug, Default)]
struct Answers {
    all: usize,
    held: usize,
    evicted: usize,
    /// The answer of its own author.
    author: Option<Holding>,
}

impl Answers {
    fn add(&mut self, holding: Holding, by_author: bool) {
        self.all += 1;
        self.held += usize::from(holding == Holding::Held);
        self.evicted += usize::from(holding == Holding::Evicted);
        debug_assert!(self.held + self.evicted <= self.all);
        self.author = self.author.or(by_author.then_some(holding));
    }

    /// Returns true if the message was delivered elsewhere. Its author says so; or the author is silent, and two
    /// members say so, or the only one that could be asked.
    fn was_delivered(&self) -> bool {
        match self.author {
            Some(holding) => holding == Holding::Evicted,
            None => self.evicted > 0 && self.evicted >= self.all.min(WITNESSES),
        }
    }
}

/// The next step for a missing message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SearchStep {
    /// Pull it from every neighbour.
    AskNeighbours(MessageId),
    /// Ask all members whether they have it, and report with [`Searches::note_asked`] whom.
    AskEverybody(MessageId),
    /// Show a gap: nobody can give the message.
    Gap {
        /// The message.
        message: MessageId,
        /// Whether it was delivered elsewhere: then the clock passes it.
        delivered: bool,
    },
}

impl Searches {
    /// Returns true if it is time to look through so many missing messages. A peer that makes others wait for very
    /// many must not keep this node busy with them.
    pub(crate) fn start_scan(&mut self, now: Time, missing: usize) -> bool {
        let rest = if missing < THROTTLE_FROM {
            Duration::ZERO
        } else {
            SCAN_PAUSE_EACH.saturating_mul(missing as u32)
        };
        let may = now - self.last_scan >= rest;
        if may {
            self.last_scan = now;
        }
        may
    }

    /// Ends the searches for messages that have been delivered meanwhile.
    pub(crate) fn forget_delivered(&mut self, is_delivered: impl Fn(MessageId) -> bool) {
        self.open.retain(|message, _| !is_delivered(*message));
        self.shown.retain(|message| !is_delivered(*message));
    }

    /// Searches for these messages, each with the author of a bundle that waits for it. Ends the searches for
    /// messages that nothing waits for any more.
    pub(crate) fn update(&mut self, now: Time, missing: impl Iterator<Item = (MessageId, NodeId)>) {
        let missing: BTreeMap<MessageId, NodeId> = missing.collect();
        self.open
            .retain(|message, search| search.dependant.is_none() || missing.contains_key(message));
        self.shown.retain(|message| missing.contains_key(message));
        let mut searches: BTreeMap<NodeId, usize> = BTreeMap::new();
        for dependant in self.open.values().filter_map(|search| search.dependant) {
            *searches.entry(dependant).or_default() += 1;
        }
        for (message, dependant) in missing {
            let theirs = searches.entry(dependant).or_default();
            let room = self.open.len() < SEARCHES && *theirs < SEARCHES_OF_ONE;
            if room && !self.shown.contains(&message) && !self.open.contains_key(&message) {
                *theirs += 1;
                self.open(now, message, Some(dependant));
            }
        }
        debug_assert!(self.open.len() <= SEARCHES);
    }

    /// Returns true while a message of an author is searched for.
    pub(crate) fn is_searching_for(&self, author: &NodeId) -> bool {
        self.open.keys().any(|message| message.author == *author)
    }

    /// Searches for a message that a peer had, and no longer keeps.
    pub(crate) fn seek(&mut self, now: Time, message: MessageId) {
        self.unproven.retain(|_, since| now - *since < RETRY_AFTER);
        if self.open.len() < SEARCHES && !self.unproven.contains_key(&message) {
            self.open(now, message, None);
        }
    }

    /// Notes that everybody was asked: the answers of these members are awaited.
    pub(crate) fn note_asked(&mut self, message: MessageId, members: BTreeSet<NodeId>) {
        if let Some(search) = self.open.get_mut(&message) {
            search.state = SearchState::Everybody {
                waiting_for: members,
                answers: Answers::default(),
            };
            search.rounds += 1;
        }
    }

    /// Takes the answer of a member, and whether that is the author.
    pub(crate) fn take_answer(
        &mut self,
        now: Time,
        message: MessageId,
        (by, is_author): (&NodeId, bool),
        holding: Holding,
    ) {
        let Some(search) = self.open.get_mut(&message) else {
            return;
        };
        if let SearchState::Everybody {
            waiting_for,
            answers,
        } = &mut search.state
        {
            if !waiting_for.remove(by) {
                return;
            }
            answers.add(holding, is_author);
            if waiting_for.is_empty() {
                search.next = now;
            }
        }
    }

    /// Returns what to do next. Until `arriving_until`, the messages may be arriving by themselves.
    pub(crate) fn expire(
        &mut self,
        now: Time,
        arriving_until: Option<Time>,
        is_member: impl Fn(&NodeId) -> bool,
    ) -> Vec<SearchStep> {
        let mut steps = Vec::new();
        let asks = self.open.values();
        let asks = asks.filter(|search| matches!(search.state, SearchState::Everybody { .. }));
        let mut asks: Vec<Option<NodeId>> = asks.map(|search| search.dependant).collect();
        for (&message, search) in &mut self.open {
            if search.next > now {
                continue;
            }
            let arrives = arriving_until.map(|until| until.min(search.since + ARRIVAL_WAIT_MOST));
            if let Some(arrives) = arrives.filter(|&until| until > now) {
                search.next = arrives;
                continue;
            }
            search.next = now + PULL_TIMEOUT;
            match &mut search.state {
                SearchState::Patient => {
                    search.state = SearchState::Neighbours;
                    steps.push(SearchStep::AskNeighbours(message));
                }
                SearchState::Neighbours => {
                    let theirs = asks.iter().filter(|one| **one == search.dependant).count();
                    if asks.len() < ASKED_OF_ALL && theirs < ASKED_FOR_ONE {
                        asks.push(search.dependant);
                        steps.push(SearchStep::AskEverybody(message));
                    }
                }
                SearchState::Everybody {
                    waiting_for,
                    answers,
                } => {
                    waiting_for.retain(&is_member);
                    let open = answers.held > 0 || !waiting_for.is_empty();
                    if open && search.rounds < ROUNDS {
                        search.state = SearchState::Neighbours;
                    } else {
                        let delivered = answers.was_delivered();
                        steps.push(SearchStep::Gap { message, delivered });
                    }
                }
            }
        }
        steps.retain(|step| match *step {
            SearchStep::Gap { message, delivered } => self.finish(now, message, delivered),
            _ => true,
        });
        steps
    }

    /// Ends a search. Returns true if that is to be shown.
    fn finish(&mut self, now: Time, message: MessageId, delivered: bool) -> bool {
        let search = self.open.remove(&message);
        let shows = delivered || search.is_some_and(|search| search.dependant.is_some());
        if shows {
            self.shown.insert(message);
        } else if self.unproven.len() < MAX_UNPROVEN {
            self.unproven.insert(message, now);
        }
        shows
    }

    /// Returns when [`Searches::expire`] is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.open.values().map(|search| search.next).min()
    }

    fn open(&mut self, now: Time, message: MessageId, dependant: Option<NodeId>) {
        self.open.entry(message).or_insert(Search {
            since: now,
            next: now + PULL_WAIT,
            state: SearchState::Patient,
            dependant,
            rounds: 0,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn lost() -> MessageId {
        MessageId {
            author: id(1),
            seq: 5,
        }
    }

    fn everybody(searches: &mut Searches, now: Time, members: &[u8]) -> Time {
        searches.expire(now, None, |_| true);
        let now = now + PULL_TIMEOUT;
        assert_eq!(
            searches.expire(now, None, |_| true),
            [SearchStep::AskEverybody(lost())]
        );
        searches.note_asked(lost(), members.iter().map(|&byte| id(byte)).collect());
        now
    }

    #[test]
    fn nobody_is_asked_for_what_may_be_arriving_but_not_for_ever() {
        let start = Time::default();
        let mut searches = Searches::default();
        searches.update(start, [(lost(), id(9))].into_iter());
        let due = start + PULL_WAIT;
        let until = start + PULL_TIMEOUT;
        assert_eq!(searches.expire(due, Some(until), |_| true), []);
        assert_eq!(searches.deadline(), Some(until));
        let never = start + ARRIVAL_WAIT_MOST * 2;
        assert_eq!(searches.expire(until, Some(never), |_| true), []);
        let most = start + ARRIVAL_WAIT_MOST;
        assert_eq!(searches.deadline(), Some(most));
        let asked = searches.expire(most, Some(never), |_| true);
        assert_eq!(asked, [SearchStep::AskNeighbours(lost())]);
    }

    /// Returns how a search ends that gets these answers; 1 is the author.
    fn searched(answers: &[(u8, Holding)]) -> Vec<SearchStep> {
        let start = Time::default();
        let mut searches = Searches::default();
        searches.update(start, [(lost(), id(9))].into_iter());
        assert_eq!(searches.expire(start, None, |_| true), []);
        let members: Vec<u8> = answers.iter().map(|(by, _)| *by).collect();
        let now = everybody(&mut searches, start + PULL_WAIT, &members);
        for &(by, holding) in answers {
            assert_eq!(searches.expire(now, None, |_| true), []);
            searches.take_answer(now, lost(), (&id(by), by == 1), holding);
        }
        searches.expire(now, None, |_| true)
    }

    fn gap(delivered: bool) -> [SearchStep; 1] {
        [SearchStep::Gap {
            message: lost(),
            delivered,
        }]
    }

    #[test]
    fn a_gap_needs_the_denial_of_every_member() {
        use Holding::{Evicted, Held, Never};
        assert_eq!(searched(&[(2, Never), (3, Never)]), gap(false));
        assert_eq!(
            searched(&[(2, Evicted), (3, Evicted), (4, Never)]),
            gap(true)
        );
        assert_eq!(searched(&[(2, Never), (3, Held)]), []);
    }

    #[test]
    fn one_member_alone_makes_no_gap() {
        use Holding::{Evicted, Never};
        assert_eq!(searched(&[(2, Evicted), (3, Never)]), gap(false));
        assert_eq!(searched(&[(2, Evicted)]), gap(true), "nobody else is there");
        assert_eq!(
            searched(&[(1, Never), (2, Evicted), (3, Evicted)]),
            gap(false)
        );
        assert_eq!(searched(&[(1, Evicted), (2, Never), (3, Never)]), gap(true));
    }

    #[test]
    fn a_search_ends_though_a_holder_never_sends_the_message() {
        let mut now = Time::default();
        let mut searches = Searches::default();
        searches.update(now, [(lost(), id(9))].into_iter());
        now = now + PULL_WAIT;
        for round in 1..=ROUNDS {
            now = everybody(&mut searches, now, &[2, 3]);
            searches.take_answer(now, lost(), (&id(2), false), Holding::Held);
            now = now + PULL_TIMEOUT;
            let steps = searches.expire(now, None, |_| true);
            assert_eq!(steps == gap(false), round == ROUNDS, "{steps:?}");
            now = now + PULL_TIMEOUT;
        }
    }

    #[test]
    fn an_unproven_claim_is_searched_once_and_not_shown() {
        let now = Time::default();
        let mut searches = Searches::default();
        searches.seek(now, lost());
        let now = everybody(&mut searches, now + PULL_WAIT, &[2, 3]);
        searches.take_answer(now, lost(), (&id(2), false), Holding::Evicted);
        searches.take_answer(now, lost(), (&id(3), false), Holding::Never);
        assert_eq!(searches.expire(now, None, |_| true), []);
        searches.seek(now, lost());
        assert_eq!(searches.deadline(), None);
    }

    #[test]
    fn one_author_causes_a_bounded_number_of_questions_to_all() {
        let start = Time::default();
        let mut searches = Searches::default();
        let named = (1..=200).map(|seq| (MessageId { seq, ..lost() }, id(9)));
        searches.update(
            start,
            named.chain([(
                MessageId {
                    seq: 1,
                    author: id(2),
                },
                id(8),
            )]),
        );
        assert_eq!(searches.open.len(), SEARCHES_OF_ONE + 1);
        let now = start + PULL_WAIT;
        assert_eq!(
            searches.expire(now, None, |_| true).len(),
            SEARCHES_OF_ONE + 1
        );
        let steps = searches.expire(now + PULL_TIMEOUT, None, |_| true);
        assert_eq!(steps.len(), ASKED_FOR_ONE + 1, "{steps:?}");
    }

    #[test]
    fn a_gap_is_shown_once_while_it_lasts() {
        let start = Time::default();
        let mut searches = Searches::default();
        searches.shown.insert(lost());
        searches.update(start, [(lost(), id(9))].into_iter());
        assert_eq!(searches.deadline(), None);
        searches.update(start, [].into_iter());
        searches.update(start, [(lost(), id(9))].into_iter());
        assert_eq!(searches.deadline(), Some(start + PULL_WAIT));
    }
}

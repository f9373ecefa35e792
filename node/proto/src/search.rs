//! Searching for a message that others depend on and no neighbour has offered.
//!
//! First every linked neighbour is asked, then every member. If all have answered and nobody can
//! give it, that is a gap (`PROTOCOL.md` §4.5). Not here: what a gap does to the clock.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use ringtalk_wire::{Holding, MessageId, NodeId};

use crate::Time;
use crate::config::{PULL_TIMEOUT, PULL_WAIT};

/// How many messages are searched for at a time; the others wait their turn.
const SEARCHES: usize = 256;

/// The messages searched for.
#[derive(Debug, Default)]
pub(crate) struct Searches {
    open: BTreeMap<MessageId, Search>,
    /// Gaps that were shown although the clock stays: not to be shown twice.
    shown: BTreeSet<MessageId>,
}

#[derive(Debug)]
struct Search {
    next: Time,
    state: State,
    /// It is searched for although nothing here waits for it.
    sought: bool,
}

#[derive(Debug)]
enum State {
    /// It may still come by itself.
    Patient,
    /// The neighbours were asked to send it.
    Neighbours,
    /// Everybody was asked; these have not answered.
    Everybody {
        waiting_for: BTreeSet<NodeId>,
        best: Holding,
    },
}

/// What to do for a message that is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Pull it from every neighbour.
    AskNeighbours(MessageId),
    /// Ask every member who has it; tell with [`Searches::asked`] who was.
    AskEverybody(MessageId),
    /// Nobody can give it. `delivered` where somebody had delivered it: the clock passes it.
    Gap {
        /// The message.
        message: MessageId,
        /// True where it was delivered elsewhere.
        delivered: bool,
    },
}

impl Searches {
    /// Searches for these messages that something waits for, and ends the searches for what was
    /// `found` meanwhile, or is waited for no more.
    pub(crate) fn lacking(
        &mut self,
        now: Time,
        missing: impl Iterator<Item = MessageId>,
        found: impl Fn(MessageId) -> bool,
    ) {
        let missing: BTreeSet<MessageId> = missing.collect();
        self.open.retain(|message, search| {
            !found(*message) && (search.sought || missing.contains(message))
        });
        self.shown
            .retain(|message| !found(*message) && missing.contains(message));
        for message in missing {
            if !self.shown.contains(&message) && self.open.len() < SEARCHES {
                self.open(now, message, false);
            }
        }
    }

    /// Searches for a message that a peer had, and keeps no longer.
    pub(crate) fn seek(&mut self, now: Time, message: MessageId) {
        if self.open.len() < SEARCHES {
            self.open(now, message, true);
        }
    }

    /// Everybody was asked: the answers of these are awaited.
    pub(crate) fn asked(&mut self, message: MessageId, members: BTreeSet<NodeId>) {
        if let Some(search) = self.open.get_mut(&message) {
            search.state = State::Everybody {
                waiting_for: members,
                best: Holding::Never,
            };
        }
    }

    /// A member's answer.
    pub(crate) fn answered(
        &mut self,
        now: Time,
        message: MessageId,
        by: &NodeId,
        holding: Holding,
    ) {
        let Some(search) = self.open.get_mut(&message) else {
            return;
        };
        if let State::Everybody { waiting_for, best } = &mut search.state {
            if !waiting_for.remove(by) {
                return;
            }
            *best = (*best).max(holding);
            if waiting_for.is_empty() {
                search.next = now;
            }
        }
    }

    /// What to do now.
    pub(crate) fn expire(&mut self, now: Time, is_member: impl Fn(&NodeId) -> bool) -> Vec<Step> {
        let mut steps = Vec::new();
        for (&message, search) in &mut self.open {
            if search.next > now {
                continue;
            }
            search.next = now + PULL_TIMEOUT;
            match &mut search.state {
                State::Patient => {
                    search.state = State::Neighbours;
                    steps.push(Step::AskNeighbours(message));
                }
                State::Neighbours => steps.push(Step::AskEverybody(message)),
                State::Everybody { waiting_for, best } => {
                    waiting_for.retain(&is_member);
                    if *best == Holding::Held || !waiting_for.is_empty() {
                        search.state = State::Neighbours;
                    } else {
                        let delivered = *best == Holding::Evicted;
                        steps.push(Step::Gap { message, delivered });
                    }
                }
            }
        }
        for step in &steps {
            if let Step::Gap { message, .. } = step {
                self.open.remove(message);
                self.shown.insert(*message);
            }
        }
        steps
    }

    /// When [`Searches::expire`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.open.values().map(|search| search.next).min()
    }

    fn open(&mut self, now: Time, message: MessageId, sought: bool) {
        self.open.entry(message).or_insert(Search {
            next: now + PULL_WAIT,
            state: State::Patient,
            sought,
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

    fn searched(holding: Holding) -> Vec<Step> {
        let start = Time::default();
        let mut searches = Searches::default();
        searches.lacking(start, [lost()].into_iter(), |_| false);
        assert_eq!(searches.expire(start, |_| true), []);
        let now = start + PULL_WAIT;
        assert_eq!(
            searches.expire(now, |_| true),
            [Step::AskNeighbours(lost())]
        );
        let now = now + PULL_TIMEOUT;
        assert_eq!(searches.expire(now, |_| true), [Step::AskEverybody(lost())]);
        searches.asked(lost(), BTreeSet::from([id(2), id(3)]));
        searches.answered(now, lost(), &id(2), Holding::Never);
        assert_eq!(searches.expire(now, |_| true), []);
        searches.answered(now, lost(), &id(3), holding);
        searches.expire(now, |_| true)
    }

    #[test]
    fn a_gap_is_what_everybody_has_denied() {
        let gap = |delivered| {
            [Step::Gap {
                message: lost(),
                delivered,
            }]
        };
        assert_eq!(searched(Holding::Never), gap(false));
        assert_eq!(searched(Holding::Evicted), gap(true));
        assert_eq!(searched(Holding::Held), []);
    }

    #[test]
    fn a_gap_is_shown_once_while_it_lasts() {
        let start = Time::default();
        let mut searches = Searches::default();
        searches.shown.insert(lost());
        searches.lacking(start, [lost()].into_iter(), |_| false);
        assert_eq!(searches.deadline(), None);
        searches.lacking(start, [].into_iter(), |_| false);
        searches.lacking(start, [lost()].into_iter(), |_| false);
        assert_eq!(searches.deadline(), Some(start + PULL_WAIT));
    }
}

//! The bully election: when a deputy asks its seniors, defers to them, or takes over.
//!
//! `PROTOCOL.md` §6.3. Not here: the list of deputies (the view and the failure detector), and the winner's
//! announcement (`node::takeover`).

use alloc::collections::BTreeMap;

use ringtalk_wire::NodeId;

use crate::Time;
use crate::config::{ANSWER_WAIT, DEPUTY_WAIT, ELECTION_WAIT};

/// After how many unkept promises to take over a more senior member is no longer waited for.
const PROMISES: u32 = 2;

/// The state of this node in the election of a new coordinator.
#[derive(Debug, Default)]
pub(crate) struct Election {
    state: ElectionState,
    /// How often each more senior member has said that it would take over.
    promises: BTreeMap<NodeId, u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum ElectionState {
    /// There is a coordinator, as far as this node knows.
    #[default]
    Idle,
    /// More senior deputies go first, until then.
    Waiting(Time),
    /// The seniors were asked.
    Asking(Time),
    /// Other members were asked to seal this node's new epoch.
    Candidate(Time),
    /// A senior answered that it will take over, or nothing could be decided.
    Deferring(Time),
}

/// The step that a deputy takes when its time has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ElectionStep {
    /// Ask all more senior members.
    AskSeniors,
    /// Take over: no more senior member answered.
    TakeOver,
    /// Ask other members for a seal: those asked before did not answer.
    RequestSealsAgain,
}

impl Election {
    /// Starts the election, because the coordinator is dead. `rank` is this node's place among the deputies, from 0.
    pub(crate) fn begin(&mut self, now: Time, rank: u32) {
        if self.state == ElectionState::Idle {
            self.state = ElectionState::Waiting(now + DEPUTY_WAIT * rank);
        }
    }

    /// Notes that the seniors were asked.
    pub(crate) fn note_seniors_asked(&mut self, now: Time) {
        debug_assert_ne!(
            self.state,
            ElectionState::Idle,
            "an election is begun first"
        );
        self.state = ElectionState::Asking(now + ANSWER_WAIT);
    }

    /// Notes that other members were asked to seal this node's new epoch.
    pub(crate) fn note_seals_requested(&mut self, now: Time) {
        debug_assert_ne!(
            self.state,
            ElectionState::Idle,
            "an election is begun first"
        );
        self.state = ElectionState::Candidate(now + ANSWER_WAIT);
    }

    /// Returns true while this node waits for another member's seal under its new epoch.
    pub(crate) const fn is_candidate(&self) -> bool {
        matches!(self.state, ElectionState::Candidate(_))
    }

    /// Defers to a more senior member that is alive and will take over.
    pub(crate) fn take_promise(&mut self, now: Time, senior: NodeId) {
        let waits = matches!(self.state, ElectionState::Deferring(_));
        if self.state != ElectionState::Idle && !waits && !self.is_unreliable(&senior) {
            *self.promises.entry(senior).or_default() += 1;
            self.defer(now);
        }
    }

    /// Asks the seniors again later: nothing can be decided yet.
    pub(crate) fn defer(&mut self, now: Time) {
        if self.state != ElectionState::Idle {
            self.state = ElectionState::Deferring(now + ELECTION_WAIT);
        }
    }

    /// Returns true if a senior has said several times that it would take over, and has not.
    pub(crate) fn is_unreliable(&self, senior: &NodeId) -> bool {
        self.promises
            .get(senior)
            .is_some_and(|kept| *kept >= PROMISES)
    }

    /// Returns true while the seniors' answers are awaited.
    pub(crate) const fn is_asking(&self) -> bool {
        matches!(self.state, ElectionState::Asking(_))
    }

    /// Ends the election: there is a coordinator (again).
    pub(crate) fn end(&mut self) {
        self.state = ElectionState::Idle;
        self.promises.clear();
    }

    /// Returns what to do next, if that is due.
    pub(crate) fn expire(&mut self, now: Time) -> Option<ElectionStep> {
        match self.state {
            ElectionState::Waiting(until) | ElectionState::Deferring(until) if until <= now => {
                Some(ElectionStep::AskSeniors)
            }
            ElectionState::Asking(until) if until <= now => Some(ElectionStep::TakeOver),
            ElectionState::Candidate(until) if until <= now => {
                Some(ElectionStep::RequestSealsAgain)
            }
            _ => None,
        }
    }

    /// Returns when [`Election::expire`] is due.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        match self.state {
            ElectionState::Idle => None,
            ElectionState::Waiting(until)
            | ElectionState::Asking(until)
            | ElectionState::Candidate(until)
            | ElectionState::Deferring(until) => Some(until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_deputy_asks_at_once_and_the_others_wait_their_turn() {
        let now = Time::default();
        let mut first = Election::default();
        first.begin(now, 0);
        assert_eq!(first.expire(now), Some(ElectionStep::AskSeniors));
        let mut third = Election::default();
        third.begin(now, 2);
        assert_eq!(third.expire(now + DEPUTY_WAIT), None);
        third.begin(now, 0);
        assert_eq!(third.expire(now), None, "a second notice changes nothing");
        assert_eq!(
            third.expire(now + DEPUTY_WAIT * 2),
            Some(ElectionStep::AskSeniors)
        );
    }

    #[test]
    fn a_deputy_takes_over_without_an_answer_and_defers_with_one() {
        let now = Time::default();
        let mut election = Election::default();
        election.begin(now, 0);
        election.note_seniors_asked(now);
        assert_eq!(
            election.expire(now + ANSWER_WAIT),
            Some(ElectionStep::TakeOver)
        );
        let senior = NodeId::from_bytes([1; 16]);
        for _ in 0..PROMISES {
            election.note_seniors_asked(now);
            assert!(!election.is_unreliable(&senior));
            election.take_promise(now, senior);
            election.take_promise(now, senior);
            assert_eq!(election.expire(now + ANSWER_WAIT), None);
            assert_eq!(
                election.expire(now + ELECTION_WAIT),
                Some(ElectionStep::AskSeniors)
            );
        }
        election.note_seniors_asked(now);
        election.take_promise(now, senior);
        assert_eq!(
            election.expire(now + ANSWER_WAIT),
            Some(ElectionStep::TakeOver)
        );
        election.end();
        assert!(!election.is_unreliable(&senior));
        assert_eq!(election.deadline(), None);
    }
}

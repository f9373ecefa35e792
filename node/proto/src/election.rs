//! The bully election: when a deputy asks its seniors, defers to them, or takes over.
//!
//! `PROTOCOL.md` §6.3. Not here: who is a deputy, which the view and the suspicions say, and what
//! the winner announces.

use crate::Time;
use crate::config::{ANSWER_WAIT, DEPUTY_WAIT, ELECTION_WAIT};

/// Where this node stands in the election of a new coordinator.
#[derive(Debug, Default)]
pub(crate) struct Election {
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    /// There is a coordinator, as far as this node knows.
    #[default]
    Idle,
    /// More senior deputies have the first word.
    Waiting(Time),
    /// The seniors were asked.
    Asking(Time),
    /// Another member was asked to stand for the new epoch too.
    Standing(Time),
    /// A senior answered: it will take over.
    Deferring(Time),
}

/// What a deputy does when its time has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Ask everybody more senior.
    Ask,
    /// Take over: nobody more senior answered.
    TakeOver,
    /// Ask others to stand for it: those who were asked did not answer.
    StandAgain,
}

impl Election {
    /// The coordinator is dead, and this node is the deputy of that rank, from 0.
    pub(crate) fn begin(&mut self, now: Time, rank: u32) {
        if self.state == State::Idle {
            self.state = State::Waiting(now + DEPUTY_WAIT * rank);
        }
    }

    /// The seniors were asked.
    pub(crate) fn asked(&mut self, now: Time) {
        self.state = State::Asking(now + ANSWER_WAIT);
    }

    /// Others were asked to stand for the new epoch.
    pub(crate) fn stood(&mut self, now: Time) {
        self.state = State::Standing(now + ANSWER_WAIT);
    }

    /// True while somebody is awaited who stands for the new epoch.
    pub(crate) const fn is_standing(&self) -> bool {
        matches!(self.state, State::Standing(_))
    }

    /// Somebody more senior is alive.
    pub(crate) fn answered(&mut self, now: Time) {
        if self.state != State::Idle {
            self.state = State::Deferring(now + ELECTION_WAIT);
        }
    }

    /// True while the seniors' answers are awaited.
    pub(crate) const fn is_asking(&self) -> bool {
        matches!(self.state, State::Asking(_))
    }

    /// There is a coordinator (again).
    pub(crate) fn settle(&mut self) {
        self.state = State::Idle;
    }

    /// What to do now.
    pub(crate) fn expire(&mut self, now: Time) -> Option<Step> {
        match self.state {
            State::Waiting(until) | State::Deferring(until) if until <= now => Some(Step::Ask),
            State::Asking(until) if until <= now => Some(Step::TakeOver),
            State::Standing(until) if until <= now => Some(Step::StandAgain),
            _ => None,
        }
    }

    /// When [`Election::expire`] has something to do.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        match self.state {
            State::Idle => None,
            State::Waiting(until)
            | State::Asking(until)
            | State::Standing(until)
            | State::Deferring(until) => Some(until),
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
        assert_eq!(first.expire(now), Some(Step::Ask));
        let mut third = Election::default();
        third.begin(now, 2);
        assert_eq!(third.expire(now + DEPUTY_WAIT), None);
        third.begin(now, 0);
        assert_eq!(third.expire(now), None, "a second notice changes nothing");
        assert_eq!(third.expire(now + DEPUTY_WAIT * 2), Some(Step::Ask));
    }

    #[test]
    fn takes_over_without_an_answer_and_defers_with_one() {
        let now = Time::default();
        let mut election = Election::default();
        election.begin(now, 0);
        election.asked(now);
        assert_eq!(election.expire(now + ANSWER_WAIT), Some(Step::TakeOver));
        election.answered(now);
        assert_eq!(election.expire(now + ANSWER_WAIT), None);
        assert_eq!(election.expire(now + ELECTION_WAIT), Some(Step::Ask));
        election.settle();
        assert_eq!(election.deadline(), None);
    }
}

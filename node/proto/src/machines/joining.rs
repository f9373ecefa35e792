//! Joining: from the first request to the director until the history is here.
//!
//! An evicted member comes back the same way, without the history. `PROTOCOL.md` §5.1. Not here: the coordinator's
//! side (`admission`).

mod progress;

use ringtalk_wire::{Contact, MessageId, NodeId, VectorClock};

use crate::config::JOIN_WAIT;
use crate::{JoiningStage, Time};
use progress::Progress;

/// How long to rest before the director is asked again.
const DIRECTOR_PAUSE: core::time::Duration = core::time::Duration::from_millis(200);
/// How many times a coordinator is asked in vain before the director is asked for another one.
const ATTEMPTS: u32 = 3;

/// How soon to ask the coordinator again if the link broke.
const RETRY_AFTER_LINK_LOSS: core::time::Duration = core::time::Duration::from_millis(50);
/// How often in a row this node follows a redirection before it rests.
const REDIRECTIONS: u32 = 8;

/// How far this node has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum JoinState {
    /// The director was asked.
    Asking,
    /// The director will be asked at that time.
    Resting(Time),
    /// A coordinator was asked for a place in the ring.
    Requesting {
        /// The coordinator.
        contact: Contact,
        /// When to ask again.
        until: Time,
        /// How often a coordinator was asked.
        attempts: u32,
    },
    /// The node is a member, and has asked the neighbours for the history.
    Fetching {
        /// When to ask again.
        until: Time,
        /// The first complete cut and its donor; the node is ready once its clock covers the cut.
        cut: Option<(NodeId, VectorClock)>,
        /// How often the neighbours were asked.
        attempts: u32,
    },
    /// The node is a member that has everything.
    Inside,
}

/// The step to take when a stage has taken too long.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum JoinStep {
    /// Ask the director.
    AskDirector,
    /// Ask this coordinator for a place.
    Request(Contact),
    /// Ask the neighbours for the history (again).
    Fetch,
    /// Go on alone: a former member has found nobody for too long.
    GoOnAlone,
}

/// The way of a node into the ring.
#[derive(Debug)]
pub(crate) struct Joining {
    stage: JoinState,
    /// Whether the node was ever inside with everything.
    ready: bool,
    /// When a former member that finds nobody goes on alone.
    alone_at: Option<Time>,
    /// The clock of the first cut: the history ends there, however often the rest of it is asked for.
    history: VectorClock,
    progress: Progress,
}

impl Joining {
    /// Creates the state of a node that has just started, and has asked the director.
    pub(crate) const fn new() -> Self {
        Self {
            stage: JoinState::Asking,
            ready: false,
            alone_at: None,
            history: VectorClock::new(),
            progress: Progress::new(),
        }
    }

    /// Sets when a former member that is outside goes on alone, unless it finds a way in.
    pub(crate) const fn set_alone_at(&mut self, at: Time) {
        self.alone_at = Some(at);
    }

    /// Returns true once the node was inside with everything.
    pub(crate) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Notes that the node is inside with everything, so that the event `ready` is emitted once.
    pub(crate) fn set_ready(&mut self) {
        debug_assert!(
            self.is_inside() && !self.ready,
            "a node gets ready once, inside"
        );
        self.ready = true;
    }

    /// Returns how far this node has come.
    pub(crate) const fn stage(&self) -> &JoinState {
        &self.stage
    }

    /// Returns true if the node is a member that has everything.
    pub(crate) fn is_inside(&self) -> bool {
        self.stage == JoinState::Inside
    }

    /// Returns true if the node is not a member (not yet, or no longer).
    pub(crate) const fn is_outside(&self) -> bool {
        matches!(
            self.stage,
            JoinState::Asking | JoinState::Resting(_) | JoinState::Requesting { .. }
        )
    }

    /// Returns the current stage if the user was not told of it yet.
    pub(crate) fn next_report(
        &mut self,
        is_linked: impl Fn(&NodeId) -> bool,
    ) -> Option<JoiningStage> {
        let stage = match &self.stage {
            JoinState::Asking => JoiningStage::AskingDirector,
            JoinState::Requesting { contact, .. } => {
                let (peer, address) = (contact.id, contact.addresses.shown().into());
                if is_linked(&peer) {
                    JoiningStage::AskingForPlace { peer, address }
                } else {
                    JoiningStage::Linking { peer, address }
                }
            }
            JoinState::Fetching { .. } => self.progress.stage(),
            JoinState::Resting(_) | JoinState::Inside => return None,
        };
        self.progress.next_report(stage)
    }

    /// Returns how much of the history is here, for the user.
    pub(crate) const fn progress(&mut self) -> &mut Progress {
        &mut self.progress
    }

    /// Asks a coordinator for a place.
    pub(crate) fn request(&mut self, now: Time, contact: Contact) {
        debug_assert!(self.is_outside(), "a member has its place");
        self.stage = JoinState::Requesting {
            contact,
            until: now + JOIN_WAIT,
            attempts: 1,
        };
    }

    /// Follows a redirection to another coordinator. Returns false, and rests, after too many in a row, or if the
    /// redirecting node names itself.
    pub(crate) fn redirect(&mut self, now: Time, contact: Contact, by: &NodeId) -> bool {
        debug_assert!(self.is_outside(), "a member has its place");
        let attempts = match &self.stage {
            JoinState::Requesting { attempts, .. } => attempts + 1,
            _ => 1,
        };
        if attempts > REDIRECTIONS || contact.id == *by {
            self.rest(now);
            return false;
        }
        self.stage = JoinState::Requesting {
            contact,
            until: now + JOIN_WAIT,
            attempts,
        };
        true
    }

    /// Rests before it asks the director again: the coordinator refused, or nobody answers.
    pub(crate) fn rest(&mut self, now: Time) {
        self.stage = JoinState::Resting(now + DIRECTOR_PAUSE);
    }

    /// Fetches the history, after a newcomer got its place.
    pub(crate) fn fetch(&mut self, now: Time) {
        debug_assert!(
            self.is_outside() && !self.ready,
            "who was inside has the discussion"
        );
        self.stage = JoinState::Fetching {
            until: now + JOIN_WAIT,
            cut: None,
            attempts: 1,
        };
    }

    /// Asks the coordinator again soon: the link to it broke before it answered.
    pub(crate) fn note_link_lost(&mut self, now: Time, peer: &NodeId) {
        if let JoinState::Requesting { contact, until, .. } = &mut self.stage
            && contact.id == *peer
        {
            *until = (*until).min(now + RETRY_AFTER_LINK_LOSS);
        }
    }

    /// Returns true if the neighbours were asked for the history, and no cut is agreed yet.
    pub(crate) const fn awaits_cut(&self) -> bool {
        matches!(self.stage, JoinState::Fetching { cut: None, .. })
    }

    /// Lets a cut that is here wait for others until `at`.
    pub(crate) fn limit_cut_wait(&mut self, at: Time) {
        if let JoinState::Fetching { until, .. } = &mut self.stage {
            *until = (*until).min(at);
        }
    }

    /// Takes a neighbour's complete cut. Returns true if it is the first.
    pub(crate) fn take_cut(&mut self, now: Time, donor: NodeId, clock: VectorClock) -> bool {
        match &mut self.stage {
            JoinState::Fetching { until, cut, .. } if cut.is_none() => {
                if self.history.is_empty() {
                    self.history = clock.clone();
                }
                *cut = Some((donor, clock));
                *until = now + JOIN_WAIT;
                true
            }
            _ => false,
        }
    }

    /// Gives up on the donor of the cut if this peer is it: another neighbour is asked at once.
    pub(crate) fn donor_lost(&mut self, now: Time, donor: &NodeId) {
        if let JoinState::Fetching { until, cut, .. } = &mut self.stage
            && cut.as_ref().is_some_and(|(from, _)| from == donor)
        {
            *cut = None;
            *until = now;
        }
    }

    /// Notes that more of the history has come, so that no other neighbour needs to be asked yet.
    pub(crate) fn note_progress(&mut self, now: Time) {
        if let JoinState::Fetching { until, .. } = &mut self.stage {
            *until = now + JOIN_WAIT;
        }
    }

    /// Returns true if a message was said before this node joined.
    pub(crate) fn is_history(&self, message: MessageId) -> bool {
        self.history.covers(message)
    }

    /// Returns the donor of the cut, and the clock up to which the history goes.
    pub(crate) const fn promised_history(&self) -> Option<(NodeId, &VectorClock)> {
        match &self.stage {
            JoinState::Fetching {
                cut: Some((donor, clock)),
                ..
            } => Some((*donor, clock)),
            _ => None,
        }
    }

    /// Returns how often the neighbours have been asked for the history.
    pub(crate) const fn fetch_attempts(&self) -> u32 {
        match self.stage {
            JoinState::Fetching { attempts, .. } => attempts,
            _ => 0,
        }
    }

    /// Makes the node a member that has everything.
    pub(crate) fn complete(&mut self) {
        self.stage = JoinState::Inside;
        self.history = VectorClock::new();
    }

    /// Returns what to do next, if that is due.
    pub(crate) fn expire(&mut self, now: Time) -> Option<JoinStep> {
        if self.is_outside() && self.alone_at.is_some_and(|at| at <= now) {
            self.alone_at = None;
            return Some(JoinStep::GoOnAlone);
        }
        match &mut self.stage {
            JoinState::Resting(until) if *until <= now => {
                self.stage = JoinState::Asking;
                Some(JoinStep::AskDirector)
            }
            JoinState::Requesting {
                contact,
                until,
                attempts,
            } if *until <= now => {
                *until = now + JOIN_WAIT;
                *attempts += 1;
                if *attempts > ATTEMPTS {
                    self.stage = JoinState::Asking;
                    return Some(JoinStep::AskDirector);
                }
                Some(JoinStep::Request(contact.clone()))
            }
            JoinState::Fetching {
                until,
                cut,
                attempts,
            } if *until <= now => {
                *until = now + JOIN_WAIT;
                *cut = None;
                *attempts += 1;
                Some(JoinStep::Fetch)
            }
            _ => None,
        }
    }

    /// Returns when [`Joining::expire`] is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let alone_at = self.alone_at.filter(|_| self.is_outside());
        let until = match self.stage {
            JoinState::Resting(until)
            | JoinState::Requesting { until, .. }
            | JoinState::Fetching { until, .. } => Some(until),
            JoinState::Asking | JoinState::Inside => None,
        };
        alone_at.into_iter().chain(until).min()
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use ringtalk_wire::{Addresses, Epoch};

    use super::*;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn contact() -> Contact {
        Contact {
            id: id(1),
            addresses: Addresses::default(),
            epoch: Epoch {
                number: 1,
                coordinator: id(1),
            },
        }
    }

    #[test]
    fn a_newcomer_asks_the_director_after_a_few_vain_requests() {
        let mut joining = Joining::new();
        let mut now = Time::default();
        joining.request(now, contact());
        for _ in 1..ATTEMPTS {
            now = now + JOIN_WAIT;
            assert_eq!(joining.expire(now), Some(JoinStep::Request(contact())));
        }
        assert_eq!(joining.expire(now + JOIN_WAIT), Some(JoinStep::AskDirector));
        assert!(joining.is_outside());
    }

    #[test]
    fn the_first_cut_counts_and_a_lost_donor_is_replaced_at_once() {
        let mut joining = Joining::new();
        let now = Time::default();
        joining.fetch(now);
        assert!(joining.take_cut(now, id(1), VectorClock::new()));
        assert!(!joining.take_cut(now, id(2), VectorClock::new()));
        joining.donor_lost(now, &id(2));
        assert_eq!(joining.expire(now), None);
        joining.donor_lost(now, &id(1));
        assert_eq!(joining.expire(now), Some(JoinStep::Fetch));
        assert!(joining.take_cut(now, id(2), VectorClock::new()));
    }

    #[test]
    fn history_stays_history_while_the_rest_is_fetched_again() {
        let mut joining = Joining::new();
        let message = |seq| MessageId { author: id(3), seq };
        let now = Time::default();
        joining.fetch(now);
        joining.take_cut(now, id(1), [message(5)].into_iter().collect());
        assert_eq!(joining.expire(now + JOIN_WAIT), Some(JoinStep::Fetch));
        assert!(joining.is_history(message(5)), "nobody has answered anew");
        joining.take_cut(now + JOIN_WAIT, id(1), [message(7)].into_iter().collect());
        assert!(joining.is_history(message(5)) && !joining.is_history(message(6)));
        joining.complete();
        assert!(!joining.is_history(message(5)));
    }

    #[test]
    fn the_user_sees_each_step() {
        let mut joining = Joining::new();
        let now = Time::default();
        let (nobody, everybody) = (|_: &NodeId| false, |_: &NodeId| true);
        assert_eq!(
            joining.next_report(nobody),
            None,
            "it was told of the first"
        );
        joining.request(now, contact());
        let (peer, address) = (id(1), String::new());
        let linking = JoiningStage::Linking {
            peer,
            address: address.clone(),
        };
        assert_eq!(joining.next_report(nobody), Some(linking));
        assert_eq!(joining.next_report(nobody), None);
        let asking = JoiningStage::AskingForPlace { peer, address };
        assert_eq!(joining.next_report(everybody), Some(asking));
        joining.fetch(now);
        let fetching = |done, total| Some(JoiningStage::FetchingHistory { done, total });
        assert_eq!(joining.next_report(everybody), fetching(0, 0));
        joining.progress().set_total(2);
        assert_eq!(
            joining.next_report(nobody),
            fetching(0, 2),
            "any peer may be linked"
        );
        joining.progress().add_done(2);
        assert_eq!(joining.next_report(everybody), fetching(2, 2));
        joining.rest(now);
        assert_eq!(joining.next_report(everybody), None);
        joining.expire(now + DIRECTOR_PAUSE);
        assert_eq!(
            joining.next_report(everybody),
            Some(JoiningStage::AskingDirector)
        );
    }

    #[test]
    fn a_former_member_that_finds_nobody_goes_on_alone() {
        let mut joining = Joining::new();
        let now = Time::default();
        joining.set_alone_at(now + JOIN_WAIT);
        joining.request(now + JOIN_WAIT / 2, contact());
        assert_eq!(joining.expire(now + JOIN_WAIT), Some(JoinStep::GoOnAlone));
        joining.set_alone_at(now + JOIN_WAIT);
        joining.complete();
        assert_eq!(joining.expire(now + JOIN_WAIT), None);
    }
}

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
const REST: core::time::Duration = core::time::Duration::from_millis(200);
/// How many times a coordinator is asked in vain before the director is asked for another one.
const KNOCKS: u32 = 3;

/// How soon to ask the coordinator again if the link broke.
const KNOCK_AGAIN: core::time::Duration = core::time::Duration::from_millis(50);
/// How often in a row this node follows a redirection before it rests.
const REDIRECTIONS: u32 = 8;

/// How far this node has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// The director was asked.
    Asking,
    /// The director will be asked at that time.
    Resting(Time),
    /// A coordinator was asked for a place in the ring.
    Knocking {
        /// The coordinator.
        contact: Contact,
        /// When to ask again.
        until: Time,
        /// How often a coordinator was asked.
        knocks: u32,
    },
    /// The node is a member, and has asked the neighbours for the history.
    Fetching {
        /// When to ask again.
        until: Time,
        /// The first complete cut and its donor; the node is ready once its clock covers the cut.
        cut: Option<(NodeId, VectorClock)>,
        /// How often the neighbours were asked.
        asked: u32,
    },
    /// The node is a member that has everything.
    Inside,
}

/// What to do when a stage has taken too long.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Ask the director.
    AskDirector,
    /// Ask this coordinator for a place.
    Knock(Contact),
    /// Ask the neighbours for the history (again).
    Fetch,
    /// Go on alone: a former member has found nobody for too long.
    GoOnAlone,
}

/// The way of a node into the ring.
#[derive(Debug)]
pub(crate) struct Joining {
    stage: Stage,
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
            stage: Stage::Asking,
            ready: false,
            alone_at: None,
            history: VectorClock::new(),
            progress: Progress::new(),
        }
    }

    /// Sets when a former member that is outside goes on alone, unless it finds a way in.
    pub(crate) const fn until_alone(&mut self, at: Time) {
        self.alone_at = Some(at);
    }

    /// Returns true once the node was inside with everything.
    pub(crate) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Notes that the node is inside with everything, so that the event `ready` is emitted once.
    pub(crate) fn get_ready(&mut self) {
        debug_assert!(
            self.is_inside() && !self.ready,
            "a node gets ready once, inside"
        );
        self.ready = true;
    }

    /// Returns how far this node has come.
    pub(crate) const fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Returns true if the node is a member that has everything.
    pub(crate) fn is_inside(&self) -> bool {
        self.stage == Stage::Inside
    }

    /// Returns true if the node is not a member (not yet, or no longer).
    pub(crate) const fn is_outside(&self) -> bool {
        matches!(
            self.stage,
            Stage::Asking | Stage::Resting(_) | Stage::Knocking { .. }
        )
    }

    /// Returns the current stage if the user was not told of it yet.
    pub(crate) fn news(&mut self, is_linked: impl Fn(&NodeId) -> bool) -> Option<JoiningStage> {
        let stage = match &self.stage {
            Stage::Asking => JoiningStage::AskingDirector,
            Stage::Knocking { contact, .. } => {
                let (peer, address) = (contact.id, contact.addresses.shown().into());
                if is_linked(&peer) {
                    JoiningStage::AskingForPlace { peer, address }
                } else {
                    JoiningStage::Linking { peer, address }
                }
            }
            Stage::Fetching { .. } => self.progress.fetching(),
            Stage::Resting(_) | Stage::Inside => return None,
        };
        self.progress.news(stage)
    }

    /// Returns how much of the history is here, for the user.
    pub(crate) const fn progress(&mut self) -> &mut Progress {
        &mut self.progress
    }

    /// Asks a coordinator for a place.
    pub(crate) fn knock(&mut self, now: Time, contact: Contact) {
        debug_assert!(self.is_outside(), "a member has its place");
        self.stage = Stage::Knocking {
            contact,
            until: now + JOIN_WAIT,
            knocks: 1,
        };
    }

    /// Follows a redirection to another coordinator. Returns false, and rests, after too many in a row, or if the
    /// redirecting node names itself.
    pub(crate) fn redirect(&mut self, now: Time, contact: Contact, by: &NodeId) -> bool {
        debug_assert!(self.is_outside(), "a member has its place");
        let doors = match &self.stage {
            Stage::Knocking { knocks, .. } => knocks + 1,
            _ => 1,
        };
        if doors > REDIRECTIONS || contact.id == *by {
            self.rest(now);
            return false;
        }
        self.stage = Stage::Knocking {
            contact,
            until: now + JOIN_WAIT,
            knocks: doors,
        };
        true
    }

    /// Rests before it asks the director again: the coordinator refused, or nobody answers.
    pub(crate) fn rest(&mut self, now: Time) {
        self.stage = Stage::Resting(now + REST);
    }

    /// Fetches the history, after a newcomer got its place.
    pub(crate) fn fetch(&mut self, now: Time) {
        debug_assert!(
            self.is_outside() && !self.ready,
            "who was inside has the discussion"
        );
        self.stage = Stage::Fetching {
            until: now + JOIN_WAIT,
            cut: None,
            asked: 1,
        };
    }

    /// Asks the coordinator again soon: the link to it broke before it answered.
    pub(crate) fn knock_lost(&mut self, now: Time, peer: &NodeId) {
        if let Stage::Knocking { contact, until, .. } = &mut self.stage
            && contact.id == *peer
        {
            *until = (*until).min(now + KNOCK_AGAIN);
        }
    }

    /// Returns true if the neighbours were asked for the history, and no cut has been settled on.
    pub(crate) const fn awaits_cut(&self) -> bool {
        matches!(self.stage, Stage::Fetching { cut: None, .. })
    }

    /// Lets a cut that is here wait for others until `at`.
    pub(crate) fn cut_waits_until(&mut self, at: Time) {
        if let Stage::Fetching { until, .. } = &mut self.stage {
            *until = (*until).min(at);
        }
    }

    /// Takes a neighbour's complete cut. Returns true if it is the first.
    pub(crate) fn cut(&mut self, now: Time, donor: NodeId, clock: VectorClock) -> bool {
        match &mut self.stage {
            Stage::Fetching { until, cut, .. } if cut.is_none() => {
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
        if let Stage::Fetching { until, cut, .. } = &mut self.stage
            && cut.as_ref().is_some_and(|(from, _)| from == donor)
        {
            *cut = None;
            *until = now;
        }
    }

    /// Notes that more of the history has come, so that no other neighbour needs to be asked yet.
    pub(crate) fn progressed(&mut self, now: Time) {
        if let Stage::Fetching { until, .. } = &mut self.stage {
            *until = now + JOIN_WAIT;
        }
    }

    /// Returns true if a message was said before this node joined.
    pub(crate) fn is_history(&self, message: MessageId) -> bool {
        self.history.covers(message)
    }

    /// Returns the donor of the cut, and the clock up to which the history goes.
    pub(crate) const fn promised(&self) -> Option<(NodeId, &VectorClock)> {
        match &self.stage {
            Stage::Fetching {
                cut: Some((donor, clock)),
                ..
            } => Some((*donor, clock)),
            _ => None,
        }
    }

    /// Returns how often the neighbours have been asked for the history.
    pub(crate) const fn asked(&self) -> u32 {
        match self.stage {
            Stage::Fetching { asked, .. } => asked,
            _ => 0,
        }
    }

    /// Makes the node a member that has everything.
    pub(crate) fn arrive(&mut self) {
        self.stage = Stage::Inside;
        self.history = VectorClock::new();
    }

    /// Returns what to do next, if that is due.
    pub(crate) fn expire(&mut self, now: Time) -> Option<Step> {
        if self.is_outside() && self.alone_at.is_some_and(|at| at <= now) {
            self.alone_at = None;
            return Some(Step::GoOnAlone);
        }
        match &mut self.stage {
            Stage::Resting(until) if *until <= now => {
                self.stage = Stage::Asking;
                Some(Step::AskDirector)
            }
            Stage::Knocking {
                contact,
                until,
                knocks,
            } if *until <= now => {
                *until = now + JOIN_WAIT;
                *knocks += 1;
                if *knocks > KNOCKS {
                    self.stage = Stage::Asking;
                    return Some(Step::AskDirector);
                }
                Some(Step::Knock(contact.clone()))
            }
            Stage::Fetching { until, cut, asked } if *until <= now => {
                *until = now + JOIN_WAIT;
                *cut = None;
                *asked += 1;
                Some(Step::Fetch)
            }
            _ => None,
        }
    }

    /// Returns when [`Joining::expire`] is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let alone_at = self.alone_at.filter(|_| self.is_outside());
        let until = match self.stage {
            Stage::Resting(until)
            | Stage::Knocking { until, .. }
            | Stage::Fetching { until, .. } => Some(until),
            Stage::Asking | Stage::Inside => None,
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
    fn knocks_a_few_times_and_asks_the_director_then() {
        let mut joining = Joining::new();
        let mut now = Time::default();
        joining.knock(now, contact());
        for _ in 1..KNOCKS {
            now = now + JOIN_WAIT;
            assert_eq!(joining.expire(now), Some(Step::Knock(contact())));
        }
        assert_eq!(joining.expire(now + JOIN_WAIT), Some(Step::AskDirector));
        assert!(joining.is_outside());
    }

    #[test]
    fn the_first_cut_counts_and_a_lost_donor_is_replaced_at_once() {
        let mut joining = Joining::new();
        let now = Time::default();
        joining.fetch(now);
        assert!(joining.cut(now, id(1), VectorClock::new()));
        assert!(!joining.cut(now, id(2), VectorClock::new()));
        joining.donor_lost(now, &id(2));
        assert_eq!(joining.expire(now), None);
        joining.donor_lost(now, &id(1));
        assert_eq!(joining.expire(now), Some(Step::Fetch));
        assert!(joining.cut(now, id(2), VectorClock::new()));
    }

    #[test]
    fn what_was_said_before_stays_history_while_the_rest_is_asked_for_again() {
        let mut joining = Joining::new();
        let message = |seq| MessageId { author: id(3), seq };
        let now = Time::default();
        joining.fetch(now);
        joining.cut(now, id(1), [message(5)].into_iter().collect());
        assert_eq!(joining.expire(now + JOIN_WAIT), Some(Step::Fetch));
        assert!(joining.is_history(message(5)), "nobody has answered anew");
        joining.cut(now + JOIN_WAIT, id(1), [message(7)].into_iter().collect());
        assert!(joining.is_history(message(5)) && !joining.is_history(message(6)));
        joining.arrive();
        assert!(!joining.is_history(message(5)));
    }

    #[test]
    fn the_user_is_told_of_each_step() {
        let mut joining = Joining::new();
        let now = Time::default();
        let (nobody, everybody) = (|_: &NodeId| false, |_: &NodeId| true);
        assert_eq!(joining.news(nobody), None, "it was told of the first");
        joining.knock(now, contact());
        let (peer, address) = (id(1), String::new());
        let linking = JoiningStage::Linking {
            peer,
            address: address.clone(),
        };
        assert_eq!(joining.news(nobody), Some(linking));
        assert_eq!(joining.news(nobody), None);
        let asking = JoiningStage::AskingForPlace { peer, address };
        assert_eq!(joining.news(everybody), Some(asking));
        joining.fetch(now);
        let fetching = |done, total| Some(JoiningStage::FetchingHistory { done, total });
        assert_eq!(joining.news(everybody), fetching(0, 0));
        joining.progress().promise(2);
        assert_eq!(joining.news(nobody), fetching(0, 2), "whoever is linked");
        joining.progress().came(2);
        assert_eq!(joining.news(everybody), fetching(2, 2));
        joining.rest(now);
        assert_eq!(joining.news(everybody), None);
        joining.expire(now + REST);
        assert_eq!(joining.news(everybody), Some(JoiningStage::AskingDirector));
    }

    #[test]
    fn a_former_member_that_finds_nobody_goes_on_alone() {
        let mut joining = Joining::new();
        let now = Time::default();
        joining.until_alone(now + JOIN_WAIT);
        joining.knock(now + JOIN_WAIT / 2, contact());
        assert_eq!(joining.expire(now + JOIN_WAIT), Some(Step::GoOnAlone));
        joining.until_alone(now + JOIN_WAIT);
        joining.arrive();
        assert_eq!(joining.expire(now + JOIN_WAIT), None);
    }
}

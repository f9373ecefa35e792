//! The discussions that a director knows: the open one, and private ones by id.
//!
//! A private discussion appears with its first registration, and is forgotten when all its leases have run out. If
//! there are too many, a household with many gives way to one with few. Not here: the state of one discussion
//! (`registry`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ringtalk_wire::{DiscussionId, NodeId};

use crate::api::{Coordinator, Directions, Newcomer};
use crate::households::Shares;
use crate::registry::{CallId, CallOutcome, Conflict, Counts, Decision, Registry, STARTUP_GRACE};

/// The most private discussions that are known at once. With the most newcomers that a registry keeps they take 200
/// MB. Four addresses cannot keep this many registered at their request rate.
pub(crate) const PRIVATE_DISCUSSIONS: usize = 4_096;
/// How many of them may be on probation. The rest is reserved for those that have lasted, so that a rush of new ones
/// cannot end a discussion that goes on.
pub(crate) const PRIVATE_ON_PROBATION: usize = PRIVATE_DISCUSSIONS / 4 * 3;
/// How long a discussion is on probation. Keeping many for that long takes many calls from many households.
pub(crate) const PROBATION: Duration = Duration::from_secs(60);

/// A discussion; `None` is the open one.
pub(crate) type DiscussionRef = Option<DiscussionId>;

/// A registry for each discussion. `now` must never decrease.
#[derive(Debug, Default)]
pub(crate) struct Discussions {
    open: Registry,
    private: BTreeMap<DiscussionId, PrivateDiscussion>,
    /// The counts of discussions that were forgotten.
    removed_counts: Counts,
}

/// A private discussion.
#[derive(Debug)]
struct PrivateDiscussion {
    registry: Registry,
    /// The household of the node that named it first, among whose discussions it counts.
    household: IpAddr,
    since: Duration,
}

/// The error that there is no room for another private discussion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooManyDiscussions;

/// A request of a node to join.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeRequest<'a> {
    /// The node's id.
    pub(crate) newcomer: NodeId,
    /// The node with the addresses that its coordinator may dial; `None` if there are none.
    pub(crate) dialable_newcomer: Option<&'a Newcomer>,
    /// True if the node may found the discussion.
    pub(crate) may_found: bool,
    /// The household that the request comes from.
    pub(crate) household: IpAddr,
}

/// The reason why a coordinator is not registered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum RegistrationError {
    /// Another ring is registered.
    Conflict(Conflict),
    /// There are too many discussions.
    TooManyDiscussions,
}

impl Discussions {
    /// See [`Registry::register_coordinator`].
    pub(crate) fn register_coordinator(
        &mut self,
        now: Duration,
        discussion: DiscussionRef,
        caller: Coordinator,
        household: IpAddr,
    ) -> Result<CallId, RegistrationError> {
        let registry = self.get_or_create(now, discussion, household);
        let registry =
            registry.map_err(|TooManyDiscussions| RegistrationError::TooManyDiscussions)?;
        let registered = registry.register_coordinator(now, caller, household);
        registered.map_err(RegistrationError::Conflict)
    }

    /// See [`Registry::take_newcomers`].
    pub(crate) fn take_newcomers(
        &mut self,
        now: Duration,
        discussion: DiscussionRef,
        call: CallId,
    ) -> CallOutcome {
        let registry = self.registry(now, discussion);
        registry.map_or(CallOutcome::Over, |registry| {
            registry.take_newcomers(now, call)
        })
    }

    /// See [`Registry::withdraw`].
    pub(crate) fn withdraw(
        &mut self,
        now: Duration,
        discussion: DiscussionRef,
        id: NodeId,
    ) -> Result<(), Conflict> {
        let registry = self.registry(now, discussion);
        registry.map_or(Ok(()), |registry| registry.withdraw(now, id))
    }

    /// See [`Registry::register_node`]. A request creates a record of the discussion only if it may found it.
    pub(crate) fn register_node(
        &mut self,
        now: Duration,
        discussion: DiscussionRef,
        request: &NodeRequest<'_>,
    ) -> Result<Decision, TooManyDiscussions> {
        let NodeRequest {
            newcomer,
            dialable_newcomer,
            may_found,
            household,
        } = *request;
        if may_found {
            let registry = self.get_or_create(now, discussion, household)?;
            return Ok(registry.register_node(now, newcomer, dialable_newcomer, true));
        }
        Ok(match self.registry(now, discussion) {
            Some(registry) => registry.register_node(now, newcomer, dialable_newcomer, false),
            None if now < STARTUP_GRACE => Decision::Wait {
                until: STARTUP_GRACE,
            },
            None => Decision::Unknown,
        })
    }

    /// Returns the registered coordinator, if any.
    pub(crate) fn coordinator(
        &mut self,
        now: Duration,
        discussion: DiscussionRef,
    ) -> Option<&Coordinator> {
        self.registry(now, discussion)?.coordinator(now)
    }

    /// See [`Registry::find_directions`].
    pub(crate) fn find_directions(
        &mut self,
        now: Duration,
        discussion: DiscussionRef,
    ) -> Option<Directions> {
        self.registry(now, discussion)?.find_directions(now)
    }

    /// Returns the counts of all discussions together.
    pub(crate) fn counts(&self) -> Counts {
        let mut sum = self.removed_counts;
        sum += self.open.counts();
        for private in self.private.values() {
            sum += private.registry.counts();
        }
        sum
    }

    /// Returns the number of private discussions that are known.
    pub(crate) fn private_count(&self) -> usize {
        self.private.len()
    }

    fn registry(&mut self, now: Duration, discussion: DiscussionRef) -> Option<&mut Registry> {
        let Some(id) = discussion else {
            return Some(&mut self.open);
        };
        let private = self.private.get_mut(&id)?;
        if private.registry.is_over(now) {
            self.remove(&id);
            return None;
        }
        self.private
            .get_mut(&id)
            .map(|private| &mut private.registry)
    }

    /// Returns the registry of a discussion; creates it if it is unknown.
    fn get_or_create(
        &mut self,
        now: Duration,
        discussion: DiscussionRef,
        household: IpAddr,
    ) -> Result<&mut Registry, TooManyDiscussions> {
        let Some(id) = discussion else {
            return Ok(&mut self.open);
        };
        if self.registry(now, discussion).is_none() {
            self.make_room(now, household)?;
        }
        let private = self.private.entry(id).or_insert_with(|| PrivateDiscussion {
            registry: Registry::default(),
            household,
            since: now,
        });
        Ok(&mut private.registry)
    }

    /// Makes room for one more discussion of a household. If there is none, forgets the latest discussion of the
    /// largest household: one on probation if these fill their share, otherwise any, since those that have lasted
    /// exceed theirs.
    fn make_room(&mut self, now: Duration, household: IpAddr) -> Result<(), TooManyDiscussions> {
        self.remove_ended(now);
        let is_on_probation = |private: &&PrivateDiscussion| now < private.since + PROBATION;
        let on_probation = self.private.values().filter(is_on_probation).count();
        let is_probation_full = on_probation >= PRIVATE_ON_PROBATION;
        if self.private.len() < PRIVATE_DISCUSSIONS && !is_probation_full {
            return Ok(());
        }
        let may_evict =
            |private: &&PrivateDiscussion| !is_probation_full || is_on_probation(private);
        let evictable = || {
            self.private
                .iter()
                .filter(|(_, private)| may_evict(private))
        };
        let shares = Shares::of(evictable().map(|(_, private)| private.household));
        let largest = shares
            .household_to_evict(&household)
            .ok_or(TooManyDiscussions)?;
        let of_largest = evictable().filter(|(_, private)| private.household == largest);
        let latest = of_largest.max_by_key(|(_, private)| private.since);
        let latest = latest.map(|(id, _)| *id).ok_or(TooManyDiscussions)?;
        self.remove(&latest);
        Ok(())
    }

    fn remove_ended(&mut self, now: Duration) {
        let removed_counts = &mut self.removed_counts;
        self.private.retain(|_, private| {
            let is_over = private.registry.is_over(now);
            if is_over {
                *removed_counts += private.registry.counts();
            }
            !is_over
        });
    }

    fn remove(&mut self, id: &DiscussionId) {
        if let Some(private) = self.private.remove(id) {
            self.removed_counts += private.registry.counts();
        }
    }
}

#[cfg(test)]
mod tests;

//! The discussions that a director knows: the open one, and private ones by their ids.
//!
//! Private ones come with their first registration, and are forgotten once all their leases have
//! run out. If there are too many, a household that keeps many gives way to one that keeps few. Not here:
//! what is remembered of one discussion (`registry`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ringtalk_wire::{DiscussionId, NodeId};

use crate::api::{Coordinator, Directions, Newcomer};
use crate::households::Shares;
use crate::registry::{Call, Conflict, Handover, Placement, Registry, SETTLING, Tally};

/// How many private discussions are known at once. With the most newcomers that a registry keeps,
/// they take 200 MB; more than four addresses can keep registered at their rate of requests.
pub(crate) const PRIVATE: usize = 4_096;
/// How many of them are young: the others are kept for those that have lasted, so that no rush of new ones ends a
/// talk that goes on.
pub(crate) const YOUNG: usize = PRIVATE / 4 * 3;
/// How long a discussion is young. To keep many for that long takes many calls from many households.
pub(crate) const YOUTH: Duration = Duration::from_secs(60);

/// Which discussion is meant; none is the open one.
pub(crate) type Which = Option<DiscussionId>;

/// A registry for each discussion. `now` must never go back.
#[derive(Debug, Default)]
pub(crate) struct Discussions {
    open: Registry,
    private: BTreeMap<DiscussionId, Known>,
    /// What happened in those that were forgotten.
    forgotten: Tally,
}

/// A private discussion.
#[derive(Debug)]
struct Known {
    registry: Registry,
    /// Of whoever named it first: it has its place among theirs.
    household: IpAddr,
    since: Duration,
}

/// There is no room for another private discussion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full;

/// A node that asks for the way in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    /// The node.
    pub(crate) newcomer: NodeId,
    /// What its coordinator is told of it.
    pub(crate) told: Option<&'a Newcomer>,
    /// True if it may found the discussion.
    pub(crate) may_found: bool,
    /// The household that it asks from.
    pub(crate) household: IpAddr,
}

/// Why a coordinator is not registered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unregistered {
    /// Another ring is.
    Conflict(Conflict),
    /// There are too many discussions.
    Full,
}

impl Discussions {
    /// See [`Registry::register_coordinator`].
    pub(crate) fn register_coordinator(
        &mut self,
        now: Duration,
        which: Which,
        caller: Coordinator,
        household: IpAddr,
    ) -> Result<Call, Unregistered> {
        let registry = self.enter(now, which, household);
        let registry = registry.map_err(|Full| Unregistered::Full)?;
        let registered = registry.register_coordinator(now, caller, household);
        registered.map_err(Unregistered::Conflict)
    }

    /// See [`Registry::hand_over`].
    pub(crate) fn hand_over(&mut self, now: Duration, which: Which, call: Call) -> Handover {
        let registry = self.known(now, which);
        registry.map_or(Handover::Over, |registry| registry.hand_over(now, call))
    }

    /// See [`Registry::withdraw`].
    pub(crate) fn withdraw(
        &mut self,
        now: Duration,
        which: Which,
        id: NodeId,
    ) -> Result<(), Conflict> {
        let registry = self.known(now, which);
        registry.map_or(Ok(()), |registry| registry.withdraw(now, id))
    }

    /// See [`Registry::register_node`]. To ask for a discussion leaves no trace of it; to found
    /// one does.
    pub(crate) fn register_node(
        &mut self,
        now: Duration,
        which: Which,
        asked: &Asking<'_>,
    ) -> Result<Placement, Full> {
        let Asking {
            newcomer,
            told,
            may_found,
            household,
        } = *asked;
        if may_found {
            let registry = self.enter(now, which, household)?;
            return Ok(registry.register_node(now, newcomer, told, true));
        }
        Ok(match self.known(now, which) {
            Some(registry) => registry.register_node(now, newcomer, told, false),
            None if now < SETTLING => Placement::Wait { until: SETTLING },
            None => Placement::Unknown,
        })
    }

    /// Who coordinates, as far as is known.
    pub(crate) fn coordinator(&mut self, now: Duration, which: Which) -> Option<&Coordinator> {
        self.known(now, which)?.coordinator(now)
    }

    /// See [`Registry::find`].
    pub(crate) fn find(&mut self, now: Duration, which: Which) -> Option<Directions> {
        self.known(now, which)?.find(now)
    }

    /// What happened so far, in all discussions together.
    pub(crate) fn tally(&self) -> Tally {
        let mut sum = self.forgotten;
        sum += self.open.tally();
        for known in self.private.values() {
            sum += known.registry.tally();
        }
        sum
    }

    /// How many private discussions are known.
    pub(crate) fn private_count(&self) -> usize {
        self.private.len()
    }

    fn known(&mut self, now: Duration, which: Which) -> Option<&mut Registry> {
        let Some(id) = which else {
            return Some(&mut self.open);
        };
        let known = self.private.get_mut(&id)?;
        if known.registry.is_over(now) {
            self.forget(&id);
            return None;
        }
        self.private.get_mut(&id).map(|known| &mut known.registry)
    }

    /// The registry of a discussion, which is new where it is not known.
    fn enter(
        &mut self,
        now: Duration,
        which: Which,
        household: IpAddr,
    ) -> Result<&mut Registry, Full> {
        let Some(id) = which else {
            return Ok(&mut self.open);
        };
        if self.known(now, which).is_none() {
            self.make_room(now, household)?;
        }
        let known = self.private.entry(id).or_insert_with(|| Known {
            registry: Registry::default(),
            household,
            since: now,
        });
        Ok(&mut known.registry)
    }

    /// Makes room for one more of a household. If there is none, the latest young one of the largest household is
    /// forgotten, and of those that have lasted only what is beyond their own share.
    fn make_room(&mut self, now: Duration, household: IpAddr) -> Result<(), Full> {
        self.forget_ended(now);
        let is_young = |known: &&Known| now < known.since + YOUTH;
        let young = self.private.values().filter(is_young).count();
        let is_crowded_by_young = young >= YOUNG;
        if self.private.len() < PRIVATE && !is_crowded_by_young {
            return Ok(());
        }
        let crowding = |known: &&Known| !is_crowded_by_young || is_young(known);
        let crowding = || self.private.iter().filter(|(_, known)| crowding(known));
        let shares = Shares::of(crowding().map(|(_, known)| known.household));
        let crowd = shares.crowd(&household).ok_or(Full)?;
        let theirs = crowding().filter(|(_, known)| known.household == crowd);
        let latest = theirs.max_by_key(|(_, known)| known.since);
        let latest = latest.map(|(id, _)| *id).ok_or(Full)?;
        self.forget(&latest);
        Ok(())
    }

    fn forget_ended(&mut self, now: Duration) {
        let forgotten = &mut self.forgotten;
        self.private.retain(|_, known| {
            let is_over = known.registry.is_over(now);
            if is_over {
                *forgotten += known.registry.tally();
            }
            !is_over
        });
    }

    fn forget(&mut self, id: &DiscussionId) {
        if let Some(known) = self.private.remove(id) {
            self.forgotten += known.registry.tally();
        }
    }
}

#[cfg(test)]
mod tests;

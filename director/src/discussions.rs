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
use crate::registry::{Call, Conflict, Handover, Placement, Registry, SETTLING, Tally};

/// The most private discussions that are known at once. With the most newcomers that a registry keeps they take 200
/// MB. Four addresses cannot keep this many registered at their request rate.
pub(crate) const PRIVATE: usize = 4_096;
/// How many of them may be young. The rest is reserved for those that have lasted, so that a rush of new ones
/// cannot end a discussion that goes on.
pub(crate) const YOUNG: usize = PRIVATE / 4 * 3;
/// How long a discussion is young. Keeping many for that long takes many calls from many households.
pub(crate) const YOUTH: Duration = Duration::from_secs(60);

/// A discussion; `None` is the open one.
pub(crate) type Which = Option<DiscussionId>;

/// A registry for each discussion. `now` must never decrease.
#[derive(Debug, Default)]
pub(crate) struct Discussions {
    open: Registry,
    private: BTreeMap<DiscussionId, Known>,
    /// The counts of discussions that were forgotten.
    forgotten: Tally,
}

/// A private discussion.
#[derive(Debug)]
struct Known {
    registry: Registry,
    /// The household of the node that named it first, among whose discussions it counts.
    household: IpAddr,
    since: Duration,
}

/// The error that there is no room for another private discussion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full;

/// A request of a node to join.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    /// The node's id.
    pub(crate) newcomer: NodeId,
    /// The node, as its coordinator learns of it.
    pub(crate) told: Option<&'a Newcomer>,
    /// True if the node may found the discussion.
    pub(crate) may_found: bool,
    /// The household that the request comes from.
    pub(crate) household: IpAddr,
}

/// The reason why a coordinator is not registered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unregistered {
    /// Another ring is registered.
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

    /// See [`Registry::register_node`]. A request creates a record of the discussion only if it may found it.
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

    /// Returns the registered coordinator, if any.
    pub(crate) fn coordinator(&mut self, now: Duration, which: Which) -> Option<&Coordinator> {
        self.known(now, which)?.coordinator(now)
    }

    /// See [`Registry::find`].
    pub(crate) fn find(&mut self, now: Duration, which: Which) -> Option<Directions> {
        self.known(now, which)?.find(now)
    }

    /// Returns the counts of all discussions together.
    pub(crate) fn tally(&self) -> Tally {
        let mut sum = self.forgotten;
        sum += self.open.tally();
        for known in self.private.values() {
            sum += known.registry.tally();
        }
        sum
    }

    /// Returns the number of private discussions that are known.
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

    /// Returns the registry of a discussion; creates it if it is unknown.
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

    /// Makes room for one more discussion of a household. If there is none, forgets the latest discussion of the
    /// largest household: a young one if these fill their share, otherwise any, since those that have lasted exceed
    /// theirs.
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

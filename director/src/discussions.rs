//! The discussions that a director knows: the open one, and private ones by their ids.
//!
//! Private ones come with their first registration, and are forgotten once all their leases have
//! run out. Not here: what is remembered of one discussion (`registry`).

use std::collections::BTreeMap;
use std::time::Duration;

use ringtalk_wire::DiscussionId;

use crate::api::{Coordinator, Newcomer};
use crate::registry::{Call, Conflict, Handover, Placement, Registry, SETTLING, Tally};

/// How many private discussions are known at once. With the most newcomers that a registry keeps,
/// they take 160 MB; more than one address can keep registered at its rate of requests.
pub(crate) const PRIVATE: usize = 4_096;

/// Which discussion is meant; none is the open one.
pub(crate) type Which = Option<DiscussionId>;

/// A registry for each discussion. `now` must never go back.
#[derive(Debug, Default)]
pub(crate) struct Discussions {
    open: Registry,
    private: BTreeMap<DiscussionId, Registry>,
    /// What happened in those that were forgotten.
    forgotten: Tally,
}

/// There is no room for another private discussion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full;

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
    ) -> Result<Call, Unregistered> {
        let registry = self.enter(now, which).map_err(|Full| Unregistered::Full)?;
        let registered = registry.register_coordinator(now, caller);
        registered.map_err(Unregistered::Conflict)
    }

    /// See [`Registry::hand_over`].
    pub(crate) fn hand_over(&mut self, now: Duration, which: Which, call: Call) -> Handover {
        let registry = self.known(which);
        registry.map_or(Handover::Over, |registry| registry.hand_over(now, call))
    }

    /// See [`Registry::withdraw`].
    pub(crate) fn withdraw(
        &mut self,
        now: Duration,
        which: Which,
        id: ringtalk_wire::NodeId,
    ) -> Result<(), Conflict> {
        let registry = self.known(which);
        registry.map_or(Ok(()), |registry| registry.withdraw(now, id))
    }

    /// See [`Registry::register_node`]. To ask for a discussion leaves no trace of it; to found
    /// one does.
    pub(crate) fn register_node(
        &mut self,
        now: Duration,
        which: Which,
        newcomer: &Newcomer,
        may_found: bool,
    ) -> Result<Placement, Full> {
        if may_found {
            return Ok(self.enter(now, which)?.register_node(now, newcomer, true));
        }
        Ok(match self.known(which) {
            Some(registry) => registry.register_node(now, newcomer, false),
            None if now < SETTLING => Placement::Wait { until: SETTLING },
            None => Placement::Unknown,
        })
    }

    /// Who coordinates, as far as is known.
    pub(crate) fn coordinator(&mut self, now: Duration, which: Which) -> Option<&Coordinator> {
        self.known(which)?.coordinator(now)
    }

    /// What happened so far, in all discussions together.
    pub(crate) fn tally(&self) -> Tally {
        let mut sum = self.forgotten;
        sum += self.open.tally();
        for registry in self.private.values() {
            sum += registry.tally();
        }
        sum
    }

    /// How many private discussions are known.
    pub(crate) fn private_count(&self) -> usize {
        self.private.len()
    }

    fn known(&mut self, which: Which) -> Option<&mut Registry> {
        match which {
            None => Some(&mut self.open),
            Some(id) => self.private.get_mut(&id),
        }
    }

    /// The registry of a discussion, which is new where it is not known.
    fn enter(&mut self, now: Duration, which: Which) -> Result<&mut Registry, Full> {
        let Some(id) = which else {
            return Ok(&mut self.open);
        };
        if !self.private.contains_key(&id) {
            self.forget_vacant(now);
            if self.private.len() >= PRIVATE {
                return Err(Full);
            }
        }
        Ok(self.private.entry(id).or_default())
    }

    fn forget_vacant(&mut self, now: Duration) {
        let forgotten = &mut self.forgotten;
        self.private.retain(|_, registry| {
            let is_vacant = registry.is_vacant(now);
            if is_vacant {
                *forgotten += registry.tally();
            }
            !is_vacant
        });
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::{Epoch, NodeId, PublicKey};

    use super::*;
    use crate::registry::{FOUNDING_LEASE, LAPSE, REGISTRATION_LEASE};

    const START: Duration = SETTLING;

    fn id(n: usize) -> DiscussionId {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        DiscussionId::of(&PublicKey(key))
    }

    fn newcomer(byte: u8) -> Newcomer {
        Newcomer {
            id: NodeId::from_bytes([byte; 16]),
            internal_address: "10.0.0.1:4000".parse().unwrap(),
            public_address: None,
            other_addresses: Vec::new(),
        }
    }

    fn coordinator(byte: u8) -> Coordinator {
        let id = NodeId::from_bytes([byte; 16]);
        Coordinator {
            id,
            internal_address: "10.0.0.1:4000".parse().unwrap(),
            public_address: None,
            other_addresses: Vec::new(),
            doors: Vec::new(),
            epoch: Epoch {
                number: 1,
                coordinator: id,
            },
        }
    }

    #[test]
    fn discussions_do_not_see_each_other() {
        let mut all = Discussions::default();
        for (byte, which) in [(1, None), (2, Some(id(1))), (3, Some(id(2)))] {
            all.register_coordinator(START, which, coordinator(byte))
                .unwrap();
        }
        for (byte, which) in [(1, None), (2, Some(id(1))), (3, Some(id(2)))] {
            let found = all.register_node(START, which, &newcomer(9), false);
            assert_eq!(found, Ok(Placement::Join(coordinator(byte))));
        }
        assert_eq!(all.tally().registrations, 3);
    }

    #[test]
    fn a_discussion_is_founded_only_by_who_may_and_forgotten_when_it_has_ended() {
        let mut all = Discussions::default();
        let which = Some(id(1));
        let ask = |all: &mut Discussions, now, may_found| {
            all.register_node(now, which, &newcomer(1), may_found)
        };
        assert!(matches!(
            ask(&mut all, Duration::ZERO, false),
            Ok(Placement::Wait { .. })
        ));
        assert_eq!(ask(&mut all, START, false), Ok(Placement::Unknown));
        assert_eq!(all.private_count(), 0, "a question leaves no trace");
        let lease = FOUNDING_LEASE;
        assert_eq!(ask(&mut all, START, true), Ok(Placement::Found { lease }));
        all.register_coordinator(START, which, coordinator(1))
            .unwrap();
        let over = START + REGISTRATION_LEASE;
        assert_eq!(ask(&mut all, over, false), Ok(Placement::Lapsed));
        let over = over + LAPSE;
        assert_eq!(ask(&mut all, over, false), Ok(Placement::Unknown));
        all.register_coordinator(over, Some(id(2)), coordinator(2))
            .unwrap();
        assert_eq!(all.private_count(), 1);
        assert_eq!(all.tally().registrations, 2);
    }

    #[test]
    fn there_is_room_for_so_many_and_again_when_leases_have_run_out() {
        let mut all = Discussions::default();
        for n in 0..PRIVATE {
            all.register_node(START, Some(id(n)), &newcomer(1), true)
                .unwrap();
        }
        let late = Some(id(PRIVATE));
        let full = all.register_coordinator(START, late, coordinator(1));
        assert_eq!(full, Err(Unregistered::Full));
        let known = all.register_node(START, Some(id(0)), &newcomer(1), true);
        assert!(known.is_ok());
        let later = START + FOUNDING_LEASE;
        all.register_coordinator(later, late, coordinator(1))
            .unwrap();
        assert_eq!(all.private_count(), 1);
    }
}

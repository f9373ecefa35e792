//! The members of a discussion at one moment.
//!
//! Not here: the agreement on them (the core).

use std::collections::BTreeMap;
use std::sync::Arc;

use ringtalk_wire::{Epoch, Member, NodeId};

/// The members of a discussion at one moment, in ring order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Members {
    epoch: Epoch,
    number: u64,
    in_ring: Vec<Arc<Member>>,
    by_id: BTreeMap<NodeId, Arc<Member>>,
}

impl Members {
    /// Creates the list from members in clockwise order. The epoch names the coordinator.
    pub fn new(
        epoch: Epoch,
        number: u64,
        clockwise: impl IntoIterator<Item = Arc<Member>>,
    ) -> Self {
        let in_ring: Vec<Arc<Member>> = clockwise.into_iter().collect();
        let by_id = in_ring.iter().map(|member| (member.id, Arc::clone(member)));
        Self {
            epoch,
            number,
            by_id: by_id.collect(),
            in_ring,
        }
    }

    /// Returns the epoch of the coordinator.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns the number of the view, which counts all views of the discussion.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Returns the coordinator of the ring.
    pub const fn coordinator(&self) -> NodeId {
        self.epoch.coordinator
    }

    /// Returns all members, clockwise.
    pub fn iter(&self) -> impl Iterator<Item = &Member> + Clone {
        self.in_ring.iter().map(Arc::as_ref)
    }

    /// Returns all members, the most senior first.
    pub fn by_seniority(&self) -> Vec<&Member> {
        let mut members: Vec<&Member> = self.iter().collect();
        members.sort_by_key(|member| (member.seniority, member.id));
        members
    }

    /// Returns the number of members.
    pub const fn len(&self) -> usize {
        self.in_ring.len()
    }

    /// Returns true if there are no members. A view always has members.
    pub const fn is_empty(&self) -> bool {
        self.in_ring.is_empty()
    }

    /// Returns a member by its id.
    pub fn get(&self, id: &NodeId) -> Option<&Member> {
        self.by_id.get(id).map(Arc::as_ref)
    }

    /// Returns true if this is the id of a member.
    pub fn contains(&self, id: &NodeId) -> bool {
        self.by_id.contains_key(id)
    }
}

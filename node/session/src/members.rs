//! The members of a discussion at one moment.
//!
//! Not here: how they agree on that (the core).

use std::collections::BTreeMap;
use std::sync::Arc;

use ringtalk_wire::{Epoch, Member, NodeId};

/// The members of a discussion at one moment, in the order of the ring.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Members {
    epoch: Epoch,
    number: u64,
    in_ring: Vec<Arc<Member>>,
    by_id: BTreeMap<NodeId, Arc<Member>>,
}

impl Members {
    /// Those members, clockwise; the coordinator is that of the epoch, and the number counts its views.
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

    /// The coordinator's reign.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How many views there were before this one.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Who coordinates the ring.
    pub const fn coordinator(&self) -> NodeId {
        self.epoch.coordinator
    }

    /// All of them, clockwise.
    pub fn iter(&self) -> impl Iterator<Item = &Member> + Clone {
        self.in_ring.iter().map(Arc::as_ref)
    }

    /// All of them, who has been here for longest first.
    pub fn by_seniority(&self) -> Vec<&Member> {
        let mut members: Vec<&Member> = self.iter().collect();
        members.sort_by_key(|member| (member.seniority, member.id));
        members
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.in_ring.len()
    }

    /// True where there is nobody, which no ring says.
    pub const fn is_empty(&self) -> bool {
        self.in_ring.is_empty()
    }

    /// A member by its id.
    pub fn get(&self, id: &NodeId) -> Option<&Member> {
        self.by_id.get(id).map(Arc::as_ref)
    }

    /// True for whoever is a member.
    pub fn contains(&self, id: &NodeId) -> bool {
        self.by_id.contains_key(id)
    }
}

//! The rings of a discussion at one moment: one, or several if the network is partitioned.
//!
//! Not here: drawing (`screen`).

use std::collections::BTreeMap;

use ringtalk_wire::{Member, NodeId};

use crate::ring::{Ring, RingMember};

/// All rings of the discussion.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Picture {
    /// The rings, those with the most answering members first.
    pub(crate) rings: Vec<Ring>,
}

impl Picture {
    /// Returns the ids of all members, ring after ring. A member of two rings comes once.
    pub(crate) fn ids(&self) -> Vec<NodeId> {
        let mut ids: Vec<NodeId> = Vec::new();
        for member in self.rings.iter().flat_map(|ring| &ring.members) {
            if !ids.contains(&member.entry.id) {
                ids.push(member.entry.id);
            }
        }
        ids
    }

    /// Returns a member, in the ring that it follows if there is one.
    pub(crate) fn member(&self, id: &NodeId) -> Option<(&Ring, &RingMember)> {
        let listings = self.rings.iter().filter_map(|ring| {
            let member = &ring.members[ring.position(id)?];
            Some((ring, member))
        });
        listings.min_by_key(|(ring, member)| ring.state(member))
    }

    /// Describes what has changed since an earlier picture.
    pub(crate) fn describe_changes(&self, before: &Self) -> Vec<String> {
        let (then, now) = (before.members_by_id(), self.members_by_id());
        let missing = |from: &BTreeMap<NodeId, &Member>, others: &BTreeMap<NodeId, &Member>| {
            let names = from.iter().filter(|(id, _)| !others.contains_key(*id));
            let names = names.map(|(_, member)| member.name.clone());
            names.collect::<Vec<_>>()
        };
        let joined = missing(&now, &then);
        let departed = missing(&then, &now);
        let mut changes: Vec<String> = departed
            .iter()
            .map(|name| format!("{name} is gone"))
            .collect();
        changes.extend(joined.iter().map(|name| format!("{name} joined")));
        let coordinators = |picture: &Self| {
            let rings = picture.rings.iter();
            rings
                .map(|ring| ring.epoch().coordinator)
                .collect::<Vec<_>>()
        };
        let known = coordinators(before);
        for id in coordinators(self).iter().filter(|id| !known.contains(id)) {
            if let Some(member) = now.get(id) {
                changes.push(format!("{} is coordinator", member.name));
            }
        }
        match (before.rings.len(), self.rings.len()) {
            (1, 2..) => changes.push("the ring has split".to_owned()),
            (2.., 1) => changes.push("the ring has merged".to_owned()),
            _ => {}
        }
        changes
    }

    fn members_by_id(&self) -> BTreeMap<NodeId, &Member> {
        let members = self.rings.iter().flat_map(|ring| &ring.members);
        members
            .map(|member| (member.entry.id, &member.entry))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::tests::{id, ring};

    fn picture(rings: &[&[&str]]) -> Picture {
        Picture {
            rings: rings.iter().map(|names| ring(names)).collect(),
        }
    }

    #[test]
    fn changes_name_members_that_join_or_leave_and_a_new_coordinator() {
        let before = picture(&[&["ann", "bob"]]);
        let mut after = picture(&[&["ann", "bob", "cyd"]]);
        assert_eq!(after.describe_changes(&before), ["cyd joined"]);
        assert_eq!(before.describe_changes(&after), ["cyd is gone"]);
        after.rings[0].tag.epoch.coordinator = id(1);
        assert_eq!(
            after.describe_changes(&before),
            ["cyd joined", "bob is coordinator"]
        );
        assert_eq!(after.describe_changes(&after), [""; 0]);
    }

    #[test]
    fn changes_name_splits_and_merges() {
        let (one, two) = (picture(&[&["ann"]]), picture(&[&["ann"], &["ann"]]));
        assert_eq!(two.describe_changes(&one), ["the ring has split"]);
        assert_eq!(one.describe_changes(&two), ["the ring has merged"]);
    }
}

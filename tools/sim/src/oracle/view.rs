//! V1: one epoch and number, one view everywhere, in which no two names look alike. V2: the (epoch, number) of a
//! node's view never goes down. E1: no node accepts two coordinators under one epoch number. E3: no node goes back
//! to a lower epoch.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ringtalk_proto::{View, skeletons};
use ringtalk_wire::name::is_name;
use ringtalk_wire::{Epoch, NodeId, ViewHash, ViewTag};

use super::{Check, ensure};

/// The members of a view with their names, in ring order.
type MemberNames = Vec<(NodeId, String)>;

/// The size up to which views are always compared by their members.
const ALWAYS: usize = 64;
/// Of larger views with the right hash, one in this many is compared by its members, beside the first.
const SAMPLE: u64 = 64;

/// V1: the views that any node has followed.
#[derive(Debug, Default)]
pub(crate) struct ViewAgreement {
    views: BTreeMap<(Epoch, u64), (ViewHash, MemberNames)>,
    checked: u64,
}

impl ViewAgreement {
    /// Checks a view that a node follows.
    pub(crate) fn check_view(&mut self, node: NodeId, view: &View) -> Check {
        self.checked += 1;
        let known = self.views.get(&(view.tag().epoch, view.tag().number));
        let sampled = view.len() <= ALWAYS || self.checked.is_multiple_of(SAMPLE);
        if !sampled && known.is_some_and(|(hash, _)| *hash == view.tag().hash) {
            return Ok(());
        }
        let members: MemberNames = view
            .members()
            .map(|member| (member.id, member.name.clone()))
            .collect();
        self.check_members(node, view.tag(), members)
    }

    fn check_members(&mut self, node: NodeId, tag: ViewTag, members: MemberNames) -> Check {
        let this = (tag.hash, members);
        let first = match self.views.entry((tag.epoch, tag.number)) {
            Entry::Occupied(first) => first.into_mut(),
            Entry::Vacant(vacant) => {
                let are_names = this.1.iter().all(|(_, name)| is_name(name));
                ensure(are_names && are_distinct(&this.1), "V1", || {
                    format!(
                        "{node:?} follows a view with names that are invalid or look alike: {:?}",
                        this.1
                    )
                })?;
                vacant.insert(this.clone())
            }
        };
        ensure(*first == this, "V1", || {
            format!("{node:?} follows {tag:?} as {this:?}, another node as {first:?}")
        })
    }
}

/// Returns true if no two of these names could be mistaken for each other.
fn are_distinct(names: &MemberNames) -> bool {
    let mut owners: BTreeMap<String, NodeId> = BTreeMap::new();
    let mut skeletons = names
        .iter()
        .flat_map(|(id, name)| skeletons(name).map(|skeleton| (skeleton, *id)));
    skeletons.all(|(skeleton, id)| *owners.entry(skeleton).or_insert(id) == id)
}

/// V2, E1 and E3: the view, the epoch and the coordinators that each node has followed.
#[derive(Debug, Default)]
pub(crate) struct ViewProgress {
    tags: BTreeMap<NodeId, ViewTag>,
    coordinators: BTreeMap<(NodeId, u64), NodeId>,
    epochs: BTreeMap<NodeId, Epoch>,
    /// The first coordinator of each number, if nothing excuses two coordinators under one number.
    first_coordinators: Option<BTreeMap<u64, NodeId>>,
}

impl ViewProgress {
    /// Demands from now on that no two nodes follow different coordinators under one number.
    pub(crate) fn forbid_rival_coordinators(&mut self) {
        self.first_coordinators = Some(BTreeMap::new());
    }

    /// Returns true if no two nodes may follow different coordinators under one number.
    pub(crate) const fn forbids_rival_coordinators(&self) -> bool {
        self.first_coordinators.is_some()
    }

    /// Forgets what a node has followed, because it has left the ring.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.tags.remove(&node);
        self.epochs.remove(&node);
        self.coordinators.retain(|(one, _), _| *one != node);
    }

    /// Checks the tag of a view that a node follows.
    pub(crate) fn check_view(&mut self, node: NodeId, tag: ViewTag) -> Check {
        let before = self.tags.insert(node, tag);
        let rises = before.is_none_or(|before| {
            (before.epoch, before.number) < (tag.epoch, tag.number) || before == tag
        });
        let goes_back = before.is_some_and(|before| tag.epoch < before.epoch);
        ensure(rises, if goes_back { "E3" } else { "V2" }, || {
            format!("{node:?} follows {tag:?} after {before:?}")
        })?;
        self.check_accepted(node, tag.epoch)
    }

    /// Checks the epoch of a coordinator that a node follows.
    pub(crate) fn check_coordinator(&mut self, node: NodeId, epoch: Epoch) -> Check {
        let before = self.epochs.insert(node, epoch);
        let rises = before.is_none_or(|before| before <= epoch);
        ensure(rises, "E3", || {
            format!("{node:?} follows {epoch:?} after {before:?}")
        })?;
        self.check_accepted(node, epoch)
    }

    /// Checks that no two of these nodes have coordinated under one number. A coordinator that died is not among
    /// them: it may have told some nodes of its epoch before the others opened the same number.
    pub(crate) fn check_one_coordinator_per_number(&self, nodes: &[NodeId]) -> Check {
        let mut coordinators = BTreeMap::new();
        for (&(_, number), &coordinator) in &self.coordinators {
            if nodes.contains(&coordinator) {
                let first = *coordinators.entry(number).or_insert(coordinator);
                ensure(first == coordinator, "E1", || {
                    format!("{first:?} and {coordinator:?} have coordinated under number {number}")
                })?;
            }
        }
        Ok(())
    }

    fn check_accepted(&mut self, node: NodeId, epoch: Epoch) -> Check {
        let first = *self
            .coordinators
            .entry((node, epoch.number))
            .or_insert(epoch.coordinator);
        ensure(first == epoch.coordinator, "E1", || {
            format!("{node:?} accepts {epoch:?} after {first:?} under the same number")
        })?;
        let first_coordinators = self.first_coordinators.as_mut();
        let first =
            first_coordinators.map(|first| *first.entry(epoch.number).or_insert(epoch.coordinator));
        let same = first.is_none_or(|first| first == epoch.coordinator);
        ensure(same, "E1", || {
            format!("{node:?} accepts {epoch:?}, others {first:?} under the same number")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::tests_support::{id, tag, violated};

    fn named(names: &[&str]) -> MemberNames {
        let ids = (0..).map(id);
        ids.zip(names.iter().map(|&name| name.to_owned())).collect()
    }

    #[test]
    fn one_tag_with_two_member_lists_is_detected() {
        let mut agreement = ViewAgreement::default();
        let tag = tag(0, 1, 3);
        assert_eq!(
            agreement.check_members(id(0), tag, named(&["ann", "bob"])),
            Ok(())
        );
        assert_eq!(
            agreement.check_members(id(1), tag, named(&["ann", "bob"])),
            Ok(())
        );
        let other = agreement.check_members(id(2), tag, named(&["ann"]));
        assert_eq!(violated(other), Some("V1"));
    }

    #[test]
    fn one_tag_with_two_hashes_is_detected() {
        let mut agreement = ViewAgreement::default();
        let mut tag = tag(0, 1, 3);
        assert_eq!(agreement.check_members(id(0), tag, named(&["ann"])), Ok(()));
        tag.hash = ViewHash([1; 16]);
        let other = agreement.check_members(id(1), tag, named(&["ann"]));
        assert_eq!(violated(other), Some("V1"));
    }

    #[test]
    fn names_that_look_alike_are_detected() {
        for other in ["Ann", "\u{430}nn", "a-nn", "a\u{200b}nn", "bob: I agree"] {
            let mut agreement = ViewAgreement::default();
            let clash = agreement.check_members(id(0), tag(0, 1, 2), named(&["ann", other]));
            assert_eq!(violated(clash), Some("V1"), "{other:?}");
        }
    }

    #[test]
    fn a_view_that_goes_down_is_detected() {
        let mut progress = ViewProgress::default();
        assert_eq!(progress.check_view(id(3), tag(0, 1, 5)), Ok(()));
        assert_eq!(progress.check_view(id(3), tag(1, 2, 4)), Ok(()));
        assert_eq!(
            violated(progress.check_view(id(3), tag(1, 2, 3))),
            Some("V2")
        );
    }

    #[test]
    fn two_coordinators_under_one_number_are_detected() {
        let mut progress = ViewProgress::default();
        assert_eq!(
            progress.check_coordinator(id(3), tag(0, 2, 1).epoch),
            Ok(())
        );
        let second = progress.check_coordinator(id(3), tag(1, 2, 1).epoch);
        assert_eq!(violated(second), Some("E1"));
    }

    #[test]
    fn two_coordinators_under_one_number_at_different_nodes_are_detected_if_faults_are_few() {
        let mut progress = ViewProgress::default();
        progress.forbid_rival_coordinators();
        assert_eq!(
            progress.check_coordinator(id(3), tag(0, 2, 1).epoch),
            Ok(())
        );
        let second = progress.check_coordinator(id(4), tag(1, 2, 1).epoch);
        assert_eq!(violated(second), Some("E1"));
    }

    #[test]
    fn two_live_coordinators_under_one_number_are_detected_afterwards() {
        let mut progress = ViewProgress::default();
        assert_eq!(
            progress.check_coordinator(id(3), tag(0, 2, 1).epoch),
            Ok(())
        );
        assert_eq!(
            progress.check_coordinator(id(4), tag(1, 2, 1).epoch),
            Ok(())
        );
        let both = progress.check_one_coordinator_per_number(&[id(0), id(1)]);
        assert_eq!(violated(both), Some("E1"));
        assert_eq!(
            progress.check_one_coordinator_per_number(&[id(1), id(3)]),
            Ok(())
        );
    }

    #[test]
    fn a_view_of_a_lower_epoch_is_detected() {
        let mut progress = ViewProgress::default();
        assert_eq!(progress.check_view(id(3), tag(0, 2, 1)), Ok(()));
        assert_eq!(
            violated(progress.check_view(id(3), tag(0, 1, 9))),
            Some("E3")
        );
    }

    #[test]
    fn a_coordinator_of_a_lower_epoch_is_detected() {
        let mut progress = ViewProgress::default();
        assert_eq!(
            progress.check_coordinator(id(3), tag(0, 2, 1).epoch),
            Ok(())
        );
        let lower = progress.check_coordinator(id(3), tag(1, 1, 1).epoch);
        assert_eq!(violated(lower), Some("E3"));
    }
}

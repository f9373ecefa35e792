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
type Names = Vec<(NodeId, String)>;

/// The size up to which views are always compared by their members.
const ALWAYS: usize = 64;
/// Of larger views with the right hash, one in this many is compared by its members, beside the first.
const SAMPLE: u64 = 64;

/// V1: the views that any node has followed.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    views: BTreeMap<(Epoch, u64), (ViewHash, Names)>,
    asked: u64,
}

impl Agreement {
    /// Checks a view that a node follows.
    pub(crate) fn view(&mut self, node: NodeId, view: &View) -> Check {
        self.asked += 1;
        let known = self.views.get(&(view.tag().epoch, view.tag().number));
        let sampled = view.len() <= ALWAYS || self.asked.is_multiple_of(SAMPLE);
        if !sampled && known.is_some_and(|(hash, _)| *hash == view.tag().hash) {
            return Ok(());
        }
        let members: Names = view
            .members()
            .map(|member| (member.id, member.name.clone()))
            .collect();
        self.seen(node, view.tag(), members)
    }

    fn seen(&mut self, node: NodeId, tag: ViewTag, members: Names) -> Check {
        let this = (tag.hash, members);
        let first = match self.views.entry((tag.epoch, tag.number)) {
            Entry::Occupied(first) => first.into_mut(),
            Entry::Vacant(vacant) => {
                let are_names = this.1.iter().all(|(_, name)| is_name(name));
                ensure(are_names && are_told_apart(&this.1), "V1", || {
                    format!(
                        "{node:?} follows a view in which names are none, or look alike: {:?}",
                        this.1
                    )
                })?;
                vacant.insert(this.clone())
            }
        };
        ensure(*first == this, "V1", || {
            format!("{node:?} follows {tag:?} as {this:?}, somebody else as {first:?}")
        })
    }
}

/// Returns true if no two of these names could be mistaken for each other.
fn are_told_apart(names: &Names) -> bool {
    let mut owners: BTreeMap<String, NodeId> = BTreeMap::new();
    let mut skeletons = names
        .iter()
        .flat_map(|(id, name)| skeletons(name).map(|skeleton| (skeleton, *id)));
    skeletons.all(|(skeleton, id)| *owners.entry(skeleton).or_insert(id) == id)
}

/// V2, E1 and E3: the view, the epoch and the coordinators that each node has followed.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    tags: BTreeMap<NodeId, ViewTag>,
    coordinators: BTreeMap<(NodeId, u64), NodeId>,
    epochs: BTreeMap<NodeId, Epoch>,
    /// The first coordinator of each number, if nothing excuses two coordinators under one number.
    strict: Option<BTreeMap<u64, NodeId>>,
}

impl Progress {
    /// Demands from now on that no two nodes follow different coordinators under one number.
    pub(crate) fn be_strict(&mut self) {
        self.strict = Some(BTreeMap::new());
    }

    /// Checks the tag of a view that a node follows.
    pub(crate) fn view(&mut self, node: NodeId, tag: ViewTag) -> Check {
        let before = self.tags.insert(node, tag);
        let rises = before.is_none_or(|before| {
            (before.epoch, before.number) < (tag.epoch, tag.number) || before == tag
        });
        let goes_back = before.is_some_and(|before| tag.epoch < before.epoch);
        ensure(rises, if goes_back { "E3" } else { "V2" }, || {
            format!("{node:?} follows {tag:?} after {before:?}")
        })?;
        self.accepts(node, tag.epoch)
    }

    /// Checks the epoch of a coordinator that a node follows.
    pub(crate) fn coordinator(&mut self, node: NodeId, epoch: Epoch) -> Check {
        let before = self.epochs.insert(node, epoch);
        let rises = before.is_none_or(|before| before <= epoch);
        ensure(rises, "E3", || {
            format!("{node:?} follows {epoch:?} after {before:?}")
        })?;
        self.accepts(node, epoch)
    }

    /// Checks that no two of these nodes have coordinated under one number. A coordinator that died is not among
    /// them: it may have told some nodes of its epoch before the others opened the same number.
    pub(crate) fn no_two_reigned_at_once(&self, nodes: &[NodeId]) -> Check {
        let mut reigned = BTreeMap::new();
        for (&(_, number), &coordinator) in &self.coordinators {
            if nodes.contains(&coordinator) {
                let first = *reigned.entry(number).or_insert(coordinator);
                ensure(first == coordinator, "E1", || {
                    format!("{first:?} and {coordinator:?} have coordinated under number {number}")
                })?;
            }
        }
        Ok(())
    }

    fn accepts(&mut self, node: NodeId, epoch: Epoch) -> Check {
        let first = *self
            .coordinators
            .entry((node, epoch.number))
            .or_insert(epoch.coordinator);
        ensure(first == epoch.coordinator, "E1", || {
            format!("{node:?} accepts {epoch:?} after {first:?} under the same number")
        })?;
        let strict = self.strict.as_mut();
        let first = strict.map(|first| *first.entry(epoch.number).or_insert(epoch.coordinator));
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

    fn named(names: &[&str]) -> Names {
        let ids = (0..).map(id);
        ids.zip(names.iter().map(|&name| name.to_owned())).collect()
    }

    #[test]
    fn one_tag_with_two_member_lists_is_seen() {
        let mut agreement = Agreement::default();
        let tag = tag(0, 1, 3);
        assert_eq!(agreement.seen(id(0), tag, named(&["ann", "bob"])), Ok(()));
        assert_eq!(agreement.seen(id(1), tag, named(&["ann", "bob"])), Ok(()));
        let other = agreement.seen(id(2), tag, named(&["ann"]));
        assert_eq!(violated(other), Some("V1"));
    }

    #[test]
    fn one_tag_with_two_hashes_is_seen() {
        let mut agreement = Agreement::default();
        let mut tag = tag(0, 1, 3);
        assert_eq!(agreement.seen(id(0), tag, named(&["ann"])), Ok(()));
        tag.hash = ViewHash([1; 16]);
        let other = agreement.seen(id(1), tag, named(&["ann"]));
        assert_eq!(violated(other), Some("V1"));
    }

    #[test]
    fn names_that_look_alike_are_seen() {
        for other in ["Ann", "\u{430}nn", "a-nn", "a\u{200b}nn", "bob: I agree"] {
            let mut agreement = Agreement::default();
            let clash = agreement.seen(id(0), tag(0, 1, 2), named(&["ann", other]));
            assert_eq!(violated(clash), Some("V1"), "{other:?}");
        }
    }

    #[test]
    fn a_view_that_goes_down_is_seen() {
        let mut progress = Progress::default();
        assert_eq!(progress.view(id(3), tag(0, 1, 5)), Ok(()));
        assert_eq!(progress.view(id(3), tag(1, 2, 4)), Ok(()));
        assert_eq!(violated(progress.view(id(3), tag(1, 2, 3))), Some("V2"));
    }

    #[test]
    fn two_coordinators_under_one_number_are_seen() {
        let mut progress = Progress::default();
        assert_eq!(progress.coordinator(id(3), tag(0, 2, 1).epoch), Ok(()));
        let second = progress.coordinator(id(3), tag(1, 2, 1).epoch);
        assert_eq!(violated(second), Some("E1"));
    }

    #[test]
    fn two_coordinators_under_one_number_at_different_nodes_are_seen_where_it_is_calm() {
        let mut progress = Progress::default();
        progress.be_strict();
        assert_eq!(progress.coordinator(id(3), tag(0, 2, 1).epoch), Ok(()));
        let second = progress.coordinator(id(4), tag(1, 2, 1).epoch);
        assert_eq!(violated(second), Some("E1"));
    }

    #[test]
    fn two_who_coordinated_under_one_number_are_seen_afterwards_unless_one_has_died() {
        let mut progress = Progress::default();
        assert_eq!(progress.coordinator(id(3), tag(0, 2, 1).epoch), Ok(()));
        assert_eq!(progress.coordinator(id(4), tag(1, 2, 1).epoch), Ok(()));
        let both = progress.no_two_reigned_at_once(&[id(0), id(1)]);
        assert_eq!(violated(both), Some("E1"));
        assert_eq!(progress.no_two_reigned_at_once(&[id(1), id(3)]), Ok(()));
    }

    #[test]
    fn a_view_of_a_lower_epoch_is_seen() {
        let mut progress = Progress::default();
        assert_eq!(progress.view(id(3), tag(0, 2, 1)), Ok(()));
        assert_eq!(violated(progress.view(id(3), tag(0, 1, 9))), Some("E3"));
    }

    #[test]
    fn a_coordinator_of_a_lower_epoch_is_seen() {
        let mut progress = Progress::default();
        assert_eq!(progress.coordinator(id(3), tag(0, 2, 1).epoch), Ok(()));
        let lower = progress.coordinator(id(3), tag(1, 1, 1).epoch);
        assert_eq!(violated(lower), Some("E3"));
    }
}

//! Kept names: those of members that failed, since most of these members come back.
//!
//! Not here: the comparison of names (`names`), and their inheritance (`heirs`).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use core::time::Duration;

use ringtalk_wire::NodeId;
use ringtalk_wire::limit::MEMBERS;

use crate::Time;

/// How long a name is kept: as long as a laptop is shut on the way to another room. Longer would keep names from
/// others though their holders do not come back.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// How many names are kept: a ring that is cut in two loses most of its members at once.
const MAX_KEPT: usize = MEMBERS;

/// The names of members that failed.
#[derive(Debug, Default)]
pub(crate) struct KeptNames {
    names: BTreeMap<NodeId, KeptName>,
    /// The last holder of each name; an heir holds it once it has inherited it.
    holders: BTreeMap<String, NodeId>,
    /// The holders in the order in which they failed; some are members again.
    order: VecDeque<(Time, NodeId)>,
    /// Counts the changes.
    changes: u64,
}

#[derive(Debug)]
struct KeptName {
    failed: Time,
    name: String,
}

impl KeptNames {
    /// Keeps the name of a member that failed.
    pub(crate) fn keep(&mut self, now: Time, id: NodeId, name: &str) {
        self.release(&id);
        if let Some(before) = self.holders.insert(name.into(), id) {
            self.names.remove(&before);
        }
        let (failed, name) = (now, name.into());
        self.names.insert(id, KeptName { failed, name });
        self.order.push_back((now, id));
        self.changes += 1;
        while self.order.len() > MAX_KEPT {
            self.drop_oldest();
        }
        debug_assert!(
            self.names.len() <= self.order.len(),
            "each is let go in time"
        );
    }

    /// Lets a name go: its holder is a member again, or a newcomer has inherited it.
    pub(crate) fn release(&mut self, id: &NodeId) {
        if let Some(KeptName { name, .. }) = self.names.remove(id) {
            self.holders.remove(&name);
            self.changes += 1;
        }
        debug_assert_eq!(
            self.names.len(),
            self.holders.len(),
            "a name is kept for one"
        );
    }

    /// Lets a name go that another node has, so that keeping it helps nobody.
    pub(crate) fn release_name(&mut self, name: &str) {
        if let Some(id) = self.holders.get(name).copied() {
            self.release(&id);
        }
    }

    /// Lets the names go that were kept for long enough.
    pub(crate) fn expire(&mut self, now: Time) {
        let is_over = |(failed, _): &(Time, NodeId)| now - *failed >= KEPT_FOR;
        while self.order.front().is_some_and(is_over) {
            self.drop_oldest();
        }
    }

    /// Returns the names, by their holders.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, &String)> {
        self.names.iter().map(|(&id, since)| (id, &since.name))
    }

    /// Returns the name that is kept for a node.
    pub(crate) fn of(&self, id: &NodeId) -> Option<&String> {
        self.names.get(id).map(|since| &since.name)
    }

    /// Returns a count that grows whenever something changes.
    pub(crate) const fn changes(&self) -> u64 {
        self.changes
    }

    fn drop_oldest(&mut self) {
        let Some((failed, id)) = self.order.pop_front() else {
            return;
        };
        // The member may have come back, and failed again later.
        if self.names.get(&id).is_some_and(|one| one.failed == failed) {
            self.release(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::test_support::id;

    fn ids(kept: &KeptNames) -> alloc::vec::Vec<NodeId> {
        kept.iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn a_name_is_kept_for_ten_minutes_from_the_last_failure() {
        let mut kept = KeptNames::default();
        let start = Time::default();
        kept.keep(start, id(1), "ann");
        kept.keep(start, id(2), "bob");
        kept.release(&id(2));
        let later = start + Duration::from_secs(60);
        kept.keep(later, id(2), "bob");
        kept.expire(start + KEPT_FOR);
        assert_eq!(ids(&kept), [id(2)]);
        let changes = kept.changes();
        kept.expire(later + KEPT_FOR);
        assert_eq!(ids(&kept), []);
        assert_eq!(kept.changes(), changes + 1);
    }

    #[test]
    fn a_name_is_kept_for_its_last_holder() {
        let mut kept = KeptNames::default();
        kept.keep(Time::default(), id(1), "ann");
        kept.keep(Time::default(), id(2), "ann");
        assert_eq!(ids(&kept), [id(2)]);
        kept.release_name("ann");
        kept.keep(Time::default(), id(2), "eve");
        assert_eq!(kept.of(&id(2)).map(String::as_str), Some("eve"));
        kept.keep(Time::default(), id(1), "ann");
        assert_eq!(ids(&kept), [id(1), id(2)]);
        kept.release_name("ann");
        assert_eq!(ids(&kept), [id(2)]);
    }

    #[test]
    fn the_number_of_kept_names_is_bounded() {
        let mut kept = KeptNames::default();
        for number in 0..=MAX_KEPT as u16 {
            let name = alloc::format!("{number}");
            kept.keep(Time::default(), id(number), &name);
            kept.release(&id(number / 2));
            kept.keep(Time::default(), id(number), &name);
        }
        assert!(kept.names.len() <= MAX_KEPT && kept.order.len() == MAX_KEPT);
        assert!(kept.of(&id(MAX_KEPT as u16)).is_some());
    }
}

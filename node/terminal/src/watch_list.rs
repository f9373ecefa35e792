//! The people of whom the user is notified when they speak or join.
//!
//! They are kept by name, because they need not be here yet. Not here: how the user is notified (`attention`).

use ringtalk_session::NodeId;

use crate::folded::fold;

/// The maximum number of people.
const MAX_PEOPLE: usize = 100;
/// The minimum number of digits of an id that stand for a member.
const ID_DIGITS: usize = 4;

/// The people, as they were typed.
#[derive(Debug, Default)]
pub(crate) struct WatchList(Vec<String>);

/// The effect of a change of the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WatchChange {
    Added,
    Removed,
    /// There is no room for another name.
    Full,
}

impl WatchList {
    /// Adds a person, or removes one who is on the list.
    pub(crate) fn toggle(&mut self, who: &str) -> WatchChange {
        let known = self.0.iter().position(|known| fold(known).eq(fold(who)));
        if let Some(at) = known {
            self.0.remove(at);
            WatchChange::Removed
        } else if self.0.len() >= MAX_PEOPLE {
            WatchChange::Full
        } else {
            self.0.push(who.to_owned());
            WatchChange::Added
        }
    }

    /// Returns true if a member is on the list, by name or by the first digits of its id.
    pub(crate) fn contains(&self, id: &NodeId, name: &str) -> bool {
        let id = id.as_uuid().simple().to_string();
        self.0.iter().any(|who| {
            let is_id = who.len() >= ID_DIGITS && id.starts_with(&who.to_ascii_lowercase());
            is_id || fold(who).eq(fold(name))
        })
    }

    /// Returns the names, in the order in which they were added.
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_found_by_name_and_by_id() {
        let mut list = WatchList::default();
        let id = NodeId::from_bytes([0xab; 16]);
        assert_eq!(list.toggle("Bob"), WatchChange::Added);
        assert!(list.contains(&id, "bob") && !list.contains(&id, "bobby"));
        assert_eq!(list.toggle("BOB"), WatchChange::Removed);
        assert!(!list.contains(&id, "bob"));
        let digits = id.as_uuid().simple().to_string();
        list.toggle(&digits[..3]);
        assert!(!list.contains(&id, "ann"), "too short");
        list.toggle(&digits[..4]);
        assert!(list.contains(&id, "ann"));
        assert_eq!(list.names().len(), 2);
    }

    #[test]
    fn the_list_is_limited() {
        let mut list = WatchList::default();
        for number in 0..MAX_PEOPLE {
            assert_eq!(list.toggle(&format!("name-{number}")), WatchChange::Added);
        }
        assert_eq!(list.toggle("another"), WatchChange::Full);
        assert_eq!(list.toggle("name-7"), WatchChange::Removed);
        assert_eq!(list.toggle("another"), WatchChange::Added);
    }
}

//! Renames: members' wishes for other names, on their way into a view.
//!
//! Each rename costs everybody a view and a line on the screen, so their rate is limited. A member that renames itself
//! faster waits, and gets the name that it wished for last. Not here: the choice of that name (`admission`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::NodeId;
use ringtalk_wire::limit::UPDATE_CHANGES;

use crate::Time;
use crate::config::ADMISSION;
use crate::machines::rate_limiter::RateLimiter;

/// How often a member changes its name at once, and how often after that: enough to correct a slip, too few to fill
/// screens.
const AT_ONCE: u32 = 4;
const EVERY: Duration = Duration::from_secs(10);

/// The wishes that wait.
#[derive(Debug)]
pub(crate) struct Renames {
    wishes: BTreeMap<NodeId, (Time, String)>,
    due: BTreeSet<(Time, NodeId)>,
    limiter: RateLimiter,
    /// When wishes were last carried out: those that come within `ADMISSION` after that share a view.
    carried_out: Option<Time>,
}

impl Default for Renames {
    fn default() -> Self {
        Self {
            wishes: BTreeMap::new(),
            due: BTreeSet::new(),
            limiter: RateLimiter::new(AT_ONCE, EVERY),
            carried_out: None,
        }
    }
}

impl Renames {
    /// Takes a member's wish for another name. Only its last wish counts.
    pub(crate) fn wish(&mut self, id: NodeId, name: String) {
        let due = self.wishes.get(&id).map(|(due, _)| *due);
        let due = due.unwrap_or_else(|| self.limiter.next_allowed(&id));
        self.wishes.insert(id, (due, name));
        self.due.insert((due, id));
        debug_assert_eq!(self.due.len(), self.wishes.len(), "a member has one wish");
    }

    /// Takes the wishes that are to be carried out: no more than a view has room for.
    pub(crate) fn take_due(&mut self, now: Time) -> Vec<(NodeId, String)> {
        let mut taken = Vec::new();
        if self.deadline().is_none_or(|due| due > now) {
            return taken;
        }
        self.carried_out = Some(now);
        while taken.len() < UPDATE_CHANGES
            && let Some(&(due, id)) = self.due.first()
            && due <= now
        {
            self.due.pop_first();
            self.limiter.record(now, id);
            taken.extend(self.wishes.remove(&id).map(|(_, name)| (id, name)));
        }
        taken
    }

    /// Returns when [`Renames::take_due`] has something to return.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let &(due, _) = self.due.first()?;
        let shared = self.carried_out.map(|last| last + ADMISSION);
        Some(due.max(shared.unwrap_or_default()))
    }

    /// Forgets all wishes, because another node coordinates.
    pub(crate) fn clear(&mut self) {
        self.wishes.clear();
        self.due.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::test_support::id;

    fn wish(renames: &mut Renames, number: u16, name: &str) {
        renames.wish(id(number), name.into());
    }

    #[test]
    fn the_fifth_wish_waits_and_the_last_one_counts() {
        let mut renames = Renames::default();
        let mut now = Time::from_micros(1);
        for _ in 0..AT_ONCE {
            wish(&mut renames, 1, "x");
            assert_eq!(renames.take_due(now), [(id(1), "x".into())]);
            now = now + ADMISSION;
        }
        wish(&mut renames, 1, "y");
        wish(&mut renames, 1, "z");
        assert_eq!(renames.take_due(now), []);
        let due = renames.deadline().unwrap();
        assert!(due > now && due <= now + EVERY);
        assert_eq!(renames.take_due(due), [(id(1), "z".into())]);
        assert_eq!(renames.deadline(), None);
    }

    #[test]
    fn a_crowd_shares_views() {
        let mut renames = Renames::default();
        let now = Time::from_micros(1);
        for number in 0..100 {
            wish(&mut renames, number, "x");
        }
        assert_eq!(renames.take_due(now).len(), UPDATE_CHANGES);
        assert_eq!(renames.take_due(now), []);
        let due = renames.deadline().unwrap();
        assert_eq!(due, now + ADMISSION);
        assert_eq!(renames.take_due(due).len(), 100 - UPDATE_CHANGES);
    }
}

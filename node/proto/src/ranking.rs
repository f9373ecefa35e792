//! A ranking: how much each owner holds, so that the one with most is found at once.
//!
//! Not here: what the owners hold, and what happens to the one with most (`machines::causal::held`, `host::budgets`).

use alloc::collections::{BTreeMap, BTreeSet};

/// Amounts, by owner. An owner that holds nothing is not in it.
#[derive(Debug)]
pub(crate) struct Ranking<K> {
    of: BTreeMap<K, usize>,
    /// The same amounts, the owner with least first.
    order: BTreeSet<(usize, K)>,
    total: usize,
}

impl<K> Default for Ranking<K> {
    fn default() -> Self {
        Self {
            of: BTreeMap::new(),
            order: BTreeSet::new(),
            total: 0,
        }
    }
}

impl<K: Ord + Copy> Ranking<K> {
    /// Adds to what an owner holds.
    pub(crate) fn add(&mut self, owner: K, amount: usize) {
        self.set(owner, self.of(&owner) + amount);
    }

    /// Subtracts from what an owner holds.
    pub(crate) fn take(&mut self, owner: K, amount: usize) {
        let before = self.of(&owner);
        debug_assert!(before >= amount, "what is taken was added");
        self.set(owner, before.saturating_sub(amount));
    }

    /// Sets what an owner holds.
    pub(crate) fn set(&mut self, owner: K, amount: usize) {
        let before = self.of(&owner);
        if before == amount {
            return;
        }
        self.order.remove(&(before, owner));
        if amount > 0 {
            self.of.insert(owner, amount);
            self.order.insert((amount, owner));
        } else {
            self.of.remove(&owner);
        }
        self.total = self.total - before + amount;
        debug_assert_eq!(self.of.len(), self.order.len(), "both name the same owners");
    }

    /// Returns how much an owner holds.
    pub(crate) fn of(&self, owner: &K) -> usize {
        self.of.get(owner).copied().unwrap_or(0)
    }

    /// Returns how much all owners hold.
    pub(crate) const fn total(&self) -> usize {
        self.total
    }

    /// Returns the owner with most; of several, the greatest.
    pub(crate) fn heaviest(&self) -> Option<K> {
        self.order.last().map(|&(_, owner)| owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_with_most_is_the_heaviest() {
        let mut ranking = Ranking::default();
        assert_eq!(ranking.heaviest(), None);
        ranking.add(1, 3);
        ranking.add(2, 2);
        assert_eq!(ranking.heaviest(), Some(1));
        ranking.add(2, 1);
        assert_eq!(ranking.heaviest(), Some(2), "the greatest of two");
        ranking.take(2, 3);
        assert_eq!(ranking.heaviest(), Some(1));
        ranking.set(2, 4);
        assert_eq!((ranking.heaviest(), ranking.total()), (Some(2), 7));
        ranking.set(2, 0);
        ranking.take(1, 3);
        assert_eq!((ranking.heaviest(), ranking.total()), (None, 0));
    }
}

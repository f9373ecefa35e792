//! Seats: bounds on what is served at once, in total and per household: connections, and held calls.
//!
//! If all seats are taken, a household with many gives way to one with few. Not here: what happens on a connection
//! (`serve`), or in a held call (`director`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::households::Shares;

/// A fixed number of seats, with a limit for each household. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Seats(Arc<SeatTable>);

#[derive(Debug)]
struct SeatTable {
    most: usize,
    most_per_household: usize,
    occupancy: Mutex<Occupancy>,
}

/// A household, and the number of the seat: later seats have higher numbers.
type SeatKey = (IpAddr, u64);

#[derive(Debug, Default)]
struct Occupancy {
    /// The number of seats that were ever taken, which numbers the next one.
    taken_ever: u64,
    shares: Shares,
    /// For each seat, by household and then by age, the notification that it is lost.
    seats: BTreeMap<SeatKey, Arc<Notify>>,
}

/// One seat, until it is dropped or lost to another household.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Seats,
    key: SeatKey,
}

impl Seats {
    /// Creates `most` seats, of which one household may have `most_per_household`.
    pub(crate) fn new(most: usize, most_per_household: usize) -> Self {
        Self(Arc::new(SeatTable {
            most,
            most_per_household,
            occupancy: Mutex::default(),
        }))
    }

    /// Takes a seat for a household, if there is one. `eviction` is notified when another household needs the seat.
    pub(crate) fn take(&self, household: IpAddr, eviction: &Arc<Notify>) -> Option<Seat> {
        self.take_all([household], eviction).map(|[seat]| seat)
    }

    /// Takes a seat for each of these households, or none at all. Whoever loses one of them loses all: `eviction` is
    /// notified once.
    pub(crate) fn take_all<const N: usize>(
        &self,
        households: [IpAddr; N],
        eviction: &Arc<Notify>,
    ) -> Option<[Seat; N]> {
        let mut occupancy = self.lock();
        let has_room = |household: &IpAddr| {
            let wanted = households.iter().filter(|one| *one == household).count();
            occupancy.shares.count(household) + wanted <= self.0.most_per_household
        };
        if !households.iter().all(has_room) {
            return None;
        }
        while occupancy.seats.len() + N > self.0.most {
            let shares = &occupancy.shares;
            let largest = households
                .iter()
                .find_map(|one| shares.household_to_evict(one))?;
            occupancy.evict_latest(largest);
        }
        Some(households.map(|household| {
            let key = (household, occupancy.taken_ever);
            occupancy.taken_ever += 1;
            occupancy.shares.add(household);
            occupancy.seats.insert(key, Arc::clone(eviction));
            let seats = self.clone();
            Seat { seats, key }
        }))
    }

    /// Returns the number of seats taken.
    pub(crate) fn taken_count(&self) -> usize {
        self.lock().seats.len()
    }

    /// Ignores poisoning: every change of the seats is complete before anything could panic.
    fn lock(&self) -> MutexGuard<'_, Occupancy> {
        self.0
            .occupancy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Occupancy {
    /// Takes the latest seat of a household away, and those that were taken with it: earlier ones stay, however fast new
    /// ones come.
    fn evict_latest(&mut self, household: IpAddr) {
        let seats = self.seats.range((household, 0)..=(household, u64::MAX));
        let Some((_, eviction)) = seats.last() else {
            return;
        };
        let eviction = Arc::clone(eviction);
        let all = self.seats.iter();
        let lost = all.filter(|(_, other)| Arc::ptr_eq(other, &eviction));
        let lost: Vec<SeatKey> = lost.map(|(key, _)| *key).collect();
        for key in lost {
            self.release(key);
        }
        eviction.notify_one();
    }

    fn release(&mut self, key: SeatKey) {
        if self.seats.remove(&key).is_some() {
            self.shares.remove(&key.0);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().release(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 12;
    const OF_HOUSEHOLD: usize = 4;

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn take_several(
        seats: &Seats,
        household: u8,
        count: usize,
    ) -> Vec<(Option<Seat>, Arc<Notify>)> {
        let take = || {
            let eviction = Arc::default();
            (seats.take(v4(household), &eviction), eviction)
        };
        std::iter::repeat_with(take).take(count).collect()
    }

    #[test]
    fn one_household_cannot_take_all_seats() {
        let seats = Seats::new(MOST, OF_HOUSEHOLD);
        let mut crowd = take_several(&seats, 1, OF_HOUSEHOLD + 1);
        assert!(crowd.pop().is_some_and(|(seat, _)| seat.is_none()));
        assert!(seats.take(v4(2), &Arc::default()).is_some());
        crowd.pop();
        assert!(seats.take(v4(1), &Arc::default()).is_some());
    }

    /// Each pair of seats is a circuit between two households.
    #[tokio::test]
    async fn seats_that_were_taken_together_are_lost_together() {
        let seats = Seats::new(6, 4);
        let evictions: [Arc<Notify>; 3] = Default::default();
        let take = |other, eviction: &Arc<Notify>| seats.take_all([v4(1), v4(other)], eviction);
        let kept: Vec<_> = (2..)
            .zip(&evictions)
            .map(|(other, one)| take(other, one))
            .collect();
        assert!(kept.iter().all(Option::is_some));
        let newcomers = seats.take_all([v4(7), v4(8)], &Arc::default());
        assert!(newcomers.is_some());
        assert_eq!(seats.taken_count(), 6, "one pair went for another");
        evictions[2].notified().await;
        drop(kept);
        assert_eq!(seats.taken_count(), 2, "nothing is released twice");
        assert!(seats.take_all([v4(9); 5], &Arc::default()).is_none());
        assert!(seats.take_all([v4(9); 4], &Arc::default()).is_some());
    }

    #[tokio::test]
    async fn a_few_households_keep_no_other_out() {
        let seats = Seats::new(MOST, OF_HOUSEHOLD);
        let crowds: Vec<_> = (1..=3)
            .map(|one| take_several(&seats, one, OF_HOUSEHOLD))
            .collect();
        let others: Vec<_> = (4..=6)
            .flat_map(|one| take_several(&seats, one, 1))
            .collect();
        assert!(others.iter().all(|(seat, _)| seat.is_some()));
        assert_eq!(seats.taken_count(), MOST);
        let evictions = crowds.iter().map(|crowd| &crowd[OF_HOUSEHOLD - 1].1);
        for eviction in evictions {
            eviction.notified().await;
        }
        drop(crowds);
        assert_eq!(
            seats.taken_count(),
            others.len(),
            "a lost seat is given back once"
        );
        drop(others);
        assert!(seats.lock().seats.is_empty());
        assert_eq!(seats.lock().shares, Shares::default());
    }

    #[test]
    fn no_household_gives_way_if_all_have_as_many() {
        let seats = Seats::new(MOST, OF_HOUSEHOLD);
        let _all: Vec<_> = (0..MOST as u8)
            .flat_map(|one| take_several(&seats, one, 1))
            .collect();
        assert!(seats.take(v4(200), &Arc::default()).is_none());
    }
}

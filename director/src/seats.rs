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
pub(crate) struct Seats(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    most_of_household: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// The number of seats that were ever taken, which numbers the next one.
    ever: u64,
    shares: Shares,
    /// For each seat, by household and then by age, the notification that it is lost.
    seats: BTreeMap<(IpAddr, u64), Arc<Notify>>,
}

/// One seat, until it is dropped or lost to another household.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Seats,
    place: (IpAddr, u64),
}

impl Seats {
    /// Creates `most` seats, of which one household may have `most_of_household`.
    pub(crate) fn new(most: usize, most_of_household: usize) -> Self {
        Self(Arc::new(Shared {
            most,
            most_of_household,
            taken: Mutex::default(),
        }))
    }

    /// Takes a seat for a household, if there is one. `lost` is notified when another household needs the seat.
    pub(crate) fn take(&self, household: IpAddr, lost: &Arc<Notify>) -> Option<Seat> {
        let mut taken = self.lock();
        if taken.shares.size(&household) >= self.0.most_of_household {
            return None;
        }
        if taken.seats.len() >= self.0.most {
            let crowd = taken.shares.crowd(&household)?;
            taken.evict_latest(crowd);
        }
        let place = (household, taken.ever);
        taken.ever += 1;
        taken.shares.add(household);
        taken.seats.insert(place, Arc::clone(lost));
        let seats = self.clone();
        Some(Seat { seats, place })
    }

    /// Returns the number of seats taken.
    pub(crate) fn taken(&self) -> usize {
        self.lock().seats.len()
    }

    /// Ignores poisoning: every change of the seats is complete before anything could panic.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Takes the latest seat of a household away: earlier ones stay, however fast new ones come.
    fn evict_latest(&mut self, household: IpAddr) {
        let seats = self.seats.range((household, 0)..=(household, u64::MAX));
        let latest = seats.last().map(|(place, _)| *place);
        if let Some(lost) = latest.and_then(|place| self.release(place)) {
            lost.notify_one();
        }
    }

    fn release(&mut self, place: (IpAddr, u64)) -> Option<Arc<Notify>> {
        let lost = self.seats.remove(&place)?;
        self.shares.remove(&place.0);
        Some(lost)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().release(self.place);
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

    fn taken(seats: &Seats, household: u8, count: usize) -> Vec<(Option<Seat>, Arc<Notify>)> {
        let take = || {
            let lost = Arc::default();
            (seats.take(v4(household), &lost), lost)
        };
        std::iter::repeat_with(take).take(count).collect()
    }

    #[test]
    fn one_household_cannot_take_all_seats() {
        let seats = Seats::new(MOST, OF_HOUSEHOLD);
        let mut crowd = taken(&seats, 1, OF_HOUSEHOLD + 1);
        assert!(crowd.pop().is_some_and(|(seat, _)| seat.is_none()));
        assert!(seats.take(v4(2), &Arc::default()).is_some());
        crowd.pop();
        assert!(seats.take(v4(1), &Arc::default()).is_some());
    }

    #[tokio::test]
    async fn a_few_households_keep_no_other_out() {
        let seats = Seats::new(MOST, OF_HOUSEHOLD);
        let crowds: Vec<_> = (1..=3)
            .map(|one| taken(&seats, one, OF_HOUSEHOLD))
            .collect();
        let others: Vec<_> = (4..=6).flat_map(|one| taken(&seats, one, 1)).collect();
        assert!(others.iter().all(|(seat, _)| seat.is_some()));
        assert_eq!(seats.taken(), MOST);
        let lost = crowds.iter().map(|crowd| &crowd[OF_HOUSEHOLD - 1].1);
        for lost in lost {
            lost.notified().await;
        }
        drop(crowds);
        assert_eq!(
            seats.taken(),
            others.len(),
            "a lost seat is given back once"
        );
        drop(others);
        assert!(seats.lock().seats.is_empty());
        assert_eq!(seats.lock().shares, Shares::default());
    }

    #[test]
    fn where_everybody_has_as_much_nobody_gives_way() {
        let seats = Seats::new(MOST, OF_HOUSEHOLD);
        let _all: Vec<_> = (0..MOST as u8)
            .flat_map(|one| taken(&seats, one, 1))
            .collect();
        assert!(seats.take(v4(200), &Arc::default()).is_none());
    }
}

//! Candidates: the other registrations of a discussion, which were rejected or replaced, while their coordinators
//! keep asking.
//!
//! The registered coordinator need not belong to the ring that a newcomer looks for, since anybody may register for
//! the open discussion. So a newcomer learns of a few others, and no household can crowd out those of the others.
//! Pure. Not here: the registration itself (`registry`).

use std::net::IpAddr;
use std::time::Duration;

use ringtalk_wire::NodeId;

use crate::api::Coordinator;
use crate::households::Shares;

/// How long a registration that is not repeated stays a candidate. A rejected coordinator asks again each second,
/// so it may miss a few.
pub(crate) const CANDIDATE_LEASE: Duration = Duration::from_secs(10);
/// How many candidates a newcomer learns of: it tries one after the other, some seconds each.
pub(crate) const CANDIDATES: usize = 3;
/// How many candidates of one discussion are kept, as a pool for a fair choice: 8 KiB.
const POOL: usize = 8;

/// The coordinators that were rejected or replaced.
#[derive(Debug, Default)]
pub(crate) struct Candidates(Vec<Candidate>);

#[derive(Debug)]
struct Candidate {
    coordinator: Coordinator,
    household: IpAddr,
    /// When it first registered, or tried to.
    since: Duration,
    until: Duration,
}

impl Candidates {
    /// Adds a coordinator that registered, or tried to, at `since`.
    ///
    /// If there are too many, the latest of the largest household is dropped, which may be this one.
    pub(crate) fn add(
        &mut self,
        now: Duration,
        coordinator: &Coordinator,
        household: IpAddr,
        since: Duration,
    ) {
        let since = self.remove(&coordinator.id).unwrap_or(since);
        self.0.retain(|known| known.until > now);
        self.0.push(Candidate {
            // Doors are dropped to save memory: a candidate is only an extra way in.
            coordinator: Coordinator {
                doors: Vec::new(),
                ..coordinator.clone()
            },
            household,
            since,
            until: now + CANDIDATE_LEASE,
        });
        if self.0.len() > POOL {
            self.drop_latest_of_largest();
        }
    }

    /// Removes a candidate that has registered or withdrawn. Returns since when it had tried.
    pub(crate) fn remove(&mut self, id: &NodeId) -> Option<Duration> {
        let index = self
            .0
            .iter()
            .position(|known| known.coordinator.id == *id)?;
        Some(self.0.swap_remove(index).since)
    }

    /// Returns the candidates to name to a newcomer: the oldest of each household first, then the second of each.
    pub(crate) fn select(&self, now: Duration) -> Vec<Coordinator> {
        let mut current: Vec<&Candidate> = self.0.iter().filter(|one| one.until > now).collect();
        current.sort_by_key(|one| one.since);
        let mut shares = Shares::default();
        let ranked = current
            .into_iter()
            .map(|one| (shares.add(one.household), one));
        let mut ranked: Vec<(usize, &Candidate)> = ranked.collect();
        ranked.sort_by_key(|&(rank, _)| rank);
        let selected = ranked.into_iter().take(CANDIDATES);
        selected.map(|(_, one)| one.coordinator.clone()).collect()
    }

    fn drop_latest_of_largest(&mut self) {
        let shares = Shares::of(self.0.iter().map(|one| one.household));
        let indexed = self.0.iter().enumerate();
        let latest = indexed.max_by_key(|(_, one)| (shares.count(&one.household), one.since));
        if let Some(index) = latest.map(|(index, _)| index) {
            self.0.swap_remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::Epoch;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn coordinator(byte: u8) -> Coordinator {
        let id = NodeId::from_bytes([byte; 16]);
        Coordinator {
            id,
            internal_address: "10.0.0.1:4000".parse().unwrap(),
            public_address: None,
            other_addresses: Vec::new(),
            doors: Vec::new(),
            epoch: Epoch {
                number: 1,
                coordinator: id,
            },
        }
    }

    fn household(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn named(candidates: &Candidates, now: Duration) -> Vec<u8> {
        let named = candidates.select(now).into_iter();
        named.map(|one| one.id.as_bytes()[0]).collect()
    }

    #[test]
    fn a_candidate_is_selected_for_as_long_as_it_asks() {
        let mut candidates = Candidates::default();
        candidates.add(SECOND, &coordinator(1), household(1), SECOND);
        assert_eq!(named(&candidates, SECOND + CANDIDATE_LEASE / 2), [1]);
        candidates.add(SECOND * 2, &coordinator(1), household(1), SECOND * 2);
        assert_eq!(named(&candidates, SECOND + CANDIDATE_LEASE), [1]);
        assert!(named(&candidates, SECOND * 2 + CANDIDATE_LEASE).is_empty());
        assert_eq!(candidates.remove(&coordinator(1).id), Some(SECOND));
        assert_eq!(candidates.remove(&coordinator(1).id), None);
    }

    #[test]
    fn many_candidates_of_one_household_crowd_out_no_other() {
        let mut candidates = Candidates::default();
        for byte in 1..=100 {
            candidates.add(SECOND, &coordinator(byte), household(1), SECOND);
        }
        candidates.add(SECOND * 2, &coordinator(201), household(2), SECOND * 2);
        candidates.add(SECOND * 3, &coordinator(202), household(3), SECOND * 3);
        for byte in 101..=200 {
            candidates.add(SECOND * 4, &coordinator(byte), household(1), SECOND * 4);
        }
        assert_eq!(named(&candidates, SECOND * 4), [1, 201, 202]);
        assert_eq!(candidates.0.len(), POOL);
    }

    #[test]
    fn the_earliest_candidates_of_a_household_stay() {
        let mut candidates = Candidates::default();
        for byte in 1..=20 {
            let now = SECOND + Duration::from_millis(byte.into());
            candidates.add(now, &coordinator(byte), household(1), now);
        }
        assert_eq!(named(&candidates, SECOND * 2), [1, 2, 3]);
    }
}

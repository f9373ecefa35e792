//! How many may be served at once, in all and of each kind: connections by address, held calls
//! by discussion.
//!
//! Not here: what happens on a connection (`serve`), or in a held call (`director`).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many connections that have asked something are open at once: with the guests fewer than the 1,024
/// files that a process may usually open. Each costs some 20 KiB at worst, so this is 15 MiB.
pub(crate) const CONNECTIONS: usize = 768;
/// How many of them come from one address: all the nodes of one machine or one household, twice,
/// but not all the room there is.
pub(crate) const CONNECTIONS_PER_ADDRESS: usize = 256;

/// A number of seats, with a limit for each kind of guest. Clones share the count.
#[derive(Clone, Debug)]
pub(crate) struct Seats<K: Ord + Copy>(Arc<Shared<K>>);

#[derive(Debug)]
struct Shared<K> {
    most: usize,
    most_of_kind: usize,
    taken: Mutex<Taken<K>>,
}

#[derive(Debug)]
struct Taken<K> {
    all: usize,
    by_kind: BTreeMap<K, usize>,
}

/// Room for one, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat<K: Ord + Copy> {
    seats: Seats<K>,
    kind: K,
}

impl<K: Ord + Copy> Seats<K> {
    /// So many seats, and so many of them for guests of one kind.
    pub(crate) fn new(most: usize, most_of_kind: usize) -> Self {
        let taken = Taken {
            all: 0,
            by_kind: BTreeMap::new(),
        };
        Self(Arc::new(Shared {
            most,
            most_of_kind,
            taken: Mutex::new(taken),
        }))
    }

    /// Room for a guest of this kind, where there is any.
    pub(crate) fn take(&self, kind: K) -> Option<Seat<K>> {
        let mut taken = self.lock();
        let here = taken.by_kind.get(&kind).copied().unwrap_or_default();
        if taken.all == self.0.most || here == self.0.most_of_kind {
            return None;
        }
        taken.all += 1;
        taken.by_kind.insert(kind, here + 1);
        Some(Seat {
            seats: self.clone(),
            kind,
        })
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> usize {
        self.lock().all
    }

    fn release(&self, kind: K) {
        let mut taken = self.lock();
        taken.all -= 1;
        if let Some(here) = taken.by_kind.get_mut(&kind) {
            *here -= 1;
            if *here == 0 {
                taken.by_kind.remove(&kind);
            }
        }
    }

    /// Nothing panics between the two counts but a bug in counting itself.
    fn lock(&self) -> MutexGuard<'_, Taken<K>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Copy> Drop for Seat<K> {
    fn drop(&mut self) {
        self.seats.release(self.kind);
    }
}

/// The address that one household has: an IPv4 address, or the /64 of an IPv6 address, within
/// which anybody picks as many as they like.
pub(crate) fn household(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use super::{CONNECTIONS, CONNECTIONS_PER_ADDRESS, Seats, household};

    fn seats() -> Seats<IpAddr> {
        Seats::new(CONNECTIONS, CONNECTIONS_PER_ADDRESS)
    }

    fn v4(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    #[test]
    fn one_address_cannot_take_all_seats() {
        let seats = seats();
        let mut taken: Vec<_> = (0..CONNECTIONS_PER_ADDRESS)
            .map(|_| seats.take(v4(1)).unwrap())
            .collect();
        assert!(seats.take(v4(1)).is_none());
        assert!(seats.take(v4(2)).is_some());
        taken.pop();
        assert!(seats.take(v4(1)).is_some());
    }

    #[test]
    fn there_are_only_so_many_seats() {
        let seats = seats();
        let hosts = (0..=u8::MAX).flat_map(|host| [v4(host); CONNECTIONS / 256]);
        let taken: Vec<_> = hosts.map(|host| seats.take(host).unwrap()).collect();
        assert!(seats.take(Ipv4Addr::LOCALHOST.into()).is_none());
        drop(taken);
        assert!(seats.lock().by_kind.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let seats = seats();
        let inside = |host: u128| {
            let network = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0).to_bits();
            IpAddr::V6(Ipv6Addr::from_bits(network | host))
        };
        let _taken: Vec<_> = (0..CONNECTIONS_PER_ADDRESS as u128)
            .map(|host| seats.take(household(inside(host))).unwrap())
            .collect();
        assert!(
            seats
                .take(household(inside(u128::from(u64::MAX))))
                .is_none()
        );
    }
}

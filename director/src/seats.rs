//! How many connections there may be, in all and from one address.
//!
//! Not here: what happens on a connection (`serve`).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many connections are open at once. Each costs some 20 KiB at worst, so this is 20 MiB.
pub(crate) const CONNECTIONS: usize = 1_024;
/// How many of them come from one address: all the nodes of one machine or one household, twice,
/// but not all the room there is.
pub(crate) const CONNECTIONS_PER_ADDRESS: usize = 256;

/// The connections that are open. Clones share the count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seats(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// Room for one connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Seats,
    address: IpAddr,
}

impl Seats {
    /// Room for a connection from `peer`, where there is any.
    pub(crate) fn take(&self, peer: IpAddr) -> Option<Seat> {
        let address = household(peer);
        let mut taken = self.lock();
        let here = taken.by_address.get(&address).copied().unwrap_or_default();
        if taken.all == CONNECTIONS || here == CONNECTIONS_PER_ADDRESS {
            return None;
        }
        taken.all += 1;
        taken.by_address.insert(address, here + 1);
        Some(Seat {
            seats: self.clone(),
            address,
        })
    }

    fn release(&self, address: IpAddr) {
        let mut taken = self.lock();
        taken.all -= 1;
        if let Some(here) = taken.by_address.get_mut(&address) {
            *here -= 1;
            if *here == 0 {
                taken.by_address.remove(&address);
            }
        }
    }

    /// Nothing panics between the two counts but a bug in counting itself.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.release(self.address);
    }
}

/// The address that one household has: an IPv4 address, or the /64 of an IPv6 address, within
/// which anybody picks as many as they like.
fn household(peer: IpAddr) -> IpAddr {
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

    use super::{CONNECTIONS, CONNECTIONS_PER_ADDRESS, Seats};

    fn v4(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    #[test]
    fn one_address_cannot_take_all_seats() {
        let seats = Seats::default();
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
        let seats = Seats::default();
        let hosts = (0..=u8::MAX).flat_map(|host| [v4(host); CONNECTIONS / 256]);
        let taken: Vec<_> = hosts.map(|host| seats.take(host).unwrap()).collect();
        assert!(seats.take(Ipv4Addr::LOCALHOST.into()).is_none());
        drop(taken);
        assert!(seats.lock().by_address.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let seats = Seats::default();
        let inside = |host: u128| {
            let network = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0).to_bits();
            IpAddr::V6(Ipv6Addr::from_bits(network | host))
        };
        let _taken: Vec<_> = (0..CONNECTIONS_PER_ADDRESS as u128)
            .map(|host| seats.take(inside(host)).unwrap())
            .collect();
        assert!(seats.take(inside(u128::from(u64::MAX))).is_none());
    }
}

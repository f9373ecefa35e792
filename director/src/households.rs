//! Households, and the share that each has of a resource.
//!
//! A director's resources are shared per household: if there is no more room, the largest household gives way to
//! smaller ones. So a few addresses cannot keep anybody out. Pure. Not here: the resources (`seats`, `discussions`,
//! `candidates`, `pending`).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

/// Returns the household of an address: an IPv4 address, or the /64 of an IPv6 address, within which anybody can
/// pick any number of addresses.
pub(crate) fn household(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The number of units that each household has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Shares(BTreeMap<IpAddr, usize>);

impl Shares {
    /// Counts the units of each household.
    pub(crate) fn of(households: impl IntoIterator<Item = IpAddr>) -> Self {
        let mut shares = Self::default();
        for household in households {
            shares.add(household);
        }
        shares
    }

    /// Adds a unit to a household. Returns how many it had before.
    pub(crate) fn add(&mut self, household: IpAddr) -> usize {
        let size = self.0.entry(household).or_default();
        *size += 1;
        *size - 1
    }

    /// Removes a unit from a household.
    pub(crate) fn remove(&mut self, household: &IpAddr) {
        if let Some(size) = self.0.get_mut(household) {
            *size -= 1;
            if *size == 0 {
                self.0.remove(household);
            }
        }
    }

    /// Returns how many units a household has.
    pub(crate) fn count(&self, household: &IpAddr) -> usize {
        self.0.get(household).copied().unwrap_or_default()
    }

    /// Returns the household that has most.
    pub(crate) fn largest(&self) -> Option<IpAddr> {
        let largest = self.0.iter().max_by_key(|(_, size)| **size);
        largest.map(|(household, _)| *household)
    }

    /// Returns the largest household if it must give way to one more unit of `newcomer`. It must still have more
    /// than the newcomer will have then, so that no two households take turns in displacing each other.
    pub(crate) fn household_to_evict(&self, newcomer: &IpAddr) -> Option<IpAddr> {
        let largest = self.largest()?;
        (self.count(&largest) > self.count(newcomer) + 1).then_some(largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn the_largest_household_gives_way_to_smaller_ones() {
        let mut shares = Shares::of([v4(1), v4(1), v4(1), v4(2)]);
        assert_eq!(shares.household_to_evict(&v4(3)), Some(v4(1)));
        assert_eq!(shares.household_to_evict(&v4(2)), Some(v4(1)));
        assert_eq!(shares.household_to_evict(&v4(1)), None, "not to itself");
        shares.remove(&v4(1));
        assert_eq!(
            shares.household_to_evict(&v4(2)),
            None,
            "both have as many then"
        );
        shares.remove(&v4(2));
        assert_eq!(shares, Shares::of([v4(1), v4(1)]));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_household() {
        let address = |text: &str| household(text.parse().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1:2:3"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:192.0.2.1"), v4(1));
    }
}

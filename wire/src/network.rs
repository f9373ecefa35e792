//! The network that a node is on. It decides which nodes are neighbours on the ring, and nothing else.
//!
//! Not here: how a node detects its network (`ringtalk-node`), and the place that follows (`ringtalk-proto`).

use core::net::IpAddr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::limit::{self, COUNTER};

/// A network, as a hash of its address range. It is equal for nodes that can most likely reach each other. It
/// proves nothing.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NetworkId(#[serde(deserialize_with = "limit::counter")] u64);

impl NetworkId {
    /// Returns the network of an address whose first `prefix` bits all hosts of that network share.
    pub fn of(address: IpAddr, prefix: u8) -> Self {
        let bits = match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128)));
        let network = bits & mask.unwrap_or(0);
        Self::hash(&[
            &[u8::from(address.is_ipv6()), prefix],
            &network.to_be_bytes(),
        ])
    }

    /// Returns this network as seen from outside if all its traffic comes from one address. The address
    /// distinguishes it from equal networks behind other addresses.
    #[must_use]
    pub fn behind(self, outside: IpAddr) -> Self {
        let outside = match outside {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        Self::hash(&[&self.0.to_be_bytes(), &outside.octets()])
    }

    fn hash(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part);
        }
        let digest: [u8; 32] = digest.finalize().into();
        let first = digest.first_chunk().copied().unwrap_or_default();
        Self(u64::from_be_bytes(first) % COUNTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_of_one_network_have_one_id() {
        let one = NetworkId::of(address("10.1.2.3"), 24);
        assert_eq!(one, NetworkId::of(address("10.1.2.250"), 24));
        assert_ne!(one, NetworkId::of(address("10.1.3.3"), 24));
        assert_ne!(one, NetworkId::of(address("10.1.2.3"), 16));
        let v6 = NetworkId::of(address("2001:db8::1"), 64);
        assert_eq!(v6, NetworkId::of(address("2001:db8::2:1"), 64));
        assert_eq!(
            NetworkId::of(address("1.2.3.4"), 0),
            NetworkId::of(address("5.6.7.8"), 0)
        );
    }

    #[test]
    fn equal_networks_behind_two_addresses_are_two() {
        let home = NetworkId::of(address("192.168.1.7"), 24);
        assert_ne!(
            home.behind(address("203.0.113.1")),
            home.behind(address("203.0.113.2"))
        );
        assert_ne!(home, home.behind(address("203.0.113.1")));
    }
}

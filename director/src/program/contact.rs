//! How people reach a director: the command that it prints when it starts.
//!
//! Not here: whether a firewall lets them through, which no program can see from inside.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use crate::routes::default_route_addresses;

/// The program that people join with, under the name that the documents install.
const PROGRAM: &str = "ringtalk";
/// Returns the sentence that says how people join, if the director listens here.
pub(super) fn invitation(bound: SocketAddr) -> String {
    let host = if bound.ip().is_unspecified() {
        default_host(bound).unwrap_or(Ipv4Addr::LOCALHOST.into())
    } else {
        bound.ip().to_canonical()
    };
    let people = if host.is_loopback() {
        "people on this machine"
    } else {
        "people"
    };
    let address = SocketAddr::new(host, bound.port());
    format!("{people} join with: {PROGRAM} --join {address}")
}

/// Returns the address of this machine on the interface with the default route, else its first one that others reach.
fn default_host(bound: SocketAddr) -> Option<IpAddr> {
    let mut all = default_route_addresses().chain(own_addresses());
    all.find(|ip| is_reachable_at(bound, *ip))
}

/// Returns the addresses of the interfaces that are up.
fn own_addresses() -> impl Iterator<Item = IpAddr> {
    let all = getifaddrs().into_iter().flatten();
    let up = all.filter(|one| {
        one.flags
            .contains(InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING)
    });
    up.filter_map(|one| {
        let address = one.address?;
        let v4 = address.as_sockaddr_in().map(|address| address.ip().into());
        let v6 = || address.as_sockaddr_in6().map(|address| address.ip().into());
        v4.or_else(v6)
    })
}

/// Returns true if others reach a director at this address when it listens on all addresses of one kind. One that
/// listens on IPv6 accepts IPv4 too. A link-local address means nothing on other machines without a zone.
fn is_reachable_at(bound: SocketAddr, ip: IpAddr) -> bool {
    let is_usable = match ip {
        IpAddr::V4(ip) => !ip.is_link_local(),
        IpAddr::V6(ip) => bound.is_ipv6() && !ip.is_unicast_link_local(),
    };
    is_usable && !ip.is_loopback() && !ip.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation_at(bound: &str) -> String {
        invitation(bound.parse().unwrap())
    }

    #[test]
    fn an_address_that_was_asked_for_is_named() {
        assert_eq!(
            invitation_at("10.1.2.3:9000"),
            "people join with: ringtalk --join 10.1.2.3:9000"
        );
        assert_eq!(
            invitation_at("[2001:db8::1]:8080"),
            "people join with: ringtalk --join [2001:db8::1]:8080"
        );
        assert_eq!(
            invitation_at("127.0.0.1:1"),
            "people on this machine join with: ringtalk --join 127.0.0.1:1"
        );
    }

    #[test]
    fn a_director_on_all_addresses_names_one_of_this_machine() {
        for bound in ["0.0.0.0:8080", "[::]:8080"] {
            let text = invitation_at(bound);
            let (_, address) = text.rsplit_once(' ').unwrap();
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(address.port(), 8080);
            let own: Vec<IpAddr> = own_addresses().collect();
            assert!(own.contains(&address.ip()), "{text}: {own:?}");
        }
    }
}

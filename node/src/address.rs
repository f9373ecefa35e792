//! The addresses at which others can dial this node, and the network that it is on.
//!
//! Not here: whether anyone can reach these addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;
use ringtalk_director::api::Address;
use ringtalk_wire::NetworkId;
use ringtalk_wire::limit::OTHER_ADDRESSES;
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::timeout;

/// The timeout for resolving a director's name.
const LOOKUP_TIME: Duration = Duration::from_secs(2);

/// Returns the address for a node's own network, if the node listens at `bound`: that one, if it is a single address;
/// else `best`; else the machine's first address that is not loopback; else loopback.
pub(crate) fn internal(bound: SocketAddr, best: Option<IpAddr>) -> Address {
    let specific = Some(bound.ip()).filter(|ip| !ip.is_unspecified());
    let chosen = specific
        .or(best.filter(|ip| is_reachable_by(bound, *ip)))
        .or_else(|| first_interface(bound))
        .unwrap_or(Ipv4Addr::LOCALHOST.into());
    of_socket(SocketAddr::new(chosen, bound.port()))
}

/// Returns the addresses on the machine's other networks, at most two, if the node listens on all of them.
pub(crate) fn others(bound: SocketAddr, internal: &Address) -> Vec<Address> {
    let Ok(own) = internal.as_str().parse::<SocketAddr>() else {
        return Vec::new();
    };
    // If the loopback reaches this node, all members are on one machine.
    if !bound.ip().is_unspecified() || own.ip().is_loopback() {
        return Vec::new();
    }
    let all: Vec<Interface> = interfaces().collect();
    let home = all.iter().find(|one| one.ip == own.ip());
    let mut known: Vec<&str> = home.iter().map(|home| home.name.as_str()).collect();
    let mut others = Vec::new();
    for one in &all {
        if is_reachable_by(bound, one.ip) && !known.contains(&one.name.as_str()) {
            known.push(&one.name);
            others.push(of_socket(SocketAddr::new(one.ip, bound.port())));
        }
    }
    others.truncate(OTHER_ADDRESSES);
    others
}

/// Returns the network that this node is on: that of its own address, else that of the address from which it reaches
/// directors, else the machine's first.
pub(crate) fn network(internal: &Address, best: Option<IpAddr>) -> NetworkId {
    let own = internal.as_str().parse::<SocketAddr>().ok();
    let own = own.map(|own| own.ip()).or(best);
    if let Some(own) = own.filter(IpAddr::is_loopback) {
        return NetworkId::of(own, 8);
    }
    let mut all = interfaces();
    let found = match own {
        Some(own) => all.find(|one| one.ip == own),
        None => all.next(),
    };
    found.map_or_else(
        || own.map_or_else(NetworkId::default, |own| NetworkId::of(own, 128)),
        |one| NetworkId::of(one.ip, one.prefix),
    )
}

/// Returns a numeric address.
pub(crate) fn of_socket(socket: SocketAddr) -> Address {
    let plain = SocketAddr::new(socket.ip().to_canonical(), socket.port());
    let address = plain.to_string().parse();
    address.expect("digits and a port that is bound make an address")
}

/// Returns the local address from which the first of the directors is reached, which is this machine's address in
/// their network. Sends the directors nothing.
pub(crate) async fn local_address_for(
    directors: impl IntoIterator<Item = &Address>,
) -> Option<IpAddr> {
    for director in directors {
        let found = timeout(LOOKUP_TIME, lookup_host(director.as_str())).await;
        let Ok(Ok(sockets)) = found else {
            continue;
        };
        for socket in sockets {
            if let Some(ip) = source_address(socket).await {
                return Some(ip);
            }
        }
    }
    None
}

async fn source_address(target: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if target.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0; 8], 0).into()
    };
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(target).await.ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The distance of an address from this machine, ordered from near to far.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Distance {
    /// The machine itself, by its loopback.
    Loopback,
    /// A host on one of the machine's networks.
    LocalNetwork,
    /// Any other host.
    Remote,
}

/// Returns an address's distance, or `None` for one that no node has: unspecified, link-local, multicast or broadcast.
pub(crate) fn distance(ip: IpAddr) -> Option<Distance> {
    match distance_among(interfaces(), ip) {
        Some(Distance::Remote) if is_own(ip) => Some(Distance::LocalNetwork),
        distance => distance,
    }
}

fn distance_among(mut interfaces: impl Iterator<Item = Interface>, ip: IpAddr) -> Option<Distance> {
    let ip = ip.to_canonical();
    let is_unusable = ip.is_multicast()
        || match ip {
            // All of 0.0.0.0/8 stands for "this host".
            IpAddr::V4(v4) => v4.octets()[0] == 0 || v4.is_link_local() || v4.is_broadcast(),
            IpAddr::V6(v6) => v6.is_unspecified() || v6.is_unicast_link_local(),
        };
    if is_unusable {
        None
    } else if ip.is_loopback() {
        Some(Distance::Loopback)
    } else if interfaces.any(|one| one.contains(ip)) {
        Some(Distance::LocalNetwork)
    } else {
        Some(Distance::Remote)
    }
}

/// Returns true if a listener at `bound` can be reached at `ip`. A listener on IPv6 accepts IPv4 too. An address with
/// a zone means nothing on other hosts.
fn is_reachable_by(bound: SocketAddr, ip: IpAddr) -> bool {
    let has_zone = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    (bound.is_ipv6() || ip.is_ipv4()) && !has_zone
}

fn first_interface(bound: SocketAddr) -> Option<IpAddr> {
    let mut all = interfaces().map(|one| one.ip);
    all.find(|ip| is_reachable_by(bound, *ip))
}

/// One of the machine's own addresses.
#[derive(Clone, Debug)]
struct Interface {
    name: String,
    ip: IpAddr,
    /// The length of the network prefix, in bits.
    prefix: u8,
}

impl Interface {
    /// Returns true if an address is on the same network.
    fn contains(&self, ip: IpAddr) -> bool {
        let is_same_kind = self.ip.is_ipv4() == ip.is_ipv4();
        is_same_kind && NetworkId::of(self.ip, self.prefix) == NetworkId::of(ip, self.prefix)
    }
}

/// Returns the machine's own addresses, IPv4 first, except for loopback and interfaces that are down or unplugged.
fn interfaces() -> impl Iterator<Item = Interface> {
    interfaces_with(|flags| {
        flags.contains(InterfaceFlags::IFF_UP)
            && flags.contains(InterfaceFlags::IFF_RUNNING)
            && !flags.contains(InterfaceFlags::IFF_LOOPBACK)
    })
}

/// Returns true if an address is the machine's own. It counts even if its interface is down, because the machine
/// receives what is sent to it all the same.
fn is_own(ip: IpAddr) -> bool {
    interfaces_with(|_| true).any(|one| one.ip == ip.to_canonical())
}

fn interfaces_with(has: impl Fn(InterfaceFlags) -> bool) -> impl Iterator<Item = Interface> {
    let all = getifaddrs().into_iter().flatten();
    let fit = all.filter(|interface| has(interface.flags));
    let mut found: Vec<Interface> = fit
        .filter_map(|interface| {
            let ip = ip_of(interface.address?)?;
            let mask = interface.netmask.and_then(ip_of);
            Some(Interface {
                name: interface.interface_name,
                ip,
                prefix: mask.map_or(128, prefix_of),
            })
        })
        .collect();
    found.sort_by_key(|one| one.ip.is_ipv6());
    found.into_iter()
}

fn ip_of(address: SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

/// Returns the number of bits that are set in a netmask.
const fn prefix_of(mask: IpAddr) -> u8 {
    let bits = match mask {
        IpAddr::V4(mask) => mask.to_bits().count_ones(),
        IpAddr::V6(mask) => mask.to_bits().count_ones(),
    };
    bits as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_single_listen_address_is_announced() {
        let best = Some("10.0.0.1".parse().unwrap());
        assert_eq!(
            internal(socket("127.0.0.2:40"), best).as_str(),
            "127.0.0.2:40"
        );
        assert_eq!(internal(socket("[::1]:40"), best).as_str(), "[::1]:40");
    }

    #[test]
    fn own_addresses_count_on_every_interface() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        assert!(interfaces().all(|one| one.ip != loopback));
        assert!(is_own(loopback), "as on an interface that is down");
        assert!(!is_own(IpAddr::from([192, 0, 2, 1])));
    }

    #[test]
    fn a_node_that_listens_everywhere_announces_its_best_address() {
        let v4 = Some("10.0.0.1".parse().unwrap());
        let v6 = Some("2001:db8::1".parse().unwrap());
        assert_eq!(internal(socket("0.0.0.0:40"), v4).as_str(), "10.0.0.1:40");
        assert_eq!(internal(socket("[::]:40"), v4).as_str(), "10.0.0.1:40");
        assert_eq!(internal(socket("[::]:40"), v6).as_str(), "[2001:db8::1]:40");
        assert!(!internal(socket("0.0.0.0:40"), v6).as_str().starts_with('['));
    }

    #[test]
    fn distances_follow_from_the_interfaces() {
        let interface = |ip: &str, prefix| Interface {
            name: "one".to_owned(),
            ip: ip.parse().unwrap(),
            prefix,
        };
        let own = [interface("192.168.1.7", 24), interface("2001:db8::7", 64)];
        let distance = |ip: &str| distance_among(own.iter().cloned(), ip.parse().unwrap());
        for loopback in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(distance(loopback), Some(Distance::Loopback), "{loopback}");
        }
        for local in [
            "192.168.1.7",
            "192.168.1.99",
            "::ffff:192.168.1.1",
            "2001:db8::1",
        ] {
            assert_eq!(distance(local), Some(Distance::LocalNetwork), "{local}");
        }
        for remote in ["192.168.2.7", "10.0.0.1", "2001:db8:0:1::1", "203.0.113.9"] {
            assert_eq!(distance(remote), Some(Distance::Remote), "{remote}");
        }
        for unusable in [
            "0.0.0.0",
            "0.0.0.1",
            "::",
            "169.254.169.254",
            "fe80::1",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            assert_eq!(distance(unusable), None, "{unusable}");
        }
    }

    #[tokio::test]
    async fn a_director_on_this_machine_is_reached_by_loopback() {
        let director: Address = "127.0.0.1:1".parse().unwrap();
        let unknown: Address = "no.such.host.invalid:1".parse().unwrap();
        let found = local_address_for([&unknown, &director]).await;
        assert_eq!(found, Some(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(local_address_for([&unknown]).await, None);
    }
}

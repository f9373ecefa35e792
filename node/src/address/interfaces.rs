//! The machine's network interfaces: their addresses, and what kind of network each leads to.
//!
//! Not here: which of these addresses a node tells others (`address`).

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;
use ringtalk_wire::NetworkId;

/// The beginnings of the names that VPN programs give to their interfaces, if the system does not mark these.
const TUNNELS: [&str; 9] = [
    "tun",
    "utun",
    "tap",
    "wg",
    "ppp",
    "zt",
    "tailscale",
    "nordlynx",
    "ipsec",
];
/// The beginnings of the names that container and virtual machine programs give to their bridges.
const BRIDGES: [&str; 14] = [
    "docker", "veth", "virbr", "lxcbr", "lxdbr", "incusbr", "podman", "cni", "flannel", "cilium",
    "weave", "kube", "vmnet", "vboxnet",
];

/// One of the machine's own addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Interface {
    /// The name of the interface.
    pub(crate) name: String,
    /// The address.
    pub(crate) ip: IpAddr,
    /// The length of the network prefix, in bits.
    pub(crate) prefix: u8,
    /// The kind of network that it leads to.
    pub(crate) kind: InterfaceKind,
}

/// The kind of network behind an interface, ordered by how likely others reach this machine there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum InterfaceKind {
    /// A network of machines.
    Network,
    /// A tunnel, such as that of a VPN: only those in it get through.
    Tunnel,
    /// A bridge to containers or virtual machines on this machine. Other machines have one with the same addresses.
    Bridge,
}

impl Interface {
    /// Returns true if an address is on the same network.
    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
        let is_same_kind = self.ip.is_ipv4() == ip.is_ipv4();
        is_same_kind && NetworkId::of(self.ip, self.prefix) == NetworkId::of(ip, self.prefix)
    }

    /// Returns true if the address is valid on its own link only, and means nothing without the name of an interface.
    pub(crate) const fn is_link_local(&self) -> bool {
        match self.ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        }
    }
}

/// Returns the machine's own addresses, IPv4 first, except for loopback and interfaces that are down or unplugged.
pub(crate) fn interfaces() -> impl Iterator<Item = Interface> {
    interfaces_with(|flags| {
        flags.contains(InterfaceFlags::IFF_UP)
            && flags.contains(InterfaceFlags::IFF_RUNNING)
            && !flags.contains(InterfaceFlags::IFF_LOOPBACK)
    })
}

/// Returns true if an address is the machine's own. It counts even if its interface is down, because the machine
/// receives what is sent to it all the same.
pub(crate) fn is_own(ip: IpAddr) -> bool {
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
                kind: kind_of(&interface.interface_name, interface.flags),
                name: interface.interface_name,
                ip,
                prefix: mask.map_or(128, prefix_of),
            })
        })
        .collect();
    found.sort_by_key(|one| one.ip.is_ipv6());
    found.into_iter()
}

fn kind_of(name: &str, flags: InterfaceFlags) -> InterfaceKind {
    let begins_with_any = |beginnings: &[&str]| beginnings.iter().any(|it| name.starts_with(it));
    if begins_with_any(&BRIDGES) || is_of_docker(name) || is_bridge_without_cards(name) {
        InterfaceKind::Bridge
    } else if flags.contains(InterfaceFlags::IFF_POINTOPOINT) || begins_with_any(&TUNNELS) {
        InterfaceKind::Tunnel
    } else {
        InterfaceKind::Network
    }
}

/// Returns true for the bridge of a network that a user of Docker has made, such as `br-0123456789ab`. Other bridges
/// begin like that too: `br-lan` is a whole house.
fn is_of_docker(name: &str) -> bool {
    let id = name.strip_prefix("br-").filter(|id| id.len() == 12);
    id.is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Returns true for a bridge that no network card is part of, whatever its name. Only Linux tells.
fn is_bridge_without_cards(name: &str) -> bool {
    let class = Path::new("/sys/class/net");
    let Ok(ports) = fs::read_dir(class.join(name).join("brif")) else {
        return false;
    };
    let mut ports = ports.flatten();
    !ports.any(|port| class.join(port.file_name()).join("device").exists())
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

    #[test]
    fn own_addresses_count_on_every_interface() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        assert!(interfaces().all(|one| one.ip != loopback));
        assert!(is_own(loopback), "as on an interface that is down");
        assert!(!is_own(IpAddr::from([192, 0, 2, 1])));
    }

    #[test]
    fn an_interface_has_a_kind_by_its_name_and_its_flags() {
        let broadcast = InterfaceFlags::IFF_BROADCAST;
        for (name, flags, kind) in [
            ("eth0", broadcast, InterfaceKind::Network),
            ("wlp3s0", broadcast, InterfaceKind::Network),
            ("br0", broadcast, InterfaceKind::Network),
            ("docker0", broadcast, InterfaceKind::Bridge),
            ("br-0123456789ab", broadcast, InterfaceKind::Bridge),
            ("br-lan", broadcast, InterfaceKind::Network),
            ("virbr0", broadcast, InterfaceKind::Bridge),
            ("wg0", broadcast, InterfaceKind::Tunnel),
            ("tap0", broadcast, InterfaceKind::Tunnel),
            (
                "office",
                InterfaceFlags::IFF_POINTOPOINT,
                InterfaceKind::Tunnel,
            ),
        ] {
            assert_eq!(kind_of(name, flags), kind, "{name}");
        }
    }
}

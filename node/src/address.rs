//! The addresses at which others can dial this node, and the network that it is on.
//!
//! Not here: the machine's interfaces (`interfaces`), whether anyone can reach these addresses.

mod interfaces;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ringtalk_director::api::{Address, Newcomer};
use ringtalk_director::routes::{default_route_addresses, source_for};
use ringtalk_wire::limit::OTHER_ADDRESSES;
use ringtalk_wire::{NetworkId, NodeId};
use tokio::net::lookup_host;
use tokio::time::timeout;

use interfaces::{Interface, InterfaceKind, interfaces, is_own};

/// The timeout for resolving a director's name.
const LOOKUP_TIME: Duration = Duration::from_secs(2);

/// The addresses and the network of this node, as it tells them to directors and members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Whereabouts {
    /// The address for nodes on the same network.
    pub(crate) internal: Address,
    /// The address for nodes on other networks, if the user named one.
    pub(crate) public: Option<Address>,
    /// The addresses on the machine's other networks.
    pub(crate) others: Vec<Address>,
    /// The network that this node is on.
    pub(crate) network: NetworkId,
}

impl Whereabouts {
    /// Returns the one address to show.
    pub(crate) fn contact(&self) -> &Address {
        self.public.as_ref().unwrap_or(&self.internal)
    }

    /// Returns true if only nodes of this machine find this one.
    pub(crate) fn is_loopback(&self) -> bool {
        self.internal.ip().is_some_and(|ip| ip.is_loopback())
    }

    /// Returns what directors are told of this node.
    pub(crate) fn newcomer(&self, id: NodeId) -> Newcomer {
        Newcomer {
            id,
            internal_address: self.internal.clone(),
            public_address: self.public.clone(),
            other_addresses: self.others.clone(),
        }
    }
}

/// The settings by which a node chooses among the machine's addresses. They do not change while the node runs; the
/// machine's addresses may.
#[derive(Clone, Debug)]
pub(crate) struct AddressFinder {
    /// The address on which this node listens.
    pub(crate) bound: SocketAddr,
    /// The address that the user named for other networks.
    pub(crate) public: Option<Address>,
    /// The directors or members at which this node joins, in whose network others come to it; none if it founds.
    pub(crate) directors: Vec<Address>,
}

impl AddressFinder {
    /// Returns where others find this node at present.
    pub(crate) async fn find(&self) -> Whereabouts {
        let preferred = local_address_for(&self.directors).await;
        let machine = Machine::now();
        let internal = self.public.clone();
        // A node that listens on the loopback is reached through whatever listens at its public address. On other
        // hosts, the loopback is those hosts themselves.
        let internal = internal.filter(|_| self.bound.ip().is_loopback());
        let internal = internal.unwrap_or_else(|| machine.internal(self.bound, preferred));
        Whereabouts {
            others: machine.others(self.bound, &internal),
            network: machine.network(self.bound, &internal, preferred),
            internal,
            public: self.public.clone(),
        }
    }

    /// Returns why no other machine can reach this node, if that is so because this machine has no address for it.
    pub(crate) fn isolation(&self, machine: &Machine) -> Option<String> {
        let is_open = self.public.is_none() && self.bound.ip().is_unspecified();
        if !is_open || !self.directors.is_empty() {
            return None;
        }
        let why = machine.isolation(self.bound)?;
        Some(format!(
            "{why}: nobody on another machine can join you. The invite works on this machine only"
        ))
    }
}

/// The addresses of the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Machine {
    /// IPv4 first.
    all: Vec<Interface>,
    /// Those of the interfaces with the default routes.
    default_routes: Vec<IpAddr>,
}

impl Machine {
    /// Returns its present addresses.
    pub(crate) fn now() -> Self {
        Self {
            all: interfaces().collect(),
            default_routes: default_route_addresses().collect(),
        }
    }

    /// Returns true if an address is one of them.
    pub(crate) fn has(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.all.iter().any(|one| one.ip == ip.to_canonical())
    }

    /// Returns the addresses at which others may reach a listener at `bound`, best first: those of the default routes,
    /// then other networks, then tunnels. The bridges of containers lead nowhere on other machines.
    fn usable(&self, bound: SocketAddr) -> Vec<&Interface> {
        let is_usable = |one: &&Interface| {
            one.kind != InterfaceKind::Bridge || self.default_routes.contains(&one.ip)
        };
        let all = self.all.iter().filter(is_usable);
        let mut usable: Vec<&Interface> =
            all.filter(|one| is_reachable_by(bound, one.ip)).collect();
        usable.sort_by_key(|one| {
            let place = self.default_routes.iter().position(|ip| *ip == one.ip);
            (place.unwrap_or(usize::MAX), one.kind, one.is_link_local())
        });
        usable
    }

    /// Returns the address for a node's own network, if the node listens at `bound`: that one, if it is a single
    /// address; else `preferred`; else the best one of the machine; else loopback.
    fn internal(&self, bound: SocketAddr, preferred: Option<IpAddr>) -> Address {
        let specific = Some(bound.ip()).filter(|ip| !ip.is_unspecified());
        let chosen = specific
            .or(preferred.filter(|ip| is_reachable_by(bound, *ip)))
            .or_else(|| self.usable(bound).first().map(|one| one.ip))
            .unwrap_or(Ipv4Addr::LOCALHOST.into());
        of_socket(SocketAddr::new(chosen, bound.port()))
    }

    /// Returns the addresses on the machine's other networks, at most two, if the node listens on all of them.
    fn others(&self, bound: SocketAddr, internal: &Address) -> Vec<Address> {
        let Ok(own) = internal.as_str().parse::<SocketAddr>() else {
            return Vec::new();
        };
        // If the loopback reaches this node, all members are on one machine.
        if !bound.ip().is_unspecified() || own.ip().is_loopback() {
            return Vec::new();
        }
        let home = self.all.iter().find(|one| one.ip == own.ip());
        let mut known: Vec<&str> = home.iter().map(|home| home.name.as_str()).collect();
        let mut others = Vec::new();
        for one in self.usable(bound) {
            if !known.contains(&one.name.as_str()) {
                known.push(&one.name);
                others.push(of_socket(SocketAddr::new(one.ip, bound.port())));
            }
        }
        others.truncate(OTHER_ADDRESSES);
        others
    }

    /// Returns the network of a node: that of its own address, else that of `preferred`, else that of its best one.
    fn network(
        &self,
        bound: SocketAddr,
        internal: &Address,
        preferred: Option<IpAddr>,
    ) -> NetworkId {
        let own = internal.as_str().parse::<SocketAddr>().ok();
        let own = own.map(|own| own.ip()).or(preferred);
        if let Some(own) = own.filter(IpAddr::is_loopback) {
            return NetworkId::of(own, 8);
        }
        let found = match own {
            Some(own) => self.all.iter().find(|one| one.ip == own),
            None => self.usable(bound).into_iter().next(),
        };
        found.map_or_else(
            || own.map_or_else(NetworkId::default, |own| NetworkId::of(own, 128)),
            |one| NetworkId::of(one.ip, one.prefix),
        )
    }

    /// Returns why no other machine can dial a listener at `bound`, if none can.
    fn isolation(&self, bound: SocketAddr) -> Option<&'static str> {
        if !self.usable(bound).is_empty() {
            return None;
        }
        Some(if self.all.iter().any(Interface::is_link_local) {
            "this machine has no network address but link-local ones, which mean nothing to others"
        } else if self.all.iter().any(|one| is_reachable_by(bound, one.ip)) {
            "this machine has no network but that of its containers"
        } else if self.all.is_empty() {
            "this machine is not connected to a network"
        } else {
            "this machine has IPv6 addresses only, and the node listens on IPv4"
        })
    }
}

/// Returns the same socket address, as IPv4 if it is an IPv4 address that is written as IPv6.
pub(crate) const fn canonical(socket: SocketAddr) -> SocketAddr {
    SocketAddr::new(socket.ip().to_canonical(), socket.port())
}

/// Returns a numeric address.
pub(crate) fn of_socket(socket: SocketAddr) -> Address {
    let address = canonical(socket).to_string().parse();
    address.expect("digits and a port that is bound make an address")
}

/// Returns the local address from which the first of the directors is reached, which is this machine's address in
/// their network. Sends the directors nothing.
async fn local_address_for(directors: &[Address]) -> Option<IpAddr> {
    for director in directors {
        let found = timeout(LOOKUP_TIME, lookup_host(director.as_str())).await;
        let Ok(Ok(sockets)) = found else {
            continue;
        };
        if let Some(ip) = sockets.into_iter().find_map(source_for) {
            return Some(ip);
        }
    }
    None
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

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn interface(name: &str, ip: &str, prefix: u8, kind: InterfaceKind) -> Interface {
        Interface {
            name: name.to_owned(),
            ip: ip.parse().unwrap(),
            prefix,
            kind,
        }
    }

    /// Returns a machine with a bridge of containers, a VPN, a card without and a card with a default route.
    fn machine() -> Machine {
        Machine {
            all: vec![
                interface("docker0", "172.17.0.1", 16, InterfaceKind::Bridge),
                interface("wg0", "10.8.0.2", 24, InterfaceKind::Tunnel),
                interface("eth1", "192.168.7.7", 24, InterfaceKind::Network),
                interface("eth0", "192.168.1.7", 24, InterfaceKind::Network),
                interface("eth0", "2001:db8::7", 64, InterfaceKind::Network),
                interface("eth0", "fe80::7", 64, InterfaceKind::Network),
            ],
            default_routes: vec![ip("192.168.1.7"), ip("2001:db8::7")],
        }
    }

    /// Returns the addresses that a node names if it listens at `bound`.
    fn named(machine: &Machine, bound: &str) -> (String, Vec<String>) {
        let bound = socket(bound);
        let internal = machine.internal(bound, None);
        let others = machine.others(bound, &internal);
        (
            internal.to_string(),
            others.iter().map(ToString::to_string).collect(),
        )
    }

    #[test]
    fn a_single_listen_address_is_announced() {
        for bound in ["127.0.0.2:40", "[::1]:40"] {
            let internal = machine().internal(socket(bound), Some(ip("10.0.0.1")));
            assert_eq!(internal.as_str(), bound);
        }
    }

    #[test]
    fn a_node_that_listens_everywhere_announces_the_address_towards_its_directors() {
        let internal = |bound, preferred: &str| {
            let preferred = Some(ip(preferred));
            machine().internal(socket(bound), preferred).to_string()
        };
        assert_eq!(internal("0.0.0.0:40", "10.8.0.2"), "10.8.0.2:40");
        assert_eq!(internal("[::]:40", "172.17.0.1"), "172.17.0.1:40");
        assert_eq!(internal("[::]:40", "2001:db8::1"), "[2001:db8::1]:40");
        assert_eq!(internal("0.0.0.0:40", "2001:db8::1"), "192.168.1.7:40");
    }

    #[test]
    fn the_default_route_comes_first_then_other_networks_then_tunnels_and_bridges_never() {
        let mut machine = machine();
        for bound in ["0.0.0.0:40", "[::]:40"] {
            let others = ["192.168.7.7:40", "10.8.0.2:40"].map(str::to_owned);
            let expected = ("192.168.1.7:40".to_owned(), others.to_vec());
            assert_eq!(named(&machine, bound), expected);
        }
        machine.default_routes.clear();
        assert_eq!(named(&machine, "0.0.0.0:40").0, "192.168.7.7:40");
        machine
            .all
            .retain(|one| one.name != "eth0" && one.name != "eth1");
        assert_eq!(named(&machine, "0.0.0.0:40").0, "10.8.0.2:40");
        // A machine that reaches the world over a bridge is at that bridge's address.
        machine.default_routes = vec![ip("172.17.0.1")];
        assert_eq!(named(&machine, "0.0.0.0:40").0, "172.17.0.1:40");
        machine.default_routes.clear();
        machine.all.truncate(1);
        assert_eq!(
            named(&machine, "0.0.0.0:40"),
            ("127.0.0.1:40".to_owned(), vec![])
        );
    }

    #[test]
    fn a_machine_without_an_address_for_others_says_why() {
        let mut machine = machine();
        let isolation = |machine: &Machine| machine.isolation(socket("[::]:40"));
        assert_eq!(isolation(&machine), None);
        machine.all.retain(|one| one.name == "docker0");
        assert!(isolation(&machine).unwrap().contains("containers"));
        machine.all = vec![interface("eth0", "fe80::7", 64, InterfaceKind::Network)];
        assert!(isolation(&machine).unwrap().contains("link-local"));
        machine.all.clear();
        assert!(isolation(&machine).unwrap().contains("not connected"));
    }

    #[test]
    fn distances_follow_from_the_interfaces() {
        let own = machine().all.into_iter();
        let own: Vec<Interface> = own.filter(|one| one.name == "eth0").collect();
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
        let found = local_address_for(&[unknown.clone(), director]).await;
        assert_eq!(found, Some(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(local_address_for(&[unknown]).await, None);
    }
}

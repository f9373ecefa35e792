//! The addresses from which this machine reaches others, by its routing table. Nothing is sent to find them.
//!
//! Not here: which of its addresses a program tells others (`program/contact`, and `address` in `ringtalk-node`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Addresses for documents (RFC 5737, RFC 3849) and the port "discard": they are nobody's, so only the default routes
/// lead there.
const ELSEWHERE: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9),
    SocketAddr::new(
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        9,
    ),
];

/// Returns the address from which this machine would send to `target`, or `None` without a route there.
pub fn source_for(target: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = match target {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(target).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Returns the machine's addresses on the interfaces with the default routes, IPv4 first.
pub fn default_route_addresses() -> impl Iterator<Item = IpAddr> {
    let sources = ELSEWHERE.into_iter().filter_map(source_for);
    sources.filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

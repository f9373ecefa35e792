//! Link-local addresses, which users may type and no discussion can use.
//!
//! Members pass on the addresses at which they reach each other, and `fe80::1%eth0` means something on one machine
//! only: the name of an interface is not the same on another one. Not here: which addresses a node names (`address`).

use std::net::SocketAddrV6;

/// Why such an address is refused, and what to do.
pub(super) const LINK_LOCAL: &str = "link-local addresses (fe80::…) cannot be used, because members pass addresses on, \
                                     and this one means nothing on another machine. Use a global address, a unique \
                                     local one (fd…), or IPv4";

/// Returns true for a link-local IPv6 address and a port, with or without a zone, such as `[fe80::1%eth0]:8080`.
pub(super) fn is_link_local(text: &str) -> bool {
    let zone = text.split_once('%');
    let zone = zone.and_then(|(before, after)| Some((before, after.split_once(']')?.1)));
    let plain = zone.map_or_else(
        || text.to_owned(),
        |(before, after)| format!("{before}]{after}"),
    );
    let address = plain.parse::<SocketAddrV6>();
    address.is_ok_and(|address| address.ip().is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_makes_no_difference() {
        for text in [
            "[fe80::1]:8080",
            "[fe80::1%eth0]:8080",
            "[fe80::1%2]:8080",
            "[FE80::1%25eth0]:8080",
        ] {
            assert!(is_link_local(text), "{text}");
        }
        for text in [
            "[fd00::1]:8080",
            "[::1]:80",
            "10.0.0.1:80",
            "a%b]:1",
            "%",
            "[fe80::1%eth0:1",
        ] {
            assert!(!is_link_local(text), "{text}");
        }
    }
}

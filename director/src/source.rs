//! The source of a request, and the addresses of a newcomer that others may be told to dial.
//!
//! A coordinator dials the addresses that a director passes on. Without a check, a stranger could make somebody
//! else's node connect to any port of any network. Not here: how a coordinator dials (`ringtalk-node`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::request::Parts;

use crate::api::{Address, Newcomer};
use crate::households::household;

/// The source of a request. `serve` attaches it; without a socket the source is this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Source {
    /// The caller's address.
    address: IpAddr,
    /// True if the director listens on the loopback only, so that all its callers are on this machine.
    is_local: bool,
}

impl Source {
    /// Creates the source of a caller at this address, for a director that listens at `listen_address`.
    pub(crate) fn new(caller: IpAddr, listen_address: IpAddr) -> Self {
        Self {
            address: caller.to_canonical(),
            is_local: listen_address.to_canonical().is_loopback(),
        }
    }

    /// Returns the source of a request.
    pub(crate) fn of(parts: &Parts) -> Self {
        let attached = parts.extensions.get::<Self>().copied();
        attached.unwrap_or(Self::new(
            Ipv4Addr::LOCALHOST.into(),
            Ipv4Addr::LOCALHOST.into(),
        ))
    }

    /// Returns the address that the request came from.
    pub(crate) const fn address(&self) -> IpAddr {
        self.address
    }

    /// Returns the household whose share the request counts against.
    pub(crate) fn household(&self) -> IpAddr {
        household(self.address)
    }

    /// Returns the newcomer as its coordinator learns of it: with the caller's own address, and the public one,
    /// which may be a name. Returns `None` if no address is left.
    ///
    /// An internal address of another machine, or of a home behind a router, becomes the same port at the caller's
    /// own address. The router may forward it, and nobody else is dialled.
    pub(crate) fn keep_dialable(&self, newcomer: &Newcomer) -> Option<Newcomer> {
        let public = newcomer
            .public_address
            .clone()
            .filter(|public| self.may_be_public(public));
        let others = newcomer.other_addresses.iter();
        let others: Vec<Address> = others.filter(|other| self.is_own(other)).cloned().collect();
        let internal = self
            .with_own_address(&newcomer.internal_address)
            .or_else(|| public.clone())?;
        Some(Newcomer {
            id: newcomer.id,
            internal_address: internal,
            public_address: public,
            other_addresses: others,
        })
    }

    /// Returns the caller's own address with this port, unless it is a loopback that means another machine to
    /// others.
    fn with_own_address(&self, address: &Address) -> Option<Address> {
        let socket = SocketAddr::new(self.address, address.port());
        socket
            .to_string()
            .parse()
            .ok()
            .filter(|own| self.is_own(own))
    }

    fn is_own(&self, address: &Address) -> bool {
        let is_callers = address.ip() == Some(self.address);
        is_callers && (self.is_local || !self.address.is_loopback())
    }

    /// Accepts any name: only the dialler can tell what it resolves to.
    fn may_be_public(&self, address: &Address) -> bool {
        let is_anothers_loopback = |ip: IpAddr| ip.is_loopback() && !self.is_own(address);
        !address
            .ip()
            .is_some_and(|ip| is_anothers_loopback(ip) || ip.is_unspecified())
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::NodeId;

    use super::*;

    fn source(caller: &str, listen_address: &str) -> Source {
        Source::new(caller.parse().unwrap(), listen_address.parse().unwrap())
    }

    fn addresses(texts: &[&str]) -> Vec<Address> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn newcomer(internal: &str, public: Option<&str>, others: &[&str]) -> Newcomer {
        Newcomer {
            id: NodeId::from_bytes([1; 16]),
            internal_address: internal.parse().unwrap(),
            public_address: public.map(|public| public.parse().unwrap()),
            other_addresses: addresses(others),
        }
    }

    #[test]
    fn a_newcomer_is_dialled_at_the_callers_own_address_and_at_its_public_one() {
        let source = source("203.0.113.7", "0.0.0.0");
        let own = newcomer("203.0.113.7:4000", Some("chat.example:4000"), &[]);
        assert_eq!(source.keep_dialable(&own), Some(own.clone()));
        let claims = [
            "10.0.0.9:22",
            "127.0.0.1:22",
            "printer.lan:9100",
            "203.0.113.7:5000",
        ];
        let dialable = source.keep_dialable(&newcomer("10.0.0.1:4000", None, &claims));
        let expected = newcomer("203.0.113.7:4000", None, &["203.0.113.7:5000"]);
        assert_eq!(dialable, Some(expected));
        let dialable =
            source.keep_dialable(&newcomer("db.internal:5432", Some("127.0.0.1:22"), &[]));
        assert_eq!(dialable, Some(newcomer("203.0.113.7:5432", None, &[])));
    }

    #[test]
    fn a_loopback_address_is_passed_on_only_if_all_callers_are_on_one_machine() {
        let here = newcomer("127.0.0.1:4000", None, &[]);
        assert_eq!(
            source("127.0.0.1", "127.0.0.1").keep_dialable(&here),
            Some(here.clone())
        );
        assert_eq!(
            source("::ffff:127.0.0.1", "::1").keep_dialable(&here),
            Some(here.clone())
        );
        assert_eq!(source("127.0.0.1", "0.0.0.0").keep_dialable(&here), None);
        let public = newcomer("127.0.0.1:4000", Some("chat.example:4000"), &[]);
        let dialable = source("127.0.0.1", "::").keep_dialable(&public);
        let expected = newcomer("chat.example:4000", Some("chat.example:4000"), &[]);
        assert_eq!(dialable, Some(expected));
        let dialable = source("127.0.0.2", "127.0.0.1").keep_dialable(&here);
        assert_eq!(dialable, Some(newcomer("127.0.0.2:4000", None, &[])));
    }

    #[test]
    fn an_ipv6_address_is_written_in_brackets() {
        let dialable =
            source("2001:db8::7", "::").keep_dialable(&newcomer("10.0.0.1:4000", None, &[]));
        assert_eq!(dialable, Some(newcomer("[2001:db8::7]:4000", None, &[])));
    }
}

//! Addresses at which a node can be dialled, as they travel to and from a director.
//!
//! Not here: whether a node answers at an address.

use std::fmt;
use std::net::{IpAddr, SocketAddrV6};
use std::str::FromStr;

use ringtalk_wire::limit::ADDRESS_BYTES;
use serde::{Deserialize, Serialize};

/// A dialable `host:port`: a DNS name, an IPv4 address, or an IPv6 address in brackets, and a port other than 0. It
/// is safe as it is in a URL and in an HTTP header.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

/// The reason why a text is not an [`Address`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressError {
    /// The text is longer than any domain name with a port.
    #[error("the address is longer than {ADDRESS_BYTES} bytes")]
    TooLong,
    /// There is no port after the last colon, or it is 0.
    #[error("the port is missing, or is not a number from 1 to 65535")]
    Port,
    /// The host is neither a DNS name, nor IPv4, nor IPv6 in brackets.
    #[error("the host must be a name, an IPv4 address, or an IPv6 address in brackets")]
    Host,
}

impl Address {
    /// Returns the text, as `host:port`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the host if it is an IP address rather than a name.
    pub fn ip(&self) -> Option<IpAddr> {
        let (host, _) = self.parts();
        let host = host.strip_prefix('[').unwrap_or(host);
        let host = host.strip_suffix(']').unwrap_or(host);
        host.parse().ok().map(|ip: IpAddr| ip.to_canonical())
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        let (_, port) = self.parts();
        port.parse().unwrap_or_default()
    }

    /// Returns the host and the port.
    fn parts(&self) -> (&str, &str) {
        self.0.rsplit_once(':').unwrap_or_default()
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        if text.len() > ADDRESS_BYTES {
            return Err(AddressError::TooLong);
        }
        let (host, port) = text.rsplit_once(':').ok_or(AddressError::Port)?;
        if !is_port(port) {
            return Err(AddressError::Port);
        }
        if !is_name(host) && !is_bracketed_ipv6(&text) {
            return Err(AddressError::Host);
        }
        Ok(Self(text))
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Returns true for a DNS name or an IPv4 address. Underscores are not valid in DNS, but container networks use them.
fn is_name(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !host.is_empty() && host.bytes().all(allowed)
}

/// Returns true for bracketed IPv6 without a zone, which means nothing on another machine and is not allowed in a URL.
fn is_bracketed_ipv6(address: &str) -> bool {
    !address.contains('%') && address.parse::<SocketAddrV6>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::{Address, AddressError};

    #[test]
    fn a_dialable_host_and_port_is_an_address() {
        for text in [
            "10.0.0.1:80",
            "[::1]:9000",
            "node-1.example:65535",
            "ring_node:1",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn an_address_has_an_ip_unless_its_host_is_a_name() {
        let read = |text: &str| {
            let address: Address = text.parse().unwrap();
            (address.ip(), address.port())
        };
        let ip = |text: &str| Some(text.parse().unwrap());
        assert_eq!(read("10.0.0.1:80"), (ip("10.0.0.1"), 80));
        assert_eq!(read("[::1]:9000"), (ip("::1"), 9000));
        assert_eq!(read("[::ffff:10.0.0.1]:1"), (ip("10.0.0.1"), 1));
        assert_eq!(read("10.0.0.256:65535"), (None, 65535));
    }

    #[test]
    fn a_text_that_cannot_be_dialled_is_refused() {
        for text in [
            "",
            "host",
            "host:",
            "host:0",
            "host:65536",
            "host:+80",
            "host:8x",
        ] {
            assert_eq!(text.parse::<Address>(), Err(AddressError::Port), "{text}");
        }
        for text in [
            ":80",
            "a b:80",
            "a/b:80",
            "u@h:80",
            "::1:80",
            "[::1%1]:80",
            "a\r\nb:80",
        ] {
            assert_eq!(text.parse::<Address>(), Err(AddressError::Host), "{text}");
        }
        let long = format!("{}:80", "x".repeat(260));
        assert_eq!(long.parse::<Address>(), Err(AddressError::TooLong));
    }
}

//! A home: a host behind a router that translates addresses, as most people have it.
//!
//! All homes use the same addresses inside. The host can dial out, and nobody can dial it. Not here: hosts that others
//! reach (`network`).

use std::net::Ipv4Addr;

use super::namespace::Namespace;
use super::{Host, PORT, address, cable, gateway};

/// The address of the host in every home, and that of its router.
const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 2);
const GATE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
/// The ends of the router's cables.
const INSIDE: &str = "inside";
const OUTSIDE: &str = "outside";

/// A host and its router.
#[derive(Debug)]
pub(super) struct Home {
    host: Namespace,
    _gate: Namespace,
}

impl Home {
    /// Creates home `number`, with a cable to the router of the network.
    pub(super) fn new(street: &Namespace, number: u8) -> Result<Self, String> {
        let host = Namespace::new(&format!("h{number}"))?;
        let gate = Namespace::new(&format!("g{number}"))?;
        let cable = cable(number);
        let (there, via) = (address(number), gateway(number));
        street.ip(&format!(
            "link add {cable} type veth peer name {OUTSIDE} netns {}\n\
             address add {via}/24 dev {cable}\n\
             link set {cable} up\n",
            gate.name()
        ))?;
        gate.ip(&format!(
            "link set lo up\n\
             address add {there}/24 dev {OUTSIDE}\n\
             link set {OUTSIDE} up\n\
             route add default via {via}\n\
             link add {INSIDE} type veth peer name {PORT} netns {}\n\
             address add {GATE}/24 dev {INSIDE}\n\
             link set {INSIDE} up\n",
            host.name()
        ))?;
        gate.run_with("tee", &["/proc/sys/net/ipv4/ip_forward"], "1\n")?;
        gate.run_with("nft", &["--file", "-"], &rules())?;
        host.ip(&format!(
            "link set lo up\n\
             address add {HOST}/24 dev {PORT}\n\
             link set {PORT} up\n\
             route add default via {GATE}\n"
        ))?;
        Ok(Self { host, _gate: gate })
    }

    /// Returns the host.
    pub(super) fn host(&self) -> Host {
        Host {
            namespace: self.host.name().to_owned(),
            address: HOST,
        }
    }
}

/// Returns the rules of a home's router.
fn rules() -> String {
    format!(
        "add table ip home\n\
         add chain ip home out {{ type nat hook postrouting priority 100; }}\n\
         add rule ip home out oifname {OUTSIDE} masquerade\n\
         add chain ip home in {{ type filter hook forward priority 0; }}\n\
         add rule ip home in iifname {OUTSIDE} ct state new drop\n"
    )
}

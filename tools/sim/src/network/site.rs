//! Sites: which networks a host is on, and who can dial it there.
//!
//! Not here: circuits by way of other hosts (`circuit`), networks that fail (`conditions`).

use super::{HostIndex, Network};

/// The networks of a host, and whether others can dial it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Site {
    /// The networks that the host is on, one bit each; two hosts without a common one do not reach each other.
    pub(crate) networks: u8,
    /// Whether the host can dial others while nobody can dial it.
    pub(crate) closed: bool,
}

impl Default for Site {
    /// Returns a site on the one network that all hosts are on.
    fn default() -> Self {
        Self::open(1)
    }
}

impl Site {
    /// Creates a site on these networks, where everybody can dial the host.
    pub(crate) const fn open(networks: u8) -> Self {
        Self {
            networks,
            closed: false,
        }
    }

    /// Creates a site on these networks, where nobody can dial the host.
    pub(crate) const fn closed(networks: u8) -> Self {
        Self {
            networks,
            closed: true,
        }
    }

    /// Returns the numbers of its networks.
    pub(crate) fn numbers(self) -> impl Iterator<Item = u8> {
        (0..u8::BITS as u8).filter(move |number| self.networks >> number & 1 == 1)
    }
}

impl Network {
    /// Returns true if a host can dial another.
    pub(super) fn admits(&self, from: HostIndex, to: HostIndex) -> bool {
        let [from, to] = [from, to].map(|host| self.hosts[host].site);
        from.networks & to.networks != 0 && !to.closed
    }
}

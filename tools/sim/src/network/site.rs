//! Sites: on which networks a host is, and who can dial it there.
//!
//! Not here: circuits by way of others (`circuit`), and networks that fail (`weather`).

use super::{HostIndex, Network};

/// Where a host is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Site {
    /// The networks that it is on, a bit each; two hosts without a common one do not reach each other.
    pub(crate) networks: u8,
    /// True where it can dial, and nobody can dial it.
    pub(crate) closed: bool,
}

impl Default for Site {
    /// On the one network that all are on.
    fn default() -> Self {
        Self::open(1)
    }
}

impl Site {
    /// On these networks, where everybody can dial it.
    pub(crate) const fn open(networks: u8) -> Self {
        Self {
            networks,
            closed: false,
        }
    }

    /// On this network, where nobody can dial it.
    pub(crate) const fn closed(networks: u8) -> Self {
        Self {
            networks,
            closed: true,
        }
    }

    /// The numbers of its networks.
    pub(crate) fn numbers(self) -> impl Iterator<Item = u8> {
        (0..u8::BITS as u8).filter(move |number| self.networks >> number & 1 == 1)
    }
}

impl Network {
    /// True where a host can dial another.
    pub(super) fn admits(&self, from: HostIndex, to: HostIndex) -> bool {
        let [from, to] = [from, to].map(|host| self.hosts[host].site);
        from.networks & to.networks != 0 && !to.closed
    }
}

//! Frames about nodes that cannot be dialled: `PROTOCOL.md` §3.5.
//!
//! Not here: when each is sent (`ringtalk-proto`).

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::limit::{self, ADDRESS_BYTES, ENTRANCES, OTHER_ADDRESS_BYTES};
use crate::{Addresses, NodeId};

/// A request for help with a peer that the sender cannot reach.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reach {
    /// The peer that the sender wants to reach.
    pub peer: NodeId,
    /// The addresses of the peer.
    pub addresses: Addresses,
    /// True if the receiver should relay a circuit; false if it should only ask the peer to dial the sender.
    pub relay: bool,
}

/// A request to dial a peer that wants a link and cannot dial itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Call {
    /// The peer to dial.
    pub peer: NodeId,
    /// The addresses of the peer.
    pub addresses: Addresses,
}

/// One end of a circuit: a connection to the relay that leads on to another node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Circuit {
    /// The relay's number for the circuit; the relay never reuses it.
    #[serde(deserialize_with = "limit::counter")]
    pub number: u64,
    /// The node at the other end.
    pub peer: NodeId,
    /// True if the receiver is the dialler of the link over the circuit, false if it is dialled.
    pub dials: bool,
    /// True if the receiver makes the connection to the relay, false if the relay makes it.
    pub comes: bool,
}

/// The result of a check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Checked {
    /// The address at which the sender of the check was reached, one of those that the view lists; empty if it was
    /// reached at none.
    #[serde(deserialize_with = "limit::short_text::<_, ADDRESS_BYTES>")]
    pub at: String,
    /// The host that its link comes from, in digits; empty if the link is relayed.
    #[serde(deserialize_with = "limit::short_text::<_, OTHER_ADDRESS_BYTES>")]
    pub seen: String,
}

/// The addresses at which newcomers can reach a member, as others have checked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entrance {
    /// The addresses, those that members on other networks reached first; empty if no member got through.
    #[serde(deserialize_with = "limit::short_texts::<_, ENTRANCES, ADDRESS_BYTES>")]
    pub addresses: Vec<String>,
}

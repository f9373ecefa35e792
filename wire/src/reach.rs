//! What nodes say about those who cannot be dialled: `PROTOCOL.md` §3.5.
//!
//! Not here: who says it when (`ringtalk-proto`).

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::limit::{self, OTHER_ADDRESS_BYTES};
use crate::{Addresses, NodeId};

/// A node that another one does not reach.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reach {
    /// Whom.
    pub peer: NodeId,
    /// Where that is dialled.
    pub addresses: Addresses,
    /// False where that one is to dial first, true where the receiver is to carry what both say.
    pub relay: bool,
}

/// A node that wants a link, and cannot dial.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Which one.
    pub peer: NodeId,
    /// Where it is dialled.
    pub addresses: Addresses,
}

/// One end of a circuit: a connection to the relay that leads on to another node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Circuit {
    /// The relay's number of it: none is used twice.
    #[serde(deserialize_with = "limit::counter")]
    pub number: u64,
    /// Who is at the other end.
    pub peer: NodeId,
    /// True where the receiver dials over the circuit, false where it is dialled.
    pub dials: bool,
    /// True where the receiver makes the connection to the relay, false where the relay does.
    pub comes: bool,
}

/// Whether a node was reached.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Checked {
    /// True where it was.
    pub reached: bool,
    /// The host that its link comes from, in digits; empty where somebody relays it.
    #[serde(deserialize_with = "limit::short_text::<_, OTHER_ADDRESS_BYTES>")]
    pub seen: String,
}

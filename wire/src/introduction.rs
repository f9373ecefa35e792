//! What each end of a link says of itself, inside the handshake: `PROTOCOL.md` §3.
//!
//! Not here: what is signed, and by whom it is verified (`ringtalk-node`).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::codec::{DecodeError, decode_item, encode_item};
use crate::limit;
use crate::{NodeId, PublicKey, Signature};

/// Who is at this end of the link, and the proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Introduction {
    /// The node's key, from which its id follows.
    pub key: PublicKey,
    /// The key's signature over this very handshake.
    pub signature: Signature,
    /// What the connection is for, where that is no link between these two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
}

/// A connection that is one half of a circuit: what it carries is between one of its ends and somebody else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Ticket {
    /// The relay, which is one of the ends.
    pub relay: NodeId,
    /// The relay's number of the circuit.
    #[serde(deserialize_with = "limit::counter")]
    pub number: u64,
}

impl Introduction {
    /// The bytes that travel.
    pub fn encode(&self) -> Bytes {
        encode_item(self)
    }

    /// Reads them, as strictly as a frame.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_item(bytes)
    }
}

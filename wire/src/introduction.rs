//! Introductions: what each end of a link states about itself inside the handshake: `PROTOCOL.md` §3.2.
//!
//! Not here: what is signed, and its verification (`ringtalk-node`).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::codec::{DecodeError, decode_item, encode_item};
use crate::limit;
use crate::{NodeId, PublicKey, Signature};

/// The identity of one end of a link, and the proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Introduction {
    /// The node's key, from which its id follows.
    pub key: PublicKey,
    /// The key's signature over this handshake.
    pub signature: Signature,
    /// The purpose of the connection, if it is not a link between these two ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
}

/// The ticket of a connection that is one half of a circuit: what it carries is between one of its ends and a third
/// node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Ticket {
    /// The relay, which is one of the connection's ends.
    pub relay: NodeId,
    /// The relay's number for the circuit.
    #[serde(deserialize_with = "limit::counter")]
    pub number: u64,
}

impl Introduction {
    /// Encodes the introduction for the handshake.
    pub fn encode(&self) -> Bytes {
        encode_item(self)
    }

    /// Decodes an introduction as strictly as a frame.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_item(bytes)
    }
}

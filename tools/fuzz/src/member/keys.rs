//! Signatures for fuzzed nodes: a keyed hash, at a thousandth of the cost of a real signature.
//!
//! Anyone who has the number of a node can sign as it: the fuzzer does so for members that lie.

use ringtalk_proto::{Signer, Verifier};
use ringtalk_wire::{
    KEY_BYTES, NodeId, PublicKey, RingId, SIGNATURE_BYTES, Seal, Sealed, Signature,
};

use bytes::Bytes;

/// The lobby of all processes.
pub(crate) const RING: RingId = RingId::from_bytes([1; 16]);

/// The key of the node with this number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key(pub(crate) u8);

impl Key {
    /// Returns the id of the node.
    pub(crate) fn id(self) -> NodeId {
        NodeId::of(&self.public_key())
    }

    /// Seals these bytes.
    pub(crate) fn seal(self, bytes: &[u8]) -> Seal {
        Seal {
            key: self.public_key(),
            signature: self.sign(bytes),
        }
    }

    /// Returns these bytes as an item that is sealed for a ring.
    pub(crate) fn sealed(self, ring: RingId, raw: Bytes) -> Sealed {
        let seal = self.seal(&ringtalk_wire::item_to_sign(ring, &raw));
        Sealed { raw, seal }
    }
}

impl Signer for Key {
    fn public_key(&self) -> PublicKey {
        PublicKey([self.0; KEY_BYTES])
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        keyed_hash(&self.public_key(), bytes)
    }
}

/// The verifier of all nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Eye;

impl Verifier for Eye {
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        *signature == keyed_hash(key, bytes)
    }
}

/// Returns FNV-1a over the key and the bytes.
fn keyed_hash(key: &PublicKey, bytes: &[u8]) -> Signature {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = key.0.iter().chain(bytes).fold(0xcbf2_9ce4_8422_2325, mix);
    let mut signature = [0; SIGNATURE_BYTES];
    signature[..8].copy_from_slice(&hash.to_be_bytes());
    Signature(signature)
}

//! Signatures for nodes that are fuzzed: a keyed hash, which costs a thousandth of the real thing.
//!
//! Whoever has the number of a node can sign as it: the fuzzer does, for those that lie.

use ringtalk_proto::{Signer, Verifier};
use ringtalk_wire::{KEY_BYTES, NodeId, PublicKey, SIGNATURE_BYTES, Seal, Sealed, Signature};

use bytes::Bytes;

/// Somebody's key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key(pub(crate) u8);

impl Key {
    /// Whose it is.
    pub(crate) fn id(self) -> NodeId {
        NodeId::of(&self.public_key())
    }

    /// Its seal under these bytes.
    pub(crate) fn seal(self, bytes: &[u8]) -> Seal {
        Seal {
            key: self.public_key(),
            signature: self.sign(bytes),
        }
    }

    /// These bytes with its seal.
    pub(crate) fn sealed(self, raw: Bytes) -> Sealed {
        let seal = self.seal(&ringtalk_wire::item_to_sign(&raw));
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

/// Verifies for everybody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Eye;

impl Verifier for Eye {
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        *signature == keyed_hash(key, bytes)
    }
}

/// FNV-1a over the key and the bytes.
fn keyed_hash(key: &PublicKey, bytes: &[u8]) -> Signature {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = key.0.iter().chain(bytes).fold(0xcbf2_9ce4_8422_2325, mix);
    let mut signature = [0; SIGNATURE_BYTES];
    signature[..8].copy_from_slice(&hash.to_be_bytes());
    Signature(signature)
}

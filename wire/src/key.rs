//! Public keys and signatures: Ed25519, as bytes.
//!
//! Not here: any cryptography (`ringtalk-node`).

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::{NodeId, SealHash, limit};

/// The length of a public key, in bytes.
pub const KEY_BYTES: usize = 32;
/// The length of a signature, in bytes.
pub const SIGNATURE_BYTES: usize = 64;

/// An Ed25519 public key of a node or of a discussion.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; KEY_BYTES]);

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature(pub [u8; SIGNATURE_BYTES]);

/// A signature, with the signer's key: anyone who has the signed bytes can verify it without knowing any node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Seal {
    /// The signer's key, from which its id follows.
    #[serde(rename = "k")]
    pub key: PublicKey,
    /// The signature.
    #[serde(rename = "s")]
    pub signature: Signature,
}

impl Seal {
    /// Returns the signer's id.
    pub fn signer(&self) -> NodeId {
        NodeId::of(&self.key)
    }

    /// Returns the hash by which the signer's next bundle refers to this signature.
    pub fn hash(&self) -> SealHash {
        let digest: [u8; 32] = Sha256::digest(self.signature.0).into();
        let mut hash = SealHash::default();
        hash.0.copy_from_slice(&digest[..16]);
        hash
    }
}

/// Implements serde as byte strings of exact length, and `Debug` with the first four bytes, for logs.
macro_rules! exact_bytes {
    ($type:ident, $length:expr) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                limit::exactly::<D, $length>(deserializer).map(Self)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let [first, second, third, fourth, ..] = self.0;
                let start = u32::from_be_bytes([first, second, third, fourth]);
                write!(f, "{start:08x}")
            }
        }
    };
}

exact_bytes!(PublicKey, KEY_BYTES);
exact_bytes!(Signature, SIGNATURE_BYTES);

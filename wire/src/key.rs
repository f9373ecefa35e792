//! Public keys and signatures: Ed25519, as bytes.
//!
//! Not here: any cryptography. Who signs and verifies passes these on (`ringtalk-node`).

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::{NodeId, SealHash, limit};

/// How many bytes a public key has.
pub const KEY_BYTES: usize = 32;
/// How many bytes a signature has.
pub const SIGNATURE_BYTES: usize = 64;

/// An Ed25519 public key: a node's, or a discussion's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; KEY_BYTES]);

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature(pub [u8; SIGNATURE_BYTES]);

/// Who signed, and the signature: whoever has the bytes can check it, and needs to know nobody.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Seal {
    /// Whose signature it is: the signer's id follows from it.
    #[serde(rename = "k")]
    pub key: PublicKey,
    /// The signature.
    #[serde(rename = "s")]
    pub signature: Signature,
}

impl Seal {
    /// Who signed.
    pub fn signer(&self) -> NodeId {
        NodeId::of(&self.key)
    }

    /// What names the signature in the next thing that its owner seals.
    pub fn hash(&self) -> SealHash {
        let digest: [u8; 32] = Sha256::digest(self.signature.0).into();
        let mut hash = SealHash::default();
        hash.0.copy_from_slice(&digest[..16]);
        hash
    }
}

/// Both travel as byte strings, and show their first four bytes in a log.
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

//! Signatures over sealed bytes: the core asks for them, and knows no key.

use core::fmt::Debug;

use bytes::Bytes;
use ringtalk_wire::{NodeId, Sealed};

/// Signs what this node seals.
pub trait Signer: Debug + Send {
    /// The signature over exactly these bytes.
    fn sign(&self, raw: &[u8]) -> Bytes;
}

/// Checks what others sealed: once per item, after the check for duplicates and before relaying.
pub trait Verifier: Debug + Send {
    /// True where `author` sealed exactly these bytes.
    fn verify(&self, author: &NodeId, sealed: &Sealed) -> bool;
}

/// Empty signatures: nodes have no keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unsigned;

impl Signer for Unsigned {
    fn sign(&self, _raw: &[u8]) -> Bytes {
        Bytes::new()
    }
}

impl Verifier for Unsigned {
    fn verify(&self, _author: &NodeId, sealed: &Sealed) -> bool {
        sealed.signature.is_empty()
    }
}

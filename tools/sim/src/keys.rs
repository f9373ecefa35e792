//! Signatures for simulated nodes: a keyed hash, or the real thing.
//!
//! A keyed hash is as good in a world without attackers, and costs a thousandth. Keys follow from
//! ids, so that nobody has to hand them round; nothing here is secret.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use ringtalk_proto::{Signer, Verifier};
use ringtalk_wire::{NodeId, Sealed};

use crate::trace::Trace;

/// One seed in so many signs with real keys.
const REAL_EVERY: u64 = 100;

/// Whether a seed's nodes sign with real keys.
pub(crate) const fn are_real(seed: u64) -> bool {
    seed % REAL_EVERY == REAL_EVERY - 1
}

/// What a node signs and verifies with.
pub(crate) fn keys(id: NodeId, real: bool) -> (Box<dyn Signer>, Box<dyn Verifier>) {
    if real {
        let verifier = RealVerifier::default();
        (Box::new(RealSigner(signing_key(&id))), Box::new(verifier))
    } else {
        (Box::new(Hashed(id)), Box::new(Hashed(id)))
    }
}

/// A keyed hash.
#[derive(Debug)]
struct Hashed(NodeId);

fn keyed_hash(author: &NodeId, raw: &[u8]) -> [u8; 8] {
    let mut hash = Trace::new(false);
    hash.mix_bytes(author.as_bytes());
    hash.mix_bytes(raw);
    hash.hash().to_be_bytes()
}

impl Signer for Hashed {
    fn sign(&self, raw: &[u8]) -> Bytes {
        Bytes::copy_from_slice(&keyed_hash(&self.0, raw))
    }
}

impl Verifier for Hashed {
    fn verify(&self, author: &NodeId, sealed: &Sealed) -> bool {
        sealed.signature[..] == keyed_hash(author, &sealed.raw)
    }
}

struct RealSigner(SigningKey);

impl fmt::Debug for RealSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RealSigner")
    }
}

impl Signer for RealSigner {
    fn sign(&self, raw: &[u8]) -> Bytes {
        Bytes::copy_from_slice(&self.0.sign(raw).to_bytes())
    }
}

/// It makes an author's key out for the first message, and keeps it.
#[derive(Debug, Default)]
struct RealVerifier {
    keys: Mutex<BTreeMap<NodeId, VerifyingKey>>,
}

impl Verifier for RealVerifier {
    fn verify(&self, author: &NodeId, sealed: &Sealed) -> bool {
        let Ok(signature) = Signature::from_slice(&sealed.signature) else {
            return false;
        };
        let Ok(mut keys) = self.keys.lock() else {
            return false;
        };
        let key = keys
            .entry(*author)
            .or_insert_with(|| signing_key(author).verifying_key());
        key.verify_strict(&sealed.raw, &signature).is_ok()
    }
}

fn signing_key(id: &NodeId) -> SigningKey {
    let mut secret = [7; 32];
    secret[..16].copy_from_slice(id.as_bytes());
    SigningKey::from_bytes(&secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_author_signs_and_only_these_bytes() {
        for real in [false, true] {
            let [me, other] = [1, 2].map(|byte| NodeId::from_bytes([byte; 16]));
            let (signer, _) = keys(me, real);
            let (_, verifier) = keys(other, real);
            let raw = Bytes::from_static(b"hello");
            let mut sealed = Sealed {
                signature: signer.sign(&raw),
                raw,
            };
            assert!(verifier.verify(&me, &sealed));
            assert!(!verifier.verify(&other, &sealed));
            sealed.raw = Bytes::from_static(b"hullo");
            assert!(!verifier.verify(&me, &sealed));
            sealed.signature = Bytes::new();
            assert!(!verifier.verify(&me, &sealed));
        }
    }

    #[test]
    fn one_seed_in_a_hundred_is_real() {
        assert_eq!((0..1_000).filter(|&seed| are_real(seed)).count(), 10);
    }
}

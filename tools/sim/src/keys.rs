//! Signatures of simulated nodes: a keyed hash, or real Ed25519.
//!
//! A keyed hash is as good in a world without attackers, and costs a thousandth. Nothing here is secret.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use ringtalk_proto::{Signer, Verifier};
use ringtalk_wire::{KEY_BYTES, PublicKey, RingId, SIGNATURE_BYTES, Signature};

use crate::trace::Trace;

/// The ring in which the nodes sign.
pub(crate) const LOBBY: RingId = RingId::from_bytes([1; 16]);
/// The room in which users talk, if they talk in one.
pub(crate) const ROOM: RingId = RingId::from_bytes([2; 16]);

/// One seed in this many signs with real keys.
const REAL_EVERY: u64 = 100;

/// Returns true if the nodes of a seed sign with real keys.
pub(crate) const fn are_real(seed: u64) -> bool {
    seed % REAL_EVERY == REAL_EVERY - 1
}

/// Returns the signer with a node's secret, for the lies of that node.
pub(crate) fn signer(secret: [u8; KEY_BYTES], real: bool) -> Arc<dyn Signer> {
    keys(secret, real).0
}

/// Returns the signer and the verifier of a node, made from random bytes.
pub(crate) fn keys(secret: [u8; KEY_BYTES], real: bool) -> (Arc<dyn Signer>, Arc<dyn Verifier>) {
    if real {
        let signer = RealSigner(SigningKey::from_bytes(&secret));
        (Arc::new(signer), Arc::new(RealVerifier::default()))
    } else {
        let hashed = Hashed(PublicKey(secret));
        (Arc::new(hashed), Arc::new(hashed))
    }
}

/// A keyed hash in the place of a signature.
#[derive(Clone, Copy, Debug)]
struct Hashed(PublicKey);

fn keyed_hash(key: &PublicKey, bytes: &[u8]) -> Signature {
    let mut hash = Trace::new(false);
    hash.mix_bytes(&key.0);
    hash.mix_bytes(bytes);
    let mut signature = [0; SIGNATURE_BYTES];
    signature[..8].copy_from_slice(&hash.hash().to_be_bytes());
    Signature(signature)
}

impl Signer for Hashed {
    fn public_key(&self) -> PublicKey {
        self.0
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        keyed_hash(&self.0, bytes)
    }
}

impl Verifier for Hashed {
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        *signature == keyed_hash(key, bytes)
    }
}

struct RealSigner(SigningKey);

impl fmt::Debug for RealSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RealSigner")
    }
}

impl Signer for RealSigner {
    fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        Signature(self.0.sign(bytes).to_bytes())
    }
}

/// A verifier that decodes each key once, and keeps it.
#[derive(Debug, Default)]
struct RealVerifier {
    keys: Mutex<BTreeMap<PublicKey, VerifyingKey>>,
}

impl Verifier for RealVerifier {
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let known = keys.get(key).copied();
        let read = known.or_else(|| VerifyingKey::from_bytes(&key.0).ok());
        let Some(verifying) = read else { return false };
        keys.entry(*key).or_insert(verifying);
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        verifying.verify_strict(bytes, &signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_author_can_sign() {
        for real in [false, true] {
            let (signer, _) = keys([1; KEY_BYTES], real);
            let (other, verifier) = keys([2; KEY_BYTES], real);
            let key = signer.public_key();
            let signature = signer.sign(b"hello");
            assert!(verifier.verify(&key, b"hello", &signature));
            assert!(!verifier.verify(&key, b"hallo", &signature));
            assert!(!verifier.verify(&other.public_key(), b"hello", &signature));
        }
    }

    #[test]
    fn one_seed_in_a_hundred_is_real() {
        assert_eq!((0..1000).filter(|&seed| are_real(seed)).count(), 10);
    }
}

//! The identity of this node: an Ed25519 key that is made when the node starts, and never stored.
//!
//! Not here: what is signed with it (the handshake in `link`, everything else in the core).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use ed25519_dalek::{Signer, SigningKey, Verifier, VerifyingKey};
use ringtalk_wire::{NodeId, PublicKey, Signature};

/// The most parsed public keys that are cached; those of a full ring take 3 MiB.
const KEYS: usize = 16_384;

/// A node's key pair, and the id that follows from it. The secret half is wiped on drop.
#[derive(Clone)]
pub struct Identity {
    key: SigningKey,
    id: NodeId,
}

impl Identity {
    /// Generates a new identity from the system's random number generator.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed)?;
        Ok(Self::from_seed(&seed))
    }

    /// Returns the identity that has this secret half.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let id = NodeId::of(&PublicKey(key.verifying_key().to_bytes()));
        Self { key, id }
    }

    /// Returns the node's id.
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// Returns the public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.key.verifying_key().to_bytes())
    }

    /// Signs exactly these bytes.
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        Signature(self.key.sign(bytes).to_bytes())
    }
}

/// Shows the id only: a secret key does not belong in a log.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl ringtalk_proto::Signer for Identity {
    fn public_key(&self) -> PublicKey {
        self.public_key()
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        self.sign(bytes)
    }
}

/// A verifier for the signatures of many, which parses each key once.
#[derive(Debug, Default)]
pub struct CachingVerifier {
    keys: Mutex<HashMap<PublicKey, VerifyingKey>>,
}

impl ringtalk_proto::Verifier for CachingVerifier {
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() > KEYS {
            keys.clear();
        }
        let verifying = match keys.entry(*key) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => match parse_key(key) {
                Some(parsed) => *new.insert(parsed),
                None => return false,
            },
        };
        is_valid(&verifying, bytes, signature)
    }
}

/// Returns true if the owner of `key` signed exactly these bytes. Strict: a signature has one form.
pub fn verify(key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
    parse_key(key).is_some_and(|key| is_valid(&key, bytes, signature))
}

/// Parses a key. Returns `None` if it is not a point of the curve, or is of small order: a signature by such a key
/// could hold for any bytes.
fn parse_key(key: &PublicKey) -> Option<VerifyingKey> {
    let parsed = VerifyingKey::from_bytes(&key.0).ok();
    parsed.filter(|key| !key.is_weak())
}

/// Verifies a signature, but not with `verify_strict`. That would check again whether the key is weak, and whether
/// half of the signature is, which only its owner could bring about; it takes a sixth longer.
fn is_valid(key: &VerifyingKey, bytes: &[u8], signature: &Signature) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify(bytes, &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::SIGNATURE_BYTES;

    use super::*;

    #[test]
    fn only_the_owner_of_a_key_can_sign_for_it() {
        let ann = Identity::generate().unwrap();
        let bob = Identity::generate().unwrap();
        assert_ne!(ann.id(), bob.id());
        assert_eq!(ann.id(), NodeId::of(&ann.public_key()));
        let signature = ann.sign(b"hello");
        assert!(verify(&ann.public_key(), b"hello", &signature));
        assert!(!verify(&ann.public_key(), b"hallo", &signature));
        assert!(!verify(&bob.public_key(), b"hello", &signature));
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        // The neutral element: with this key, a signature of zeros holds for any bytes.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut zero = [0; SIGNATURE_BYTES];
        zero[0] = 1;
        let loose = VerifyingKey::from_bytes(&neutral).unwrap();
        assert!(is_valid(&loose, b"anything", &Signature(zero)));
        assert!(!verify(&PublicKey(neutral), b"anything", &Signature(zero)));
    }

    #[test]
    fn a_log_shows_no_secret() {
        let ann = Identity::from_seed(&[7; 32]);
        assert_eq!(
            format!("{ann:?}"),
            format!("Identity {{ id: {:?}, .. }}", ann.id())
        );
    }
}

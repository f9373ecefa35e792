//! Who this node is: an Ed25519 key that is made when the node starts, and never stored.
//!
//! Not here: what is signed with it (the handshake in `link`, and whatever the core seals).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use ed25519_dalek::{Signer, SigningKey, Verifier, VerifyingKey};
use ringtalk_wire::{NodeId, PublicKey, SIGNATURE_BYTES, Signature};

use crate::measuring::UNPROTECTED;

/// How many keys of others are kept ready: those of a full ring take 3 MiB.
const KEYS: usize = 16_384;

/// A node's key pair, and the id that follows from it. The secret half is wiped when it is dropped.
#[derive(Clone)]
pub struct Identity {
    key: SigningKey,
    id: NodeId,
}

impl Identity {
    /// A new one, from the system's generator of random numbers.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed)?;
        Ok(Self::from_seed(&seed))
    }

    /// The one that has this secret half.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let id = NodeId::of(&PublicKey(key.verifying_key().to_bytes()));
        Self { key, id }
    }

    /// The node's id.
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.key.verifying_key().to_bytes())
    }

    /// The signature over exactly these bytes.
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        Signature(self.key.sign(bytes).to_bytes())
    }
}

/// The id only: a secret key has no place in a log.
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
        if UNPROTECTED {
            return mark(bytes);
        }
        self.sign(bytes)
    }
}

/// What stands for a signature where none is made. A bundle begins with its author and number, and
/// what names the bundle follows from this: no two have the same.
fn mark(bytes: &[u8]) -> Signature {
    let mut mark = [0; SIGNATURE_BYTES];
    let length = bytes.len().min(SIGNATURE_BYTES);
    mark[..length].copy_from_slice(&bytes[..length]);
    Signature(mark)
}

/// Checks the signatures of many, with the keys that it has read once.
#[derive(Debug, Default)]
pub struct Verifying {
    keys: Mutex<HashMap<PublicKey, VerifyingKey>>,
}

impl ringtalk_proto::Verifier for Verifying {
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        if UNPROTECTED {
            return true;
        }
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() > KEYS {
            keys.clear();
        }
        let verifying = match keys.entry(*key) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => match read(key) {
                Some(read) => *new.insert(read),
                None => return false,
            },
        };
        holds(&verifying, bytes, signature)
    }
}

/// True where the owner of `key` signed exactly these bytes. Strict: a signature has one form.
pub fn verify(key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
    read(key).is_some_and(|key| holds(&key, bytes, signature))
}

/// A key that is a point of the curve, and not of small order: with such a one anything would be signed.
fn read(key: &PublicKey) -> Option<VerifyingKey> {
    let read = VerifyingKey::from_bytes(&key.0).ok();
    read.filter(|key| !key.is_weak())
}

/// The strict verification would look once more whether the key is weak, and whether half of the signature is,
/// which only its owner could bring about; it takes a sixth longer.
fn holds(key: &VerifyingKey, bytes: &[u8], signature: &Signature) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify(bytes, &signature).is_ok()
}

#[cfg(test)]
mod tests {
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
        // The neutral element, with which a signature of zeros holds for anything.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut zero = [0; SIGNATURE_BYTES];
        zero[0] = 1;
        let loose = VerifyingKey::from_bytes(&neutral).unwrap();
        assert!(holds(&loose, b"anything", &Signature(zero)));
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

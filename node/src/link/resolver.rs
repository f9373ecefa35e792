//! The cryptography of the Noise handshake.
//!
//! AES-GCM, SHA-256 and random numbers come from ring, which uses the processor's own AES. ring has no X25519 with
//! keys that can be kept, so that comes from curve25519-dalek. Nothing else is built in, so no slower AES can take its
//! place unnoticed.

use curve25519_dalek::MontgomeryPoint;
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, RingResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The size of a secret or public key, in bytes.
const KEY_BYTES: usize = 32;

/// The resolver for ring, and for X25519.
#[derive(Debug)]
pub(super) struct Resolver;

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        RingResolver.resolve_rng()
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        match choice {
            DHChoice::Curve25519 => Some(Box::new(KeyPair::default())),
            DHChoice::Curve448 => None,
        }
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        RingResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        RingResolver.resolve_cipher(choice)
    }
}

/// An X25519 key pair. The secret half is wiped on drop.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
struct KeyPair {
    secret: [u8; KEY_BYTES],
    public: [u8; KEY_BYTES],
}

impl KeyPair {
    fn derive_public(&mut self) {
        self.public = MontgomeryPoint::mul_base_clamped(self.secret).to_bytes();
    }
}

impl Dh for KeyPair {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        KEY_BYTES
    }

    fn priv_len(&self) -> usize {
        KEY_BYTES
    }

    fn set(&mut self, secret: &[u8]) {
        self.secret.copy_from_slice(secret);
        self.derive_public();
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), snow::Error> {
        rng.try_fill_bytes(&mut self.secret)?;
        self.derive_public();
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    fn privkey(&self) -> &[u8] {
        &self.secret
    }

    /// Computes the shared secret. The far end's key is the beginning of `far`, which may be longer.
    fn dh(&self, far: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        let far = far.first_chunk().ok_or(snow::Error::Dh)?;
        let shared = MontgomeryPoint(*far).mul_clamped(self.secret).to_bytes();
        // The far key is a point of small order: the result would not depend on this end's key.
        if shared == [0; KEY_BYTES] {
            return Err(snow::Error::Dh);
        }
        out[..KEY_BYTES].copy_from_slice(&shared);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_pair(secret: &str) -> KeyPair {
        let mut pair = KeyPair::default();
        pair.set(&data_encoding::HEXLOWER.decode(secret.as_bytes()).unwrap());
        pair
    }

    /// The vectors of RFC 7748 §6.1.
    #[test]
    fn the_exchange_is_that_of_the_rfc() {
        let alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
        let bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
        let (alice, bob) = (key_pair(alice), key_pair(bob));
        let [mut one, mut other] = [[0; 64]; 2];
        alice.dh(bob.pubkey(), &mut one).unwrap();
        bob.dh(alice.pubkey(), &mut other).unwrap();
        assert_eq!(one, other);
        let shared = data_encoding::HEXLOWER.encode(&one[..KEY_BYTES]);
        assert!(shared.starts_with("4a5d9d5ba4ce2de1728e3bf480350f25"));
    }

    #[test]
    fn a_point_of_small_order_is_refused_as_a_key() {
        let alice = key_pair(&"07".repeat(KEY_BYTES));
        assert!(alice.dh(&[0; KEY_BYTES], &mut [0; KEY_BYTES]).is_err());
    }
}

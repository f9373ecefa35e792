//! The secret of a discussion: anyone who has it can take part, and the discussion's other keys are derived from it.
//!
//! It has 128 bits. As text it is 24 characters of base64url, the last three of which hold a checksum, which tells a
//! mistyped secret from that of another discussion. 32 hexadecimal digits are accepted too, for secrets that were made
//! by other means. Not here: where a secret comes from (`settings`).

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use hkdf::Hkdf;
use ringtalk_wire::{DiscussionId, PublicKey};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::identity::Identity;
use crate::traces;

const SECRET_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 2;
/// The length of a secret in hexadecimal digits.
const HEX_DIGITS: usize = 2 * SECRET_BYTES;

/// The secret of every director's open discussion. It is public, so that anyone can join.
const OPEN: [u8; SECRET_BYTES] = *b"ringtalk-open-02";

/// The salt of all derivations.
const SALT: &[u8] = b"ringtalk";
const LINK_LABEL: &[u8] = b"link";
const REGISTRATION_LABEL: &[u8] = b"registration";

/// A discussion's secret. It is wiped on drop, and a process that has one leaves no core dump.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; SECRET_BYTES]);

/// The reason why a text is not a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SecretError {
    /// It has another length, or characters that no secret has.
    #[error(
        "a secret has 24 letters, digits, - or _ (or 32 hexadecimal digits): copy the complete \
         invite, including the part after the #"
    )]
    Form,
    /// The checksum does not match.
    #[error("the secret is mistyped: copy it from the invite again")]
    Mistyped,
}

impl Secret {
    /// Makes a secret. All constructors call this, so no program with a secret can forget to protect its memory.
    fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        traces::protect();
        Self(bytes)
    }

    /// Generates a secret from the system's random number generator.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = Self::new([0; SECRET_BYTES]);
        getrandom::fill(&mut secret.0)?;
        Ok(secret)
    }

    /// Returns the secret of the open discussion of any director, which everybody knows. Memory is protected with it
    /// too, because the messages are in memory all the same.
    pub fn open() -> Self {
        Self::new(OPEN)
    }

    /// Returns true if this is the secret of the open discussion.
    pub fn is_open(&self) -> bool {
        self.0 == OPEN
    }

    /// Returns the secret as an invite has it.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES + CHECKSUM_BYTES]);
        bytes[..SECRET_BYTES].copy_from_slice(&self.0);
        bytes[SECRET_BYTES..].copy_from_slice(&checksum(&self.0));
        Zeroizing::new(BASE64URL_NOPAD.encode(&*bytes))
    }

    /// Derives the key that both ends of a link must have.
    pub fn link_key(&self) -> Zeroizing<[u8; 32]> {
        self.derive(LINK_LABEL)
    }

    /// Derives the key with which the discussion is registered at directors.
    pub fn registration_key(&self) -> RegistrationKey {
        RegistrationKey(Identity::from_seed(&self.derive(REGISTRATION_LABEL)))
    }

    /// Returns the discussion's id.
    pub fn discussion(&self) -> DiscussionId {
        self.registration_key().discussion()
    }

    fn derive(&self, label: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        let derived = Hkdf::<Sha256>::new(Some(SALT), &self.0).expand(label, &mut *key);
        derived.expect("32 bytes can be derived");
        key
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        if text.len() == HEX_DIGITS {
            let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes());
            let bytes = Zeroizing::new(bytes.map_err(|_| SecretError::Form)?);
            return Self::from_slice(&bytes);
        }
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes());
        let bytes = Zeroizing::new(bytes.map_err(|_| SecretError::Form)?);
        let (secret, sum) = bytes
            .split_at_checked(SECRET_BYTES)
            .ok_or(SecretError::Form)?;
        if sum.len() != CHECKSUM_BYTES {
            return Err(SecretError::Form);
        }
        let secret = Self::from_slice(secret)?;
        if sum == checksum(&secret.0) {
            Ok(secret)
        } else {
            Err(SecretError::Mistyped)
        }
    }
}

impl Secret {
    fn from_slice(bytes: &[u8]) -> Result<Self, SecretError> {
        let bytes = bytes.try_into().map_err(|_| SecretError::Form)?;
        Ok(Self::new(bytes))
    }
}

/// Shows nothing: a secret does not belong in a log.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The key with which a discussion is registered at directors. Its public half names the discussion.
#[derive(Clone, Debug)]
pub struct RegistrationKey(Identity);

impl RegistrationKey {
    /// Returns the discussion's id.
    pub fn discussion(&self) -> DiscussionId {
        DiscussionId::of(&self.key())
    }

    /// Returns the key that directors verify with.
    pub fn key(&self) -> PublicKey {
        self.0.public_key()
    }

    /// Signs exactly these bytes.
    pub fn sign(&self, bytes: &[u8]) -> ringtalk_wire::Signature {
        self.0.sign(bytes)
    }
}

fn checksum(secret: &[u8; SECRET_BYTES]) -> [u8; CHECKSUM_BYTES] {
    let digest: [u8; 32] = Sha256::digest(secret).into();
    [digest[0], digest[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_it_was_written() {
        let secret = Secret::generate().unwrap();
        let text = secret.to_text();
        assert_eq!(text.len(), 24);
        assert_eq!(text.parse(), Ok(secret));
        let hex = "00112233445566778899aabbccddeeff";
        assert_eq!(hex.parse::<Secret>(), hex.to_uppercase().parse());
    }

    #[test]
    fn a_mistyped_secret_is_distinguished_from_another_secret() {
        let text = Secret::new([7; SECRET_BYTES]).to_text();
        let mut mistyped = text.replace('B', "b");
        assert_ne!(*text, mistyped);
        assert_eq!(mistyped.parse::<Secret>(), Err(SecretError::Mistyped));
        mistyped.pop();
        for no_secret in ["", "abc", "not a secret at all, sir!", mistyped.as_str()] {
            assert_eq!(no_secret.parse::<Secret>(), Err(SecretError::Form));
        }
    }

    #[test]
    fn two_secrets_share_no_derived_key() {
        let [one, other] = [1, 2].map(|byte| Secret::new([byte; SECRET_BYTES]));
        assert_ne!(one.discussion(), other.discussion());
        assert_ne!(one.link_key(), other.link_key());
        assert_ne!(*one.link_key(), *one.derive(REGISTRATION_LABEL));
        assert!(Secret::open().is_open() && !one.is_open());
    }

    #[test]
    fn a_log_shows_no_secret() {
        let secret = Secret::generate().unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}

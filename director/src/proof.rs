//! Proof that a caller has the secret of a private discussion, without giving the secret away.
//!
//! From the secret follows a registration key, and from its public half the discussion's id. So even a director
//! without any state can tell who speaks for a discussion: a caller that signs with the key behind its id. Not
//! here: the secret half and the signing (`ringtalk-node`), and the answer to a request (`authorization`).

use ed25519_dalek::VerifyingKey;
use ringtalk_wire::{DiscussionId, KEY_BYTES, PublicKey, SIGNATURE_BYTES, encode_item};
use serde::{Deserialize, Serialize};

use crate::base64url::Base64Url;

/// The nonce that a director currently wants signed. A signature covers it, so both expire together.
///
/// Until then, for two minutes at most, anyone who reads the clear-text HTTP can replay a request, and so can a
/// director that gets another one's nonce signed. The gain is small. A coordinator's old registration loses against
/// the higher epoch of the next one; an older one of the same epoch holds until that coordinator's next call, at
/// most 2 s later. A withdrawal names a node that is gone for good, and a newcomer that is announced twice is still
/// one. Within that time, a discussion that has ended can seem to go on.
pub type Nonce = Base64Url<16>;

/// The prefix of signed bytes, so that a signature is valid nowhere else.
const LABEL: &str = "ringtalk director";

/// The fields that the body of a request about a private discussion has in addition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PrivateFields {
    /// The discussion.
    pub discussion: DiscussionId,
    /// The proof; a request without it is answered with the nonce to sign.
    #[serde(flatten)]
    pub proof: Option<Proof>,
}

/// A signature, with what is needed to verify it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Proof {
    /// The discussion's registration key, an Ed25519 public key: 43 characters.
    pub key: Base64Url<KEY_BYTES>,
    /// The director's nonce that was signed: 22 characters.
    pub nonce: Nonce,
    /// The key's signature over [`signed_bytes`]: 86 characters.
    pub signature: Base64Url<SIGNATURE_BYTES>,
}

/// Returns the exact bytes that a caller signs: one CBOR array of a label, the method, the path, the nonce (an
/// array of 16 numbers), the discussion (16 bytes), and the body's other fields as a map. The map has the order of
/// the types in [`api`](crate::api), and no optional field that is absent.
pub fn signed_bytes(
    method: &str,
    path: &str,
    nonce: &Nonce,
    discussion: &DiscussionId,
    body: &impl Serialize,
) -> Vec<u8> {
    encode_item(&(LABEL, method, path, &nonce.0, discussion, body)).to_vec()
}

/// The reason why a proof is rejected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ProofError {
    /// The proof is missing, or over another nonce: an old one, or that of a previous director at this address.
    Stale,
    /// The key belongs to another discussion.
    Key,
    /// The signature is not the key's, or not over this request.
    Signature,
    /// The node's key belongs to another node, or is malformed.
    NodeKey,
    /// The node's signature is not its key's, or not over this request.
    NodeSignature,
}

impl Proof {
    /// Checks the proof for `discussion`; `signed` returns the bytes to sign over a nonce.
    pub(crate) fn check(
        &self,
        discussion: &DiscussionId,
        is_current: impl FnOnce(&Nonce) -> bool,
        signed: impl FnOnce(&Nonce) -> Vec<u8>,
    ) -> Result<(), ProofError> {
        if DiscussionId::of(&PublicKey(self.key.0)) != *discussion {
            return Err(ProofError::Key);
        }
        if !is_current(&self.nonce) {
            return Err(ProofError::Stale);
        }
        let signature = ed25519_dalek::Signature::from_bytes(&self.signature.0);
        VerifyingKey::from_bytes(&self.key.0)
            .and_then(|key| key.verify_strict(&signed(&self.nonce), &signature))
            .map_err(|_| ProofError::Signature)
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};

    use super::*;

    const NONCE: Nonce = Base64Url([1; 16]);

    fn signed(path: &str) -> Vec<u8> {
        signed_bytes("POST", path, &NONCE, &id(&key()), &7)
    }

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[2; 32])
    }

    fn id(key: &SigningKey) -> DiscussionId {
        DiscussionId::of(&PublicKey(key.verifying_key().to_bytes()))
    }

    fn proof() -> Proof {
        Proof {
            key: Base64Url(key().verifying_key().to_bytes()),
            nonce: NONCE,
            signature: Base64Url(key().sign(&signed("/here")).to_bytes()),
        }
    }

    #[test]
    fn a_proof_holds_for_its_discussion_its_nonce_and_its_request() {
        let check = |proof: Proof, nonce, path| {
            proof.check(&id(&key()), |given| *given == nonce, |_| signed(path))
        };
        assert_eq!(check(proof(), NONCE, "/here"), Ok(()));
        assert_eq!(check(proof(), NONCE, "/there"), Err(ProofError::Signature));
        let later = Base64Url([9; 16]);
        assert_eq!(check(proof(), later, "/here"), Err(ProofError::Stale));
        let other = SigningKey::from_bytes(&[3; 32]);
        let stolen = Proof {
            key: Base64Url(other.verifying_key().to_bytes()),
            ..proof()
        };
        assert_eq!(check(stolen, NONCE, "/here"), Err(ProofError::Key));
        let result = proof().check(&id(&other), |_| true, |_| signed("/here"));
        assert_eq!(result, Err(ProofError::Key));
    }
}

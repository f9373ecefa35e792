//! Proof that a registration is made by its own node: a signature on the request with the key behind its id.
//!
//! The signature is in the headers and covers the exact bytes of the body, so it holds whatever fields a later
//! version adds. Not here: the proof for a private discussion (`proof`), and the answer to a request (`authorization`).

use axum::http::{HeaderMap, HeaderName};
use ed25519_dalek::VerifyingKey;
use ringtalk_wire::{KEY_BYTES, NodeId, PublicKey, SIGNATURE_BYTES};

use crate::base64url::Base64Url;
use crate::proof::{Nonce, ProofError};

/// The header with the node's Ed25519 public key: 43 characters.
pub const NODE_KEY: HeaderName = HeaderName::from_static("node-key");
/// The header with the director's nonce that was signed: 22 characters.
pub const NODE_NONCE: HeaderName = HeaderName::from_static("node-nonce");
/// The header with the key's signature over [`node_signed_bytes`]: 86 characters.
pub const NODE_SIGNATURE: HeaderName = HeaderName::from_static("node-signature");

/// The prefix of signed bytes, so that a signature is valid nowhere else.
const LABEL: &str = "ringtalk director";

/// Returns the exact bytes that a node signs: a label, the method, the path and the nonce, each on its own line,
/// and the body as it travels.
pub fn node_signed_bytes(method: &str, path: &str, nonce: &Nonce, body: &[u8]) -> Vec<u8> {
    let head = format!("{LABEL}\n{method}\n{path}\n{nonce}\n");
    [head.as_bytes(), body].concat()
}

/// Checks that the node with this id signed a request; `signed` returns the bytes to sign over a nonce.
pub(crate) fn check(
    headers: &HeaderMap,
    id: &NodeId,
    is_current: impl FnOnce(&Nonce) -> bool,
    signed: impl FnOnce(&Nonce) -> Vec<u8>,
) -> Result<(), ProofError> {
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let (Some(key), Some(nonce), Some(signature)) =
        (text(NODE_KEY), text(NODE_NONCE), text(NODE_SIGNATURE))
    else {
        return Err(ProofError::Stale);
    };
    let key: Base64Url<KEY_BYTES> = key.parse().map_err(|_| ProofError::NodeKey)?;
    if NodeId::of(&PublicKey(key.0)) != *id {
        return Err(ProofError::NodeKey);
    }
    // A malformed nonce cannot be one of this director either.
    let nonce: Nonce = nonce.parse().map_err(|_| ProofError::Stale)?;
    if !is_current(&nonce) {
        return Err(ProofError::Stale);
    }
    let signature: Base64Url<SIGNATURE_BYTES> =
        signature.parse().map_err(|_| ProofError::NodeSignature)?;
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    VerifyingKey::from_bytes(&key.0)
        .and_then(|key| key.verify_strict(&signed(&nonce), &signature))
        .map_err(|_| ProofError::NodeSignature)
}

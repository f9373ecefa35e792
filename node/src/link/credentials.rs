//! The credentials that a node presents at its links: who it is, and that it has the discussion's secret.
//!
//! Not here: how they are presented (`noise`), their source.

use std::fmt;
use std::io;
use std::sync::Arc;

use ringtalk_wire::{DiscussionId, NodeId, PREFACE_BYTES, PublicKey, Signature, preface};
use zeroize::Zeroizing;

use super::noise;
use crate::identity::Identity;
use crate::secret::Secret;

/// The number of bytes that both ends must agree on before the handshake.
const PROLOGUE_BYTES: usize = PREFACE_BYTES + 16;

/// The credentials that a node presents at its links. Clones share the keys, which are wiped with the last one.
///
/// The Noise key pair is made here, once in a process. It lives as long as the identity that signs it, so a new one
/// for each link would hide nothing, and would cost each handshake a key.
#[derive(Clone)]
pub struct Credentials(Arc<SharedCredentials>);

struct SharedCredentials {
    identity: Identity,
    discussion: DiscussionId,
    link_key: Zeroizing<[u8; 32]>,
    noise_secret: Zeroizing<Vec<u8>>,
    noise_public: Vec<u8>,
}

impl Credentials {
    /// Creates the credentials of a node in the discussion that has this secret. Fails if the system gives no random
    /// numbers.
    pub fn new(identity: Identity, secret: &Secret) -> io::Result<Self> {
        let pair = noise::key_pair()?;
        Ok(Self(Arc::new(SharedCredentials {
            identity,
            discussion: secret.discussion(),
            link_key: secret.link_key(),
            noise_secret: Zeroizing::new(pair.private),
            noise_public: pair.public,
        })))
    }

    /// Returns the node's identity.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// Returns the node's id.
    pub fn id(&self) -> NodeId {
        self.0.identity.id()
    }

    /// Returns the node's key.
    pub fn public_key(&self) -> PublicKey {
        self.0.identity.public_key()
    }

    /// Returns the discussion that the node takes part in.
    pub fn discussion(&self) -> DiscussionId {
        self.0.discussion
    }

    /// Returns the same node with the same key, in a discussion of another id.
    #[cfg(test)]
    pub(super) fn in_discussion(self, discussion: DiscussionId) -> Self {
        let shared = Arc::into_inner(self.0).expect("there is no copy");
        Self(Arc::new(SharedCredentials {
            discussion,
            ..shared
        }))
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> Signature {
        self.0.identity.sign(bytes)
    }

    /// Returns the key that both ends must have.
    pub(super) fn link_key(&self) -> &[u8; 32] {
        &self.0.link_key
    }

    pub(super) fn noise_secret(&self) -> &[u8] {
        &self.0.noise_secret
    }

    pub(super) fn noise_public(&self) -> &[u8] {
        &self.0.noise_public
    }

    /// Returns what both ends must agree on: the preface, then the discussion's id.
    pub(super) fn prologue(&self) -> [u8; PROLOGUE_BYTES] {
        let mut prologue = [0; PROLOGUE_BYTES];
        prologue[..PREFACE_BYTES].copy_from_slice(&preface());
        prologue[PREFACE_BYTES..].copy_from_slice(self.0.discussion.as_bytes());
        prologue
    }
}

/// Shows the ids only: keys do not belong in a log.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("id", &self.id())
            .field("discussion", &self.discussion())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_shows_ids_alone() {
        let identity = Identity::from_seed(&[7; 32]);
        let credentials = Credentials::new(identity.clone(), &Secret::open()).unwrap();
        let discussion = Secret::open().discussion();
        let expected = format!(
            "Credentials {{ id: {:?}, discussion: {discussion:?} }}",
            identity.id()
        );
        assert_eq!(format!("{credentials:?}"), expected);
    }
}

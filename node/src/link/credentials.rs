//! What a node presents at its links: who it is, and that it has the discussion's secret.
//!
//! Not here: how (`noise`), and where either comes from.

use std::fmt;
use std::io;
use std::sync::Arc;

use ringtalk_wire::{DiscussionId, NodeId, PREFACE_BYTES, PublicKey, Signature, preface};
use zeroize::Zeroizing;

use super::noise;
use crate::identity::Identity;
use crate::secret::Secret;

/// How many bytes both ends must agree on before the handshake.
const PROLOGUE_BYTES: usize = PREFACE_BYTES + 16;

/// What a node presents at its links. Copies share the keys, which are wiped with the last one.
///
/// The Noise key pair is made here, once in a process: it lives as long as the identity that signs
/// for it, so a new one at each link would hide nothing, and cost each handshake a key.
#[derive(Clone)]
pub struct Credentials(Arc<Presented>);

struct Presented {
    identity: Identity,
    discussion: DiscussionId,
    link_key: Zeroizing<[u8; 32]>,
    noise_secret: Zeroizing<Vec<u8>>,
    noise_public: Vec<u8>,
}

impl Credentials {
    /// For a node in the discussion that has this secret. Fails where the system gives no random
    /// numbers.
    pub fn new(identity: Identity, secret: &Secret) -> io::Result<Self> {
        let pair = noise::key_pair()?;
        Ok(Self(Arc::new(Presented {
            identity,
            discussion: secret.discussion(),
            link_key: secret.link_key(),
            noise_secret: Zeroizing::new(pair.private),
            noise_public: pair.public,
        })))
    }

    /// Who the node is.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// The node's id.
    pub fn id(&self) -> NodeId {
        self.0.identity.id()
    }

    /// The node's key.
    pub fn public_key(&self) -> PublicKey {
        self.0.identity.public_key()
    }

    /// The discussion that the node takes part in.
    pub fn discussion(&self) -> DiscussionId {
        self.0.discussion
    }

    /// The same node with the same key, in a discussion of another id.
    #[cfg(test)]
    pub(super) fn in_discussion(self, discussion: DiscussionId) -> Self {
        let presented = Arc::into_inner(self.0).expect("there is no copy");
        Self(Arc::new(Presented {
            discussion,
            ..presented
        }))
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> Signature {
        self.0.identity.sign(bytes)
    }

    /// What both ends must have.
    pub(super) fn link_key(&self) -> &[u8; 32] {
        &self.0.link_key
    }

    pub(super) fn noise_secret(&self) -> &[u8] {
        &self.0.noise_secret
    }

    pub(super) fn noise_public(&self) -> &[u8] {
        &self.0.noise_public
    }

    /// The preface and the discussion's id: what both ends must agree on.
    pub(super) fn prologue(&self) -> [u8; PROLOGUE_BYTES] {
        let mut prologue = [0; PROLOGUE_BYTES];
        prologue[..PREFACE_BYTES].copy_from_slice(&preface());
        prologue[PREFACE_BYTES..].copy_from_slice(self.0.discussion.as_bytes());
        prologue
    }
}

/// The ids only: keys have no place in a log.
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

//! Signing and verifying. The core asks its driver for both and holds no secret.

use alloc::sync::Arc;
use core::fmt::Debug;

use ringtalk_wire::{
    Announcement, NodeId, PublicKey, Seal, Sealed, Signature, ViewTag, view_to_sign,
};

/// Signs what this node sends.
pub trait Signer: Debug + Send + Sync {
    /// Returns the key with which others verify the signatures; this node's id follows from it.
    fn public_key(&self) -> PublicKey;

    /// Signs exactly these bytes.
    fn sign(&self, bytes: &[u8]) -> Signature;
}

/// Verifies the signatures of others: once per item, after the check for duplicates and before relaying.
pub trait Verifier: Debug + Send + Sync {
    /// Returns true if the owner of the key signed exactly these bytes.
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool;
}

/// This node's signer, and its verifier for others' signatures.
#[derive(Debug)]
pub(crate) struct Signatures {
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) verifier: Arc<dyn Verifier>,
}

impl Signatures {
    /// Signs these bytes, and returns the signature with this node's key.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Seal {
        Seal {
            key: self.signer.public_key(),
            signature: self.signer.sign(bytes),
        }
    }

    /// Signs the tag of a view.
    pub(crate) fn sign_view(&self, tag: &ViewTag) -> Seal {
        self.sign(&view_to_sign(tag))
    }

    /// Returns true if the owner of the seal's key signed these bytes.
    pub(crate) fn is_valid(&self, seal: &Seal, bytes: &[u8]) -> bool {
        self.verifier.verify(&seal.key, bytes, &seal.signature)
    }

    /// Returns true if the seal of an item is valid for its bytes.
    pub(crate) fn is_genuine(&self, sealed: &Sealed) -> bool {
        self.is_valid(&sealed.seal, &sealed.to_sign())
    }

    /// Returns true if the coordinator signed the view that an announcement is about.
    pub(crate) fn is_valid_announcement(&self, announcement: &Announcement) -> bool {
        match announcement {
            Announcement::View(update) => self.is_signed_by_coordinator(&update.tag, &update.seal),
            Announcement::Page(page) => self.is_signed_by_coordinator(&page.tag, &page.seal),
        }
    }

    fn is_signed_by_coordinator(&self, tag: &ViewTag, seal: &Seal) -> bool {
        is_signed_by_coordinator(&*self.verifier, tag, seal)
    }
}

/// Returns true if the coordinator of a view signed it.
pub(crate) fn is_signed_by_coordinator(
    verifier: &dyn Verifier,
    tag: &ViewTag,
    seal: &Seal,
) -> bool {
    let coordinator: NodeId = tag.epoch.coordinator;
    coordinator == seal.signer() && verifier.verify(&seal.key, &view_to_sign(tag), &seal.signature)
}

#[cfg(test)]
pub(crate) mod test_support {
    use ringtalk_wire::{KEY_BYTES, SIGNATURE_BYTES};

    use super::*;

    /// A seal that nobody checks.
    pub(crate) const SEAL: Seal = Seal {
        key: PublicKey([0; KEY_BYTES]),
        signature: Signature([0; SIGNATURE_BYTES]),
    };

    /// A signer with an empty signature, and a verifier that accepts everything.
    #[derive(Debug)]
    pub(crate) struct FakeSigner;

    impl Signer for FakeSigner {
        fn public_key(&self) -> PublicKey {
            SEAL.key
        }

        fn sign(&self, _bytes: &[u8]) -> Signature {
            SEAL.signature
        }
    }

    impl Verifier for FakeSigner {
        fn verify(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
            true
        }
    }
}

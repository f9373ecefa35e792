//! Signatures: the core asks for them, and for whether one holds; it knows no secret.

use alloc::sync::Arc;
use core::fmt::Debug;

use ringtalk_wire::{
    Announcement, NodeId, PublicKey, Seal, Sealed, Signature, ViewTag, view_to_sign,
};

/// Signs what this node seals.
pub trait Signer: Debug + Send + Sync {
    /// With which others check the signatures; this node's id follows from it.
    fn public_key(&self) -> PublicKey;

    /// The signature over exactly these bytes.
    fn sign(&self, bytes: &[u8]) -> Signature;
}

/// Checks what others signed: once per item, after the check for duplicates and before relaying.
pub trait Verifier: Debug + Send + Sync {
    /// True where the owner of the key signed exactly these bytes.
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool;
}

/// A node's own keys, and its eye for those of others; all rings of a process share them.
#[derive(Debug)]
pub(crate) struct Seals {
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) verifier: Arc<dyn Verifier>,
}

impl Seals {
    /// This node's signature under these bytes.
    pub(crate) fn seal(&self, bytes: &[u8]) -> Seal {
        Seal {
            key: self.signer.public_key(),
            signature: self.signer.sign(bytes),
        }
    }

    /// This node's signature under a view.
    pub(crate) fn seal_view(&self, tag: &ViewTag) -> Seal {
        self.seal(&view_to_sign(tag))
    }

    /// True where a seal is that of the owner of its key.
    pub(crate) fn holds(&self, seal: &Seal, bytes: &[u8]) -> bool {
        self.verifier.verify(&seal.key, bytes, &seal.signature)
    }

    /// True where something is as whoever signed it sealed it.
    pub(crate) fn is_genuine(&self, sealed: &Sealed) -> bool {
        self.holds(&sealed.seal, &sealed.to_sign())
    }

    /// True where the coordinator signed the view of which an announcement tells.
    pub(crate) fn tell(&self, announcement: &Announcement) -> bool {
        match announcement {
            Announcement::View(update) => self.is_coordinators(&update.tag, &update.seal),
            Announcement::Page(page) => self.is_coordinators(&page.tag, &page.seal),
        }
    }

    fn is_coordinators(&self, tag: &ViewTag, seal: &Seal) -> bool {
        is_coordinators(&*self.verifier, tag, seal)
    }
}

/// Returns true if the coordinator of a view signed it.
pub(crate) fn is_coordinators(verifier: &dyn Verifier, tag: &ViewTag, seal: &Seal) -> bool {
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

    /// Signs with nothing, and believes everything.
    #[derive(Debug)]
    pub(crate) struct Nobody;

    impl Signer for Nobody {
        fn public_key(&self) -> PublicKey {
            SEAL.key
        }

        fn sign(&self, _bytes: &[u8]) -> Signature {
            SEAL.signature
        }
    }

    impl Verifier for Nobody {
        fn verify(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
            true
        }
    }
}

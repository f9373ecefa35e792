//! Signing and verifying. The core asks its driver for both and holds no secret.

use alloc::sync::Arc;
use core::fmt::Debug;

use ringtalk_wire::{
    Announcement, NodeId, Opening, Probe, PublicKey, RingId, Seal, Sealed, Signature, ViewTag,
    item_to_sign, view_to_sign,
};

#[cfg(feature = "planted-bugs")]
use crate::planted::{Planted, PlantedBug};

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

/// This node's signer in a ring, and its verifier for others' signatures there. All that is signed names the ring.
#[derive(Debug)]
pub(crate) struct Signatures {
    pub(crate) ring: RingId,
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) verifier: Arc<dyn Verifier>,
}

impl Signatures {
    /// Makes this node sign as if all rings were one, if that is its mistake.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn plant(&mut self, planted: Planted) {
        if planted.has(PlantedBug::SignWithoutRing) {
            self.ring = RingId::from_bytes([0; 16]);
        }
    }

    fn sign(&self, bytes: &[u8]) -> Seal {
        Seal {
            key: self.signer.public_key(),
            signature: self.signer.sign(bytes),
        }
    }

    /// Signs the exact bytes of an item.
    pub(crate) fn sign_item(&self, raw: &[u8]) -> Seal {
        self.sign(&item_to_sign(self.ring, raw))
    }

    /// Signs the tag of a view.
    pub(crate) fn sign_view(&self, tag: &ViewTag) -> Seal {
        self.sign(&view_to_sign(self.ring, tag))
    }

    /// Signs the opening of an epoch.
    pub(crate) fn sign_opening(&self, opening: &Opening) -> Seal {
        self.sign(&opening.to_sign(self.ring))
    }

    /// Signs the answer to a probe.
    pub(crate) fn sign_probe(&self, probe: &Probe) -> Seal {
        self.sign(&probe.to_sign(self.ring))
    }

    fn is_valid(&self, seal: &Seal, bytes: &[u8]) -> bool {
        self.verifier.verify(&seal.key, bytes, &seal.signature)
    }

    /// Returns true if the seal of an item is valid for its bytes.
    pub(crate) fn is_genuine(&self, sealed: &Sealed) -> bool {
        self.is_valid(&sealed.seal, &sealed.to_sign(self.ring))
    }

    /// Returns the seals of an opening that are valid.
    pub(crate) fn valid_seals<'a>(&self, opening: &'a Opening) -> impl Iterator<Item = &'a Seal> {
        let signed = opening.to_sign(self.ring);
        let seals = opening.seals.iter();
        seals.filter(move |seal| self.is_valid(seal, &signed))
    }

    /// Returns true if the suspect signed the answer to a probe.
    pub(crate) fn is_answer(&self, probe: &Probe, seal: &Seal) -> bool {
        seal.signer() == probe.member && self.is_valid(seal, &probe.to_sign(self.ring))
    }

    /// Returns true if the coordinator signed the view that an announcement is about.
    pub(crate) fn is_valid_announcement(&self, announcement: &Announcement) -> bool {
        match announcement {
            Announcement::View(update) => self.is_signed_by_coordinator(&update.tag, &update.seal),
            Announcement::Page(page) => self.is_signed_by_coordinator(&page.tag, &page.seal),
        }
    }

    fn is_signed_by_coordinator(&self, tag: &ViewTag, seal: &Seal) -> bool {
        is_signed_by_coordinator(self.ring, &*self.verifier, tag, seal)
    }
}

/// Returns true if the coordinator of a view of this ring signed it.
pub(crate) fn is_signed_by_coordinator(
    ring: RingId,
    verifier: &dyn Verifier,
    tag: &ViewTag,
    seal: &Seal,
) -> bool {
    let coordinator: NodeId = tag.epoch.coordinator;
    coordinator == seal.signer()
        && verifier.verify(&seal.key, &view_to_sign(ring, tag), &seal.signature)
}

#[cfg(test)]
pub(crate) mod test_support {
    use ringtalk_wire::{KEY_BYTES, SIGNATURE_BYTES};

    use super::*;

    /// The ring of most tests.
    pub(crate) const RING: RingId = RingId::from_bytes([9; 16]);

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

//! Openings of epochs: which ones this node signs, and which ones it believes.
//!
//! `PROTOCOL.md` §5.3 and §5.6. Not here: the proof by a chain of openings (`proof`), when to open one
//! (`node::takeover`).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use ringtalk_wire::{Epoch, NodeId, Opening, Seal, ViewTag};

use super::Context;
use crate::View;
use crate::machines::proof::leads_to;

impl Context {
    /// Returns an opening of this node's own epoch, after the epoch of a view; it needs no other member. The number is
    /// this one, or a higher one if an earlier node of this process may have used it.
    pub(crate) fn own_opening(&self, view: &View, number: u64) -> Opening {
        let epoch = Epoch {
            number: number.max(self.epochs_before + 1),
            coordinator: self.config.id,
        };
        self.opening_after(view, epoch)
    }

    /// Returns an opening of an epoch after the one of a view, signed by this node.
    pub(crate) fn opening_after(&self, view: &View, epoch: Epoch) -> Opening {
        self.with_own_seal(Opening {
            epoch,
            before: view.tag().epoch,
            with: None,
            seals: Vec::new(),
        })
    }

    /// Adds this node's signature to an opening.
    pub(crate) fn with_own_seal(&self, mut opening: Opening) -> Opening {
        opening.seals.push(self.signatures.sign_opening(&opening));
        opening
    }

    /// Returns the nodes whose signatures under an opening are valid.
    pub(crate) fn signers(&self, opening: &Opening) -> BTreeSet<NodeId> {
        let seals = self.signatures.valid_seals(opening);
        seals.map(Seal::signer).collect()
    }

    /// Returns true if a view's epoch is proven to a node that follows `view`.
    pub(crate) fn is_epoch_proven<'a>(
        &self,
        view: &View,
        tag: &ViewTag,
        openings: impl IntoIterator<Item = &'a Opening>,
    ) -> bool {
        if view.coordinator() == tag.epoch.coordinator {
            return true;
        }
        let is_member = |id: &NodeId| view.contains(id);
        let signers = |opening: &Opening| self.signers(opening);
        leads_to(view.tag().epoch, tag.epoch, openings, is_member, signers)
    }

    /// Returns true if the epoch of a view is proven to nodes that follow the epoch `theirs`.
    pub(crate) fn is_epoch_proven_to(&self, view: &View, theirs: Epoch) -> bool {
        let signers = |opening: &Opening| self.signers(opening);
        leads_to(theirs, view.tag().epoch, view.openings(), |_| true, signers)
    }
}

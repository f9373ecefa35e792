//! Openings of epochs: what this node seals, and what it believes.
//!
//! `PROTOCOL.md` §5.3. Not here: what a chain of openings proves (`proof`), and who opens an epoch when (`node::takeover`).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use ringtalk_wire::{Epoch, NodeId, Opening, Seal, ViewTag};

use super::Context;
use crate::View;
use crate::machines::proof::leads_to;

impl Context {
    /// An epoch of one's own with this number, after the one of a view; nobody else stands for it.
    pub(crate) fn own_opening(&self, view: &View, number: u64) -> Opening {
        let epoch = Epoch {
            number,
            coordinator: self.config.id,
        };
        self.opening_after(view, epoch)
    }

    /// An epoch after the one of a view, with this node's seal.
    pub(crate) fn opening_after(&self, view: &View, epoch: Epoch) -> Opening {
        self.with_own_seal(Opening {
            epoch,
            before: view.tag().epoch,
            with: None,
            seals: Vec::new(),
        })
    }

    /// An opening with one's own seal too.
    pub(crate) fn with_own_seal(&self, mut opening: Opening) -> Opening {
        opening.seals.push(self.seals.seal(&opening.to_sign()));
        opening
    }

    /// Those whose seals under an opening hold.
    pub(crate) fn signers(&self, opening: &Opening) -> BTreeSet<NodeId> {
        let signed = opening.to_sign();
        let holding = opening
            .seals
            .iter()
            .filter(|seal| self.seals.holds(seal, &signed));
        holding.map(Seal::signer).collect()
    }

    /// Returns true if a view's epoch began rightly, as far as somebody can tell who follows `view`.
    pub(crate) fn begins_rightly<'a>(
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

    /// Returns true if others who followed that epoch can tell that the one of a view began rightly.
    pub(crate) fn began_rightly_for(&self, view: &View, theirs: Epoch) -> bool {
        let signers = |opening: &Opening| self.signers(opening);
        leads_to(theirs, view.tag().epoch, view.openings(), |_| true, signers)
    }
}

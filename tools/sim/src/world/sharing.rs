//! Copies that all nodes of a simulation share: views and, in large rings, the bytes of bundles.
//!
//! Every node still decodes and checks what it receives before it is given the shared copy. Not here: what a node
//! keeps for itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use ringtalk_proto::View;
use ringtalk_wire::{Frame, Item, ItemId, MessageId, Spread, ViewHash};

use super::World;
use crate::network::HostIndex;

/// The number of views beyond which those that nobody follows any more are forgotten.
const VIEWS: usize = 64;

/// The shared copies.
#[derive(Debug, Default)]
pub(super) struct Shared {
    views: BTreeMap<ViewHash, Weak<View>>,
    bundles: BTreeSet<Bytes>,
}

impl Shared {
    /// Returns the copy of this view that somebody follows already; without one, keeps this view.
    fn view(&mut self, view: &Arc<View>) -> Arc<View> {
        if self.views.len() > VIEWS {
            self.views.retain(|_, kept| kept.strong_count() > 0);
        }
        let kept = self.views.entry(view.tag().hash).or_default();
        kept.upgrade().unwrap_or_else(|| {
            *kept = Arc::downgrade(view);
            Arc::clone(view)
        })
    }

    fn bundle(&mut self, raw: &Bytes) -> Bytes {
        if let Some(kept) = self.bundles.get(raw) {
            return kept.clone();
        }
        let kept = Bytes::copy_from_slice(raw);
        self.bundles.insert(kept.clone());
        kept
    }
}

impl World {
    /// Replaces the view that a node has taken by the shared copy.
    pub(super) fn share_view(&mut self, index: HostIndex, view: &Arc<View>) {
        let view = self.shared.view(view);
        self.processes[index].node_mut().reuse_view(&view);
    }

    /// Replaces what a node expanded from a brief bundle by the shared copy, in large rings.
    pub(super) fn share_expanded(&mut self, index: HostIndex, first: Option<MessageId>) {
        if let Some(first) = first.filter(|_| self.oracles.uses_cheap_checks())
            && let Some(raw) = self.processes[index].node_mut().bundle_bytes(first)
        {
            *raw = self.shared.bundle(raw);
        }
    }

    /// Replaces the bytes of a bundle by the shared copy, in large rings, however many nodes log it.
    pub(super) fn share_bundle(&mut self, frame: &mut Frame) {
        if let Frame::Pulled(sealed)
        | Frame::Spread(Spread {
            item: Item::Bundle(sealed),
            ..
        }) = frame
            && self.oracles.uses_cheap_checks()
        {
            sealed.raw = self.shared.bundle(&sealed.raw);
        }
    }
}

/// Returns the bundle that a frame carries, by its first message.
pub(super) fn bundle_of(frame: &Frame) -> Option<MessageId> {
    let id = match frame {
        Frame::Brief(brief) => return brief.item_id().ok().map(first_of),
        Frame::Pulled(sealed)
        | Frame::Spread(Spread {
            item: Item::Bundle(sealed),
            ..
        }) => sealed.bundle().ok()?,
        _ => return None,
    };
    Some(MessageId {
        author: id.author,
        seq: id.first,
    })
}

const fn first_of(id: ItemId) -> MessageId {
    MessageId {
        author: id.origin,
        seq: id.number,
    }
}

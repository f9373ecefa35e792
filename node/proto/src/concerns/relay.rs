//! Relaying: how items go round the ring, and what happens when a child stays silent.
//!
//! `PROTOCOL.md` §4.1. Not here: items that arrive (`node::relaying`), bookkeeping of receipts (`spread`).

pub(crate) mod abbreviation;
mod children;
mod confirmation;
pub(crate) mod forwarder;
mod reach;

use alloc::collections::{BTreeMap, VecDeque};

use ringtalk_wire::{Frame, Interval, Item, ItemId, ItemKind, MessageId, NodeId, Sealed, Spread};

use super::Concern;
use super::discussion::Discussion;
use super::ring::Ring;
use crate::config::SHARE_BYTES;
use crate::context::Context;
use crate::machines::acks::AckTracker;
use crate::machines::coverage::Coverage;
use crate::machines::outbox::Outbox;
use crate::machines::parking::Parking;
use crate::machines::spread::{Extension, Spreading};
use confirmation::Confirmations;

/// The maximum number of announcements kept to be handed on.
const ANNOUNCEMENTS: usize = 256;

/// The latest announcements.
#[derive(Debug, Default)]
pub(crate) struct Announcements {
    kept: BTreeMap<ItemId, Sealed>,
    order: VecDeque<ItemId>,
}

impl Announcements {
    pub(crate) fn get(&self, id: &ItemId) -> Option<&Sealed> {
        self.kept.get(id)
    }

    pub(crate) fn keep(&mut self, id: ItemId, sealed: Sealed) {
        self.kept.entry(id).or_insert_with(|| {
            self.order.push_back(id);
            sealed
        });
        if self.order.len() > ANNOUNCEMENTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.kept.remove(&oldest);
        }
    }
}

/// The items that go round the ring, with their receipts and acknowledgements.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    pub(crate) outbox: Outbox,
    pub(crate) spreading: Spreading,
    pub(crate) parking: Parking,
    pub(crate) acks: AckTracker,
    pub(crate) coverage: Coverage,
    pub(crate) confirmations: Confirmations,
    pub(crate) announcements: Announcements,
}

impl Concern for Relay {
    fn forget(&mut self, peer: &NodeId) {
        self.confirmations.forget(peer);
    }
}

impl Relay {
    /// Returns true if an item of this node would reach another member, or if there is none.
    pub(crate) fn can_spread(&self, context: &Context, ring: &Ring) -> bool {
        let alone = context.view.as_ref().is_some_and(|view| view.len() == 1);
        alone || !self.nearest_children(context, ring).is_empty()
    }

    /// Returns true if the links to the nearest children of this node's items are idle.
    pub(crate) fn spreads_at_once(&self, context: &Context, ring: &Ring) -> bool {
        self.nearest_children(context, ring)
            .iter()
            .all(|child| context.links.is_idle(&child.id))
    }

    pub(crate) fn take_interval(
        &mut self,
        context: &Context,
        id: ItemId,
        interval: &Interval,
    ) -> Extension {
        let current = context.layout() == Some(interval.layout);
        match context.own_key().filter(|_| current) {
            Some(me) => self.spreading.take(id, interval, me),
            None => Extension::Nothing,
        }
    }

    fn send_item(
        &mut self,
        context: &mut Context,
        child: &NodeId,
        (id, item): (ItemId, &Item),
        interval: Interval,
    ) {
        let spread = Frame::Spread(Spread {
            interval: context.as_sent(interval),
            item: item.clone(),
        });
        self.send_to_child(context, child, id, &spread);
    }

    /// Sends an item to a child, and with it the acknowledgements that wait for the next frame.
    pub(crate) fn send_to_child(
        &mut self,
        context: &mut Context,
        child: &NodeId,
        id: ItemId,
        frame: &Frame,
    ) {
        let now = context.now;
        let share = (id.kind == ItemKind::Bundle).then(|| context.share_of(&id.origin));
        context
            .links
            .send_for(now, (child, share), frame, &mut context.out);
        self.release_acks(context, child);
    }

    /// Returns an item, if it is still here.
    pub(crate) fn item(&self, discussion: &Discussion, id: ItemId) -> Option<Item> {
        if id.kind == ItemKind::Bundle {
            let first = first_of(id);
            let sealed = discussion.bundle(first)?;
            Some(Item::Bundle(sealed.clone()))
        } else {
            let sealed = self.announcements.kept.get(&id)?;
            Some(Item::Announcement(sealed.clone()))
        }
    }

    /// Returns true if few bytes of this share are queued on the links that the ring needs. Links whose peers accept
    /// nothing do not count.
    pub(crate) fn has_room(&self, context: &Context, ring: &Ring, share: &NodeId) -> bool {
        let usable = ring.needed_ids().filter(|id| self.is_usable(context, id));
        let mut waiting = usable.map(|id| context.links.backlog(id, share));
        waiting.all(|bytes| bytes < SHARE_BYTES)
    }
}

const fn first_of(id: ItemId) -> MessageId {
    MessageId {
        author: id.origin,
        seq: id.number,
    }
}

/// Returns true if the messages of a bundle have been delivered here.
pub(crate) fn is_delivered(discussion: &Discussion, id: ItemId) -> bool {
    id.kind == ItemKind::Bundle && discussion.causal.has_delivered(first_of(id))
}

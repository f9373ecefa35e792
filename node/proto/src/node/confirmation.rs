//! Confirmation: receipts for what arrived, and acknowledgements for what was delivered.
//!
//! `PROTOCOL.md` §4.1 and §4.6. Acknowledgements leave when the inputs at hand are handled, so that one frame
//! carries many. Receipts wait a little: most often the acknowledgement, which is one too, spares them. Not here:
//! the books about them (`spread`, `acks`).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::limit::PAGE_ITEMS;
use ringtalk_wire::{Ack, Acks, Frame, Interval, ItemId, ItemKind, Items, NodeId};

use super::Node;
use crate::acks::Acked;
use crate::config::{ACK_WAIT_LEAST, RECEIPT_DELAY};
use crate::spread::{Child, Part};
use crate::{Event, Time};

/// What is to be confirmed, by the peer that waits for it.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    receipts: BTreeMap<NodeId, Vec<ItemId>>,
    /// When the receipts leave.
    due: Option<Time>,
    acks: BTreeMap<NodeId, Vec<Ack>>,
}

impl Confirmations {
    /// When receipts are to leave.
    pub(super) const fn deadline(&self) -> Option<Time> {
        self.due
    }

    /// Nothing is owed to this peer any more.
    pub(super) fn forget(&mut self, peer: &NodeId) {
        self.receipts.remove(peer);
        self.acks.remove(peer);
    }
}

impl Node {
    pub(super) fn owe_receipt(&mut self, peer: NodeId, id: ItemId) {
        let Confirmations { receipts, due, .. } = &mut self.confirmations;
        let owed = receipts.entry(peer).or_default();
        owed.push(id);
        // Who fills a frame does not wait, and whoever leaves may not be there later.
        let at_once = owed.len() >= PAGE_ITEMS || self.leaving.is_some();
        let soon = self.handled
            + if at_once {
                Duration::ZERO
            } else {
                RECEIPT_DELAY
            };
        *due = Some(due.map_or(soon, |due| due.min(soon)));
    }

    /// A parent waits for the acknowledgement of a bundle. This node counts itself where the bundle
    /// is new to it, so that nobody is counted twice, whatever ways it comes.
    pub(super) fn owe_ack(&mut self, parent: NodeId, id: ItemId, new: bool) {
        if id.kind == ItemKind::Bundle {
            self.acks.came(id, Some(parent), new);
        }
    }

    /// A child has taken a bundle over: its acknowledgement is waited for, the longer the more
    /// members it goes through.
    pub(super) fn await_ack(&mut self, now: Time, child: Child, id: ItemId, interval: Interval) {
        let beyond = Part {
            after: child.key,
            interval,
        };
        let share = beyond.distance(interval.limit) >> (u128::BITS - 1 - 20);
        let share = Duration::from_micros((share as u64).min(1 << 20));
        let wait = ACK_WAIT_LEAST + share + child.allowance;
        self.acks.carried(now, id, child.id, wait);
    }

    pub(super) fn take_receipt(&mut self, now: Time, peer: NodeId, items: &[ItemId]) {
        for &id in items {
            for _ in 0..self.spreading.receipt(now, peer, id) {
                self.settle(id, true);
            }
        }
        self.seal_what_waits(now);
    }

    pub(super) fn take_acks(&mut self, now: Time, peer: NodeId, acks: &[Ack]) {
        let items: Vec<ItemId> = acks.iter().map(|ack| ack.item).collect();
        for ack in acks {
            let acked = self.acks.acked(now, &peer, ack.item, ack.members);
            self.pass_up(acked);
        }
        self.take_receipt(now, peer, &items);
    }

    /// This node has delivered a bundle.
    pub(super) fn has_delivered(&mut self, id: ItemId) {
        let acked = self.acks.delivered(id);
        self.pass_up(acked);
    }

    /// A child carries a bundle no more.
    pub(super) fn excuse(&mut self, child: &NodeId, id: ItemId) {
        let acked = self.acks.excuse(child, id);
        self.pass_up(acked);
    }

    /// A child is gone, and acknowledges nothing.
    pub(super) fn gave_up_on(&mut self, child: &NodeId) {
        let acked = self.acks.forget(child);
        self.pass_up(acked);
    }

    pub(super) fn expire_acks(&mut self, now: Time) {
        let (slow, acked) = self.acks.expire(now);
        self.pass_up(acked);
        for child in slow {
            let who = self.described(&child);
            let message = format!(
                "{who}, or somebody behind it, has not taken messages for too long: the others go on without waiting"
            );
            self.error("slow-member", message);
        }
        self.seal_what_waits(now);
    }

    pub(super) fn send_confirmations(&mut self) {
        let now = self.handled;
        for (peer, acks) in core::mem::take(&mut self.confirmations.acks) {
            let receipts = &mut self.confirmations.receipts;
            if let Some(items) = receipts.get_mut(&peer) {
                items.retain(|id| !acks.iter().any(|ack| ack.item == *id));
                if items.is_empty() {
                    receipts.remove(&peer);
                }
            }
            for page in acks.chunks(PAGE_ITEMS) {
                let acks = page.to_vec();
                let ack = Frame::Ack(Acks { acks });
                self.links.send(now, &peer, &ack, &mut self.out);
            }
        }
        if self.confirmations.due.is_some_and(|due| due <= now) {
            self.send_receipts();
        } else if self.confirmations.receipts.is_empty() {
            self.confirmations.due = None;
        }
    }

    /// Sends the receipts that are owed.
    pub(super) fn send_receipts(&mut self) {
        let now = self.handled;
        self.confirmations.due = None;
        for (peer, items) in core::mem::take(&mut self.confirmations.receipts) {
            for page in items.chunks(PAGE_ITEMS) {
                let items = page.to_vec();
                let receipt = Frame::Receipt(Items { items });
                self.links.send(now, &peer, &receipt, &mut self.out);
            }
        }
    }

    /// One's own bundle is acknowledged.
    fn reached(&mut self, first: u64, members: u64) {
        if let Some(last) = self.outbox.acked(self.handled, first) {
            self.emit(Event::Reached {
                first,
                last,
                members,
            });
        }
    }

    /// Tells whoever waits that bundles are delivered by everybody below: the parents, or the outbox.
    fn pass_up(&mut self, acked: impl IntoIterator<Item = Acked>) {
        for Acked {
            item,
            parents,
            members,
        } in acked
        {
            if parents.is_empty() && item.origin == self.config.id {
                self.reached(item.number, members);
            }
            let told = core::iter::once(members).chain(core::iter::repeat(0));
            for (parent, members) in parents.into_iter().zip(told) {
                let acks = &mut self.confirmations.acks;
                acks.entry(parent).or_default().push(Ack { item, members });
            }
        }
    }
}

//! Confirmation: receipts for what arrived, and acknowledgements for what was delivered.
//!
//! `PROTOCOL.md` §4.1 and §4.6. Acknowledgements leave when the inputs at hand are handled, so that one frame
//! carries many; those of lone messages wait a little for others, and for something else that travels their way. Receipts wait a little: most often
//! the acknowledgement, which is one too, spares them. Not here: the books about them (`spread`, `acks`).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::limit::PAGE_ITEMS;
use ringtalk_wire::{Ack, Acks, Frame, Interval, ItemId, ItemKind, Items, NodeId};

use super::Node;
use crate::acks::Acked;
use crate::config::{ACK_PACE, ACK_WAIT_LEAST, RECEIPT_DELAY};
use crate::spread::{Child, Part};
use crate::{Event, Time};

/// What is to be confirmed, by the peer that waits for it.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    receipts: BTreeMap<NodeId, Vec<ItemId>>,
    /// When the receipts leave.
    receipts_due: Option<Time>,
    acks: BTreeMap<NodeId, Told>,
    /// When the first of the acknowledgements leave.
    acks_due: Option<Time>,
}

/// What a peer is to be told of as delivered.
#[derive(Debug, Default)]
struct Told {
    acks: Vec<Ack>,
    /// When it is to be told at the latest.
    due: Option<Time>,
    /// When it was told of something last.
    last: Time,
}

impl Told {
    /// When it is told: soon after others, at once where it has not been told of anything for a while.
    fn leaves(&self) -> Option<Time> {
        let paced = self.last + ACK_PACE;
        self.due.map(|due| due.min(paced))
    }

    fn hurry(&mut self, due: Time) {
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }
}

impl Confirmations {
    /// When something is to leave.
    pub(super) fn deadline(&self) -> Option<Time> {
        let dues = self.receipts_due.into_iter().chain(self.acks_due);
        dues.min()
    }

    /// Nothing is owed to this peer any more.
    pub(super) fn forget(&mut self, peer: &NodeId) {
        self.receipts.remove(peer);
        self.acks.remove(peer);
    }
}

impl Node {
    pub(super) fn owe_receipt(&mut self, peer: NodeId, id: ItemId) {
        let Confirmations {
            receipts,
            receipts_due: due,
            ..
        } = &mut self.confirmations;
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
    /// Nobody waits for that of a lone message.
    pub(super) fn owe_ack(&mut self, parent: NodeId, id: ItemId, new: bool, lone: bool) {
        if id.kind == ItemKind::Bundle {
            let wait = if lone { ACK_PACE } else { Duration::ZERO };
            let leaves = self.handled + wait;
            self.acks.came(id, Some(parent), new, leaves);
        }
    }

    /// Something leaves for a peer: what it is to be told travels along.
    pub(super) fn confirm_beside(&mut self, peer: &NodeId) {
        let now = self.handled;
        let Confirmations { acks, acks_due, .. } = &mut self.confirmations;
        if let Some(told) = acks.get_mut(peer)
            && !told.acks.is_empty()
        {
            told.hurry(now);
            *acks_due = Some(now);
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
        if self.confirmations.acks_due.is_some_and(|due| due <= now) {
            self.send_acks(now);
        }
        let due = self.confirmations.receipts_due;
        if due.is_some_and(|due| due <= now) {
            self.send_receipts();
        } else if self.confirmations.receipts.is_empty() {
            self.confirmations.receipts_due = None;
        }
    }

    /// Sends the acknowledgements whose time has come, each in place of its receipt.
    fn send_acks(&mut self, now: Time) {
        let Confirmations {
            receipts,
            acks,
            acks_due,
            ..
        } = &mut self.confirmations;
        *acks_due = None;
        for (peer, told) in acks {
            let Some(leaves) = told.leaves() else {
                continue;
            };
            if leaves > now {
                *acks_due = [*acks_due, Some(leaves)].into_iter().flatten().min();
                continue;
            }
            told.due = None;
            told.last = now;
            let acks = core::mem::take(&mut told.acks);
            if let Some(items) = receipts.get_mut(peer) {
                items.retain(|id| !acks.iter().any(|ack| ack.item == *id));
                if items.is_empty() {
                    receipts.remove(peer);
                }
            }
            for page in acks.chunks(PAGE_ITEMS) {
                let acks = page.to_vec();
                let ack = Frame::Ack(Acks { acks });
                self.links.send(now, peer, &ack, &mut self.out);
            }
        }
    }

    /// Sends all that is owed: this node may not be there later.
    pub(super) fn confirm_everything(&mut self) {
        for told in self.confirmations.acks.values_mut() {
            told.due = told.due.map(|_| self.handled);
        }
        self.send_acks(self.handled);
        self.send_receipts();
    }

    /// Sends the receipts that are owed.
    fn send_receipts(&mut self) {
        let now = self.handled;
        self.confirmations.receipts_due = None;
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
        let now = self.handled;
        for Acked {
            item,
            parents,
            members,
            leaves,
        } in acked
        {
            if parents.is_empty() && item.origin == self.config.id {
                self.reached(item.number, members);
            }
            let told = core::iter::once(members).chain(core::iter::repeat(0));
            for (parent, members) in parents.into_iter().zip(told) {
                let Confirmations { acks, acks_due, .. } = &mut self.confirmations;
                let told = acks.entry(parent).or_default();
                told.acks.push(Ack { item, members });
                let full = told.acks.len() >= PAGE_ITEMS;
                let at_once = full || self.leaving.is_some();
                told.hurry(if at_once { now } else { leaves });
                let leaves = told.leaves();
                *acks_due = [*acks_due, leaves].into_iter().flatten().min();
            }
        }
    }
}

//! Confirmation: receipts for items that arrived, and acknowledgements of delivered bundles.
//!
//! `PROTOCOL.md` §4.1 and §4.6. Acknowledgements leave after the pending inputs, so that one frame carries many.
//! Those of lone messages wait a little for others, and for another frame to the same peer. Receipts wait a little
//! too: usually an acknowledgement makes them redundant. Not here: the bookkeeping of both (`spread`, `acks`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::limit::PAGE_ITEMS;
use ringtalk_wire::{Ack, Acks, Frame, Interval, ItemId, ItemKind, Items, NodeId};

use super::Relay;
use crate::config::{ACK_PACE, ACK_WAIT_LEAST, RECEIPT_DELAY};
use crate::context::Context;
use crate::machines::acks::BundleAck;
use crate::machines::spread::{Child, RingPart};
use crate::{ErrorKind, Time};

/// Pending receipts and acknowledgements, by the peer that waits for them.
#[derive(Debug, Default)]
pub(crate) struct Confirmations {
    owed: BTreeMap<NodeId, PeerConfirmations>,
    /// When the first of them leaves.
    due: Option<Time>,
}

/// Receipts and acknowledgements that this node owes one peer.
#[derive(Debug, Default)]
struct PeerConfirmations {
    /// Receipts of items, and when each leaves; the oldest first.
    receipts: Vec<(Time, ItemId)>,
    /// Acknowledgements of delivered bundles.
    acks: Vec<Ack>,
    /// When the acknowledgements leave at the latest.
    acks_due: Option<Time>,
    /// When everything leaves, if it is urgent.
    all_due: Option<Time>,
    /// When the peer last got acknowledgements.
    last: Time,
}

impl PeerConfirmations {
    /// Returns when the acknowledgements leave: soon after others, or at once if there were none for a while.
    fn next_acks(&self) -> Option<Time> {
        let paced = self.last + ACK_PACE;
        let due = self.acks_due?.min(paced);
        Some(self.all_due.map_or(due, |all| all.min(due)))
    }

    /// Returns when the first receipt leaves.
    fn next_receipt(&self) -> Option<Time> {
        let &(due, _) = self.receipts.first()?;
        Some(self.all_due.map_or(due, |all| all.min(due)))
    }

    /// Returns when the first receipt or acknowledgement leaves.
    fn next_due(&self) -> Option<Time> {
        let receipts = self.next_receipt().into_iter();
        receipts.chain(self.next_acks()).min()
    }

    /// Makes everything leave by then, including what is added until then.
    fn make_due(&mut self, due: Time) {
        self.all_due = Some(self.all_due.map_or(due, |before| before.min(due)));
    }

    /// Takes out the acknowledgements that are due; each stands for a receipt too.
    fn take_acks(&mut self, now: Time) -> Vec<Ack> {
        if self.next_acks().is_none_or(|due| due > now) {
            return Vec::new();
        }
        (self.acks_due, self.last) = (None, now);
        let acks = core::mem::take(&mut self.acks);
        if !self.receipts.is_empty() {
            let reported: BTreeSet<ItemId> = acks.iter().map(|ack| ack.item).collect();
            self.receipts.retain(|(_, id)| !reported.contains(id));
        }
        acks
    }

    /// Takes out the due receipts that no acknowledgement has made redundant.
    fn take_receipts(&mut self, now: Time) -> Vec<ItemId> {
        let all = self.all_due.take_if(|all| *all <= now).is_some();
        debug_assert!(self.receipts.is_sorted_by_key(|(due, _)| *due));
        let due = self.receipts.partition_point(|&(due, _)| all || due <= now);
        self.receipts.drain(..due).map(|(_, id)| id).collect()
    }

    /// Returns true if nothing is owed, and the peer got no acknowledgement a moment ago.
    fn is_idle(&self, now: Time) -> bool {
        self.receipts.is_empty() && self.acks.is_empty() && self.last + ACK_PACE <= now
    }
}

impl Confirmations {
    /// Returns when something has to leave.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        self.due
    }

    /// Forgets what is owed to a peer.
    pub(crate) fn forget(&mut self, peer: &NodeId) {
        self.owed.remove(peer);
    }

    /// Notes that this node follows another view than when the acknowledgements were owed.
    pub(super) fn note_view(&mut self) {
        let acks = self.owed.values_mut().flat_map(|owed| &mut owed.acks);
        acks.for_each(|ack| ack.mixed = true);
    }

    /// Changes what is owed to a peer.
    fn change(&mut self, peer: NodeId, change: impl FnOnce(&mut PeerConfirmations)) {
        let owed = self.owed.entry(peer).or_default();
        change(owed);
        self.due = [self.due, owed.next_due()].into_iter().flatten().min();
    }
}

impl Relay {
    pub(crate) fn owe_receipt(&mut self, context: &Context, peer: NodeId, id: ItemId) {
        let (now, leaving) = (context.now, context.is_leaving());
        self.confirmations.change(peer, |owed| {
            owed.receipts.push((now + RECEIPT_DELAY, id));
            // A full frame does not wait, and a leaving node may be gone later.
            if leaving || owed.receipts.len() >= PAGE_ITEMS {
                owed.make_due(now);
            }
        });
    }

    /// Records that a parent waits for the acknowledgement of a bundle. This node counts itself only if the bundle is
    /// new to it, so that no member is counted twice, however the bundle arrives. Nobody waits for the
    /// acknowledgement of a lone message.
    pub(crate) fn owe_ack(
        &mut self,
        context: &Context,
        parent: NodeId,
        id: ItemId,
        new: bool,
        lone: bool,
    ) {
        if id.kind != ItemKind::Bundle {
            return;
        }
        let wait = if lone { ACK_PACE } else { Duration::ZERO };
        let leaves = context.now + wait;
        if id.origin == context.config.id {
            // An author counts the members behind it itself.
            self.acks.note_received(id, None, false, leaves);
            let ack = Ack {
                item: id,
                members: 0,
                behind: false,
                mixed: false,
            };
            self.owe_ack_to_parent(context, parent, ack, leaves);
        } else {
            self.acks.note_received(id, Some(parent), new, leaves);
        }
    }

    /// Releases the acknowledgements for a peer, because another frame leaves for it.
    pub(crate) fn release_acks(&mut self, context: &Context, peer: &NodeId) {
        let now = context.now;
        let waits = |owed: &PeerConfirmations| owed.acks_due.is_some_and(|due| due > now);
        if self.confirmations.owed.get(peer).is_some_and(waits) {
            self.confirmations
                .change(*peer, |owed| owed.acks_due = Some(now));
        }
    }

    /// Waits for the acknowledgement of a child that has taken a bundle over: the more members it passes through, the
    /// longer.
    pub(crate) fn expect_ack(
        &mut self,
        context: &Context,
        child: Child,
        id: ItemId,
        interval: Interval,
    ) {
        let now = context.now;
        let beyond = RingPart {
            after: child.key,
            interval,
        };
        let portion = beyond.distance(interval.limit) >> (u128::BITS - 1 - 20);
        let portion = Duration::from_micros((portion as u64).min(1 << 20));
        let wait = ACK_WAIT_LEAST + portion + child.allowance;
        self.acks.expect_ack_from(now, id, child.id, wait);
    }

    pub(crate) fn take_receipt(&mut self, context: &Context, peer: NodeId, items: &[ItemId]) {
        let now = context.now;
        for &id in items {
            for _ in 0..self.spreading.take_receipt(now, peer, id) {
                self.settle_child(context, id, true);
            }
        }
    }

    pub(crate) fn take_acks(&mut self, context: &mut Context, peer: NodeId, acks: &Acks) {
        let now = context.now;
        let is_other_view = acks.view != context.short_view();
        let items: Vec<ItemId> = acks.acks.iter().map(|ack| ack.item).collect();
        for ack in &acks.acks {
            let mixed = ack.mixed || is_other_view;
            let acked = self.acks.take_ack(now, &peer, Ack { mixed, ..*ack });
            self.report_up(context, acked);
        }
        self.take_receipt(context, peer, &items);
    }

    /// Records that this node has delivered a bundle.
    pub(crate) fn note_delivered(&mut self, context: &mut Context, id: ItemId) {
        let acked = self.acks.note_delivered(id);
        self.report_up(context, acked);
    }

    /// Stops waiting for a child to acknowledge a bundle.
    pub(crate) fn stop_waiting_for(&mut self, context: &mut Context, child: &NodeId, id: ItemId) {
        let acked = self.acks.stop_waiting_for(child, id);
        self.report_up(context, acked);
    }

    /// Stops waiting for a child that is gone.
    pub(crate) fn stop_waiting_for_child(&mut self, context: &mut Context, child: &NodeId) {
        let acked = self.acks.forget(child);
        self.report_up(context, acked);
    }

    pub(crate) fn expire_acks(&mut self, context: &mut Context) {
        let now = context.now;
        let (slow, acked) = self.acks.expire(now);
        self.report_up(context, acked);
        for child in slow {
            let who = context.describe(&child);
            let message = format!(
                "{who}, or a member behind it, accepts messages too slowly: the others no longer wait for it"
            );
            context.error(ErrorKind::SlowMember, message);
        }
    }

    /// Sends what is due. Returns true if anything was.
    pub(crate) fn send_confirmations(&mut self, context: &mut Context) -> bool {
        let now = context.now;
        let Confirmations { owed, due, .. } = &mut self.confirmations;
        if due.is_none_or(|due| due > now) {
            return false;
        }
        for (peer, owed) in owed.iter_mut() {
            let acks = owed.take_acks(now);
            for page in acks.chunks(PAGE_ITEMS) {
                let view = context.short_view();
                let acks = page.to_vec();
                let ack = Frame::Ack(Acks { view, acks });
                context.send(peer, &ack);
            }
            let receipts = owed.take_receipts(now);
            for page in receipts.chunks(PAGE_ITEMS) {
                let items = page.to_vec();
                let receipt = Frame::Receipt(Items { items });
                context.send(peer, &receipt);
            }
        }
        owed.retain(|_, owed| !owed.is_idle(now));
        *due = owed.values().filter_map(PeerConfirmations::next_due).min();
        true
    }

    /// Sends everything that is owed: this node may be gone later.
    pub(crate) fn confirm_all(&mut self, context: &mut Context) {
        let now = context.now;
        for owed in self.confirmations.owed.values_mut() {
            owed.make_due(now);
        }
        self.confirmations.due = Some(now);
        self.send_confirmations(context);
    }

    /// Reports that all members below have delivered bundles: to the parents, or to the outbox.
    fn report_up(&mut self, context: &mut Context, acked: impl IntoIterator<Item = BundleAck>) {
        for BundleAck {
            item,
            parents,
            members,
            behind,
            mixed,
            leaves,
        } in acked
        {
            let ack = Ack {
                item,
                members,
                behind: behind || context.reader_lag.is_behind(),
                mixed,
            };
            if parents.is_empty() && item.origin == context.config.id {
                self.note_acked(context, &ack);
            }
            let reported = core::iter::once(members).chain(core::iter::repeat(0));
            for (parent, members) in parents.into_iter().zip(reported) {
                self.owe_ack_to_parent(context, parent, Ack { members, ..ack }, leaves);
            }
        }
    }

    /// Adds an acknowledgement for a parent.
    fn owe_ack_to_parent(&mut self, context: &Context, parent: NodeId, ack: Ack, leaves: Time) {
        let (now, leaving) = (context.now, context.is_leaving());
        self.confirmations.change(parent, |owed| {
            owed.acks.push(ack);
            let due = owed.acks_due.map_or(leaves, |due| due.min(leaves));
            owed.acks_due = Some(due);
            if leaving || owed.acks.len() >= PAGE_ITEMS {
                owed.make_due(now);
            }
        });
    }

    /// Records that one part of an item is settled; the outbox counts the parts of this node's own items.
    pub(crate) fn settle_child(&mut self, context: &Context, id: ItemId, taken: bool) {
        if id.kind == ItemKind::Bundle && id.origin == context.config.id {
            self.outbox.settle_child(id.number, taken);
        }
    }

    /// Makes a child owe the receipt of an item, and the acknowledgement of a bundle.
    pub(crate) fn note_sent(
        &mut self,
        context: &Context,
        child: Child,
        id: ItemId,
        interval: Interval,
    ) {
        let now = context.now;
        self.spreading.note_sent(now, child, id, interval);
        if id.kind == ItemKind::Bundle {
            self.expect_ack(context, child, id, interval);
        }
    }
}

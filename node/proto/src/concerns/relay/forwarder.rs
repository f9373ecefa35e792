//! Forwarding: how an item continues from here, and who takes over a part of the ring.
//!
//! `PROTOCOL.md` §4.1. Not here: the choice of children (`children`), receipts and acknowledgements (`confirmation`).

use alloc::vec::Vec;

use ringtalk_wire::limit::PAGE_ITEMS;
use ringtalk_wire::{Frame, Interval, Item, ItemId, ItemKind, NodeId, Offer, Spread};

use super::Relay;
use super::abbreviation::brief;
use super::children::halves;
use crate::concerns::discussion::Discussion;
use crate::concerns::ring::Ring;
use crate::context::Context;
use crate::machines::spread::{Child, Extension, Orphan, RingPart};

/// How many bundles of a dead child are handed on whole: its replacement most likely has none of them. If there
/// are more, only their ids are handed on, so that a slow link does not carry twice what others have sent.
const HANDED_WHOLE: usize = 8;

/// The relay with what it needs to pass items on: the ring, and the bundles of the discussion.
pub(crate) struct Forwarder<'a> {
    pub(crate) relay: &'a mut Relay,
    pub(crate) context: &'a mut Context,
    pub(crate) ring: &'a Ring,
    pub(crate) discussion: &'a Discussion,
}

impl Forwarder<'_> {
    /// Sends this node's own item both ways round the ring; returns how many children got it.
    pub(crate) fn spread(&mut self, id: ItemId, item: &Item) -> usize {
        if let Item::Announcement(sealed) = item {
            self.relay.announcements.keep(id, sealed.clone());
        }
        let mut children = 0;
        for interval in halves(self.context) {
            if let Some(me) = self.context.own_key() {
                self.relay.spreading.take(id, &interval, me);
            }
            children += self.pass_on(id, item, interval);
        }
        children
    }

    /// Sends the offered items that a child lacked.
    pub(crate) fn take_want(&mut self, peer: NodeId, items: &[ItemId]) {
        for &id in items {
            let Some(item) = self.relay.item(self.discussion, id) else {
                continue;
            };
            for interval in self.relay.spreading.owed_by(&peer, id) {
                self.relay
                    .send_item(self.context, &peer, (id, &item), interval);
            }
        }
    }

    /// Takes an interval over, and passes the item on if the interval reaches farther than before.
    ///
    /// What took long to come is only offered: its parent has most likely given up waiting for this node, and given the
    /// interval to another one. Where the line is slow in both directions, this node's own heartbeats would wait behind
    /// what everybody has.
    pub(crate) fn take_over_interval(
        &mut self,
        (id, item): (ItemId, &Item),
        interval: &Interval,
        took_long: bool,
    ) {
        match self.relay.take_interval(self.context, id, interval) {
            Extension::Nothing => {}
            Extension::Everything if took_long => {
                if let Some(after) = self.context.own_key() {
                    let interval = *interval;
                    self.hand_on(&[id], RingPart { after, interval }, false);
                }
            }
            Extension::Everything => {
                self.pass_on(id, item, *interval);
            }
            Extension::Beyond(after) => {
                let interval = *interval;
                self.hand_on(&[id], RingPart { after, interval }, false);
            }
        }
    }

    /// Gives an item to the children in an interval; returns how many there are.
    fn pass_on(&mut self, id: ItemId, item: &Item, interval: Interval) -> usize {
        let Some(after) = self.context.own_key() else {
            return 0;
        };
        let part = RingPart { after, interval };
        let children = self.relay.children(self.context, self.ring, interval);
        debug_assert!(
            children.iter().all(|(child, _)| part.contains(child.key)),
            "members beyond get it from another one"
        );
        if children.is_empty() {
            // Neither views nor messages wait for links that are still being made.
            let replacement = self.relay.replacement(self.context, self.ring, &part);
            if let Some(replacement) = replacement {
                self.relay
                    .note_sent(self.context, replacement, id, interval);
                send_whole(self.context, &replacement.id, item.clone(), interval);
            }
            self.send_to_bypassed((id, item), &part, replacement);
            return usize::from(replacement.is_some());
        }
        let nearest = children.first().map(|&(child, _)| child);
        self.send_to_bypassed((id, item), &part, nearest);
        let short = brief(self.context, self.discussion, item, interval);
        for &(child, interval) in &children {
            self.relay.note_sent(self.context, child, id, interval);
            match &short {
                Some(brief) => self
                    .relay
                    .send_brief(self.context, &child.id, id, brief, interval),
                None => self
                    .relay
                    .send_item(self.context, &child.id, (id, item), interval),
            }
        }
        children.len()
    }

    /// Hands a part of the ring on to its first member. Announcements go whole. Of bundles, which that member
    /// probably has, only the ids go, unless `whole` is true. Returns false if the part has no member left.
    pub(crate) fn hand_on(&mut self, items: &[ItemId], part: RingPart, whole: bool) -> bool {
        let (unlinked, replacement) = if whole {
            self.relay
                .linked_replacement(self.context, self.ring, &part)
        } else {
            (
                Vec::new(),
                self.relay.replacement(self.context, self.ring, &part),
            )
        };
        for &id in items {
            if let Some(item) = self.relay.item(self.discussion, id) {
                for (child, interval) in &unlinked {
                    send_whole(self.context, &child.id, item.clone(), *interval);
                }
                self.send_to_bypassed((id, &item), &part, replacement);
            }
        }
        let Some(replacement) = replacement else {
            return false;
        };
        debug_assert!(
            part.contains(replacement.key),
            "a replacement is in its part"
        );
        let interval = part.interval;
        let mut offered = Vec::new();
        for &id in items {
            match self.relay.item(self.discussion, id) {
                Some(item) if whole || matches!(item, Item::Announcement(_)) => {
                    self.relay
                        .note_sent(self.context, replacement, id, interval);
                    send_whole(self.context, &replacement.id, item, interval);
                }
                Some(_) => {
                    self.relay
                        .note_sent(self.context, replacement, id, interval);
                    offered.push(id);
                }
                None => self.relay.settle_child(self.context, id, false),
            }
        }
        for page in offered.chunks(PAGE_ITEMS) {
            let items = page.to_vec();
            let offer = Frame::Offer(Offer { interval, items });
            self.context.send_to_member(&replacement.id, &offer);
        }
        true
    }

    /// Gives an item to members that it bypasses, because they relay nothing: no other member gives it to them. A
    /// member that is merely busy still owes an acknowledgement.
    fn send_to_bypassed(
        &mut self,
        (id, item): (ItemId, &Item),
        part: &RingPart,
        nearest: Option<Child>,
    ) {
        let now = self.context.now;
        for (child, interval) in self.relay.bypassed(self.context, self.ring, part, nearest) {
            if id.kind == ItemKind::Bundle && self.context.links.has_received_lately(now, &child.id)
            {
                self.relay.expect_ack(self.context, child, id, interval);
            }
            self.relay
                .send_item(self.context, &child.id, (id, item), interval);
        }
    }

    pub(crate) fn reassign(&mut self, orphans: Vec<Orphan>) {
        let now = self.context.now;
        let mut parts: Vec<((RingPart, bool), Vec<ItemId>)> = Vec::new();
        for orphan in &orphans {
            let gone = !self.context.links.has_received_lately(now, &orphan.child);
            let part = (orphan.part, gone);
            match parts.iter_mut().find(|(known, _)| *known == part) {
                Some((_, items)) => items.push(orphan.item),
                None => parts.push((part, Vec::from([orphan.item]))),
            }
        }
        for ((part, gone), items) in parts {
            let whole = gone && items.len() <= HANDED_WHOLE;
            if !self.hand_on(&items, part, whole) {
                for id in items {
                    self.relay.settle_child(self.context, id, false);
                }
            }
        }
        // A stopped child delivers nothing. A busy one will, and the author adapts to its pace.
        for Orphan { item, child, .. } in orphans {
            if !self.context.links.has_received_lately(now, &child) {
                self.relay.stop_waiting_for(self.context, &child, item);
            }
        }
    }
}

/// Sends an item to a member that may have to be dialled first.
fn send_whole(context: &mut Context, replacement: &NodeId, item: Item, interval: Interval) {
    let interval = context.as_sent(interval);
    let item = Frame::Spread(Spread { interval, item });
    context.send_to_member(replacement, &item);
}

//! Relaying: how items go round the ring, and what happens when a child stays silent.
//!
//! `PROTOCOL.md` §4.1. Not here: what items say, and the books about receipts (`spread`).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use ringtalk_wire::limit::PAGE_ITEMS;
use ringtalk_wire::{
    Announcement, Direction, Frame, Interval, Item, ItemId, ItemKind, Items, MessageId, NodeId,
    Offer, Sealed, Spread,
};

use super::Node;
use crate::spread::{Orphan, contains};
use crate::{Time, View};

/// How many announcements are kept to be handed over.
const ANNOUNCEMENTS: usize = 256;

/// The last announcements that came by.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    kept: BTreeMap<ItemId, Sealed>,
    order: VecDeque<ItemId>,
}

impl Announcements {
    fn keep(&mut self, id: ItemId, sealed: Sealed) {
        if self.kept.insert(id, sealed).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > ANNOUNCEMENTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.kept.remove(&oldest);
        }
    }
}

impl Node {
    /// Sends one's own item both ways round the ring; gives in how many ways it went.
    pub(super) fn spread(&mut self, now: Time, id: ItemId, item: &Item) -> usize {
        if let Item::Announcement(sealed) = item {
            self.announcements.keep(id, sealed.clone());
        }
        let halves = self.halves();
        let mut ways = 0;
        for interval in halves {
            if let Some(me) = self.own_key() {
                self.spreading.take(id, &interval, me);
            }
            ways += usize::from(self.pass_on(now, id, item, interval));
        }
        ways
    }

    /// True where an own item would reach somebody, or nobody is there to be reached.
    pub(super) fn can_spread(&self) -> bool {
        let alone = self.view.as_ref().is_some_and(|view| view.len() == 1);
        alone || !self.children().is_empty()
    }

    /// True where the links that an own item would take are idle.
    pub(super) fn spreads_at_once(&self) -> bool {
        self.children()
            .iter()
            .all(|child| self.links.is_idle(child))
    }

    pub(super) fn take_spread(&mut self, now: Time, link_peer: NodeId, spread: &Spread) {
        match &spread.item {
            Item::Bundle(sealed) => {
                let Ok(bundle) = sealed.bundle() else {
                    return self.reject(now, link_peer, "a bundle that cannot be read");
                };
                let id = bundle_item(bundle.author, bundle.first);
                self.owe_receipt(link_peer, id);
                let new = !self.causal.has(bundle.last_id());
                if new && !self.verifier.verify(&bundle.author, sealed) {
                    return self.reject(now, link_peer, "a bundle that its author did not sign");
                }
                self.go_on(now, id, &spread.item, &spread.interval);
                if new {
                    self.take_bundle(now, link_peer, sealed.clone(), bundle);
                }
            }
            Item::Announcement(sealed) => {
                let Ok(announcement) = sealed.announcement() else {
                    return self.reject(now, link_peer, "an announcement that cannot be read");
                };
                let id = announcement.item_id();
                self.owe_receipt(link_peer, id);
                if !self.may_announce(&announcement) {
                    return;
                }
                let new = !self.spreading.remembers(id);
                self.announcements.keep(id, sealed.clone());
                self.go_on(now, id, &spread.item, &spread.interval);
                if new {
                    self.take_announcement(now, link_peer, announcement);
                }
            }
        }
    }

    /// Takes intervals over whose items were only named; asks for what is lacking.
    pub(super) fn take_offer(&mut self, now: Time, peer: NodeId, offer: &Offer) {
        let mut wanted = Vec::new();
        for &id in &offer.items {
            if self.item(id).is_some() {
                self.owe_receipt(peer, id);
                if let Some(me) = self.own_key()
                    && self.spreading.take(id, &offer.interval, me)
                {
                    self.hand_on(now, id, offer.interval);
                }
            } else if id.kind == ItemKind::Bundle && self.causal.clock().covers(first_of(id)) {
                self.owe_receipt(peer, id);
            } else {
                wanted.push(id);
            }
        }
        if !wanted.is_empty() {
            let want = Frame::Want(Items { items: wanted });
            self.links.send(now, &peer, &want, &mut self.out);
        }
    }

    /// Sends the items that a child lacked of those offered to it.
    pub(super) fn take_want(&mut self, now: Time, peer: NodeId, items: &[ItemId]) {
        for &id in items {
            let Some(item) = self.item(id) else { continue };
            for interval in self.spreading.owed_by(&peer, id) {
                self.send_item(now, &peer, &item, interval);
            }
        }
    }

    pub(super) fn take_receipt(&mut self, now: Time, peer: NodeId, items: &[ItemId]) {
        for &id in items {
            for _ in 0..self.spreading.receipt(now, peer, id) {
                self.settle(id, true);
            }
        }
        self.seal_what_waits(now);
    }

    pub(super) fn expire_receipts(&mut self, now: Time) {
        let orphans = self.spreading.expire(now);
        self.adopt_orphans(now, orphans);
    }

    /// A child is gone: the next live key gets its intervals.
    pub(super) fn rehome(&mut self, now: Time, child: &NodeId) {
        let orphans = self.spreading.abandon(child);
        self.adopt_orphans(now, orphans);
    }

    pub(super) fn send_receipts(&mut self) {
        let now = self.handled;
        for (peer, items) in core::mem::take(&mut self.receipts) {
            for page in items.chunks(PAGE_ITEMS) {
                let receipt = Frame::Receipt(Items {
                    items: page.to_vec(),
                });
                self.links.send(now, &peer, &receipt, &mut self.out);
            }
        }
    }

    /// Closes the link to a peer that sent what cannot be.
    pub(super) fn reject(&mut self, now: Time, peer: NodeId, reason: &'static str) {
        tracing::warn!(?peer, reason, "closing a link");
        self.links.close(&peer, reason, &mut self.out);
        self.peer_lost(now, &peer);
    }

    /// Whether the ring of this node lets an announcement pass: not one of a lower epoch.
    fn may_announce(&self, announcement: &Announcement) -> bool {
        let epoch = match announcement {
            Announcement::View(update) => update.tag.epoch,
            Announcement::Dissolve(dissolve) => dissolve.tag.epoch,
        };
        self.view
            .as_ref()
            .is_some_and(|view| epoch.number >= view.tag().epoch.number)
    }

    /// Takes an interval over, and passes the item on where that reaches farther than before.
    fn go_on(&mut self, now: Time, id: ItemId, item: &Item, interval: &Interval) {
        let Some(me) = self.own_key() else { return };
        let current = self.view.as_ref().map(|view| view.layout());
        if current == Some(interval.layout) && self.spreading.take(id, interval, me) {
            self.pass_on(now, id, item, *interval);
        }
    }

    /// Gives an item to the next usable member of the interval; true where there is one.
    fn pass_on(&mut self, now: Time, id: ItemId, item: &Item, interval: Interval) -> bool {
        let Some(child) = self.next_child(&interval) else {
            return false;
        };
        self.spreading.sent(now, child, id, interval);
        self.send_item(now, &child, item, interval);
        true
    }

    /// Hands an interval on whose item the next member probably has: announcements go whole, of
    /// bundles only the id.
    fn hand_on(&mut self, now: Time, id: ItemId, interval: Interval) -> bool {
        match self.item(id) {
            Some(item @ Item::Announcement(_)) => self.pass_on(now, id, &item, interval),
            Some(Item::Bundle(_)) => {
                let Some(child) = self.next_child(&interval) else {
                    return false;
                };
                self.spreading.sent(now, child, id, interval);
                let offer = Frame::Offer(Offer {
                    interval,
                    items: Vec::from([id]),
                });
                self.links.send(now, &child, &offer, &mut self.out)
            }
            None => false,
        }
    }

    fn adopt_orphans(&mut self, now: Time, orphans: Vec<Orphan>) {
        for Orphan { item, interval } in orphans {
            if !self.hand_on(now, item, interval) {
                self.settle(item, false);
            }
        }
        self.seal_what_waits(now);
    }

    /// One way of an item is settled; the outbox keeps count of one's own.
    fn settle(&mut self, id: ItemId, taken: bool) {
        if id.kind == ItemKind::Bundle && id.origin == self.config.id {
            self.outbox.settled(id.number, taken);
        }
    }

    fn send_item(&mut self, now: Time, child: &NodeId, item: &Item, interval: Interval) {
        let spread = Frame::Spread(Spread {
            interval,
            item: item.clone(),
        });
        self.links.send(now, child, &spread, &mut self.out);
    }

    fn owe_receipt(&mut self, peer: NodeId, id: ItemId) {
        self.receipts.entry(peer).or_default().push(id);
    }

    /// The item itself, where it is still here.
    fn item(&self, id: ItemId) -> Option<Item> {
        if id.kind == ItemKind::Bundle {
            let first = first_of(id);
            let sealed = self.log.bundle(first).or_else(|| self.causal.held(first))?;
            Some(Item::Bundle(sealed.clone()))
        } else {
            let sealed = self.announcements.kept.get(&id)?;
            Some(Item::Announcement(sealed.clone()))
        }
    }

    /// The two halves of the ring, as an author splits it.
    fn halves(&self) -> Vec<Interval> {
        let Some(view) = &self.view else {
            return Vec::new();
        };
        let me = self.config.id;
        let middle = (view.len() - 1).div_ceil(2);
        let last = view.others(&me, Direction::Clockwise).take(middle).last();
        let Some(limit) = last.map(|member| member.key) else {
            return Vec::new();
        };
        [Direction::Clockwise, Direction::Counterclockwise]
            .map(|direction| Interval {
                direction,
                limit,
                layout: view.layout(),
            })
            .into()
    }

    /// Who would get an own item now.
    fn children(&self) -> Vec<NodeId> {
        let halves = self.halves();
        let children = halves.iter().filter_map(|half| self.next_child(half));
        children.collect()
    }

    /// The next member of the interval that can be sent to.
    fn next_child(&self, interval: &Interval) -> Option<NodeId> {
        let view: &View = self.view.as_ref()?;
        let me = self.own_key()?;
        let mut others = view
            .others(&self.config.id, interval.direction)
            .take_while(|member| contains(me, interval, member.key))
            .map(|member| member.id);
        others.find(|id| self.is_usable(id))
    }

    fn is_usable(&self, id: &NodeId) -> bool {
        self.links.is_up(id)
            && !self.links.is_full(id)
            && !self.spreading.is_silent(id)
            && !self.detector.suspects(id)
    }

    fn own_key(&self) -> Option<ringtalk_wire::RingKey> {
        let me = self.view.as_ref()?.member(&self.config.id)?;
        Some(me.key)
    }
}

/// The id of a bundle on its way round the ring.
pub(super) const fn bundle_item(author: NodeId, first: u64) -> ItemId {
    ItemId {
        kind: ItemKind::Bundle,
        origin: author,
        number: first,
    }
}

const fn first_of(id: ItemId) -> MessageId {
    MessageId {
        author: id.origin,
        seq: id.number,
    }
}

//! Relaying: how items go round the ring, and what happens when a child stays silent.
//!
//! `PROTOCOL.md` §4.1. Not here: what items say, and the books about receipts (`spread`).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use ringtalk_wire::limit::PAGE_ITEMS;
use ringtalk_wire::{
    Announcement, Frame, Interval, Item, ItemId, ItemKind, Items, MessageId, NodeId, Offer,
    RingKey, Sealed, Spread,
};

use super::confirmation::Confirmations;
use super::{Concern, Node};
use crate::acks::Acks;
use crate::outbox::Outbox;
use crate::parking::Parking;
use crate::planted::PlantedBug;
use crate::spread::{Child, Missing, Orphan, Part, Spreading, Taken};

/// So many bundles of a child that is gone are handed on whole: its heir has none of them most likely. Of more only
/// the ids are, lest a link that is slow carries twice what others have brought.
const HANDED_WHOLE: usize = 8;
/// How many announcements are kept to be handed over.
const ANNOUNCEMENTS: usize = 256;

/// The last announcements that came by.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    kept: BTreeMap<ItemId, Sealed>,
    order: VecDeque<ItemId>,
}

impl Announcements {
    pub(super) fn get(&self, id: &ItemId) -> Option<&Sealed> {
        self.kept.get(id)
    }

    pub(super) fn keep(&mut self, id: ItemId, sealed: Sealed) {
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

/// What goes round the ring, and who owes what for it.
#[derive(Debug, Default)]
pub(super) struct Relay {
    pub(super) outbox: Outbox,
    pub(super) spreading: Spreading,
    pub(super) parking: Parking,
    pub(super) acks: Acks,
    pub(super) confirmations: Confirmations,
    pub(super) announcements: Announcements,
}

impl Concern for Relay {
    fn forget(&mut self, peer: &NodeId) {
        self.confirmations.forget(peer);
    }
}

impl Node {
    /// Sends one's own item both ways round the ring; gives how many children got it.
    pub(super) fn spread(&mut self, id: ItemId, item: &Item) -> usize {
        if let Item::Announcement(sealed) = item {
            self.relay.announcements.keep(id, sealed.clone());
        }
        let mut children = 0;
        for interval in self.halves() {
            if let Some(me) = self.context.own_key() {
                self.relay.spreading.take(id, &interval, me);
            }
            children += self.pass_on(id, item, interval);
        }
        children
    }

    /// True where an own item would reach somebody, or nobody is there to be reached.
    pub(super) fn can_spread(&self) -> bool {
        let alone = self
            .context
            .view
            .as_ref()
            .is_some_and(|view| view.len() == 1);
        alone || !self.nearest_children().is_empty()
    }

    /// True where the links to the nearest children of an own item are idle.
    pub(super) fn spreads_at_once(&self) -> bool {
        self.nearest_children()
            .iter()
            .all(|child| self.context.links.is_idle(&child.id))
    }

    pub(super) fn take_spread(&mut self, link_peer: NodeId, spread: &Spread) {
        match &spread.item {
            Item::Bundle(sealed) => self.take_passing(link_peer, spread.interval, sealed),
            Item::Announcement(sealed) => {
                let Ok(announcement) = sealed.announcement() else {
                    return self.reject(link_peer, "an announcement that cannot be read");
                };
                let id = announcement.item_id();
                self.owe_receipt(link_peer, id);
                if !self.may_announce(&announcement) {
                    return;
                }
                let new = !self.relay.spreading.remembers(id);
                let here = self.relay.announcements.get(&id) == Some(sealed);
                let seals = &self.context.seals;
                let holds = || seals.is_genuine(sealed) && seals.tell(&announcement);
                if !here && !holds() {
                    return self.reject(
                        link_peer,
                        "an announcement that its coordinator did not sign",
                    );
                }
                let interval = self.as_understood(spread.interval);
                if self.is_authorised(&announcement) {
                    self.relay.announcements.keep(id, sealed.clone());
                    self.go_on(id, &spread.item, &interval);
                }
                if new {
                    self.take_announcement(link_peer, announcement);
                }
            }
        }
    }

    /// Takes intervals over whose items were only named; asks for what is lacking.
    pub(super) fn take_offer(&mut self, peer: NodeId, offer: &Offer) {
        let (mut wanted, mut here) = (Vec::new(), Vec::new());
        let mut carried: BTreeMap<RingKey, Vec<ItemId>> = BTreeMap::new();
        for &id in &offer.items {
            if self.item(id).is_none() && !self.is_delivered(id) {
                wanted.push(id);
                continue;
            }
            here.push(id);
            self.owe_receipt(peer, id);
            self.owe_ack(peer, id, false, false);
            let after = match self.take_interval(id, &offer.interval) {
                Taken::All => self.context.own_key(),
                Taken::Beyond(key) => Some(key),
                Taken::Nothing => None,
            };
            if let Some(after) = after {
                carried.entry(after).or_default().push(id);
            }
        }
        let interval = offer.interval;
        for (after, items) in carried {
            self.hand_on(&items, Part { after, interval }, false);
        }
        for id in here {
            if self.is_delivered(id) {
                self.note_delivered(id);
            }
        }
        if !wanted.is_empty() {
            let want = Frame::Want(Items { items: wanted });
            self.context.send(&peer, &want);
        }
    }

    /// Sends the items that a child lacked of those offered to it.
    pub(super) fn take_want(&mut self, peer: NodeId, items: &[ItemId]) {
        for &id in items {
            let Some(item) = self.item(id) else { continue };
            for interval in self.relay.spreading.owed_by(&peer, id) {
                self.send_item(&peer, (id, &item), interval);
            }
        }
    }

    pub(super) fn expire_receipts(&mut self) {
        let now = self.context.now;
        let Missing { orphans, doubtful } = self.relay.spreading.expire(now);
        for part in doubtful {
            self.prepare(&part);
        }
        self.adopt_orphans(orphans);
    }

    /// A child is gone: the next live key gets its intervals.
    pub(super) fn rehome(&mut self, child: &NodeId) {
        let orphans = self.relay.spreading.abandon(child);
        self.adopt_orphans(orphans);
        self.gave_up_on(child);
    }

    /// Whether the ring of this node lets an announcement pass: not one of a lower epoch.
    fn may_announce(&self, announcement: &Announcement) -> bool {
        let epoch = announcement.tag().epoch;
        self.context
            .view
            .as_ref()
            .is_some_and(|view| epoch.number >= view.tag().epoch.number)
            || self.context.planted.has(PlantedBug::SkipEpochCheck)
    }

    /// Whether the coordinator of whose view an announcement tells has proved itself.
    fn is_authorised(&self, announcement: &Announcement) -> bool {
        self.context
            .view
            .as_ref()
            .is_some_and(|view| match announcement {
                Announcement::View(update) => {
                    self.context
                        .begins_rightly(view, &update.tag, &update.opening)
                }
                Announcement::Page(page) => {
                    self.context.begins_rightly(view, &page.tag, &page.openings)
                }
            })
    }

    /// Takes an interval over, and passes the item on where that reaches farther than before.
    pub(super) fn go_on(&mut self, id: ItemId, item: &Item, interval: &Interval) {
        match self.take_interval(id, interval) {
            Taken::Nothing => {}
            Taken::All => {
                self.pass_on(id, item, *interval);
            }
            Taken::Beyond(after) => {
                let interval = *interval;
                self.hand_on(&[id], Part { after, interval }, false);
            }
        }
    }

    fn take_interval(&mut self, id: ItemId, interval: &Interval) -> Taken {
        let current = self.context.layout() == Some(interval.layout);
        match self.context.own_key().filter(|_| current) {
            Some(me) => self.relay.spreading.take(id, interval, me),
            None => Taken::Nothing,
        }
    }

    /// Gives an item to the children in an interval; gives how many there are.
    fn pass_on(&mut self, id: ItemId, item: &Item, interval: Interval) -> usize {
        let Some(after) = self.context.own_key() else {
            return 0;
        };
        let part = Part { after, interval };
        let children = self.children(interval);
        if children.is_empty() {
            // Neither views nor words wait for links that are being made.
            let heir = self.heir(&part);
            if let Some(heir) = heir {
                self.entrust(heir, id, interval);
                self.send_whole(&heir.id, item.clone(), interval);
            }
            self.give_those_passed_over((id, item), &part, heir);
            return usize::from(heir.is_some());
        }
        let nearest = children.first().map(|&(child, _)| child);
        self.give_those_passed_over((id, item), &part, nearest);
        let brief = self.brief(item, interval);
        for &(child, interval) in &children {
            self.entrust(child, id, interval);
            match &brief {
                Some(brief) => self.send_brief(&child.id, id, brief, interval),
                None => self.send_item(&child.id, (id, item), interval),
            }
        }
        children.len()
    }

    /// Hands a part of the ring on to its first member: announcements go whole, of bundles, which
    /// it probably has, only the ids, unless they are to go `whole`. False where nobody is left in it.
    fn hand_on(&mut self, items: &[ItemId], part: Part, whole: bool) -> bool {
        let (unlinked, heir) = if whole {
            self.linked_heir(&part)
        } else {
            (Vec::new(), self.heir(&part))
        };
        for &id in items {
            if let Some(item) = self.item(id) {
                for (child, interval) in &unlinked {
                    self.send_whole(&child.id, item.clone(), *interval);
                }
                self.give_those_passed_over((id, &item), &part, heir);
            }
        }
        let Some(heir) = heir else {
            return false;
        };
        let interval = part.interval;
        let mut named = Vec::new();
        for &id in items {
            match self.item(id) {
                Some(item) if whole || matches!(item, Item::Announcement(_)) => {
                    self.entrust(heir, id, interval);
                    self.send_whole(&heir.id, item, interval);
                }
                Some(_) => {
                    self.entrust(heir, id, interval);
                    named.push(id);
                }
                None => self.settle(id, false),
            }
        }
        for page in named.chunks(PAGE_ITEMS) {
            let items = page.to_vec();
            let offer = Frame::Offer(Offer { interval, items });
            self.context.send_to_member(&heir.id, &offer);
        }
        true
    }

    /// Those who were silent, and so carry nothing on, get for themselves what passes them by, since nobody else
    /// gives it to them. Who is only busy is waited for.
    fn give_those_passed_over(
        &mut self,
        (id, item): (ItemId, &Item),
        part: &Part,
        nearest: Option<Child>,
    ) {
        let now = self.context.now;
        for (child, interval) in self.passed_over(part, nearest) {
            if id.kind == ItemKind::Bundle && self.context.links.was_heard_lately(now, &child.id) {
                self.await_ack(child, id, interval);
            }
            self.send_item(&child.id, (id, item), interval);
        }
    }

    /// Sends an item to a member that may have to be dialled first.
    fn send_whole(&mut self, heir: &NodeId, item: Item, interval: Interval) {
        let interval = self.as_sent(interval);
        let item = Frame::Spread(Spread { interval, item });
        self.context.send_to_member(heir, &item);
    }

    fn adopt_orphans(&mut self, orphans: Vec<Orphan>) {
        let now = self.context.now;
        if orphans.is_empty() || self.context.planted.has(PlantedBug::NoHandOver) {
            return;
        }
        let mut parts: Vec<((Part, bool), Vec<ItemId>)> = Vec::new();
        for orphan in &orphans {
            let gone = !self.context.links.was_heard_lately(now, &orphan.child);
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
                    self.settle(id, false);
                }
            }
        }
        // Who is stopped delivers nothing; who is busy will, and the author goes by its pace.
        for Orphan { item, child, .. } in orphans {
            if !self.context.links.was_heard_lately(now, &child) {
                self.excuse(&child, item);
            }
        }
        self.seal_what_waits();
    }

    /// One part of an item is settled; the outbox keeps count of one's own.
    pub(super) fn settle(&mut self, id: ItemId, taken: bool) {
        if id.kind == ItemKind::Bundle && id.origin == self.context.config.id {
            self.relay.outbox.settled(id.number, taken);
        }
    }

    /// From now on a child owes the receipt of an item, and the acknowledgement of a bundle.
    fn entrust(&mut self, child: Child, id: ItemId, interval: Interval) {
        let now = self.context.now;
        self.relay.spreading.sent(now, child, id, interval);
        if id.kind == ItemKind::Bundle {
            self.await_ack(child, id, interval);
        }
    }

    fn send_item(&mut self, child: &NodeId, (id, item): (ItemId, &Item), interval: Interval) {
        let spread = Frame::Spread(Spread {
            interval: self.as_sent(interval),
            item: item.clone(),
        });
        self.send_passing(child, id, &spread);
    }

    /// Sends an item on its way, and beside it what waits for that.
    pub(super) fn send_passing(&mut self, child: &NodeId, id: ItemId, frame: &Frame) {
        let now = self.context.now;
        let share = (id.kind == ItemKind::Bundle).then(|| self.share_of(&id.origin));
        self.context
            .links
            .send_for(now, (child, share), frame, &mut self.context.out);
        self.confirm_beside(child);
    }

    /// True where the messages of a bundle have been delivered here.
    fn is_delivered(&self, id: ItemId) -> bool {
        id.kind == ItemKind::Bundle && self.discussion.causal.has_delivered(first_of(id))
    }

    /// The item itself, where it is still here.
    pub(super) fn item(&self, id: ItemId) -> Option<Item> {
        if id.kind == ItemKind::Bundle {
            let first = first_of(id);
            let sealed = self.discussion.bundle(first)?;
            Some(Item::Bundle(sealed.clone()))
        } else {
            let sealed = self.relay.announcements.kept.get(&id)?;
            Some(Item::Announcement(sealed.clone()))
        }
    }
}

const fn first_of(id: ItemId) -> MessageId {
    MessageId {
        author: id.origin,
        seq: id.number,
    }
}

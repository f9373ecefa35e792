//! Relaying: how items go round the ring, and what happens when a child stays silent.
//!
//! `PROTOCOL.md` §4.1. Not here: what arrives (`relaying`), and the books about receipts (`spread`).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use ringtalk_wire::limit::PAGE_ITEMS;
use ringtalk_wire::{
    Frame, Interval, Item, ItemId, ItemKind, MessageId, NodeId, Offer, Sealed, Spread,
};

use super::Concern;
use super::abbreviation::brief;
use super::children::halves;
use super::confirmation::Confirmations;
use super::discussion::Discussion;
use super::ring::Ring;
use crate::acks::Acks;
use crate::config::SHARE_BYTES;
use crate::context::Context;
use crate::outbox::Outbox;
use crate::parking::Parking;
use crate::spread::{Child, Orphan, Part, Spreading, Taken};

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

impl Relay {
    /// Sends one's own item both ways round the ring; gives how many children got it.
    pub(super) fn spread(
        &mut self,
        context: &mut Context,
        ring: &Ring,
        discussion: &Discussion,
        id: ItemId,
        item: &Item,
    ) -> usize {
        if let Item::Announcement(sealed) = item {
            self.announcements.keep(id, sealed.clone());
        }
        let mut children = 0;
        for interval in halves(context) {
            if let Some(me) = context.own_key() {
                self.spreading.take(id, &interval, me);
            }
            children += self.pass_on(context, ring, discussion, id, item, interval);
        }
        children
    }

    /// True where an own item would reach somebody, or nobody is there to be reached.
    pub(super) fn can_spread(&self, context: &Context, ring: &Ring) -> bool {
        let alone = context.view.as_ref().is_some_and(|view| view.len() == 1);
        alone || !self.nearest_children(context, ring).is_empty()
    }

    /// True where the links to the nearest children of an own item are idle.
    pub(super) fn spreads_at_once(&self, context: &Context, ring: &Ring) -> bool {
        self.nearest_children(context, ring)
            .iter()
            .all(|child| context.links.is_idle(&child.id))
    }

    /// Sends the items that a child lacked of those offered to it.
    pub(super) fn take_want(
        &mut self,
        context: &mut Context,
        discussion: &Discussion,
        peer: NodeId,
        items: &[ItemId],
    ) {
        for &id in items {
            let Some(item) = self.item(discussion, id) else {
                continue;
            };
            for interval in self.spreading.owed_by(&peer, id) {
                self.send_item(context, &peer, (id, &item), interval);
            }
        }
    }

    /// Takes an interval over, and passes the item on where that reaches farther than before.
    pub(super) fn go_on(
        &mut self,
        context: &mut Context,
        ring: &Ring,
        discussion: &Discussion,
        id: ItemId,
        item: &Item,
        interval: &Interval,
    ) {
        match self.take_interval(context, id, interval) {
            Taken::Nothing => {}
            Taken::All => {
                self.pass_on(context, ring, discussion, id, item, *interval);
            }
            Taken::Beyond(after) => {
                let interval = *interval;
                self.hand_on(
                    context,
                    ring,
                    discussion,
                    &[id],
                    Part { after, interval },
                    false,
                );
            }
        }
    }

    pub(super) fn take_interval(
        &mut self,
        context: &Context,
        id: ItemId,
        interval: &Interval,
    ) -> Taken {
        let current = context.layout() == Some(interval.layout);
        match context.own_key().filter(|_| current) {
            Some(me) => self.spreading.take(id, interval, me),
            None => Taken::Nothing,
        }
    }

    /// Gives an item to the children in an interval; gives how many there are.
    fn pass_on(
        &mut self,
        context: &mut Context,
        ring: &Ring,
        discussion: &Discussion,
        id: ItemId,
        item: &Item,
        interval: Interval,
    ) -> usize {
        let Some(after) = context.own_key() else {
            return 0;
        };
        let part = Part { after, interval };
        let children = self.children(context, ring, interval);
        if children.is_empty() {
            // Neither views nor words wait for links that are being made.
            let heir = self.heir(context, ring, &part);
            if let Some(heir) = heir {
                self.entrust(context, heir, id, interval);
                send_whole(context, &heir.id, item.clone(), interval);
            }
            self.give_those_passed_over(context, ring, (id, item), &part, heir);
            return usize::from(heir.is_some());
        }
        let nearest = children.first().map(|&(child, _)| child);
        self.give_those_passed_over(context, ring, (id, item), &part, nearest);
        let short = brief(context, discussion, item, interval);
        for &(child, interval) in &children {
            self.entrust(context, child, id, interval);
            match &short {
                Some(brief) => self.send_brief(context, &child.id, id, brief, interval),
                None => self.send_item(context, &child.id, (id, item), interval),
            }
        }
        children.len()
    }

    /// Hands a part of the ring on to its first member: announcements go whole, of bundles, which
    /// it probably has, only the ids, unless they are to go `whole`. False where nobody is left in it.
    pub(super) fn hand_on(
        &mut self,
        context: &mut Context,
        ring: &Ring,
        discussion: &Discussion,
        items: &[ItemId],
        part: Part,
        whole: bool,
    ) -> bool {
        let (unlinked, heir) = if whole {
            self.linked_heir(context, ring, &part)
        } else {
            (Vec::new(), self.heir(context, ring, &part))
        };
        for &id in items {
            if let Some(item) = self.item(discussion, id) {
                for (child, interval) in &unlinked {
                    send_whole(context, &child.id, item.clone(), *interval);
                }
                self.give_those_passed_over(context, ring, (id, &item), &part, heir);
            }
        }
        let Some(heir) = heir else {
            return false;
        };
        let interval = part.interval;
        let mut named = Vec::new();
        for &id in items {
            match self.item(discussion, id) {
                Some(item) if whole || matches!(item, Item::Announcement(_)) => {
                    self.entrust(context, heir, id, interval);
                    send_whole(context, &heir.id, item, interval);
                }
                Some(_) => {
                    self.entrust(context, heir, id, interval);
                    named.push(id);
                }
                None => self.settle(context, id, false),
            }
        }
        for page in named.chunks(PAGE_ITEMS) {
            let items = page.to_vec();
            let offer = Frame::Offer(Offer { interval, items });
            context.send_to_member(&heir.id, &offer);
        }
        true
    }

    /// Those who were silent, and so carry nothing on, get for themselves what passes them by, since nobody else
    /// gives it to them. Who is only busy is waited for.
    fn give_those_passed_over(
        &mut self,
        context: &mut Context,
        ring: &Ring,
        (id, item): (ItemId, &Item),
        part: &Part,
        nearest: Option<Child>,
    ) {
        let now = context.now;
        for (child, interval) in self.passed_over(context, ring, part, nearest) {
            if id.kind == ItemKind::Bundle && context.links.was_heard_lately(now, &child.id) {
                self.await_ack(context, child, id, interval);
            }
            self.send_item(context, &child.id, (id, item), interval);
        }
    }

    pub(super) fn adopt_orphans(
        &mut self,
        context: &mut Context,
        ring: &Ring,
        discussion: &Discussion,
        orphans: Vec<Orphan>,
    ) {
        let now = context.now;
        let mut parts: Vec<((Part, bool), Vec<ItemId>)> = Vec::new();
        for orphan in &orphans {
            let gone = !context.links.was_heard_lately(now, &orphan.child);
            let part = (orphan.part, gone);
            match parts.iter_mut().find(|(known, _)| *known == part) {
                Some((_, items)) => items.push(orphan.item),
                None => parts.push((part, Vec::from([orphan.item]))),
            }
        }
        for ((part, gone), items) in parts {
            let whole = gone && items.len() <= HANDED_WHOLE;
            if !self.hand_on(context, ring, discussion, &items, part, whole) {
                for id in items {
                    self.settle(context, id, false);
                }
            }
        }
        // Who is stopped delivers nothing; who is busy will, and the author goes by its pace.
        for Orphan { item, child, .. } in orphans {
            if !context.links.was_heard_lately(now, &child) {
                self.excuse(context, &child, item);
            }
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
        self.send_passing(context, child, id, &spread);
    }

    /// Sends an item on its way, and beside it what waits for that.
    pub(super) fn send_passing(
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
        self.confirm_beside(context, child);
    }

    /// The item itself, where it is still here.
    pub(super) fn item(&self, discussion: &Discussion, id: ItemId) -> Option<Item> {
        if id.kind == ItemKind::Bundle {
            let first = first_of(id);
            let sealed = discussion.bundle(first)?;
            Some(Item::Bundle(sealed.clone()))
        } else {
            let sealed = self.announcements.kept.get(&id)?;
            Some(Item::Announcement(sealed.clone()))
        }
    }

    /// Returns true if little of what takes this share waits on the links that the ring needs. Links whose peers take
    /// nothing do not count.
    pub(super) fn has_room(&self, context: &Context, ring: &Ring, share: &NodeId) -> bool {
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

/// Sends an item to a member that may have to be dialled first.
fn send_whole(context: &mut Context, heir: &NodeId, item: Item, interval: Interval) {
    let interval = context.as_sent(interval);
    let item = Frame::Spread(Spread { interval, item });
    context.send_to_member(heir, &item);
}

/// True where the messages of a bundle have been delivered here.
pub(super) fn is_delivered(discussion: &Discussion, id: ItemId) -> bool {
    id.kind == ItemKind::Bundle && discussion.causal.has_delivered(first_of(id))
}

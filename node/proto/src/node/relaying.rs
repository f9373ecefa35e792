//! What arrives to be carried on: items, offers of them, and the silence of those who should have carried them.
//!
//! `PROTOCOL.md` §4.1. Not here: to whom they go next (`relay`), and the way of a bundle (`bundles`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use ringtalk_wire::{
    Announcement, Brief, Frame, Item, ItemId, Items, NodeId, Offer, RingKey, Spread,
};

use super::Node;
use super::abbreviation::known_as;
use super::relay::is_delivered;
use crate::context::Context;
use crate::planted::PlantedBug;
use crate::spread::{Missing, Orphan, Part, Taken};

impl Node {
    pub(super) fn take_spread(&mut self, link_peer: NodeId, spread: &Spread) {
        match &spread.item {
            Item::Bundle(sealed) => self.take_passing(link_peer, spread.interval, sealed),
            Item::Announcement(sealed) => {
                let Ok(announcement) = sealed.announcement() else {
                    return self.reject(link_peer, "an announcement that cannot be read");
                };
                let id = announcement.item_id();
                self.relay.owe_receipt(&self.context, link_peer, id);
                if !may_announce(&self.context, &announcement) {
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
                let interval = self.context.as_understood(spread.interval);
                if is_authorised(&self.context, &announcement) {
                    self.relay.announcements.keep(id, sealed.clone());
                    self.relay.go_on(
                        &mut self.context,
                        &self.ring,
                        &self.discussion,
                        id,
                        &spread.item,
                        &interval,
                    );
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
            if self.relay.item(&self.discussion, id).is_none()
                && !is_delivered(&self.discussion, id)
            {
                wanted.push(id);
                continue;
            }
            here.push(id);
            self.relay.owe_receipt(&self.context, peer, id);
            self.relay.owe_ack(&self.context, peer, id, false, false);
            let after = match self.relay.take_interval(&self.context, id, &offer.interval) {
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
            self.relay.hand_on(
                &mut self.context,
                &self.ring,
                &self.discussion,
                &items,
                Part { after, interval },
                false,
            );
        }
        for id in here {
            if is_delivered(&self.discussion, id) {
                self.relay.note_delivered(&mut self.context, id);
            }
        }
        if !wanted.is_empty() {
            let want = Frame::Want(Items { items: wanted });
            self.context.send(&peer, &want);
        }
    }

    pub(super) fn expire_receipts(&mut self) {
        let now = self.context.now;
        let Missing { orphans, doubtful } = self.relay.spreading.expire(now);
        for part in doubtful {
            self.relay.prepare(&mut self.context, &part);
        }
        self.adopt_orphans(orphans);
    }

    /// A child is gone: the next live key gets its intervals.
    pub(super) fn rehome(&mut self, child: &NodeId) {
        let orphans = self.relay.spreading.abandon(child);
        self.adopt_orphans(orphans);
        self.relay.gave_up_on(&mut self.context, child);
    }

    pub(super) fn take_brief(&mut self, parent: NodeId, brief: &Brief) {
        let whole = brief.expand(|short| known_as(&self.context, &self.discussion, short));
        match (whole, brief.item_id()) {
            (Ok(Some(sealed)), _) => self.take_passing(parent, brief.interval, &sealed),
            (Ok(None), Ok(id)) => {
                let (interval, items) = (brief.interval, [id].into());
                self.take_offer(parent, &Offer { interval, items });
            }
            _ => self.reject(parent, "a bundle that cannot be read"),
        }
    }

    fn adopt_orphans(&mut self, orphans: Vec<Orphan>) {
        if orphans.is_empty() || self.context.planted.has(PlantedBug::NoHandOver) {
            return;
        }
        self.relay
            .adopt_orphans(&mut self.context, &self.ring, &self.discussion, orphans);
        self.seal_what_waits();
    }
}

/// Whether the ring of this node lets an announcement pass: not one of a lower epoch.
fn may_announce(context: &Context, announcement: &Announcement) -> bool {
    let epoch = announcement.tag().epoch;
    context
        .view
        .as_ref()
        .is_some_and(|view| epoch.number >= view.tag().epoch.number)
        || context.planted.has(PlantedBug::SkipEpochCheck)
}

/// Whether the coordinator of whose view an announcement tells has proved itself.
fn is_authorised(context: &Context, announcement: &Announcement) -> bool {
    context
        .view
        .as_ref()
        .is_some_and(|view| match announcement {
            Announcement::View(update) => {
                context.begins_rightly(view, &update.tag, &update.opening)
            }
            Announcement::Page(page) => context.begins_rightly(view, &page.tag, &page.openings),
        })
}

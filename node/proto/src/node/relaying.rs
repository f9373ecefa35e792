//! Relaying: items and offers that arrive, and children that stay silent.
//!
//! `PROTOCOL.md` §4.1. Not here: the next recipients (`relay`), the path of a bundle (`bundles`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use ringtalk_wire::{
    Acks, Announcement, Brief, Frame, Item, ItemId, Items, NodeId, Offer, RingKey, Spread,
};

use super::Node;
use crate::concerns::relay::abbreviation::resolve_short_id;
use crate::concerns::relay::forwarder::Forwarder;
use crate::concerns::relay::is_delivered;
use crate::context::Context;
use crate::machines::spread::{Extension, Orphan, OverdueReceipts, RingPart};
use crate::planted::PlantedBug;

impl Node {
    /// Returns the relay with the parts that it needs to pass items on.
    pub(super) const fn forwarder(&mut self) -> Forwarder<'_> {
        Forwarder {
            relay: &mut self.relay,
            context: &mut self.context,
            ring: &self.ring,
            discussion: &self.discussion,
        }
    }

    pub(super) fn take_spread(&mut self, link_peer: NodeId, spread: &Spread) {
        match &spread.item {
            Item::Bundle(sealed) => self.take_relayed(link_peer, spread.interval, sealed),
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
                let seals = &self.context.signatures;
                let holds =
                    || seals.is_genuine(sealed) && seals.is_valid_announcement(&announcement);
                if !here && !holds() {
                    return self.reject(
                        link_peer,
                        "an announcement that its coordinator did not sign",
                    );
                }
                let interval = self.context.as_understood(spread.interval);
                if is_authorised(&self.context, &announcement) {
                    self.relay.announcements.keep(id, sealed.clone());
                    self.forwarder()
                        .take_over_interval((id, &spread.item), &interval, false);
                }
                if new {
                    self.take_announcement(link_peer, announcement);
                }
            }
        }
    }

    /// Takes over the intervals of items that were only named, and requests the missing items.
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
                Extension::Everything => self.context.own_key(),
                Extension::Beyond(key) => Some(key),
                Extension::Nothing => None,
            };
            if let Some(after) = after {
                carried.entry(after).or_default().push(id);
            }
        }
        let interval = offer.interval;
        for (after, items) in carried {
            self.forwarder()
                .hand_on(&items, RingPart { after, interval }, false);
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

    /// Takes receipts: children have items, and relay them.
    pub(super) fn take_receipt(&mut self, child: NodeId, items: &[ItemId]) {
        self.relay.take_receipt(&self.context, child, items);
        self.flush_outbox();
    }

    /// Takes acknowledgements: members have delivered bundles.
    pub(super) fn take_acks(&mut self, child: NodeId, acks: &Acks) {
        self.relay.take_acks(&mut self.context, child, acks);
        self.flush_outbox();
    }

    pub(super) fn expire_receipts(&mut self) {
        let now = self.context.now;
        let OverdueReceipts { orphans, suspected } = self.relay.spreading.expire(now);
        for part in suspected {
            self.relay.dial_replacements(&mut self.context, &part);
        }
        self.reassign(orphans);
    }

    /// Hands the intervals of a child that is gone to the next live member.
    pub(super) fn reassign_parts_of(&mut self, child: &NodeId) {
        let orphans = self.relay.spreading.abandon(child);
        self.reassign(orphans);
        self.relay.stop_waiting_for_child(&mut self.context, child);
    }

    pub(super) fn take_brief(&mut self, parent: NodeId, brief: &Brief) {
        let whole = brief.expand(|short| resolve_short_id(&self.context, &self.discussion, short));
        match (whole, brief.item_id()) {
            (Ok(Some(sealed)), _) => self.take_relayed(parent, brief.interval, &sealed),
            (Ok(None), Ok(id)) => {
                let (interval, items) = (brief.interval, [id].into());
                self.take_offer(parent, &Offer { interval, items });
            }
            _ => self.reject(parent, "a bundle that cannot be read"),
        }
    }

    fn reassign(&mut self, orphans: Vec<Orphan>) {
        if orphans.is_empty() || self.context.planted.has(PlantedBug::NoHandOver) {
            return;
        }
        self.forwarder().reassign(orphans);
        self.flush_outbox();
    }
}

/// Returns true if an announcement may be relayed: its epoch must not be lower than this node's.
fn may_announce(context: &Context, announcement: &Announcement) -> bool {
    let epoch = announcement.tag().epoch;
    context
        .view
        .as_ref()
        .is_some_and(|view| epoch.number >= view.tag().epoch.number)
        || context.planted.has(PlantedBug::SkipEpochCheck)
}

/// Returns true if the epoch of an announced view is proven.
fn is_authorised(context: &Context, announcement: &Announcement) -> bool {
    context
        .view
        .as_ref()
        .is_some_and(|view| match announcement {
            Announcement::View(update) => {
                context.is_epoch_proven(view, &update.tag, &update.opening)
            }
            Announcement::Page(page) => context.is_epoch_proven(view, &page.tag, &page.openings),
        })
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    use ringtalk_wire::{
        Bundle, BundleMessage, Direction, Interval, KEY_BYTES, MessageId, PublicKey, RingKey, Seal,
        SealHash, Sealed, Spread, decode, encode_item,
    };

    use super::*;
    use crate::Time;
    use crate::concerns::relay::abbreviation;
    use crate::node::test_support::node;
    use crate::signing::test_support::SEAL;
    use crate::view::test_support::{even_ring, id};
    use crate::{Event, Input, LinkId, Output};

    /// Returns a node that has delivered message 1 of member 1 and is linked to member 2.
    fn linked() -> Node {
        let mut node = node();
        node.context.view = Some(Arc::new(even_ring(4)));
        node.discussion.start(&ringtalk_wire::VectorClock::new(), 0);
        node.discussion.causal.advance(head(id(1)));
        node.handle(
            Time::default(),
            Input::LinkUp {
                link: LinkId::lobby(1),
                peer: id(2),
                dialled: true,
                host: None,
            },
        );
        drain_events(&mut node);
        node
    }

    const fn head(author: NodeId) -> MessageId {
        MessageId { author, seq: 1 }
    }

    fn short(node: &Node, item: &Item) -> Option<Brief> {
        abbreviation::brief(&node.context, &node.discussion, item, interval())
    }

    fn interval() -> Interval {
        Interval {
            direction: Direction::Clockwise,
            limit: RingKey(5),
            layout: 0,
        }
    }

    /// Returns a message of an author that has delivered message 1 of `author`.
    fn reply_to(author: NodeId) -> Sealed {
        let key = PublicKey([1; KEY_BYTES]);
        let bundle = Bundle {
            author: NodeId::of(&key),
            first: 1,
            previous: SealHash::default(),
            lamport: 2,
            heads: [head(author)].into(),
            messages: [BundleMessage::text(0, "hello")].into(),
        };
        let raw = encode_item(&bundle);
        let seal = Seal { key, ..SEAL };
        Sealed { raw, seal }
    }

    fn brief(sealed: &Sealed, author: NodeId) -> Frame {
        let brief = Brief::of(sealed, interval(), |_| Some(author));
        Frame::Brief(brief.expect("it has a head"))
    }

    /// Returns which items the node wants, and how many messages it has delivered.
    fn drain_events(node: &mut Node) -> (Vec<ItemId>, usize) {
        let (mut wanted, mut delivered) = (Vec::new(), 0);
        while let Some(output) = node.poll_output() {
            match output {
                Output::Send { bytes, .. } => {
                    if let Ok(Frame::Want(want)) = decode(&bytes) {
                        wanted.extend(want.items);
                    }
                }
                Output::Event(Event::Message(_)) => delivered += 1,
                _ => {}
            }
        }
        (wanted, delivered)
    }

    fn give(node: &mut Node, frame: Frame) -> (Vec<ItemId>, usize) {
        let link = LinkId::lobby(1);
        node.handle(Time::default(), Input::Frame { link, frame });
        // The author has not been named; the node waits for that.
        for tenth in 1..=60 {
            node.handle(Time::from_micros(tenth * 100_000), Input::Timer);
        }
        drain_events(node)
    }

    #[test]
    fn a_brief_bundle_is_expanded_if_its_authors_are_known() {
        let mut node = linked();
        let sealed = reply_to(id(1));
        let frame = brief(&sealed, id(1));
        assert_eq!(give(&mut node, frame), (Vec::new(), 1));
        let first = sealed.bundle().unwrap().last_id();
        assert_eq!(
            node.discussion.log.bundle(first),
            Some(&sealed),
            "as it was sealed"
        );
    }

    #[test]
    fn a_node_requests_the_whole_bundle_if_an_author_is_unknown() {
        let stranger = NodeId::of(&PublicKey([9; KEY_BYTES]));
        let mut node = linked();
        let sealed = reply_to(stranger);
        let (wanted, delivered) = give(&mut node, brief(&sealed, stranger));
        assert_eq!((wanted.len(), delivered), (1, 0));
        assert_eq!(wanted[0].origin, sealed.seal.signer());
        let (interval, item) = (interval(), Item::Bundle(sealed));
        let whole = Frame::Spread(Spread { interval, item });
        let link = LinkId::lobby(1);
        node.handle(Time::default(), Input::Frame { link, frame: whole });
        assert_eq!(
            drain_events(&mut node).1,
            0,
            "somebody may name the stranger"
        );
        node.discussion.causal.admit(wanted[0].origin);
        node.discussion.causal.admit(stranger);
        assert_eq!(
            drain_events(&mut node).1,
            0,
            "what it depends on has not come"
        );
        node.discussion.causal.advance(head(stranger));
        node.handle(Time::default(), Input::Timer);
        assert_eq!(drain_events(&mut node).1, 1);
    }

    #[test]
    fn an_ambiguous_short_id_is_neither_sent_nor_resolved() {
        let mut bytes = *id(1).as_bytes();
        bytes[15] ^= 1;
        let twin = NodeId::from_bytes(bytes);
        let mut node = linked();
        let sealed = reply_to(id(1));
        let item = Item::Bundle(sealed.clone());
        assert!(short(&node, &item).is_some());
        node.discussion.causal.advance(head(twin));
        assert!(short(&node, &item).is_none());
        let (wanted, delivered) = give(&mut node, brief(&sealed, id(1)));
        assert_eq!((wanted.len(), delivered), (1, 0));
    }
}

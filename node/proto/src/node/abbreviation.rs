//! Abbreviation: bundles whose heads are named shortly, on the links between those who know their authors.
//!
//! `PROTOCOL.md` §4.1. Who cannot tell whom a brief bundle names takes it as an offer, and wants it whole. Not here:
//! what a brief bundle looks like (`ringtalk_wire::Brief`), and its way round the ring (`relay`).

use ringtalk_wire::{Brief, Frame, Interval, Item, ItemId, NodeId, ShortId};

use super::discussion::Discussion;
use super::relay::Relay;
use crate::context::Context;

impl Relay {
    pub(super) fn send_brief(
        &mut self,
        context: &mut Context,
        child: &NodeId,
        id: ItemId,
        brief: &Brief,
        interval: Interval,
    ) {
        let interval = context.as_sent(interval);
        let brief = Frame::Brief(Brief {
            interval,
            ..brief.clone()
        });
        self.send_passing(context, child, id, &brief);
    }
}

/// The only member or author whose id begins so, of all that are known.
pub(super) fn known_as(
    context: &Context,
    discussion: &Discussion,
    short: ShortId,
) -> Option<NodeId> {
    let members = context
        .view
        .iter()
        .flat_map(|view| view.beginning_with(short));
    let mut known = members.chain(discussion.clock().beginning_with(short));
    let one = known.next()?;
    known.all(|other| other == one).then_some(*one)
}

/// An item as it goes to those who carry it on, where it is a bundle that can be abbreviated.
pub(super) fn brief(
    context: &Context,
    discussion: &Discussion,
    item: &Item,
    interval: Interval,
) -> Option<Brief> {
    let Item::Bundle(sealed) = item else {
        return None;
    };
    Brief::of(sealed, interval, |short| {
        known_as(context, discussion, short)
    })
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    use ringtalk_wire::{
        Bundle, Direction, KEY_BYTES, MessageId, PublicKey, RingKey, Seal, SealHash, Sealed,
        Spread, Text, decode, encode_item,
    };

    use super::*;
    use crate::node::test_support::node;
    use crate::signing::test_support::SEAL;
    use crate::view::test_support::{even_ring, id};
    use crate::{Event, Input, LinkId, Output};
    use crate::{Node, Time};

    /// A node that has delivered message 1 of member 1, and is linked to member 2.
    fn linked() -> Node {
        let mut node = node();
        node.context.view = Some(Arc::new(even_ring(4)));
        node.discussion.start(&ringtalk_wire::VectorClock::new(), 0);
        node.discussion.causal.pass(head(id(1)));
        node.handle(
            Time::default(),
            Input::LinkUp {
                link: LinkId(1),
                peer: id(2),
                dialled: true,
                host: None,
            },
        );
        told(&mut node);
        node
    }

    const fn head(author: NodeId) -> MessageId {
        MessageId { author, seq: 1 }
    }

    fn interval() -> Interval {
        Interval {
            direction: Direction::Clockwise,
            limit: RingKey(5),
            layout: 0,
        }
    }

    /// A message of somebody who has delivered that of an author.
    fn reply_to(author: NodeId) -> Sealed {
        let key = PublicKey([1; KEY_BYTES]);
        let bundle = Bundle {
            author: NodeId::of(&key),
            first: 1,
            previous: SealHash::default(),
            lamport: 2,
            heads: [head(author)].into(),
            messages: [Text {
                timestamp_ms: 0,
                text: "hello".into(),
            }]
            .into(),
        };
        let raw = encode_item(&bundle);
        let seal = Seal { key, ..SEAL };
        Sealed { raw, seal }
    }

    fn brief(sealed: &Sealed, author: NodeId) -> Frame {
        let brief = Brief::of(sealed, interval(), |_| Some(author));
        Frame::Brief(brief.expect("it has a head"))
    }

    /// What the node wants, and how many messages it has delivered.
    fn told(node: &mut Node) -> (Vec<ItemId>, usize) {
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
        let link = LinkId(1);
        node.handle(Time::default(), Input::Frame { link, frame });
        // Nobody has told of the author's admission: that is waited for.
        for tenth in 1..=60 {
            node.handle(Time::from_micros(tenth * 100_000), Input::Timer);
        }
        told(node)
    }

    #[test]
    fn a_brief_bundle_is_taken_where_its_authors_are_known() {
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
    fn who_does_not_know_an_author_wants_the_bundle_whole() {
        let stranger = NodeId::of(&PublicKey([9; KEY_BYTES]));
        let mut node = linked();
        let sealed = reply_to(stranger);
        let (wanted, delivered) = give(&mut node, brief(&sealed, stranger));
        assert_eq!((wanted.len(), delivered), (1, 0));
        assert_eq!(wanted[0].origin, sealed.seal.signer());
        let (interval, item) = (interval(), Item::Bundle(sealed));
        let whole = Frame::Spread(Spread { interval, item });
        let link = LinkId(1);
        node.handle(Time::default(), Input::Frame { link, frame: whole });
        assert_eq!(told(&mut node).1, 0, "somebody may name the stranger");
        node.discussion.causal.admit(wanted[0].origin);
        node.discussion.causal.admit(stranger);
        assert_eq!(told(&mut node).1, 0, "what it depends on has not come");
        node.discussion.causal.pass(head(stranger));
        node.handle(Time::default(), Input::Timer);
        assert_eq!(told(&mut node).1, 1);
    }

    #[test]
    fn two_authors_of_one_short_id_are_named_in_full_or_asked_for() {
        let mut bytes = *id(1).as_bytes();
        bytes[15] ^= 1;
        let twin = NodeId::from_bytes(bytes);
        let mut node = linked();
        let sealed = reply_to(id(1));
        let item = Item::Bundle(sealed.clone());
        assert!(super::brief(&node.context, &node.discussion, &item, interval()).is_some());
        node.discussion.causal.pass(head(twin));
        assert!(super::brief(&node.context, &node.discussion, &item, interval()).is_none());
        let (wanted, delivered) = give(&mut node, brief(&sealed, id(1)));
        assert_eq!((wanted.len(), delivered), (1, 0));
    }
}

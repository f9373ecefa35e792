//! Abbreviation: bundles whose heads are named shortly, on the links between those who know their authors.
//!
//! `PROTOCOL.md` §4.1. Who cannot tell whom a brief bundle names takes it as an offer, and wants it whole. Not here:
//! what a brief bundle looks like (`ringtalk_wire::Brief`), and its way round the ring (`relay`).

use ringtalk_wire::{Brief, Frame, Interval, Item, ItemId, NodeId, ShortId};

use super::Relay;
use crate::concerns::discussion::Discussion;
use crate::context::Context;

impl Relay {
    pub(crate) fn send_brief(
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
pub(crate) fn known_as(
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
pub(crate) fn brief(
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

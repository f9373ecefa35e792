//! Abbreviation: bundles with short ids for their heads, on links between nodes that know the heads' authors.
//!
//! `PROTOCOL.md` §4.1. A node that cannot resolve a brief bundle treats it as an offer, and requests the whole
//! bundle. Not here: the encoding (`ringtalk_wire::Brief`), its way round the ring (`relay`).

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
        self.send_to_child(context, child, id, &brief);
    }
}

/// Returns the member or author whose id begins with `short`, if exactly one is known.
pub(crate) fn resolve_short_id(
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

/// Returns the abbreviated form of an item for its children, if it is a bundle that can be abbreviated.
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
        resolve_short_id(context, discussion, short)
    })
}

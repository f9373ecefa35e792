//! Peers that no view lists: their bundles wait for a moment, because a view that lists them may be on its way.
//!
//! `PROTOCOL.md` §5.5. The link counts, not the author: a member may pass on any author's bundles, so that the last
//! words of a member that left still arrive. Not here: who may send other frames (`node::frames`), how many nameless
//! authors one member may bring (`authors`).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::{Frame, Item, ItemId, NodeId, Spread};

use super::Concern;
use crate::Time;
use crate::config::STRANGERS;
use crate::context::Context;
use crate::planted::PlantedBug;

/// How long the frames of a peer wait: longer than a view takes to reach every member. Bundles that a newcomer
/// brought earlier are pulled.
const WAIT: Duration = Duration::from_secs(1);
/// The maximum number of waiting bytes of one peer. With [`STRANGERS`] that bounds all of them, to 16 MiB.
const BYTES: usize = 256 * 1024;
/// The overhead of a frame, in addition to the bytes that it carries.
const FRAME: usize = 96;

/// The waiting frames, by the peer that sent them.
#[derive(Debug, Default)]
pub(crate) struct Unlisted {
    peers: BTreeMap<NodeId, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    since: Time,
    bytes: usize,
    frames: VecDeque<Frame>,
}

impl Unlisted {
    /// Returns true for a bundle, or an offer of bundles, from a peer that no view lists (yet).
    pub(crate) fn are_to_wait(context: &Context, peer: &NodeId, frame: &Frame) -> bool {
        let carries = matches!(
            frame,
            Frame::Offer(_)
                | Frame::Brief(_)
                | Frame::Spread(Spread {
                    item: Item::Bundle(_),
                    ..
                })
        );
        carries && !context.is_member(peer) && !context.planted.has(PlantedBug::HearStrangers)
    }

    /// Keeps a frame, if there is room for it.
    pub(crate) fn hold(&mut self, now: Time, peer: NodeId, frame: Frame) {
        if self.peers.len() >= STRANGERS && !self.peers.contains_key(&peer) {
            return;
        }
        let waiting = self.peers.entry(peer).or_insert_with(|| Waiting {
            since: now,
            bytes: 0,
            frames: VecDeque::new(),
        });
        let weight = weight(&frame);
        if waiting.bytes + weight <= BYTES {
            waiting.bytes += weight;
            waiting.frames.push_back(frame);
        }
        debug_assert!(self.peers.len() <= STRANGERS);
    }

    /// Returns when the waiting frames are dropped.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let since = self.peers.values().map(|waiting| waiting.since).min();
        since.map(|since| since + WAIT)
    }

    /// Drops frames that have waited too long.
    pub(crate) fn expire(&mut self, now: Time) {
        self.peers.retain(|_, waiting| now - waiting.since < WAIT);
    }

    /// Takes out the frames of all peers that have become members.
    pub(crate) fn take_of(
        &mut self,
        is_member: impl Fn(&NodeId) -> bool,
    ) -> Vec<(NodeId, VecDeque<Frame>)> {
        let listed: Vec<NodeId> = self.peers.keys().copied().filter(is_member).collect();
        let frames = listed.into_iter().filter_map(|peer| {
            let waiting = self.peers.remove(&peer)?;
            Some((peer, waiting.frames))
        });
        frames.collect()
    }
}

impl Concern for Unlisted {
    fn forget(&mut self, peer: &NodeId) {
        self.peers.remove(peer);
    }
}

/// Returns how many bytes a frame counts for.
fn weight(frame: &Frame) -> usize {
    let carried = match frame {
        Frame::Brief(brief) => brief.raw.len() + brief.heads.len(),
        Frame::Offer(offer) => size_of::<ItemId>() * offer.items.len(),
        Frame::Spread(spread) => match &spread.item {
            Item::Bundle(sealed) | Item::Announcement(sealed) => sealed.weight(),
        },
        _ => 0,
    };
    FRAME + carried
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::{Direction, Interval, Offer, RingKey};

    use super::*;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn offer() -> Frame {
        Frame::Offer(Offer {
            interval: Interval {
                direction: Direction::Clockwise,
                limit: RingKey(0),
                layout: 0,
            },
            items: Vec::new(),
        })
    }

    #[test]
    fn what_a_peer_carries_waits_until_it_is_listed_and_no_longer_than_a_second() {
        let mut unlisted = Unlisted::default();
        let start = Time::default();
        for peer in 1..=3 {
            unlisted.hold(start, id(peer), offer());
        }
        unlisted.forget(&id(3));
        let listed = unlisted.take_of(|peer| *peer == id(1));
        assert_eq!(listed.len(), 1);
        assert_eq!(unlisted.deadline(), Some(start + WAIT));
        unlisted.expire(start + WAIT);
        assert_eq!(unlisted.deadline(), None);
    }

    #[test]
    fn of_one_peer_so_many_bytes_wait_and_of_so_many_peers() {
        let mut unlisted = Unlisted::default();
        let start = Time::default();
        for _ in 0..BYTES {
            unlisted.hold(start, id(1), offer());
        }
        assert_eq!(unlisted.peers[&id(1)].frames.len(), BYTES / FRAME);
        for peer in 0..=u8::MAX {
            unlisted.hold(start, id(peer), offer());
        }
        assert_eq!(unlisted.peers.len(), STRANGERS);
    }
}

//! Peers that no view lists: their bundles wait for a moment, because a view that lists them may be on its way.
//!
//! `PROTOCOL.md` §5.5. The link counts, not the author: a member may pass on any author's bundles, so that the last
//! words of a member that left still arrive. Not here: who may send other frames (`node::frames`), how many unnamed
//! authors one member may introduce (`authors`).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::{Frame, Item, ItemId, NodeId, Spread};

use super::Concern;
use crate::Time;
use crate::config::{STRANGERS, UNLISTED_BYTES, UNLISTED_BYTES_OF_PEER};
use crate::context::Context;
use crate::planted::PlantedBug;

/// How long the frames of a peer wait: longer than a view takes to reach every member. Bundles that a newcomer
/// sent earlier are pulled.
const UNLISTED_WAIT: Duration = Duration::from_secs(1);
/// The overhead of a frame, in addition to the bytes that it carries.
const FRAME_COST: usize = 96;

/// The waiting frames, by the peer that sent them.
#[derive(Debug)]
pub(crate) struct Unlisted {
    /// The most bytes of all peers that may wait.
    allowance: usize,
    peers: BTreeMap<NodeId, HeldFrames>,
    bytes: usize,
}

impl Default for Unlisted {
    fn default() -> Self {
        Self {
            allowance: UNLISTED_BYTES,
            peers: BTreeMap::new(),
            bytes: 0,
        }
    }
}

#[derive(Debug)]
struct HeldFrames {
    since: Time,
    bytes: usize,
    frames: VecDeque<Frame>,
}

impl Unlisted {
    /// Sets how many bytes may wait. What waits already stays.
    pub(crate) const fn allow(&mut self, bytes: usize) {
        self.allowance = bytes;
    }

    /// Returns how many bytes wait.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns true for a bundle, or an offer of bundles, from a peer that no view lists (yet).
    pub(crate) fn must_wait(context: &Context, peer: &NodeId, frame: &Frame) -> bool {
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
        let waiting = self.peers.entry(peer).or_insert_with(|| HeldFrames {
            since: now,
            bytes: 0,
            frames: VecDeque::new(),
        });
        let weight = weight(&frame);
        if waiting.bytes + weight <= UNLISTED_BYTES_OF_PEER && self.bytes + weight <= self.allowance
        {
            waiting.bytes += weight;
            self.bytes += weight;
            waiting.frames.push_back(frame);
        }
        debug_assert!(self.peers.len() <= STRANGERS);
    }

    /// Returns when the waiting frames are dropped.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let since = self.peers.values().map(|waiting| waiting.since).min();
        since.map(|since| since + UNLISTED_WAIT)
    }

    /// Drops frames that have waited too long.
    pub(crate) fn expire(&mut self, now: Time) {
        let bytes = &mut self.bytes;
        self.peers.retain(|_, waiting| {
            let stays = now - waiting.since < UNLISTED_WAIT;
            if !stays {
                *bytes -= waiting.bytes;
            }
            stays
        });
        debug_assert!(
            !self.peers.is_empty() || self.bytes == 0,
            "what waits is counted"
        );
    }

    /// Takes out the frames of all peers that have become members.
    pub(crate) fn take_frames_of(
        &mut self,
        is_member: impl Fn(&NodeId) -> bool,
    ) -> Vec<(NodeId, VecDeque<Frame>)> {
        let listed: Vec<NodeId> = self.peers.keys().copied().filter(is_member).collect();
        let frames = listed.into_iter().filter_map(|peer| {
            let waiting = self.remove(&peer)?;
            Some((peer, waiting.frames))
        });
        frames.collect()
    }

    fn remove(&mut self, peer: &NodeId) -> Option<HeldFrames> {
        let waiting = self.peers.remove(peer)?;
        self.bytes -= waiting.bytes;
        Some(waiting)
    }
}

impl Concern for Unlisted {
    fn forget(&mut self, peer: &NodeId) {
        self.remove(peer);
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
    FRAME_COST + carried
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
    fn frames_of_an_unlisted_peer_wait_until_a_view_lists_it_or_a_second_has_passed() {
        let mut unlisted = Unlisted::default();
        let start = Time::default();
        for peer in 1..=3 {
            unlisted.hold(start, id(peer), offer());
        }
        unlisted.forget(&id(3));
        let listed = unlisted.take_frames_of(|peer| *peer == id(1));
        assert_eq!(listed.len(), 1);
        assert_eq!(unlisted.deadline(), Some(start + UNLISTED_WAIT));
        unlisted.expire(start + UNLISTED_WAIT);
        assert_eq!(unlisted.deadline(), None);
    }

    #[test]
    fn the_waiting_bytes_of_a_peer_and_the_number_of_peers_are_bounded() {
        let mut unlisted = Unlisted::default();
        let start = Time::default();
        for _ in 0..UNLISTED_BYTES_OF_PEER {
            unlisted.hold(start, id(1), offer());
        }
        assert_eq!(
            unlisted.peers[&id(1)].frames.len(),
            UNLISTED_BYTES_OF_PEER / FRAME_COST
        );
        for peer in 0..=u8::MAX {
            unlisted.hold(start, id(peer), offer());
        }
        assert_eq!(unlisted.peers.len(), STRANGERS);
        let waiting = unlisted.bytes();
        unlisted.allow(waiting);
        unlisted.hold(start, id(2), offer());
        assert_eq!(unlisted.bytes(), waiting, "there is no room for more");
        unlisted.forget(&id(1));
        unlisted.hold(start, id(2), offer());
        unlisted.take_frames_of(|peer| *peer == id(2));
        unlisted.expire(start + UNLISTED_WAIT);
        assert_eq!(unlisted.bytes(), 0);
    }
}

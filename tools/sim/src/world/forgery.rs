//! A member that lies: frames that no honest node sends, under its own signature or a false one.
//!
//! Not here: the lies themselves (`scenario::forgery`).

use core::time::Duration;
use std::sync::Arc;

use ringtalk_proto::{ErrorKind, Input, LinkId, Node, View};
use ringtalk_wire::{
    Bundle, Channel, Direction, Frame, Interval, Item, MessageId, NodeId, Probe, RingId, RingKey,
    Seal, Sealed, Spread, encode_item, item_to_sign,
};
use serde::Serialize;

use super::World;
use crate::keys::{LOBBY, signer};
use crate::network::HostIndex;
use crate::oracle::{Check, Violation, ensure};

/// A link that the network does not know: nothing that is sent over it arrives.
const STRANGERS_LINK: LinkId = LinkId::lobby(u64::MAX);

/// The channel on which a stranger enters a room.
const STRANGERS_CHANNEL: Channel = Channel::new(1).expect("it is a channel's number");

impl World {
    /// Signs an item with the key of a process.
    pub(crate) fn seal_as(&self, index: HostIndex, item: &impl Serialize) -> Sealed {
        let raw = encode_item(item);
        let seal = self.seal_bytes_as(index, &item_to_sign(self.setup.ring, &raw));
        Sealed { raw, seal }
    }

    /// Signs bytes with the key of a process.
    pub(crate) fn seal_bytes_as(&self, index: HostIndex, bytes: &[u8]) -> Seal {
        let signer = &self.processes[index].forging_signer;
        Seal {
            key: signer.public_key(),
            signature: signer.sign(bytes),
        }
    }

    /// Hands a node a frame over its links with another node, which has not sent it.
    pub(crate) fn forge(&mut self, from: HostIndex, to: HostIndex, frame: &Frame) -> Check {
        self.forge_in(self.setup.ring, [from, to], frame)
    }

    /// Does the same in any ring.
    fn forge_in(&mut self, ring: RingId, [from, to]: [HostIndex; 2], frame: &Frame) -> Check {
        self.trace
            .show(self.now, || format!("n{from} lies to n{to}: {frame:?}"));
        let links = self.links_in(ring, from, to);
        ensure(!links.is_empty(), "forgery", || {
            format!("n{from} has no link to n{to}")
        })?;
        self.figures.count_effective("lie");
        let oracles = self.rooms.oracles_of(ring);
        oracles.unwrap_or(&mut self.oracles).record_lie();
        for link in links {
            let frame = frame.clone();
            self.handle_input(to, Input::Frame { link, frame }.into())?;
        }
        Ok(())
    }

    /// Returns the open links of a ring on which one host hears from another, as the first one knows them.
    fn links_in(&self, ring: RingId, from: HostIndex, to: HostIndex) -> Vec<LinkId> {
        let (near, far) = (
            self.network.links_at(to, from),
            self.network.links_at(from, to),
        );
        let ends = near.into_iter().zip(far);
        let link = |(near, far): (LinkId, LinkId)| {
            let channel = if ring == LOBBY {
                Channel::LOBBY
            } else {
                self.channels.channel_of(far.connection, ring)?
            };
            Some(LinkId { channel, ..near })
        };
        ends.filter_map(link).collect()
    }

    /// Lets a liar show a recipient, in one ring, all that a victim has said in another one, as the victim signed it.
    /// A ring is a room, or the one that is observed. Returns how many bundles that were.
    pub(crate) fn replay(
        &mut self,
        [liar, recipient, victim]: [HostIndex; 3],
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<u64, Violation> {
        let (source, target) = (self.ring_of(from), self.ring_of(to));
        let author = self.id(victim);
        let oracles = self.rooms.oracles_of(source).unwrap_or(&mut self.oracles);
        let said = oracles.sent_count(author);
        let host = &self.processes[liar].host;
        let node = host.room(&source).unwrap_or_else(|| host.lobby());
        let sealed = (1..=said).filter_map(|seq| node.sealed_bundle(MessageId { author, seq }));
        let mut sealed: Vec<Sealed> = sealed.cloned().collect();
        sealed.dedup();
        let mut replayed = 0;
        for one in sealed {
            // The recipient closes the link when it refuses one.
            if !self.links_in(target, liar, recipient).is_empty() {
                self.forge_in(target, [liar, recipient], &spread_frame(Item::Bundle(one)))?;
                replayed += 1;
            }
        }
        Ok(replayed)
    }

    /// Gives a node a link with a stranger, who is no member, and hands it these frames over that link.
    pub(crate) fn send_as_stranger(&mut self, to: HostIndex, frames: Vec<Frame>) -> Check {
        let key = signer(self.driver_random.bytes(), self.setup.real_keys).public_key();
        let up = Input::LinkUp {
            link: STRANGERS_LINK,
            peer: NodeId::of(&key),
            dialled: false,
            host: None,
        };
        self.figures.count_effective("stranger");
        self.handle_input(to, up.into())?;
        let mut link = STRANGERS_LINK;
        if self.setup.ring != LOBBY {
            link.channel = STRANGERS_CHANNEL;
            let frame = Frame::Enter(self.setup.ring);
            self.handle_input(to, Input::Frame { link, frame }.into())?;
        }
        for frame in frames {
            self.handle_input(to, Input::Frame { link, frame }.into())?;
        }
        Ok(())
    }

    /// Returns how many messages of an author a node has delivered.
    pub(crate) fn deliveries_of(&self, index: HostIndex, author: &NodeId) -> u64 {
        self.oracles.watermark(self.id(index), *author)
    }

    /// Signs a bundle with a new key, which belongs to no node.
    pub(crate) fn seal_with_new_key(&mut self, item: impl FnOnce(NodeId) -> Bundle) -> Sealed {
        let signer = signer(self.driver_random.bytes(), self.setup.real_keys);
        let key = signer.public_key();
        self.oracles.distrust(NodeId::of(&key));
        let raw = encode_item(&item(NodeId::of(&key)));
        let signature = signer.sign(&item_to_sign(self.setup.ring, &raw));
        Sealed {
            raw,
            seal: Seal { key, signature },
        }
    }

    /// Returns a Lamport time above all so far: 1,000 more than the number of deliveries.
    pub(crate) fn lamport_ahead(&self) -> u64 {
        1_000 + self.oracles.deliveries()
    }

    /// Returns true if a node accepts input from its user.
    pub(crate) fn takes_input(&self, index: HostIndex) -> bool {
        self.processes[index].node().accepts_input()
    }

    /// Sends a bundle of the liar round the ring, from its successor on and past the liar's own window.
    pub(crate) fn forge_round(&mut self, liar: HostIndex, sealed: &Sealed) -> Check {
        let me = self.id(liar);
        let view = self.processes[liar].node().view().cloned();
        let neighbours = self.processes[liar].node().neighbours();
        let (Some(view), Some((_, successor))) = (view, neighbours) else {
            return Violation::of("H1", format!("n{liar} has no view, or no successor"));
        };
        let (Some(member), Some(&to)) = (view.member(&me), self.indexes.get(&successor)) else {
            return Violation::of("H1", format!("n{liar} is not in its own view"));
        };
        let interval = Interval {
            direction: Direction::Clockwise,
            limit: RingKey(member.key.0.wrapping_sub(1)),
            layout: view.layout(),
        };
        let item = Item::Bundle(sealed.clone());
        self.forge(liar, to, &Frame::Spread(Spread { interval, item }))
    }

    /// Takes the survey, and returns the 99th percentile of its delivery times, without those at the liar, and how
    /// many there were.
    pub(crate) fn take_delivery_p99(&mut self, liar: Option<HostIndex>) -> (Duration, usize) {
        let bundles = self.measurement.survey.take().unwrap_or_default().bundles;
        let mut times: Vec<Duration> = bundles
            .values()
            .flat_map(|journey| {
                journey
                    .delivered
                    .iter()
                    .map(move |(to, at)| (*to, *at - journey.signed_at))
            })
            .filter(|(to, _)| Some(*to) != liar)
            .map(|(_, time)| time)
            .collect();
        times.sort_unstable();
        let rank = (times.len() * 99).div_ceil(100);
        let p99 = times.get(rank.saturating_sub(1)).copied();
        self.trace
            .show(self.now, || format!("p99 {p99:?}, max {:?}", times.last()));
        (p99.unwrap_or_default(), times.len())
    }

    /// Returns the nodes that have a link with a node in the ring that is observed.
    pub(crate) fn linked_with(&self, index: HostIndex) -> Vec<HostIndex> {
        self.linked_in(index, None)
    }

    /// Returns the nodes that have a link with a node in a room, or in the ring that is observed. In a room, only
    /// neighbours count.
    pub(crate) fn linked_in(&self, index: HostIndex, room: Option<u64>) -> Vec<HostIndex> {
        let ring = self.ring_of(room);
        let pairs = self.linked_pairs().into_iter();
        let others = pairs.filter_map(|(one, other)| match index {
            _ if one == index => Some(other),
            _ if other == index => Some(one),
            _ => None,
        });
        // A channel to another member than a neighbour may be closed at any moment.
        let neighbours = self.processes[index].host.room(&ring);
        let neighbours = neighbours.and_then(Node::neighbours);
        let is_in_ring = |other: &HostIndex| {
            let id = self.id(*other);
            let is_near = neighbours.is_some_and(|(one, other)| [one, other].contains(&id));
            ring == LOBBY || is_near && !self.links_in(ring, index, *other).is_empty()
        };
        let mut others: Vec<HostIndex> = others.filter(is_in_ring).collect();
        others.dedup();
        others
    }

    /// Returns the last probe that a node received: the suspect it was asked about.
    pub(crate) fn last_probe(&self, index: HostIndex) -> Option<Probe> {
        self.processes[index].probe
    }

    /// Returns the view that a node follows.
    pub(crate) fn view_of(&self, index: HostIndex) -> Option<Arc<View>> {
        self.processes[index].node().view().cloned()
    }

    /// Checks that a user was shown an error of this kind.
    pub(crate) fn check_error_shown(&self, index: HostIndex, kind: ErrorKind) -> Check {
        let shown = self.processes[index].errors.contains(&kind);
        ensure(shown, "told", || {
            format!("the user of n{index} was not shown {kind:?}")
        })
    }

    /// Returns how many messages a user has sent.
    pub(crate) fn sent_count(&self, index: HostIndex) -> u64 {
        self.oracles.sent_count(self.id(index))
    }

    /// Marks a node as a liar: what is delivered as its messages is not compared with what its user sent.
    pub(crate) fn distrust(&mut self, index: HostIndex) {
        let id = self.id(index);
        self.oracles.distrust(id);
    }
}

/// Returns the frame that carries an item round the whole ring.
pub(crate) fn spread_frame(item: Item) -> Frame {
    Frame::Spread(Spread {
        interval: Interval {
            direction: Direction::Clockwise,
            limit: RingKey(u128::MAX),
            layout: 0,
        },
        item,
    })
}

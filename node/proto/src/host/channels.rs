//! The channels of one connection: which ring each stands for, in both directions.
//!
//! Each end numbers the channels on which it sends. The first frame on a channel is `enter` with the ring, the last one
//! is `exit`; a ring's frames go to and fro once both ends have entered (`PROTOCOL.md` §3.7). Not here: the frames of a
//! ring (`node`), and when a ring wants a peer (`rooms`).

use alloc::collections::BTreeMap;
use core::net::IpAddr;

use ringtalk_wire::{Channel, FrameClass, NodeId, RingId};

use crate::config::LINK_QUEUE_LIMIT;

/// How many rings a connection carries beside the lobby.
pub(super) const RINGS: usize = 128;
/// How many bytes of rooms may wait on one connection. Each room's node bounds its own queue, but forgets it with the
/// channel.
const UNWRITTEN_BYTES: usize = LINK_QUEUE_LIMIT;

/// A connection to a peer, and its channels.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: NodeId,
    /// True if this end dialled.
    pub(super) dialled: bool,
    /// The host of the peer; `None` if the connection is a circuit.
    pub(super) host: Option<IpAddr>,
    rings: BTreeMap<RingId, EnteredRing>,
    outgoing: BTreeMap<Channel, RingId>,
    incoming: BTreeMap<Channel, RingId>,
    /// The last number that this end has given to a channel.
    last: u16,
    /// How many bytes were sent on channels and are not written yet, whether or not the channels are still open.
    unwritten: usize,
}

/// A ring on a connection.
#[derive(Debug)]
struct EnteredRing {
    state: Entered,
    /// How many bytes of this end's `enter` are not written yet. The ring's node does not know of them.
    unwritten: usize,
}

/// How far the two ends have entered a ring: each sends on a channel of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Entered {
    /// This end has entered, and the peer has not answered.
    Asked { mine: Channel },
    /// The peer has entered, and this end answers next.
    Invited { theirs: Channel },
    /// Both ends have entered: the ring's frames go to and fro.
    Open { mine: Channel, theirs: Channel },
    /// This end has left, and the peer has not confirmed it.
    Leaving {
        mine: Channel,
        /// The channel of the peer. Its answer to `enter` may cross the `exit`.
        theirs: Option<Channel>,
        /// The channel on which the peer has entered anew. Its `enter` may overtake the `exit` on the channel before.
        next: Option<Channel>,
    },
}

impl Entered {
    const fn mine(self) -> Option<Channel> {
        match self {
            Self::Asked { mine } | Self::Open { mine, .. } | Self::Leaving { mine, .. } => {
                Some(mine)
            }
            Self::Invited { .. } => None,
        }
    }

    /// Returns the channels on which the peer sends: the present one, and the one on which it has entered anew.
    const fn theirs(self) -> [Option<Channel>; 2] {
        match self {
            Self::Asked { .. } => [None, None],
            Self::Invited { theirs } | Self::Open { theirs, .. } => [Some(theirs), None],
            Self::Leaving { theirs, next, .. } => [theirs, next],
        }
    }

    /// Returns the state once the peer has entered on this channel; `None` if it may not.
    const fn with_theirs(self, channel: Channel) -> Option<Self> {
        match self {
            Self::Asked { mine } => Some(Self::Open {
                mine,
                theirs: channel,
            }),
            Self::Leaving {
                mine, theirs: None, ..
            } => Some(Self::Leaving {
                mine,
                theirs: Some(channel),
                next: None,
            }),
            Self::Leaving {
                mine,
                theirs,
                next: None,
            } => Some(Self::Leaving {
                mine,
                theirs,
                next: Some(channel),
            }),
            Self::Invited { .. } | Self::Open { .. } | Self::Leaving { .. } => None,
        }
    }
}

/// What a frame on a channel is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Incoming {
    /// It belongs to this ring, whose node sends on that channel.
    Ring(RingId, Channel),
    /// It belongs to a ring that this end has left.
    Late(RingId),
    /// Nobody has entered the channel.
    Unknown,
}

/// The peer broke a rule of channels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Breach(pub(super) &'static str);

impl Connection {
    pub(super) const fn new(peer: NodeId, dialled: bool, host: Option<IpAddr>) -> Self {
        Self {
            peer,
            dialled,
            host,
            rings: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            incoming: BTreeMap::new(),
            last: 0,
            unwritten: 0,
        }
    }

    /// Returns the channel on which to send `enter`, unless this end has entered, still leaves, or there is no room.
    pub(super) fn enter(&mut self, ring: RingId) -> Option<Channel> {
        if !self.has_room_for(&ring) {
            return None;
        }
        let state = self.state(&ring);
        if state.is_some_and(|state| state.mine().is_some()) {
            return None;
        }
        let mine = self.free_channel()?;
        let state = match state {
            Some(Entered::Invited { theirs }) => Entered::Open { mine, theirs },
            _ => Entered::Asked { mine },
        };
        self.set_state(ring, state);
        self.outgoing.insert(mine, ring);
        debug_assert!(self.outgoing.len() <= RINGS);
        Some(mine)
    }

    /// Returns the next number that no channel has: one that was given back is used again as late as possible, since
    /// bytes of the ring before may still wait to be written.
    fn free_channel(&mut self) -> Option<Channel> {
        for _ in 0..=RINGS {
            self.last = if self.last >= Channel::MAX {
                1
            } else {
                self.last + 1
            };
            let channel = Channel::new(self.last)?;
            if !self.outgoing.contains_key(&channel) {
                return Some(channel);
            }
        }
        None
    }

    /// Notes how many bytes `enter` has.
    pub(super) fn note_enter_sent(&mut self, ring: &RingId, bytes: usize) {
        if let Some(ring) = self.rings.get_mut(ring) {
            ring.unwritten = bytes;
        }
    }

    /// Takes the peer's `enter`. If this end has left and the peer has not confirmed it, it counts from then on.
    pub(super) fn take_enter(&mut self, channel: Channel, ring: RingId) -> Result<(), Breach> {
        debug_assert!(self.has_room_for(&ring), "this end would be absent");
        let state = match self.state(&ring) {
            None => Entered::Invited { theirs: channel },
            Some(state) => state
                .with_theirs(channel)
                .ok_or(Breach("a second channel for one ring"))?,
        };
        self.set_state(ring, state);
        let before = self.incoming.insert(channel, ring);
        debug_assert!(before.is_none(), "the channel was unknown");
        Ok(())
    }

    /// Returns true if there is room for one more ring, or this is one of them.
    pub(super) fn has_room_for(&self, ring: &RingId) -> bool {
        self.rings.len() < RINGS || self.rings.contains_key(ring)
    }

    /// Notes that this end sends `exit`. Returns the channel for it, if this end has entered and not left.
    pub(super) fn exit(&mut self, ring: &RingId) -> Option<Channel> {
        let (mine, theirs) = match self.state(ring)? {
            Entered::Asked { mine } => (mine, None),
            Entered::Open { mine, theirs } => (mine, Some(theirs)),
            Entered::Invited { .. } | Entered::Leaving { .. } => return None,
        };
        let next = None;
        self.set_state(*ring, Entered::Leaving { mine, theirs, next });
        Some(mine)
    }

    /// Forgets a ring: the peer is not in it, or has left it. Returns the channel on which the peer has entered anew.
    pub(super) fn forget(&mut self, ring: &RingId) -> Option<Channel> {
        let EnteredRing { state, .. } = self.rings.remove(ring)?;
        if let Some(channel) = state.mine() {
            self.outgoing.remove(&channel);
        }
        let [theirs, next] = state.theirs();
        for channel in theirs.into_iter().chain(next) {
            self.incoming.remove(&channel);
        }
        next
    }

    /// Forgets that the peer has entered anew, if it did so on this channel. Returns true if it did.
    pub(super) fn forget_next(&mut self, channel: Channel, ring: &RingId) -> bool {
        let Some(Entered::Leaving { mine, theirs, next }) = self.state(ring) else {
            return false;
        };
        if next != Some(channel) {
            return false;
        }
        let next = None;
        self.set_state(*ring, Entered::Leaving { mine, theirs, next });
        self.incoming.remove(&channel);
        true
    }

    /// Returns true while this end has entered a ring, and the peer has not answered. That is so too if this end has left
    /// meanwhile.
    pub(super) fn awaits(&self, ring: &RingId) -> bool {
        let state = self.state(ring);
        state.is_some_and(|state| state.mine().is_some() && state.theirs()[0].is_none())
    }

    /// Returns true if this end has left a ring, and the peer has not confirmed it.
    pub(super) fn is_leaving(&self, ring: &RingId) -> bool {
        matches!(self.state(ring), Some(Entered::Leaving { .. }))
    }

    /// Returns the channel on which this end sends in a ring that both ends have entered.
    pub(super) fn open_channel(&self, ring: &RingId) -> Option<Channel> {
        match self.state(ring)? {
            Entered::Open { mine, .. } => Some(mine),
            _ => None,
        }
    }

    /// Returns the rings that both ends have entered, each with the channel on which this end sends.
    pub(super) fn open_rings(&self) -> impl Iterator<Item = (RingId, Channel)> {
        let rings = self.rings.keys();
        rings.filter_map(|ring| Some((*ring, self.open_channel(ring)?)))
    }

    fn state(&self, ring: &RingId) -> Option<Entered> {
        self.rings.get(ring).map(|ring| ring.state)
    }

    fn set_state(&mut self, ring: RingId, state: Entered) {
        let unwritten = 0;
        let entry = self.rings.entry(ring);
        entry.or_insert(EnteredRing { state, unwritten }).state = state;
    }

    /// Notes that bytes are sent on a channel. Returns false if more wait than may.
    pub(super) const fn note_sent(&mut self, bytes: usize) -> bool {
        self.unwritten += bytes;
        self.unwritten <= UNWRITTEN_BYTES
    }

    /// Returns what a frame on this channel is.
    pub(super) fn incoming(&self, channel: Channel) -> Incoming {
        let Some(&ring) = self.incoming.get(&channel) else {
            return Incoming::Unknown;
        };
        self.open_channel(&ring)
            .map_or(Incoming::Late(ring), |mine| Incoming::Ring(ring, mine))
    }

    /// Notes that bytes are written on a channel. Returns the ring, and how many of them are its node's.
    pub(super) fn written(
        &mut self,
        channel: Channel,
        class: FrameClass,
        bytes: usize,
    ) -> Option<(RingId, usize)> {
        self.unwritten = self.unwritten.saturating_sub(bytes);
        let id = *self.outgoing.get(&channel)?;
        let ring = self.rings.get_mut(&id)?;
        let own = if class == FrameClass::Urgent {
            ring.unwritten.min(bytes)
        } else {
            0
        };
        ring.unwritten -= own;
        let is_open = matches!(ring.state, Entered::Open { .. });
        is_open.then_some((id, bytes - own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(byte: u8) -> RingId {
        RingId::from_bytes([byte; 16])
    }

    fn channel(number: u16) -> Channel {
        Channel::new(number).unwrap()
    }

    fn connection() -> Connection {
        Connection::new(NodeId::from_bytes([7; 16]), true, None)
    }

    #[test]
    fn a_ring_is_open_once_both_ends_have_entered() {
        let mut ends = connection();
        assert_eq!(ends.enter(ring(1)), Some(channel(1)));
        assert_eq!(ends.enter(ring(1)), None, "once");
        assert!(ends.awaits(&ring(1)));
        assert_eq!(ends.open_channel(&ring(1)), None);
        assert_eq!(ends.incoming(channel(9)), Incoming::Unknown);
        assert_eq!(ends.take_enter(channel(9), ring(1)), Ok(()));
        assert_eq!(
            ends.incoming(channel(9)),
            Incoming::Ring(ring(1), channel(1))
        );
        assert!(!ends.awaits(&ring(1)));
    }

    #[test]
    fn a_ring_has_one_channel_of_each_end() {
        let mut ends = connection();
        assert_eq!(ends.take_enter(channel(9), ring(1)), Ok(()));
        assert!(ends.take_enter(channel(8), ring(1)).is_err());
    }

    #[test]
    fn frames_that_cross_an_exit_belong_to_nobody() {
        let mut ends = connection();
        ends.enter(ring(1));
        assert_eq!(ends.take_enter(channel(9), ring(1)), Ok(()));
        assert_eq!(ends.exit(&ring(1)), Some(channel(1)));
        assert_eq!(ends.exit(&ring(1)), None, "once");
        assert_eq!(ends.incoming(channel(9)), Incoming::Late(ring(1)));
        assert_eq!(ends.enter(ring(1)), None, "the peer has not confirmed it");
        ends.forget(&ring(1));
        assert_eq!(ends.incoming(channel(9)), Incoming::Unknown);
        assert_eq!(ends.enter(ring(1)), Some(channel(2)), "another number");
    }

    #[test]
    fn an_enter_that_overtakes_an_exit_counts_after_it() {
        let mut ends = connection();
        ends.enter(ring(1));
        assert_eq!(ends.take_enter(channel(9), ring(1)), Ok(()));
        ends.exit(&ring(1));
        assert_eq!(ends.take_enter(channel(10), ring(1)), Ok(()));
        assert_eq!(ends.incoming(channel(10)), Incoming::Late(ring(1)));
        assert!(ends.take_enter(channel(11), ring(1)).is_err(), "one");
        assert!(!ends.forget_next(channel(9), &ring(1)));
        assert_eq!(ends.forget(&ring(1)), Some(channel(10)));
        assert_eq!(ends.incoming(channel(10)), Incoming::Unknown);
    }

    #[test]
    fn an_answer_that_crosses_an_exit_opens_nothing() {
        let mut ends = connection();
        ends.enter(ring(1));
        assert_eq!(ends.exit(&ring(1)), Some(channel(1)));
        assert!(ends.awaits(&ring(1)) && ends.is_leaving(&ring(1)));
        assert_eq!(ends.take_enter(channel(9), ring(1)), Ok(()));
        assert!(!ends.awaits(&ring(1)) && ends.is_leaving(&ring(1)));
        assert_eq!(ends.open_channel(&ring(1)), None);
        assert_eq!(ends.incoming(channel(9)), Incoming::Late(ring(1)));
        assert_eq!(ends.forget(&ring(1)), None, "it was no new entry");
        assert!(ends.incoming.is_empty() && ends.outgoing.is_empty());
    }

    #[test]
    fn what_waits_on_all_channels_is_bounded_also_after_they_are_closed() {
        let mut ends = connection();
        assert!(ends.note_sent(UNWRITTEN_BYTES));
        assert!(!ends.note_sent(1));
        ends.written(channel(1), FrameClass::Ordered, 1);
        assert!(ends.note_sent(0));
    }

    #[test]
    fn the_bytes_of_enter_are_not_the_rings() {
        let mut ends = connection();
        ends.enter(ring(1));
        ends.note_enter_sent(&ring(1), 24);
        assert_eq!(
            ends.written(channel(1), FrameClass::Urgent, 20),
            None,
            "it is not open yet"
        );
        assert_eq!(ends.take_enter(channel(9), ring(1)), Ok(()));
        assert_eq!(
            ends.written(channel(1), FrameClass::Urgent, 10),
            Some((ring(1), 6))
        );
        assert_eq!(
            ends.written(channel(1), FrameClass::Ordered, 10),
            Some((ring(1), 10))
        );
        ends.forget(&ring(1));
        assert_eq!(
            ends.written(channel(1), FrameClass::Ordered, 10),
            None,
            "it is over"
        );
    }

    #[test]
    fn the_rings_of_a_connection_are_bounded_and_numbers_are_used_again_late() {
        let mut ends = connection();
        let rings = (0..RINGS as u8).map(ring);
        assert!(rings.clone().all(|ring| ends.enter(ring).is_some()));
        assert_eq!(ends.enter(ring(200)), None);
        assert!(!ends.has_room_for(&ring(200)));
        for ring in rings {
            ends.forget(&ring);
        }
        for _ in 0..2 * u32::from(Channel::MAX) {
            let channel = ends.enter(ring(1)).unwrap();
            assert_ne!(channel, Channel::LOBBY);
            ends.forget(&ring(1));
        }
    }
}

//! I1, on the wire: a channel carries the frames of one ring, each process takes them for that ring's, and nothing of a
//! room is sent to a process that is not in that room and is not entering it.
//!
//! It knows the channels from the bytes that travel, and who is in a room from what users asked for. Not here: whether
//! a message is delivered in the ring in which it was sent (`world::rooms`).

use std::collections::BTreeMap;

use ringtalk_proto::LinkId;
use ringtalk_wire::{Channel, Frame, RingId, decode};

use super::{Check, Violation, ensure};

/// The most bytes of a frame that opens or closes a channel; a larger frame need not be decoded.
const MARKER_BYTES: usize = 64;

/// The channels of all connections, by the number that a connection has at each of its ends.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    ends: BTreeMap<u64, ChannelEnd>,
}

/// The channels at one end of a connection.
#[derive(Debug, Default)]
struct ChannelEnd {
    /// The channels on which this end sends.
    sends: BTreeMap<Channel, RingId>,
    /// The channels on which the peer sends, as far as this end has read.
    hears: BTreeMap<Channel, RingId>,
}

impl ChannelEnd {
    fn hears(&self, ring: RingId) -> bool {
        self.hears.values().any(|&heard| heard == ring)
    }
}

impl Channels {
    /// Checks what a process sends for a ring on a channel. `is_inside` tells whether its user is in that room.
    pub(crate) fn check_sent(
        &mut self,
        link: LinkId,
        ring: RingId,
        bytes: &[u8],
        is_inside: bool,
    ) -> Check {
        let channel = link.channel;
        if channel == Channel::LOBBY {
            return Ok(());
        }
        let end = self.ends.entry(link.connection).or_default();
        let marker = (bytes.len() <= MARKER_BYTES).then(|| decode(bytes).ok());
        let carried = end.sends.get(&channel).copied();
        let holds = match marker.flatten() {
            Some(Frame::Enter(entered)) => {
                end.sends.insert(channel, ring);
                entered == ring && carried.is_none() && is_inside
            }
            Some(Frame::Exit) => end.sends.remove(&channel) == Some(ring),
            Some(Frame::Absent(_)) => false,
            _ => carried == Some(ring) && end.hears(ring) && is_inside,
        };
        ensure(holds, "I1", || {
            let heard = end.hears(ring);
            format!(
                "on {link:?}, which carries {carried:?}, {} bytes of {ring:?} are sent; the sender is inside: {is_inside}, the receiver has entered: {heard}",
                bytes.len()
            )
        })
    }

    /// Checks a frame that a process handles. `taken_for` is the ring of which the process takes the frame to be.
    pub(crate) fn check_handled(
        &mut self,
        link: LinkId,
        frame: &Frame,
        taken_for: Option<RingId>,
    ) -> Check {
        if link.channel == Channel::LOBBY {
            return Ok(());
        }
        let end = self.ends.entry(link.connection).or_default();
        let heard = end.hears.get(&link.channel).copied();
        if taken_for.is_some() && taken_for != heard {
            let what = format!("a frame of {heard:?} on {link:?} is handled for {taken_for:?}");
            return Violation::of("I1", what);
        }
        match frame {
            Frame::Enter(ring) => drop(end.hears.insert(link.channel, *ring)),
            Frame::Exit => drop(end.hears.remove(&link.channel)),
            _ => {}
        }
        Ok(())
    }

    /// Returns the channel on which one end of a connection sends in a ring, if the other end has entered it too.
    pub(crate) fn channel_of(&self, connection: u64, ring: RingId) -> Option<Channel> {
        let end = self.ends.get(&connection)?;
        let mut sends = end.sends.iter();
        let (&channel, _) = sends.find(|(_, carried)| **carried == ring)?;
        end.hears(ring).then_some(channel)
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::encode;

    use super::*;
    use crate::oracle::tests_support::violated;

    const RING: RingId = RingId::from_bytes([1; 16]);
    const OTHER: RingId = RingId::from_bytes([2; 16]);

    fn link(channel: u16) -> LinkId {
        LinkId {
            connection: 7,
            channel: Channel::new(channel).unwrap(),
        }
    }

    /// Returns a connection on which both ends have entered a ring, one on channel 1 and the other on channel 5.
    fn entered() -> Channels {
        let mut channels = Channels::default();
        let enter = Frame::Enter(RING);
        assert!(encode(&enter).len() <= MARKER_BYTES);
        let sent = channels.check_sent(link(1), RING, &encode(&enter), true);
        assert_eq!(sent, Ok(()));
        assert_eq!(channels.channel_of(7, RING), None);
        assert_eq!(channels.check_handled(link(5), &enter, None), Ok(()));
        assert_eq!(channels.channel_of(7, RING), Some(link(1).channel));
        channels
    }

    #[test]
    fn a_frame_of_another_ring_is_detected() {
        let ping = encode(&Frame::Ping(1));
        let sent = |ring, inside| violated(entered().check_sent(link(1), ring, &ping, inside));
        assert_eq!(sent(RING, true), None);
        assert_eq!(sent(OTHER, true), Some("I1"));
        assert_eq!(sent(RING, false), Some("I1"), "its user has left");
        let unopened = entered().check_sent(link(2), RING, &ping, true);
        assert_eq!(violated(unopened), Some("I1"));
    }

    #[test]
    fn a_frame_to_a_peer_that_has_not_entered_or_has_left_is_detected() {
        let ping = encode(&Frame::Ping(1));
        let mut channels = Channels::default();
        let enter = encode(&Frame::Enter(RING));
        assert_eq!(channels.check_sent(link(1), RING, &enter, true), Ok(()));
        let early = channels.check_sent(link(1), RING, &ping, true);
        assert_eq!(violated(early), Some("I1"));
        let mut channels = entered();
        let exit = Frame::Exit;
        assert_eq!(channels.check_handled(link(5), &exit, Some(RING)), Ok(()));
        let late = channels.check_sent(link(1), RING, &ping, true);
        assert_eq!(violated(late), Some("I1"));
    }

    #[test]
    fn a_channel_that_opens_wrongly_is_detected() {
        let enter = |ring| encode(&Frame::Enter(ring));
        let again = entered().check_sent(link(1), RING, &enter(RING), true);
        assert_eq!(violated(again), Some("I1"));
        let outside = entered().check_sent(link(2), OTHER, &enter(OTHER), false);
        assert_eq!(violated(outside), Some("I1"));
        let other = entered().check_sent(link(2), OTHER, &enter(RING), true);
        assert_eq!(violated(other), Some("I1"));
        let absent = encode(&Frame::Absent(RING));
        let absent = entered().check_sent(link(1), RING, &absent, true);
        assert_eq!(violated(absent), Some("I1"));
    }

    #[test]
    fn nothing_follows_an_exit() {
        let mut channels = entered();
        let exit = encode(&Frame::Exit);
        assert_eq!(channels.check_sent(link(1), RING, &exit, false), Ok(()));
        let again = channels.check_sent(link(1), RING, &exit, false);
        assert_eq!(violated(again), Some("I1"));
    }

    #[test]
    fn a_frame_that_is_handled_for_another_ring_is_detected() {
        let ping = Frame::Ping(1);
        let handled = |taken_for| violated(entered().check_handled(link(5), &ping, taken_for));
        assert_eq!(handled(Some(RING)), None);
        assert_eq!(handled(None), None, "the process has forgotten the ring");
        assert_eq!(handled(Some(OTHER)), Some("I1"));
    }
}

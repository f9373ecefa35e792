//! The class of a frame: whether it may overtake others on its link (`PROTOCOL.md` §3.3).
//!
//! Not here: the queues (the links in `ringtalk-node`).

use crate::Frame;

/// The class of a frame. The frames of one class arrive in the order in which they were sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FrameClass {
    /// A small frame that keeps the ring alive, and overtakes ordered frames that wait.
    Urgent,
    /// Any other frame.
    Ordered,
}

impl FrameClass {
    /// Both, the one that goes first first.
    pub const ALL: [Self; 2] = [Self::Urgent, Self::Ordered];

    /// Returns 0 for urgent frames and 1 for others, for arrays by class.
    pub const fn index(self) -> usize {
        match self {
            Self::Urgent => 0,
            Self::Ordered => 1,
        }
    }
}

impl Frame {
    /// Returns the frame's class.
    ///
    /// Only frames are urgent that say the same before and after everything else that their sender has sent, and `enter`
    /// and `absent`, since an urgent frame of a ring must not come before its `enter`. These stay in order, although they
    /// are small:
    ///
    /// - `heartbeat`: its clock and its tag cover the bundles and the views sent before it. If it came before them, the
    ///   receiver would find a difference where there is none, and exchange digests and views because of it.
    /// - `pong`: after a sleep, heartbeats behind it count as new (§6.1), and older ones may still wait.
    /// - `digest`: the receiver would pull what is on its way behind it.
    /// - `offer`: so would it want what is on its way.
    /// - `leave`, `hand-over`, `close` and `exit`: everything before them still counts.
    ///
    /// None of them is missed as a sign of life: each record of the frame before them is one (§6.1).
    pub const fn class(&self) -> FrameClass {
        match self {
            Self::Enter(_)
            | Self::Absent(_)
            | Self::Ping(_)
            | Self::Receipt(_)
            | Self::Ack(_)
            | Self::Suspect(_)
            | Self::Probe(_)
            | Self::Alive(_)
            | Self::Election(_)
            | Self::Answer(_) => FrameClass::Urgent,
            _ => FrameClass::Ordered,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;
    use crate::{Close, Digest};

    #[test]
    fn frames_whose_order_tells_something_stay_in_order() {
        assert_eq!(Frame::Ping(1).class(), FrameClass::Urgent);
        let digest = Frame::Digest(Digest {
            entries: Vec::new(),
            answer: true,
        });
        let reason = String::new();
        let close = Frame::Close(Close { reason });
        for frame in [Frame::Pong(1), Frame::Leave(1), digest, close] {
            assert_eq!(frame.class(), FrameClass::Ordered, "{frame:?}");
        }
    }

    #[test]
    fn each_class_has_a_place_of_its_own() {
        assert_eq!(FrameClass::ALL.map(FrameClass::index), [0, 1]);
    }
}

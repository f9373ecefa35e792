//! The state of one peer: its link, and how it was dialled.
//!
//! Not here: sending, and the making of links (`links`).

use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use bytes::Bytes;
use ringtalk_wire::{Addresses, FrameClass, NodeId};

use super::queue::Queue;
use super::silence::DueAnswer;
use crate::config::REDIAL;
use crate::{LinkId, Time};

/// How soon a dial is repeated at first: the port of a process that is being killed may accept for a moment longer.
/// Doubles up to [`REDIAL`].
const FIRST_REDIAL: Duration = Duration::from_millis(10);
/// A link that lasted this long was no failure.
const LASTING: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Peer {
    pub(super) current: Option<CurrentLink>,
    pub(super) dial_again: Time,
    /// How many dials in a row came to nothing, or to a link that did not last.
    pub(super) failures: u32,
    /// When the last link was lost.
    pub(super) lost_at: Option<Time>,
    /// Where it was dialled last.
    pub(super) addresses: Addresses,
    /// The host that its last direct link came from or was made to.
    pub(super) host: Option<IpAddr>,
    /// The host at which it answered when this node dialled it.
    pub(super) answered_at: Option<IpAddr>,
    /// The node that carried its last link.
    pub(super) carrier: Option<NodeId>,
    pub(super) pending_frames: Vec<(FrameClass, Bytes)>,
    /// How many new messages it has sent.
    pub(super) contribution: u64,
}

#[derive(Debug)]
pub(super) struct CurrentLink {
    pub(super) link: LinkId,
    pub(super) dialled: bool,
    /// Whether a third node carries it.
    pub(super) carried: bool,
    pub(super) queue: Queue,
    /// The queue's bound: a stranger's is small.
    pub(super) bound: usize,
    /// Whether the queue was full and has not drained to half since.
    pub(super) full: bool,
    pub(super) up_since: Time,
    pub(super) last_used: Time,
    /// When something arrived over it last.
    pub(super) last_received: Time,
    /// When a part of a frame came that took long, the last time.
    pub(super) slow_at: Option<Time>,
    /// When a part of a frame came whose sender has most likely given up waiting for it.
    pub(super) crawling_at: Option<Time>,
    /// What the peer has to answer, if nothing has come over it since.
    pub(super) question: Option<DueAnswer>,
}

impl Peer {
    /// Notes that a link was lost. If it lasted, the peer is dialled again at once, else after a while.
    pub(super) fn note_lost(&mut self, now: Time, up: Time) {
        self.lost_at = Some(now);
        if now - up >= LASTING {
            self.failures = 0;
            self.dial_again = Time::default();
        } else {
            self.put_off(now);
        }
    }

    /// Puts the next dial off, longer each time.
    pub(super) fn put_off(&mut self, now: Time) {
        self.dial_again = now + REDIAL.min(FIRST_REDIAL * (1 << self.failures.min(8)));
        self.failures += 1;
    }
}

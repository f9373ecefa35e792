//! Traffic: how many frames each node sends in a stretch of time, and what they weigh.
//!
//! It judges nothing, and changes nothing. Not here: the ways of messages (`survey`).

use bytes::Bytes;
use ringtalk_wire::{Frame, decode};

use super::World;
use crate::network::HostIndex;

/// What was sent since it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// By the host that sent them.
    pub(crate) frames: Vec<u64>,
    /// How many of them were heartbeats.
    pub(crate) heartbeats: u64,
    pub(crate) bytes: u64,
    /// The largest frame.
    pub(crate) largest: usize,
}

impl World {
    /// From now on frames are counted.
    pub(crate) fn count_traffic(&mut self) {
        self.traffic = Some(Traffic::default());
    }

    /// A node sends a frame.
    pub(super) fn note_sent(&mut self, index: HostIndex, bytes: &Bytes) {
        let hosts = self.processes.len();
        let Some(traffic) = &mut self.traffic else {
            return;
        };
        traffic.frames.resize(hosts, 0);
        traffic.frames[index] += 1;
        traffic.bytes += bytes.len() as u64;
        traffic.largest = traffic.largest.max(bytes.len());
        traffic.heartbeats += u64::from(matches!(decode(bytes), Ok(Frame::Heartbeat(_))));
    }
}

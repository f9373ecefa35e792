//! Traffic: how many frames each node sends in a span of time, and how large they are.
//!
//! It judges nothing, and changes nothing. Not here: how messages travel (`survey`).

use bytes::Bytes;
use ringtalk_wire::{Frame, decode};

use super::World;
use crate::network::HostIndex;

/// The traffic since counting began.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// How many frames each host sent.
    pub(crate) frames: Vec<u64>,
    /// How many of the frames were heartbeats.
    pub(crate) heartbeats: u64,
    pub(crate) bytes: u64,
    /// The size of the largest frame, in bytes.
    pub(crate) largest: usize,
}

impl World {
    /// Starts to count frames.
    pub(crate) fn count_traffic(&mut self) {
        self.measurement.traffic = Some(Traffic::default());
    }

    /// Counts a frame that a node sends.
    pub(super) fn count_frame(&mut self, index: HostIndex, bytes: &Bytes) {
        let hosts = self.processes.len();
        let Some(traffic) = &mut self.measurement.traffic else {
            return;
        };
        traffic.frames.resize(hosts, 0);
        traffic.frames[index] += 1;
        traffic.bytes += bytes.len() as u64;
        traffic.largest = traffic.largest.max(bytes.len());
        traffic.heartbeats += u64::from(matches!(decode(bytes), Ok(Frame::Heartbeat(_))));
    }
}

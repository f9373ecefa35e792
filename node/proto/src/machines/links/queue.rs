//! The queue of a link: how much waits on it, and whose share that takes.
//!
//! Not here: the bytes themselves (the driver), and the bounds (`links`).

use alloc::collections::VecDeque;
use alloc::collections::btree_map::{BTreeMap, Entry};

use ringtalk_wire::NodeId;

/// The cost of a frame in a queue beside its bytes.
const FRAME_COST: usize = 96;

/// The sizes of the frames that wait on a link. Many small frames weigh more than their bytes.
#[derive(Debug, Default)]
pub(super) struct Queue {
    frames: VecDeque<(usize, Option<NodeId>)>,
    bytes: usize,
    /// How many of the bytes each share takes.
    shares: BTreeMap<NodeId, usize>,
    /// How many bytes of the first frame are written.
    begun: usize,
}

impl Queue {
    pub(super) fn push(&mut self, bytes: usize, share: Option<NodeId>) {
        self.frames.push_back((bytes, share));
        self.bytes += bytes;
        if let Some(share) = share {
            *self.shares.entry(share).or_default() += bytes;
        }
    }

    pub(super) fn written(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.begun += bytes;
        while let Some(&(first, share)) = self.frames.front()
            && first <= self.begun
        {
            self.begun -= first;
            self.frames.pop_front();
            if let Some(Entry::Occupied(mut taken)) = share.map(|share| self.shares.entry(share)) {
                *taken.get_mut() -= first;
                if *taken.get() == 0 {
                    taken.remove();
                }
            }
        }
        debug_assert!(
            !self.frames.is_empty() || self.shares.is_empty(),
            "what is written takes nobody's share"
        );
    }

    /// Returns how many bytes take this share.
    pub(super) fn share(&self, of: &NodeId) -> usize {
        self.shares.get(of).copied().unwrap_or(0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Returns how many bytes wait to be written.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn weight(&self) -> usize {
        self.bytes + self.frames.len() * FRAME_COST
    }
}

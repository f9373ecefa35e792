//! The queues of a link: how much waits in each, and whose share that takes.
//!
//! Urgent frames have a queue of their own. Not here: the bytes themselves (the driver), and the bounds (`links`).

use alloc::collections::VecDeque;
use alloc::collections::btree_map::{BTreeMap, Entry};

use ringtalk_wire::{FrameClass, NodeId};

/// The cost of a frame in a queue beside its bytes.
const FRAME_COST: usize = 96;

/// The sizes of the frames that wait on a link. Many small frames weigh more than their bytes.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// One for each class.
    classes: [ClassQueue; FrameClass::ALL.len()],
    /// How many of the bytes each share takes.
    shares: BTreeMap<NodeId, usize>,
}

/// The frames of one class.
#[derive(Debug, Default)]
struct ClassQueue {
    frames: VecDeque<(usize, Option<NodeId>)>,
    bytes: usize,
    /// How many bytes of the first frame are written.
    begun: usize,
}

impl Queue {
    pub(super) fn push(&mut self, class: FrameClass, bytes: usize, share: Option<NodeId>) {
        let queue = &mut self.classes[class.index()];
        queue.frames.push_back((bytes, share));
        queue.bytes += bytes;
        if let Some(share) = share {
            *self.shares.entry(share).or_default() += bytes;
        }
    }

    pub(super) fn written(&mut self, class: FrameClass, bytes: usize) {
        let queue = &mut self.classes[class.index()];
        queue.bytes = queue.bytes.saturating_sub(bytes);
        queue.begun += bytes;
        while let Some(&(first, share)) = queue.frames.front()
            && first <= queue.begun
        {
            queue.begun -= first;
            queue.frames.pop_front();
            if let Some(Entry::Occupied(mut taken)) = share.map(|share| self.shares.entry(share)) {
                *taken.get_mut() -= first;
                if *taken.get() == 0 {
                    taken.remove();
                }
            }
        }
        debug_assert!(
            !self.is_empty() || self.shares.is_empty(),
            "what is written takes nobody's share"
        );
    }

    /// Returns how many bytes take this share.
    pub(super) fn share(&self, of: &NodeId) -> usize {
        self.shares.get(of).copied().unwrap_or(0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.classes.iter().all(|queue| queue.frames.is_empty())
    }

    /// Returns how many bytes of a class wait to be written.
    pub(super) const fn bytes(&self, class: FrameClass) -> usize {
        self.classes[class.index()].bytes
    }

    pub(super) fn weight(&self) -> usize {
        let weights = self.classes.iter();
        weights
            .map(|queue| queue.bytes + queue.frames.len() * FRAME_COST)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urgent_bytes_that_are_written_first_free_nobodys_share() {
        let author = NodeId::from_bytes([1; 16]);
        let mut queue = Queue::default();
        queue.push(FrameClass::Ordered, 1_000, Some(author));
        queue.push(FrameClass::Urgent, 1_500, None);
        assert_eq!(queue.weight(), 2_500 + 2 * FRAME_COST);
        queue.written(FrameClass::Urgent, 1_500);
        assert_eq!(queue.share(&author), 1_000);
        assert_eq!(queue.bytes(FrameClass::Urgent), 0);
        assert_eq!(queue.bytes(FrameClass::Ordered), 1_000);
        queue.written(FrameClass::Ordered, 999);
        assert!(!queue.is_empty());
        queue.written(FrameClass::Ordered, 1);
        assert!(queue.is_empty());
        assert_eq!((queue.share(&author), queue.weight()), (0, 0));
    }
}

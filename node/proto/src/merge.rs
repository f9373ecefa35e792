//! Meeting another ring of the same discussion: which of the two goes on.
//!
//! `PROTOCOL.md` §8. Both coordinators decide alike, from the same two offers. Not here: how the
//! losing ring dissolves.

use core::cmp::Reverse;

use ringtalk_wire::Meet;

/// What a coordinator does when it meets another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Course {
    /// Go on, and answer once the own epoch is above the other's.
    GoOn {
        /// The epoch number to open first, where one must be opened.
        open: Option<u64>,
    },
    /// Answer, so that the other opens a higher epoch first.
    Answer,
    /// Dissolve into the other ring.
    Dissolve,
}

/// Decides between one's own ring and the other.
pub(crate) fn decide(mine: &Meet, theirs: &Meet) -> Course {
    let (own, other) = (mine.tag.epoch.number, theirs.tag.epoch.number);
    if rank(mine) > rank(theirs) {
        let open = (own <= other).then(|| other + 1);
        Course::GoOn { open }
    } else if other > own {
        Course::Dissolve
    } else {
        Course::Answer
    }
}

/// More members first, then the more senior coordinator, then the lower id.
fn rank(ring: &Meet) -> impl Ord {
    let coordinator = ring.tag.epoch.coordinator;
    (ring.members, Reverse(ring.seniority), Reverse(coordinator))
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::{Addresses, Epoch, NodeId, ViewHash, ViewTag};

    use super::*;

    fn ring(members: u64, coordinator: u8, epoch: u64) -> Meet {
        Meet {
            tag: ViewTag {
                epoch: Epoch {
                    number: epoch,
                    coordinator: NodeId::from_bytes([coordinator; 16]),
                },
                number: 1,
                hash: ViewHash::default(),
            },
            members,
            seniority: 0,
            addresses: Addresses::default(),
        }
    }

    #[test]
    fn the_larger_ring_goes_on_under_a_higher_epoch() {
        let (large, small) = (ring(5, 2, 1), ring(2, 1, 3));
        assert_eq!(decide(&large, &small), Course::GoOn { open: Some(4) });
        assert_eq!(decide(&small, &large), Course::Answer);
        let risen = ring(5, 2, 4);
        assert_eq!(decide(&small, &risen), Course::Dissolve);
        assert_eq!(decide(&risen, &small), Course::GoOn { open: None });
    }

    #[test]
    fn of_two_equal_rings_exactly_one_goes_on() {
        let (low, high) = (ring(1, 1, 1), ring(1, 2, 1));
        assert_eq!(decide(&low, &high), Course::GoOn { open: Some(2) });
        assert_eq!(decide(&high, &low), Course::Answer);
    }
}

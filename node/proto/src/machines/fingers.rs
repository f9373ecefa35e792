//! Fingers: the members at doubling distances round the ring, to which links are kept for speed.
//!
//! `PROTOCOL.md` §3. One end wants a finger and both ends keep the link, so each end works out from the view whose
//! finger it is. Not here: the neighbours, on which correctness depends (`concerns::ring`).

use alloc::collections::BTreeSet;

use ringtalk_wire::{Member, NodeId};

use crate::View;
use crate::config::{FINGERS_BELOW, FINGERS_FROM};

/// This node's fingers, in one view.
#[derive(Debug, Default)]
pub(crate) struct Fingers {
    on: bool,
    ids: BTreeSet<NodeId>,
    /// The finger whose turn it is to compare clocks, and how often it was told of this node's.
    turn: Option<NodeId>,
    repeats: u32,
}

/// How often in a row one finger is told of this node's clock: a difference counts once it lasts.
const REPEATS: u32 = 2;

impl Fingers {
    /// Finds the fingers of `me` in a view. A small ring needs none, and a few members more or less do not switch
    /// them on and off.
    pub(crate) fn renew(&mut self, view: &View, me: &NodeId) {
        let count = view.len();
        self.on = count >= FINGERS_FROM || (self.on && count >= FINGERS_BELOW);
        self.ids = match view.member(me).filter(|_| self.on) {
            Some(me) => finger_peers(view, me),
            None => BTreeSet::new(),
        };
        debug_assert!(!self.ids.contains(me), "nobody is its own finger");
    }

    /// Returns the peers of all finger links; both ends of each keep it.
    pub(crate) const fn ids(&self) -> &BTreeSet<NodeId> {
        &self.ids
    }

    /// Returns the finger to compare clocks with next: each in turn.
    pub(crate) fn next_turn(&mut self) -> Option<NodeId> {
        let stays = self.turn.filter(|turn| self.ids.contains(turn));
        if let Some(turn) = stays.filter(|_| self.repeats < REPEATS) {
            self.repeats += 1;
            return Some(turn);
        }
        let after = |turn: NodeId| self.ids.range(turn..).find(|id| **id != turn);
        let next = self.turn.and_then(after).or_else(|| self.ids.first());
        self.turn = next.copied();
        self.repeats = 1;
        self.turn
    }
}

/// Returns the fingers of `me`, and the members that have `me` as a finger.
fn finger_peers(view: &View, me: &Member) -> BTreeSet<NodeId> {
    let mut ids = BTreeSet::new();
    let (Some(successor), Some(predecessor)) =
        (view.at_or_after(me.key.plus(1)), view.before(me.key))
    else {
        return ids;
    };
    let to_successor = me.key.clockwise_to(successor.key);
    let from_predecessor = predecessor.key.clockwise_to(me.key);
    ids.extend([successor.id, predecessor.id]);
    for distance in
        (shortest(view, [predecessor, me, successor])..u128::BITS).map(|level| 1 << level)
    {
        let (ahead, behind) = (me.key.plus(distance), me.key.minus(distance));
        ids.extend(view.at_or_after(ahead).map(|one| one.id));
        ids.extend(view.before(behind.plus(1)).map(|one| one.id));
        // Members whose point at this distance falls between a neighbour of this node and this node.
        let looks_ahead = behind.minus(from_predecessor).plus(1);
        ids.extend(view.arc(looks_ahead, from_predecessor).map(|one| one.id));
        ids.extend(view.arc(ahead, to_successor).map(|one| one.id));
    }
    ids.remove(&me.id);
    ids
}

/// Returns the lowest level at which fingers may differ from the neighbours. At distances shorter than the gaps
/// around this node all points lie between two neighbours.
fn shortest(view: &View, [predecessor, me, successor]: [&Member; 3]) -> u32 {
    let before = view.before(predecessor.key).map(|one| one.key);
    let after = view.at_or_after(successor.key.plus(1)).map(|one| one.key);
    let around = [
        before,
        Some(predecessor.key),
        Some(me.key),
        Some(successor.key),
        after,
    ];
    let gaps = around.windows(2).map(|pair| match pair {
        [Some(one), Some(next)] => one.clockwise_to(*next),
        _ => 0,
    });
    gaps.min().unwrap_or(0).max(1).ilog2()
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use ringtalk_wire::{NetworkId, RingKey};

    use super::*;
    use crate::view::test_support::{even_ring, id};

    fn fingers(view: &View, me: &NodeId) -> Fingers {
        let mut fingers = Fingers::default();
        fingers.renew(view, me);
        fingers
    }

    #[test]
    fn both_ends_of_a_link_keep_it() {
        for count in [17, 32, 33, 100] {
            let view = even_ring(count);
            for member in view.members() {
                for other in fingers(&view, &member.id).ids() {
                    let back = fingers(&view, other);
                    assert!(back.ids().contains(&member.id), "{count} members");
                }
            }
        }
    }

    #[test]
    fn levels_below_the_gaps_around_add_nobody() {
        let mut view = even_ring(3);
        for number in 100..140_u16 {
            let narrow = RingKey(u128::from(number).pow(15));
            let key = if number % 2 == 0 {
                narrow
            } else {
                view.free_key_in(NetworkId::default())
            };
            view = view
                .with(Member {
                    id: id(number),
                    key,
                    network: NetworkId::default(),
                    ..view.member(&id(0)).unwrap().clone()
                })
                .unwrap();
            for me in view.members() {
                let mut all = BTreeSet::new();
                for distance in (0..u128::BITS).map(|level| 1 << level) {
                    let points = |one: &Member| {
                        let ahead = view.at_or_after(one.key.plus(distance)).unwrap().id;
                        let behind = view.before(one.key.minus(distance).plus(1)).unwrap().id;
                        [ahead, behind]
                    };
                    all.extend(points(me));
                    let others = view
                        .members()
                        .filter(|other| points(other).contains(&me.id));
                    all.extend(others.map(|other| other.id));
                }
                all.remove(&me.id);
                assert_eq!(finger_peers(&view, me), all, "{} members", view.len());
            }
        }
    }

    #[test]
    fn the_number_of_fingers_grows_with_the_logarithm() {
        let most = |count: usize| {
            let view = even_ring(count);
            let counts = view
                .members()
                .map(|one| fingers(&view, &one.id).ids().len());
            counts.max()
        };
        assert_eq!(most(64), Some(11));
        assert!(most(1_024) <= Some(20));
        assert!(most(1_000) <= Some(40));
    }

    #[test]
    fn a_few_members_more_or_less_do_not_switch_fingers() {
        let (few, some, many) = (even_ring(11), even_ring(16), even_ring(17));
        let me = id(0);
        let mut fingers = fingers(&some, &me);
        assert!(fingers.ids().is_empty());
        fingers.renew(&many, &me);
        assert!(!fingers.ids().is_empty());
        fingers.renew(&some, &me);
        assert!(!fingers.ids().is_empty());
        fingers.renew(&few, &me);
        assert!(fingers.ids().is_empty());
    }

    #[test]
    fn each_finger_gets_two_turns_in_a_row() {
        let view = even_ring(32);
        let mut fingers = fingers(&view, &id(3));
        let count = fingers.ids().len();
        let turns: Vec<NodeId> = (0..2 * count).filter_map(|_| fingers.next_turn()).collect();
        let different: BTreeSet<NodeId> = turns.iter().copied().collect();
        assert_eq!(different.len(), count);
        assert!(turns.chunks(2).all(|pair| pair[0] == pair[1]));
    }
}

//! Relocation: a node whose machine has other addresses than the view says.
//!
//! It asks for them as a newcomer asks for a place, and the coordinator publishes them (`PROTOCOL.md` §5.1). Not here:
//! the limits (`concerns::entry`), how a view changes a member (`view`).

use alloc::vec::Vec;

use ringtalk_wire::{Addresses, Frame, Join, Member, NetworkId};

use super::Node;
use crate::view::Differences;
use crate::{Time, View};

impl Node {
    /// Takes over where this node is now, and tells the others.
    pub(super) fn relocate(&mut self, addresses: Addresses, network: NetworkId) {
        let now = self.context.now;
        self.context.config.addresses = addresses;
        self.context.config.network = network;
        self.entry.relocation.begin(now);
        self.reachability.renew(&self.context);
        self.announce_addresses();
    }

    /// Returns when this node tells the others where it is.
    pub(super) fn relocation_due(&self) -> Option<Time> {
        self.entry.relocation.deadline()
    }

    /// Tells the coordinator where this node is, unless the view has it; a coordinator publishes it.
    pub(super) fn announce_addresses(&mut self) {
        let now = self.context.now;
        if !self.entry.relocation.is_due(now) || self.context.is_leaving() {
            return;
        }
        let me = self.context.config.id;
        let Some(view) = self.context.view_as_member().cloned() else {
            // A request for a place says it too. But a node may also find that it still has its old place.
            return;
        };
        let listed = view.member(&me).map(|member| &member.addresses);
        if listed == Some(&self.context.config.addresses) {
            return self.entry.relocation.end();
        }
        let request = self.own_join();
        if self.context.has_authority() {
            self.entry.newcomers.enqueue(me, request);
            self.admit_newcomers();
        } else if !self.context.is_coordinator() {
            let coordinator = view.coordinator();
            self.context
                .send_to_member(&coordinator, &Frame::Join(request));
        }
    }

    /// Returns true if a member that asks for a place has other addresses than the view says, and may change them.
    pub(super) fn is_move(&self, member: &Member, join: &Join) -> bool {
        let may_move = self.entry.relocation.may_move(self.context.now, &member.id);
        member.addresses != join.addresses && may_move
    }

    /// Dials members that have moved at once, where they are now: what failed before was at their old addresses.
    pub(super) fn follow_moved(&mut self, moved: &[&Member]) {
        for member in moved {
            self.context.links.dial_soon(&member.id);
        }
    }
}

/// Returns the members that have other addresses since an earlier view.
pub(super) fn moved<'a>(before: Option<&View>, differences: &'a Differences) -> Vec<&'a Member> {
    let has_moved = |member: &&Member| {
        let before = before.and_then(|before| before.member(&member.id));
        before.is_some_and(|before| before.addresses != member.addresses)
    };
    let changed = differences.changed.iter().map(|member| &**member);
    changed.filter(has_moved).collect()
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use ringtalk_wire::{NodeId, RingKey};

    use super::*;
    use crate::node::test_support::node;
    use crate::view::Change;
    use crate::view::test_support::unsealed;
    use crate::{Input, LinkId, Output};

    const EVE: NodeId = NodeId::from_bytes([9; 16]);

    fn join_from(address: &str) -> Join {
        Join {
            name: "eve".into(),
            addresses: Addresses::at(address),
            network: NetworkId::default(),
            tag: None,
        }
    }

    /// Returns a coordinator with one member, which joined from `10.0.0.1:1`.
    fn ring() -> Node {
        let mut node = node();
        node.handle(Time::default(), Input::Found);
        node.handle(
            Time::default(),
            Input::LinkUp {
                link: LinkId::lobby(1),
                peer: EVE,
                dialled: false,
                host: None,
            },
        );
        node.take_join(EVE, join_from("10.0.0.1:1"));
        node
    }

    fn listed(node: &Node, id: &NodeId) -> Member {
        let view = node.view().expect("it has founded the discussion");
        view.member(id).expect("it is listed").clone()
    }

    fn at(seconds: u64) -> Time {
        Time::default() + Duration::from_secs(seconds)
    }

    /// Lets time pass in steps, since a node that slept for a second doubts itself.
    fn wait(node: &mut Node, until: Time) {
        while node.context.now < until {
            let next = node.context.now + Duration::from_millis(100);
            node.handle(next, Input::Timer);
        }
    }

    #[test]
    fn a_member_that_moves_keeps_its_place_and_is_limited() {
        let mut node = ring();
        let before = listed(&node, &EVE);
        let number = node.view().unwrap().tag().number;
        for move_number in 2..10 {
            let next = node.context.now + Duration::from_millis(100);
            wait(&mut node, next);
            node.take_join(EVE, join_from(&alloc::format!("10.0.0.1:{move_number}")));
            // The coordinator has nothing to say about a request for what the view has.
            node.take_join(EVE, join_from(&alloc::format!("10.0.0.1:{move_number}")));
        }
        let after = listed(&node, &EVE);
        let last = Addresses::at("10.0.0.1:5");
        assert_eq!(after.addresses, last, "the fifth move at once must wait");
        assert_eq!(node.view().unwrap().tag().number, number + 4);
        let addresses = after.addresses.clone();
        let same_place = Member {
            addresses,
            ..before
        };
        assert_eq!(after, same_place);
    }

    #[test]
    fn a_coordinator_that_moves_publishes_it() {
        let mut node = ring();
        let me = node.context.config.id;
        let addresses = Addresses::at("10.0.0.7:7");
        let network = NetworkId::of([10, 0, 0, 7].into(), 24);
        let moved = Input::Moved {
            addresses: addresses.clone(),
            network,
        };
        node.handle(at(1), moved);
        let mine = listed(&node, &me);
        assert_eq!((mine.addresses, mine.network), (addresses, network));
        node.handle(at(4), Input::Timer);
        assert_eq!(node.relocation_due(), None, "it has arrived");
    }

    #[test]
    fn a_member_tells_its_coordinator_until_the_view_has_it() {
        let mut node = node();
        let me = node.context.config.id;
        let member = |id, key, address: &str| Member {
            id,
            name: alloc::format!("m{key}"),
            addresses: Addresses::at(address),
            seniority: key,
            key: RingKey(key.into()),
            network: NetworkId::default(),
        };
        let joined = |one| Change {
            opening: None,
            joined: alloc::vec![one],
            departed: Vec::new(),
            renamed: Vec::new(),
        };
        let view = View::founding(member(EVE, 0, "10.0.0.1:1"), 1, unsealed);
        let mine = member(me, 1, "10.0.0.2:2");
        let (_, view) = view.next(joined(mine.clone()), unsealed).unwrap();
        node.adopt(view.clone());
        let up = Input::LinkUp {
            link: LinkId::lobby(1),
            peer: EVE,
            dialled: true,
            host: None,
        };
        node.handle(at(1), up);
        let addresses = Addresses::at("10.0.0.7:7");
        let moved = Input::Moved {
            addresses: addresses.clone(),
            network: NetworkId::default(),
        };
        let asks = |node: &mut Node| {
            let request = ringtalk_wire::encode(&Frame::Join(node.own_join()));
            let outputs = core::iter::from_fn(|| node.poll_output());
            let sent = outputs.filter(
                |output| matches!(output, Output::Send { bytes, .. } if **bytes == request[..]),
            );
            sent.count()
        };
        node.handle(at(2), moved);
        assert_eq!(asks(&mut node), 1);
        node.handle(at(3), Input::Timer);
        assert_eq!(asks(&mut node), 0, "the coordinator needs a moment");
        node.handle(at(4), Input::Timer);
        assert_eq!(asks(&mut node), 1);
        let moved = Member { addresses, ..mine };
        let (_, view) = view.next(joined(moved), unsealed).unwrap();
        node.adopt(view);
        node.handle(at(6), Input::Timer);
        assert_eq!((asks(&mut node), node.relocation_due()), (0, None));
    }
}

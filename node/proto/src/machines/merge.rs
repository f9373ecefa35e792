//! Merging: which of two rings invites, and who is in the ring that they become.
//!
//! `PROTOCOL.md` §8. Both coordinators decide alike, from the same two offers. Not here: their agreement
//! (`concerns::meeting`).

use core::cmp::Reverse;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use ringtalk_wire::{Epoch, Meet, Member, NetworkId, Opening, RingKey, Seal, ViewTag};

use crate::View;

/// Returns true if this node's ring invites the other, and not the other way round: more members first, then the more
/// senior coordinator, then the lower id.
pub(crate) fn outranks(mine: &Meet, theirs: &Meet) -> bool {
    rank(mine) > rank(theirs)
}

fn rank(ring: &Meet) -> impl Ord {
    let coordinator = ring.tag.epoch.coordinator;
    (ring.members, Reverse(ring.seniority), Reverse(coordinator))
}

/// Returns how the epoch of two rings that become one begins; it has no seals yet.
pub(crate) fn opening(inviting: Epoch, invited: Epoch) -> Opening {
    debug_assert_ne!(inviting, invited, "two rings have two epochs");
    Opening {
        epoch: Epoch {
            number: inviting.number.max(invited.number) + 1,
            coordinator: inviting.coordinator,
        },
        before: inviting,
        with: Some(invited),
        seals: Vec::new(),
    }
}

/// Builds the view of two rings that become one, under the inviting coordinator. Its members keep their names and
/// seniorities. The others follow in their order, each beside those of its network. All members get new keys at even
/// distances.
///
/// `name` returns the name of each of the others, called for the most senior first.
pub(crate) fn union(
    inviting: &View,
    invited: &View,
    name: impl FnMut(&Member) -> String,
    opening: Opening,
    seal: impl FnOnce(&ViewTag) -> Seal,
) -> Option<View> {
    let mut members = inviting.members().cloned().collect::<Vec<Member>>();
    let newcomers = invited.members();
    members.extend(newcomers.filter(|one| !inviting.contains(&one.id)).cloned());
    let (first, second) = members.split_at_mut(inviting.len());
    number_and_name(first, second, name);
    let mut members = by_network(members);
    debug_assert!(members.len() >= inviting.len().max(invited.len()));
    let step = u128::MAX / members.len() as u128;
    for (place, member) in (0..).zip(&mut members) {
        member.key = RingKey(step * place);
    }
    inviting.merged(invited, opening, members, seal)
}

/// Puts each network's members together, else in their order: the ring crosses from one network to another as rarely
/// as it can.
fn by_network(members: Vec<Member>) -> Vec<Member> {
    let mut networks: BTreeMap<NetworkId, usize> = BTreeMap::new();
    for (place, member) in members.iter().enumerate() {
        networks.entry(member.network).or_insert(place);
    }
    let mut members = members;
    members.sort_by_key(|member| networks.get(&member.network).copied());
    members
}

/// Gives the newcomers their names, and seniorities after all members.
fn number_and_name(
    members: &[Member],
    newcomers: &mut [Member],
    mut name: impl FnMut(&Member) -> String,
) {
    let highest = members.iter().map(|one| one.seniority).max();
    let mut order: Vec<&mut Member> = newcomers.iter_mut().collect();
    order.sort_by_key(|one| (one.seniority, one.id));
    for (seniority, member) in (highest.unwrap_or_default() + 1..).zip(order) {
        member.seniority = seniority;
        member.name = name(member);
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec;

    use ringtalk_wire::{Addresses, NodeId, ViewHash};

    use super::*;
    use crate::view::test_support::{FakeSigner, RING, id, unsealed};
    use crate::view::{Change, Mismatch};

    fn ring(members: u64, coordinator: u16) -> Meet {
        Meet {
            tag: ViewTag {
                epoch: Epoch {
                    number: 1,
                    coordinator: id(coordinator),
                },
                number: 1,
                hash: ViewHash::default(),
            },
            members,
            seniority: 0,
            addresses: Addresses::default(),
        }
    }

    fn view(epoch: u64, names: &[(u16, &str)]) -> View {
        let member = |(place, &(number, name)): (usize, &(u16, &str))| Member {
            id: id(number),
            name: name.to_string(),
            addresses: Addresses::default(),
            seniority: place as u64,
            key: RingKey(place as u128),
            network: NetworkId::default(),
        };
        let mut members = names.iter().enumerate().map(member);
        let founding = View::founding(members.next().unwrap(), epoch, unsealed);
        let change = Change {
            opening: None,
            joined: members.collect(),
            departed: vec![],
            renamed: vec![],
        };
        let (update, view) = founding.next(change, unsealed).unwrap();
        // Its contents fit the view; only the signature is missing.
        assert_eq!(
            founding.apply(&update, RING, &FakeSigner),
            Err(Mismatch::Seal)
        );
        view
    }

    #[test]
    fn each_networks_members_stay_together_in_their_order() {
        let network = |number: u8| NetworkId::of([10, number, 0, 1].into(), 16);
        let members: Vec<Member> = view(1, &[(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")])
            .members()
            .zip([0, 1, 0, 1, 2])
            .map(|(member, at)| Member {
                network: network(at),
                ..member.clone()
            })
            .collect();
        let order: Vec<NodeId> = by_network(members).iter().map(|one| one.id).collect();
        assert_eq!(order, [id(1), id(3), id(2), id(4), id(5)]);
    }

    #[test]
    fn of_two_rings_exactly_one_invites() {
        assert!(outranks(&ring(5, 2), &ring(2, 1)));
        assert!(!outranks(&ring(2, 1), &ring(5, 2)));
        assert!(outranks(&ring(2, 1), &ring(2, 2)));
        assert!(!outranks(&ring(2, 2), &ring(2, 1)));
    }

    #[test]
    fn the_union_has_the_members_of_both_rings() {
        let one = view(4, &[(1, "ann"), (2, "bob")]);
        let other = view(7, &[(9, "Ann"), (2, "bob"), (8, "eve")]);
        let mut named = 0;
        let numbered = |member: &Member| {
            named += 1;
            format!("{}-{named}", member.name)
        };
        let opening = opening(one.tag().epoch, other.tag().epoch);
        let union = union(&one, &other, numbered, opening, unsealed).unwrap();
        let members: Vec<(NodeId, u64, String)> = union
            .members()
            .map(|one| (one.id, one.seniority, one.name.clone()))
            .collect();
        let name = str::to_string;
        let expected = [
            (id(1), 0, name("ann")),
            (id(2), 1, name("bob")),
            (id(9), 2, name("Ann-1")),
            (id(8), 3, name("eve-2")),
        ];
        assert_eq!(members, expected);
        assert_eq!(union.tag().epoch.number, 8);
        assert_eq!(union.coordinator(), id(1));
        assert!(union.layout() > one.layout());
        assert!(union.descends_from(&one.tag()) && union.descends_from(&other.tag()));
        let paged = View::from_pages(union.pages(), RING, &FakeSigner);
        assert_eq!(paged, Err(Mismatch::Seal), "what it says fits");
    }
}

//! The members of a view, indexed by key and by id.
//!
//! A roster is a persistent map: it consists of 64 parts by key and 64 by id, and a copy that differs in a few
//! members shares all other parts. So a change costs the same in a ring of ten members as in one of thousands, and a
//! comparison of two rosters skips what they share. Not here: the rest of a view (`view`).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::array;

use ringtalk_wire::{Member, NodeId, RingKey, SectorHash, ShortId};

const PARTS: usize = RingKey::SECTORS;

/// Members in the order of their ring keys. Keys are unique, and so are ids.
#[derive(Clone)]
pub(super) struct Roster {
    sectors: [Arc<Sector>; PARTS],
    ids: [Arc<Ids>; PARTS],
    len: usize,
}

/// The members whose ids begin alike, in the order of their ids.
type Ids = Vec<(NodeId, Arc<Member>)>;

/// The members in a 64th of the ring, in ring order.
#[derive(Clone, Default)]
struct Sector {
    members: Vec<(RingKey, Arc<Member>)>,
    hash: SectorHash,
}

/// The difference between two rosters.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    /// Members of the later one only.
    pub(crate) joined: Vec<Arc<Member>>,
    /// Members of the earlier one only.
    pub(crate) gone: Vec<Arc<Member>>,
    /// Members of both that differ in anything, as the later one has them.
    pub(crate) changed: Vec<Arc<Member>>,
}

impl Roster {
    /// Returns a roster of one member.
    pub(super) fn alone(member: Member) -> Self {
        let mut roster = Self::empty();
        roster.change(&[], [member], &[]);
        roster
    }

    /// Returns a roster of these members; `None` if two of them have the same id or the same key.
    pub(super) fn of(members: impl IntoIterator<Item = Member>) -> Option<Self> {
        let mut roster = Self::empty();
        let mut count = 0;
        let members = members.into_iter().inspect(|_| count += 1);
        let sound = roster.change(&[], members, &[]);
        (sound && roster.len == count).then_some(roster)
    }

    /// Returns an empty roster.
    pub(super) fn empty() -> Self {
        let (nobody, none) = (Arc::default(), Arc::default());
        Self {
            sectors: array::from_fn(|_| Arc::clone(&nobody)),
            ids: array::from_fn(|_| Arc::clone(&none)),
            len: 0,
        }
    }

    /// Removes members, inserts others and renames some. One that is inserted again, in its own place under its own name,
    /// has moved. Returns false if an id or a key would occur twice otherwise; then the roster must not be used any more.
    pub(super) fn change(
        &mut self,
        gone: &[NodeId],
        joined: impl IntoIterator<Item = Member>,
        renamed: &[(NodeId, &str)],
    ) -> bool {
        let mut touched = [false; PARTS];
        for id in gone {
            if let Some(member) = self.remove(id) {
                touched[usize::from(member.key.sector())] = true;
            }
        }
        for member in joined {
            touched[usize::from(member.key.sector())] = true;
            let listed = self.get(&member.id);
            if listed.is_some_and(|listed| has_same_place(listed, &member)) {
                self.remove(&member.id);
            }
            if !self.insert(Arc::new(member)) {
                return false;
            }
        }
        for &(id, name) in renamed {
            if let Some(before) = self.remove(&id) {
                touched[usize::from(before.key.sector())] = true;
                let mut member = Member::clone(&before);
                member.name = name.into();
                self.insert(Arc::new(member));
            }
        }
        let sectors = self.sectors.iter_mut().zip(touched);
        for (sector, _) in sectors.filter(|(_, touched)| *touched) {
            Arc::make_mut(sector).rehash();
        }
        let by_key = self.sectors.iter().map(|sector| sector.members.len());
        let by_id = self.ids.iter().map(|part| part.len());
        debug_assert_eq!(
            by_key.sum::<usize>(),
            self.len,
            "all are found by their keys"
        );
        debug_assert_eq!(by_id.sum::<usize>(), self.len, "all are found by their ids");
        true
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, id: &NodeId) -> Option<&Member> {
        let part = &self.ids[part_of(id)];
        let place = part.binary_search_by(|(other, _)| other.cmp(id)).ok()?;
        Some(&part[place].1)
    }

    /// Returns the members whose ids begin with `short`.
    pub(super) fn beginning_with(&self, short: ShortId) -> impl Iterator<Item = &NodeId> {
        let ids = short.ids();
        let part = &self.ids[part_of(ids.start())];
        let start = part.partition_point(|(id, _)| id < ids.start());
        let from_there = part[start..].iter().map(|(id, _)| id);
        from_there.take_while(move |id| ids.contains(*id))
    }

    /// Returns all members in ring order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Member> + Clone {
        self.sectors
            .iter()
            .flat_map(|sector| members(&sector.members))
    }

    /// Returns the same, as shared pointers.
    pub(super) fn shared(&self) -> impl Iterator<Item = Arc<Member>> + '_ {
        let sectors = self.sectors.iter();
        sectors.flat_map(|sector| sector.members.iter().map(|(_, member)| Arc::clone(member)))
    }

    /// Returns all members from the first whose key is not less than `key`, once round the ring clockwise.
    pub(super) fn clockwise_from(&self, key: RingKey) -> impl Iterator<Item = &Member> {
        let (number, place) = self.index_of(key);
        let (before, after) = self.sectors[number].members.split_at(place);
        let ahead = self.sectors[number + 1..].iter();
        let others = ahead.chain(&self.sectors[..number]);
        members(after)
            .chain(others.flat_map(|sector| members(&sector.members)))
            .chain(members(before))
    }

    /// Returns all members from the last whose key is less than `key`, once round the ring counter-clockwise.
    pub(super) fn counterclockwise_from(&self, key: RingKey) -> impl Iterator<Item = &Member> {
        let (number, place) = self.index_of(key);
        let (before, after) = self.sectors[number].members.split_at(place);
        let behind = self.sectors[..number].iter().rev();
        let others = behind.chain(self.sectors[number + 1..].iter().rev());
        members(before)
            .rev()
            .chain(others.flat_map(|sector| members(&sector.members).rev()))
            .chain(members(after).rev())
    }

    /// Returns the sectors that have members, with their hashes.
    pub(super) fn hashes(&self) -> Vec<(u8, SectorHash)> {
        let numbered = (0..).zip(&self.sectors);
        let taken = numbered.filter(|(_, sector)| !sector.members.is_empty());
        taken
            .map(|(number, sector)| (number, sector.hash))
            .collect()
    }

    /// Returns what joined, departed and changed since an earlier roster, in the order of ids.
    pub(super) fn since(&self, before: &Self) -> Differences {
        let mut differences = Differences::default();
        for (next, before) in self.ids.iter().zip(&before.ids) {
            if Arc::ptr_eq(next, before) {
                continue;
            }
            for (id, member) in next.iter() {
                match find(before, id) {
                    None => differences.joined.push(Arc::clone(member)),
                    Some(same) if Arc::ptr_eq(same, member) || same == member => {}
                    Some(_) => differences.changed.push(Arc::clone(member)),
                }
            }
            let gone = before.iter().filter(|(id, _)| find(next, id).is_none());
            differences
                .gone
                .extend(gone.map(|(_, member)| Arc::clone(member)));
        }
        differences
    }

    fn insert(&mut self, member: Arc<Member>) -> bool {
        let (id, key) = (member.id, member.key);
        let part = &mut self.ids[part_of(&id)];
        let by_id = part.binary_search_by(|(other, _)| other.cmp(&id));
        let (number, place) = self.index_of(key);
        let sector = &mut self.sectors[number];
        let taken = sector
            .members
            .get(place)
            .is_some_and(|(other, _)| *other == key);
        let (Err(by_id), false) = (by_id, taken) else {
            return false;
        };
        Arc::make_mut(&mut self.ids[part_of(&id)]).insert(by_id, (id, Arc::clone(&member)));
        Arc::make_mut(sector).members.insert(place, (key, member));
        self.len += 1;
        true
    }

    fn remove(&mut self, id: &NodeId) -> Option<Arc<Member>> {
        let part = &mut self.ids[part_of(id)];
        let place = part.binary_search_by(|(other, _)| other.cmp(id)).ok()?;
        let (_, member) = Arc::make_mut(part).remove(place);
        let (number, place) = self.index_of(member.key);
        Arc::make_mut(&mut self.sectors[number])
            .members
            .remove(place);
        self.len -= 1;
        Some(member)
    }

    /// Returns the sector of a key, and the index there of the first member whose key is not less.
    fn index_of(&self, key: RingKey) -> (usize, usize) {
        let number = usize::from(key.sector());
        let members = &self.sectors[number].members;
        (number, members.partition_point(|(other, _)| *other < key))
    }
}

impl Sector {
    fn rehash(&mut self) {
        let members: Vec<&Member> = members(&self.members).collect();
        self.hash = SectorHash::of(&members);
    }
}

impl PartialEq for Roster {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl Eq for Roster {}

impl core::fmt::Debug for Roster {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Returns true if two entries of one member differ at most in where it can be dialled.
fn has_same_place(one: &Member, other: &Member) -> bool {
    (one.key, one.seniority, &one.name) == (other.key, other.seniority, &other.name)
}

fn members(some: &[(RingKey, Arc<Member>)]) -> impl DoubleEndedIterator<Item = &Member> + Clone {
    some.iter().map(|(_, member)| &**member)
}

fn find<'a>(part: &'a [(NodeId, Arc<Member>)], id: &NodeId) -> Option<&'a Arc<Member>> {
    let place = part.binary_search_by(|(other, _)| other.cmp(id)).ok()?;
    Some(&part[place].1)
}

/// Returns the part of an id, by its first six bits, which are as good as random.
const fn part_of(id: &NodeId) -> usize {
    (id.as_bytes()[0] >> 2) as usize
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use ringtalk_wire::{Addresses, NetworkId};

    use super::*;
    use crate::view::test_support::id;

    fn member(number: u16, key: u128) -> Member {
        Member {
            id: id(number),
            name: number.to_string(),
            addresses: Addresses::default(),
            seniority: u64::from(number),
            key: RingKey(key),
            network: NetworkId::default(),
        }
    }

    /// Returns members with keys all round the ring, in an arbitrary order.
    fn scattered(count: u16) -> Vec<Member> {
        let step = u128::MAX / u128::from(count);
        let key = |number: u16| step * u128::from(number * 7 % count);
        (0..count)
            .map(|number| member(number * 321, key(number)))
            .collect()
    }

    #[test]
    fn members_come_in_ring_order_from_anywhere_either_way() {
        let count = 100;
        let roster = Roster::of(scattered(count)).unwrap();
        let keys: Vec<RingKey> = roster.iter().map(|one| one.key).collect();
        assert!(keys.is_sorted() && keys.len() == usize::from(count));
        for (place, &key) in keys.iter().enumerate() {
            let round = keys.iter().cycle().skip(place).take(keys.len());
            assert!(
                roster
                    .clockwise_from(key)
                    .map(|one| &one.key)
                    .eq(round.clone())
            );
            let back: Vec<RingKey> = round.copied().collect();
            let way = roster.counterclockwise_from(key).map(|one| one.key);
            assert!(way.eq(back.into_iter().rev()));
        }
    }

    #[test]
    fn the_order_of_changes_does_not_change_the_hash() {
        let members = scattered(40);
        let at_once = Roster::of(members.clone()).unwrap();
        let mut one_by_one = Roster::of([member(9_999, 5)]).unwrap();
        for member in members.iter().rev().cloned() {
            assert!(one_by_one.change(&[], [member], &[]));
        }
        assert_ne!(at_once.hashes(), one_by_one.hashes());
        assert!(one_by_one.change(&[id(9_999)], [], &[]));
        assert_eq!(at_once.hashes(), one_by_one.hashes());
        assert_eq!(at_once, one_by_one);
        let first = members[0].id;
        assert!(one_by_one.change(&[], [], &[(first, "eve")]));
        assert_ne!(at_once.hashes(), one_by_one.hashes());
        assert_eq!(one_by_one.get(&first).unwrap().name, "eve");
    }

    #[test]
    fn a_second_id_or_key_is_refused() {
        let mut roster = Roster::of([member(1, 10)]).unwrap();
        assert!(!roster.clone().change(&[], [member(1, 20)], &[]));
        assert!(!roster.clone().change(&[], [member(2, 10)], &[]));
        assert!(roster.change(&[id(1)], [member(2, 10)], &[]));
        assert!(Roster::of([member(1, 10), member(1, 20)]).is_none());
        assert!(Roster::of([member(1, 10), member(1, 10)]).is_none());
    }

    #[test]
    fn a_member_that_moves_keeps_its_place() {
        let before = Roster::of([member(1, 10), member(2, 20)]).unwrap();
        let moved = Member {
            addresses: Addresses::at("10.0.0.1:4000"),
            ..member(1, 10)
        };
        let mut next = before.clone();
        assert!(next.change(&[], [moved.clone()], &[]));
        assert_eq!((next.len(), next.get(&id(1))), (2, Some(&moved)));
        assert_ne!(next.hashes(), before.hashes());
        let differences = next.since(&before);
        assert!(differences.joined.is_empty() && differences.gone.is_empty());
        assert_eq!(differences.changed[0].id, id(1));
        for other in [
            Member {
                name: "eve".into(),
                ..moved.clone()
            },
            Member {
                seniority: 0,
                ..moved.clone()
            },
            Member {
                key: RingKey(11),
                ..moved
            },
        ] {
            assert!(!before.clone().change(&[], [other], &[]));
        }
    }

    #[test]
    fn differences_between_rosters_are_found() {
        let before = Roster::of(scattered(50)).unwrap();
        let (gone, renamed) = (
            before.iter().next().unwrap().id,
            before.iter().nth(9).unwrap().id,
        );
        let mut next = before.clone();
        assert!(next.change(&[gone], [member(7, 3)], &[(renamed, "eve")]));
        let ids = |members: &[Arc<Member>]| members.iter().map(|one| one.id).collect::<Vec<_>>();
        let differences = next.since(&before);
        assert_eq!(ids(&differences.joined), [id(7)]);
        assert_eq!(ids(&differences.gone), [gone]);
        assert_eq!(ids(&differences.changed), [renamed]);
        let none = before.since(&before.clone());
        assert!(none.joined.is_empty() && none.gone.is_empty() && none.changed.is_empty());
    }
}

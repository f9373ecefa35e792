//! The lost: members that were found dead, and may only be out of reach.
//!
//! The coordinator dials them now and then. One that answers leads to the other part of a ring that was partitioned
//! (`PROTOCOL.md` §8). Not here: the merge of two rings that meet (`concerns::meeting`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::{Addresses, Member, NetworkId, NodeId};

use crate::Time;
use crate::config::{LOST_FIRST_PROBE, LOST_KEPT, LOST_MEMBERS, LOST_PROBE};

/// How many are dialled at a time, and how many at least of those that refused a connection. These are most probably
/// gone, unless a firewall refuses.
const DIALS: usize = 16;
const DIALS_OF_REFUSING: usize = 4;

/// Members that are dialled now and then.
#[derive(Debug)]
pub(crate) struct LostMembers {
    members: BTreeMap<NodeId, LostMember>,
    next: Time,
    pause: Duration,
}

#[derive(Debug)]
struct LostMember {
    addresses: Addresses,
    network: NetworkId,
    since: Time,
    dialled: Time,
    refused: bool,
}

impl Default for LostMembers {
    fn default() -> Self {
        Self {
            members: BTreeMap::new(),
            next: Time::default(),
            pause: LOST_FIRST_PROBE,
        }
    }
}

impl LostMembers {
    /// Adds a member that was found dead. The oldest is forgotten if there are too many.
    pub(crate) fn add(&mut self, now: Time, member: &Member) {
        let missing = LostMember {
            addresses: member.addresses.clone(),
            network: member.network,
            since: now,
            dialled: now,
            refused: false,
        };
        self.members.insert(member.id, missing);
        if self.members.len() > LOST_MEMBERS
            && let Some((&oldest, _)) = self.members.iter().min_by_key(|(_, one)| one.since)
        {
            self.members.remove(&oldest);
        }
        debug_assert!(self.members.len() <= LOST_MEMBERS);
        self.restart_search(now);
    }

    /// Starts over with short pauses: a member was lost, or this node has come into office.
    pub(crate) fn restart_search(&mut self, now: Time) {
        self.pause = LOST_FIRST_PROBE;
        self.next = now + self.pause;
    }

    /// Forgets the members for which `is_lost` is false: they are back.
    pub(crate) fn retain(&mut self, is_lost: impl Fn(&NodeId) -> bool) {
        self.members.retain(|id, _| is_lost(id));
    }

    /// Returns the network that a lost member was on.
    pub(crate) fn network(&self, id: &NodeId) -> Option<NetworkId> {
        self.members.get(id).map(|missing| missing.network)
    }

    /// Returns where a lost member is dialled.
    pub(crate) fn addresses(&self, id: &NodeId) -> Option<&Addresses> {
        self.members.get(id).map(|missing| &missing.addresses)
    }

    /// Notes that a lost member's address refuses connections.
    pub(crate) fn note_refused(&mut self, id: &NodeId) {
        if let Some(missing) = self.members.get_mut(id) {
            missing.refused = true;
        }
    }

    /// Returns the members to dial: those whose turn was longest ago, the likely ones first.
    pub(crate) fn due(&mut self, now: Time) -> Vec<(NodeId, Addresses)> {
        if self.next > now {
            return Vec::new();
        }
        self.members.retain(|_, one| now - one.since < LOST_KEPT);
        self.next = now + self.pause;
        self.pause = (self.pause * 2).min(LOST_PROBE);
        let mut due: Vec<(&NodeId, &mut LostMember)> = self.members.iter_mut().collect();
        due.sort_by_key(|(_, one)| one.dialled);
        let (refusing, likely): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|(_, one)| one.refused);
        let likely_dials = likely.len().min(DIALS - DIALS_OF_REFUSING);
        let chosen = likely.into_iter().take(likely_dials);
        let chosen = chosen.chain(refusing.into_iter().take(DIALS - likely_dials));
        chosen
            .map(|(&id, one)| {
                one.dialled = now;
                (id, one.addresses.clone())
            })
            .collect()
    }

    /// Returns when [`LostMembers::due`] has something to return.
    pub(crate) fn deadline(&self) -> Option<Time> {
        (!self.members.is_empty()).then_some(self.next)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use ringtalk_wire::RingKey;

    use super::*;
    use crate::view::test_support::id;

    fn member(number: u16) -> Member {
        Member {
            id: id(number),
            name: String::new(),
            addresses: Addresses::default(),
            seniority: 0,
            key: RingKey(0),
            network: NetworkId::default(),
        }
    }

    fn ids(due: Vec<(NodeId, Addresses)>) -> Vec<NodeId> {
        due.into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn the_pauses_double_up_to_a_bound_and_start_anew_with_a_loss() {
        let mut lost = LostMembers::default();
        let mut now = Time::default();
        lost.add(now, &member(1));
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let next = lost.deadline().unwrap();
            pauses.push((next - now).as_secs());
            now = next;
            assert_eq!(ids(lost.due(now)), [id(1)]);
        }
        assert_eq!(pauses, [1, 1, 2, 4, 8, 8]);
        lost.add(now, &member(2));
        assert_eq!(lost.deadline(), Some(now + LOST_FIRST_PROBE));
        lost.retain(|_| false);
        assert_eq!(lost.deadline(), None);
    }

    #[test]
    fn all_lost_members_are_dialled_and_refusing_ones_do_not_delay_others() {
        let mut lost = LostMembers::default();
        let now = Time::default();
        for number in 0..100 {
            lost.add(now, &member(number));
        }
        for number in 0..90 {
            lost.note_refused(&id(number));
        }
        let first = ids(lost.due(now + LOST_PROBE));
        assert_eq!(first.len(), DIALS);
        assert!((90..100).all(|number| first.contains(&id(number))));
        let second = ids(lost.due(now + LOST_PROBE * 2));
        let refusing = |ids: &[NodeId]| ids.iter().filter(|one| **one < id(90)).count();
        assert_eq!((refusing(&first), refusing(&second)), (6, 6));
        let again = second.iter().filter(|one| first.contains(one)).count();
        assert_eq!(again, 10, "the likely ones only");
    }

    #[test]
    fn the_number_and_the_age_of_lost_members_are_bounded() {
        let mut lost = LostMembers::default();
        for number in 0..=LOST_MEMBERS as u16 {
            lost.add(Time::from_micros(u64::from(number)), &member(number));
        }
        assert_eq!(lost.members.len(), LOST_MEMBERS);
        assert!(!lost.members.contains_key(&id(0)));
        lost.due(Time::default() + LOST_KEPT * 2);
        assert_eq!(lost.deadline(), None);
    }
}

//! Merges the answers of several entrances: one coordinator to turn to first, and others in case it admits nobody.
//!
//! An entrance may be out of date, or may lie, so the coordinator that most entrances name comes first. Not here: the
//! calls (`join`), the attempts to join (the core).

use std::cmp::Reverse;

use ringtalk_wire::{Contact, NodeId};

use super::EntryAnswer;

/// The most coordinators that are tried besides the first one: as many as an invite has other entrances.
const MAX_CANDIDATES: usize = 7;

/// A coordinator, and what entrances say of it.
#[derive(Debug)]
struct Named {
    /// Its places, each with the number of entrances that name it; usually all name the same.
    places: Vec<(Contact, usize)>,
    doors: Vec<Contact>,
}

/// Returns one answer from those that say where to join: at least one.
pub(super) fn merge(answers: Vec<EntryAnswer>) -> EntryAnswer {
    let mut named: Vec<Named> = Vec::new();
    let mut further = Vec::new();
    for answer in answers {
        let EntryAnswer::Join {
            coordinator,
            doors,
            candidates,
        } = answer
        else {
            return answer;
        };
        further.extend(candidates);
        match named.iter_mut().find(|one| one.id() == coordinator.id) {
            Some(one) => one.add(coordinator, doors),
            None => named.push(Named {
                places: vec![(coordinator, 1)],
                doors,
            }),
        }
    }
    // The sort is stable: among equals, the first answer counts.
    named.sort_by_key(|one| Reverse(one.times()));
    let mut all = named.into_iter();
    let first = all.next().expect("there is an answer");
    let coordinator = first.contact().clone();
    let others = all.map(|one| one.contact().clone()).chain(further);
    let candidates = distinct(others, &coordinator.id);
    EntryAnswer::Join {
        doors: distinct(first.doors, &coordinator.id),
        coordinator,
        candidates: candidates.into_iter().take(MAX_CANDIDATES).collect(),
    }
}

impl Named {
    fn id(&self) -> NodeId {
        self.contact().id
    }

    /// Returns the number of entrances that name it.
    fn times(&self) -> usize {
        self.places.iter().map(|(_, times)| times).sum()
    }

    /// Adds what another entrance says.
    fn add(&mut self, coordinator: Contact, doors: Vec<Contact>) {
        self.doors.extend(doors);
        let mut known = self.places.iter_mut();
        match known.find(|(place, _)| place.addresses == coordinator.addresses) {
            Some((_, times)) => *times += 1,
            None => self.places.push((coordinator, 1)),
        }
    }

    /// Returns the contact with the addresses that most entrances give; of several, those of the latest epoch.
    fn contact(&self) -> &Contact {
        let places = self.places.iter();
        let best = places.max_by_key(|(place, times)| (*times, place.epoch.number));
        let (place, _) = best.expect("it was named");
        place
    }
}

/// Returns each of the contacts once, without `but`.
fn distinct(contacts: impl IntoIterator<Item = Contact>, but: &NodeId) -> Vec<Contact> {
    let mut distinct: Vec<Contact> = Vec::new();
    for contact in contacts {
        if contact.id != *but && distinct.iter().all(|known| known.id != contact.id) {
            distinct.push(contact);
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::{Addresses, Epoch};

    use super::*;

    fn contact(byte: u8, number: u64) -> Contact {
        let id = NodeId::from_bytes([byte; 16]);
        Contact {
            id,
            addresses: Addresses::default(),
            epoch: Epoch {
                number,
                coordinator: id,
            },
        }
    }

    fn join(coordinator: Contact, doors: &[u8], candidates: &[u8]) -> EntryAnswer {
        let contacts = |bytes: &[u8]| bytes.iter().map(|byte| contact(*byte, 1)).collect();
        EntryAnswer::Join {
            coordinator,
            doors: contacts(doors),
            candidates: contacts(candidates),
        }
    }

    #[test]
    fn the_coordinator_that_most_entrances_name_comes_first() {
        let answers = vec![
            join(contact(9, 900), &[9], &[]),
            join(contact(1, 4), &[2], &[3]),
            join(contact(1, 5), &[2, 4], &[9]),
        ];
        assert_eq!(
            merge(answers),
            join(contact(1, 4), &[2, 4], &[]).with(&[contact(9, 900), contact(3, 1)])
        );
    }

    #[test]
    fn one_entrance_does_not_change_the_addresses_that_two_name() {
        let at = |address: &str, number| Contact {
            addresses: Addresses::at(address),
            ..contact(1, number)
        };
        let liar = || join(at("evil.example:1", 900), &[], &[]);
        let honest = || join(at("10.0.0.1:1", 4), &[], &[]);
        for answers in [
            vec![honest(), honest(), liar()],
            vec![liar(), honest(), honest()],
        ] {
            assert_eq!(merge(answers), honest());
        }
        let newer = join(at("10.0.0.2:1", 5), &[], &[]);
        assert_eq!(merge(vec![honest(), newer.clone()]), newer);
    }

    #[test]
    fn a_single_answer_stays_as_it_is() {
        let answer = join(contact(1, 4), &[2], &[3]);
        assert_eq!(merge(vec![answer.clone()]), answer);
    }

    impl EntryAnswer {
        /// Returns the same answer with these candidates.
        fn with(self, others: &[Contact]) -> Self {
            let Self::Join {
                coordinator, doors, ..
            } = self
            else {
                unreachable!("it says where to join");
            };
            Self::Join {
                coordinator,
                doors,
                candidates: others.to_vec(),
            }
        }
    }
}

//! The director as nodes see it: soft state, leases, and nothing about any message.
//!
//! A model of `/register_node` and `/register_coordinator` in `CONTRACT.md`. Not here: the way to it and back
//! (`world`), the real director (`ringtalk-director`).

use core::time::Duration;

use ringtalk_proto::{Registration, Time};
use ringtalk_wire::{Contact, NodeId};

/// How long a registration lasts without renewal.
const LEASE: Duration = Duration::from_secs(5);
/// How long a founder has to register.
const FOUNDING: Duration = Duration::from_secs(2);
/// How long newcomers wait after a registration lapsed: its ring may yet find a new coordinator.
const LAPSE: Duration = Duration::from_secs(10);

/// How long another registration is named after it was turned down or displaced.
const REMEMBERED: Duration = Duration::from_secs(10);
/// How many of the other registrations are named.
const NAMED: usize = 3;
/// How far the epoch number of a registration may rise within a lease.
const EPOCH_RISE: u64 = 64;

/// The answer to a newcomer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// The newcomer is the first, and founds a ring.
    Found,
    /// The registered coordinator, and other registrations.
    Registered(Registration, Vec<Contact>),
    /// The newcomer waits, and then asks again.
    Wait,
}

/// The director.
#[derive(Debug, Default)]
pub(crate) struct Director {
    down: bool,
    /// Whether it tells every newcomer to found, as two directors would that do not know of each other.
    everybody_founds: bool,
    registered: Option<(Registration, Time)>,
    /// The epoch number from which the registration rises, and until when.
    rise: Option<(u64, Time)>,
    /// Other registrations, and until when each is named.
    candidates: Vec<(Contact, Time)>,
    founding: Option<(NodeId, Time)>,
    lapsed_until: Option<Time>,
}

impl Director {
    /// Answers a newcomer; `None` while the director is down.
    pub(crate) fn ask(&mut self, now: Time, id: NodeId) -> Option<Answer> {
        if self.down {
            return None;
        }
        self.expire(now);
        if self.everybody_founds {
            return Some(Answer::Found);
        }
        if let Some((registration, _)) = &self.registered {
            let candidates = self.candidates.iter().take(NAMED);
            let candidates = candidates.map(|(contact, _)| contact.clone()).collect();
            return Some(Answer::Registered(registration.clone(), candidates));
        }
        let others_turn = self.founding.is_some_and(|(founder, _)| founder != id);
        if others_turn || self.lapsed_until.is_some() {
            return Some(Answer::Wait);
        }
        self.founding = Some((id, now + FOUNDING));
        Some(Answer::Found)
    }

    /// Registers a coordinator. It replaces another one only if its epoch number is higher, but not much higher;
    /// otherwise the error is the one that stays registered.
    pub(crate) fn register(
        &mut self,
        now: Time,
        registration: Registration,
    ) -> Result<(), Contact> {
        let contact = &registration.coordinator;
        if self.down {
            return Ok(());
        }
        self.expire(now);
        self.candidates.retain(|(known, _)| known.id != contact.id);
        let number = contact.epoch.number;
        if let Some((other, _)) = &self.registered {
            let other = other.coordinator.clone();
            let (from, until) = self
                .rise
                .filter(|&(_, until)| now < until)
                .unwrap_or((other.epoch.number, now + LEASE));
            self.rise = Some((from, until));
            let replaces = other.epoch.number < number && number <= from + EPOCH_RISE;
            if other.id != contact.id {
                let turned_away = if replaces { &other } else { contact };
                let named = (turned_away.clone(), now + REMEMBERED);
                self.candidates.push(named);
                if !replaces {
                    return Err(other);
                }
            }
        } else {
            self.rise = Some((number, now + LEASE));
        }
        self.registered = Some((registration, now + LEASE));
        self.founding = None;
        self.lapsed_until = None;
        Ok(())
    }

    /// Removes the registration of a node that has left properly as the last one of its ring.
    pub(crate) fn forget(&mut self, id: NodeId) {
        let is_its = |(registration, _): &(Registration, Time)| registration.coordinator.id == id;
        if self.down {
            return;
        }
        self.candidates.retain(|(known, _)| known.id != id);
        if self.registered.as_ref().is_some_and(is_its) {
            self.registered = None;
        }
    }

    /// Kills the process with all that it knew; returns true if a coordinator was registered.
    pub(crate) fn crash(&mut self) -> bool {
        let knew = self.registered.is_some();
        *self = Self {
            down: true,
            ..Self::default()
        };
        knew
    }

    /// Starts a new process in its place.
    pub(crate) const fn restart(&mut self) {
        self.down = false;
    }

    /// Sets whether every newcomer is told to found.
    pub(crate) const fn let_everybody_found(&mut self, everybody: bool) {
        self.everybody_founds = everybody;
    }

    /// Returns the coordinator that it names.
    #[cfg(test)]
    pub(crate) fn registered(&mut self, now: Time) -> Option<NodeId> {
        self.expire(now);
        self.registered
            .as_ref()
            .map(|(registration, _)| registration.coordinator.id)
    }

    fn expire(&mut self, now: Time) {
        if let Some((_, until)) = self.registered
            && until <= now
        {
            self.registered = None;
            self.lapsed_until = Some(until + LAPSE);
        }
        self.candidates.retain(|&(_, until)| now < until);
        self.founding = self.founding.filter(|&(_, until)| now < until);
        self.lapsed_until = self.lapsed_until.filter(|&until| now < until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringtalk_wire::{Addresses, Epoch};

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn contact(byte: u8, number: u64) -> Contact {
        Contact {
            id: id(byte),
            addresses: Addresses::default(),
            epoch: Epoch {
                number,
                coordinator: id(byte),
            },
        }
    }

    fn registration(byte: u8, number: u64) -> Registration {
        Registration {
            coordinator: contact(byte, number),
            doors: [].into(),
        }
    }

    const fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn the_first_founds_and_the_others_wait_for_it() {
        let mut director = Director::default();
        assert_eq!(director.ask(at(0), id(1)), Some(Answer::Found));
        assert_eq!(director.ask(at(1), id(2)), Some(Answer::Wait));
        assert_eq!(director.ask(at(1), id(1)), Some(Answer::Found));
        assert_eq!(director.register(at(1), registration(1, 1)), Ok(()));
        let answer = Some(Answer::Registered(registration(1, 1), Vec::new()));
        assert_eq!(director.ask(at(2), id(2)), answer);
    }

    #[test]
    fn only_a_higher_epoch_number_replaces_a_registration() {
        let mut director = Director::default();
        assert_eq!(director.register(at(0), registration(1, 2)), Ok(()));
        let foreign = Err(contact(1, 2));
        assert_eq!(director.register(at(1), registration(2, 2)), foreign);
        assert_eq!(director.register(at(1), registration(2, 3)), Ok(()));
        assert_eq!(
            director.register(at(2), registration(1, 2)),
            Err(contact(2, 3))
        );
        assert_eq!(director.registered(at(2)), Some(id(2)));
        let leap = director.register(at(2), registration(3, 2 + EPOCH_RISE + 1));
        assert_eq!(leap, Err(contact(2, 3)));
        let displaced = vec![contact(1, 2), contact(3, 2 + EPOCH_RISE + 1)];
        let answer = Some(Answer::Registered(registration(2, 3), displaced));
        assert_eq!(director.ask(at(3), id(4)), answer);
    }

    #[test]
    fn after_a_lapse_newcomers_wait_before_one_founds() {
        let mut director = Director::default();
        assert_eq!(director.register(at(0), registration(1, 1)), Ok(()));
        assert_eq!(director.ask(at(6), id(2)), Some(Answer::Wait));
        assert_eq!(director.ask(at(14), id(2)), Some(Answer::Wait));
        assert_eq!(director.ask(at(15), id(2)), Some(Answer::Found));
    }

    #[test]
    fn a_restarted_director_knows_nothing() {
        let mut director = Director::default();
        assert_eq!(director.register(at(0), registration(1, 1)), Ok(()));
        assert!(director.crash());
        assert_eq!(director.ask(at(1), id(2)), None);
        director.restart();
        assert_eq!(director.ask(at(1), id(2)), Some(Answer::Found));
    }
}

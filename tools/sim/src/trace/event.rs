//! The events in the hash of a run: their kinds and fields, as numbers and bytes.
//!
//! The hash ignores how an event is printed and which words the user reads, so renaming a type or rewording a text
//! keeps the hash. Not here: the time of an event, and its node (`world`).

use std::net::IpAddr;

use ringtalk_proto::{Delivered, DeliveredControl, ErrorKind, Event, JoiningStage, Person};
use ringtalk_wire::{Epoch, MessageId, NodeId};

use super::Trace;

impl Trace {
    /// Mixes an event into the hash.
    pub(crate) fn mix_event(&mut self, event: &Event) {
        match event {
            Event::Joining(stage) => self.mix_stage(stage),
            Event::Start { base } => {
                self.mix(1);
                for last in base.iter() {
                    self.mix_message_id(last);
                }
            }
            Event::Ready { name } => {
                self.mix(2);
                self.mix_bytes(name.as_bytes());
            }
            Event::Message(message) => self.mix_message(message),
            Event::View(view) => {
                self.mix(4);
                self.mix_bytes(&view.tag().hash.0);
            }
            Event::Neighbours {
                predecessor,
                successor,
            } => {
                self.mix(5);
                self.mix_neighbour(predecessor.as_ref());
                self.mix_neighbour(successor.as_ref());
            }
            Event::Coordinator { epoch } => self.mix_epoch(6, epoch),
            Event::Joined(person) => self.mix_person(7, person),
            Event::Left(person) => self.mix_person(8, person),
            Event::Failed(person) => self.mix_person(9, person),
            Event::Renamed { person, previous } => {
                self.mix_person(10, person);
                self.mix_bytes(previous.as_bytes());
            }
            Event::Observed { host } => {
                self.mix(11);
                self.mix_host(*host);
            }
            Event::Merged { members, epoch } => {
                self.mix_epoch(12, epoch);
                self.mix(*members as u64);
            }
            Event::Reached {
                first,
                last,
                members,
                complete,
            } => {
                self.mix_all(&[13, *first, *last, *members, u64::from(*complete)]);
            }
            Event::Gap {
                author,
                from,
                to,
                passed,
            } => {
                self.mix(14);
                self.mix_id(author);
                self.mix_all(&[*from, *to, u64::from(*passed)]);
            }
            Event::WasAway { lasted, messages } => {
                self.mix_all(&[16, lasted.as_micros() as u64, *messages]);
            }
            Event::Control(control) => self.mix_control(control),
            Event::Error { kind, .. } => {
                self.mix(15);
                self.mix(number(*kind));
            }
        }
    }

    fn mix_all(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.mix(*number);
        }
    }

    fn mix_stage(&mut self, stage: &JoiningStage) {
        self.mix(0);
        match stage {
            JoiningStage::AskingDirector => self.mix(0),
            JoiningStage::Linking { peer, .. } => {
                self.mix(1);
                self.mix_id(peer);
            }
            JoiningStage::AskingForPlace { peer, .. } => {
                self.mix(2);
                self.mix_id(peer);
            }
            JoiningStage::FetchingHistory { done, total } => {
                for number in [3, *done, *total] {
                    self.mix(number);
                }
            }
        }
    }

    fn mix_message(&mut self, message: &Delivered) {
        self.mix(3);
        self.mix_message_id(message.id);
        self.mix_bytes(message.name.as_bytes());
        self.mix(message.timestamp_ms);
        self.mix(message.lamport);
        for head in message.depends_on() {
            self.mix_message_id(head);
        }
        self.mix(u64::from(message.history));
    }

    fn mix_person(&mut self, kind: u64, person: &Person) {
        self.mix(kind);
        self.mix_id(&person.id);
        self.mix_bytes(person.name.as_bytes());
    }

    fn mix_epoch(&mut self, kind: u64, epoch: &Epoch) {
        self.mix(kind);
        self.mix(epoch.number);
        self.mix_id(&epoch.coordinator);
    }

    fn mix_neighbour(&mut self, id: Option<&NodeId>) {
        let id = id.map(NodeId::as_bytes);
        self.mix_bytes(id.map_or(&[], |id| &id[..]));
    }

    fn mix_host(&mut self, host: Option<IpAddr>) {
        match host {
            Some(IpAddr::V4(host)) => self.mix_bytes(&host.octets()),
            Some(IpAddr::V6(host)) => self.mix_bytes(&host.octets()),
            None => self.mix_bytes(&[]),
        }
    }

    fn mix_control(&mut self, control: &DeliveredControl) {
        self.mix(17);
        self.mix_message_id(control.id);
    }

    fn mix_message_id(&mut self, id: MessageId) {
        self.mix_id(&id.author);
        self.mix(id.seq);
    }

    fn mix_id(&mut self, id: &NodeId) {
        self.mix_bytes(id.as_bytes());
    }
}

/// Returns the number of an error kind. A kind keeps its number for ever, so that hashes stay comparable.
const fn number(kind: ErrorKind) -> u64 {
    match kind {
        ErrorKind::AuthorForked => 0,
        ErrorKind::Full => 1,
        ErrorKind::LamportTime => 2,
        ErrorKind::Refused => 3,
        ErrorKind::SlowMember => 4,
        ErrorKind::UnprovenCoordinator => 5,
        ErrorKind::UnreachableAddress => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(event: &Event) -> u64 {
        let mut trace = Trace::new(false);
        trace.mix_event(event);
        trace.hash()
    }

    fn error(kind: ErrorKind, message: &str) -> Event {
        let message = message.to_owned();
        Event::Error { kind, message }
    }

    #[test]
    fn the_text_of_an_error_does_not_count() {
        let one = hash(&error(ErrorKind::Full, "this discussion is full"));
        assert_eq!(one, hash(&error(ErrorKind::Full, "newcomers are refused")));
        assert_ne!(
            one,
            hash(&error(ErrorKind::Refused, "this discussion is full"))
        );
    }

    #[test]
    fn kinds_with_the_same_fields_differ() {
        let person = || Person {
            id: NodeId::from_bytes([7; 16]),
            name: "ann".to_owned(),
        };
        let left = hash(&Event::Left(person()));
        assert_ne!(left, hash(&Event::Failed(person())));
        assert_ne!(left, hash(&Event::Joined(person())));
    }
}

//! Tells a user who speaks alone who will read it.
//!
//! Not here: how many members have a message (`Event::Reached`).

use std::collections::BTreeMap;

use ringtalk_wire::{NodeId, RingId};

use crate::{Event, Me, RoomEvent};

/// Who will read what is said alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Readers {
    /// Newcomers.
    Newcomers,
    /// Nobody: nothing is kept for newcomers.
    Nobody,
}

impl Readers {
    /// Returns the notice for a user who speaks alone in a room. It is shown once until somebody else is there.
    pub(crate) fn describe(self, room: &str, is_main: bool) -> String {
        let place = if is_main {
            "here".to_owned()
        } else {
            format!("in #{room}")
        };
        let readers = match self {
            Self::Newcomers => "newcomers",
            Self::Nobody => "nobody",
        };
        format!("nobody else is {place}; {readers} will read this")
    }
}

/// The rooms in which this node is alone, and whether its user was told.
#[derive(Debug)]
pub(crate) struct Solitude {
    me: NodeId,
    lobby: RingId,
    /// The rooms in which it is alone. The value is true once the user was told.
    alone: BTreeMap<RingId, bool>,
    readers: Readers,
}

impl Solitude {
    pub(crate) const fn new(me: &Me) -> Self {
        Self {
            me: me.id,
            lobby: me.lobby(),
            alone: BTreeMap::new(),
            readers: Readers::Newcomers,
        }
    }

    /// Notes that newcomers read nothing that was said before they came.
    pub(crate) const fn expect_no_readers(&mut self) {
        self.readers = Readers::Nobody;
    }

    /// Applies an event. If it is the first message that the user says alone in a room, returns the room, and who will
    /// read it.
    pub(crate) fn apply(&mut self, event: &Event) -> Option<(RingId, Readers)> {
        match event {
            Event::View(members) => self.note_members(self.lobby, members.len()),
            Event::Room(room, RoomEvent::View(members)) => self.note_members(*room, members.len()),
            Event::Room(room, RoomEvent::Left(person)) if person.id == self.me => {
                self.alone.remove(room);
            }
            Event::Room(room, RoomEvent::NotEntered) => drop(self.alone.remove(room)),
            Event::Message(message) if message.id.author == self.me && !message.history => {
                let was_told = self.alone.get_mut(&message.room)?;
                let is_news = !std::mem::replace(was_told, true);
                return is_news.then_some((message.room, self.readers));
            }
            _ => {}
        }
        None
    }

    fn note_members(&mut self, room: RingId, count: usize) {
        if count == 1 {
            self.alone.entry(room).or_default();
        } else {
            self.alone.remove(&room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{me, message};
    use ringtalk_wire::{Addresses, Epoch, Member, NetworkId, RingKey};
    use std::sync::Arc;

    use crate::{Members, Message};

    fn view(count: u8) -> Event {
        let member = |number: u8| Member {
            id: NodeId::from_bytes([number; 16]),
            name: number.to_string(),
            addresses: Addresses::default(),
            seniority: number.into(),
            key: RingKey(number.into()),
            network: NetworkId::default(),
        };
        let epoch = Epoch {
            number: 1,
            coordinator: NodeId::from_bytes([1; 16]),
        };
        let members = (1..=count).map(|number| Arc::new(member(number)));
        Event::View(Arc::new(Members::new(epoch, 1, members)))
    }

    #[test]
    fn who_speaks_alone_is_told_once_until_somebody_comes() {
        let me = Me {
            id: NodeId::from_bytes([1; 16]),
            ..me()
        };
        let (lobby, room) = (me.lobby(), RingId::from_bytes([9; 16]));
        let mut solitude = Solitude::new(&me);
        solitude.apply(&view(1));
        assert_eq!(
            solitude.apply(&message(1)),
            Some((lobby, Readers::Newcomers))
        );
        assert_eq!(solitude.apply(&message(2)), None);
        solitude.apply(&view(2));
        assert_eq!(solitude.apply(&message(3)), None);
        let in_room = |event| match event {
            Event::View(members) => Event::Room(room, RoomEvent::View(members)),
            Event::Message(message) => Event::Message(Message { room, ..message }),
            other => other,
        };
        solitude.apply(&in_room(view(1)));
        assert_eq!(solitude.apply(&message(4)), None, "others are in the lobby");
        let said = solitude.apply(&in_room(message(1)));
        assert_eq!(said, Some((room, Readers::Newcomers)));
        solitude.apply(&view(1));
        solitude.expect_no_readers();
        assert_eq!(solitude.apply(&message(5)), Some((lobby, Readers::Nobody)));
    }

    #[test]
    fn the_notice_names_a_room_other_than_the_lobby() {
        let words = Readers::Newcomers.describe("main", true);
        assert_eq!(words, "nobody else is here; newcomers will read this");
        let words = Readers::Nobody.describe("ops", false);
        assert_eq!(words, "nobody else is in #ops; nobody will read this");
    }
}

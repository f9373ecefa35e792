//! Tells a user who speaks alone who will read it.
//!
//! Not here: how many members have a message (`Event::Reached`).

use ringtalk_wire::NodeId;

use crate::Event;

/// The notice for a user who speaks alone. It is shown once until somebody else is here.
const NOBODY_HERE: &str = "nobody else is here; newcomers will read this";
/// The same notice if nothing is kept for newcomers.
const NOBODY_WILL_READ: &str = "nobody else is here; nobody will read this";

/// Whether this node is alone, and whether its user was told.
#[derive(Debug)]
pub(crate) struct Solitude {
    me: NodeId,
    is_alone: bool,
    was_told: bool,
    /// Whether nothing is kept for newcomers.
    is_unheard: bool,
}

impl Solitude {
    pub(crate) const fn new(me: NodeId) -> Self {
        Self {
            me,
            is_alone: false,
            was_told: false,
            is_unheard: false,
        }
    }

    /// Notes that newcomers read nothing that was said before they came.
    pub(crate) const fn expect_no_readers(&mut self) {
        self.is_unheard = true;
    }

    /// Applies an event. Returns a sentence if it is the first message that the user says alone.
    pub(crate) fn apply(&mut self, event: &Event) -> Option<&'static str> {
        match event {
            Event::View(members) => {
                self.is_alone = members.len() == 1;
                self.was_told &= self.is_alone;
                None
            }
            Event::Message(message) => {
                let is_said = message.id.author == self.me && !message.history;
                let is_news = is_said && self.is_alone && !self.was_told;
                self.was_told |= is_news;
                let told = if self.is_unheard {
                    NOBODY_WILL_READ
                } else {
                    NOBODY_HERE
                };
                is_news.then_some(told)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::message;
    use ringtalk_wire::{Addresses, Epoch, Member, NetworkId, RingKey};
    use std::sync::Arc;

    use crate::Members;

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
        let me = NodeId::from_bytes([1; 16]);
        let mut solitude = Solitude::new(me);
        solitude.apply(&view(1));
        assert_eq!(solitude.apply(&message(1)), Some(NOBODY_HERE));
        assert_eq!(solitude.apply(&message(2)), None);
        solitude.apply(&view(2));
        assert_eq!(solitude.apply(&message(3)), None);
        solitude.apply(&view(1));
        solitude.expect_no_readers();
        assert_eq!(solitude.apply(&message(4)), Some(NOBODY_WILL_READ));
    }
}

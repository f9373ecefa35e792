//! What the member does in rooms.
//!
//! Not here: what it must not do there (`rules`).

use ringtalk_proto::{Draft, Input, Node};
use ringtalk_wire::{Begin, BundleMessage, Channel, RingId};

use super::{OTHER_ROOM, Subject};

impl Subject<'_> {
    /// Leaves, but only rarely, because the run ends here; or does something in rooms.
    pub(super) fn leave(&mut self) {
        let ring = self.room();
        match self.reader.byte() {
            255 => self.handle(Input::Leave),
            250 => {
                if let Ok(ring) = self.host.create_room(self.now, begin(), 0) {
                    // Its first message has no text.
                    self.rules_of(ring).say("");
                }
            }
            249 => drop(self.host.join_room(self.now, OTHER_ROOM)),
            248 => self.host.handle_in(self.now, &ring, Input::Leave),
            247 if self.host.room(&ring).is_some_and(Node::accepts_input) => {
                let rules = self.rules_of(ring);
                let text = format!("hello {}", rules.said());
                rules.say(&text);
                let draft = Draft::from(BundleMessage::text(1_700_000_000_000, text));
                self.host.handle_in(self.now, &ring, Input::Say(draft));
            }
            number @ 0..=7 => self.channel = Channel::new(number.into()).expect("it is small"),
            _ => {}
        }
        self.drain();
    }

    /// Returns the first room that it is in, or one that it is not in.
    pub(super) fn room(&self) -> RingId {
        let mut rooms = self.host.rooms();
        rooms.next().map_or(OTHER_ROOM, |(ring, _)| ring)
    }
}

/// Returns what the member says first in a room that it creates.
fn begin() -> Begin {
    Begin {
        name: String::from("kitchen"),
        random: [1; 16],
    }
}

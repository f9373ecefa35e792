//! For the fuzzer: what people see of what others wrote.
//!
//! Not here: what must be true of it (`tools/fuzz`).

use std::sync::Arc;
use std::time::Instant;

use ratatui::layout::Size;
use ringtalk_proto::{Delivered, Event, Person, View};
use ringtalk_wire::{
    Addresses, DiscussionId, KEY_BYTES, Member, MessageId, NetworkId, NodeId, PublicKey, RingKey,
    SIGNATURE_BYTES, Seal, Signature,
};
use time::UtcOffset;

use super::Screen;
use super::view::drawn;
use crate::face::{Me, Shown, Told, Writer};
use crate::secret::Secret;
use crate::settings::{Invite, Show};
use crate::stdout::Scribe;

/// A window in which the members have a place.
const WINDOW: Size = Size::new(90, 24);

/// Somebody has that name and address, says and does that, and goes: the lines that the plain face writes, then the rows
/// of the full screen.
pub fn shown(name: &str, text: &str) -> Vec<String> {
    let events = events(name, text);
    let told = Told::Error {
        code: "director-unreachable",
        message: text.to_owned(),
    };
    let plain = Show::Lines { color: false };
    let mut writer = Writer::new(plain, me(), UtcOffset::UTC).expect("lines are written");
    let mut lines = Vec::new();
    let mut screen = Screen::new(me(), UtcOffset::UTC, true, WINDOW);
    for event in events {
        writer.write(Shown::Event(event.clone(), 0), &mut lines);
        screen.show(&Shown::Event(event, 0), Instant::now());
    }
    for own in [Told::Who, told] {
        writer.write(Shown::Told(own.clone()), &mut lines);
        screen.show(&Shown::Told(own), Instant::now());
    }
    let lines = String::from_utf8(lines).expect("plain output is text");
    let (grid, _) = drawn(&screen);
    let rows = grid.content().chunks(usize::from(WINDOW.width));
    let rows = rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect());
    lines.lines().map(str::to_owned).chain(rows).collect()
}

fn events(name: &str, text: &str) -> Vec<Event> {
    let person = Person {
        id: NodeId::from_bytes([1; 16]),
        name: name.to_owned(),
    };
    let said = |seq, text: String| {
        Event::Message(Delivered {
            id: MessageId {
                author: person.id,
                seq,
            },
            name: name.into(),
            timestamp_ms: 0,
            text: text.into(),
            lamport: seq,
            heads: None,
            history: false,
        })
    };
    vec![
        Event::View(Arc::new(view(&person, text))),
        Event::Ready { name: name.into() },
        Event::Joined(person.clone()),
        said(1, text.to_owned()),
        said(2, format!("/me {text}")),
        Event::Error {
            code: "slow-member",
            message: format!("{name} at {text}"),
        },
        Event::Renamed {
            person: person.clone(),
            previous: text.to_owned(),
        },
        Event::Failed(person),
    ]
}

fn view(person: &Person, address: &str) -> View {
    let member = Member {
        id: person.id,
        name: person.name.clone(),
        addresses: Addresses::at(address),
        seniority: 0,
        key: RingKey(0),
        network: NetworkId::default(),
    };
    View::founding(member, 1, |_| Seal {
        key: PublicKey([0; KEY_BYTES]),
        signature: Signature([0; SIGNATURE_BYTES]),
    })
}

fn me() -> Me {
    Me {
        id: NodeId::from_bytes([2; 16]),
        wanted_name: "ann".to_owned(),
        address: "10.0.0.2:4000".parse().expect("an address"),
        discussion: DiscussionId::from(*NodeId::from_bytes([0; 16]).as_uuid()),
        invite: Invite::new(&[], &Secret::open()),
        open_at: None,
        hosts: false,
    }
}

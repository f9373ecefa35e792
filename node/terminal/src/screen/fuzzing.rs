//! Entry points for the fuzzer to the faces' output of text from others.
//!
//! Not here: the properties that must hold (`tools/fuzz`).

use std::sync::Arc;
use std::time::Instant;

use ratatui::layout::Size;
use ringtalk_session::{
    Answer, Code, DiscussionId, Epoch, Event, Invite, Me, Member, Members, Message, MessageId,
    NodeId, Person, ProgramName, Remark, Reply, RingId,
};
use ringtalk_wire::{Addresses, NetworkId, RingKey};
use time::UtcOffset;

use super::Screen;
use super::calendar::Calendar;
use super::view::render;
use crate::attention::AttentionSettings;
use crate::display_item::DisplayItem;
use crate::lines::Lines;
use crate::stdout::Encoder;
use crate::stdout_queue::{TextEncoder, TextFormat};

/// A window that is wide enough for the list of members.
const WINDOW: Size = Size::new(90, 24);

/// Shows a member with this name that speaks, acts, is renamed and fails. `text` is its message, and also its address.
///
/// Returns the lines of the plain-text face, then the rows of the full screen.
///
/// # Panics
///
/// If the plain-text face writes something that is not UTF-8.
pub fn render_faces(name: &str, text: &str) -> Vec<String> {
    let mut events = events(name, text);
    let members = view(&person(name), text);
    events.push(Event::Error(Remark {
        code: Code::DirectorUnreachable,
        message: text.to_owned(),
    }));
    let who = Answer {
        command: "who",
        by_program: false,
        tag: None,
        result: Ok(Reply::Who {
            room: RingId::lobby(&discussion()),
            members: Some(Arc::new(members)),
        }),
    };
    let events = events.into_iter().map(DisplayItem::Event);
    let settings = AttentionSettings::default;
    let plain = Lines::new(false, UtcOffset::UTC, || Some(20), settings());
    let mut encoder = TextEncoder::new(TextFormat::Lines(Box::new(plain)), me());
    let mut lines = Vec::new();
    let calendar = Calendar::new(UtcOffset::UTC, 0);
    let mut screen = Screen::new(me(), calendar, true, WINDOW, settings());
    for item in events.chain([DisplayItem::Answer(who)]) {
        encoder.encode(item.clone(), &mut lines);
        screen.show(&item, Instant::now());
    }
    let lines = String::from_utf8(lines).expect("plain output is text");
    let grid = render(&screen).cells;
    let rows = grid.content().chunks(usize::from(WINDOW.width));
    let rows = rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect());
    lines.lines().map(str::to_owned).chain(rows).collect()
}

fn discussion() -> DiscussionId {
    DiscussionId::from(*NodeId::from_bytes([0; 16]).as_uuid())
}

fn person(name: &str) -> Person {
    Person {
        id: NodeId::from_bytes([1; 16]),
        name: name.to_owned(),
    }
}

fn events(name: &str, text: &str) -> Vec<Event> {
    let person = person(name);
    let message = |seq, text: String| {
        Event::Message(Message {
            room: RingId::lobby(&discussion()),
            id: MessageId {
                author: person.id,
                seq,
            },
            name: name.into(),
            timestamp_ms: 0,
            arrived_ms: 0,
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
        message(1, text.to_owned()),
        message(2, format!("/me {text}")),
        Event::Error(Remark {
            code: Code::SlowMember,
            message: format!("{name} at {text}"),
        }),
        Event::Renamed {
            person: person.clone(),
            previous: text.to_owned(),
        },
        Event::Failed(person),
    ]
}

fn view(person: &Person, address: &str) -> Members {
    let member = Member {
        id: person.id,
        name: person.name.clone(),
        addresses: Addresses::at(address),
        seniority: 0,
        key: RingKey(0),
        network: NetworkId::default(),
    };
    let epoch = Epoch {
        number: 1,
        coordinator: person.id,
    };
    Members::new(epoch, 1, [Arc::new(member)])
}

fn me() -> Me {
    Me {
        program: ProgramName::default(),
        id: NodeId::from_bytes([2; 16]),
        requested_name: "ann".to_owned(),
        address: "10.0.0.2:4000".to_owned(),
        discussion: discussion(),
        invite: Invite::from(String::new()),
        open_at: None,
        is_founder: false,
    }
}

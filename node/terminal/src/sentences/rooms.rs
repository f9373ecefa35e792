//! The sentences about rooms, and about what others tell of themselves.
//!
//! Not here: the lobby, which is the discussion for people (`sentences`).

use ringtalk_session::{
    ControlMessage, Members, Person, Presence, RingId, Room, RoomEvent, State, Succession,
};

use super::{MAX_NAMES, Sentence, name_or_id, notice, of_gap, of_split, warning};

/// Returns the sentence about an event in a room, if people are told.
pub(super) fn of_event(room: &RingId, event: &RoomEvent, state: &State) -> Option<Sentence> {
    let name = name_of(room, state);
    let me = &state.me.id;
    Some(match event {
        RoomEvent::Joined(person) => notice(format!("{} joined {name}", person.name)),
        RoomEvent::Left(person) if person.id == *me && state.typing == *room => notice(format!(
            "you left {name}; nothing typed now is sent, until /room or /join says where it goes"
        )),
        RoomEvent::Left(person) if person.id == *me => notice(format!("you left {name}")),
        RoomEvent::Left(person) => notice(format!("{} left {name}", person.name)),
        RoomEvent::Failed(person) => {
            let who = &person.name;
            notice(format!("{who} is gone from {name} (stopped answering)"))
        }
        RoomEvent::Administrator {
            administrator,
            cause,
            ..
        } if *cause != Succession::Created => notice(of_administrator(administrator, &name, state)),
        RoomEvent::Split { members } => warning(of_split(*members, Some(&name))),
        RoomEvent::Merged { members } => notice(format!("{name} is whole again: {members} people")),
        RoomEvent::Gap {
            author, from, to, ..
        } => warning(of_gap(author, to - from + 1, Some(&name), state)),
        RoomEvent::Administrator { .. }
        | RoomEvent::Entering
        | RoomEvent::NotEntered
        | RoomEvent::Named(_)
        | RoomEvent::Start { .. }
        | RoomEvent::Ready
        | RoomEvent::View(_)
        | RoomEvent::Reached { .. } => return None,
    })
}

fn of_administrator(administrator: &Person, room: &str, state: &State) -> String {
    if administrator.id == state.me.id {
        format!("you look after {room} now")
    } else {
        format!("{} looks after {room} now", administrator.name)
    }
}

/// Returns the sentence about what another user tells, if it is news.
pub(super) fn of_control(message: &ControlMessage, state: &State) -> Option<Sentence> {
    if message.history || message.id.author == state.me.id {
        return None;
    }
    let name = &message.name;
    Some(match message.presence.as_ref()? {
        Presence::Away(reason) if reason.is_empty() => notice(format!("{name} is away")),
        Presence::Away(reason) => notice(format!("{name} is away ({reason})")),
        Presence::Back => notice(format!("{name} is back")),
        Presence::Saved if state.is_main(&message.room) => notice(format!("{name} saved a copy")),
        Presence::Saved => {
            let room = name_of(&message.room, state);
            notice(format!("{name} saved a copy of {room}"))
        }
    })
}

/// Returns the sentence that says where typed lines go, and who reads them.
pub(super) fn of_typing(room: &RingId, state: &State) -> Sentence {
    let name = name_of(room, state);
    notice(match state.members_of(room) {
        Some(members) if members.len() > 1 => {
            let names = names(members);
            format!("you now write to {name} ({}: {names})", members.len())
        }
        _ => format!("you now write to {name} (only you are there)"),
    })
}

/// Returns the sentence that says how others join a room.
pub(super) fn of_way_in(room: &RingId) -> Sentence {
    notice(format!(
        "others in this discussion join it with: /join {room}"
    ))
}

/// Returns the sentences about the rooms that the user is in.
pub(super) fn of_rooms(rooms: &[Room], state: &State) -> Vec<Sentence> {
    let everyone = state.members.as_deref().map_or(1, Members::len);
    let mark = |room: &RingId| {
        if *room == state.typing {
            ", you write here"
        } else {
            ""
        }
    };
    let main = state.me.lobby();
    let first = notice(format!("  #main: {everyone}{}", mark(&main)));
    let others = rooms.iter().map(|room| {
        let members = room.members.as_deref().map_or(0, Members::len);
        let administrator = room.administrator().map(|id| name_or_id(&id, state));
        let administrator = administrator.unwrap_or_else(|| "nobody".to_owned());
        notice(format!(
            "  #{}: {members}, looked after by {administrator}{}; /join {}",
            room.label(),
            mark(&room.id),
            room.id
        ))
    });
    let heading = notice("your rooms, and how many people are there:");
    [heading, first].into_iter().chain(others).collect()
}

/// Returns the name of a room with its sign.
pub(super) fn name_of(room: &RingId, state: &State) -> String {
    format!("#{}", state.room_label(room))
}

/// Returns the names of the members, the most senior first.
fn names(members: &Members) -> String {
    let names: Vec<&str> = members
        .by_seniority()
        .into_iter()
        .take(MAX_NAMES)
        .map(|member| member.name.as_str())
        .collect();
    let names = names.join(", ");
    match members.len().saturating_sub(MAX_NAMES) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

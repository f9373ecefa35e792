//! The sentences about events and answers, for people: the same in plain text and on the full screen.
//!
//! Not here: their rendering (`lines`, `screen`), and the messages of members (`Event::Message`).

use ringtalk_session::{
    Answer, Code, Event, Goodbye, Invite, Member, Members, NodeId, Reply, RingId, State,
};

mod rooms;

use crate::overload::WithheldMessages;
use crate::stdin::HELP;

/// The mark of a message whose author is not in the view.
pub(crate) const UNLISTED: &str = "(not here)";
/// The maximum number of names in one line.
const MAX_NAMES: usize = 20;

/// A sentence that is not harmless yet: names in it come from peers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sentence {
    pub(crate) kind: SentenceKind,
    pub(crate) text: String,
}

/// The kind of a sentence, which decides how it is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SentenceKind {
    Notice,
    /// It is about a problem.
    Warning,
    /// A line of a table, which is this program's own text: its blanks are kept.
    Table,
    /// A command for the shell, this program's own text: it has a line of its own, and is not wrapped if possible.
    ShellCommand,
}

/// Returns a sentence with information for the user.
pub(crate) fn notice(text: impl Into<String>) -> Sentence {
    Sentence {
        kind: SentenceKind::Notice,
        text: text.into(),
    }
}

/// Returns a sentence about a problem.
pub(crate) fn warning(text: impl Into<String>) -> Sentence {
    Sentence {
        kind: SentenceKind::Warning,
        text: text.into(),
    }
}

/// Returns a line of a table.
fn table_line(text: &str) -> Sentence {
    Sentence {
        kind: SentenceKind::Table,
        text: text.to_owned(),
    }
}

/// Returns the sentences about an event.
pub(crate) fn of_event(event: &Event, state: &State) -> Vec<Sentence> {
    let sentence = match event {
        Event::Ready { name } => return of_ready(name, state),
        Event::Joined(person) => notice(format!("{} joined", person.name)),
        Event::Left(person) => notice(format!("{} left", person.name)),
        Event::Failed(person) => notice(format!("{} is gone (stopped answering)", person.name)),
        Event::Renamed { person, previous } if person.id == state.me.id => {
            notice(format!("you are now {} (before: {previous})", person.name))
        }
        Event::Renamed { person, previous } => notice(format!("{previous} is now {}", person.name)),
        Event::Merged { members, .. } => {
            notice(format!("the discussion is whole again: {members} people"))
        }
        Event::Gap {
            author, from, to, ..
        } => warning(of_gap(author, to - from + 1, None, state)),
        Event::Split { members, .. } => warning(of_split(*members, None)),
        Event::Room(room, event) => {
            return rooms::of_event(room, event, state).into_iter().collect();
        }
        Event::Control(message) => return rooms::of_control(message, state).into_iter().collect(),
        Event::Error(remark) => warning(remark.message.as_str()),
        Event::Open { message } | Event::Relocated { message, .. } => warning(message.as_str()),
        Event::Notice(remark) if remark.code == Code::InviteChanged => {
            return of_changed_invite(&remark.message, state);
        }
        Event::Notice(remark) => notice(remark.message.as_str()),
        Event::Goodbye { reason } => notice(farewell(*reason)),
        Event::Coordinator { .. }
        | Event::Start { .. }
        | Event::Joining(_)
        | Event::Progress(_)
        | Event::Message(_)
        | Event::View(_)
        | Event::Neighbours { .. }
        | Event::Invite(_)
        | Event::Typing { .. }
        | Event::Reached { .. } => return Vec::new(),
    };
    vec![sentence]
}

/// Returns the sentences about an answer.
pub(crate) fn of_answer(answer: &Answer, state: &State) -> Vec<Sentence> {
    match &answer.result {
        Ok(Reply::Sent { .. } | Reply::Accepted | Reply::Face(_) | Reply::Clear) => Vec::new(),
        Ok(Reply::Entered(room)) if answer.command == "create" => {
            vec![rooms::of_typing(room, state), rooms::of_way_in(room)]
        }
        Ok(Reply::Entered(room) | Reply::Typing(room)) => vec![rooms::of_typing(room, state)],
        Ok(Reply::Rooms(list)) => rooms::of_rooms(list, state),
        Ok(Reply::Who { room, members }) => of_who(room, members.as_deref(), state),
        Ok(Reply::Ring { members, .. }) => of_ring(members.as_deref(), state),
        Ok(Reply::Invite(invite)) => of_invite(invite, state),
        Ok(Reply::Help) => HELP.iter().map(|line| table_line(line)).collect(),
        Ok(Reply::Transcript { room, ids }) => {
            let heading = format!("{} messages, in the same order for everyone:", ids.len());
            let is_main = state.is_main(room);
            let ids = ids.iter().map(|id| {
                let uuid = if is_main {
                    id.uuid()
                } else {
                    id.uuid_in_room(room)
                };
                notice(format!("  {uuid}"))
            });
            std::iter::once(notice(heading)).chain(ids).collect()
        }
        Err(error) => vec![warning(error.message.as_str())],
    }
}

/// Returns the sentences about an invite that takes the place of another one: it stands on a line of its own.
fn of_changed_invite(message: &str, state: &State) -> Vec<Sentence> {
    let invite = state.me.invite.as_str();
    let words = message.strip_suffix(invite).unwrap_or(message).trim_end();
    vec![notice(words), join_command(&state.me.invite, state)]
}

/// Returns the command that lets others in.
fn of_invite(invite: &Invite, state: &State) -> Vec<Sentence> {
    vec![notice("others join with:"), join_command(invite, state)]
}

/// Returns the command that joins with an invite. The shell would take parts of a bare invite for its own signs.
fn join_command(invite: &Invite, state: &State) -> Sentence {
    let program = state.me.program;
    Sentence {
        kind: SentenceKind::ShellCommand,
        text: format!("{program} --join '{}'", invite.as_str()),
    }
}

/// Returns the sentences for a user who may leave while others stay, if newcomers need another invite afterwards.
pub(crate) fn of_invite_after_me(state: &State) -> Vec<Sentence> {
    let words = "Your node is the last one that the invite names. After you leave, newcomers need the new one:";
    with_invite_after_me(words, state)
}

/// Returns the same after leaving.
pub(crate) fn of_invite_without_me(state: &State) -> Vec<Sentence> {
    let words = "your node was the last one that the invite names; newcomers need the new one:";
    with_invite_after_me(words, state)
}

fn with_invite_after_me(words: &str, state: &State) -> Vec<Sentence> {
    let members = state.members.as_ref();
    let others_stay = members.is_some_and(|members| members.len() > 1);
    let invite = state.after_me.as_ref().filter(|_| others_stay);
    let invite = invite.map(|invite| vec![notice(words), join_command(invite, state)]);
    invite.unwrap_or_default()
}

fn of_ready(name: &str, state: &State) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let others = state.members.as_ref().filter(|members| members.len() > 1);
    let alone = others.is_none();
    sentences.push(match others {
        None => notice(format!("you are {name}; nobody else is here yet")),
        Some(members) => {
            let others = list_names(members, &state.me.id);
            notice(format!("you are {name}; also here: {others}"))
        }
    });
    if alone || state.me.is_founder {
        sentences.extend(of_invite(&state.me.invite, state));
    }
    sentences
}

/// Returns the sentence about the loss of several members at once.
fn of_split(members: usize, room: Option<&str>) -> String {
    let here = match members {
        0 | 1 => "nobody else is here now".to_owned(),
        members => format!("{members} people are still here"),
    };
    let room = room.map_or_else(String::new, |room| format!(" in {room}"));
    format!(
        "cut off from several people at once{room}; {here}. If the others are still running, they get what is said here \
         when the connection is back"
    )
}

fn of_gap(author: &NodeId, count: u64, room: Option<&str>, state: &State) -> String {
    let who = name_or_id(author, state);
    let room = room.map_or_else(String::new, |room| format!(" in {room}"));
    if count == 1 {
        format!("1 message from {who}{room} is missing: no member has it")
    } else {
        format!("{count} messages from {who}{room} are missing: no member has them")
    }
}

/// Returns the sentence about messages that were not shown.
pub(crate) fn of_withheld(withheld: &WithheldMessages, state: &State) -> Sentence {
    let who = name_or_id(&withheld.author, state);
    let count = withheld.to - withheld.from + 1;
    let noun = if count == 1 { "message" } else { "messages" };
    let room = if state.is_main(&withheld.room) {
        String::new()
    } else {
        format!(" in {}", rooms::name_of(&withheld.room, state))
    };
    warning(format!(
        "{count} {noun} from {who}{room} skipped: they came faster than they could be shown"
    ))
}

fn of_who(room: &RingId, members: Option<&Members>, state: &State) -> Vec<Sentence> {
    let Some(members) = members else {
        return vec![notice("this node has not joined the discussion yet")];
    };
    let place = if state.is_main(room) {
        "here".to_owned()
    } else {
        format!("in {}", rooms::name_of(room, state))
    };
    let heading = notice(format!(
        "{} {place}, in the order in which they joined:",
        members.len()
    ));
    let is_main = state.is_main(room);
    let lines = members.by_seniority().into_iter();
    let lines = lines.map(|member| {
        let role = if is_main {
            "coordinator"
        } else {
            "looks after it"
        };
        notice(describe_member(member, members, role, state))
    });
    std::iter::once(heading).chain(lines).collect()
}

fn of_ring(members: Option<&Members>, state: &State) -> Vec<Sentence> {
    let Some(members) = members else {
        return vec![notice("this node is not in a ring yet")];
    };
    let heading = notice(format!("{} in the ring, clockwise:", members.len()));
    let lines = members.iter().map(|member| {
        let neighbour = if Some(member.id) == state.predecessor {
            ", before you"
        } else if Some(member.id) == state.successor {
            ", after you"
        } else {
            ""
        };
        notice(describe_member(member, members, "coordinator", state) + neighbour)
    });
    std::iter::once(heading).chain(lines).collect()
}

/// Returns the names of all members but one.
fn list_names(members: &Members, me: &NodeId) -> String {
    let more = members.len().saturating_sub(1 + MAX_NAMES);
    let shown: Vec<&str> = members
        .iter()
        .filter(|member| member.id != *me)
        .take(MAX_NAMES)
        .map(|member| member.name.as_str())
        .collect();
    let shown = shown.join(", ");
    if more == 0 {
        shown
    } else {
        format!("{shown} and {more} more")
    }
}

/// Describes a member; `role` is that of the coordinator.
fn describe_member(member: &Member, members: &Members, role: &str, state: &State) -> String {
    let role = if member.id == members.coordinator() {
        format!(", {role}")
    } else {
        String::new()
    };
    let you = if member.id == state.me.id {
        ", you"
    } else {
        ""
    };
    let address = member.addresses.shown();
    let away = match state.away.get(&member.id).map(String::as_str) {
        None => String::new(),
        Some("") => ", away".to_owned(),
        Some(reason) => format!(", away ({reason})"),
    };
    format!("  {} at {address}{role}{you}{away}", member.name)
}

pub(crate) fn name_or_id(id: &NodeId, state: &State) -> String {
    state
        .name_of(id)
        .map_or_else(|| format!("?{id:?}"), ToOwned::to_owned)
}

const fn farewell(reason: Goodbye) -> &'static str {
    match reason {
        Goodbye::Quit | Goodbye::Signal | Goodbye::EndOfInput => "goodbye",
        Goodbye::Unreachable => "goodbye: could not join",
        Goodbye::Refused => "goodbye: this node was refused entry",
        Goodbye::Failure => "goodbye: this node cannot go on",
    }
}

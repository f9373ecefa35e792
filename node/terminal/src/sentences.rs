//! The sentences about events and answers, for people: the same in plain text and on the full screen.
//!
//! Not here: their rendering (`lines`, `screen`), and the messages of members (`Event::Message`).

use ringtalk_session::{Answer, Event, Goodbye, Invite, Member, Members, NodeId, Reply, State};

use crate::overload::WithheldMessages;
use crate::stdin::HELP;

/// The mark of a message whose author is not in the view.
pub(crate) const UNLISTED: &str = "(not here)";
/// The maximum number of names in one line.
const MAX_NAMES: usize = 20;

/// A sentence that is not harmless yet: names in it come from peers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sentence {
    pub(crate) is_warning: bool,
    /// True for a line of a table, which is this program's own text: its blanks are kept.
    pub(crate) is_table: bool,
    pub(crate) text: String,
}

/// Returns a sentence with information for the user.
fn notice(text: impl Into<String>) -> Sentence {
    Sentence {
        is_warning: false,
        is_table: false,
        text: text.into(),
    }
}

/// Returns a sentence about a problem.
fn warning(text: impl Into<String>) -> Sentence {
    Sentence {
        is_warning: true,
        is_table: false,
        text: text.into(),
    }
}

/// Returns a line of a table.
fn table_line(text: &str) -> Sentence {
    Sentence {
        is_table: true,
        ..notice(text)
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
        Event::Coordinator { epoch } => match of_coordinator(&epoch.coordinator, state) {
            Some(text) => notice(text),
            None => return Vec::new(),
        },
        Event::Merged { members, .. } => {
            notice(format!("the discussion is whole again: {members} members"))
        }
        Event::Gap {
            author, from, to, ..
        } => warning(of_gap(author, to - from + 1, state)),
        Event::Split { members, .. } => {
            let noun = if *members == 1 { "member" } else { "members" };
            warning(format!(
                "several members were lost at once. This side goes on with {members} {noun}, and merges \
                 with the others if they are still running"
            ))
        }
        Event::Error(remark) => warning(remark.message.as_str()),
        Event::Open { message } => warning(message.as_str()),
        Event::Notice(remark) => notice(remark.message.as_str()),
        Event::Goodbye { reason } => notice(farewell(*reason)),
        Event::Start { .. }
        | Event::Joining(_)
        | Event::Progress(_)
        | Event::Message(_)
        | Event::View(_)
        | Event::Neighbours { .. }
        | Event::Reached { .. } => return Vec::new(),
    };
    vec![sentence]
}

/// Returns the sentences about an answer.
pub(crate) fn of_answer(answer: &Answer, state: &State) -> Vec<Sentence> {
    match &answer.result {
        Ok(Reply::Sent(_) | Reply::Accepted | Reply::Clear) => Vec::new(),
        Ok(Reply::Who(members)) => of_who(members.as_deref(), state),
        Ok(Reply::Ring { members, .. }) => of_ring(members.as_deref(), state),
        Ok(Reply::Invite(invite)) => vec![of_invite(invite)],
        Ok(Reply::Help) => HELP.iter().map(|line| table_line(line)).collect(),
        Ok(Reply::Transcript(ids)) => {
            let heading = format!("{} messages, in the same order for everyone:", ids.len());
            let ids = ids.iter().map(|id| notice(format!("  {}", id.uuid())));
            std::iter::once(notice(heading)).chain(ids).collect()
        }
        Err(error) => vec![warning(error.message.as_str())],
    }
}

fn of_invite(invite: &Invite) -> Sentence {
    notice(format!("others join with: node --join {}", invite.as_str()))
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
    if alone || state.me.runs_director {
        sentences.push(of_invite(&state.me.invite));
    }
    sentences.push(notice("type to talk; /help lists the commands"));
    sentences
}

/// Returns a sentence about the coordinator. Returns `None` unless the node is ready and the coordinator has changed.
fn of_coordinator(id: &NodeId, state: &State) -> Option<String> {
    let former = state.former_coordinator;
    let another = state.ready && former.is_some_and(|former| former != *id);
    another.then(|| {
        if *id == state.me.id {
            "you now coordinate the ring".to_owned()
        } else {
            format!("{} now coordinates the ring", name_or_id(id, state))
        }
    })
}

fn of_gap(author: &NodeId, count: u64, state: &State) -> String {
    let who = name_or_id(author, state);
    if count == 1 {
        format!("1 message from {who} is missing: no member has it")
    } else {
        format!("{count} messages from {who} are missing: no member has them")
    }
}

/// Returns the sentence about messages that were not shown.
pub(crate) fn of_withheld(withheld: &WithheldMessages, state: &State) -> Sentence {
    let who = name_or_id(&withheld.author, state);
    let count = withheld.to - withheld.from + 1;
    let noun = if count == 1 { "message" } else { "messages" };
    warning(format!(
        "{count} {noun} from {who} skipped: they came faster than they could be shown"
    ))
}

fn of_who(members: Option<&Members>, state: &State) -> Vec<Sentence> {
    let Some(members) = members else {
        return vec![notice("this node has not joined the discussion yet")];
    };
    let heading = notice(format!(
        "{} here, in the order in which they joined:",
        members.len()
    ));
    let lines = members.by_seniority().into_iter();
    let lines = lines.map(|member| notice(describe_member(member, members, state)));
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
        notice(describe_member(member, members, state) + neighbour)
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

fn describe_member(member: &Member, members: &Members, state: &State) -> String {
    let role = if member.id == members.coordinator() {
        ", coordinator"
    } else {
        ""
    };
    let you = if member.id == state.me.id {
        ", you"
    } else {
        ""
    };
    let address = member.addresses.shown();
    format!("  {} at {address}{role}{you}", member.name)
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

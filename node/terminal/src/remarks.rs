//! The sentences about events and answers, for people: the same in plain text and on the full screen.
//!
//! Not here: their rendering (`lines`, `screen`), and the messages of members (`Event::Message`).

use ringtalk_session::{Answer, Event, Goodbye, Invite, Member, Members, NodeId, Reply, State};

use crate::rush::Withheld;
use crate::stdin::HELP;

/// The mark of a message whose author is not in the view.
pub(crate) const UNLISTED: &str = "(not here)";
/// The maximum number of names in one line.
const NAMES: usize = 20;

/// A sentence that is not harmless yet: names in it come from peers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Remark {
    pub(crate) is_warning: bool,
    /// True for a line of a table, which is this program's own text: its blanks are kept.
    pub(crate) is_table: bool,
    pub(crate) text: String,
}

/// Returns a remark with information for the user.
fn notice(text: impl Into<String>) -> Remark {
    Remark {
        is_warning: false,
        is_table: false,
        text: text.into(),
    }
}

/// Returns a remark about a problem.
fn warning(text: impl Into<String>) -> Remark {
    Remark {
        is_warning: true,
        is_table: false,
        text: text.into(),
    }
}

/// Returns a line of a table.
fn table_line(text: &str) -> Remark {
    Remark {
        is_table: true,
        ..notice(text)
    }
}

/// Returns the remarks about an event.
pub(crate) fn of_event(event: &Event, state: &State) -> Vec<Remark> {
    let remark = match event {
        Event::Ready { name } => return of_ready(name, state),
        Event::Joined(person) => notice(format!("{} joined", person.name)),
        Event::Left(person) => notice(format!("{} left", person.name)),
        Event::Failed(person) => notice(format!("{} is gone (connection lost)", person.name)),
        Event::Renamed { person, previous } if person.id == state.me.id => {
            notice(format!("you are {} now (before: {previous})", person.name))
        }
        Event::Renamed { person, previous } => notice(format!("{previous} is {} now", person.name)),
        Event::Coordinator { epoch } => match of_coordinator(&epoch.coordinator, state) {
            Some(text) => notice(text),
            None => return Vec::new(),
        },
        Event::Merged { members, .. } => notice(format!(
            "two parts of the discussion are one again: {members} members"
        )),
        Event::Gap {
            author, from, to, ..
        } => warning(of_gap(author, to - from + 1, state)),
        Event::Split { members, .. } => warning(format!(
            "several members were lost at once; here it goes on with {members}, and if the others \
             live, the parts will find each other again"
        )),
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
    vec![remark]
}

/// Returns the remarks about an answer.
pub(crate) fn of_answer(answer: &Answer, state: &State) -> Vec<Remark> {
    match &answer.result {
        Ok(Reply::Said(_) | Reply::Asked | Reply::Clear) => Vec::new(),
        Ok(Reply::Who(members)) => of_who(members.as_deref(), state),
        Ok(Reply::Ring { members, .. }) => of_ring(members.as_deref(), state),
        Ok(Reply::Invite(invite)) => vec![of_invite(invite)],
        Ok(Reply::Help) => HELP.iter().map(|line| table_line(line)).collect(),
        Ok(Reply::Transcript(ids)) => {
            let heading = format!("{} messages, in the same order everywhere:", ids.len());
            let ids = ids.iter().map(|id| notice(format!("  {}", id.uuid())));
            std::iter::once(notice(heading)).chain(ids).collect()
        }
        Err(error) => vec![warning(error.message.as_str())],
    }
}

fn of_invite(invite: &Invite) -> Remark {
    notice(format!("others join with: node --join {}", invite.as_str()))
}

fn of_ready(name: &str, state: &State) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let others = state.members.as_ref().filter(|members| members.len() > 1);
    let alone = others.is_none();
    remarks.push(match others {
        None => notice(format!("you are {name}, and the first here")),
        Some(members) => notice(format!("you are {name}; here are {}", names(members))),
    });
    if alone || state.me.hosts {
        remarks.push(of_invite(&state.me.invite));
    }
    remarks.push(notice("type to talk; /help lists what else there is"));
    remarks
}

/// Returns a sentence about the coordinator. Returns `None` unless the node is ready and the coordinator has changed.
fn of_coordinator(id: &NodeId, state: &State) -> Option<String> {
    let former = state.former_coordinator;
    let another = state.ready && former.is_some_and(|former| former != *id);
    another.then(|| {
        if *id == state.me.id {
            "you coordinate the ring now".to_owned()
        } else {
            format!("{} coordinates the ring now", name_or_id(id, state))
        }
    })
}

fn of_gap(author: &NodeId, count: u64, state: &State) -> String {
    let who = name_or_id(author, state);
    let noun = if count == 1 { "message" } else { "messages" };
    format!("{count} {noun} of {who} cannot be had: nobody who is here has them")
}

/// Returns the remark about messages that were not shown.
pub(crate) fn of_withheld(withheld: &Withheld, state: &State) -> Remark {
    let who = name_or_id(&withheld.author, state);
    let count = withheld.to - withheld.from + 1;
    let noun = if count == 1 { "message" } else { "messages" };
    warning(format!(
        "{who} sends faster than this is read: {count} {noun} skipped"
    ))
}

fn of_who(members: Option<&Members>, state: &State) -> Vec<Remark> {
    let Some(members) = members else {
        return vec![notice("nobody is here yet")];
    };
    let heading = notice(format!("{} here, the most senior first:", members.len()));
    let lines = members.by_seniority().into_iter();
    let lines = lines.map(|member| notice(listed(member, members, state)));
    std::iter::once(heading).chain(lines).collect()
}

fn of_ring(members: Option<&Members>, state: &State) -> Vec<Remark> {
    let Some(members) = members else {
        return vec![notice("there is no ring yet")];
    };
    let heading = notice(format!("{} in the ring, clockwise:", members.len()));
    let lines = members.iter().map(|member| {
        let place = if Some(member.id) == state.predecessor {
            ", before you"
        } else if Some(member.id) == state.successor {
            ", after you"
        } else {
            ""
        };
        notice(listed(member, members, state) + place)
    });
    std::iter::once(heading).chain(lines).collect()
}

fn names(members: &Members) -> String {
    let more = members.len().saturating_sub(NAMES);
    let shown: Vec<&str> = members
        .iter()
        .take(NAMES)
        .map(|member| member.name.as_str())
        .collect();
    let shown = shown.join(", ");
    if more == 0 {
        shown
    } else {
        format!("{shown} and {more} more")
    }
}

fn listed(member: &Member, members: &Members, state: &State) -> String {
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
        Goodbye::Unreachable => "goodbye: nobody could be reached",
        Goodbye::Refused => "goodbye: the way in was refused",
        Goodbye::Failure => "goodbye: this node cannot go on",
    }
}

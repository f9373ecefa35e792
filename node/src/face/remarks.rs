//! What is to be said of things that happen, in words for people: the same in plain text and on the
//! full screen.
//!
//! Not here: how any of it looks (`lines`, `screen`), and what members say (`Event::Message`).

use std::net::IpAddr;

use ringtalk_proto::{Event, View};
use ringtalk_wire::{Member, NodeId};

use super::known::Known;
use super::rush::Withheld;
use super::{Goodbye, Told};
use crate::stdin::HELP;

/// The most names in one line.
const NAMES: usize = 20;

/// A sentence, not yet made harmless: names in it come from peers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Remark {
    pub(super) is_warning: bool,
    pub(super) text: String,
}

/// Something that the user may like to know.
fn notice(text: impl Into<String>) -> Remark {
    Remark {
        is_warning: false,
        text: text.into(),
    }
}

/// Something that the user should know.
fn warning(text: impl Into<String>) -> Remark {
    Remark {
        is_warning: true,
        text: text.into(),
    }
}

/// What is to be said of an event of the core.
pub(super) fn of_event(event: &Event, known: &Known) -> Vec<Remark> {
    let remark = match event {
        Event::Ready { name } => return of_ready(name, known),
        Event::Joined(person) => notice(format!("{} joined", person.name)),
        Event::Left(person) => notice(format!("{} left", person.name)),
        Event::Failed(person) => notice(format!("{} is gone (connection lost)", person.name)),
        Event::Renamed { person, previous } if person.id == known.me.id => {
            notice(format!("you are {} now (before: {previous})", person.name))
        }
        Event::Renamed { person, previous } => notice(format!("{previous} is {} now", person.name)),
        Event::Coordinator { epoch } => match of_coordinator(&epoch.coordinator, known) {
            Some(text) => notice(text),
            None => return Vec::new(),
        },
        Event::Merged { members, .. } => notice(format!(
            "two parts of the discussion are one again: {members} members"
        )),
        Event::Gap {
            author, from, to, ..
        } => warning(of_gap(author, to - from + 1, known)),
        Event::Error { message, .. } => warning(message.as_str()),
        Event::Start { .. }
        | Event::Joining(_)
        | Event::Message(_)
        | Event::View(_)
        | Event::Neighbours { .. }
        | Event::Observed { .. }
        | Event::Reached { .. } => return Vec::new(),
    };
    vec![remark]
}

/// Somebody looks who is no member.
pub(super) fn of_observer(host: Option<IpAddr>) -> Told {
    let whence = host.map_or_else(
        || "through a relay".to_owned(),
        |host| format!("from {host}"),
    );
    Told::Notice {
        code: "observer",
        message: format!(
            "somebody looks at the ring {whence}, and is no member: it sees who is here, and not what is said"
        ),
    }
}

/// What is to be said of something of the driver's own.
pub(super) fn of_told(told: &Told, known: &Known) -> Vec<Remark> {
    let remark = match told {
        Told::Clear => return Vec::new(),
        Told::Who => return of_who(known),
        Told::Ring => return of_ring(known),
        Told::Withheld(withheld) => warning(of_withheld(withheld, known)),
        Told::Help => return HELP.iter().map(|line| notice(*line)).collect(),
        Told::Transcript(ids) => {
            let heading = format!("{} messages, in the same order everywhere:", ids.len());
            let ids = ids.iter().map(|id| notice(format!("  {}", id.uuid())));
            return std::iter::once(notice(heading)).chain(ids).collect();
        }
        Told::Invite => notice(format!(
            "others join with: node --join {}",
            known.me.invite.as_str()
        )),
        Told::Split { members, .. } => warning(format!(
            "several members were lost at once; here it goes on with {members}, and if the others \
             live, the parts will find each other again"
        )),
        Told::Error { message, .. } | Told::Open { message } => warning(message.as_str()),
        Told::Notice { message, .. } => notice(message.as_str()),
        Told::Goodbye { reason } => notice(farewell(*reason)),
    };
    vec![remark]
}

fn of_ready(name: &str, known: &Known) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let others = known.view.as_ref().filter(|view| view.len() > 1);
    let alone = others.is_none();
    remarks.push(match others {
        None => notice(format!("you are {name}, and the first here")),
        Some(view) => notice(format!("you are {name}; here are {}", names(view))),
    });
    if alone || known.me.hosts {
        remarks.extend(of_told(&Told::Invite, known));
    }
    remarks.push(notice("type to talk; /help lists what else there is"));
    remarks
}

/// Who coordinates is of interest where it was somebody else before.
fn of_coordinator(id: &NodeId, known: &Known) -> Option<String> {
    let former = known.former_coordinator;
    let another = known.ready && former.is_some_and(|former| former != *id);
    another.then(|| {
        if *id == known.me.id {
            "you coordinate the ring now".to_owned()
        } else {
            format!("{} coordinates the ring now", name_or_id(id, known))
        }
    })
}

fn of_gap(author: &NodeId, count: u64, known: &Known) -> String {
    let who = name_or_id(author, known);
    let noun = if count == 1 { "message" } else { "messages" };
    format!("{count} {noun} of {who} cannot be had: nobody who is here has them")
}

fn of_withheld(withheld: &Withheld, known: &Known) -> String {
    let who = name_or_id(&withheld.author, known);
    let count = withheld.to - withheld.from + 1;
    let noun = if count == 1 { "message" } else { "messages" };
    format!("{who} sends faster than this is read: {count} {noun} skipped")
}

fn of_who(known: &Known) -> Vec<Remark> {
    let Some(view) = &known.view else {
        return vec![notice("nobody is here yet")];
    };
    let heading = notice(format!("{} here, the most senior first:", view.len()));
    let members = view.by_seniority().into_iter();
    let members = members.map(|member| notice(listed(member, view, known)));
    std::iter::once(heading).chain(members).collect()
}

fn of_ring(known: &Known) -> Vec<Remark> {
    let Some(view) = &known.view else {
        return vec![notice("there is no ring yet")];
    };
    let heading = notice(format!("{} in the ring, clockwise:", view.len()));
    let members = view.members().map(|member| {
        let place = if Some(member.id) == known.predecessor {
            ", before you"
        } else if Some(member.id) == known.successor {
            ", after you"
        } else {
            ""
        };
        notice(listed(member, view, known) + place)
    });
    std::iter::once(heading).chain(members).collect()
}

fn names(view: &View) -> String {
    let more = view.len().saturating_sub(NAMES);
    let shown: Vec<&str> = view
        .members()
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

fn listed(member: &Member, view: &View, known: &Known) -> String {
    let role = if member.id == view.coordinator() {
        ", coordinator"
    } else {
        ""
    };
    let you = if member.id == known.me.id {
        ", you"
    } else {
        ""
    };
    let address = member.addresses.shown();
    format!("  {} at {address}{role}{you}", member.name)
}

pub(super) fn name_or_id(id: &NodeId, known: &Known) -> String {
    known
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

//! The face for people: plain text, one line for each thing that happens.
//!
//! Messages are `12:34 ann: text`; notices start with `*`, errors with `!`. Nothing that a peer
//! sends can reach the terminal as anything but text (`harmless`). Not here: the full screen.

use ringtalk_proto::{Delivered, Event, View};
use ringtalk_wire::{Member, NodeId};
use time::UtcOffset;

use super::harmless::harmless;
use super::known::{Before, Known};
use super::timestamp::hours_and_minutes;
use super::{Goodbye, Told};
use crate::stdin::HELP;

/// The most names in one line.
const NAMES: usize = 20;

/// The face for people.
#[derive(Debug)]
pub(super) struct Lines {
    paint: Paint,
    offset: UtcOffset,
    in_history: bool,
}

impl Lines {
    pub(super) const fn new(color: bool, offset: UtcOffset) -> Self {
        Self {
            paint: Paint(color),
            offset,
            in_history: false,
        }
    }

    pub(super) fn show(&mut self, event: &Event, known: &Known, before: Before, out: &mut Vec<u8>) {
        match event {
            Event::Message(message) => self.message(message, known, out),
            Event::Ready { name } => self.ready(name, known, out),
            Event::Joined(person) => self.notice(&format!("{} joined", person.name), out),
            Event::Left(person) => self.notice(&format!("{} left", person.name), out),
            Event::Failed(person) => {
                self.notice(&format!("{} is gone (connection lost)", person.name), out);
            }
            Event::Renamed { person, previous } if person.id == known.me.id => {
                let text = format!("you are {} now (before: {previous})", person.name);
                self.notice(&text, out);
            }
            Event::Renamed { person, previous } => {
                self.notice(&format!("{previous} is {} now", person.name), out);
            }
            Event::Coordinator { epoch } => {
                self.coordinator(&epoch.coordinator, known, before, out);
            }
            Event::Merged { members, .. } => {
                let text = format!("two parts of the discussion are one again: {members} members");
                self.notice(&text, out);
            }
            Event::Gap {
                author, from, to, ..
            } => self.gap(author, to - from + 1, known, out),
            Event::Error { message, .. } => self.error(message, out),
            Event::Start { .. }
            | Event::View(_)
            | Event::Neighbours { .. }
            | Event::Reached { .. } => {}
        }
    }

    pub(super) fn tell(&mut self, told: &Told, known: &Known, out: &mut Vec<u8>) {
        match told {
            Told::Who => self.who(known, out),
            Told::Ring => self.ring(known, out),
            Told::Invite => {
                let text = format!("others join with: node --join {}", known.me.invite.as_str());
                self.notice(&text, out);
            }
            Told::Help => HELP.iter().for_each(|line| self.notice(line, out)),
            Told::Transcript(ids) => {
                let text = format!("{} messages, in the same order everywhere:", ids.len());
                self.notice(&text, out);
                for id in ids {
                    self.notice(&format!("  {}", id.uuid()), out);
                }
            }
            Told::Split { members, .. } => {
                let text = format!(
                    "several members were lost at once; here it goes on with {members}, and if \
                     the others live, the parts will find each other again"
                );
                self.error(&text, out);
            }
            Told::Error { message, .. } | Told::Open { message } => self.error(message, out),
            Told::Notice { message, .. } => self.notice(message, out),
            Told::Goodbye { reason } => self.notice(farewell(*reason), out),
        }
    }

    fn message(&mut self, message: &Delivered, known: &Known, out: &mut Vec<u8>) {
        if message.history && !self.in_history {
            self.in_history = true;
            self.notice("the discussion so far:", out);
        }
        let time = hours_and_minutes(message.timestamp_ms, self.offset);
        let text = harmless(&message.text);
        let line = if message.history {
            let name = harmless(&message.name);
            self.paint.dim(&format!("{time} {name}: {text}"))
        } else {
            let name = self.paint.name(&message.name, &message.id.author, known);
            format!("{} {name}: {text}", self.paint.dim(&time))
        };
        put(&line, out);
    }

    fn ready(&mut self, name: &str, known: &Known, out: &mut Vec<u8>) {
        if self.in_history {
            self.notice("that was before you came", out);
        }
        let others = known.view.as_ref().filter(|view| view.len() > 1);
        let alone = others.is_none();
        let here = match others {
            None => format!("you are {name}, and the first here"),
            Some(view) => format!("you are {name}; here are {}", names(view)),
        };
        self.notice(&here, out);
        if name != known.me.wanted_name {
            let taken = format!("(somebody else is {} already)", known.me.wanted_name);
            self.notice(&taken, out);
        }
        if alone || known.me.hosts {
            self.tell(&Told::Invite, known, out);
        }
        self.notice("type to talk; /help lists what else there is", out);
    }

    /// Who coordinates is of interest where it was somebody else before.
    fn coordinator(&self, id: &NodeId, known: &Known, before: Before, out: &mut Vec<u8>) {
        let former = before.view.map(|view| view.coordinator());
        if !known.ready || former.is_none() {
            return;
        }
        let text = if *id == known.me.id {
            "you coordinate the ring now".to_owned()
        } else {
            format!("{} coordinates the ring now", name_or_id(id, known))
        };
        self.notice(&text, out);
    }

    fn gap(&self, author: &NodeId, count: u64, known: &Known, out: &mut Vec<u8>) {
        let who = name_or_id(author, known);
        let noun = if count == 1 { "message" } else { "messages" };
        let text = format!("{count} {noun} of {who} cannot be had: nobody who is here has them");
        self.error(&text, out);
    }

    fn who(&self, known: &Known, out: &mut Vec<u8>) {
        let Some(view) = &known.view else {
            return self.notice("nobody is here yet", out);
        };
        self.notice(&format!("{} here, the most senior first:", view.len()), out);
        for member in view.by_seniority() {
            self.notice(&listed(member, view, known), out);
        }
    }

    fn ring(&self, known: &Known, out: &mut Vec<u8>) {
        let Some(view) = &known.view else {
            return self.notice("there is no ring yet", out);
        };
        let heading = format!("{} in the ring, clockwise:", view.len());
        self.notice(&heading, out);
        for member in view.members() {
            let line = listed(member, view, known);
            let place = if Some(member.id) == known.predecessor {
                ", before you"
            } else if Some(member.id) == known.successor {
                ", after you"
            } else {
                ""
            };
            self.notice(&(line + place), out);
        }
    }

    fn notice(&self, text: &str, out: &mut Vec<u8>) {
        put(&self.paint.dim(&format!("* {}", harmless(text))), out);
    }

    fn error(&self, text: &str, out: &mut Vec<u8>) {
        put(&self.paint.warn(&format!("! {}", harmless(text))), out);
    }
}

fn put(line: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
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

fn name_or_id(id: &NodeId, known: &Known) -> String {
    known
        .name_of(id)
        .map_or_else(|| format!("{id:?}"), ToOwned::to_owned)
}

const fn farewell(reason: Goodbye) -> &'static str {
    match reason {
        Goodbye::Quit | Goodbye::Signal | Goodbye::EndOfInput => "goodbye",
        Goodbye::Unreachable => "goodbye: nobody could be reached",
        Goodbye::Refused => "goodbye: the way in was refused",
        Goodbye::Failure => "goodbye: this node cannot go on",
    }
}

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
struct Paint(bool);

impl Paint {
    /// Colours for names: those that can be read on light and dark.
    const NAMES: [u8; 6] = [31, 32, 33, 34, 35, 36];

    fn dim(self, text: &str) -> String {
        self.with(2, text)
    }

    fn warn(self, text: &str) -> String {
        self.with(33, text)
    }

    /// A member keeps its colour, whatever its name.
    fn name(self, name: &str, id: &NodeId, known: &Known) -> String {
        let name = harmless(name);
        if *id == known.me.id {
            return self.with(1, &name);
        }
        let sum: usize = id.as_bytes().iter().map(|byte| usize::from(*byte)).sum();
        self.with(Self::NAMES[sum % Self::NAMES.len()], &name)
    }

    fn with(self, code: u8, text: &str) -> String {
        if self.0 {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

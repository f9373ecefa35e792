//! A session's knowledge of the discussion. It is derived from the events alone, and is the same for every face.
//!
//! Not here: its rendering (the faces).

use std::sync::Arc;

use ringtalk_wire::{NodeId, VectorClock};

use crate::{Code, Command, Event, Invite, Joining, Me, Members, Message, Reply};

/// A session's knowledge of the discussion.
#[derive(Clone, Debug)]
pub struct State {
    /// The facts about the session's own node.
    pub me: Me,
    /// The name of this node.
    pub name: String,
    /// True once the node is in the ring and has the history.
    pub ready: bool,
    /// The progress of joining.
    pub joining: Joining,
    /// The members; `None` before the first view.
    pub members: Option<Arc<Members>>,
    /// The neighbour before this node.
    pub predecessor: Option<NodeId>,
    /// The neighbour after this node.
    pub successor: Option<NodeId>,
    /// The clock, which covers the delivered messages and the gaps that it has passed.
    pub clock: VectorClock,
    /// The coordinator of the ring.
    pub coordinator: Option<NodeId>,
    /// False while no director answers.
    pub director_answers: bool,
    /// The invite that newcomers need after this node leaves, if no other entrance of the present one is left.
    pub after_me: Option<Invite>,
}

impl State {
    /// Creates the state before the first event.
    pub fn new(me: Me) -> Self {
        Self {
            name: me.requested_name.clone(),
            me,
            ready: false,
            joining: Joining::new(),
            members: None,
            predecessor: None,
            successor: None,
            clock: VectorClock::new(),
            coordinator: None,
            director_answers: true,
            after_me: None,
        }
    }

    /// Applies an event.
    pub fn apply(&mut self, event: &Event) {
        if !self.ready {
            self.joining.apply(event);
        }
        match event {
            Event::Start { base } => self.clock = base.clone(),
            Event::Ready { name } => {
                self.ready = true;
                self.name.clone_from(name);
            }
            Event::Message(message) => self.clock.advance(message.id.author, message.id.seq),
            Event::Gap {
                author,
                to,
                passed: true,
                ..
            } => self.clock.advance(*author, *to),
            Event::View(members) => self.members = Some(Arc::clone(members)),
            Event::Coordinator { epoch } => self.coordinator = Some(epoch.coordinator),
            Event::Neighbours {
                predecessor,
                successor,
            } => (self.predecessor, self.successor) = (*predecessor, *successor),
            Event::Relocated {
                address, invite, ..
            } => {
                self.me.address.clone_from(address);
                self.me.invite = invite.clone();
            }
            Event::Renamed { person, .. } if person.id == self.me.id => {
                self.name.clone_from(&person.name);
            }
            Event::Invite(news) => {
                self.me.invite = news.invite.clone();
                self.after_me.clone_from(&news.after_me);
            }
            Event::Error(remark) if remark.code == Code::DirectorUnreachable => {
                self.director_answers = false;
            }
            Event::Notice(remark) if remark.code == Code::DirectorReachable => {
                self.director_answers = true;
            }
            _ => {}
        }
    }

    /// Returns true for a new message whose author is not in the view: the author has left, or a member has brought
    /// the message.
    pub fn is_unlisted(&self, message: &Message) -> bool {
        let author = &message.id.author;
        let is_gone = |members: &Arc<Members>| !members.contains(author);
        !message.history && *author != self.me.id && self.members.as_ref().is_some_and(is_gone)
    }

    /// Returns the answer to a command that needs only this state. Returns `None` for other commands.
    pub fn answer(&self, command: &Command) -> Option<Reply> {
        Some(match command {
            Command::Who => Reply::Who(self.members.clone()),
            Command::Ring => Reply::Ring {
                members: self.members.clone(),
                predecessor: self.predecessor,
                successor: self.successor,
            },
            Command::Face(command) => Reply::Face(command.clone()),
            Command::Help => Reply::Help,
            Command::Clear => Reply::Clear,
            Command::Say(_)
            | Command::Name(_)
            | Command::Invite
            | Command::Transcript
            | Command::Quit => return None,
        })
    }

    /// Returns a member's name, if it is known.
    pub fn name_of(&self, id: &NodeId) -> Option<&str> {
        if *id == self.me.id {
            return Some(&self.name);
        }
        let members = self.members.as_ref()?;
        members.get(id).map(|member| member.name.as_str())
    }
}

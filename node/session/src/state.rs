//! What a session knows of the discussion: kept from events alone, and the same for every face.
//!
//! Not here: how any of it looks.

use std::sync::Arc;

use ringtalk_wire::{NodeId, VectorClock};

use crate::{Code, Command, Event, Joining, Me, Members, Message, Reply};

/// What a session knows of the discussion.
#[derive(Clone, Debug)]
pub struct State {
    /// The own node.
    pub me: Me,
    /// What the own node is called.
    pub name: String,
    /// True once the node is in the ring and has the discussion so far.
    pub ready: bool,
    /// The way in.
    pub joining: Joining,
    /// Who is here; nothing before the first view.
    pub members: Option<Arc<Members>>,
    /// The neighbour before the own node.
    pub predecessor: Option<NodeId>,
    /// The neighbour after it.
    pub successor: Option<NodeId>,
    /// What was delivered.
    pub clock: VectorClock,
    /// Who coordinates the ring.
    pub coordinator: Option<NodeId>,
    /// Who coordinated before the last event that told who does.
    pub former_coordinator: Option<NodeId>,
    /// False from when no director answers any more until one does.
    pub director_answers: bool,
}

impl State {
    /// Nothing has happened yet.
    pub fn new(me: Me) -> Self {
        Self {
            name: me.wanted_name.clone(),
            me,
            ready: false,
            joining: Joining::new(),
            members: None,
            predecessor: None,
            successor: None,
            clock: VectorClock::new(),
            coordinator: None,
            former_coordinator: None,
            director_answers: true,
        }
    }

    /// Takes in an event.
    pub fn learn(&mut self, event: &Event) {
        if !self.ready {
            self.joining.learn(event);
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
            Event::Coordinator { epoch } => {
                self.former_coordinator = self.coordinator.replace(epoch.coordinator);
            }
            Event::Neighbours {
                predecessor,
                successor,
            } => (self.predecessor, self.successor) = (*predecessor, *successor),
            Event::Renamed { person, .. } if person.id == self.me.id => {
                self.name.clone_from(&person.name);
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

    /// True for what somebody says now whom the view does not list: the last words of somebody who has gone, or words that
    /// a member has brought.
    pub fn is_unlisted(&self, message: &Message) -> bool {
        let author = &message.id.author;
        let is_gone = |members: &Arc<Members>| !members.contains(author);
        !message.history && *author != self.me.id && self.members.as_ref().is_some_and(is_gone)
    }

    /// The answer to a command that asks for nothing but what is known here.
    pub fn answer(&self, command: &Command) -> Option<Reply> {
        Some(match command {
            Command::Who => Reply::Who(self.members.clone()),
            Command::Ring => Reply::Ring {
                members: self.members.clone(),
                predecessor: self.predecessor,
                successor: self.successor,
            },
            Command::Invite => Reply::Invite(self.me.invite.clone()),
            Command::Help => Reply::Help,
            Command::Clear => Reply::Clear,
            Command::Say(_) | Command::Name(_) | Command::Transcript | Command::Quit => {
                return None;
            }
        })
    }

    /// A member's name, as far as it is known.
    pub fn name_of(&self, id: &NodeId) -> Option<&str> {
        if *id == self.me.id {
            return Some(&self.name);
        }
        let members = self.members.as_ref()?;
        members.get(id).map(|member| member.name.as_str())
    }
}

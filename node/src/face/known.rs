//! What a face knows of the discussion: kept from events alone.
//!
//! Not here: how any of it looks (`lines`, `json`).

use std::sync::Arc;

use ringtalk_director::api::Address;
use ringtalk_proto::{Delivered, Event, View};
use ringtalk_wire::{DiscussionId, NodeId, VectorClock};

use super::Told;
use super::joining::Joining;
use crate::settings::Invite;

/// What is shown with the words of somebody whom the view does not list.
pub(crate) const UNLISTED: &str = "(not here)";

/// What a face is told of its own node, once.
#[derive(Clone, Debug)]
pub(crate) struct Me {
    /// The node's id.
    pub(crate) id: NodeId,
    /// The name that was asked for.
    pub(crate) wanted_name: String,
    /// Where others dial it.
    pub(crate) address: Address,
    /// Which discussion it takes part in.
    pub(crate) discussion: DiscussionId,
    /// What others give to `--join`.
    pub(crate) invite: Invite,
    /// The directors of an open discussion; none for a private one.
    pub(crate) open_at: Option<String>,
    /// True where the director is inside this node.
    pub(crate) hosts: bool,
}

/// What a face knows of the discussion.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) me: Me,
    pub(crate) name: String,
    pub(crate) ready: bool,
    pub(crate) joining: Joining,
    pub(crate) view: Option<Arc<View>>,
    pub(crate) predecessor: Option<NodeId>,
    pub(crate) successor: Option<NodeId>,
    pub(crate) clock: VectorClock,
    pub(crate) coordinator: Option<NodeId>,
    /// Who coordinated before the last event that told who does.
    pub(crate) former_coordinator: Option<NodeId>,
}

impl Known {
    pub(crate) fn new(me: Me) -> Self {
        Self {
            name: me.wanted_name.clone(),
            me,
            ready: false,
            joining: Joining::new(),
            view: None,
            predecessor: None,
            successor: None,
            clock: VectorClock::new(),
            coordinator: None,
            former_coordinator: None,
        }
    }

    /// Takes in an event.
    pub(crate) fn learn(&mut self, event: &Event) {
        if !self.ready {
            self.joining.learn(event);
        }
        match event {
            Event::Start { base, .. } => self.clock = base.clone(),
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
            Event::View(view) => self.view = Some(Arc::clone(view)),
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
            _ => {}
        }
    }

    /// Takes in something of the driver's own.
    pub(crate) fn hear(&mut self, told: &Told) {
        if let Told::Withheld(withheld) = told {
            self.clock.advance(withheld.author, withheld.to);
        }
    }

    /// True for what somebody says now whom the view does not list: the last words of somebody who has gone, or words that
    /// a member has brought.
    pub(crate) fn is_unlisted(&self, message: &Delivered) -> bool {
        let author = &message.id.author;
        let is_gone = |view: &Arc<View>| !view.contains(author);
        !message.history && *author != self.me.id && self.view.as_ref().is_some_and(is_gone)
    }

    /// A member's name, as far as it is known.
    pub(crate) fn name_of(&self, id: &NodeId) -> Option<&str> {
        if *id == self.me.id {
            return Some(&self.name);
        }
        let view = self.view.as_ref()?;
        view.member(id).map(|member| member.name.as_str())
    }
}

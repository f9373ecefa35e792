//! What this node believes of others, beside what the view says: names, deaths, and who was shown up.
//!
//! Not here: how it comes to believe that (`authors`, `suspicion`, `forks`), and who is suspected (`detector`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ringtalk_wire::{Departed, Departure, NodeId};

use super::Context;
use crate::View;
use crate::config::DEPUTIES;
use crate::planted::PlantedBug;

/// Whose share of a link the bundles of those take who have no name.
pub(crate) const SHARE_OF_THE_NAMELESS: NodeId = NodeId::from_bytes([0; 16]);

/// What this node believes of others.
#[derive(Debug, Default)]
pub(crate) struct People {
    /// The names of those who are no members any more, as far as they are known; the view has the others'.
    pub(crate) former: BTreeMap<NodeId, String>,
    /// Members that were found dead, and are in the view still.
    pub(crate) dead: BTreeSet<NodeId>,
    /// The authors that were shown up: nothing of them is taken from themselves any more.
    pub(crate) liars: BTreeSet<NodeId>,
}

impl People {
    /// This node slept, and what it believed of the dead is of before that. Whoever was shown up stays as good as dead.
    pub(crate) fn forgive_the_dead(&mut self) {
        let liars = &self.liars;
        self.dead.retain(|id| liars.contains(id));
    }
}

impl Context {
    /// The name of somebody who is or was a member, as far as it is known.
    pub(crate) fn known_name(&self, id: &NodeId) -> Option<&String> {
        let member = self.view.as_ref().and_then(|view| view.member(id));
        let present = member.map(|member| &member.name);
        present.or_else(|| self.people.former.get(id))
    }

    /// Returns true for whoever was a member, and is none now.
    pub(crate) fn is_former(&self, id: &NodeId) -> bool {
        self.people.former.contains_key(id)
    }

    /// Returns true for whoever is or was a member, as far as is known.
    pub(crate) fn is_named(&self, id: &NodeId) -> bool {
        self.known_name(id).is_some()
    }

    /// The name of a member or an author. Whoever has none is called by its id, with a `?` before it: no name has one, so
    /// that no member can be called so.
    pub(crate) fn name_of(&self, id: &NodeId) -> String {
        let known = self.known_name(id).cloned();
        known.unwrap_or_else(|| format!("?{id:?}"))
    }

    /// For the log and for errors: who a member is.
    pub(crate) fn described(&self, id: &NodeId) -> String {
        format!("{} ({id:?})", self.name_of(id))
    }

    /// Whose share of a link an author's bundles take: all who were never admitted have one together.
    pub(crate) fn share_of(&self, author: &NodeId) -> NodeId {
        if self.is_named(author) {
            *author
        } else {
            SHARE_OF_THE_NAMELESS
        }
    }

    /// Returns true for an author that was shown up.
    pub(crate) fn is_proven(&self, author: &NodeId) -> bool {
        self.people.liars.contains(author)
    }

    /// Returns true if this is the coordinator, and it was shown up.
    pub(crate) fn is_deposed(&self, id: &NodeId) -> bool {
        let view = self.view.as_ref();
        let planted = self.planted.has(PlantedBug::KeepLiarInOffice);
        !planted && self.is_proven(id) && view.is_some_and(|view| view.coordinator() == *id)
    }

    /// Those found dead, for the next view.
    pub(crate) fn dead_members(&self) -> Vec<Departed> {
        let dead = self.people.dead.iter().filter(|id| **id != self.config.id);
        dead.map(|&id| Departed {
            id,
            how: Departure::Failed,
        })
        .take(ringtalk_wire::limit::UPDATE_CHANGES)
        .collect()
    }

    /// All members, first who is to coordinate; last those who were shown up, however senior they are.
    pub(crate) fn by_rank(&self, view: &View) -> Vec<NodeId> {
        let members = view.by_seniority().into_iter();
        let mut ranked: Vec<NodeId> = members.map(|member| member.id).collect();
        ranked.sort_by_key(|id| self.is_proven(id));
        if self.planted.has(PlantedBug::ElectById) {
            ranked.sort_unstable_by(|one, other| other.cmp(one));
        }
        ranked
    }

    /// The most senior members that this node does not suspect, without the coordinator.
    pub(crate) fn deputies(&self) -> Vec<NodeId> {
        let Some(view) = &self.view else {
            return Vec::new();
        };
        self.by_rank(view)
            .into_iter()
            .filter(|id| *id != view.coordinator() && !self.detector.suspects(id))
            .take(DEPUTIES)
            .collect()
    }
}

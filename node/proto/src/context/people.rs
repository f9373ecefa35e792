//! Beliefs about other nodes, beyond the view: names, deaths, and equivocators.
//!
//! Not here: the reasons for them (`authors`, `suspicion`, `forks`), suspicions (`detector`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ringtalk_wire::{Departed, Departure, Epoch, NodeId};

use super::Context;
use crate::View;
use crate::config::DEPUTIES;
use crate::planted::PlantedBug;

/// The id under which the bundles of all unnamed authors share one part of a link.
pub(crate) const UNNAMED_SHARE: NodeId = NodeId::from_bytes([0; 16]);

/// Beliefs about other nodes.
#[derive(Debug, Default)]
pub(crate) struct People {
    /// The known names of former members; the view has the members' names.
    pub(crate) former: BTreeMap<NodeId, String>,
    /// Members that were found dead and are still in the view.
    pub(crate) dead: BTreeSet<NodeId>,
    /// The authors that provably sent different messages to different members: their own bundles are not accepted any
    /// more.
    pub(crate) equivocators: BTreeSet<NodeId>,
    /// The epoch whose coordinator has left office, as its own request for a place shows.
    pub(crate) abandoned: Option<Epoch>,
}

impl People {
    /// Forgets which members were found dead, because this node slept and its belief is stale. Equivocators stay as
    /// good as dead.
    pub(crate) fn forget_deaths(&mut self) {
        let equivocators = &self.equivocators;
        self.dead.retain(|id| equivocators.contains(id));
    }
}

impl Context {
    /// Returns the name of a present or former member, if known.
    pub(crate) fn known_name(&self, id: &NodeId) -> Option<&String> {
        let member = self.view.as_ref().and_then(|view| view.member(id));
        let present = member.map(|member| &member.name);
        present.or_else(|| self.people.former.get(id))
    }

    /// Returns true if the node is a former member.
    pub(crate) fn is_former(&self, id: &NodeId) -> bool {
        self.people.former.contains_key(id)
    }

    /// Returns true if the node is or was a member, as far as is known.
    pub(crate) fn is_named(&self, id: &NodeId) -> bool {
        self.known_name(id).is_some()
    }

    /// Returns the name of a member or an author; for an unnamed one, `?` and its id. No name contains a `?`.
    pub(crate) fn name_of(&self, id: &NodeId) -> String {
        let known = self.known_name(id).cloned();
        known.unwrap_or_else(|| format!("?{id:?}"))
    }

    /// Describes a member, for the log and for errors.
    pub(crate) fn describe(&self, id: &NodeId) -> String {
        format!("{} ({id:?})", self.name_of(id))
    }

    /// Returns the id whose share of a link an author's bundles use; all authors that were never admitted share one.
    pub(crate) fn share_of(&self, author: &NodeId) -> NodeId {
        if self.is_named(author) {
            *author
        } else {
            UNNAMED_SHARE
        }
    }

    /// Returns true if evidence proved that an author sent different messages to different members.
    pub(crate) fn has_equivocated(&self, author: &NodeId) -> bool {
        self.people.equivocators.contains(author)
    }

    /// Returns true if the node is the coordinator, and has provably equivocated or left office. It counts as dead then,
    /// although it is heard.
    pub(crate) fn is_deposed(&self, id: &NodeId) -> bool {
        let Some(epoch) = self.view.as_ref().map(|view| view.tag().epoch) else {
            return false;
        };
        let planted = self.planted.has(PlantedBug::KeepLiarInOffice);
        let lies = !planted && self.has_equivocated(id);
        epoch.coordinator == *id && (lies || self.people.abandoned == Some(epoch))
    }

    /// Returns the members found dead, for the next view.
    pub(crate) fn dead_members(&self) -> Vec<Departed> {
        let dead = self.people.dead.iter().filter(|id| **id != self.config.id);
        dead.map(|&id| Departed {
            id,
            how: Departure::Failed,
        })
        .take(ringtalk_wire::limit::UPDATE_CHANGES)
        .collect()
    }

    /// Returns all members, the preferred coordinator first and equivocators last, however senior they are.
    pub(crate) fn by_rank(&self, view: &View) -> Vec<NodeId> {
        let members = view.by_seniority().into_iter();
        let mut ranked: Vec<NodeId> = members.map(|member| member.id).collect();
        ranked.sort_by_key(|id| self.has_equivocated(id));
        if self.planted.has(PlantedBug::ElectById) {
            ranked.sort_unstable_by(|one, other| other.cmp(one));
        }
        ranked
    }

    /// Returns the most senior members that this node does not suspect, without the coordinator.
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

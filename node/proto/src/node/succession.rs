//! Succession: who coordinates after the coordinator (a bully election by seniority).
//!
//! `PROTOCOL.md` §6.3. Not here: when the steps are due (`election`).

use ringtalk_wire::limit::UPDATE_CHANGES;
use ringtalk_wire::{Departed, Departure, Epoch, Frame, HandOver, NodeId, ViewTag};

use super::Node;
use super::standing::Standing;
use crate::config::{DEPUTIES, EPOCHS_AHEAD};
use crate::election::{Election, Step};
use crate::planted::PlantedBug;

/// The rank of those who are no deputies: they stand for the office only when no deputy has won.
const BYSTANDER: usize = 2 * DEPUTIES;

/// Who coordinates next.
#[derive(Debug, Default)]
pub(super) struct Succession {
    pub(super) election: Election,
    pub(super) standing: Standing,
}

impl Node {
    /// Somebody is dead: if it was the coordinator, a deputy stands for the office; if it was a
    /// senior whose answer was awaited, there may be nobody left to wait for.
    pub(super) fn vacancy(&mut self, dead: &NodeId) {
        let now = self.context.now;
        let coordinator = self.context.view.as_ref().map(|view| view.coordinator());
        if self.context.joining.is_outside() || self.context.is_coordinator() {
            return;
        }
        if coordinator == Some(*dead) {
            self.succession.second_pending(&mut self.context);
            let deputies = self.context.deputies();
            let rank = deputies.iter().position(|id| *id == self.context.config.id);
            let rank = rank.unwrap_or(BYSTANDER) as u32;
            let waits = !self.context.planted.has(PlantedBug::NoYielding);
            self.succession
                .election
                .begin(now, if waits { rank } else { 0 });
            self.expire_election();
        } else if self.succession.election.is_asking()
            && self.succession.seniors(&self.context).is_empty()
        {
            self.take_over();
        }
    }

    pub(super) fn expire_election(&mut self) {
        let now = self.context.now;
        match self.succession.election.expire(now) {
            Some(Step::Ask) if self.context.planted.has(PlantedBug::NoYielding) => self.take_over(),
            Some(Step::Ask) => self.ask_seniors(),
            Some(Step::TakeOver | Step::StandAgain) => self.take_over(),
            None => {}
        }
    }

    /// Somebody who follows this epoch says that its coordinator is dead.
    pub(super) fn take_election(&mut self, peer: NodeId, epoch: Epoch) {
        let now = self.context.now;
        let Some(view) = self.context.view_inside().cloned() else {
            return;
        };
        let answer = Frame::Answer(view.tag());
        self.context.send(&peer, &answer);
        let coordinator = view.coordinator();
        let other_ring = self.context.is_rival(&epoch) || epoch.number < view.tag().epoch.number;
        if self.context.is_coordinator() || other_ring {
            self.send_view(&peer);
            self.send_heartbeat(&peer);
        } else if self.context.people.dead.contains(&coordinator) {
            self.succession.election.begin(now, 0);
            self.expire_election();
        } else if self.context.doubt.is_none() {
            self.try_suspect(coordinator);
        }
    }

    /// Somebody more senior is alive, and will take over.
    pub(super) fn take_answer(&mut self, peer: NodeId, tag: &ViewTag) {
        let now = self.context.now;
        let senior = self.succession.seniors(&self.context).contains(&peer);
        let view = self.context.view.as_ref().map(|view| view.tag());
        if senior && view.is_some_and(|mine| mine.epoch.number <= tag.epoch.number) {
            self.succession.election.answered_by(now, peer);
        }
    }

    /// The coordinator leaves, and hands its office over.
    pub(super) fn take_hand_over(&mut self, peer: NodeId, office: HandOver) {
        let HandOver { tag, opening } = office;
        let Some(view) = self.context.view.clone() else {
            return;
        };
        if tag.epoch == view.tag().epoch && tag.number > view.tag().number {
            return self.context.pull_view(&peer);
        }
        let epoch = view.tag().epoch;
        let mine = opening.epoch.coordinator == self.context.config.id && opening.before == epoch;
        let next = opening.epoch.number > epoch.number
            && opening.epoch.number <= epoch.number + EPOCHS_AHEAD
            && opening.with.is_none();
        let alone = opening.seals.len() == 1;
        let signed = mine && next && alone && self.context.signers(&opening).contains(&peer);
        let from_coordinator = epoch.coordinator == peer && tag.epoch == epoch && signed;
        if from_coordinator && self.context.doubt.is_none() && !self.context.joining.is_outside() {
            let left = Departed {
                id: peer,
                how: Departure::Left,
            };
            let departed = core::iter::once(left)
                .chain(
                    self.context
                        .dead_members()
                        .into_iter()
                        .filter(|gone| gone.id != peer),
                )
                .take(UPDATE_CHANGES)
                .collect();
            let opening = self.context.with_own_seal(opening);
            self.open_epoch(opening, departed);
        }
    }

    fn ask_seniors(&mut self) {
        let now = self.context.now;
        let Some(tag) = self.context.view.as_ref().map(|view| view.tag()) else {
            return;
        };
        let seniors = self.succession.seniors(&self.context);
        if seniors.is_empty() {
            return self.take_over();
        }
        self.succession.election.asked(now);
        for senior in seniors {
            self.context.send_to_member(&senior, &Frame::Election(tag));
        }
    }

    /// Opens the next epoch, without those found dead.
    fn take_over(&mut self) {
        let now = self.context.now;
        let Some(view) = self.context.view.clone() else {
            return;
        };
        if self.context.doubt.is_some() || self.context.joining.is_outside() {
            return self.succession.election.defer(now);
        }
        if !self.context.people.dead.contains(&view.coordinator()) {
            return self.succession.election.settle();
        }
        if self
            .succession
            .survivors(&self.context, &view)
            .next()
            .is_some()
        {
            return self.stand(&view);
        }
        let opening = self.context.own_opening(&view, view.tag().epoch.number + 1);
        self.open_epoch(opening, self.context.dead_members());
    }
}

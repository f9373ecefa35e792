//! Succession: who coordinates after the coordinator (a bully election by seniority).
//!
//! `PROTOCOL.md` §6.3. Not here: when the steps are due (`election`).

use alloc::vec::Vec;

use ringtalk_wire::limit::UPDATE_CHANGES;
use ringtalk_wire::{Departed, Departure, Epoch, Frame, HandOver, NodeId, ViewTag};

use super::Node;
use crate::config::{DEPUTIES, EPOCHS_AHEAD};
use crate::election::Step;
use crate::planted::PlantedBug;
use crate::{Time, View};

/// The rank of those who are no deputies: they stand for the office only when no deputy has won.
const BYSTANDER: usize = 2 * DEPUTIES;

impl Node {
    /// Somebody is dead: if it was the coordinator, a deputy stands for the office; if it was a
    /// senior whose answer was awaited, there may be nobody left to wait for.
    pub(super) fn vacancy(&mut self, now: Time, dead: &NodeId) {
        let coordinator = self.view.as_ref().map(|view| view.coordinator());
        if self.joining.is_outside() || self.is_coordinator() {
            return;
        }
        if coordinator == Some(*dead) {
            self.second_pending(now);
            let deputies = self.deputies();
            let rank = deputies.iter().position(|id| *id == self.config.id);
            let rank = rank.unwrap_or(BYSTANDER) as u32;
            let waits = !self.planted.has(PlantedBug::NoYielding);
            self.election.begin(now, if waits { rank } else { 0 });
            self.expire_election(now);
        } else if self.election.is_asking() && self.seniors().is_empty() {
            self.take_over(now);
        }
    }

    pub(super) fn expire_election(&mut self, now: Time) {
        match self.election.expire(now) {
            Some(Step::Ask) if self.planted.has(PlantedBug::NoYielding) => self.take_over(now),
            Some(Step::Ask) => self.ask_seniors(now),
            Some(Step::TakeOver | Step::StandAgain) => self.take_over(now),
            None => {}
        }
    }

    /// Somebody who follows this epoch says that its coordinator is dead.
    pub(super) fn take_election(&mut self, now: Time, peer: NodeId, epoch: Epoch) {
        let Some(view) = self.view.clone().filter(|_| !self.joining.is_outside()) else {
            return;
        };
        let answer = Frame::Answer(view.tag());
        self.links.send(now, &peer, &answer, &mut self.out);
        let coordinator = view.coordinator();
        let other_ring = self.is_rival(&epoch) || epoch.number < view.tag().epoch.number;
        if self.is_coordinator() || other_ring {
            self.send_view(now, &peer);
            self.send_heartbeat(now, &peer);
        } else if self.dead.contains(&coordinator) {
            self.election.begin(now, 0);
            self.expire_election(now);
        } else if self.doubt.is_none() {
            self.try_suspect(now, coordinator);
        }
    }

    /// Somebody more senior is alive, and will take over.
    pub(super) fn take_answer(&mut self, now: Time, peer: NodeId, tag: &ViewTag) {
        let senior = self.seniors().contains(&peer);
        let view = self.view.as_ref().map(|view| view.tag());
        if senior && view.is_some_and(|mine| mine.epoch.number <= tag.epoch.number) {
            self.election.answered_by(now, peer);
        }
    }

    /// The coordinator leaves, and hands its office over.
    pub(super) fn take_hand_over(&mut self, now: Time, peer: NodeId, office: HandOver) {
        let HandOver { tag, opening } = office;
        let Some(view) = self.view.clone() else {
            return;
        };
        if tag.epoch == view.tag().epoch && tag.number > view.tag().number {
            return self.pull_view(now, &peer);
        }
        let epoch = view.tag().epoch;
        let mine = opening.epoch.coordinator == self.config.id && opening.before == epoch;
        let next = opening.epoch.number > epoch.number
            && opening.epoch.number <= epoch.number + EPOCHS_AHEAD
            && opening.with.is_none();
        let alone = opening.seals.len() == 1;
        let signed = mine && next && alone && self.signers(&opening).contains(&peer);
        let from_coordinator = epoch.coordinator == peer && tag.epoch == epoch && signed;
        if from_coordinator && self.doubt.is_none() && !self.joining.is_outside() {
            let left = Departed {
                id: peer,
                how: Departure::Left,
            };
            let departed = core::iter::once(left)
                .chain(
                    self.dead_members()
                        .into_iter()
                        .filter(|gone| gone.id != peer),
                )
                .take(UPDATE_CHANGES)
                .collect();
            let opening = self.with_own_seal(opening);
            self.open_epoch(now, opening, departed);
        }
    }

    fn ask_seniors(&mut self, now: Time) {
        let Some(tag) = self.view.as_ref().map(|view| view.tag()) else {
            return;
        };
        let seniors = self.seniors();
        if seniors.is_empty() {
            return self.take_over(now);
        }
        self.election.asked(now);
        for senior in seniors {
            self.send_to_member(now, &senior, &Frame::Election(tag));
        }
    }

    /// Opens the next epoch, without those found dead.
    fn take_over(&mut self, now: Time) {
        let Some(view) = self.view.clone() else {
            return;
        };
        if self.doubt.is_some() || self.joining.is_outside() {
            return self.election.defer(now);
        }
        if !self.dead.contains(&view.coordinator()) {
            return self.election.settle();
        }
        if self.survivors(&view).next().is_some() {
            return self.stand(now, &view);
        }
        let opening = self.own_opening(&view, view.tag().epoch.number + 1);
        self.open_epoch(now, opening, self.dead_members());
    }

    /// All members, first who is to coordinate; last those who were shown up, however senior they are.
    pub(super) fn by_rank(&self, view: &View) -> Vec<NodeId> {
        let members = view.by_seniority().into_iter();
        let mut ranked: Vec<NodeId> = members.map(|member| member.id).collect();
        ranked.sort_by_key(|id| self.forks.is_proven(id));
        if self.planted.has(PlantedBug::ElectById) {
            ranked.sort_unstable_by(|one, other| other.cmp(one));
        }
        ranked
    }

    /// The members more senior than this node that may still take over: not those that are known to be dead, that
    /// promise in vain, or that have gone over to another ring.
    fn seniors(&self) -> Vec<NodeId> {
        let Some(view) = &self.view else {
            return Vec::new();
        };
        self.by_rank(view)
            .into_iter()
            .take_while(|id| *id != self.config.id)
            .filter(|id| !self.is_lost_to_ring(id) && !self.election.is_unreliable(id))
            .collect()
    }
}

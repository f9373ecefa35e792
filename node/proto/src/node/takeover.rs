//! Takeover: who coordinates after the coordinator (a bully election by seniority).
//!
//! `PROTOCOL.md` §6.3. Not here: who may be a candidate, and which openings this node has signed (`succession`).

use alloc::vec::Vec;

use ringtalk_wire::limit::UPDATE_CHANGES;
use ringtalk_wire::{Departed, Departure, Epoch, Frame, HandOver, NodeId, Opening, ViewTag};

use super::Node;
use crate::View;
use crate::config::{DEPUTIES, EPOCHS_AHEAD};
use crate::machines::election::ElectionStep;
use crate::planted::PlantedBug;

/// The rank of members that are not deputies: they become candidates only if no deputy has won.
const LAST_RANK: usize = 2 * DEPUTIES;

impl Node {
    /// Reacts to a death. If the coordinator died, a deputy becomes a candidate. If a senior died whose answer was
    /// awaited, perhaps no other is left to wait for.
    pub(super) fn handle_death(&mut self, dead: &NodeId) {
        let now = self.context.now;
        let coordinator = self.context.view.as_ref().map(|view| view.coordinator());
        if self.context.joining.is_outside() || self.context.is_coordinator() {
            return;
        }
        if coordinator == Some(*dead) {
            self.succession.cosign_pending(&mut self.context);
            let deputies = self.context.deputies();
            let rank = deputies.iter().position(|id| *id == self.context.config.id);
            let rank = rank.unwrap_or(LAST_RANK) as u32;
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
            Some(ElectionStep::AskSeniors) if self.context.planted.has(PlantedBug::NoYielding) => {
                self.take_over();
            }
            Some(ElectionStep::AskSeniors) => self.ask_seniors(),
            Some(ElectionStep::TakeOver | ElectionStep::RequestSealsAgain) => self.take_over(),
            None => {}
        }
    }

    /// Answers a peer that follows this epoch and says that its coordinator is dead.
    pub(super) fn take_election(&mut self, peer: NodeId, epoch: Epoch) {
        let now = self.context.now;
        let Some(view) = self.context.view_as_member().cloned() else {
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
        } else if self.context.self_doubt.is_none() {
            self.put_on_trial(coordinator);
        }
    }

    /// Takes the answer of a more senior member, which is alive and will take over.
    pub(super) fn take_answer(&mut self, peer: NodeId, tag: &ViewTag) {
        let now = self.context.now;
        let senior = self.succession.seniors(&self.context).contains(&peer);
        let view = self.context.view.as_ref().map(|view| view.tag());
        if senior && view.is_some_and(|mine| mine.epoch.number <= tag.epoch.number) {
            self.succession.election.take_promise(now, peer);
        }
    }

    /// Takes the office over from the coordinator, which leaves.
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
        let is_fresh = opening.epoch.number > self.context.epochs_before;
        let next = next && is_fresh;
        let alone = opening.seals.len() == 1;
        let signed = mine && next && alone && self.context.signers(&opening).contains(&peer);
        let from_coordinator = epoch.coordinator == peer && tag.epoch == epoch && signed;
        if from_coordinator
            && self.context.self_doubt.is_none()
            && !self.context.joining.is_outside()
        {
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
        self.succession.election.note_seniors_asked(now);
        for senior in seniors {
            self.context.send_to_member(&senior, &Frame::Election(tag));
        }
    }

    /// Opens the next epoch without the dead, or becomes a candidate for it if other members survive.
    fn take_over(&mut self) {
        let now = self.context.now;
        let Some(view) = self.context.view.clone() else {
            return;
        };
        if self.context.self_doubt.is_some() || self.context.joining.is_outside() {
            return self.succession.election.defer(now);
        }
        if !self.context.people.dead.contains(&view.coordinator()) {
            return self.succession.election.end();
        }
        if self
            .succession
            .survivors(&self.context, &view)
            .next()
            .is_some()
        {
            return self.request_seals(&view);
        }
        let opening = self.context.own_opening(&view, view.tag().epoch.number + 1);
        self.open_epoch(opening, self.context.dead_members());
    }

    /// Asks others to sign an epoch of this node's own.
    pub(super) fn request_seals(&mut self, view: &View) {
        let (opening, cosigners) = self.succession.start_candidacy(&self.context, view);
        for (id, is_silent) in cosigners {
            if is_silent {
                // Its silence may mean that it is dead.
                self.put_on_trial(id);
            }
            self.context
                .send_to_member(&id, &Frame::Stand(opening.clone()));
        }
    }

    /// Takes an opening: a candidate asks this node to sign its epoch, or a member has signed this node's.
    pub(super) fn take_stand(&mut self, peer: NodeId, opening: Opening) {
        let now = self.context.now;
        // A node that is a member without knowing it cannot judge yet.
        let Some(view) = self.context.view_as_member().cloned() else {
            return self.context.pull_view(&peer);
        };
        if opening.epoch.coordinator == self.context.config.id {
            return self.take_cosignature(peer, &view, opening);
        }
        let mine = view.tag().epoch;
        let ahead = opening.epoch.number.saturating_sub(mine.number);
        if opening.epoch.coordinator != peer && opening.before == mine {
            if self.succession.take_refusal(&view, ahead, &peer) {
                self.request_seals(&view);
            }
            return;
        }
        let near = self.succession.is_number_near(opening.epoch.number, ahead);
        if opening.epoch.coordinator != peer || opening.with.is_some() || !near {
            return;
        }
        if opening.before.number > mine.number {
            return self.context.pull_view(&peer);
        }
        let order = self.context.by_rank(&view);
        let rank = |id: &NodeId| order.iter().position(|one| one == id);
        let current = opening.before == mine;
        if !current || self.context.is_coordinator() || rank(&self.context.config.id) < rank(&peer)
        {
            return self.take_election(peer, opening.before);
        }
        if self.succession.election.is_candidate() {
            self.succession.election.take_promise(now, peer);
        }
        if self.context.people.dead.contains(&view.coordinator()) {
            self.succession.cosign(&mut self.context, &view, opening);
        } else if self.context.self_doubt.is_none() {
            self.succession.postpone(opening, rank);
            self.put_on_trial(view.coordinator());
        }
    }

    /// Takes over if another member has signed this node's epoch.
    fn take_cosignature(&mut self, peer: NodeId, view: &View, opening: Opening) {
        if self
            .succession
            .take_cosignature(&self.context, peer, view, &opening)
        {
            let departed: Vec<Departed> = self.context.dead_members();
            tracing::info!(number = opening.epoch.number, "taking over");
            self.open_epoch(opening, departed);
        }
    }
}

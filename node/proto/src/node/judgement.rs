//! Suspicion: from silence or a refused connection to the verdict that a member is dead.
//!
//! `PROTOCOL.md` §6.1 and §6.2. Not here: the succession of a dead coordinator (`succession`).

use super::Node;
use crate::config::{LATE, OVERSLEPT};
use crate::machines::self_doubt::SelfDoubt;
use crate::machines::trial::TrialVerdict;
use crate::{Time, View};
use alloc::vec::Vec;
use ringtalk_wire::{Alive, Frame, NodeId, Suspect};

impl Node {
    /// Makes a node whose own loop slept doubt itself before it doubts others.
    pub(super) fn notice_sleep(&mut self, now: Time) {
        if now - self.context.now <= LATE {
            return;
        }
        let late = now - self.poll_timeout().unwrap_or(now);
        if late <= OVERSLEPT {
            if late > LATE {
                self.context.detector.add_strain(late);
                self.suspicion.trials.put_off(now, late);
            }
            return;
        }
        tracing::info!(?late, "this node was suspended");
        let lasted = now - self.context.now;
        self.context.now = now;
        self.discussion.restart_waits(&self.context);
        self.context.detector.reset(now);
        self.context.links.restart_waits(now);
        self.suspicion.trials.clear();
        self.context.people.forget_deaths();
        self.succession.election.end();
        let view = self.context.view.as_ref();
        let alone = view.is_none_or(|view| view.len() == 1);
        self.absence.note_sleep(now, lasted, alone);
        if !alone {
            self.context.self_doubt = Some(SelfDoubt::since(now, &self.context.config.tempo));
        }
        self.maintain_ring();
        for neighbour in self.ring.neighbour_ids() {
            let ping = Frame::Ping(now.as_micros());
            self.context.send(&neighbour, &ping);
        }
        self.send_heartbeats();
    }

    /// Takes the answer to a ping. If the ping is newer than the sleep, so are the peer's later frames.
    pub(super) fn take_pong(&mut self, peer: NodeId, number: u64) {
        let sent = Time::from_micros(number);
        self.naming.note_answer(&peer, sent);
        if let Some(doubt) = &mut self.context.self_doubt {
            doubt.note_answer(peer, sent);
        }
    }

    /// Ends the doubt if a neighbour has shown, after this node's sleep, that it follows the same view: nothing is
    /// missed.
    pub(super) fn note_same_view(&mut self, peer: &NodeId) {
        self.context
            .self_doubt
            .take_if(|doubt| doubt.is_answered_by(peer));
    }

    pub(super) fn expire_self_doubt(&mut self) {
        let now = self.context.now;
        self.context
            .self_doubt
            .take_if(|doubt| doubt.deadline() <= now);
    }

    /// Returns when a member has been silent for too long, a trial ends, or the dead are to be evicted.
    pub(super) fn suspicion_due(&self) -> Option<Time> {
        let dues = [
            self.context.detector.deadline(),
            self.suspicion.trials.deadline(),
            self.suspicion.eviction_due(&self.context),
        ];
        dues.into_iter().flatten().min()
    }

    pub(super) fn expire_suspicion(&mut self) {
        let now = self.context.now;
        let silent = self.context.detector.expire(now);
        if !silent.is_empty() {
            self.context.drop_silent_circuits();
        }
        for suspect in &silent {
            self.stop_pulling_from(suspect);
            self.reassign_parts_of(suspect);
            self.scout_beyond(suspect);
        }
        if !silent.is_empty() {
            self.report_suspects();
            self.maintain_ring();
        }
        self.evict_dead();
        let verdicts = self.suspicion.trials.expire(now);
        for &(id, verdict) in &verdicts {
            match verdict {
                TrialVerdict::Dead => self.declare_dead(id),
                TrialVerdict::Silent => {
                    self.context.detector.suspect(id);
                }
            }
        }
        if verdicts
            .iter()
            .any(|(_, verdict)| *verdict == TrialVerdict::Silent)
        {
            self.report_suspects();
            self.maintain_ring();
        }
    }

    fn scout_beyond(&mut self, suspect: &NodeId) {
        let Some(view) = self.context.view.clone() else {
            return;
        };
        for id in self.suspicion.scout_beyond(&self.context, suspect) {
            self.context.ping_member(&id);
            self.report(&view, id);
        }
    }

    /// Reports this node's suspects to the judge, or judges them itself.
    pub(super) fn report_suspects(&mut self) {
        let Some(view) = self.context.view.clone() else {
            return;
        };
        if self.context.self_doubt.is_some() || self.context.joining.is_outside() {
            return;
        }
        self.evict_dead();
        let suspects: Vec<NodeId> = self
            .context
            .detector
            .all_suspects()
            .filter(|id| view.contains(id))
            .collect();
        for member in suspects {
            self.report(&view, member);
        }
    }

    /// Makes the judge look at a member.
    fn report(&mut self, view: &View, member: NodeId) {
        let report = Frame::Suspect(Suspect {
            member,
            tag: view.tag(),
        });
        let coordinator = view.coordinator();
        if self.context.is_coordinator() {
            self.put_on_trial(member);
        } else if member == coordinator {
            self.put_on_trial(member);
            for deputy in self.context.deputies() {
                if deputy != self.context.config.id {
                    self.context.send_to_member(&deputy, &report);
                }
            }
        } else if !self.context.detector.suspects(&coordinator) {
            self.context.send_to_member(&coordinator, &report);
        }
    }

    /// Takes a member's report of a suspect.
    pub(super) fn take_suspect(&mut self, suspect: &Suspect) {
        let Some(view) = self.context.view.clone() else {
            return;
        };
        let member = suspect.member;
        let mine_to_judge = self.context.is_coordinator() || member == view.coordinator();
        if mine_to_judge
            && member != self.context.config.id
            && view.contains(&member)
            && self.context.self_doubt.is_none()
            && !self.context.joining.is_outside()
        {
            self.put_on_trial(member);
        }
    }

    /// Takes a suspect's signed sign of life.
    pub(super) fn take_alive(&mut self, alive: Alive) {
        if let Some(member) = self.suspicion.take_alive(&mut self.context, alive) {
            self.acquit(&member);
        }
    }

    /// Ends the suspicion of a member that gave a sign of life.
    pub(super) fn acquit(&mut self, member: &NodeId) {
        if self.suspicion.acquit(&mut self.context, member) {
            self.succession.election.end();
        }
    }

    /// Reacts to a refused connection. If there was a link a moment ago, the member's process is gone. Otherwise this
    /// node may just not reach it, and others are asked.
    pub(super) fn note_refused_connection(&mut self, member: NodeId) {
        let now = self.context.now;
        let known = self.context.is_member(&member);
        if !known || self.context.joining.is_outside() {
            return;
        }
        self.context.detector.suspect(member);
        if self.context.links.was_up_lately(now, &member) {
            self.suspicion.trials.convict(&member);
            self.declare_dead(member);
        }
        self.report_suspects();
    }

    /// Evicts the dead, if this node has the authority.
    pub(super) fn evict_dead(&mut self) {
        let departed = self.suspicion.evict(&self.context);
        if !departed.is_empty() {
            self.publish(Vec::new(), departed, Vec::new());
        }
    }

    /// Puts a suspect on trial.
    pub(super) fn put_on_trial(&mut self, member: NodeId) {
        if self.suspicion.start_trial(&mut self.context, member) {
            self.declare_dead(member);
        }
    }

    pub(super) fn declare_dead(&mut self, member: NodeId) {
        tracing::info!(?member, "declared a member dead");
        self.context.detector.suspect(member);
        self.context.people.dead.insert(member);
        self.evict_dead();
        self.maintain_ring();
        self.handle_death(&member);
    }
}

//! Suspicion: from silence or a refused connection to the verdict that a member is dead.
//!
//! `PROTOCOL.md` §6.1 and §6.2. Not here: what becomes of the coordinator's office
//! (`succession`).

use alloc::vec::Vec;

use ringtalk_wire::{Alive, Departed, Direction, Frame, NodeId, Probe, Suspect};

use super::Node;
use crate::config::{EVICTION, LATE, OVERSLEPT, PROBE_HELPERS, SCOUTED};
use crate::context::Context;
use crate::doubt::Doubt;
use crate::planted::PlantedBug;
use crate::trial::{Trials, Verdict};
use crate::{Time, View};

/// Who is looked at, and when the dead were put out last.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    pub(super) trials: Trials,
    /// When a view was published last that lists some of the dead no more.
    evicted: Time,
}

impl Suspicion {
    /// Puts a suspect on trial: it is looked at, here and by others. True if it counts as dead without one, by a planted
    /// mistake.
    pub(super) fn try_member(&mut self, context: &mut Context, member: NodeId) -> bool {
        if context.people.dead.contains(&member) || !self.trials.judge(context.now, member) {
            return false;
        }
        if context.planted.has(PlantedBug::EvictOnOneHeartbeat) {
            return true;
        }
        context.look_at(&member);
        let Some(trial) = self.trials.number(&member) else {
            return false;
        };
        let probe = Probe {
            member,
            judge: context.config.id,
            trial,
        };
        for helper in helpers(context, &member) {
            context.send_to_member(&helper, &Frame::Probe(probe));
        }
        false
    }

    /// Those next to a silent neighbour may be silent too: they are looked at at once, here and by whoever has to judge, and
    /// not one after another. Returns who they are.
    pub(super) fn scout_beyond(&mut self, context: &Context, suspect: &NodeId) -> Vec<NodeId> {
        let Some(view) = &context.view else {
            return Vec::new();
        };
        let (me, detector) = (context.config.id, &context.detector);
        let mut scouted = Vec::new();
        for direction in [Direction::Clockwise, Direction::Counterclockwise] {
            let mut others = view.others(&me, direction).map(|member| member.id);
            let nearest = others.find(|id| id == suspect || !detector.suspects(id));
            if nearest != Some(*suspect) {
                continue;
            }
            let beyond = others.take(SCOUTED).filter(|id| !detector.suspects(id));
            scouted.extend(beyond.filter(|id| self.trials.scout(context.now, *id)));
        }
        scouted
    }

    /// A suspect lives, as it says itself, to this node or by way of it. Returns it if this node judges it.
    pub(super) fn take_alive(&self, context: &mut Context, alive: Alive) -> Option<NodeId> {
        let Alive { probe, seal } = alive;
        if probe.judge != context.config.id {
            let judge = probe.judge;
            context.send(&judge, &Frame::Alive(alive));
            return None;
        }
        let is_asked = self.trials.number(&probe.member) == Some(probe.trial);
        let signed = seal.signer() == probe.member && context.seals.holds(&seal, &probe.to_sign());
        (is_asked && signed).then_some(probe.member)
    }

    /// Somebody was heard. Returns true if it is the coordinator, and was believed dead.
    pub(super) fn acquit(&mut self, context: &mut Context, member: &NodeId) -> bool {
        self.trials.acquit(member);
        if context.is_deposed(member) {
            return false;
        }
        let dead = &mut context.people.dead;
        let is_back = !dead.is_empty() && dead.remove(member);
        let view = context.view.as_ref();
        is_back && view.is_some_and(|view| view.coordinator() == *member)
    }

    /// When the next view without the dead is due: the first at once, and others not too soon after it. Where a
    /// hundred die in one moment, a view for each would come faster than a large ring can follow.
    pub(super) fn eviction_due(&self, context: &Context) -> Option<Time> {
        let me = context.config.id;
        let any_dead = context.people.dead.iter().any(|id| *id != me);
        let due = any_dead.then(|| self.evicted + EVICTION);
        due.filter(|_| context.has_authority())
    }

    /// The dead that this node takes out of the view now, if that is its office.
    pub(super) fn evict(&mut self, context: &Context) -> Vec<Departed> {
        if self
            .eviction_due(context)
            .is_none_or(|due| due > context.now)
        {
            return Vec::new();
        }
        self.evicted = context.now;
        context.dead_members()
    }
}

/// Somebody judges this node: it shows that it lives. Or it judges somebody else, who is asked.
pub(super) fn take_probe(context: &mut Context, peer: NodeId, probe: Probe) {
    if probe.member == context.config.id {
        let seal = context.seals.seal(&probe.to_sign());
        let alive = Frame::Alive(Alive { probe, seal });
        context.send(&peer, &alive);
    } else if probe.judge == peer {
        context.links.dial_soon(&probe.member);
        context.send_to_member(&probe.member, &Frame::Probe(probe));
    }
}

/// Members that help to probe a suspect: those that are linked first.
fn helpers(context: &Context, suspect: &NodeId) -> Vec<NodeId> {
    let Some(view) = &context.view else {
        return Vec::new();
    };
    let fit = view
        .members()
        .map(|member| member.id)
        .filter(|id| *id != context.config.id && id != suspect && !context.detector.suspects(id));
    // Who is on the suspect's network, or on several, is most likely to reach it.
    let home = view.member(suspect).map(|suspect| suspect.network);
    let is_close = |id: &NodeId| {
        let member = view.member(id);
        member.is_some_and(|one| Some(one.network) == home || one.addresses.are_manifold())
    };
    let linked = |id: &NodeId| context.links.is_up(id);
    let first = fit.clone().filter(|id| linked(id) && is_close(id));
    let second = fit.clone().filter(|id| linked(id) && !is_close(id));
    let third = fit.filter(|id| !linked(id));
    first
        .chain(second)
        .chain(third)
        .take(PROBE_HELPERS)
        .collect()
}

impl Node {
    /// A node whose own loop slept doubts itself before it doubts others.
    pub(super) fn notice_sleep(&mut self, now: Time) {
        if now - self.context.now <= LATE {
            return;
        }
        let late = now - self.poll_timeout().unwrap_or(now);
        if late <= OVERSLEPT {
            if late > LATE {
                self.context.detector.strain(late);
                self.suspicion.trials.put_off(now, late);
            }
            return;
        }
        tracing::warn!(?late, "this node slept");
        self.context.now = now;
        self.discussion.wait_anew(&self.context);
        self.context.detector.pardon(now);
        self.suspicion.trials.clear();
        self.context.people.forgive_the_dead();
        self.succession.election.settle();
        if self
            .context
            .view
            .as_ref()
            .is_some_and(|view| view.len() > 1)
        {
            self.context.doubt = Some(Doubt::since(now));
        }
        self.tend_ring();
        for neighbour in self.ring.neighbour_ids() {
            let ping = Frame::Ping(now.as_micros());
            self.context.send(&neighbour, &ping);
        }
        self.beat();
    }

    /// What this peer says from now on, it says after this node woke up.
    pub(super) fn take_pong(&mut self, peer: NodeId, number: u64) {
        let sent = Time::from_micros(number);
        self.naming.answers(&peer, sent);
        if let Some(doubt) = &mut self.context.doubt {
            doubt.answer(peer, sent);
        }
    }

    /// A neighbour follows the same view, and not only before this node slept: nothing is missed.
    pub(super) fn confirmed(&mut self, peer: &NodeId) {
        self.context
            .doubt
            .take_if(|doubt| doubt.is_answered_by(peer));
    }

    pub(super) fn expire_doubt(&mut self) {
        let now = self.context.now;
        self.context.doubt.take_if(|doubt| doubt.deadline() <= now);
    }

    pub(super) fn expire_suspicion(&mut self) {
        let now = self.context.now;
        let silent = self.context.detector.expire(now);
        if !silent.is_empty() {
            self.context.drop_silent_circuits();
        }
        for suspect in &silent {
            self.give_up_on_giver(suspect);
            self.rehome(suspect);
            self.look_beyond(suspect);
        }
        if !silent.is_empty() {
            self.report_suspects();
            self.tend_ring();
        }
        self.evict_dead();
        let verdicts = self.suspicion.trials.expire(now);
        for &(id, verdict) in &verdicts {
            match verdict {
                Verdict::Dead => self.found_dead(id),
                Verdict::Silent => {
                    self.context.detector.suspect(id);
                }
            }
        }
        if verdicts
            .iter()
            .any(|(_, verdict)| *verdict == Verdict::Silent)
        {
            self.report_suspects();
            self.tend_ring();
        }
    }

    fn look_beyond(&mut self, suspect: &NodeId) {
        let Some(view) = self.context.view.clone() else {
            return;
        };
        for id in self.suspicion.scout_beyond(&self.context, suspect) {
            self.context.look_at(&id);
            self.report(&view, id);
        }
    }

    /// Tells whoever has to judge whom this node suspects; or judges.
    pub(super) fn report_suspects(&mut self) {
        let Some(view) = self.context.view.clone() else {
            return;
        };
        if self.context.doubt.is_some() || self.context.joining.is_outside() {
            return;
        }
        self.evict_dead();
        let suspects: Vec<NodeId> = self
            .context
            .detector
            .all()
            .filter(|id| view.contains(id))
            .collect();
        for member in suspects {
            self.report(&view, member);
        }
    }

    /// Has somebody looked at by whoever has to judge.
    fn report(&mut self, view: &View, member: NodeId) {
        let report = Frame::Suspect(Suspect {
            member,
            tag: view.tag(),
        });
        let coordinator = view.coordinator();
        if self.context.is_coordinator() {
            self.try_suspect(member);
        } else if member == coordinator {
            self.try_suspect(member);
            for deputy in self.context.deputies() {
                if deputy != self.context.config.id {
                    self.context.send_to_member(&deputy, &report);
                }
            }
        } else if !self.context.detector.suspects(&coordinator) {
            self.context.send_to_member(&coordinator, &report);
        }
    }

    /// A member reports a suspect.
    pub(super) fn take_suspect(&mut self, suspect: &Suspect) {
        let Some(view) = self.context.view.clone() else {
            return;
        };
        let member = suspect.member;
        let mine_to_judge = self.context.is_coordinator() || member == view.coordinator();
        if mine_to_judge
            && member != self.context.config.id
            && view.contains(&member)
            && self.context.doubt.is_none()
            && !self.context.joining.is_outside()
        {
            self.try_suspect(member);
        }
    }

    /// A suspect shows that it lives.
    pub(super) fn take_alive(&mut self, alive: Alive) {
        if let Some(member) = self.suspicion.take_alive(&mut self.context, alive) {
            self.acquit(&member);
        }
    }

    /// Somebody was heard.
    pub(super) fn acquit(&mut self, member: &NodeId) {
        if self.suspicion.acquit(&mut self.context, member) {
            self.succession.election.settle();
        }
    }

    /// A member's address refused a connection: where there was a link a moment ago, its process is
    /// gone; else it may be that this node cannot reach it, and others are asked.
    pub(super) fn found_refused(&mut self, member: NodeId) {
        let now = self.context.now;
        let known = self.context.is_member(&member);
        if !known || self.context.joining.is_outside() {
            return;
        }
        self.context.detector.suspect(member);
        if self.context.links.was_up_lately(now, &member) {
            self.suspicion.trials.convict(&member);
            self.found_dead(member);
        }
        self.report_suspects();
    }

    /// Takes the dead out of the view, where that is this node's office.
    pub(super) fn evict_dead(&mut self) {
        let departed = self.suspicion.evict(&self.context);
        if !departed.is_empty() {
            self.publish(Vec::new(), departed, Vec::new());
        }
    }

    /// Puts a suspect on trial.
    pub(super) fn try_suspect(&mut self, member: NodeId) {
        if self.suspicion.try_member(&mut self.context, member) {
            self.found_dead(member);
        }
    }

    pub(super) fn found_dead(&mut self, member: NodeId) {
        tracing::info!(?member, "found dead");
        self.context.detector.suspect(member);
        self.context.people.dead.insert(member);
        self.evict_dead();
        self.tend_ring();
        self.vacancy(&member);
    }
}

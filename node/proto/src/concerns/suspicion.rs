//! Suspicion: members on trial, members to scout, and the dead that the next view leaves out.
//!
//! `PROTOCOL.md` §6.1 and §6.2. Not here: the trials (`trial`), what a verdict causes (`node::judgement`).

use crate::Time;
use crate::config::{EVICTION, PROBE_HELPERS, SCOUTED};
use crate::context::Context;
use crate::machines::trial::Trials;
use crate::planted::PlantedBug;
use alloc::vec::Vec;
use ringtalk_wire::{Alive, Departed, Direction, Frame, NodeId, Probe};

/// The trials, and the time of the last eviction.
#[derive(Debug, Default)]
pub(crate) struct Suspicion {
    pub(crate) trials: Trials,
    /// When the last view without some of the dead was published.
    evicted: Time,
}

impl Suspicion {
    /// Puts a suspect on trial: this node and others look at it. Returns true if it counts as dead at once, which
    /// only a planted bug does.
    pub(crate) fn start_trial(&mut self, context: &mut Context, member: NodeId) -> bool {
        debug_assert_ne!(member, context.config.id, "nobody judges itself");
        if context.people.dead.contains(&member) || !self.trials.start_judging(context.now, member)
        {
            return false;
        }
        if context.planted.has(PlantedBug::EvictOnOneHeartbeat) {
            return true;
        }
        context.ping_member(&member);
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

    /// Returns the members beyond a silent neighbour that this node and the judge look at at once, and not one after
    /// another: they may be silent too.
    pub(crate) fn scout_beyond(&mut self, context: &Context, suspect: &NodeId) -> Vec<NodeId> {
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
            scouted.extend(beyond.filter(|id| self.trials.start_scouting(context.now, *id)));
        }
        scouted
    }

    /// Takes a suspect's signed sign of life, and passes it on if another node is the judge. Returns the suspect if
    /// this node judges it.
    pub(crate) fn take_alive(&self, context: &mut Context, alive: Alive) -> Option<NodeId> {
        let Alive { probe, seal } = alive;
        if probe.judge != context.config.id {
            let judge = probe.judge;
            context.send(&judge, &Frame::Alive(alive));
            return None;
        }
        let is_asked = self.trials.number(&probe.member) == Some(probe.trial);
        (is_asked && context.signatures.is_answer(&probe, &seal)).then_some(probe.member)
    }

    /// Ends a member's trial, because it gave a sign of life. Returns true if it is the coordinator and was believed
    /// dead.
    pub(crate) fn acquit(&mut self, context: &mut Context, member: &NodeId) -> bool {
        self.trials.acquit(member);
        if context.is_deposed(member) {
            return false;
        }
        let dead = &mut context.people.dead;
        let is_back = !dead.is_empty() && dead.remove(member);
        let view = context.view.as_ref();
        is_back && view.is_some_and(|view| view.coordinator() == *member)
    }

    /// Returns when the next view without the dead is due: the first at once, others a pause later. If a hundred
    /// members die in one moment, a view for each would come faster than a large ring can follow.
    pub(crate) fn eviction_due(&self, context: &Context) -> Option<Time> {
        let me = context.config.id;
        let any_dead = context.people.dead.iter().any(|id| *id != me);
        let due = any_dead.then(|| self.evicted + EVICTION);
        due.filter(|_| context.has_authority())
    }

    /// Returns the dead to remove from the view, if that is due and this node has the authority.
    pub(crate) fn evict(&mut self, context: &Context) -> Vec<Departed> {
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

/// Answers a probe if this node is the suspect; otherwise passes the judge's probe on to the suspect.
pub(crate) fn take_probe(context: &mut Context, peer: NodeId, probe: Probe) {
    if probe.member == context.config.id {
        let seal = context.signatures.sign_probe(&probe);
        let alive = Frame::Alive(Alive { probe, seal });
        context.send(&peer, &alive);
    } else if probe.judge == peer {
        context.links.dial_soon(&probe.member);
        context.send_to_member(&probe.member, &Frame::Probe(probe));
    }
}

/// Returns members that help to probe a suspect, linked ones first.
fn helpers(context: &Context, suspect: &NodeId) -> Vec<NodeId> {
    let Some(view) = &context.view else {
        return Vec::new();
    };
    let fit = view
        .members()
        .map(|member| member.id)
        .filter(|id| *id != context.config.id && id != suspect && !context.detector.suspects(id));
    // A member on the suspect's network, or on several, is most likely to reach it.
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

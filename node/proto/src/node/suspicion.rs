//! Suspicion: from silence or a refused connection to the verdict that a member is dead.
//!
//! `PROTOCOL.md` §6.1 and §6.2. Not here: what becomes of the coordinator's office
//! (`succession`).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use ringtalk_wire::{Alive, Departed, Departure, Direction, Frame, NodeId, Probe, Suspect};

use super::Node;
use crate::config::{
    DEPUTIES, EVICTION, LATE, OVERSLEPT, PROBE, PROBE_HELPERS, SCOUTED, SUSPICION,
};
use crate::planted::PlantedBug;
use crate::trial::Verdict;
use crate::{Time, View};

/// A node's doubt in itself, after it slept.
#[derive(Debug)]
pub(super) struct Doubt {
    since: Time,
    until: Time,
    /// Peers that have answered a ping of after the sleep.
    answered: BTreeSet<NodeId>,
}

impl Doubt {
    /// When it ends without an answer.
    pub(super) const fn deadline(&self) -> Time {
        self.until
    }
}

impl Node {
    /// A node whose own loop slept doubts itself before it doubts others.
    pub(super) fn notice_sleep(&mut self, now: Time) {
        if now - self.handled <= LATE {
            return;
        }
        let late = now - self.poll_timeout().unwrap_or(now);
        if late <= OVERSLEPT {
            if late > LATE {
                self.detector.strain(late);
                self.trials.put_off(now, late);
            }
            return;
        }
        tracing::warn!(?late, "this node slept");
        self.wait_anew(now);
        self.detector.pardon(now);
        self.trials.clear();
        self.dead.retain(|id| self.forks.is_proven(id));
        self.election.settle();
        if self.view.as_ref().is_some_and(|view| view.len() > 1) {
            self.doubt = Some(Doubt {
                since: now,
                until: now + SUSPICION + PROBE,
                answered: BTreeSet::new(),
            });
        }
        self.handled = now;
        self.tend_ring(now);
        for neighbour in self.neighbour_ids() {
            let ping = Frame::Ping(now.as_micros());
            self.links.send(now, &neighbour, &ping, &mut self.out);
        }
        self.beat(now);
    }

    /// What this peer says from now on, it says after this node woke up.
    pub(super) fn take_pong(&mut self, peer: NodeId, number: u64) {
        self.naming.answers(&peer, Time::from_micros(number));
        if let Some(doubt) = &mut self.doubt
            && doubt.since.as_micros() == number
        {
            doubt.answered.insert(peer);
        }
    }

    /// A neighbour follows the same view, and not only before this node slept: nothing is missed.
    pub(super) fn confirmed(&mut self, peer: &NodeId) {
        if self
            .doubt
            .as_ref()
            .is_some_and(|doubt| doubt.answered.contains(peer))
        {
            self.doubt = None;
        }
    }

    pub(super) fn expire_doubt(&mut self, now: Time) {
        if self.doubt.as_ref().is_some_and(|doubt| doubt.until <= now) {
            self.doubt = None;
        }
    }

    pub(super) fn expire_suspicion(&mut self, now: Time) {
        let silent = self.detector.expire(now);
        if !silent.is_empty() {
            self.drop_silent_circuits(now);
        }
        for suspect in &silent {
            self.give_up_on_giver(now, suspect);
            self.rehome(now, suspect);
            self.scout_beyond(now, suspect);
        }
        if !silent.is_empty() {
            self.report_suspects(now);
            self.tend_ring(now);
        }
        self.evict_dead(now);
        let verdicts = self.trials.expire(now);
        for &(id, verdict) in &verdicts {
            match verdict {
                Verdict::Dead => self.found_dead(now, id),
                Verdict::Silent => {
                    self.detector.suspect(id);
                }
            }
        }
        if verdicts
            .iter()
            .any(|(_, verdict)| *verdict == Verdict::Silent)
        {
            self.report_suspects(now);
            self.tend_ring(now);
        }
    }

    /// Closes the circuits of suspects, whatever made them suspects: a link over a circuit whose carrier has vanished
    /// looks alive from both ends, and each would go on suspecting the other.
    pub(super) fn drop_silent_circuits(&mut self, now: Time) {
        for suspect in self.detector.all() {
            self.links
                .drop_silent_circuit(now, &suspect, SUSPICION, &mut self.out);
        }
    }

    /// Those next to a silent neighbour may be silent too: they are looked at at once, here and by
    /// whoever has to judge, and not one after another.
    fn scout_beyond(&mut self, now: Time, suspect: &NodeId) {
        let Some(view) = self.view.clone() else {
            return;
        };
        let me = self.config.id;
        for direction in [Direction::Clockwise, Direction::Counterclockwise] {
            let mut others = view.others(&me, direction).map(|member| member.id);
            let nearest = others.find(|id| id == suspect || !self.detector.suspects(id));
            if nearest != Some(*suspect) {
                continue;
            }
            for id in others.take(SCOUTED) {
                if !self.detector.suspects(&id) && self.trials.scout(now, id) {
                    self.look_at(now, &id);
                    self.report(now, &view, id);
                }
            }
        }
    }

    /// Tells whoever has to judge whom this node suspects; or judges.
    pub(super) fn report_suspects(&mut self, now: Time) {
        let Some(view) = self.view.clone() else {
            return;
        };
        if self.doubt.is_some() || self.joining.is_outside() {
            return;
        }
        self.evict_dead(now);
        let suspects: Vec<NodeId> = self.detector.all().filter(|id| view.contains(id)).collect();
        for member in suspects {
            self.report(now, &view, member);
        }
    }

    /// Has somebody looked at by whoever has to judge.
    fn report(&mut self, now: Time, view: &View, member: NodeId) {
        let report = Frame::Suspect(Suspect {
            member,
            tag: view.tag(),
        });
        let coordinator = view.coordinator();
        if self.is_coordinator() {
            self.try_suspect(now, member);
        } else if member == coordinator {
            self.try_suspect(now, member);
            for deputy in self.deputies() {
                if deputy != self.config.id {
                    self.send_to_member(now, &deputy, &report);
                }
            }
        } else if !self.detector.suspects(&coordinator) {
            self.send_to_member(now, &coordinator, &report);
        }
    }

    /// The most senior members that this node does not suspect, without the coordinator.
    pub(super) fn deputies(&self) -> Vec<NodeId> {
        let Some(view) = &self.view else {
            return Vec::new();
        };
        self.by_rank(view)
            .into_iter()
            .filter(|id| *id != view.coordinator() && !self.detector.suspects(id))
            .take(DEPUTIES)
            .collect()
    }

    /// A member reports a suspect.
    pub(super) fn take_suspect(&mut self, now: Time, suspect: &Suspect) {
        let Some(view) = self.view.clone() else {
            return;
        };
        let member = suspect.member;
        let mine_to_judge = self.is_coordinator() || member == view.coordinator();
        if mine_to_judge
            && member != self.config.id
            && view.contains(&member)
            && self.doubt.is_none()
            && !self.joining.is_outside()
        {
            self.try_suspect(now, member);
        }
    }

    /// Somebody judges this node: it shows that it lives. Or it judges somebody else, who is asked.
    pub(super) fn take_probe(&mut self, now: Time, peer: NodeId, probe: Probe) {
        if probe.member == self.config.id {
            let seal = self.seals.seal(&probe.to_sign());
            let alive = Frame::Alive(Alive { probe, seal });
            self.links.send(now, &peer, &alive, &mut self.out);
        } else if probe.judge == peer {
            self.links.dial_soon(&probe.member);
            self.send_to_member(now, &probe.member, &Frame::Probe(probe));
        }
    }

    /// A suspect lives, as it says itself, to this node or by way of it.
    pub(super) fn take_alive(&mut self, now: Time, alive: Alive) {
        let Alive { probe, seal } = alive;
        if probe.judge != self.config.id {
            let judge = probe.judge;
            self.links
                .send(now, &judge, &Frame::Alive(alive), &mut self.out);
        } else if self.trials.number(&probe.member) == Some(probe.trial)
            && seal.signer() == probe.member
            && self.seals.holds(&seal, &probe.to_sign())
        {
            self.acquit(&probe.member);
        }
    }

    /// Somebody was heard.
    pub(super) fn acquit(&mut self, member: &NodeId) {
        self.trials.acquit(member);
        if self.is_deposed(member) {
            return;
        }
        if !self.dead.is_empty() && self.dead.remove(member) {
            let view = self.view.as_ref();
            if view.is_some_and(|view| view.coordinator() == *member) {
                self.election.settle();
            }
        }
    }

    /// A member's address refused a connection: where there was a link a moment ago, its process is
    /// gone; else it may be that this node cannot reach it, and others are asked.
    pub(super) fn found_refused(&mut self, now: Time, member: NodeId) {
        let known = self
            .view
            .as_ref()
            .is_some_and(|view| view.contains(&member));
        if !known || self.joining.is_outside() {
            return;
        }
        self.detector.suspect(member);
        if self.links.was_up_lately(now, &member) {
            self.trials.convict(&member);
            self.found_dead(now, member);
        }
        self.report_suspects(now);
    }

    /// Takes the dead out of the view, where that is this node's office.
    pub(super) fn evict_dead(&mut self, now: Time) {
        if !self.has_authority() {
            return;
        }
        if self.eviction_due().is_some_and(|due| due <= now) {
            self.evicted = now;
            let departed = self.dead_members();
            self.publish(now, Vec::new(), departed, Vec::new());
        }
    }

    /// When the next view without the dead is due: the first at once, and others not too soon after it. Where a
    /// hundred die in one moment, a view for each would come faster than a large ring can follow.
    pub(super) fn eviction_due(&self) -> Option<Time> {
        let dead = self.dead.iter().any(|id| *id != self.config.id);
        dead.then(|| self.evicted + EVICTION)
    }

    /// Those found dead, for the next view.
    pub(super) fn dead_members(&self) -> Vec<Departed> {
        let dead = self.dead.iter().filter(|id| **id != self.config.id);
        dead.map(|&id| Departed {
            id,
            how: Departure::Failed,
        })
        .take(ringtalk_wire::limit::UPDATE_CHANGES)
        .collect()
    }

    /// Puts a suspect on trial.
    pub(super) fn try_suspect(&mut self, now: Time, member: NodeId) {
        if self.dead.contains(&member) || !self.trials.judge(now, member) {
            return;
        }
        if self.planted.has(PlantedBug::EvictOnOneHeartbeat) {
            return self.found_dead(now, member);
        }
        self.look_at(now, &member);
        let Some(trial) = self.trials.number(&member) else {
            return;
        };
        let probe = Probe {
            member,
            judge: self.config.id,
            trial,
        };
        for helper in self.helpers(&member) {
            self.send_to_member(now, &helper, &Frame::Probe(probe));
        }
    }

    pub(super) fn found_dead(&mut self, now: Time, member: NodeId) {
        tracing::info!(?member, "found dead");
        self.detector.suspect(member);
        self.dead.insert(member);
        self.evict_dead(now);
        self.tend_ring(now);
        self.vacancy(now, &member);
    }

    /// Asks a member for a sign of life.
    pub(super) fn look_at(&mut self, now: Time, member: &NodeId) {
        let ping = Frame::Ping(now.as_micros());
        if !self.links.send(now, member, &ping, &mut self.out) {
            self.links.dial_soon(member);
            self.dial_member(now, member);
        }
    }

    /// Members that help to probe a suspect: those that are linked first.
    fn helpers(&self, suspect: &NodeId) -> Vec<NodeId> {
        let Some(view) = &self.view else {
            return Vec::new();
        };
        let fit = view
            .members()
            .map(|member| member.id)
            .filter(|id| *id != self.config.id && id != suspect && !self.detector.suspects(id));
        // Who is on the suspect's network, or on several, is most likely to reach it.
        let home = view.member(suspect).map(|suspect| suspect.network);
        let is_close = |id: &NodeId| {
            let member = view.member(id);
            member.is_some_and(|one| Some(one.network) == home || one.addresses.are_manifold())
        };
        let linked = |id: &NodeId| self.links.is_up(id);
        let first = fit.clone().filter(|id| linked(id) && is_close(id));
        let second = fit.clone().filter(|id| linked(id) && !is_close(id));
        let third = fit.filter(|id| !linked(id));
        first
            .chain(second)
            .chain(third)
            .take(PROBE_HELPERS)
            .collect()
    }
}

//! Candidacy for an epoch: a deputy that takes over must show that another member agrees.
//!
//! `PROTOCOL.md` §6.3. A deputy that finds the coordinator dead asks other members, and takes over once one of them
//! has found the same and signs too. Not here: when it is a deputy's turn (`node::takeover`).

use super::Succession;
use crate::config::EPOCHS_AHEAD;
use crate::context::Context;
use crate::planted::PlantedBug;
use crate::{ErrorKind, Time, View};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;
use ringtalk_wire::{Direction, Epoch, Frame, NodeId, Opening};

/// How many members a candidate asks first to sign its epoch; the number doubles with each attempt.
const ASKED_FIRST: usize = 8;

/// The maximum number of members asked at a time.
const ASKED_MOST: usize = 512;

/// How far above the epoch in force the number of a requested signature may lie.
const MAX_NUMBER_STEP: u64 = 256;

/// How far it may lie above the last signed number, beyond that limit: so there are always higher numbers to ask for.
const EXTRA_NUMBER_STEP: u64 = 64;

/// After how many attempts a candidate begins again with the lowest number: members that refused it may have lied.
const ATTEMPTS: u32 = 16;

/// How long this node signs for no candidate while a more senior member may be alive.
const SENIORS_FIRST: Duration = Duration::from_secs(3);

/// How often a refused candidate asks again at once; after that it waits as for an answer.
const IMMEDIATE_RETRIES: u32 = 4;

/// How many of this node's own openings may still be answered.
const MAX_OWN_OPENINGS: usize = 4;

/// How long a member may show another epoch than this node's, while each is sent the other's view, before it counts
/// as part of another ring: a member that only missed a view has it by then.
const DIVERGING_LIMIT: Duration = Duration::from_secs(3);

/// This node's own openings, and what it has signed for others.
#[derive(Debug, Default)]
pub(crate) struct Candidacy {
    /// This node's openings that wait for a second signature, the latest last.
    own_openings: VecDeque<Opening>,
    /// Members that were asked in vain.
    asked_members: BTreeSet<NodeId>,
    /// How often others were asked.
    attempts: u32,
    /// The highest number that a member refused because it had signed it for another candidate.
    refused_number: u64,
    /// The highest epoch that this node has signed.
    last_signed: Option<Epoch>,
    /// A request that came before the coordinator was found dead.
    pending: Option<Opening>,
    /// Members that follow a coordinator this node does not believe, or do not believe the one this node follows.
    foreign: BTreeSet<NodeId>,
    /// Members that show another epoch: which, and since when.
    diverging: BTreeMap<NodeId, (Time, Epoch)>,
    /// The epoch whose office is vacant, and since when.
    vacant: Option<(Time, Epoch)>,
}

impl Candidacy {
    /// Forgets who strayed, because there is a coordinator (again).
    pub(crate) fn forget_diverging(&mut self) {
        self.foreign.clear();
        self.diverging.clear();
    }

    /// Begins another vacancy, for which no member has been asked yet.
    fn restart(&mut self) {
        self.own_openings.clear();
        self.asked_members.clear();
        self.attempts = 0;
        self.refused_number = 0;
    }
}

impl Succession {
    /// Returns the highest epoch number that this node has signed, for itself or another; 0 if there is none.
    pub(crate) fn last_signed(&self) -> u64 {
        let own = self.candidacy.own_openings.iter();
        let own = own.map(|opening| opening.epoch);
        let signed = own.chain(self.candidacy.last_signed);
        signed.map(|epoch| epoch.number).max().unwrap_or(0)
    }

    /// Counts all epochs up to a number as signed, because an earlier node of this process may have signed them.
    pub(crate) const fn resume_signing_after(&mut self, epoch: Epoch) {
        self.candidacy.last_signed = Some(epoch);
    }

    /// Returns an opening for the successor to which this node hands its office.
    pub(crate) fn opening_for_successor(
        &mut self,
        context: &Context,
        view: &View,
        successor: NodeId,
    ) -> Opening {
        let mine = view.tag().epoch;
        let last_signed = self
            .candidacy
            .last_signed
            .filter(|last| last.number > mine.number);
        let epoch = match last_signed {
            Some(last_signed) if last_signed.coordinator == successor => last_signed,
            other => Epoch {
                number: other.map_or(mine.number, |last| last.number) + 1,
                coordinator: successor,
            },
        };
        debug_assert!(epoch.number > mine.number, "an office passes upwards");
        self.candidacy.last_signed = Some(epoch);
        context.opening_after(view, epoch)
    }

    /// Records that a peer follows a coordinator whose epoch is not proven.
    pub(crate) fn note_unproven_claim(&mut self, context: &mut Context, peer: NodeId, next: &View) {
        let claimant = next.coordinator();
        let members = [peer, claimant].into_iter();
        let members = members.filter(|id| context.is_member(id));
        self.candidacy.foreign.extend(members);
        let member = context.is_member(&claimant);
        // A member alone in its view takes no other member along.
        if member && next.len() > 1 {
            let who = context.describe(&claimant);
            let message = format!(
                "{who} claims to coordinate the ring, but no other member confirms it: the claim is ignored"
            );
            context.warn(ErrorKind::UnprovenCoordinator, message);
        }
    }

    /// Records the epoch that a peer shows. A member that keeps following another epoch is not of this ring.
    pub(crate) fn note_epoch(&mut self, context: &Context, peer: NodeId, epoch: Epoch) {
        let now = context.now;
        let Some(view) = context.view.clone().filter(|view| view.contains(&peer)) else {
            return;
        };
        let Candidacy {
            foreign, diverging, ..
        } = &mut self.candidacy;
        if epoch == view.tag().epoch {
            diverging.remove(&peer);
            foreign.remove(&peer);
            return;
        }
        let shown = diverging.get(&peer).filter(|(_, shown)| *shown == epoch);
        let (since, _) = shown.copied().unwrap_or((now, epoch));
        diverging.insert(peer, (since, epoch));
        if now - since >= DIVERGING_LIMIT {
            foreign.insert(peer);
        }
    }

    /// Returns the other members of this ring that may be alive.
    pub(crate) fn survivors(&self, context: &Context, view: &View) -> impl Iterator<Item = NodeId> {
        let members = view.members().map(|member| member.id);
        members.filter(|id| *id != context.config.id && !self.is_unavailable(context, id))
    }

    /// Returns true if a member was found dead, or follows an epoch that is not believed here.
    pub(crate) fn is_unavailable(&self, context: &Context, id: &NodeId) -> bool {
        context.people.dead.contains(id) || self.candidacy.foreign.contains(id)
    }

    /// Returns the members to ask for a second signature: those not yet asked in vain first, then neighbours of the
    /// dead coordinator, which can tell at once, then linked ones.
    fn cosigners(&self, context: &Context, view: &View) -> Vec<NodeId> {
        let coordinator = view.coordinator();
        let next_to = |direction| {
            view.others(&coordinator, direction)
                .map(|one| one.id)
                .take(2)
        };
        let near: Vec<NodeId> = next_to(Direction::Clockwise)
            .chain(next_to(Direction::Counterclockwise))
            .collect();
        let mut others: Vec<NodeId> = self.survivors(context, view).collect();
        others.sort_by_key(|id| {
            let asked = self.candidacy.asked_members.contains(id);
            let suspected = context.detector.suspects(id);
            (
                suspected,
                asked,
                !near.contains(id),
                !context.links.is_up(id),
            )
        });
        let doubled = ASKED_FIRST << self.candidacy.attempts.min(ASKED_MOST.ilog2());
        others.truncate(doubled.min(ASKED_MOST));
        others
    }

    /// Takes a member's refusal: it has signed another epoch, so this node needs a higher number. Returns true if
    /// this node should ask again at once.
    pub(crate) fn take_refusal(&mut self, view: &View, ahead: u64, peer: &NodeId) -> bool {
        let number = view.tag().epoch.number + ahead;
        let asked = self.election.is_candidate() && self.candidacy.asked_members.contains(peer);
        let tried = self.candidacy.own_openings.back();
        let beyond = tried.is_some_and(|last| last.epoch.number <= number);
        if asked && beyond && ahead < EPOCHS_AHEAD {
            let last = tried.map_or(number, |last| last.epoch.number);
            self.candidacy.refused_number = number.min(last + EXTRA_NUMBER_STEP);
            return self.candidacy.attempts < IMMEDIATE_RETRIES;
        }
        false
    }

    /// Returns true if a candidate may ask for a signature of an epoch `ahead` above the one in force. There are
    /// always higher numbers to ask for.
    pub(crate) fn is_number_near(&self, number: u64, ahead: u64) -> bool {
        let last_signed = self.candidacy.last_signed.map_or(0, |last| last.number);
        ahead <= MAX_NUMBER_STEP || number <= last_signed + EXTRA_NUMBER_STEP
    }

    /// Keeps a request until the coordinator is found dead, unless a request of a better-ranked candidate is waiting.
    pub(crate) fn postpone(&mut self, opening: Opening, rank: impl Fn(&NodeId) -> Option<usize>) {
        let waiting = self.candidacy.pending.take();
        let rank = |opening: &Opening| rank(&opening.epoch.coordinator);
        let senior = waiting.filter(|waiting| rank(waiting) < rank(&opening));
        self.candidacy.pending = Some(senior.unwrap_or(opening));
    }

    /// Signs another candidate's opening. This node signs only one opening of each number.
    pub(crate) fn cosign(&mut self, context: &mut Context, view: &View, opening: Opening) {
        let last_signed = self.candidacy.last_signed;
        let is_taken = last_signed
            .is_some_and(|last| last.number >= opening.epoch.number && last != opening.epoch);
        let candidate = opening.epoch.coordinator;
        let signed = context.signers(&opening).contains(&candidate);
        let current = opening.before == view.tag().epoch && view.contains(&candidate);
        let honest = !context.has_equivocated(&candidate);
        if !signed || !current || !honest || opening.seals.len() != 1 {
            return;
        }
        if !self.is_turn_of(context, view, &candidate) {
            return;
        }
        if let Some(epoch) = last_signed.filter(|_| is_taken) {
            let refusal = Opening {
                epoch,
                seals: Vec::new(),
                ..opening
            };
            return context.send_to_member(&candidate, &Frame::Stand(refusal));
        }
        debug_assert!(
            last_signed.is_none_or(|last| last <= opening.epoch),
            "one seal for each number"
        );
        self.candidacy.last_signed = Some(opening.epoch);
        let both = context.with_own_seal(opening);
        context.send_to_member(&candidate, &Frame::Stand(both));
    }

    /// Returns true if no member more senior than a candidate may be alive, or all of those have had their time.
    fn is_turn_of(&mut self, context: &Context, view: &View, candidate: &NodeId) -> bool {
        let now = context.now;
        let epoch = view.tag().epoch;
        let vacant = self.candidacy.vacant.filter(|(_, of)| *of == epoch);
        let (since, _) = *self.candidacy.vacant.insert(vacant.unwrap_or((now, epoch)));
        let order = context.by_rank(view).into_iter();
        let mut seniors = order.take_while(|id| id != candidate);
        let gone = |id: &NodeId| context.people.dead.contains(id) || context.detector.suspects(id);
        let hasty = context.planted.has(PlantedBug::NoYielding);
        hasty || now - since >= SENIORS_FIRST || seniors.all(|id| gone(&id))
    }

    /// Returns the more senior members that may still take over: not those known to be dead, unreliable, or following
    /// another ring.
    pub(crate) fn seniors(&self, context: &Context) -> Vec<NodeId> {
        let Some(view) = &context.view else {
            return Vec::new();
        };
        context
            .by_rank(view)
            .into_iter()
            .take_while(|id| *id != context.config.id)
            .filter(|id| !self.is_unavailable(context, id) && !self.election.is_unreliable(id))
            .collect()
    }

    /// Starts a candidacy for the next epoch. Returns its opening and the members to ask; the flag is true
    /// for members that were asked before and did not answer.
    pub(crate) fn start_candidacy(
        &mut self,
        context: &Context,
        view: &View,
    ) -> (Opening, Vec<(NodeId, bool)>) {
        if self.candidacy.attempts >= ATTEMPTS {
            self.candidacy.restart();
        }
        let last = self.candidacy.own_openings.back();
        let last = last.filter(|last| last.before == view.tag().epoch);
        let number = last.map_or(view.tag().epoch.number, |last| last.epoch.number);
        if last.is_none() {
            self.candidacy.restart();
        }
        let opening = context.own_opening(view, number.max(self.candidacy.refused_number) + 1);
        debug_assert!(opening.epoch.number > view.tag().epoch.number);
        if self.candidacy.own_openings.len() == MAX_OWN_OPENINGS {
            self.candidacy.own_openings.pop_front();
        }
        self.candidacy.own_openings.push_back(opening.clone());
        self.election.note_seals_requested(context.now);
        let cosigners = self.cosigners(context, view);
        self.candidacy.attempts += 1;
        let asked = &mut self.candidacy.asked_members;
        let cosigners = cosigners.into_iter().map(|id| (id, !asked.insert(id)));
        let cosigners = cosigners.collect();
        (opening, cosigners)
    }

    /// Answers the pending request for a signature, because the coordinator was found dead.
    pub(crate) fn cosign_pending(&mut self, context: &mut Context) {
        let Some(view) = context.view.clone() else {
            return;
        };
        if let Some(opening) = self.candidacy.pending.take() {
            self.cosign(context, &view, opening);
        }
    }

    /// Takes a second signature from another member. Returns true if this node must take over.
    pub(crate) fn take_cosignature(
        &mut self,
        context: &Context,
        peer: NodeId,
        view: &View,
        opening: &Opening,
    ) -> bool {
        let mut tried = self.candidacy.own_openings.iter();
        let asked = tried.any(|tried| tried.says_the_same(opening));
        let me = context.config.id;
        let signers = context.signers(opening);
        let both = signers.contains(&me) && signers.contains(&peer) && peer != me;
        let vacant =
            context.people.dead.contains(&view.coordinator()) && opening.before == view.tag().epoch;
        let awaited = asked && self.election.is_candidate() && context.self_doubt.is_none();
        let takes_over = both && vacant && awaited && view.contains(&peer);
        if takes_over {
            self.candidacy.restart();
        }
        takes_over
    }
}

//! Standing for an epoch: who takes over shows that it does not do so alone.
//!
//! `PROTOCOL.md` §6.3. A deputy that finds the coordinator dead asks others, and takes over once one of
//! them, who has found the same, adds its seal. Not here: when a deputy's turn is (`node::takeover`).

use super::Succession;
use crate::config::EPOCHS_AHEAD;
use crate::context::Context;
use crate::planted::PlantedBug;
use crate::{Time, Trouble, View};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;
use ringtalk_wire::{Direction, Epoch, Frame, NodeId, Opening};

/// How many members are asked at first to stand for a new epoch: twice as many with each attempt.
const ASKED: usize = 8;

/// How many members are asked at a time at most.
const ASKED_MOST: usize = 512;

/// How far above the epoch in force somebody may ask for a seal.
const STEP_MOST: u64 = 256;

/// How far above the number that was given last, beyond that: so there are always higher ones to ask for.
const STEP_MORE: u64 = 64;

/// After how many attempts a candidate begins again with the lowest number: who refused it may have lied.
const ATTEMPTS: u32 = 16;

/// How long nobody is preferred to somebody more senior who may be alive.
const SENIORS_FIRST: Duration = Duration::from_secs(3);

/// How often a candidate that is refused asks again at once: later it waits as for an answer.
const AT_ONCE: u32 = 4;

/// How many of one's own openings may still be answered.
const TRIED: usize = 4;

/// How long a member may show another epoch than this node's, while each is sent the other's view, until it is of
/// another ring: who only missed a view has it by then.
const UNCONVINCED: Duration = Duration::from_secs(3);

/// What this node stands for, and what it has put its seal under.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// One's own openings that wait for another's seal, the latest last.
    tried: VecDeque<Opening>,
    /// Who was asked in vain.
    asked: BTreeSet<NodeId>,
    /// How often others were asked.
    attempts: u32,
    /// The highest number for which a member that was asked stands already.
    taken: u64,
    /// The highest number under which this node has put its seal, and for whom.
    given: Option<Epoch>,
    /// What somebody asked for before the coordinator was found dead.
    pending: Option<Opening>,
    /// Who follows an authority that is not believed here, or does not believe the one that is followed here.
    elsewhere: BTreeSet<NodeId>,
    /// Members that show another epoch: which, and since when.
    astray: BTreeMap<NodeId, (Time, Epoch)>,
    /// Since when the office has been vacant: of which epoch.
    vacant: Option<(Time, Epoch)>,
}

impl Standing {
    /// There is a coordinator (again).
    pub(crate) fn settle(&mut self) {
        self.elsewhere.clear();
        self.astray.clear();
    }

    /// Another vacancy: nobody was asked for it yet.
    fn start(&mut self) {
        self.tried.clear();
        self.asked.clear();
        self.attempts = 0;
        self.taken = 0;
    }
}

impl Succession {
    /// The epoch of the successor to whom this node hands its office.
    pub(crate) fn office_for(
        &mut self,
        context: &Context,
        view: &View,
        successor: NodeId,
    ) -> Opening {
        let mine = view.tag().epoch;
        let given = self
            .standing
            .given
            .filter(|given| given.number > mine.number);
        let epoch = match given {
            Some(given) if given.coordinator == successor => given,
            other => Epoch {
                number: other.map_or(mine.number, |given| given.number) + 1,
                coordinator: successor,
            },
        };
        debug_assert!(epoch.number > mine.number, "an office passes upwards");
        self.standing.given = Some(epoch);
        context.opening_after(view, epoch)
    }

    /// Somebody claims an authority that nobody stands for, and a peer follows it.
    pub(crate) fn doubt_authority(&mut self, context: &mut Context, peer: NodeId, next: &View) {
        let claimant = next.coordinator();
        let members = [peer, claimant].into_iter();
        let members = members.filter(|id| context.is_member(id));
        self.standing.elsewhere.extend(members);
        let member = context.is_member(&claimant);
        // Who went on alone takes nobody along.
        if member && next.len() > 1 {
            let who = context.described(&claimant);
            let message = format!(
                "{who} claims to coordinate the ring, and no other member stands for it: it is not believed"
            );
            context.warn(Trouble::UnprovenCoordinator, message);
        }
    }

    /// A peer shows which epoch it follows: a member that goes on to follow another one is not of this ring.
    pub(crate) fn note_epoch(&mut self, context: &Context, peer: NodeId, epoch: Epoch) {
        let now = context.now;
        let Some(view) = context.view.clone().filter(|view| view.contains(&peer)) else {
            return;
        };
        let Standing {
            elsewhere, astray, ..
        } = &mut self.standing;
        if epoch == view.tag().epoch {
            astray.remove(&peer);
            elsewhere.remove(&peer);
            return;
        }
        let shown = astray.get(&peer).filter(|(_, shown)| *shown == epoch);
        let (since, _) = shown.copied().unwrap_or((now, epoch));
        astray.insert(peer, (since, epoch));
        if now - since >= UNCONVINCED {
            elsewhere.insert(peer);
        }
    }

    /// The members that may be alive beside this one, and of its ring.
    pub(crate) fn survivors(&self, context: &Context, view: &View) -> impl Iterator<Item = NodeId> {
        let members = view.members().map(|member| member.id);
        members.filter(|id| *id != context.config.id && !self.is_lost_to_ring(context, id))
    }

    /// True if a member was found dead, or follows an epoch that is not believed here.
    pub(crate) fn is_lost_to_ring(&self, context: &Context, id: &NodeId) -> bool {
        context.people.dead.contains(id) || self.standing.elsewhere.contains(id)
    }

    /// Whom to ask: those who were not asked in vain, those who stood next to the dead coordinator and
    /// can tell at once, and those whose link is up.
    fn seconds(&self, context: &Context, view: &View) -> Vec<NodeId> {
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
            let asked = self.standing.asked.contains(id);
            let suspected = context.detector.suspects(id);
            (
                suspected,
                asked,
                !near.contains(id),
                !context.links.is_up(id),
            )
        });
        let doubled = ASKED << self.standing.attempts.min(ASKED_MOST.ilog2());
        others.truncate(doubled.min(ASKED_MOST));
        others
    }

    /// A member stands for somebody else's epoch already: one's own needs a higher number. Returns true if it is to be asked for
    /// at once.
    pub(crate) fn is_refused(&mut self, view: &View, ahead: u64, peer: &NodeId) -> bool {
        let number = view.tag().epoch.number + ahead;
        let asked = self.election.is_standing() && self.standing.asked.contains(peer);
        let tried = self.standing.tried.back();
        let beyond = tried.is_some_and(|last| last.epoch.number <= number);
        if asked && beyond && ahead < EPOCHS_AHEAD {
            let last = tried.map_or(number, |last| last.epoch.number);
            self.standing.taken = number.min(last + STEP_MORE);
            return self.standing.attempts < AT_ONCE;
        }
        false
    }

    /// Returns true if somebody may ask for a seal for an epoch that is so far above the one in force: there are always
    /// higher ones to ask for.
    pub(crate) fn may_be_asked(&self, number: u64, ahead: u64) -> bool {
        let given = self.standing.given.map_or(0, |given| given.number);
        ahead <= STEP_MOST || number <= given + STEP_MORE
    }

    /// An opening waits for the coordinator to be found dead, if none waits whose candidate has a lower rank.
    pub(crate) fn postpone(&mut self, opening: Opening, rank: impl Fn(&NodeId) -> Option<usize>) {
        let waiting = self.standing.pending.take();
        let rank = |opening: &Opening| rank(&opening.epoch.coordinator);
        let senior = waiting.filter(|waiting| rank(waiting) < rank(&opening));
        self.standing.pending = Some(senior.unwrap_or(opening));
    }

    /// Puts one's own seal under an opening: under one of each number only.
    pub(crate) fn second(&mut self, context: &mut Context, view: &View, opening: Opening) {
        let given = self.standing.given;
        let taken = given
            .is_some_and(|given| given.number >= opening.epoch.number && given != opening.epoch);
        let candidate = opening.epoch.coordinator;
        let signed = context.signers(&opening).contains(&candidate);
        let current = opening.before == view.tag().epoch && view.contains(&candidate);
        let honest = !context.is_proven(&candidate);
        if !signed || !current || !honest || opening.seals.len() != 1 {
            return;
        }
        if !self.is_next(context, view, &candidate) {
            return;
        }
        if let Some(epoch) = given.filter(|_| taken) {
            let refusal = Opening {
                epoch,
                seals: Vec::new(),
                ..opening
            };
            return context.send_to_member(&candidate, &Frame::Stand(refusal));
        }
        debug_assert!(
            given.is_none_or(|given| given <= opening.epoch),
            "one seal for each number"
        );
        self.standing.given = Some(opening.epoch);
        let both = context.with_own_seal(opening);
        context.send_to_member(&candidate, &Frame::Stand(both));
    }

    /// True where nobody who may be alive is more senior than a candidate, or all those have had their time.
    fn is_next(&mut self, context: &Context, view: &View, candidate: &NodeId) -> bool {
        let now = context.now;
        let epoch = view.tag().epoch;
        let vacant = self.standing.vacant.filter(|(_, of)| *of == epoch);
        let (since, _) = *self.standing.vacant.insert(vacant.unwrap_or((now, epoch)));
        let order = context.by_rank(view).into_iter();
        let mut seniors = order.take_while(|id| id != candidate);
        let gone = |id: &NodeId| context.people.dead.contains(id) || context.detector.suspects(id);
        let hasty = context.planted.has(PlantedBug::NoYielding);
        hasty || now - since >= SENIORS_FIRST || seniors.all(|id| gone(&id))
    }

    /// The members more senior than this node that may still take over: not those that are known to be dead, that
    /// promise in vain, or that have gone over to another ring.
    pub(crate) fn seniors(&self, context: &Context) -> Vec<NodeId> {
        let Some(view) = &context.view else {
            return Vec::new();
        };
        context
            .by_rank(view)
            .into_iter()
            .take_while(|id| *id != context.config.id)
            .filter(|id| !self.is_lost_to_ring(context, id) && !self.election.is_unreliable(id))
            .collect()
    }

    /// Stands for the next epoch. Returns its opening, and whom to ask for a seal: true for who was asked before, and did not
    /// answer.
    pub(crate) fn stand(
        &mut self,
        context: &Context,
        view: &View,
    ) -> (Opening, Vec<(NodeId, bool)>) {
        if self.standing.attempts >= ATTEMPTS {
            self.standing.start();
        }
        let last = self.standing.tried.back();
        let last = last.filter(|last| last.before == view.tag().epoch);
        let number = last.map_or(view.tag().epoch.number, |last| last.epoch.number);
        if last.is_none() {
            self.standing.start();
        }
        let opening = context.own_opening(view, number.max(self.standing.taken) + 1);
        debug_assert!(opening.epoch.number > view.tag().epoch.number);
        if self.standing.tried.len() == TRIED {
            self.standing.tried.pop_front();
        }
        self.standing.tried.push_back(opening.clone());
        self.election.stood(context.now);
        let seconds = self.seconds(context, view);
        self.standing.attempts += 1;
        let asked = &mut self.standing.asked;
        let seconds = seconds.into_iter().map(|id| (id, !asked.insert(id)));
        let seconds = seconds.collect();
        (opening, seconds)
    }

    /// The coordinator was found dead: whoever asked this node to stand for its epoch gets an answer.
    pub(crate) fn second_pending(&mut self, context: &mut Context) {
        let Some(view) = context.view.clone() else {
            return;
        };
        if let Some(opening) = self.standing.pending.take() {
            self.second(context, &view, opening);
        }
    }

    /// Another member stands for this node's epoch. Returns true if it is to take over.
    pub(crate) fn is_seconded(
        &mut self,
        context: &Context,
        peer: NodeId,
        view: &View,
        opening: &Opening,
    ) -> bool {
        let mut tried = self.standing.tried.iter();
        let asked = tried.any(|tried| tried.says_the_same(opening));
        let me = context.config.id;
        let signers = context.signers(opening);
        let both = signers.contains(&me) && signers.contains(&peer) && peer != me;
        let vacant =
            context.people.dead.contains(&view.coordinator()) && opening.before == view.tag().epoch;
        let awaited = asked && self.election.is_standing() && context.doubt.is_none();
        let takes_over = both && vacant && awaited && view.contains(&peer);
        if takes_over {
            self.standing.start();
        }
        takes_over
    }
}

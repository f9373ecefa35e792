//! The composition: one node, made of its concerns.
//!
//! A concern has its own state and gets the context with each call; what it cannot do by itself it returns, and the
//! composition does it. Here are the parts, the way in and the way out, and the timers. Not here: any concern's own
//! decisions.

mod abbreviation;
mod bundles;
mod catching_up;
mod checking;
mod children;
mod confirmation;
mod cuts;
mod departure;
mod discussion;
mod entry;
mod forks;
mod frames;
mod history;
mod meeting;
mod membership;
mod misread;
mod naming;
mod observation;
mod peers;
mod reaching;
mod reader;
mod relay;
mod relaying;
mod ring;
#[cfg(feature = "simulation")]
mod simulation;
mod speaking;
mod standing;
mod succession;
mod suspicion;
mod unlisted;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use ringtalk_wire::{MessageId, NodeId, VectorClock};

use crate::candidates::Candidates;
use crate::config::HEARTBEAT;
use crate::context::Context;
use crate::doubt::Doubt;
use crate::links::LinkUp;
use crate::newcomers::Newcomers;
use crate::outbox::Draft;
#[cfg(feature = "planted-bugs")]
use crate::planted::Planted;
use crate::planted::PlantedBug;
use crate::{Config, Input, LinkId, Load, Output, Signer, Time, Verifier, View};

pub use reaching::Registration;

/// One node of the ring.
#[derive(Debug)]
pub struct Node {
    context: Context,
    heartbeat_due: Time,

    /// The way in, and whom this node lets in.
    candidates: Candidates,
    newcomers: Newcomers,
    /// In a box, since a whole view is in it: a node is moved as one.
    naming: Box<naming::Naming>,
    membership: membership::Membership,
    unlisted: unlisted::Unlisted,
    observers: observation::Observers,

    /// The ring, and those out of reach.
    ring: ring::Ring,
    reaching: reaching::Reaching,
    checking: checking::Checking,

    /// What is said.
    discussion: discussion::Discussion,
    relay: relay::Relay,
    history: history::History,
    forks: forks::Forks,

    /// Who is dead, and who coordinates.
    suspicion: suspicion::Suspicion,
    succession: succession::Succession,
    meeting: meeting::Meeting,
    leaving: Option<departure::Leaving>,
}

/// What every part of a node can do that remembers peers.
trait Concern {
    /// The link to a peer is gone: nothing more comes of what was on it.
    fn forget(&mut self, peer: &NodeId);
}

impl Node {
    /// A node that has just started; it asks for the director at once. The id in `config` is that
    /// of the signer's key.
    pub fn new(
        config: Config,
        signer: Box<dyn Signer>,
        verifier: Box<dyn Verifier>,
        now: Time,
    ) -> Self {
        debug_assert_eq!(
            config.id,
            NodeId::of(&signer.public_key()),
            "the id is the key's"
        );
        let mut discussion = discussion::Discussion::new(config.history);
        discussion.causal.admit(config.id);
        Self {
            context: Context::new(config, signer, verifier, now),
            heartbeat_due: now + HEARTBEAT,
            candidates: Candidates::default(),
            newcomers: Newcomers::default(),
            naming: Box::default(),
            membership: membership::Membership::default(),
            unlisted: unlisted::Unlisted::default(),
            observers: observation::Observers::default(),
            ring: ring::Ring::default(),
            reaching: reaching::Reaching::default(),
            checking: checking::Checking::default(),
            discussion,
            relay: relay::Relay::default(),
            history: history::History::default(),
            forks: forks::Forks::default(),
            suspicion: suspicion::Suspicion::default(),
            succession: succession::Succession::default(),
            meeting: meeting::Meeting::default(),
            leaving: None,
        }
    }

    /// Those that remember peers.
    fn concerns(&mut self) -> [&mut dyn Concern; 8] {
        [
            &mut self.ring,
            &mut self.membership,
            &mut self.history,
            &mut self.unlisted,
            &mut self.newcomers,
            &mut *self.naming,
            &mut self.relay,
            &mut self.forks,
        ]
    }

    /// This node makes a mistake from now on.
    #[cfg(feature = "planted-bugs")]
    pub const fn plant(&mut self, bug: PlantedBug) {
        self.context.planted = Planted::with(bug);
        self.discussion.causal.plant(self.context.planted);
        self.discussion.log.plant(self.context.planted);
        self.history.repair.plant(self.context.planted);
        self.context.detector.plant(self.context.planted);
        self.relay.acks.plant(self.context.planted);
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Time, input: Input) {
        self.notice_sleep(now);
        self.context.now = now;
        match input {
            Input::Timer => self.expire(),
            Input::LinkUp {
                link,
                peer,
                dialled,
                host,
            } => {
                let up = LinkUp {
                    link,
                    peer,
                    dialled,
                    host,
                };
                self.link_up(up);
                if self.context.planted.has(PlantedBug::DeliverAgain) {
                    self.tell_last_again();
                }
            }
            Input::LinkDown { link } => self.link_down(link),
            Input::DialFailed { peer, refused } => self.dial_failed(peer, &refused),
            Input::CircuitOver { number } => self.reaching.circuit_over(number),
            Input::Checked { peer, reached } => {
                checking::Checking::tell(&mut self.context, peer, reached);
            }
            Input::Frame { link, frame } => self.frame(link, frame),
            Input::Written { link, bytes } => self.written(link, bytes),
            Input::Read { unread } => self.read(unread),
            Input::Say(draft) => self.say(draft),
            Input::Rename { name } => self.rename(name),
            Input::Leave => self.leave(),
            Input::Found => self.found(),
            Input::Contact {
                coordinator,
                doors,
                candidates,
            } => {
                self.reaching.show_doors(doors);
                self.candidates
                    .show(&self.context.config.id, &coordinator, candidates);
                self.knock(&coordinator);
            }
            Input::Expected {
                newcomer,
                addresses,
                director,
            } => self
                .reaching
                .expect(&self.context, newcomer, addresses, director),
            Input::Foreign(contact) => self.meet(&contact),
        }
        for peer in self.context.links.take_given_up() {
            self.peer_lost(&peer);
        }
        self.take_held();
        self.carry_parked();
        self.deliver_ready();
        self.arrive_if_complete();
        self.tell_progress();
        self.expire_leaving();
    }

    /// The next thing to do; ask until there is none, after each input or batch of inputs.
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.context.out.is_empty() {
            self.relay.send_confirmations(&mut self.context);
        }
        self.context.out.pop_front()
    }

    /// When `Input::Timer` is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        [
            Some(self.heartbeat_due),
            self.context.joining.deadline(),
            self.candidates
                .deadline()
                .filter(|_| !self.context.joining.is_outside()),
            self.context.links.deadline(),
            self.checking.deadline(),
            self.reaching.deadline(),
            self.ring.deadline(),
            self.relay.spreading.deadline(),
            self.unlisted.deadline(),
            self.discussion.goes_without(),
            // What is due already leaves before anybody waits.
            self.relay
                .confirmations
                .deadline()
                .filter(|&due| due > self.context.now),
            self.relay.acks.deadline(),
            self.history
                .repair
                .deadline()
                .filter(|_| !self.context.reader.is_behind()),
            self.context.reader.deadline(),
            self.relay.outbox.deadline(),
            self.history.searches.deadline(),
            self.context.detector.deadline(),
            self.suspicion.trials.deadline(),
            self.succession.election.deadline(),
            self.context.doubt.as_ref().map(Doubt::deadline),
            self.leaving
                .as_ref()
                .and_then(|leaving| leaving.deadline(self.context.farewell)),
            self.meeting.deadline(),
            self.newcomers.deadline(|peer| self.naming.waits(peer)),
            self.naming.heirs_deadline(),
            self.naming
                .renames_deadline()
                .filter(|_| self.context.has_authority()),
            self.suspicion.eviction_due(&self.context),
            self.context
                .lost
                .deadline()
                .filter(|_| self.context.has_authority()),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// This node's id.
    pub const fn id(&self) -> NodeId {
        self.context.config.id
    }

    /// True while the user may say something: in the ring, and the window is open.
    pub fn accepts_input(&self) -> bool {
        self.accepts_beside(&Draft::default())
    }

    /// True while the user may say one thing more, in the same breath as a draft.
    pub fn accepts_beside(&self, draft: &Draft) -> bool {
        self.context.joining.is_inside()
            && !self.context.is_leaving()
            && self.relay.outbox.has_room(draft)
    }

    /// Returns true if this node has a place in the ring.
    pub const fn has_place(&self) -> bool {
        !self.context.joining.is_outside()
    }

    /// The view in force.
    pub const fn view(&self) -> Option<&Arc<View>> {
        self.context.view.as_ref()
    }

    /// Predecessor and successor; none where the node is alone.
    pub const fn neighbours(&self) -> Option<(NodeId, NodeId)> {
        self.ring.neighbours()
    }

    /// The clock of what was delivered.
    pub const fn clock(&self) -> &VectorClock {
        self.discussion.clock()
    }

    /// The ids of all messages kept, by (Lamport time, author, seq).
    pub fn transcript(&self) -> Vec<MessageId> {
        self.discussion.transcript()
    }

    /// What to register at the directors, while this node is the coordinator.
    pub fn registration(&self) -> Option<Registration> {
        self.reaching.registration(&self.context)
    }

    /// How much this node keeps.
    pub fn load(&self) -> Load {
        let (held_messages, held_bytes) = self.discussion.causal.held_load();
        let (logged_messages, logged_bytes) = self.discussion.log.load();
        Load {
            held_messages,
            held_bytes,
            logged_messages,
            logged_bytes,
            circuits: self.reaching.circuits(),
        }
    }

    fn expire(&mut self) {
        let now = self.context.now;
        if self.heartbeat_due <= now {
            self.heartbeat_due = now + HEARTBEAT;
            self.beat();
        }
        self.expire_doubt();
        self.expire_reader();
        self.expire_joining();
        self.tell_of_candidates();
        self.expire_detours();
        self.checking.expire(&mut self.context);
        self.reaching.expire(&mut self.context);
        self.expire_ring();
        let repair = &self.history.repair;
        self.discussion
            .expire_waits(now, |author| repair.is_wanted(author));
        self.expire_receipts();
        self.relay.outbox.expire(now);
        self.relay.expire_acks(&mut self.context);
        self.seal_what_waits();
        self.expire_repair();
        self.expire_suspicion();
        self.expire_election();
        self.expire_meeting();
        self.expire_naming();
        self.admit_newcomers();
        self.expire_leaving();
    }

    fn written(&mut self, link: LinkId, bytes: usize) {
        if self.context.links.written(link, bytes).is_some() {
            self.seal_what_waits();
        }
    }
}

#[cfg(test)]
mod test_support {
    use super::*;
    use crate::context::test_support::config;
    use crate::signing::test_support::Nobody;

    /// A node that has just started.
    pub(super) fn node() -> Node {
        Node::new(
            config(),
            Box::new(Nobody),
            Box::new(Nobody),
            Time::default(),
        )
    }
}

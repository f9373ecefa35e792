//! The composition: one node, made of its concerns.
//!
//! A concern has its own state and gets the context with each call. It returns what it cannot do itself, and the node
//! does that. Here are the parts of a node, its inputs and outputs, and its timers. Not here: decisions within one
//! concern (`concerns`).

mod absence;
mod allowance;
mod bundles;
mod catching_up;
mod departure;
mod entrances;
mod entry;
mod frames;
mod judgement;
mod merging;
mod peers;
mod reader;
mod recovery;
mod relaying;
mod relocation;
mod resuming;
mod rooms;
#[cfg(feature = "simulation")]
mod simulation;
mod speaking;
mod takeover;
mod timers;
mod views;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use ringtalk_wire::{FrameClass, MessageId, NodeId, RingId, VectorClock};

use crate::concerns::Concern;
use crate::concerns::discussion::Discussion;
use crate::concerns::entrances::Entrances;
use crate::concerns::entry::Entry;
use crate::concerns::forks::Forks;
use crate::concerns::history::History;
use crate::concerns::leaving::Leaving;
use crate::concerns::meeting::Meeting;
use crate::concerns::membership::Membership;
use crate::concerns::naming::Naming;
use crate::concerns::observation::Observers;
use crate::concerns::reachability::Reachability;
use crate::concerns::reaching::Reaching;
use crate::concerns::relay::Relay;
use crate::concerns::ring::Ring;
use crate::concerns::succession::Succession;
use crate::concerns::suspicion::Suspicion;
use crate::concerns::unlisted::Unlisted;
use crate::context::Context;
use crate::machines::absence::Absence;
use crate::machines::links::LinkUp;
use crate::machines::outbox::Draft;
#[cfg(feature = "planted-bugs")]
use crate::planted::{Planted, PlantedBug};
use crate::{Config, Input, LinkId, Load, Output, Signer, Time, Verifier, View};

pub use crate::concerns::reaching::Registration;
pub(crate) use allowance::{Droppable, RingAllowance};
pub(crate) use resuming::SpokenWords;
use timers::Timeout;

/// One node of the ring.
#[derive(Debug)]
pub struct Node {
    context: Context,
    heartbeat_due: Time,
    timeout: Timeout,

    /// How this node joins, and how it admits newcomers.
    entry: Entry,
    /// Boxed, because it holds all names of a view and a `Node` is moved as a whole.
    naming: Box<Naming>,
    membership: Membership,
    unlisted: Unlisted,
    observers: Observers,

    /// The ring, and peers out of reach.
    ring: Ring,
    reaching: Reaching,
    reachability: Reachability,
    entrances: Entrances,

    /// The messages.
    discussion: Discussion,
    relay: Relay,
    history: History,
    forks: Forks,

    /// Deaths, elections and merges.
    suspicion: Suspicion,
    succession: Succession,
    meeting: Meeting,
    leaving: Option<Leaving>,
    absence: Absence,
    /// The last message of an earlier node of this process in the same ring; 0 if there was none.
    spoken_before: u64,
}

impl Node {
    /// Returns a node that has just started; it asks for the director at once. The id in `config` must follow from
    /// the signer's key.
    pub fn new(
        config: Config,
        signer: Arc<dyn Signer>,
        verifier: Arc<dyn Verifier>,
        now: Time,
    ) -> Self {
        debug_assert_eq!(
            config.id,
            NodeId::of(&signer.public_key()),
            "the id is the key's"
        );
        let heartbeat_due = now + config.tempo.heartbeat;
        let mut discussion = Discussion::new(config.retention);
        discussion.causal.admit(config.id);
        Self {
            context: Context::new(config, signer, verifier, now),
            heartbeat_due,
            timeout: Timeout::default(),
            entry: Entry::default(),
            naming: Box::default(),
            membership: Membership::default(),
            unlisted: Unlisted::default(),
            observers: Observers::default(),
            ring: Ring::default(),
            reaching: Reaching::default(),
            reachability: Reachability::default(),
            entrances: Entrances::default(),
            discussion,
            relay: Relay::default(),
            history: History::default(),
            forks: Forks::default(),
            suspicion: Suspicion::default(),
            succession: Succession::default(),
            meeting: Meeting::default(),
            leaving: None,
            absence: Absence::default(),
            spoken_before: 0,
        }
    }

    /// Returns the concerns that remember peers.
    fn concerns(&mut self) -> [&mut dyn Concern; 8] {
        [
            &mut self.ring,
            &mut self.membership,
            &mut self.history,
            &mut self.unlisted,
            &mut self.entry,
            &mut *self.naming,
            &mut self.relay,
            &mut self.forks,
        ]
    }

    /// Makes this node make a mistake from now on.
    #[cfg(feature = "planted-bugs")]
    pub const fn plant(&mut self, bug: PlantedBug) {
        self.context.planted = Planted::with(bug);
        self.discussion.causal.plant(self.context.planted);
        self.discussion.log.plant(self.context.planted);
        self.history.repair.plant(self.context.planted);
        self.context.detector.plant(self.context.planted);
        self.relay.acks.plant(self.context.planted);
        self.relay.coverage.plant(self.context.planted);
        self.context.signatures.plant(self.context.planted);
    }

    /// Handles one input.
    pub fn handle(&mut self, now: Time, input: Input) {
        self.notice_sleep(now);
        self.context.now = now;
        match input {
            Input::Timer => timers::run_due(self),
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
                #[cfg(feature = "planted-bugs")]
                if self.context.planted.has(PlantedBug::DeliverAgain) {
                    self.tell_last_again();
                }
            }
            Input::LinkDown { link } => self.link_down(link),
            Input::DialFailed { peer, refused } => self.dial_failed(peer, &refused),
            Input::CircuitOver { number } => self.reaching.circuit_over(number),
            Input::Checked { peer, at } => {
                Reachability::report_check(&mut self.context, peer, at);
            }
            Input::AskEntrances => self.ask_entrances(),
            Input::Frame { link, frame } => self.frame(link, frame),
            Input::Part { link, taking } => self.frame_part(link, taking),
            Input::Written { link, class, bytes } => self.written(link, (class, bytes)),
            Input::Read { unread } => self.read(unread),
            Input::Say(draft) => self.say(draft),
            Input::Rename { name } => self.rename(name),
            Input::Moved { addresses, network } => self.relocate(addresses, network),
            Input::Leave => self.leave(),
            Input::Found => self.found_discussion(),
            Input::Contact {
                coordinator,
                doors,
                candidates,
            } => {
                self.reaching.set_doors(doors);
                self.entry
                    .candidates
                    .set(&self.context.config.id, &coordinator, candidates);
                self.join_via(&coordinator);
            }
            Input::Expected {
                newcomer,
                addresses,
                director,
            } => self
                .reaching
                .expect_newcomer(&self.context, newcomer, addresses, director),
            Input::Foreign(contact) => self.meet(&contact),
        }
        for peer in self.context.links.take_closed_here() {
            self.handle_lost_peer(&peer);
        }
        self.take_listed_frames();
        self.forward_parked();
        self.deliver_ready();
        self.become_ready_if_complete();
        self.tell_progress();
        self.expire_leaving();
        self.timeout.invalidate();
        self.check();
    }

    /// Checks what must hold between two inputs: values that several parts keep must agree.
    fn check(&self) {
        let context = &self.context;
        let me = &context.config.id;
        debug_assert!(
            context
                .view_as_member()
                .is_none_or(|view| view.contains(me)),
            "a node with a place is in its view"
        );
        debug_assert_eq!(context.is_pledged, self.meeting.is_pledged());
        debug_assert_eq!(context.is_leaving(), self.leaving.is_some());
        debug_assert!(
            !context.joining.is_ready() || self.discussion.has_started(),
            "nothing is shown before the clock starts"
        );
        debug_assert!(
            !context.has_authority() || self.succession.election.deadline().is_none(),
            "a coordinator stands for no office"
        );
        debug_assert!(
            self.ring.neighbours().is_none() || context.view.is_some(),
            "neighbours are members"
        );
    }

    /// Returns the next output. Call it until it returns `None`, after each input or batch of inputs.
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.context.out.is_empty() && self.relay.send_confirmations(&mut self.context) {
            self.timeout.invalidate();
        }
        self.context.out.pop_front()
    }

    /// Returns when `Input::Timer` is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timeout.get(|| timers::next(self))
    }

    /// Returns this node's id.
    pub const fn id(&self) -> NodeId {
        self.context.config.id
    }

    /// Returns the ring that this node is of.
    pub const fn ring(&self) -> RingId {
        self.context.config.ring
    }

    /// Returns true once this node is a member and has fetched the history.
    pub fn is_ready(&self) -> bool {
        self.context.joining.is_ready()
    }

    /// Returns true while the user may send a message: this node is a member, and its window is open.
    pub fn accepts_input(&self) -> bool {
        self.accepts_beside(&Draft::default())
    }

    /// Returns true while the user may send one more message with the same draft.
    pub fn accepts_beside(&self, draft: &Draft) -> bool {
        self.context.joining.is_inside()
            && !self.context.is_leaving()
            && self.relay.outbox.has_room(draft)
    }

    /// Returns true if this node is a member of the ring.
    pub const fn is_member(&self) -> bool {
        !self.context.joining.is_outside()
    }

    /// Returns how many messages of this node no other member has taken yet.
    pub fn untaken(&self) -> u64 {
        self.relay.outbox.untaken_count()
    }

    /// Returns the view in force.
    pub const fn view(&self) -> Option<&Arc<View>> {
        self.context.view.as_ref()
    }

    /// Returns predecessor and successor; `None` if the node is alone.
    pub const fn neighbours(&self) -> Option<(NodeId, NodeId)> {
        self.ring.neighbours()
    }

    /// Returns true if the link to a peer is up, and another node or a director carries it.
    pub fn has_carried_link(&self, peer: &NodeId) -> bool {
        self.context.links.is_up(peer) && !self.context.links.is_direct(peer)
    }

    /// Returns the clock of the delivered messages.
    pub const fn clock(&self) -> &VectorClock {
        self.discussion.clock()
    }

    /// Returns the ids of all kept messages, by (Lamport time, author, seq).
    pub fn transcript(&self) -> Vec<MessageId> {
        self.discussion.transcript()
    }

    /// Returns what to tell newcomers that ask this node how to join; `None` while it follows no coordinator, or
    /// suspects it. It is made once for each view.
    pub fn directions(&self) -> Option<&Arc<Registration>> {
        self.reaching.directions(&self.context)
    }

    /// Returns what to register at the directors while this node is the coordinator. It is made once for each view.
    pub fn registration(&self) -> Option<&Arc<Registration>> {
        self.reaching.registration(&self.context)
    }

    /// Returns how much this node keeps.
    pub fn load(&self) -> Load {
        let (held_messages, held_bytes) = self.discussion.causal.held_load();
        let (logged_messages, logged_bytes) = self.discussion.log.load();
        Load {
            held_messages,
            held_bytes,
            parked_bytes: self.relay.parking.bytes(),
            unlisted_bytes: self.unlisted.bytes(),
            logged_messages,
            logged_bytes,
            circuits: self.reaching.circuits(),
        }
    }

    fn written(&mut self, link: LinkId, bytes: (FrameClass, usize)) {
        let now = self.context.now;
        if self.context.links.written(now, link, bytes).is_some() {
            self.flush_outbox();
        }
    }
}

#[cfg(test)]
mod test_support {
    use super::*;
    use crate::context::test_support::config;
    use crate::signing::test_support::FakeSigner;

    /// Returns a node that has just started.
    pub(super) fn node() -> Node {
        Node::new(
            config(),
            Arc::new(FakeSigner),
            Arc::new(FakeSigner),
            Time::default(),
        )
    }
}

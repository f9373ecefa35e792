//! The composition: one node, made of its machines.
//!
//! Here are the parts, the way in and the way out, and the timers; each file below this folder
//! has one of the node's concerns. Not here: any machine's own decisions.

mod abbreviation;
mod authors;
mod catching_up;
mod checking;
mod children;
mod confirmation;
mod cuts;
mod departure;
mod doors;
mod entry;
mod forks;
mod frames;
mod helping;
mod history;
mod meeting;
mod membership;
mod messages;
mod misread;
mod naming;
mod observation;
mod reaching;
mod reading;
mod relay;
mod ring;
mod shares;
#[cfg(feature = "simulation")]
mod simulation;
mod standing;
mod succession;
mod suspicion;
mod unlisted;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::{MessageId, NodeId, Sealed, VectorClock, item_to_sign};

use crate::acks::Acks;
use crate::candidates::Candidates;
use crate::causal::Causal;
use crate::circuits::Circuits;
use crate::config::HEARTBEAT;
use crate::detector::Detector;
use crate::election::Election;
use crate::fingers::Fingers;
use crate::joining::Joining;
use crate::links::{LinkUp, Links};
use crate::log::Log;
use crate::lost::Lost;
use crate::newcomers::Newcomers;
use crate::outbox::{Draft, Outbox};
use crate::parking::Parking;
use crate::planted::{Planted, PlantedBug};
use crate::repair::Repair;
use crate::search::Searches;
use crate::signing::Seals;
use crate::spread::Spreading;
use crate::trial::Trials;
use crate::{
    Config, Event, Input, JoiningStage, LinkId, Load, Output, Signer, Time, Trouble, Verifier, View,
};

/// How soon the user is told again of what may come again and again.
const WARN_AGAIN: Duration = Duration::from_secs(10);

pub use doors::Registration;

/// One node of the ring.
#[derive(Debug)]
pub struct Node {
    config: Config,
    seals: Seals,
    out: VecDeque<Output>,
    /// When the last input was handled.
    handled: Time,
    heartbeat_due: Time,

    links: Links,
    circuits: Circuits,
    doors: doors::Doors,
    checking: checking::Checking,
    joining: Joining,
    candidates: Candidates,
    view: Option<Arc<View>>,
    ring: ring::Ring,
    fingers: Fingers,
    pages: membership::Pages,
    steps: catching_up::Steps,
    /// Views on their way round the ring, by their coordinators.
    announced: membership::Pages,
    lost: Lost,
    newcomers: Newcomers,
    /// In a box, since a whole view is in it: a node is moved as one.
    naming: Box<naming::Naming>,

    observers: observation::Observers,
    unlisted: unlisted::Unlisted,
    authors: authors::Authors,
    causal: Causal,
    log: Log,
    outbox: Outbox,
    spreading: Spreading,
    parking: Parking,
    acks: Acks,
    confirmations: confirmation::Confirmations,
    reading: reading::Reading,
    announcements: relay::Announcements,
    repair: Repair,
    searches: Searches,
    forks: forks::Forks,
    /// True once the clock has its start: nothing is delivered before.
    started: bool,
    /// True once the node was inside with everything: `ready` is said once.
    ready: bool,
    /// Members that asked for the discussion so far, and must wait.
    fetchers: BTreeSet<NodeId>,
    cuts: cuts::Cuts,
    /// Authors of whom a pull has brought something that the other neighbour may lack too.
    recovered: BTreeSet<NodeId>,

    detector: Detector,
    trials: Trials,
    /// Members that were found dead, and are in the view still.
    dead: BTreeSet<NodeId>,
    /// When a view was published last that lists some of them no more.
    evicted: Time,
    election: Election,
    standing: standing::Standing,
    /// This node slept, and believes nothing that it knew before.
    doubt: Option<suspicion::Doubt>,
    meeting: meeting::Meeting,
    leaving: Option<departure::Leaving>,
    /// When the user was told of what may come again and again.
    warned: BTreeMap<Trouble, Time>,
    planted: Planted,
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
        let mut causal = Causal::default();
        causal.admit(config.id);
        Self {
            links: Links::new(config.id),
            circuits: Circuits::default(),
            doors: doors::Doors::default(),
            checking: checking::Checking::default(),
            joining: Joining::new(),
            candidates: Candidates::default(),
            view: None,
            ring: ring::Ring::default(),
            fingers: Fingers::default(),
            pages: membership::Pages::default(),
            steps: catching_up::Steps::default(),
            announced: membership::Pages::default(),
            lost: Lost::default(),
            newcomers: Newcomers::default(),
            naming: Box::default(),
            observers: observation::Observers::default(),
            unlisted: unlisted::Unlisted::default(),
            authors: authors::Authors::default(),
            causal,
            log: Log::new(config.history),
            outbox: Outbox::default(),
            spreading: Spreading::default(),
            parking: Parking::default(),
            acks: Acks::default(),
            confirmations: confirmation::Confirmations::default(),
            reading: reading::Reading::default(),
            announcements: relay::Announcements::default(),
            repair: Repair::default(),
            searches: Searches::default(),
            forks: forks::Forks::default(),
            started: false,
            ready: false,
            fetchers: BTreeSet::new(),
            cuts: cuts::Cuts::default(),
            recovered: BTreeSet::new(),
            detector: Detector::default(),
            trials: Trials::default(),
            dead: BTreeSet::new(),
            evicted: Time::default(),
            election: Election::default(),
            standing: standing::Standing::default(),
            doubt: None,
            meeting: meeting::Meeting::default(),
            leaving: None,
            warned: BTreeMap::new(),
            planted: Planted::default(),
            out: VecDeque::from([
                Output::AskDirector,
                Output::Event(Event::Joining(JoiningStage::AskingDirector)),
            ]),
            handled: now,
            heartbeat_due: now + HEARTBEAT,
            config,
            seals: Seals { signer, verifier },
        }
    }

    /// This node makes a mistake from now on.
    #[cfg(feature = "planted-bugs")]
    pub const fn plant(&mut self, bug: PlantedBug) {
        self.planted = Planted::with(bug);
        self.causal.plant(self.planted);
        self.log.plant(self.planted);
        self.repair.plant(self.planted);
        self.detector.plant(self.planted);
        self.acks.plant(self.planted);
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Time, input: Input) {
        self.notice_sleep(now);
        self.handled = now;
        match input {
            Input::Timer => self.expire(now),
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
                self.link_up(now, up);
                if self.planted.has(PlantedBug::DeliverAgain) {
                    self.tell_last_again();
                }
            }
            Input::LinkDown { link } => self.link_down(now, link),
            Input::DialFailed { peer, refused } => self.dial_failed(now, peer, &refused),
            Input::CircuitOver { number } => self.circuits.close(number),
            Input::Checked { peer, reached } => self.tell_checked(now, peer, reached),
            Input::Frame { link, frame } => self.frame(now, link, frame),
            Input::Written { link, bytes } => self.written(now, link, bytes),
            Input::Read { unread } => self.read(now, unread),
            Input::Say(draft) => self.say(now, draft),
            Input::Rename { name } => self.rename(now, name),
            Input::Leave => self.leave(now),
            Input::Found => self.found(now),
            Input::Contact {
                coordinator,
                doors,
                candidates,
            } => {
                self.doors.show(doors);
                self.candidates
                    .show(&self.config.id, &coordinator, candidates);
                self.knock(now, &coordinator);
            }
            Input::Expected {
                newcomer,
                addresses,
                director,
            } => self.expect(now, newcomer, addresses, director),
            Input::Foreign(contact) => self.meet(now, &contact),
        }
        for peer in self.links.take_given_up() {
            self.peer_lost(now, &peer);
        }
        self.take_held(now);
        self.carry_parked(now);
        self.deliver_ready(now);
        self.arrive_if_complete(now);
        self.tell_progress();
        self.expire_leaving(now);
    }

    /// The next thing to do; ask until there is none, after each input or batch of inputs.
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.out.is_empty() {
            self.send_confirmations();
        }
        self.out.pop_front()
    }

    /// When `Input::Timer` is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        [
            Some(self.heartbeat_due),
            self.joining.deadline(),
            self.candidates
                .deadline()
                .filter(|_| !self.joining.is_outside()),
            self.links.deadline(),
            self.checking.deadline(),
            self.doors.deadline(),
            self.ring.deadline(),
            self.spreading.deadline(),
            self.unlisted.deadline(),
            self.goes_without(),
            // What is due already leaves before anybody waits.
            self.confirmations
                .deadline()
                .filter(|&due| due > self.handled),
            self.acks.deadline(),
            self.repair.deadline().filter(|_| !self.reading.is_behind()),
            self.reading.deadline(),
            self.outbox.deadline(),
            self.searches.deadline(),
            self.detector.deadline(),
            self.trials.deadline(),
            self.election.deadline(),
            self.doubt.as_ref().map(suspicion::Doubt::deadline),
            self.leaving.as_ref().and_then(departure::Leaving::deadline),
            self.meeting.deadline(),
            self.newcomers.deadline(|peer| self.naming.waits(peer)),
            self.naming.heirs_deadline(),
            self.naming
                .renames_deadline()
                .filter(|_| self.has_authority()),
            self.eviction_due().filter(|_| self.has_authority()),
            self.lost.deadline().filter(|_| self.has_authority()),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// This node's id.
    pub const fn id(&self) -> NodeId {
        self.config.id
    }

    /// True while the user may say something: in the ring, and the window is open.
    pub fn accepts_input(&self) -> bool {
        self.accepts_beside(&Draft::default())
    }

    /// True while the user may say one thing more, in the same breath as a draft.
    pub fn accepts_beside(&self, draft: &Draft) -> bool {
        self.joining.is_inside() && self.leaving.is_none() && self.outbox.has_room(draft)
    }

    /// Returns true if this node has a place in the ring.
    pub const fn has_place(&self) -> bool {
        !self.joining.is_outside()
    }

    /// The view in force.
    pub const fn view(&self) -> Option<&Arc<View>> {
        self.view.as_ref()
    }

    /// Predecessor and successor; none where the node is alone.
    pub const fn neighbours(&self) -> Option<(NodeId, NodeId)> {
        self.ring.neighbours()
    }

    /// The clock of what was delivered.
    pub const fn clock(&self) -> &VectorClock {
        self.causal.clock()
    }

    /// The ids of all messages kept, by (Lamport time, author, seq).
    pub fn transcript(&self) -> Vec<MessageId> {
        self.log.transcript()
    }

    /// How much this node keeps.
    pub fn load(&self) -> Load {
        let (held_messages, held_bytes) = self.causal.held_load();
        let (logged_messages, logged_bytes) = self.log.load();
        Load {
            held_messages,
            held_bytes,
            logged_messages,
            logged_bytes,
            circuits: self.circuits.len(),
        }
    }

    fn expire(&mut self, now: Time) {
        if self.heartbeat_due <= now {
            self.heartbeat_due = now + HEARTBEAT;
            self.beat(now);
        }
        self.expire_doubt(now);
        self.expire_reader(now);
        self.expire_joining(now);
        self.tell_of_candidates(now);
        self.expire_detours(now);
        self.expire_checking(now);
        self.expire_expected(now);
        self.expire_ring(now);
        self.expire_waits(now);
        self.expire_receipts(now);
        self.outbox.expire(now);
        self.expire_acks(now);
        self.expire_repair(now);
        self.expire_suspicion(now);
        self.expire_election(now);
        self.expire_meeting(now);
        self.expire_naming(now);
        self.admit_newcomers(now);
        self.expire_leaving(now);
    }

    fn written(&mut self, now: Time, link: LinkId, bytes: usize) {
        if self.links.written(link, bytes).is_some() {
            self.seal_what_waits(now);
        }
    }

    fn emit(&mut self, event: Event) {
        self.reading.note();
        self.out.push_back(Output::Event(event));
    }

    fn error(&mut self, trouble: Trouble, message: String) {
        self.emit(Event::Error { trouble, message });
    }

    /// An error that may come again and again: the user is told of each kind once in a while.
    fn warn(&mut self, now: Time, trouble: Trouble, message: String) {
        let told = self
            .warned
            .get(&trouble)
            .is_some_and(|told| now - *told < WARN_AGAIN);
        if !told {
            self.warned.insert(trouble, now);
            self.error(trouble, message);
        }
    }

    fn seal_item<T: serde::Serialize>(&self, item: &T) -> Sealed {
        let raw = ringtalk_wire::encode_item(item);
        let seal = self.seals.seal(&item_to_sign(&raw));
        Sealed { raw, seal }
    }
}

#[cfg(test)]
mod test_support {
    use ringtalk_wire::{Addresses, NetworkId};

    use super::*;
    use crate::signing::test_support::Nobody;

    /// A node that has just started.
    pub(super) fn node() -> Node {
        let config = Config {
            id: NodeId::of(&Nobody.public_key()),
            name: String::from("ann"),
            addresses: Addresses::default(),
            network: NetworkId::default(),
            history: 0,
            fingers: true,
        };
        Node::new(config, Box::new(Nobody), Box::new(Nobody), Time::default())
    }
}

//! The context in which every concern acts: the time, the view in force, the links, and the way out.
//!
//! A concern receives it with each call, so it needs no other concern to look at the ring or to send a frame. Not
//! here: a concern's own state (`concerns`), decisions about what to do next (`node`).

mod dialling;
mod misread;
mod openings;
mod people;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use ringtalk_wire::{Contact, Epoch, Frame, NodeId, RingKey, Sealed, ViewTag};

use crate::machines::detector::Detector;
use crate::machines::joining::Joining;
use crate::machines::links::Links;
use crate::machines::lost_members::LostMembers;
use crate::machines::reader_lag::ReaderLag;
use crate::machines::self_doubt::SelfDoubt;
use crate::planted::{Planted, PlantedBug};
use crate::signing::Signatures;
use crate::{Config, ErrorKind, Event, JoiningStage, Output, Signer, Time, Verifier, View};
use people::People;
pub(crate) use people::UNNAMED_SHARE;

/// The minimum pause between two warnings of the same kind.
const WARN_AGAIN: Duration = Duration::from_secs(10);

/// How far this node has got in leaving.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum LeaveStage {
    /// It stays.
    #[default]
    Staying,
    /// It is still handing its messages to others.
    HandingOff,
    /// It has announced that it leaves, and decides nothing any more.
    Announced,
}

/// The state and tools that all concerns share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) signatures: Signatures,
    pub(crate) planted: Planted,
    /// When the current input arrived, or the last one.
    pub(crate) now: Time,
    /// The view in force.
    pub(crate) view: Option<Arc<View>>,
    pub(crate) links: Links,
    /// Peers with which this process shares a room, or wants to: the lobby keeps its links to them.
    pub(crate) room_peers: BTreeSet<NodeId>,
    /// Former members that may only be unreachable, with their addresses.
    pub(crate) lost_members: LostMembers,
    pub(crate) detector: Detector,
    pub(crate) people: People,
    /// This node's progress in joining the ring.
    pub(crate) joining: Joining,
    /// Set after this node slept: until it ends, the node trusts nothing that it knew before.
    pub(crate) self_doubt: Option<SelfDoubt>,
    /// True while this node must not change its own view, because it has pledged its ring to another coordinator.
    pub(crate) is_pledged: bool,
    pub(crate) leave_stage: LeaveStage,
    /// The highest epoch number in force, or signed, when an earlier node of this process left the same ring. This node
    /// opens no epoch up to it: members that remember one of that number would see two under one tag.
    pub(crate) epochs_before: u64,
    /// How far the reader of the events is behind.
    pub(crate) reader_lag: ReaderLag,
    /// Outputs for the driver, in order.
    pub(crate) out: VecDeque<Output>,
    /// When the user was last warned of each kind of error.
    warned: BTreeMap<ErrorKind, Time>,
}

impl Context {
    /// Returns the short hash of the view that this node follows, 0 without one.
    pub(crate) fn short_view(&self) -> u32 {
        self.view.as_ref().map_or(0, |view| view.tag().hash.short())
    }

    /// Returns the context of a node that has just started; its first output asks for the director.
    pub(crate) fn new(
        config: Config,
        signer: Arc<dyn Signer>,
        verifier: Arc<dyn Verifier>,
        now: Time,
    ) -> Self {
        Self {
            links: Links::new(config.id),
            room_peers: BTreeSet::new(),
            detector: Detector::new(config.tempo),
            signatures: Signatures {
                ring: config.ring,
                signer,
                verifier,
            },
            config,
            planted: Planted::default(),
            now,
            view: None,
            lost_members: LostMembers::default(),
            people: People::default(),
            joining: Joining::new(),
            self_doubt: None,
            is_pledged: false,
            leave_stage: LeaveStage::Staying,
            epochs_before: 0,
            reader_lag: ReaderLag::default(),
            out: VecDeque::from([
                Output::AskDirector,
                Output::Event(Event::Joining(JoiningStage::AskingDirector)),
            ]),
            warned: BTreeMap::new(),
        }
    }

    /// Queues an event for the user.
    pub(crate) fn emit(&mut self, event: Event) {
        self.reader_lag.count_event();
        self.out.push_back(Output::Event(event));
    }

    /// Tells the user that something is wrong.
    pub(crate) fn error(&mut self, kind: ErrorKind, message: String) {
        self.emit(Event::Error { kind, message });
    }

    /// Reports an error that may recur: at most once in `WARN_AGAIN` for each kind.
    pub(crate) fn warn(&mut self, kind: ErrorKind, message: String) {
        let last = self.warned.get(&kind);
        if last.is_none_or(|last| self.now - *last >= WARN_AGAIN) {
            self.warned.insert(kind, self.now);
            self.error(kind, message);
        }
    }

    /// Returns the view in force if this node is a member.
    pub(crate) fn view_as_member(&self) -> Option<&Arc<View>> {
        self.view.as_ref().filter(|_| !self.joining.is_outside())
    }

    /// Returns true if the view in force lists this id.
    pub(crate) fn is_member(&self, id: &NodeId) -> bool {
        self.view.as_ref().is_some_and(|view| view.contains(id))
    }

    /// Returns true if this node is the coordinator by the view in force.
    pub(crate) fn is_coordinator(&self) -> bool {
        let view = self.view.as_ref();
        view.is_some_and(|view| view.coordinator() == self.config.id)
    }

    /// Returns true if this node may act as the coordinator.
    pub(crate) fn has_authority(&self) -> bool {
        let is_steady = self.self_doubt.is_none()
            && !self.is_pledged
            && self.leave_stage != LeaveStage::Announced;
        self.is_coordinator() && is_steady && !self.joining.is_outside()
    }

    /// Returns true if this node is leaving, because the user asked for it.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leave_stage != LeaveStage::Staying
    }

    /// Returns the coordinator's contact, by the view in force.
    pub(crate) fn coordinator_contact(&self) -> Option<Contact> {
        let view = self.view.as_ref()?;
        let coordinator = view.member(&view.coordinator())?;
        Some(Contact {
            id: coordinator.id,
            addresses: coordinator.addresses.clone(),
            epoch: view.tag().epoch,
        })
    }

    /// Returns this node's ring key.
    pub(crate) fn own_key(&self) -> Option<RingKey> {
        let me = self.view.as_ref()?.member(&self.config.id)?;
        Some(me.key)
    }

    /// Returns the layout number of the view in force.
    pub(crate) fn layout(&self) -> Option<u64> {
        Some(self.view.as_ref()?.layout())
    }

    /// Encodes and signs an item.
    pub(crate) fn sign_item<T: serde::Serialize>(&self, item: &T) -> Sealed {
        let raw = ringtalk_wire::encode_item(item);
        let seal = self.signatures.sign_item(&raw);
        Sealed { raw, seal }
    }

    /// Asks a peer for the view that it follows.
    pub(crate) fn pull_view(&mut self, peer: &NodeId) {
        let mine = self.view.as_ref().map(|view| view.tag());
        self.send(peer, &Frame::PullView(mine));
    }

    /// Returns true if an epoch has the number of this node's epoch and another coordinator: that is another ring.
    pub(crate) fn is_rival(&self, epoch: &Epoch) -> bool {
        self.view.as_ref().is_some_and(|view| {
            let mine = view.tag().epoch;
            mine.number == epoch.number && mine.coordinator != epoch.coordinator
        })
    }

    /// Returns true if view `theirs` comes after view `mine`.
    pub(crate) fn is_higher(&self, theirs: &ViewTag, mine: &ViewTag) -> bool {
        let stale = self.planted.has(PlantedBug::TakeStaleView) && theirs != mine;
        if self.planted.has(PlantedBug::SkipEpochCheck) {
            return theirs.number > mine.number;
        }
        stale || (theirs.epoch, theirs.number) > (mine.epoch, mine.number)
    }
}

#[cfg(test)]
pub(crate) mod test_support {
    use ringtalk_wire::{Addresses, NetworkId};

    use super::*;
    use crate::config::{Retention, RingKind, Tempo};
    use crate::signing::test_support::{FakeSigner, RING};

    /// Returns the context of a node that has just started.
    pub(crate) fn context() -> Context {
        Context::new(
            config(),
            Arc::new(FakeSigner),
            Arc::new(FakeSigner),
            Time::default(),
        )
    }

    /// Returns the configuration of that node.
    pub(crate) fn config() -> Config {
        Config {
            id: NodeId::of(&FakeSigner.public_key()),
            ring: RING,
            kind: RingKind::Lobby,
            name: String::from("ann"),
            addresses: Addresses::default(),
            network: NetworkId::default(),
            retention: Retention::of(0),
            tempo: Tempo::default(),
            fingers: true,
        }
    }
}

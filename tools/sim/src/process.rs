//! One process: a node and its surroundings, as the real driver keeps them.
//!
//! Not here: when an input reaches it (`world`), and on which path (`network`).

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use ringtalk_proto::{Config, ErrorKind, Host, Input, LinkId, Node, Signer, Time, Verifier};
use ringtalk_wire::{Addresses, NodeId, Probe, RingId};

use crate::event_queue::EventId;
use crate::keys::LOBBY;
use crate::network::{Health, HostIndex};
use crate::world::reader::Reader;

/// An input, with the link and the bytes that reading it frees in the kernel.
#[derive(Debug)]
pub(crate) struct PendingInput {
    pub(crate) input: Input,
    pub(crate) read: Option<(LinkId, usize)>,
}

impl From<Input> for PendingInput {
    fn from(input: Input) -> Self {
        Self { input, read: None }
    }
}

/// How far a process has left the ring.
#[derive(Debug, Default)]
pub(crate) struct DepartureState {
    /// When it began to leave.
    pub(crate) since: Option<Time>,
    /// Its last message that another node must have, once it has left.
    pub(crate) handed_over: u64,
    /// The members that ran and were in its view when it had left: they have its last messages.
    pub(crate) heirs: Vec<HostIndex>,
    /// How many messages it has handed to nobody when it left its room.
    pub(crate) untaken: u64,
}

/// One process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) host: Host,
    /// The ring in which its user talks.
    pub(crate) ring: RingId,
    /// The rooms that its user is in, is joining or is leaving.
    pub(crate) inside: BTreeSet<RingId>,
    /// The node of that ring while the process is not in it.
    outside: Node,
    pub(crate) address: String,
    /// All its addresses; `address` is the internal one.
    pub(crate) addresses: Addresses,
    /// The signer of its lies, if a scenario makes it lie.
    pub(crate) forging_signer: Arc<dyn Signer>,
    /// The kinds of the errors that its user was shown.
    pub(crate) errors: BTreeSet<ErrorKind>,
    /// The last probe that it received: the suspect it was asked about.
    pub(crate) probe: Option<Probe>,
    pub(crate) health: Health,
    /// The reader of what it delivers, if that is a slow one.
    pub(crate) reader: Option<Reader>,
    pub(crate) inbox: VecDeque<PendingInput>,
    /// The queued timer, and the time that the node asked for.
    pub(crate) timer: Option<(EventId, Time)>,
    /// Whether a timer came due while the process was paused.
    pub(crate) overdue: bool,
    pub(crate) asking: bool,
    /// When its node became ready.
    pub(crate) ready: Option<Time>,
    pub(crate) started: Time,
    pub(crate) departure: DepartureState,
    /// How often it was paused; if ever, it has no deadline for leaving.
    pub(crate) pauses: u32,
    pub(crate) registered: bool,
    /// How often it was told that two rings merged.
    pub(crate) merges: u32,
    /// A second of virtual time, and how many timers fired in it.
    pub(crate) timers: (u64, u32),
}

impl Process {
    pub(crate) fn new(
        config: Config,
        ring: RingId,
        (signer, verifier): (Arc<dyn Signer>, Arc<dyn Verifier>),
        forging_signer: Arc<dyn Signer>,
        now: Time,
    ) -> Self {
        let of_ring = Config {
            ring,
            ..config.clone()
        };
        let (signers, verifiers) = (Arc::clone(&signer), Arc::clone(&verifier));
        Self {
            ring,
            inside: BTreeSet::new(),
            outside: Node::new(of_ring, signers, verifiers, now),
            address: config.addresses.internal.clone(),
            addresses: config.addresses.clone(),
            host: Host::new(config, signer, verifier, now),
            forging_signer,
            errors: BTreeSet::new(),
            probe: None,
            health: Health::Running,
            reader: None,
            inbox: VecDeque::new(),
            timer: None,
            overdue: false,
            asking: false,
            ready: None,
            started: now,
            departure: DepartureState::default(),
            pauses: 0,
            registered: false,
            merges: 0,
            timers: (0, 0),
        }
    }

    pub(crate) const fn id(&self) -> NodeId {
        self.host.lobby().id()
    }

    /// Returns the node of the ring in which the user talks.
    pub(crate) fn node(&self) -> &Node {
        if self.ring == LOBBY {
            self.host.lobby()
        } else {
            self.host.room(&self.ring).unwrap_or(&self.outside)
        }
    }

    /// Returns the same node, for the short cuts of a simulation.
    pub(crate) fn node_mut(&mut self) -> &mut Node {
        if self.ring == LOBBY {
            self.host.lobby_mut()
        } else {
            self.host.room_mut(&self.ring).unwrap_or(&mut self.outside)
        }
    }

    /// Returns true if the node coordinates that ring, as far as it knows.
    pub(crate) fn coordinates(&self) -> bool {
        if self.ring == LOBBY {
            self.node().registration().is_some()
        } else {
            self.coordinates_in(&self.ring)
        }
    }

    /// Returns true if the node of a room coordinates it, as far as it knows.
    pub(crate) fn coordinates_in(&self, ring: &RingId) -> bool {
        self.host.room(ring).is_some_and(|node| {
            let view = node.view();
            node.is_member() && view.is_some_and(|view| view.coordinator() == self.id())
        })
    }

    pub(crate) fn is_running(&self) -> bool {
        self.health == Health::Running
    }

    pub(crate) const fn is_alive(&self) -> bool {
        matches!(self.health, Health::Running | Health::Paused)
    }

    /// Counts a timer, and returns how many fired in this second.
    pub(crate) const fn count_timer(&mut self, now: Time) -> u32 {
        let second = now.as_micros() / 1_000_000;
        if self.timers.0 != second {
            self.timers = (second, 0);
        }
        self.timers.1 += 1;
        self.timers.1
    }
}

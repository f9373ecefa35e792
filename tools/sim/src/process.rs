//! One process: a node and what surrounds it, as the real driver would keep it.
//!
//! Not here: when anything reaches it (`world`), and by which way (`network`).

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use ringtalk_proto::{Config, Input, LinkId, Node, Signer, Time, Trouble, Verifier};
use ringtalk_wire::{Addresses, NodeId, Probe};

use crate::agenda::Slot;
use crate::network::HostIndex;
use crate::world::reading::Reader;

/// How a process is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Health {
    Running,
    /// Stopped: what comes waits.
    Paused,
    Killed,
    /// It has left, and its last message that somebody else must have.
    Left {
        due: u64,
    },
}

/// An input with what its reading frees in the kernel.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) input: Input,
    pub(crate) read: Option<(LinkId, usize)>,
}

impl From<Input> for Told {
    fn from(input: Input) -> Self {
        Self { input, read: None }
    }
}

/// One process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) node: Node,
    pub(crate) address: String,
    /// All its addresses.
    pub(crate) addresses: Addresses,
    /// What it signs lies with, where a scenario has it lie.
    pub(crate) liar: Arc<dyn Signer>,
    /// The codes of the errors that its user was told of.
    pub(crate) errors: BTreeSet<Trouble>,
    /// The last suspect that it was asked about.
    pub(crate) probe: Option<Probe>,
    pub(crate) health: Health,
    /// Who reads what it delivers, where that is done slowly.
    pub(crate) reader: Option<Reader>,
    pub(crate) inbox: VecDeque<Told>,
    /// The timer that is planned, and for when the node asked for it.
    pub(crate) timer: Option<(Slot, Time)>,
    /// True where a timer came due while the process was stopped.
    pub(crate) overdue: bool,
    pub(crate) asking: bool,
    /// When its node said that it is ready.
    pub(crate) ready: Option<Time>,
    pub(crate) started: Time,
    pub(crate) leaving: Option<Time>,
    /// Who ran and was in its view when it had left: they have its last words.
    pub(crate) heirs: Vec<HostIndex>,
    /// How often it was stopped: where it was, nothing is due of it in time.
    pub(crate) stops: u32,
    pub(crate) registered: bool,
    /// How often it was told that two rings became one.
    pub(crate) merges: u32,
    /// In this second, so many timers were handled.
    pub(crate) timers: (u64, u32),
}

impl Process {
    pub(crate) fn new(
        config: Config,
        (signer, verifier): (Arc<dyn Signer>, Arc<dyn Verifier>),
        liar: Arc<dyn Signer>,
        now: Time,
    ) -> Self {
        Self {
            address: config.addresses.internal.clone(),
            addresses: config.addresses.clone(),
            node: Node::new(config, signer, verifier, now),
            liar,
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
            leaving: None,
            heirs: Vec::new(),
            stops: 0,
            registered: false,
            merges: 0,
            timers: (0, 0),
        }
    }

    pub(crate) const fn id(&self) -> NodeId {
        self.node.id()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.health == Health::Running
    }

    pub(crate) const fn is_alive(&self) -> bool {
        matches!(self.health, Health::Running | Health::Paused)
    }

    /// Counts a timer; the answer is how many there were in this second.
    pub(crate) const fn count_timer(&mut self, now: Time) -> u32 {
        let second = now.as_micros() / 1_000_000;
        if self.timers.0 != second {
            self.timers = (second, 0);
        }
        self.timers.1 += 1;
        self.timers.1
    }
}

//! A running director: the discussions, a clock, and the calls that are held open.
//!
//! It decides nothing: it asks the registries, and if a call has to wait, it asks again when something changed or a
//! lease ran out. Not here: decisions (`registry`, `discussions`), and HTTP (`app`).

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringtalk_wire::NodeId;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use crate::api::{COORDINATOR_HOLD, Coordinator, Directions, NODE_HOLD, Newcomer, Nonce};
use crate::authorization::Authority;
use crate::changes::Changes;
use crate::discussions::{
    DiscussionRef, Discussions, NodeRequest, RegistrationError, TooManyDiscussions,
};
use crate::metrics::Metrics;
use crate::nonces::Nonces;
use crate::registry::{CallOutcome, Conflict, Counts, Decision};
use crate::rendezvous::Rendezvous;
use crate::seats::Seats;

/// How many newcomers' calls are held open at once; others are told to try again. It is three quarters of the
/// connections that a process usually may have, so that coordinators still get through.
pub(crate) const HELD_NEWCOMERS: usize = 576;
/// How many of them may come from one household: as many as it may have connections.
pub(crate) const HELD_PER_HOUSEHOLD: usize = 256;

/// A director: its state, and the calls that wait for a change. Clones share everything.
#[derive(Clone, Debug)]
pub struct Director(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    nonces: Nonces,
    discussions: Mutex<Discussions>,
    started: Instant,
    /// Wakes the held calls that may have an answer.
    changes: Changes,
    closing: watch::Sender<bool>,
    held_newcomers: Seats,
    /// The rendezvous of members that cannot reach each other, if this director carries circuits.
    rendezvous: Option<Rendezvous>,
    metrics: Arc<Metrics>,
}

/// The reason why a newcomer was told neither to join nor to found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RetryReason {
    /// A registration lapsed.
    Lapsed,
    /// No founder succeeded while the call was held.
    NoFounder,
    /// Too many calls are held already.
    TooManyHeld,
    /// Too many discussions are known already.
    TooManyDiscussions,
    /// This director is stopping.
    Closing,
}

/// The instruction to a newcomer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Instruction {
    /// Dial this coordinator, or else one of the candidates.
    Join(Directions),
    /// Found the discussion within this time.
    Found(Duration),
    /// Give up: there is no such discussion.
    Unknown,
}

impl Director {
    /// Creates a director of the open discussion and of all private ones, without any registration. For the first
    /// half second no newcomer is told to found, since a running ring may be about to register.
    ///
    /// The nonces follow from `seed`: 16 bytes from the system's random number generator, never reused for another
    /// director.
    pub fn new(seed: [u8; 16]) -> Self {
        Self::with_circuits(seed, 0)
    }

    /// Creates a director that also carries this many circuits at most, for members that cannot reach each other.
    pub fn with_circuits(seed: [u8; 16], circuits: usize) -> Self {
        Self(Arc::new(Shared {
            nonces: Nonces::new(seed),
            discussions: Mutex::default(),
            started: Instant::now(),
            changes: Changes::default(),
            closing: watch::Sender::new(false),
            held_newcomers: Seats::new(HELD_NEWCOMERS, HELD_PER_HOUSEHOLD),
            rendezvous: (circuits > 0).then(|| Rendezvous::new(circuits)),
            metrics: Arc::default(),
        }))
    }

    /// Registers a coordinator, then waits for newcomers, at most [`COORDINATOR_HOLD`].
    pub(crate) async fn register_coordinator(
        &self,
        discussion: DiscussionRef,
        caller: Coordinator,
        household: IpAddr,
    ) -> Result<Vec<Newcomer>, RegistrationError> {
        let mut changes = self.0.changes.subscribe(discussion);
        tracing::debug!(id = %caller.id, epoch = caller.epoch.number, "a coordinator registers");
        let now = self.now();
        let call = self
            .discussions()
            .register_coordinator(now, discussion, caller, household)?;
        self.0.changes.notify(discussion);
        let deadline = Instant::now() + COORDINATOR_HOLD;
        loop {
            changes.mark_unchanged();
            match self
                .discussions()
                .take_newcomers(self.now(), discussion, call)
            {
                CallOutcome::Newcomers(newcomers) => return Ok(newcomers),
                CallOutcome::Over => return Ok(Vec::new()),
                CallOutcome::Replaced(conflict) => {
                    return Err(RegistrationError::Conflict(conflict));
                }
                CallOutcome::Nobody => {}
            }
            if self.is_closing() || !wait_for_change(&mut changes, deadline).await {
                return Ok(Vec::new());
            }
        }
    }

    /// Ends a coordinator's registration.
    pub(crate) fn withdraw(&self, discussion: DiscussionRef, id: NodeId) -> Result<(), Conflict> {
        self.discussions().withdraw(self.now(), discussion, id)?;
        self.0.changes.notify(discussion);
        Ok(())
    }

    /// Tells a newcomer to join or to found, after at most [`NODE_HOLD`].
    pub(crate) async fn register_node(
        &self,
        discussion: DiscussionRef,
        request: NodeRequest<'_>,
    ) -> Result<Instruction, RetryReason> {
        let mut changes = self.0.changes.subscribe(discussion);
        let deadline = Instant::now() + NODE_HOLD;
        let mut seat = None;
        let eviction = Arc::new(Notify::new());
        loop {
            changes.mark_unchanged();
            let decision = self
                .discussions()
                .register_node(self.now(), discussion, &request)?;
            let until = match decision {
                Decision::Join(directions) => {
                    self.0.changes.notify(discussion);
                    return Ok(Instruction::Join(directions));
                }
                Decision::Found { lease } => {
                    tracing::debug!(id = %request.newcomer, "a node is told to found");
                    return Ok(Instruction::Found(lease));
                }
                Decision::Lapsed => return Err(RetryReason::Lapsed),
                Decision::Unknown => return Ok(Instruction::Unknown),
                Decision::Wait { until } => self.0.started + until,
            };
            if seat.is_none() {
                let free = self.0.held_newcomers.take(request.household, &eviction);
                seat = Some(free.ok_or(RetryReason::TooManyHeld)?);
            }
            if self.is_closing() {
                return Err(RetryReason::Closing);
            }
            if Instant::now() >= deadline {
                return Err(RetryReason::NoFounder);
            }
            tokio::select! {
                () = eviction.notified() => return Err(RetryReason::TooManyHeld),
                _ = wait_for_change(&mut changes, until.min(deadline)) => {}
            }
        }
    }

    /// Returns directions to the discussion without announcing the caller to the coordinator.
    pub(crate) fn find_directions(&self, discussion: DiscussionRef) -> Option<Directions> {
        let now = self.now();
        self.discussions().find_directions(now, discussion)
    }

    /// Returns the registered coordinator of the discussion, if any.
    pub(crate) fn coordinator(&self, discussion: DiscussionRef) -> Option<Coordinator> {
        let now = self.now();
        self.discussions().coordinator(now, discussion).cloned()
    }

    /// Returns the counts of all registries.
    pub(crate) fn counts(&self) -> Counts {
        self.discussions().counts()
    }

    /// Returns the number of private discussions that are known.
    pub(crate) fn private_count(&self) -> usize {
        self.discussions().private_count()
    }

    /// Returns the number of newcomers' calls that are held open.
    pub(crate) fn held_newcomers(&self) -> usize {
        self.0.held_newcomers.taken_count()
    }

    /// Returns where members meet that cannot reach each other, if this director carries circuits.
    pub(crate) fn rendezvous(&self) -> Option<&Rendezvous> {
        self.0.rendezvous.as_ref()
    }

    /// Returns the number of files that are for circuits.
    pub(crate) fn files_for_circuits(&self) -> usize {
        self.rendezvous().map_or(0, Rendezvous::most_ends)
    }

    /// Returns true if this director carries circuits.
    pub(crate) fn carries(&self) -> bool {
        self.0.rendezvous.is_some()
    }

    /// Returns the counts of the HTTP side.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// Answers all held calls at once, and holds no more from then on.
    pub(crate) fn close(&self) {
        self.0.closing.send_replace(true);
        self.0.changes.notify_all();
    }

    /// Returns a receiver that turns true when the director closes.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.0.closing.subscribe()
    }

    fn is_closing(&self) -> bool {
        *self.0.closing.borrow()
    }

    fn now(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// Ignores poisoning: every change of a registry is complete before anything could panic.
    fn discussions(&self) -> MutexGuard<'_, Discussions> {
        self.0
            .discussions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Authority for Director {
    fn nonce(&self) -> Nonce {
        self.0.nonces.current(self.now())
    }

    fn accepts(&self, nonce: &Nonce) -> bool {
        self.0.nonces.accepts(self.now(), nonce)
    }
}

impl From<TooManyDiscussions> for RetryReason {
    fn from(TooManyDiscussions: TooManyDiscussions) -> Self {
        Self::TooManyDiscussions
    }
}

/// Waits for a change until `deadline`. Returns true if there was one.
async fn wait_for_change(changes: &mut watch::Receiver<()>, deadline: Instant) -> bool {
    tokio::select! {
        result = changes.changed() => result.is_ok(),
        () = sleep_until(deadline) => false,
    }
}

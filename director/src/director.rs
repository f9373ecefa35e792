//! A running director: the discussions, a clock, and the calls that are held open.
//!
//! It decides nothing: it asks the registries, and if a call has to wait, it asks again when something changed or a
//! lease ran out. Not here: decisions (`registry`, `discussions`), and HTTP (`app`).

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringtalk_wire::{DiscussionId, NodeId};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use crate::api::{COORDINATOR_HOLD, Coordinator, Directions, NODE_HOLD, Newcomer, Nonce};
use crate::discussions::{Asking, Discussions, Full, Unregistered, Which};
use crate::metrics::Metrics;
use crate::news::News;
use crate::nonces::Nonces;
use crate::registry::{Conflict, Handover, Placement, Tally};
use crate::seats::Seats;

/// How many newcomers' calls are held open at once; others are told to try again. It is three quarters of the
/// connections that a process usually may have, so that coordinators still get through.
pub(crate) const HELD_NEWCOMERS: usize = 576;
/// How many of them may come from one household: as many as it may have connections.
pub(crate) const HELD_OF_HOUSEHOLD: usize = 256;

/// A director: its state, and the calls that wait for a change. Clones share everything.
#[derive(Clone, Debug)]
pub struct Director(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    nonces: Nonces,
    scope: Scope,
    discussions: Mutex<Discussions>,
    started: Instant,
    /// Wakes the held calls that may have an answer.
    news: News,
    closing: watch::Sender<bool>,
    held_newcomers: Seats,
    metrics: Metrics,
}

/// The discussions that a director serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scope {
    All,
    Only(DiscussionId),
}

/// The reason why a newcomer was told neither to join nor to found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TryLater {
    /// A registration lapsed.
    Lapsed,
    /// No founder succeeded while the call was held.
    Held,
    /// Too many calls are held already.
    Full,
    /// Too many discussions are known already.
    Crowded,
    /// This director is stopping.
    Closing,
}

/// What a newcomer should do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Way {
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
        Self::of(seed, Scope::All)
    }

    /// Creates a director of one private discussion; requests about any other get a 403.
    pub fn only(discussion: DiscussionId, seed: [u8; 16]) -> Self {
        Self::of(seed, Scope::Only(discussion))
    }

    fn of(seed: [u8; 16], scope: Scope) -> Self {
        Self(Arc::new(Shared {
            nonces: Nonces::new(seed),
            scope,
            discussions: Mutex::default(),
            started: Instant::now(),
            news: News::default(),
            closing: watch::Sender::new(false),
            held_newcomers: Seats::new(HELD_NEWCOMERS, HELD_OF_HOUSEHOLD),
            metrics: Metrics::default(),
        }))
    }

    /// Returns the nonce that requests must sign.
    pub(crate) fn nonce(&self) -> Nonce {
        self.0.nonces.current(self.now())
    }

    /// Returns true if signatures over this nonce are still accepted.
    pub(crate) fn accepts(&self, nonce: &Nonce) -> bool {
        self.0.nonces.accept(self.now(), nonce)
    }

    /// Returns true if this director serves the discussion.
    pub(crate) fn serves(&self, which: Option<&DiscussionId>) -> bool {
        match &self.0.scope {
            Scope::All => true,
            Scope::Only(discussion) => which == Some(discussion),
        }
    }

    /// Registers a coordinator, then waits for newcomers, at most [`COORDINATOR_HOLD`].
    pub(crate) async fn register_coordinator(
        &self,
        which: Which,
        caller: Coordinator,
        household: IpAddr,
    ) -> Result<Vec<Newcomer>, Unregistered> {
        let mut news = self.0.news.subscribe(which);
        tracing::debug!(id = %caller.id, epoch = caller.epoch.number, "a coordinator registers");
        let now = self.now();
        let call = self
            .discussions()
            .register_coordinator(now, which, caller, household)?;
        self.0.news.announce(which);
        let deadline = Instant::now() + COORDINATOR_HOLD;
        loop {
            news.mark_unchanged();
            match self.discussions().hand_over(self.now(), which, call) {
                Handover::Newcomers(newcomers) => return Ok(newcomers),
                Handover::Over => return Ok(Vec::new()),
                Handover::Replaced(conflict) => return Err(Unregistered::Conflict(conflict)),
                Handover::Nobody => {}
            }
            if self.is_closing() || !heard(&mut news, deadline).await {
                return Ok(Vec::new());
            }
        }
    }

    /// Ends a coordinator's registration.
    pub(crate) fn withdraw(&self, which: Which, id: NodeId) -> Result<(), Conflict> {
        self.discussions().withdraw(self.now(), which, id)?;
        self.0.news.announce(which);
        Ok(())
    }

    /// Tells a newcomer to join or to found, after at most [`NODE_HOLD`].
    pub(crate) async fn register_node(
        &self,
        which: Which,
        asking: Asking<'_>,
    ) -> Result<Way, TryLater> {
        let mut news = self.0.news.subscribe(which);
        let deadline = Instant::now() + NODE_HOLD;
        let mut seat = None;
        let lost = Arc::new(Notify::new());
        loop {
            news.mark_unchanged();
            let placement = self
                .discussions()
                .register_node(self.now(), which, &asking)?;
            let until = match placement {
                Placement::Join(directions) => {
                    self.0.news.announce(which);
                    return Ok(Way::Join(directions));
                }
                Placement::Found { lease } => {
                    tracing::debug!(id = %asking.newcomer, "a node is told to found");
                    return Ok(Way::Found(lease));
                }
                Placement::Lapsed => return Err(TryLater::Lapsed),
                Placement::Unknown => return Ok(Way::Unknown),
                Placement::Wait { until } => self.0.started + until,
            };
            if seat.is_none() {
                let free = self.0.held_newcomers.take(asking.household, &lost);
                seat = Some(free.ok_or(TryLater::Full)?);
            }
            if self.is_closing() {
                return Err(TryLater::Closing);
            }
            if Instant::now() >= deadline {
                return Err(TryLater::Held);
            }
            tokio::select! {
                () = lost.notified() => return Err(TryLater::Full),
                _ = heard(&mut news, until.min(deadline)) => {}
            }
        }
    }

    /// Returns directions to the discussion without announcing the caller to the coordinator.
    pub(crate) fn find(&self, which: Which) -> Option<Directions> {
        let now = self.now();
        self.discussions().find(now, which)
    }

    /// Returns the registered coordinator of the discussion, if any.
    pub(crate) fn coordinator(&self, which: Which) -> Option<Coordinator> {
        let now = self.now();
        self.discussions().coordinator(now, which).cloned()
    }

    /// Returns the counts of all registries.
    pub(crate) fn tally(&self) -> Tally {
        self.discussions().tally()
    }

    /// Returns the number of private discussions that are known.
    pub(crate) fn private_count(&self) -> usize {
        self.discussions().private_count()
    }

    /// Returns the number of newcomers' calls that are held open.
    pub(crate) fn held_newcomers(&self) -> usize {
        self.0.held_newcomers.taken()
    }

    /// Returns the counts of the HTTP side.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Answers all held calls at once, and holds no more from then on.
    pub(crate) fn close(&self) {
        self.0.closing.send_replace(true);
        self.0.news.announce_to_all();
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

impl From<Full> for TryLater {
    fn from(Full: Full) -> Self {
        Self::Crowded
    }
}

/// Waits for a change until `deadline`. Returns true if there was one.
async fn heard(news: &mut watch::Receiver<()>, deadline: Instant) -> bool {
    tokio::select! {
        changed = news.changed() => changed.is_ok(),
        () = sleep_until(deadline) => false,
    }
}

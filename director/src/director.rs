//! A running director: the registry, a clock, and those who wait.
//!
//! It only moves things: it asks the registry, and where the answer is to wait, it asks again when
//! something changed or the time has come. Not here: any decision (`registry`), HTTP (`app`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringtalk_wire::NodeId;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until};

use crate::api::{COORDINATOR_HOLD, Coordinator, NODE_HOLD, Newcomer};
use crate::metrics::Metrics;
use crate::registry::{Conflict, Handover, Placement, Registry, Tally};

/// How many newcomers' calls are held open at once; others are asked to try again. Three quarters
/// of the connections, so that coordinators still get through.
pub(crate) const HELD_NEWCOMERS: usize = 768;

/// What a director knows, and who waits for it to learn more. Clones share everything.
#[derive(Clone, Debug)]
pub struct Director(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    registry: Mutex<Registry>,
    started: Instant,
    /// Marked as changed when a held call may have an answer now.
    news: watch::Sender<()>,
    closing: watch::Sender<bool>,
    held_newcomers: Semaphore,
    metrics: Metrics,
}

/// Why a newcomer was told neither to join nor to found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TryLater {
    /// A registration lapsed.
    Lapsed,
    /// The founders came to nothing while the call was held.
    Held,
    /// Too many wait already.
    Full,
    /// This director is stopping.
    Closing,
}

/// What a newcomer is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// Dial this coordinator.
    Join(Coordinator),
    /// Found the discussion within this time.
    Found(Duration),
}

impl Director {
    /// A director that knows nothing yet. For the first half second nobody is told to found,
    /// since a running ring may be about to register.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            registry: Mutex::new(Registry::new()),
            started: Instant::now(),
            news: watch::Sender::new(()),
            closing: watch::Sender::new(false),
            held_newcomers: Semaphore::new(HELD_NEWCOMERS),
            metrics: Metrics::default(),
        }))
    }

    /// Registers a coordinator, then waits for newcomers, [`COORDINATOR_HOLD`] at most.
    pub(crate) async fn register_coordinator(
        &self,
        caller: Coordinator,
    ) -> Result<Vec<Newcomer>, Conflict> {
        let mut news = self.0.news.subscribe();
        tracing::debug!(id = %caller.id, epoch = caller.epoch.number, "a coordinator registers");
        let call = self.registry().register_coordinator(self.now(), caller)?;
        self.announce();
        let deadline = Instant::now() + COORDINATOR_HOLD;
        loop {
            news.mark_unchanged();
            match self.registry().hand_over(self.now(), call) {
                Handover::Newcomers(newcomers) => return Ok(newcomers),
                Handover::Over => return Ok(Vec::new()),
                Handover::Replaced(conflict) => return Err(conflict),
                Handover::Nobody => {}
            }
            if self.is_closing() || !heard(&mut news, deadline).await {
                return Ok(Vec::new());
            }
        }
    }

    /// Ends a coordinator's registration.
    pub(crate) fn withdraw(&self, id: NodeId) -> Result<(), Conflict> {
        self.registry().withdraw(self.now(), id)?;
        self.announce();
        Ok(())
    }

    /// Finds a newcomer its way in, [`NODE_HOLD`] at most.
    pub(crate) async fn register_node(&self, newcomer: &Newcomer) -> Result<Way, TryLater> {
        let mut news = self.0.news.subscribe();
        let deadline = Instant::now() + NODE_HOLD;
        let mut seat = None;
        loop {
            news.mark_unchanged();
            let placement = self.registry().register_node(self.now(), newcomer);
            let until = match placement {
                Placement::Join(coordinator) => {
                    self.announce();
                    return Ok(Way::Join(coordinator));
                }
                Placement::Found { lease } => {
                    tracing::debug!(id = %newcomer.id, "a node is told to found");
                    return Ok(Way::Found(lease));
                }
                Placement::Lapsed => return Err(TryLater::Lapsed),
                Placement::Wait { until } => self.0.started + until,
            };
            if seat.is_none() {
                let free = self.0.held_newcomers.try_acquire();
                seat = Some(free.map_err(|_| TryLater::Full)?);
            }
            if self.is_closing() {
                return Err(TryLater::Closing);
            }
            if Instant::now() >= deadline {
                return Err(TryLater::Held);
            }
            heard(&mut news, until.min(deadline)).await;
        }
    }

    /// Who coordinates the discussion, as far as is known.
    pub(crate) fn coordinator(&self) -> Option<Coordinator> {
        self.registry().coordinator(self.now()).cloned()
    }

    /// What happened so far.
    pub(crate) fn tally(&self) -> Tally {
        self.registry().tally()
    }

    /// How many newcomers' calls are held open.
    pub(crate) fn held_newcomers(&self) -> usize {
        HELD_NEWCOMERS - self.0.held_newcomers.available_permits()
    }

    /// What the HTTP side counts.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Answers all held calls now, and holds none any more.
    pub(crate) fn close(&self) {
        self.0.closing.send_replace(true);
        self.announce();
    }

    /// Turns true when the director closes.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.0.closing.subscribe()
    }

    fn is_closing(&self) -> bool {
        *self.0.closing.borrow()
    }

    fn announce(&self) {
        self.0.news.send_replace(());
    }

    fn now(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// Every change of the registry is whole before anything could panic, so a poisoned lock
    /// guards sound data.
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Director {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits for news until `deadline`; says whether there was any.
async fn heard(news: &mut watch::Receiver<()>, deadline: Instant) -> bool {
    tokio::select! {
        changed = news.changed() => changed.is_ok(),
        () = sleep_until(deadline) => false,
    }
}

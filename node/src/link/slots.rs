//! Slots for dials that others cause: a limited number in all, and to one host.
//!
//! A slot is held for one fixed time, however soon its dial is over, so that nobody can tell from the next dial how
//! the last one ended. A dial that found its peer is no secret, and frees its slot. Not here: which dials need one
//! (`dialler`).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// The numbers of slots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotLimits {
    /// The number in all, for dials and the look-ups before them.
    pub(crate) all: usize,
    /// The number for one host.
    pub(crate) host: usize,
    /// The time for which a slot is held.
    pub(crate) hold: Duration,
}

/// The slots of one process.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    limits: SlotLimits,
    all: Arc<Semaphore>,
    hosts: Arc<Mutex<HashMap<IpAddr, Arc<Semaphore>>>>,
}

/// The slot of one dial. It is free again when the fixed time is over.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Slots,
    /// When the slot was taken, or a host was last entered: a host is held for the full time even after a wait.
    since: Mutex<Instant>,
    held: Mutex<HeldPermits>,
}

#[derive(Debug, Default)]
struct HeldPermits {
    permits: Vec<OwnedSemaphorePermit>,
    hosts: usize,
    is_given_back: bool,
}

impl Slots {
    /// Creates the slots, all of them free.
    pub(crate) fn new(limits: SlotLimits) -> Self {
        Self {
            limits,
            all: Arc::new(Semaphore::new(limits.all)),
            hosts: Arc::default(),
        }
    }

    /// Takes a slot, once one is free.
    pub(crate) async fn take(&self) -> Arc<Slot> {
        let permit = Arc::clone(&self.all).acquire_owned().await;
        let slot = Slot {
            slots: self.clone(),
            since: Mutex::new(Instant::now()),
            held: Mutex::default(),
        };
        slot.add(permit.into_iter(), 0);
        Arc::new(slot)
    }

    fn host(&self, host: IpAddr) -> Arc<Semaphore> {
        let all = self.limits.host;
        let mut hosts = lock(&self.hosts);
        // A host is forgotten once nobody holds a slot for it or waits for one.
        hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.available_permits() < all);
        let host = hosts
            .entry(host.to_canonical())
            .or_insert_with(|| Arc::new(Semaphore::new(all)));
        Arc::clone(host)
    }
}

impl Slot {
    /// Waits until this host may be dialled.
    pub(crate) async fn enter(&self, host: IpAddr) {
        let permit = self.slots.host(host).acquire_owned().await;
        *lock(&self.since) = Instant::now();
        self.add(permit.into_iter(), 1);
    }

    /// Returns true if any host was dialled under this slot.
    pub(crate) fn was_used(&self) -> bool {
        lock(&self.held).hosts > 0
    }

    /// Returns when the fixed time is over.
    pub(crate) fn end(&self) -> Instant {
        *lock(&self.since) + self.slots.limits.hold
    }

    /// Frees the slot at once.
    pub(crate) fn give_back(&self) {
        let mut held = lock(&self.held);
        held.is_given_back = true;
        held.permits.clear();
    }

    fn add(&self, permits: impl Iterator<Item = OwnedSemaphorePermit>, hosts: usize) {
        let mut held = lock(&self.held);
        held.hosts += hosts;
        if !held.is_given_back {
            held.permits.extend(permits);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let held = self.held.get_mut();
        let held = std::mem::take(held.unwrap_or_else(PoisonError::into_inner));
        let end = self.end();
        // Without a runtime the process is about to end.
        if !held.permits.is_empty()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move {
                sleep_until(end).await;
                drop(held);
            });
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const HOLD: Duration = Duration::from_secs(5);
    const SOON: Duration = Duration::from_secs(1);
    const LIMITS: SlotLimits = SlotLimits {
        all: 3,
        host: 2,
        hold: HOLD,
    };

    fn host(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_is_held_for_a_fixed_time() {
        let slots = Slots::new(LIMITS);
        let began = Instant::now();
        for _ in 0..LIMITS.all {
            drop(slots.take().await);
        }
        assert!(timeout(SOON, slots.take()).await.is_err());
        drop(slots.take().await);
        assert_eq!(began.elapsed(), HOLD);
    }

    #[tokio::test(start_paused = true)]
    async fn one_host_gets_a_part_of_the_slots() {
        let slots = Slots::new(LIMITS);
        let slot = slots.take().await;
        slot.enter(host(1)).await;
        slot.enter(host(1)).await;
        let other = slots.take().await;
        assert!(timeout(SOON, other.enter(host(1))).await.is_err());
        assert!(!other.was_used());
        other.enter(host(2)).await;
        assert!(other.was_used());
        drop(slot);
        let began = Instant::now();
        other.enter(host(1)).await;
        assert_eq!(began.elapsed() + SOON, HOLD);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_is_held_as_long_after_a_wait() {
        let slots = Slots::new(LIMITS);
        let began = Instant::now();
        for dial in 0..6 {
            let slot = slots.take().await;
            slot.enter(host(1)).await;
            assert_eq!(began.elapsed(), HOLD * (dial / 2));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_successful_dial_gives_its_slot_back() {
        let slots = Slots::new(LIMITS);
        let began = Instant::now();
        for _ in 0..2 * LIMITS.all {
            let slot = slots.take().await;
            slot.enter(host(1)).await;
            slot.give_back();
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}

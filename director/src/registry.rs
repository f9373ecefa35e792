//! The state of one discussion: its founder or coordinator, and the newcomers to announce. All of it is held in
//! leases.
//!
//! Pure: time is a parameter, as the duration since the director started, and a caller that has to wait is told so.
//! Not here: clocks and held calls (`director`), and HTTP (`app`).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::ops::AddAssign;
use std::time::Duration;

use ringtalk_wire::{Epoch, NodeId};

use crate::api::{Coordinator, Directions, Newcomer};
use crate::candidates::Candidates;

/// How long a director that has just started tells nobody to found. The coordinator of a running ring retries every
/// 250 ms, so it registers again before a newcomer can found a second ring.
pub(crate) const STARTUP_GRACE: Duration = Duration::from_millis(500);
/// How long others wait for a node that was told to found. Binding a port and one request take milliseconds; the
/// rest is for slow machines.
pub(crate) const FOUNDING_LEASE: Duration = Duration::from_secs(2);
/// How long a registration lasts. The coordinator renews it with every call, at least every 2 s, so one call may
/// fail.
pub(crate) const REGISTRATION_LEASE: Duration = Duration::from_secs(5);
/// How long nobody may found after a registration lapsed. The ring is presumably electing, or cut off from the
/// director, and a second ring would have to be merged later.
pub(crate) const LAPSE_PAUSE: Duration = Duration::from_secs(10);
/// How far the epoch number of a registration may rise within a lease. No ring holds more elections in that time,
/// and a made-up high number replaces nothing.
pub(crate) const EPOCH_RISE: u64 = 64;
/// The most newcomers that wait for the coordinator's next call, which normally comes at once. Beyond, the oldest
/// is dropped; it dials the coordinator itself, and asks again if that fails.
pub(crate) const NEWCOMERS: usize = 64;

/// The state of one discussion. `now` must never decrease.
#[derive(Debug)]
pub(crate) struct Registry {
    phase: Phase,
    newcomers: VecDeque<Newcomer>,
    candidates: Candidates,
    call_count: u64,
    /// True if a node other than the founder was admitted, as far as the director can tell.
    has_admitted: bool,
    counts: Counts,
}

/// The lease that is running.
#[derive(Debug)]
enum Phase {
    /// There is no lease. A newcomer may found, but not before `grace_until`.
    Vacant { grace_until: Duration },
    /// A node was told to found.
    Founding { founder: NodeId, until: Duration },
    /// There is a ring.
    Registered(Box<Registration>),
    /// A registration lapsed without being withdrawn.
    Lapsed { id: NodeId, until: Duration },
}

/// A registration.
#[derive(Debug)]
struct Registration {
    coordinator: Coordinator,
    household: IpAddr,
    /// When it first registered, or tried to.
    since: Duration,
    /// Its latest call.
    call: CallId,
    until: Duration,
    rise: Rise,
}

/// A rise of the epoch number: where it started, and when it ends.
#[derive(Clone, Copy, Debug)]
struct Rise {
    from: u64,
    until: Duration,
}

impl Rise {
    const fn new(now: Duration, epoch: &Epoch) -> Self {
        Self {
            from: epoch.number,
            until: now.saturating_add(REGISTRATION_LEASE),
        }
    }

    /// Returns the highest number that is accepted before the rise ends.
    const fn max_number(&self) -> u64 {
        self.from.saturating_add(EPOCH_RISE)
    }
}

/// The identity of one call of a coordinator. Only its latest call gets newcomers, so that none is lost to a call
/// whose connection has died unnoticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CallId {
    number: u64,
    id: NodeId,
}

/// The error that another ring is registered, with its coordinator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Conflict(pub(crate) Box<Coordinator>);

/// The answer to a newcomer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Decision {
    /// Dial this coordinator, which will learn of the newcomer, or else one of the candidates.
    Join(Directions),
    /// Found the discussion; others wait for `lease`.
    Found { lease: Duration },
    /// Ask again at this time, or when something changed.
    Wait { until: Duration },
    /// A registration lapsed: try again later.
    Lapsed,
    /// There is no such discussion, and this node may not found it.
    Unknown,
}

/// The answer to a coordinator's call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum CallOutcome {
    /// These newcomers have asked to join.
    Newcomers(Vec<Newcomer>),
    /// No newcomer has asked yet.
    Nobody,
    /// This call gets no newcomers any more: a later one took over, or the registration ended.
    Over,
    /// Another ring replaced this one.
    Replaced(Conflict),
}

/// Counts of events since the director started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    /// Registrations of a coordinator that was not registered.
    pub(crate) registrations: u64,
    /// Renewals by the registered coordinator.
    pub(crate) renewals: u64,
    /// Registrations and withdrawals refused for another ring.
    pub(crate) conflicts: u64,
    /// Registrations that lapsed.
    pub(crate) lapses: u64,
    /// Founding leases granted.
    pub(crate) foundings: u64,
    /// Newcomers that were directed to a coordinator.
    pub(crate) newcomers: u64,
    /// Of those, the ones dropped before a coordinator learned of them.
    pub(crate) newcomers_forgotten: u64,
}

impl Registry {
    /// Creates an empty registry, at time zero.
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Vacant {
                grace_until: STARTUP_GRACE,
            },
            newcomers: VecDeque::new(),
            candidates: Candidates::default(),
            call_count: 0,
            has_admitted: false,
            counts: Counts::default(),
        }
    }

    /// Registers a coordinator, or renews its registration, by compare-and-set. The same id renews; an epoch number
    /// that is higher, but not much higher, replaces; anything else is a conflict. A running ring also takes
    /// precedence over a node that was told to found.
    ///
    /// The caller has been authenticated, and calls from `household`. A coordinator that is rejected or replaced
    /// becomes a candidate.
    pub(crate) fn register_coordinator(
        &mut self,
        now: Duration,
        caller: Coordinator,
        household: IpAddr,
    ) -> Result<CallId, Conflict> {
        self.expire_leases(now);
        let mut rise = Rise::new(now, &caller.epoch);
        let mut since = now;
        if let Phase::Registered(registered) = &self.phase {
            let current = &registered.coordinator;
            rise = registered.rise;
            if rise.until <= now {
                rise = Rise::new(now, &current.epoch);
            }
            if current.id == caller.id {
                self.counts.renewals += 1;
                let coordinator = merge_renewal(current, caller, rise.max_number());
                let since = registered.since;
                return Ok(self.record_registration(now, coordinator, household, since, rise));
            }
            self.has_admitted = true;
            if !(current.epoch.number.saturating_add(1)..=rise.max_number())
                .contains(&caller.epoch.number)
            {
                self.counts.conflicts += 1;
                let conflict = Conflict(Box::new(current.clone()));
                self.candidates.add(now, &caller, household, now);
                return Err(conflict);
            }
            since = self.candidates.remove(&caller.id).unwrap_or(now);
            let (household, displaced_since) = (registered.household, registered.since);
            self.candidates
                .add(now, current, household, displaced_since);
        } else if let Some(candidate_since) = self.candidates.remove(&caller.id) {
            since = candidate_since;
        }
        self.counts.registrations += 1;
        Ok(self.record_registration(now, caller, household, since, rise))
    }

    fn record_registration(
        &mut self,
        now: Duration,
        coordinator: Coordinator,
        household: IpAddr,
        since: Duration,
        rise: Rise,
    ) -> CallId {
        self.has_admitted |= !coordinator.doors.is_empty();
        self.call_count += 1;
        let call = CallId {
            number: self.call_count,
            id: coordinator.id,
        };
        self.phase = Phase::Registered(Box::new(Registration {
            coordinator,
            household,
            since,
            call,
            until: now + REGISTRATION_LEASE,
            rise,
        }));
        call
    }

    /// Returns the waiting newcomers, each once, if `call` is the coordinator's latest call.
    pub(crate) fn take_newcomers(&mut self, now: Duration, call: CallId) -> CallOutcome {
        self.expire_leases(now);
        match &self.phase {
            Phase::Registered(registered) if registered.call == call => {
                if self.newcomers.is_empty() {
                    CallOutcome::Nobody
                } else {
                    CallOutcome::Newcomers(self.newcomers.drain(..).collect())
                }
            }
            Phase::Registered(registered) if registered.coordinator.id != call.id => {
                CallOutcome::Replaced(Conflict(Box::new(registered.coordinator.clone())))
            }
            _ => CallOutcome::Over,
        }
    }

    /// Ends the lease of `id` (registration, founding or lapse), as the last node that leaves does. Fails if another
    /// ring is registered; otherwise a node without a lease has nothing to end.
    pub(crate) fn withdraw(&mut self, now: Duration, id: NodeId) -> Result<(), Conflict> {
        self.expire_leases(now);
        self.candidates.remove(&id);
        match &self.phase {
            Phase::Registered(registered) if registered.coordinator.id != id => {
                self.counts.conflicts += 1;
                Err(Conflict(Box::new(registered.coordinator.clone())))
            }
            Phase::Registered(_) => {
                self.vacate(now);
                Ok(())
            }
            Phase::Founding {
                founder: holder, ..
            }
            | Phase::Lapsed { id: holder, .. }
                if *holder == id =>
            {
                self.vacate(now);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Tells a newcomer where the ring is, or to found it. The coordinator learns of `dialable_newcomer`, which has
    /// only the addresses that it may dial.
    pub(crate) fn register_node(
        &mut self,
        now: Duration,
        newcomer: NodeId,
        dialable_newcomer: Option<&Newcomer>,
        may_found: bool,
    ) -> Decision {
        self.expire_leases(now);
        match &self.phase {
            Phase::Vacant { grace_until } if now < *grace_until => Decision::Wait {
                until: *grace_until,
            },
            Phase::Vacant { .. } if !may_found => Decision::Unknown,
            Phase::Vacant { .. } => {
                self.counts.foundings += 1;
                self.phase = Phase::Founding {
                    founder: newcomer,
                    until: now + FOUNDING_LEASE,
                };
                Decision::Found {
                    lease: FOUNDING_LEASE,
                }
            }
            // The lease is repeated, not renewed, so that others do not wait for a founder that only asks.
            Phase::Founding { founder, until } if *founder == newcomer => Decision::Found {
                lease: until.saturating_sub(now),
            },
            Phase::Founding { until, .. } => Decision::Wait { until: *until },
            Phase::Registered(registered) => {
                let coordinator = registered.coordinator.clone();
                if coordinator.id != newcomer {
                    self.has_admitted = true;
                    self.counts.newcomers += 1;
                    if let Some(newcomer) = dialable_newcomer {
                        self.queue_newcomer(newcomer);
                    }
                }
                Decision::Join(self.directions(now, coordinator))
            }
            Phase::Lapsed { .. } => Decision::Lapsed,
        }
    }

    /// Returns directions without announcing the caller to the coordinator.
    pub(crate) fn find_directions(&mut self, now: Duration) -> Option<Directions> {
        let coordinator = self.coordinator(now)?.clone();
        Some(self.directions(now, coordinator))
    }

    fn directions(&self, now: Duration, coordinator: Coordinator) -> Directions {
        Directions {
            coordinator,
            candidates: self.candidates.select(now),
            member: false,
            carries: false,
        }
    }

    /// Returns the registered coordinator, if any.
    pub(crate) fn coordinator(&mut self, now: Duration) -> Option<&Coordinator> {
        self.expire_leases(now);
        match &self.phase {
            Phase::Registered(registered) => Some(&registered.coordinator),
            _ => None,
        }
    }

    /// Returns true if there is nothing left to remember: no lease runs, or a founder that admitted nobody has
    /// stopped renewing.
    pub(crate) fn is_over(&mut self, now: Duration) -> bool {
        self.expire_leases(now);
        match self.phase {
            Phase::Vacant { grace_until } => grace_until <= now,
            Phase::Lapsed { .. } => !self.has_admitted,
            Phase::Founding { .. } | Phase::Registered(_) => false,
        }
    }

    /// Returns the counts so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Keeps a newcomer for the coordinator's next call; a later request of the same node replaces an earlier one.
    fn queue_newcomer(&mut self, newcomer: &Newcomer) {
        self.newcomers.retain(|waiting| waiting.id != newcomer.id);
        if self.newcomers.len() == NEWCOMERS {
            self.newcomers.pop_front();
            self.counts.newcomers_forgotten += 1;
        }
        self.newcomers.push_back(newcomer.clone());
    }

    /// Ends the leases that have run out.
    fn expire_leases(&mut self, now: Duration) {
        if let Phase::Registered(registered) = &self.phase
            && registered.until <= now
        {
            self.counts.lapses += 1;
            self.phase = Phase::Lapsed {
                id: registered.coordinator.id,
                until: registered.until + LAPSE_PAUSE,
            };
        }
        if let Phase::Founding { until, .. } | Phase::Lapsed { until, .. } = self.phase
            && until <= now
        {
            self.vacate(now);
        }
    }

    fn vacate(&mut self, now: Duration) {
        self.phase = Phase::Vacant { grace_until: now };
        self.newcomers.clear();
        self.has_admitted = false;
    }
}

/// Returns the coordinator to keep after a renewal. A late duplicate of an earlier call proves that it is alive,
/// but has older data.
fn merge_renewal(current: &Coordinator, caller: Coordinator, max_number: u64) -> Coordinator {
    if caller.epoch.number < current.epoch.number {
        return current.clone();
    }
    let number = caller.epoch.number.min(max_number);
    let epoch = Epoch {
        number,
        ..caller.epoch
    };
    Coordinator { epoch, ..caller }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.registrations += other.registrations;
        self.renewals += other.renewals;
        self.conflicts += other.conflicts;
        self.lapses += other.lapses;
        self.foundings += other.foundings;
        self.newcomers += other.newcomers;
        self.newcomers_forgotten += other.newcomers_forgotten;
    }
}

#[cfg(test)]
mod tests;

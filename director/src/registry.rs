//! What a director remembers of one discussion: who founds it, who coordinates it, and who asked
//! for the way in. All of it in leases.
//!
//! Pure: time comes in as the duration since the director started, and a caller that has to wait
//! is told so. Not here: clocks, held requests (`director`) and HTTP (`app`).

use std::collections::VecDeque;
use std::ops::AddAssign;
use std::time::Duration;

use ringtalk_wire::NodeId;

use crate::api::{Coordinator, Newcomer};

/// How long a director that has just started answers nobody that it is the first. The coordinator
/// of a running ring, which tries again every 250 ms, is to be back before a newcomer founds a
/// second ring.
pub(crate) const SETTLING: Duration = Duration::from_millis(500);
/// How long the one who is told to found is waited for. Binding a port and one request take
/// milliseconds; the rest is for a slow machine.
pub(crate) const FOUNDING_LEASE: Duration = Duration::from_secs(2);
/// How long a registration holds. The coordinator renews it with every call, that is every 2 s or
/// sooner, so one call may fail.
pub(crate) const REGISTRATION_LEASE: Duration = Duration::from_secs(5);
/// How long nobody may found after a registration lapsed: the ring is presumably electing, or cut
/// off from the director, and a second ring would have to be merged later.
pub(crate) const LAPSE: Duration = Duration::from_secs(10);
/// How many newcomers wait to be named to the coordinator, which normally fetches them at once.
/// Beyond, the oldest is forgotten; it dials the coordinator itself, and asks again if in vain.
pub(crate) const NEWCOMERS: usize = 64;

/// The record of one discussion. `now` must never go back.
#[derive(Debug)]
pub(crate) struct Registry {
    phase: Phase,
    newcomers: VecDeque<Newcomer>,
    calls: u64,
    tally: Tally,
}

/// Which lease runs.
#[derive(Debug)]
enum Phase {
    /// None. Whoever asks may found, but not before `settled`.
    Vacant { settled: Duration },
    /// Somebody was told to found.
    Founding { founder: NodeId, until: Duration },
    /// There is a ring; `call` is the coordinator's latest.
    Registered {
        coordinator: Coordinator,
        call: Call,
        until: Duration,
    },
    /// There was a ring, and nobody said that it ended.
    Lapsed { id: NodeId, until: Duration },
}

/// One call of a coordinator. Only its latest is handed newcomers, so that none is lost to a call
/// whose connection has died unnoticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Call {
    number: u64,
    id: NodeId,
}

/// Another ring is registered; its coordinator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Conflict(pub(crate) Box<Coordinator>);

/// What a node is told that asks for the way in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Placement {
    /// Dial this coordinator, which will be told.
    Join(Coordinator),
    /// Found the discussion; others wait for `lease`.
    Found { lease: Duration },
    /// Ask again at this time, or when something changed.
    Wait { until: Duration },
    /// A registration lapsed: try again later.
    Lapsed,
    /// There is no such discussion, and this node may not found it.
    Unknown,
}

/// What a coordinator's call has to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Handover {
    /// These asked for the way in.
    Newcomers(Vec<Newcomer>),
    /// Nobody asked yet.
    Nobody,
    /// This call will hear of nobody any more: a later one took over, or the registration ended.
    Over,
    /// Another ring replaced this one.
    Replaced(Conflict),
}

/// What happened since the director started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tally {
    /// Registrations of a coordinator that was not registered.
    pub(crate) registrations: u64,
    /// Renewals by the registered coordinator.
    pub(crate) renewals: u64,
    /// Registrations and withdrawals refused for another ring.
    pub(crate) conflicts: u64,
    /// Registrations that lapsed.
    pub(crate) lapses: u64,
    /// Founding leases given.
    pub(crate) foundings: u64,
    /// Nodes pointed at a coordinator.
    pub(crate) newcomers: u64,
    /// Of those, the ones forgotten before a coordinator was told.
    pub(crate) newcomers_forgotten: u64,
}

impl Registry {
    /// An empty record, at time zero.
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Vacant { settled: SETTLING },
            newcomers: VecDeque::new(),
            calls: 0,
            tally: Tally::default(),
        }
    }

    /// Registers a coordinator, or renews its registration, by compare-and-set: a higher epoch
    /// number replaces, the same id renews, anything else is a conflict. A running ring also goes
    /// before somebody who was only told to found one.
    pub(crate) fn register_coordinator(
        &mut self,
        now: Duration,
        caller: Coordinator,
    ) -> Result<Call, Conflict> {
        self.advance(now);
        let coordinator = match &self.phase {
            Phase::Registered { coordinator, .. } if coordinator.id == caller.id => {
                self.tally.renewals += 1;
                // A late duplicate of an earlier call proves life, but knows nothing newer.
                if caller.epoch.number < coordinator.epoch.number {
                    coordinator.clone()
                } else {
                    caller
                }
            }
            Phase::Registered { coordinator, .. }
                if caller.epoch.number <= coordinator.epoch.number =>
            {
                self.tally.conflicts += 1;
                return Err(Conflict(Box::new(coordinator.clone())));
            }
            _ => {
                self.tally.registrations += 1;
                caller
            }
        };
        self.calls += 1;
        let call = Call {
            number: self.calls,
            id: coordinator.id,
        };
        self.phase = Phase::Registered {
            coordinator,
            call,
            until: now + REGISTRATION_LEASE,
        };
        Ok(call)
    }

    /// Hands over who asked for the way in, each once, to the coordinator's latest call.
    pub(crate) fn hand_over(&mut self, now: Duration, call: Call) -> Handover {
        self.advance(now);
        match &self.phase {
            Phase::Registered { call: latest, .. } if *latest == call => {
                if self.newcomers.is_empty() {
                    Handover::Nobody
                } else {
                    Handover::Newcomers(self.newcomers.drain(..).collect())
                }
            }
            Phase::Registered { coordinator, .. } if coordinator.id != call.id => {
                Handover::Replaced(Conflict(Box::new(coordinator.clone())))
            }
            _ => Handover::Over,
        }
    }

    /// Ends the registration of `id`, as the last node that leaves does. Who is not registered has
    /// nothing to end, unless another ring is.
    pub(crate) fn withdraw(&mut self, now: Duration, id: NodeId) -> Result<(), Conflict> {
        self.advance(now);
        match &self.phase {
            Phase::Registered { coordinator, .. } if coordinator.id != id => {
                self.tally.conflicts += 1;
                Err(Conflict(Box::new(coordinator.clone())))
            }
            Phase::Registered { .. } => {
                self.vacate(now);
                Ok(())
            }
            Phase::Founding { founder: known, .. } | Phase::Lapsed { id: known, .. }
                if *known == id =>
            {
                self.vacate(now);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Says where a node finds the ring, or that it is the first.
    pub(crate) fn register_node(
        &mut self,
        now: Duration,
        newcomer: &Newcomer,
        may_found: bool,
    ) -> Placement {
        self.advance(now);
        match &self.phase {
            Phase::Vacant { settled } if now < *settled => Placement::Wait { until: *settled },
            Phase::Vacant { .. } if !may_found => Placement::Unknown,
            Phase::Vacant { .. } => {
                self.tally.foundings += 1;
                self.phase = Phase::Founding {
                    founder: newcomer.id,
                    until: now + FOUNDING_LEASE,
                };
                Placement::Found {
                    lease: FOUNDING_LEASE,
                }
            }
            // Repeated, not renewed: others do not wait for ever for a founder that only asks.
            Phase::Founding { founder, until } if *founder == newcomer.id => Placement::Found {
                lease: until.saturating_sub(now),
            },
            Phase::Founding { until, .. } => Placement::Wait { until: *until },
            Phase::Registered { coordinator, .. } => {
                let coordinator = coordinator.clone();
                if coordinator.id != newcomer.id {
                    self.remember(newcomer);
                }
                Placement::Join(coordinator)
            }
            Phase::Lapsed { .. } => Placement::Lapsed,
        }
    }

    /// Who coordinates, as far as is known.
    pub(crate) fn coordinator(&mut self, now: Duration) -> Option<&Coordinator> {
        self.advance(now);
        match &self.phase {
            Phase::Registered { coordinator, .. } => Some(coordinator),
            _ => None,
        }
    }

    /// True where nothing is remembered any more.
    pub(crate) fn is_vacant(&mut self, now: Duration) -> bool {
        self.advance(now);
        matches!(self.phase, Phase::Vacant { settled } if settled <= now)
    }

    /// What happened so far.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Keeps a newcomer for the coordinator's next call; the latest word of each counts.
    fn remember(&mut self, newcomer: &Newcomer) {
        self.tally.newcomers += 1;
        self.newcomers.retain(|known| known.id != newcomer.id);
        if self.newcomers.len() == NEWCOMERS {
            self.newcomers.pop_front();
            self.tally.newcomers_forgotten += 1;
        }
        self.newcomers.push_back(newcomer.clone());
    }

    /// Ends the leases that have run out.
    fn advance(&mut self, now: Duration) {
        if let Phase::Registered {
            coordinator, until, ..
        } = &self.phase
            && *until <= now
        {
            self.tally.lapses += 1;
            self.phase = Phase::Lapsed {
                id: coordinator.id,
                until: *until + LAPSE,
            };
        }
        if let Phase::Founding { until, .. } | Phase::Lapsed { until, .. } = self.phase
            && until <= now
        {
            self.vacate(now);
        }
    }

    fn vacate(&mut self, now: Duration) {
        self.phase = Phase::Vacant { settled: now };
        self.newcomers.clear();
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl AddAssign for Tally {
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

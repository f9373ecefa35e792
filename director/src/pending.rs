//! Pending connections: those that have not shown yet what they want.
//!
//! Their number is bounded. If there is no room, the oldest one of the household with most is closed. An honest one
//! needs milliseconds, so a silent crowd keeps nobody out, and displaces only itself. A node's listener uses this
//! too. Not here: what happens on a connection (`serve`).

use std::collections::VecDeque;
use std::fmt::Debug;
use std::net::IpAddr;

use tokio::task::AbortHandle;

use crate::households::{Shares, household};

/// The most pending connections at once. An honest one stays for a round trip or two, so this is enough for hundreds
/// a second, and cheap to scan for each new one.
pub const PENDING_CONNECTIONS: usize = 128;
/// The most pending connections from one household, so that one machine cannot take all the room.
pub const PENDING_PER_HOUSEHOLD: usize = 64;

/// A connection that may be pending.
pub trait PendingConnection: Debug {
    /// Returns true if the connection has closed, or is no longer pending.
    fn is_done(&self) -> bool;

    /// Closes the connection.
    fn close(&self);
}

/// A connection whose task ends when it is no longer pending.
impl PendingConnection for AbortHandle {
    fn is_done(&self) -> bool {
        self.is_finished()
    }

    fn close(&self) {
        self.abort();
    }
}

/// The pending connections, oldest first.
#[derive(Debug)]
pub struct PendingConnections<C> {
    most: usize,
    connections: VecDeque<(IpAddr, C)>,
}

impl<C: PendingConnection> Default for PendingConnections<C> {
    fn default() -> Self {
        Self::at_most(PENDING_CONNECTIONS)
    }
}

impl<C: PendingConnection> PendingConnections<C> {
    /// Creates room for `most` pending connections, for a process that cannot afford [`PENDING_CONNECTIONS`].
    pub fn at_most(most: usize) -> Self {
        let connections = VecDeque::new();
        Self { most, connections }
    }

    /// Adds a connection. Returns true if another one had to give way.
    pub fn add(&mut self, address: IpAddr, connection: C) -> bool {
        self.connections
            .retain(|(_, connection)| !connection.is_done());
        let household = household(address);
        let crowded = self.household_to_evict(household);
        if let Some(crowded) = crowded {
            self.evict_oldest(crowded);
        }
        self.connections.push_back((household, connection));
        crowded.is_some()
    }

    /// Returns the household that must give way before a connection from `newcomer` is added.
    fn household_to_evict(&self, newcomer: IpAddr) -> Option<IpAddr> {
        let shares = Shares::of(self.connections.iter().map(|(household, _)| *household));
        if shares.count(&newcomer) >= PENDING_PER_HOUSEHOLD.min(self.most.div_ceil(2)) {
            return Some(newcomer);
        }
        if self.connections.len() < self.most {
            return None;
        }
        shares.largest()
    }

    /// Closes the oldest connection from a household.
    fn evict_oldest(&mut self, crowded: IpAddr) {
        let oldest = self
            .connections
            .iter()
            .position(|(household, _)| *household == crowded);
        if let Some((_, connection)) = oldest.and_then(|index| self.connections.remove(index)) {
            connection.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::task::{JoinHandle, yield_now};

    use super::*;

    fn add(
        connections: &mut PendingConnections<AbortHandle>,
        address: &str,
    ) -> (JoinHandle<()>, bool) {
        let task = tokio::spawn(pending());
        let gave_way = connections.add(address.parse().unwrap(), task.abort_handle());
        (task, gave_way)
    }

    #[tokio::test]
    async fn a_flood_from_several_households_evicts_only_its_own_connections() {
        let mut connections = PendingConnections::default();
        let (honest, gave_way) = add(&mut connections, "192.0.2.1");
        assert!(!gave_way);
        for round in 0..10 * PENDING_CONNECTIONS {
            let flood = format!("198.51.100.{}", round % 3);
            add(&mut connections, &flood);
            yield_now().await;
        }
        assert!(!honest.is_finished());
        assert_eq!(connections.connections.len(), PENDING_CONNECTIONS);
    }

    #[tokio::test]
    async fn an_ipv6_network_counts_as_one() {
        let mut connections = PendingConnections::default();
        let (oldest, _) = add(&mut connections, "2001:db8::1");
        for n in 0..PENDING_PER_HOUSEHOLD {
            let (_, gave_way) = add(&mut connections, &format!("2001:db8::{n}:1"));
            assert_eq!(gave_way, n + 1 == PENDING_PER_HOUSEHOLD);
        }
        yield_now().await;
        assert!(oldest.is_finished());
        let (_, gave_way) = add(&mut connections, "2001:db8:0:1::1");
        assert!(!gave_way);
    }

    #[tokio::test]
    async fn a_finished_connection_is_not_pending() {
        let mut connections = PendingConnections::default();
        for _ in 0..2 * PENDING_CONNECTIONS {
            let (task, gave_way) = add(&mut connections, "192.0.2.1");
            assert!(!gave_way);
            task.abort();
            yield_now().await;
        }
    }
}

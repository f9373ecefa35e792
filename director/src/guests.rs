//! Guests: connections that have not shown yet what they want.
//!
//! Their number is bounded. If there is no room, the oldest guest of the network with most guests is closed. An
//! honest guest needs milliseconds, so a silent crowd keeps nobody out, and displaces only itself. A node's
//! listener uses this too. Not here: what guests do (`serve`).

use std::collections::VecDeque;
use std::fmt::Debug;
use std::net::IpAddr;

use tokio::task::AbortHandle;

use crate::households::{Shares, household};

/// The most guests at once. An honest one stays for a round trip or two, so this is enough for hundreds a second,
/// and cheap to scan for each new one.
pub const GUESTS: usize = 128;
/// The most guests from one network, so that one machine cannot take all places.
pub const GUESTS_OF_NETWORK: usize = 64;

/// A connection that counts as a guest.
pub trait Guest: Debug {
    /// Returns true if the connection has closed, or is no longer a guest.
    fn is_settled(&self) -> bool;

    /// Closes the connection.
    fn turn_out(&self);
}

/// A connection whose task ends when it is no longer a guest.
impl Guest for AbortHandle {
    fn is_settled(&self) -> bool {
        self.is_finished()
    }

    fn turn_out(&self) {
        self.abort();
    }
}

/// The guests, oldest first.
#[derive(Debug)]
pub struct Guests<G> {
    most: usize,
    waiting: VecDeque<(IpAddr, G)>,
}

impl<G: Guest> Default for Guests<G> {
    fn default() -> Self {
        Self::at_most(GUESTS)
    }
}

impl<G: Guest> Guests<G> {
    /// Creates room for `most` guests, for a process that cannot afford [`GUESTS`].
    pub fn at_most(most: usize) -> Self {
        let waiting = VecDeque::new();
        Self { most, waiting }
    }

    /// Adds a guest. Returns true if another one had to give way.
    pub fn add(&mut self, address: IpAddr, guest: G) -> bool {
        self.waiting.retain(|(_, guest)| !guest.is_settled());
        let network = household(address);
        let crowd = self.crowd(network);
        if let Some(crowd) = crowd {
            self.turn_out(crowd);
        }
        self.waiting.push_back((network, guest));
        crowd.is_some()
    }

    /// Returns the network that must give way before a guest from `newcomer` is added.
    fn crowd(&self, newcomer: IpAddr) -> Option<IpAddr> {
        let shares = Shares::of(self.waiting.iter().map(|(network, _)| *network));
        if shares.size(&newcomer) >= GUESTS_OF_NETWORK.min(self.most.div_ceil(2)) {
            return Some(newcomer);
        }
        if self.waiting.len() < self.most {
            return None;
        }
        shares.largest()
    }

    /// Closes the oldest connection from a network.
    fn turn_out(&mut self, crowd: IpAddr) {
        let oldest = self.waiting.iter().position(|(from, _)| *from == crowd);
        if let Some((_, guest)) = oldest.and_then(|place| self.waiting.remove(place)) {
            guest.turn_out();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::task::{JoinHandle, yield_now};

    use super::*;

    fn guest(guests: &mut Guests<AbortHandle>, address: &str) -> (JoinHandle<()>, bool) {
        let task = tokio::spawn(pending());
        let gave_way = guests.add(address.parse().unwrap(), task.abort_handle());
        (task, gave_way)
    }

    #[tokio::test]
    async fn a_flood_from_several_networks_pushes_out_nobody_but_itself() {
        let mut guests = Guests::default();
        let (honest, gave_way) = guest(&mut guests, "192.0.2.1");
        assert!(!gave_way);
        for round in 0..10 * GUESTS {
            let flood = format!("198.51.100.{}", round % 3);
            guest(&mut guests, &flood);
            yield_now().await;
        }
        assert!(!honest.is_finished());
        assert_eq!(guests.waiting.len(), GUESTS);
    }

    #[tokio::test]
    async fn an_ipv6_network_counts_as_one() {
        let mut guests = Guests::default();
        let (oldest, _) = guest(&mut guests, "2001:db8::1");
        for place in 0..GUESTS_OF_NETWORK {
            let (_, gave_way) = guest(&mut guests, &format!("2001:db8::{place}:1"));
            assert_eq!(gave_way, place + 1 == GUESTS_OF_NETWORK);
        }
        yield_now().await;
        assert!(oldest.is_finished());
        let (_, gave_way) = guest(&mut guests, "2001:db8:0:1::1");
        assert!(!gave_way);
    }

    #[tokio::test]
    async fn who_is_done_is_no_guest() {
        let mut guests = Guests::default();
        for _ in 0..2 * GUESTS {
            let (task, gave_way) = guest(&mut guests, "192.0.2.1");
            assert!(!gave_way);
            task.abort();
            yield_now().await;
        }
    }
}

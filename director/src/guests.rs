//! Those who have connected, and have not shown yet what they want.
//!
//! There is room for so many, and where it is taken the oldest of the network that has most guests
//! gives way: an honest one needs milliseconds, so a crowd that says nothing keeps nobody out, and
//! pushes out nobody but itself. A node's listener has its guests here too. Not here: how guests get on
//! (`serve`).

use std::collections::VecDeque;
use std::fmt::Debug;
use std::net::IpAddr;

use tokio::task::AbortHandle;

use crate::households::{Shares, household};

/// The most guests at once. An honest one is gone after a round trip or two, so this is enough for
/// hundreds a second, and little to go through for each that comes.
pub const GUESTS: usize = 128;
/// The most guests from one network, so that one machine cannot take all places.
pub const GUESTS_OF_NETWORK: usize = 64;

/// Somebody who has connected.
pub trait Guest: Debug {
    /// True where it is gone, or is no guest any more.
    fn is_settled(&self) -> bool;

    /// Closes its connection.
    fn turn_out(&self);
}

/// A connection whose task ends when its guest is one no more.
impl Guest for AbortHandle {
    fn is_settled(&self) -> bool {
        self.is_finished()
    }

    fn turn_out(&self) {
        self.abort();
    }
}

/// The guests, the oldest first.
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
    /// Room for so many, if [`GUESTS`] are too many for this process.
    pub fn at_most(most: usize) -> Self {
        let waiting = VecDeque::new();
        Self { most, waiting }
    }

    /// Takes a guest in; says whether another had to give way.
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

    /// The network that must give way before one more guest from `newcomer` is taken in.
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

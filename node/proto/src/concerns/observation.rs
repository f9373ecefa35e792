//! Observers: tells the user that a non-member observes the ring.
//!
//! `PROTOCOL.md` §5.5. Not here: what an observer learns (`ring::report`).

use alloc::collections::BTreeMap;
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use ringtalk_wire::NodeId;

use crate::context::Context;
use crate::{Event, Time};

/// How long a host must not have observed before the user is told of it again.
pub(crate) const FORGOTTEN: Duration = Duration::from_secs(600);
/// The maximum number of remembered households, and so of events in that time.
const HOUSEHOLDS: usize = 64;

/// The recent observers.
#[derive(Debug, Default)]
pub(crate) struct Observers {
    /// When each household observed last; all observers behind carriers of circuits count as one.
    households: BTreeMap<Option<IpAddr>, Time>,
}

impl Observers {
    /// Records that a peer observes. The user is told unless it is or was a member: a lost member asks in the same
    /// way.
    pub(crate) fn note(&mut self, context: &mut Context, peer: &NodeId) {
        if context.view.is_some() && !context.is_named(peer) {
            let host = context.links.host(peer);
            if self.note_host(context.now, host) {
                context.emit(Event::Observed { host });
            }
        }
    }

    /// Records an observer at this host; returns true if the user should be told.
    fn note_host(&mut self, now: Time, host: Option<IpAddr>) -> bool {
        let household = host.map(household);
        self.households.retain(|_, last| now - *last < FORGOTTEN);
        let is_news = !self.households.contains_key(&household);
        let has_room = self.households.len() < HOUSEHOLDS;
        if has_room || !is_news {
            self.households.insert(household, now);
        }
        debug_assert!(self.households.len() <= HOUSEHOLDS);
        is_news && has_room
    }
}

/// Returns the IPv4 address of a host, or its IPv6 /64: one machine may use any number of addresses in that.
fn household(host: IpAddr) -> IpAddr {
    match host.to_canonical() {
        IpAddr::V6(host) => IpAddr::V6(Ipv6Addr::from_bits(host.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_events_is_bounded() {
        let mut observers = Observers::default();
        let host = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
        let reported =
            (0..1_000).filter(|&number| observers.note_host(Time::default(), host(number)));
        assert_eq!(reported.count(), HOUSEHOLDS);
        assert_eq!(observers.households.len(), HOUSEHOLDS);
    }

    #[test]
    fn a_household_with_many_addresses_is_one() {
        let mut observers = Observers::default();
        let host = |number: u128| Some(IpAddr::from((0x2001_0db8 << 96 | number).to_be_bytes()));
        let mut reported =
            (0..1_000).filter(|&number| observers.note_host(Time::default(), host(number)));
        assert_eq!(reported.by_ref().count(), 1);
        assert!(observers.note_host(Time::default(), host(1 << 64)));
    }
}

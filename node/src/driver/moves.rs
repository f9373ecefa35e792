//! Notices that the addresses of this machine change, and tells the core, the directors and the user.
//!
//! The system could report changes through a socket of its own, but only on Linux, and such a report says no more than
//! a look at the list, which takes some 50 µs. So the driver, which heartbeats wake twice a second anyway, looks at the
//! list every few seconds, and soon after a link broke or a neighbour fell silent: that is what a change looks like
//! first. Not here: which of the addresses others are told (`address`).

use std::time::Duration;

use ringtalk_proto::Input;
use ringtalk_session::{Code, Event as SessionEvent};
use tokio::time::Instant;

use super::Driver;
use super::inbox::{DriverEvent, Inbox};
use crate::address::{AddressFinder, Machine, Whereabouts};
use crate::director_client::addresses;

/// How often the list is looked at if nothing happens. An idle node finds out that late.
const PERIOD: Duration = Duration::from_secs(2);
/// The least time between two looks, however many links break: a moment in which a system sets up all its addresses.
const LEAST: Duration = Duration::from_millis(300);

/// The driver's knowledge of this machine's addresses.
#[derive(Debug)]
pub(crate) struct AddressWatch {
    finder: AddressFinder,
    /// The addresses when they were last looked at.
    machine: Machine,
    whereabouts: Whereabouts,
    looked_at: Instant,
    look_at: Instant,
    /// Whether this machine has the one address at which the node listens.
    has_bound: bool,
}

impl AddressWatch {
    /// Starts to watch, with what is known at the start.
    pub(crate) fn new(finder: AddressFinder, whereabouts: Whereabouts) -> Self {
        let now = Instant::now();
        Self {
            finder,
            machine: Machine::now(),
            whereabouts,
            looked_at: now,
            look_at: now + PERIOD,
            has_bound: true,
        }
    }

    /// Returns when to look at the list of addresses.
    pub(super) const fn look_at(&self) -> Instant {
        self.look_at
    }

    /// Looks soon, because a link broke or a neighbour fell silent.
    pub(super) fn hurry(&mut self) {
        self.look_at = self.look_at.min(self.looked_at + LEAST);
    }

    /// Looks at the list, if it is time. Returns true if it has changed.
    fn has_changed(&mut self, now: Instant) -> bool {
        if now < self.look_at {
            return false;
        }
        self.looked_at = now;
        self.look_at = now + PERIOD;
        let machine = Machine::now();
        let has_changed = machine != self.machine;
        self.machine = machine;
        has_changed
    }

    /// Finds in the background where others find this node now; the outcome goes to the inbox.
    fn find(&self, inbox: Inbox) {
        let finder = self.finder.clone();
        tokio::spawn(async move {
            let whereabouts = Box::new(finder.find().await);
            let _ = inbox.send(DriverEvent::Located { whereabouts }).await;
        });
    }

    /// Takes over where others find this node now. Returns false if that is nothing new, or if this machine has no
    /// address for others at present: it may get its last ones back.
    fn take(&mut self, whereabouts: Whereabouts) -> bool {
        let is_news = whereabouts != self.whereabouts;
        let is_lost = whereabouts.is_loopback() && !self.whereabouts.is_loopback();
        if !is_news || is_lost {
            return false;
        }
        self.whereabouts = whereabouts;
        true
    }

    /// Returns a warning if the one address at which this node listens has gone, and the all-clear if it is back.
    fn check_bound(&mut self) -> Option<String> {
        let bound = self.finder.bound.ip();
        let has_bound = bound.is_unspecified() || self.machine.has(bound);
        if has_bound == std::mem::replace(&mut self.has_bound, has_bound) {
            return None;
        }
        Some(if has_bound {
            format!("this machine has the address {bound} again, at which this node listens")
        } else {
            format!(
                "this machine no longer has the address {bound}, at which this node listens: nobody can \
                 connect to it there. Start it without --listen to follow the machine's addresses"
            )
        })
    }
}

impl Driver {
    /// Tells the user at the start if this machine has no address at which others could join.
    pub(super) fn tell_isolation(&mut self) {
        let AddressWatch {
            finder, machine, ..
        } = &self.address_watch;
        if let Some(message) = finder.isolation(machine) {
            self.notify(Code::OnlyThisMachine, message);
        }
    }

    /// Looks whether this machine's addresses have changed, if it is time.
    pub(super) fn watch_addresses(&mut self) {
        if !self.address_watch.has_changed(Instant::now()) || self.leave_state.is_leaving() {
            return;
        }
        let machine = &self.address_watch.machine;
        for link in self
            .network
            .connections
            .without_address(|ip| machine.has(ip))
        {
            // Nothing comes back to an address that is gone, and waiting for it takes seconds.
            self.end_connection(link, None);
        }
        if let Some(message) = self.address_watch.check_bound() {
            self.notify(Code::AddressChanged, message);
        }
        self.address_watch.find(self.network.inbox.clone());
    }

    /// Takes over where others find this node now, and tells them and the user.
    pub(super) fn relocate(&mut self, whereabouts: Whereabouts) {
        let before = self.address_watch.whereabouts.clone();
        if !self.address_watch.take(whereabouts) {
            return;
        }
        let now = self.address_watch.whereabouts.clone();
        tracing::info!(?before, ?now, "this machine has other addresses");
        let newcomer = now.newcomer(self.host.lobby().id());
        self.feed(Input::Moved {
            addresses: addresses(newcomer.clone()),
            network: now.network,
        });
        let last_invite = self.session.state().me.invite.clone();
        let invite = self.invites.relocate(&newcomer);
        self.directors.client.move_to(newcomer);
        let invite_changed = invite.is_some();
        if before.internal == now.internal && !invite_changed {
            return;
        }
        self.tell(SessionEvent::Relocated {
            address: now.contact().to_string(),
            message: relocation_text(&before, &now, invite_changed),
            invite: invite.unwrap_or(last_invite),
        });
    }
}

fn relocation_text(before: &Whereabouts, now: &Whereabouts, invite_changed: bool) -> String {
    let (old, new) = (&before.internal, &now.internal);
    let what = match &now.public {
        None => format!(
            "this machine's address has changed: others now reach you at {new}, not at {old} any more."
        ),
        Some(public) => format!(
            "this machine's address has changed from {old} to {new}. Others still dial {public}: does that lead here?"
        ),
    };
    if invite_changed {
        format!("{what} The invite has changed, too: /invite shows it.")
    } else {
        what
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use ringtalk_wire::NetworkId;

    use super::*;

    fn whereabouts(internal: &str) -> Whereabouts {
        Whereabouts {
            internal: internal.parse().unwrap(),
            public: None,
            others: Vec::new(),
            network: NetworkId::default(),
        }
    }

    fn watch(bound: &str) -> AddressWatch {
        let finder = AddressFinder {
            bound: bound.parse::<SocketAddr>().unwrap(),
            public: None,
            directors: Vec::new(),
        };
        AddressWatch::new(finder, whereabouts("10.0.0.1:4000"))
    }

    #[test]
    fn a_machine_without_a_network_keeps_its_last_addresses() {
        let mut watch = watch("0.0.0.0:4000");
        assert!(!watch.take(whereabouts("10.0.0.1:4000")), "the same");
        assert!(!watch.take(whereabouts("127.0.0.1:4000")), "none");
        assert!(watch.take(whereabouts("10.0.0.2:4000")));
    }

    #[tokio::test]
    async fn broken_links_hurry_a_look_but_not_all_the_time() {
        let mut watch = watch("0.0.0.0:4000");
        let calm = watch.look_at();
        watch.hurry();
        let soon = watch.look_at();
        assert!(soon < calm && soon >= watch.looked_at + LEAST);
        watch.hurry();
        assert_eq!(watch.look_at(), soon);
        assert!(!watch.has_changed(soon), "this machine stays where it is");
        assert_eq!(watch.look_at(), soon + PERIOD);
    }

    #[test]
    fn an_address_to_listen_at_that_is_gone_is_told_once() {
        let mut watch = watch("192.0.2.77:4000");
        assert!(watch.check_bound().unwrap().contains("no longer has"));
        assert_eq!(watch.check_bound(), None);
    }

    #[test]
    fn the_user_is_told_what_changed() {
        let (before, mut now) = (whereabouts("10.0.0.1:1"), whereabouts("10.0.0.2:1"));
        let text = relocation_text(&before, &now, true);
        assert!(text.contains("at 10.0.0.2:1, not at 10.0.0.1:1"), "{text}");
        assert!(text.contains("/invite"), "{text}");
        now.public = Some("chat.example:1".parse().unwrap());
        let text = relocation_text(&before, &now, false);
        assert!(text.contains("still dial chat.example:1"), "{text}");
        assert!(!text.contains("/invite"), "{text}");
    }
}

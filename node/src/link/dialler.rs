//! Dials a node at all its addresses in parallel; the first one that answers wins.
//!
//! A dial that others cause takes a slot (`slots`). A node that is known by hearsay is dialled at no address that is
//! nearer than the node that told of it, so that nobody's word makes a node look into its own machine or network. Not
//! here: whom to dial and when, who is trusted how far (the core).

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ringtalk_director::api::Address;
use ringtalk_proto::Trust;
use ringtalk_wire::{Addresses, NodeId};
use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::slots::{Slot, SlotLimits, Slots};
use super::{Credentials, HalfOpenLink, Link, LinkError, connect, connect_any};
use crate::address::{Distance, canonical, distance};

/// The timeout of a dial: the core expects an answer within 5 s.
const DIAL_TIME: Duration = Duration::from_millis(4_900);
/// The time after which further addresses are tried besides the main ones.
const OTHERS_WAIT: Duration = Duration::from_millis(250);
/// The time after which a check reports that a node is not there.
const CHECK_TIME: Duration = Duration::from_millis(3_300);
/// How long a member may take to answer at an entrance: a user waits for the invite.
const ENTRANCE_TIME: Duration = Duration::from_millis(450);
/// The reason for a failure at several addresses.
const NOBODY: &str = "no answer at any of its addresses";
/// The most addresses that are dialled: a name may stand for many.
const ADDRESSES: usize = 8;
/// The limits on what a node dials for others: as many dials and checks as its core asks for, and some whose slots are
/// still held.
const LIMITS: SlotLimits = SlotLimits {
    all: 24,
    host: 4,
    hold: DIAL_TIME,
};

/// The dialler of one node.
#[derive(Clone, Debug)]
pub(crate) struct Dialler {
    me: Credentials,
    slots: Slots,
}

impl Dialler {
    /// Creates a dialler that has dialled nobody yet.
    pub(crate) fn new(me: Credentials) -> Self {
        Self {
            me,
            slots: Slots::new(LIMITS),
        }
    }

    /// Dials `peer`, and accepts no other node.
    pub(crate) async fn dial(
        &self,
        addresses: Addresses,
        peer: NodeId,
        trust: Trust,
    ) -> Result<Link, DialFailure> {
        let began = Instant::now();
        let slot = match trust {
            Trust::Own => None,
            Trust::Known | Trust::Hearsay { .. } => {
                let slot = timeout(DIAL_TIME, self.slots.take()).await;
                Some(slot.map_err(|_| timeout_failure())?)
            }
        };
        let bounds = Bounds {
            slot: slot.clone(),
            trust,
        };
        let left = DIAL_TIME.saturating_sub(began.elapsed());
        let result = within(left, dial_bounded(&addresses, peer, &self.me, &bounds)).await;
        match (slot, trust) {
            (Some(slot), Trust::Known) if result.is_ok() => slot.give_back(),
            // The failure is reported at a fixed time, when it tells nothing any more.
            (Some(slot), Trust::Hearsay { .. }) if result.is_err() => {
                sleep_until(slot.end()).await;
            }
            _ => {}
        }
        result
    }

    /// Returns at which of the addresses `peer` is, if at any, or `None` if there was no time to look. Nobody there
    /// learns who asks, and a check that fails always takes the same time.
    pub(crate) async fn check(
        &self,
        addresses: &Addresses,
        peer: NodeId,
    ) -> Option<Option<String>> {
        let end = Instant::now() + CHECK_TIME;
        let slot = timeout(CHECK_TIME, self.slots.take()).await.ok()?;
        let bounds = Bounds::of(Arc::clone(&slot));
        let left = end.saturating_duration_since(Instant::now());
        let found = timeout(left, connect_to_peer(addresses, peer, &self.me, &bounds)).await;
        if let Ok(Ok(half_open)) = found {
            slot.give_back();
            return Some(Some(address_of(half_open.address(), addresses)));
        }
        sleep_until(end).await;
        slot.was_used().then_some(None)
    }

    /// Returns true if `peer` answers at this address in time. It does not learn who asks.
    pub(crate) async fn is_at(&self, address: &str, peer: NodeId) -> bool {
        let attempt = async {
            let slot = self.slots.take().await;
            let bounds = Bounds::of(Arc::clone(&slot));
            let found = connect_to_peer(&Addresses::at(address), peer, &self.me, &bounds).await;
            if found.is_ok() {
                slot.give_back();
            }
            found.is_ok()
        };
        timeout(ENTRANCE_TIME, attempt).await.unwrap_or(false)
    }
}

/// Returns the address that stands for a socket. A public address may be a name, which stands for any other socket.
fn address_of(socket: SocketAddr, addresses: &Addresses) -> String {
    let socket = canonical(socket);
    let is_it = |text: &&str| text.parse() == Ok(socket);
    let numeric = addresses.all().find(is_it);
    numeric.unwrap_or(&addresses.public).to_owned()
}

/// The reason why a dial failed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct DialFailure {
    /// The hosts that were dialled, if the peer can be at none of them; else empty.
    pub(crate) refused: Vec<IpAddr>,
    /// A message that the far end speaks another version of the protocol, if it does.
    pub(crate) version: Option<String>,
    /// One of the reasons, in a few words, for people.
    pub(crate) reason: String,
}

/// The limits of a dial.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// The slot that the dial takes, if others cause it.
    slot: Option<Arc<Slot>>,
    trust: Trust,
}

impl Bounds {
    /// No limits: this node itself wants to dial.
    pub(crate) const NONE: Self = Self {
        slot: None,
        trust: Trust::Own,
    };

    /// Returns the limits for addresses that members tell, under this slot.
    pub(crate) const fn of(slot: Arc<Slot>) -> Self {
        Self {
            slot: Some(slot),
            trust: Trust::Known,
        }
    }

    /// Returns true if this address may be dialled. A public one may be a name, so it is judged by what it resolves
    /// to; any other address was seen by the node that told of it.
    fn allow(&self, ip: IpAddr, is_public: bool) -> bool {
        let Trust::Hearsay { teller } = self.trust else {
            return true;
        };
        let nearest = if is_public {
            Distance::Remote
        } else {
            teller.and_then(distance).unwrap_or(Distance::Remote)
        };
        distance(ip).is_some_and(|distance| distance >= nearest)
    }

    /// Returns true if this address may be resolved.
    fn may_resolve(&self, text: &str, is_public: bool) -> bool {
        let is_trusted = !matches!(self.trust, Trust::Hearsay { .. });
        is_trusted || is_public || text.parse::<SocketAddr>().is_ok()
    }
}

/// Dials `peer` at addresses that are known only because members tell them.
pub(crate) async fn dial_with_slot(
    slot: Arc<Slot>,
    addresses: &Addresses,
    peer: NodeId,
    me: &Credentials,
    time: Duration,
) -> Result<Link, DialFailure> {
    let bounds = Bounds::of(Arc::clone(&slot));
    let result = within(time, dial_bounded(addresses, peer, me, &bounds)).await;
    if result.is_ok() {
        slot.give_back();
    }
    result
}

async fn dial_bounded(
    addresses: &Addresses,
    peer: NodeId,
    me: &Credentials,
    bounds: &Bounds,
) -> Result<Link, DialFailure> {
    let half_open = connect_to_peer(addresses, peer, me, bounds).await?;
    half_open.complete().await.map_err(|error| {
        tracing::debug!(?peer, %error, "cannot make a link");
        DialFailure::with_reason(error.describe())
    })
}

async fn within(
    time: Duration,
    attempt: impl Future<Output = Result<Link, DialFailure>>,
) -> Result<Link, DialFailure> {
    timeout(time, attempt)
        .await
        .unwrap_or_else(|_| Err(timeout_failure()))
}

fn timeout_failure() -> DialFailure {
    DialFailure::with_reason(format!("no answer within {} s", DIAL_TIME.as_secs_f32()))
}

/// Dials `peer` until it shows that it is there; the caller decides what follows.
pub(crate) async fn connect_to_peer(
    addresses: &Addresses,
    peer: NodeId,
    me: &Credentials,
    bounds: &Bounds,
) -> Result<HalfOpenLink, DialFailure> {
    let main = Addresses {
        others: Vec::new(),
        ..addresses.clone()
    };
    let dials = connect_at(&main, peer, me, bounds);
    tokio::pin!(dials);
    if addresses.others.is_empty() {
        return dials.await;
    }
    let further = Addresses {
        others: addresses.others.clone(),
        ..Addresses::default()
    };
    let others = connect_at(&further, peer, me, bounds);
    match timeout(OTHERS_WAIT, &mut dials).await {
        // If all of these refuse, the process is most probably gone, and the caller should know that soon.
        Ok(Err(failure)) if failure.refused.is_empty() => others.await.map_err(|_| failure),
        Ok(found) => found,
        Err(_) => {
            tokio::pin!(others);
            tokio::select! {
                Ok(half_open) = &mut dials => Ok(half_open),
                Ok(half_open) = &mut others => Ok(half_open),
                else => Err(DialFailure::with_reason(NOBODY.to_owned())),
            }
        }
    }
}

async fn connect_at(
    addresses: &Addresses,
    peer: NodeId,
    me: &Credentials,
    bounds: &Bounds,
) -> Result<HalfOpenLink, DialFailure> {
    let (found, all_known) = resolve(addresses, bounds).await;
    let found = connect_first(found, Some(peer), me, bounds).await;
    found.map_err(|mut failure| {
        if !all_known {
            failure.refused.clear();
        }
        failure
    })
}

/// Dials any node at `address`.
pub(crate) async fn dial_any(address: &Address, me: Credentials) -> Result<Link, DialFailure> {
    let addresses = Addresses::at(address.as_str());
    let (found, _) = resolve(&addresses, &Bounds::NONE).await;
    let half_open = connect_first(found, None, &me, &Bounds::NONE).await?;
    half_open
        .complete()
        .await
        .map_err(|_| DialFailure::default())
}

/// Returns the sockets behind the addresses that may be dialled, and whether the addresses stand for nothing else.
async fn resolve(addresses: &Addresses, bounds: &Bounds) -> (Vec<SocketAddr>, bool) {
    let mut found = Vec::new();
    let mut all_known = true;
    for text in addresses.all() {
        let is_public = text == addresses.public;
        if !bounds.may_resolve(text, is_public) {
            all_known = false;
            continue;
        }
        let known = text.parse::<Address>().is_ok();
        match lookup_host(text).await {
            Ok(sockets) if known => {
                for socket in sockets {
                    let is_allowed = bounds.allow(socket.ip(), is_public);
                    all_known &= is_allowed;
                    found.extend(is_allowed.then_some(socket));
                }
            }
            _ => all_known = false,
        }
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(ADDRESSES);
    (found, all_known)
}

/// Returns the first node that shows itself: `peer`, or any node if none is given.
async fn connect_first(
    found: Vec<SocketAddr>,
    peer: Option<NodeId>,
    me: &Credentials,
    bounds: &Bounds,
) -> Result<HalfOpenLink, DialFailure> {
    let mut failure = DialFailure {
        refused: found.iter().map(SocketAddr::ip).collect(),
        ..DialFailure::with_reason("its host name cannot be resolved".to_owned())
    };
    let mut attempts = JoinSet::new();
    for address in found {
        let (me, slot) = (me.clone(), bounds.slot.clone());
        attempts.spawn(async move {
            if let Some(slot) = slot {
                slot.enter(address.ip()).await;
            }
            let half_open = match peer {
                Some(peer) => connect(address, &me, peer).await,
                None => connect_any(address, &me).await,
            };
            (address, half_open)
        });
    }
    while let Some(attempt) = attempts.join_next().await {
        let Ok((address, half_open)) = attempt else {
            continue;
        };
        match half_open {
            Ok(half_open) => return Ok(half_open),
            Err(error) => {
                tracing::debug!(?peer, %address, %error, "cannot make a link");
                failure.add(&error);
            }
        }
    }
    Err(failure)
}

impl DialFailure {
    /// Returns a failure that proves nothing.
    fn with_reason(reason: String) -> Self {
        Self {
            reason,
            ..Self::default()
        }
    }

    fn add(&mut self, error: &LinkError) {
        if !error.is_refusal() {
            self.refused.clear();
        }
        self.reason = error.describe();
        if let LinkError::Preface(ringtalk_wire::PrefaceError::Version(_)) = error {
            self.version = Some(error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::link::test_support::credentials;
    use crate::link::{ReplayFilter, accept};

    /// Dials without limits.
    async fn dial(
        addresses: Addresses,
        peer: NodeId,
        me: Credentials,
    ) -> Result<Link, DialFailure> {
        Dialler::new(me).dial(addresses, peer, Trust::Own).await
    }

    async fn listener() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (listener, address)
    }

    #[tokio::test]
    async fn two_addresses_of_one_node_make_one_link() {
        let (one, internal) = listener().await;
        let (other, public) = listener().await;
        let (sender, mut links) = tokio::sync::mpsc::channel(2);
        for listener in [one, other] {
            let sender = sender.clone();
            tokio::spawn(async move {
                let (stream, address) = listener.accept().await.unwrap();
                let (me, replay_filter) = (credentials(2), ReplayFilter::default());
                sender
                    .send(accept(stream, address, &me, &replay_filter).await)
                    .await
            });
        }
        let addresses = Addresses {
            public,
            ..Addresses::at(internal)
        };
        let link = dial(addresses, credentials(2).id(), credentials(1))
            .await
            .unwrap();
        assert_eq!(link.peer, credentials(2).id());
        let ends = [links.recv().await.unwrap(), links.recv().await.unwrap()];
        let made = ends.iter().filter(|end| end.is_ok()).count();
        assert_eq!(made, 1);
    }

    #[tokio::test]
    async fn a_dead_process_is_a_refusal() {
        let (gone, internal) = listener().await;
        drop(gone);
        let addresses = Addresses::at(internal);
        let failure = dial(addresses, credentials(2).id(), credentials(1))
            .await
            .unwrap_err();
        assert_eq!(failure.refused, [IpAddr::from([127, 0, 0, 1])]);
    }

    #[tokio::test]
    async fn an_invalid_address_proves_nothing() {
        let (gone, public) = listener().await;
        drop(gone);
        for internal in ["nonsense", "no.such.host.invalid:1", "a b:1"] {
            let addresses = Addresses {
                public: public.clone(),
                ..Addresses::at(internal)
            };
            let failure = dial(addresses, credentials(2).id(), credentials(1))
                .await
                .unwrap_err();
            assert!(failure.refused.is_empty(), "{internal}");
        }
        let nowhere = Addresses::default();
        let failure = dial(nowhere, credentials(2).id(), credentials(1))
            .await
            .unwrap_err();
        assert!(failure.refused.is_empty());
    }

    /// Dials a node of this machine on hearsay. Returns true if it had a visitor.
    async fn hearsay_leads_to(
        listener: TcpListener,
        addresses: Addresses,
        teller: Option<IpAddr>,
    ) -> bool {
        let dialler = Dialler::new(credentials(1));
        let trust = Trust::Hearsay { teller };
        tokio::select! {
            visitor = listener.accept() => visitor.is_ok(),
            result = dialler.dial(addresses, credentials(2).id(), trust) => {
                assert!(result.unwrap_err().refused.is_empty());
                false
            }
        }
    }

    #[tokio::test]
    async fn hearsay_leads_no_nearer_than_its_teller() {
        let remote = Some(IpAddr::from([192, 0, 2, 1]));
        for teller in [None, remote] {
            let (near, address) = listener().await;
            let addresses = Addresses::at(address);
            assert!(!hearsay_leads_to(near, addresses, teller).await);
        }
        // A node on this machine may tell of another one here.
        let (near, address) = listener().await;
        let local = Some(IpAddr::from([127, 0, 0, 1]));
        assert!(hearsay_leads_to(near, Addresses::at(address), local).await);
    }

    #[tokio::test]
    async fn a_public_address_must_be_remote_and_any_other_must_be_numeric() {
        let local = Some(IpAddr::from([127, 0, 0, 1]));
        let (near, address) = listener().await;
        let named = address.replace("127.0.0.1", "localhost");
        let addresses = Addresses {
            public: named.clone(),
            ..Addresses::default()
        };
        assert!(!hearsay_leads_to(near, addresses, local).await);
        let (near, _) = listener().await;
        assert!(!hearsay_leads_to(near, Addresses::at(named), local).await);
    }

    #[tokio::test]
    async fn a_failed_dial_on_hearsay_takes_a_fixed_time() {
        let (open, address) = listener().await;
        let (closed, gone) = listener().await;
        drop(closed);
        let teller = Some(IpAddr::from([127, 0, 0, 1]));
        let dialler = Dialler::new(credentials(1));
        let took = async |address: &str| {
            let began = Instant::now();
            let trust = Trust::Hearsay { teller };
            let peer = credentials(2).id();
            let result = dialler.dial(Addresses::at(address), peer, trust).await;
            assert!(result.is_err());
            began.elapsed().as_secs_f32()
        };
        let times = tokio::join!(
            took(&address),
            took(&gone),
            took("no.such.host.invalid:1"),
            took("169.254.1.1:1")
        );
        let fixed = DIAL_TIME.as_secs_f32();
        for time in [times.0, times.1, times.2, times.3] {
            assert!((fixed..fixed + 0.5).contains(&time), "{times:?}");
        }
        drop(open);
    }

    #[tokio::test]
    async fn a_failed_check_takes_a_fixed_time() {
        let (closed, gone) = listener().await;
        drop(closed);
        let dialler = Dialler::new(credentials(1));
        let began = Instant::now();
        let found = dialler
            .check(&Addresses::at(gone), credentials(2).id())
            .await;
        assert_eq!(found, Some(None));
        assert!(began.elapsed() >= CHECK_TIME);
    }
}

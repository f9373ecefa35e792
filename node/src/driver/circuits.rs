//! Circuits: connections between two nodes through a third one, the carrier.
//!
//! Each end has its own connection to the carrier, identified by a ticket in its handshake. From then on the carrier
//! copies what comes from one end to the other (`carrier`). It cannot read that, since the two make their link over
//! it as over any other connection. Not here: who asks whom for a circuit, how many there are (the core), and circuits
//! that a director carries (`director_circuits`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringtalk_wire::{Addresses, NodeId, Ticket};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::carrier::MemberCarrier;
use super::inbox::{DriverEvent, Inbox};
use crate::link::dialler::{Bounds, DialFailure, connect_to_peer};
use crate::link::{
    Credentials, Link, LinkError, ReplayFilter, accept_over_circuit, connect_over_circuit,
};

/// The time for the ends to connect, and to make their link.
const MEETING_TIME: Duration = Duration::from_secs(5);
/// The extra time for both ends together, so that each one's own timeout comes first.
const ALLOWANCE: Duration = Duration::from_secs(1);
/// The most connections that are kept for circuits that this node does not know yet, in all and of one node.
const EARLY: usize = 16;
const EARLY_OF_NODE: usize = 2;

/// The peer that connects, and its ticket.
type Key = (NodeId, Ticket);

/// The circuits of this node, whose halves meet here.
#[derive(Clone, Debug)]
pub(crate) struct Circuits {
    me: Credentials,
    replay_filter: ReplayFilter,
    inbox: Inbox,
    halves: Arc<Mutex<HashMap<Key, Half>>>,
    carrier: MemberCarrier,
    /// The circuits that this node carries, by number.
    carried: Arc<Mutex<HashMap<u64, AbortHandle>>>,
}

/// Half of a circuit: its connection, or the task that uses it, is still missing.
#[derive(Debug)]
enum Half {
    /// A task waits for the connection.
    Awaited(oneshot::Sender<TcpStream>),
    /// The connection came before a task waited for it.
    Early(TcpStream),
}

impl Circuits {
    /// Returns a node's state without circuits.
    pub(crate) fn new(me: Credentials, replay_filter: ReplayFilter, inbox: Inbox) -> Self {
        Self {
            me,
            replay_filter,
            carrier: MemberCarrier::new(inbox.clone()),
            inbox,
            halves: Arc::default(),
            carried: Arc::default(),
        }
    }

    /// Takes in a connection that a peer has made for a circuit.
    pub(crate) fn add_connection(&self, peer: NodeId, ticket: Ticket, stream: TcpStream) {
        let key = (peer, ticket);
        let mut halves = lock(&self.halves);
        if let Some(Half::Awaited(waiting)) = halves.remove(&key) {
            // A task that does not wait any more has given up.
            let _ = waiting.send(stream);
            return;
        }
        let early = halves
            .iter()
            .filter(|(_, half)| matches!(half, Half::Early(_)));
        let of_node = early.clone().filter(|((one, _), _)| *one == peer).count();
        if early.count() < EARLY && of_node < EARLY_OF_NODE {
            halves.insert(key, Half::Early(stream));
            drop(halves);
            let circuits = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(MEETING_TIME).await;
                circuits.forget(&key);
            });
        }
    }

    /// Makes a link to `peer` over a circuit, in the background. If that succeeds, the link goes to the inbox.
    pub(crate) fn link(
        &self,
        ticket: Ticket,
        carrier: Option<Addresses>,
        peer: NodeId,
        dials: bool,
    ) {
        let half = self.connect_half((ticket.relay, ticket), carrier);
        let this = self.clone();
        tokio::spawn(async move {
            let limit = MEETING_TIME + ALLOWANCE;
            let made = timeout(limit, this.meet(half, peer, dials)).await;
            match made.unwrap_or(Err(LinkError::Silent)) {
                Ok(link) => {
                    let link = Box::new(link);
                    let event = DriverEvent::Linked {
                        link,
                        dialled: dials,
                    };
                    let _ = this.inbox.send(event).await;
                }
                Err(error) => {
                    tracing::debug!(?peer, relay = ?ticket.relay, %error, "cannot make a link over a circuit");
                }
            }
        });
    }

    async fn meet(
        &self,
        half: impl Future<Output = Option<TcpStream>>,
        peer: NodeId,
        dials: bool,
    ) -> Result<Link, LinkError> {
        let stream = half.await.ok_or(LinkError::Silent)?;
        self.link_over(Vec::new(), stream, peer, dials).await
    }

    /// Makes a link to `peer` over a circuit that is there. `opening` is what was read of it already.
    pub(super) async fn link_over(
        &self,
        opening: Vec<u8>,
        stream: TcpStream,
        peer: NodeId,
        dials: bool,
    ) -> Result<Link, LinkError> {
        let address = stream.peer_addr()?;
        if !dials {
            let (me, replay_filter) = (&self.me, &self.replay_filter);
            let link = accept_over_circuit(opening, stream, address, me, replay_filter).await?;
            return if link.peer == peer {
                Ok(link)
            } else {
                Err(LinkError::OtherNode(link.peer))
            };
        }
        if !opening.is_empty() {
            // The other end waits for this one to begin.
            return Err(LinkError::Handshake);
        }
        let half_open = connect_over_circuit(stream, address, &self.me, peer).await?;
        half_open.complete().await
    }

    /// Copies what two nodes say to each other, until one has no more to say. The first dials over the circuit.
    pub(crate) fn splice(&self, ticket: Ticket, ends: [(NodeId, Option<Addresses>); 2]) {
        let nodes = ends.each_ref().map(|(peer, _)| *peer);
        let [one, other] =
            ends.map(|(peer, addresses)| self.connect_half((peer, ticket), addresses));
        let (this, number) = (self.clone(), ticket.number);
        let task = tokio::spawn(async move {
            let limit = MEETING_TIME + ALLOWANCE;
            let both = timeout(limit, async { tokio::join!(one, other) }).await;
            if let Ok((Some(one), Some(other))) = both {
                this.carrier.carry(nodes, [one, other]).await;
            }
            lock(&this.carried).remove(&number);
            let _ = this.inbox.send(DriverEvent::CircuitOver { number }).await;
        });
        let mut carried = lock(&self.carried);
        carried.retain(|_, task| !task.is_finished());
        carried.insert(number, task.abort_handle());
    }

    /// Stops carrying this circuit.
    pub(crate) fn unsplice(&self, number: u64) {
        if let Some(task) = lock(&self.carried).remove(&number) {
            task.abort();
        }
    }

    /// Returns the connection of one end: dialled at `addresses`, if there are any, else awaited.
    fn connect_half(
        &self,
        key: Key,
        addresses: Option<Addresses>,
    ) -> impl Future<Output = Option<TcpStream>> + Send + use<> {
        let awaited = addresses.is_none().then(|| self.await_connection(key));
        let this = self.clone();
        async move {
            if let Some(addresses) = addresses {
                return this.dial_half(&addresses, key).await.ok();
            }
            let mut awaited = awaited?;
            let stream = timeout(MEETING_TIME, &mut awaited.connection).await;
            stream.ok()?.ok()
        }
    }

    fn await_connection(&self, key: Key) -> AwaitedHalf {
        let (sender, connection) = oneshot::channel();
        let mut halves = lock(&self.halves);
        match halves.remove(&key) {
            Some(Half::Early(stream)) => drop(sender.send(stream)),
            _ => drop(halves.insert(key, Half::Awaited(sender))),
        }
        drop(halves);
        let circuits = self.clone();
        AwaitedHalf {
            circuits,
            key,
            connection,
        }
    }

    async fn dial_half(
        &self,
        addresses: &Addresses,
        (peer, ticket): Key,
    ) -> Result<TcpStream, DialFailure> {
        let half_open = connect_to_peer(addresses, peer, &self.me, &Bounds::NONE).await?;
        let entered = half_open.enter_circuit(ticket).await;
        entered.map_err(|_| DialFailure::default())
    }

    fn forget(&self, key: &Key) {
        let mut halves = lock(&self.halves);
        halves.remove(key);
    }
}

/// A connection that a task waits for. Its half is forgotten when the task ends, for whatever reason.
struct AwaitedHalf {
    circuits: Circuits,
    key: Key,
    connection: oneshot::Receiver<TcpStream>,
}

impl Drop for AwaitedHalf {
    fn drop(&mut self) {
        self.circuits.forget(&self.key);
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::Frame;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;
    use crate::driver::listener::listen;
    use crate::link::test_support::credentials;
    use crate::reception::Reception;
    use crate::secret::Secret;

    /// A node that listens, and its inbox.
    struct Host {
        circuits: Circuits,
        addresses: Addresses,
        events: mpsc::Receiver<DriverEvent>,
    }

    async fn host(number: u8) -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let addresses = Addresses::at(address.to_string());
        let (inbox, events) = mpsc::channel(8);
        let (me, replay_filter) = (credentials(number), ReplayFilter::default());
        let circuits = Circuits::new(me.clone(), replay_filter.clone(), inbox.clone());
        let (_, http) = Reception::new(me.id(), &Secret::open(), address, [number; 16]);
        let task = listen(listener, me, replay_filter, circuits.clone(), inbox, http);
        tokio::spawn(task);
        Host {
            circuits,
            addresses,
            events,
        }
    }

    async fn linked(host: &mut Host) -> Box<Link> {
        match host.events.recv().await.unwrap() {
            DriverEvent::Linked { link, .. } => link,
            other => panic!("{other:?}"),
        }
    }

    fn ticket(relay: u8) -> Ticket {
        let (relay, number) = (credentials(relay).id(), 7);
        Ticket { relay, number }
    }

    #[tokio::test]
    async fn two_nodes_link_over_a_third_that_both_reach() {
        let [mut near, mut far, mut carrier] = [host(1).await, host(2).await, host(3).await];
        let ids = [1, 2].map(|number| credentials(number).id());
        // The carrier dials one of them, and the other one dials the carrier.
        let ends = [(ids[0], None), (ids[1], Some(far.addresses.clone()))];
        carrier.circuits.splice(ticket(3), ends);
        far.circuits.link(ticket(3), None, ids[0], false);
        let there = Some(carrier.addresses.clone());
        near.circuits.link(ticket(3), there, ids[1], true);
        let (near_link, mut far_link) = tokio::join!(linked(&mut near), linked(&mut far));
        assert_eq!((near_link.peer, far_link.peer), (ids[1], ids[0]));
        assert!(near_link.carried && far_link.carried);
        let mut writer = near_link.writer;
        let ping = Frame::Ping(5);
        writer.add(ping.class(), &ringtalk_wire::encode(&ping));
        writer.write().await.unwrap();
        assert_eq!(far_link.reader.next().await.unwrap(), Some(Frame::Ping(5)));
        drop((writer, near_link.reader));
        assert!(matches!(far_link.reader.next().await, Ok(None) | Err(_)));
        drop(far_link);
        let over = carrier.events.recv().await.unwrap();
        assert!(
            matches!(over, DriverEvent::CircuitOver { number: 7 }),
            "{over:?}"
        );
        for one in [near, far, carrier] {
            assert!(lock(&one.circuits.halves).is_empty());
            assert!(lock(&one.circuits.carried).is_empty());
        }
    }

    #[tokio::test]
    async fn another_node_at_the_far_end_gets_no_link() {
        let [mut near, far, carrier] = [host(1).await, host(2).await, host(3).await];
        let ids = [1, 2].map(|number| credentials(number).id());
        let ends = [(ids[0], None), (ids[1], Some(far.addresses.clone()))];
        carrier.circuits.splice(ticket(3), ends);
        far.circuits.link(ticket(3), None, ids[0], false);
        let wanted = credentials(4).id();
        near.circuits
            .link(ticket(3), Some(carrier.addresses.clone()), wanted, true);
        let nothing = timeout(Duration::from_secs(1), near.events.recv()).await;
        assert!(nothing.is_err(), "{nothing:?}");
    }

    #[tokio::test]
    async fn a_circuit_that_stops_before_its_ends_come_leaves_nothing_behind() {
        let carrier = host(3).await;
        let ids = [1, 2].map(|number| credentials(number).id());
        let ends = ids.map(|id| (id, None));
        carrier.circuits.splice(ticket(3), ends);
        assert_eq!(lock(&carrier.circuits.halves).len(), 2);
        carrier.circuits.unsplice(7);
        let forgotten = async {
            while !lock(&carrier.circuits.halves).is_empty() {
                tokio::task::yield_now().await;
            }
        };
        timeout(MEETING_TIME / 5, forgotten).await.expect("at once");
    }

    #[tokio::test]
    async fn a_link_breaks_when_its_circuit_stops() {
        let [mut near, mut far, carrier] = [host(1).await, host(2).await, host(3).await];
        let ids = [1, 2].map(|number| credentials(number).id());
        let ends = [
            (ids[0], Some(near.addresses.clone())),
            (ids[1], Some(far.addresses.clone())),
        ];
        carrier.circuits.splice(ticket(3), ends);
        far.circuits.link(ticket(3), None, ids[0], false);
        near.circuits.link(ticket(3), None, ids[1], true);
        let (near_link, mut far_link) = tokio::join!(linked(&mut near), linked(&mut far));
        carrier.circuits.unsplice(7);
        assert!(matches!(far_link.reader.next().await, Ok(None) | Err(_)));
        drop(near_link);
    }
}

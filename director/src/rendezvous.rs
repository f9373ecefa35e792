//! The rendezvous of two nodes that cannot reach each other: both ask this director for a circuit between them.
//!
//! The first to ask waits for the other. Then the director carries what they say to each other, and cannot read it. Not
//! here: the copying (`carrier`), and who may ask (`authorization`).

use std::collections::HashMap;
use std::future::pending;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use ringtalk_wire::NodeId;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::api::CIRCUIT_HOLD;
use crate::carrier::{CIRCUIT_RATE, Carrier};
use crate::discussions::DiscussionRef;
use crate::seats::{Seat, Seats};

/// The rate of all circuits of a director in bytes a second, 67 Mbit/s: each byte also comes in.
const ALL_RATE: u64 = 8 * CIRCUIT_RATE;
/// How long the connections of the two ends may take to become raw after the answer.
const UPGRADE_TIME: Duration = Duration::from_secs(5);
/// How long the two ends may take for their handshake, and its least number of bytes. Otherwise ends that say nothing
/// would keep others out.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
const HANDSHAKE_BYTES: u64 = 300;
/// The fewest ends that may wait, however few circuits there are.
const LEAST_WAITING: usize = 64;

/// The circuits of a director. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Rendezvous(Arc<SharedCircuits>);

#[derive(Debug)]
struct SharedCircuits {
    carrier: Carrier,
    most_ends: usize,
    /// A seat for each end that waits: those of others never cost an open circuit its seat.
    waiting_seats: Seats,
    /// A seat for each end of an open circuit.
    seats: Seats,
    calls_ever: AtomicU64,
    waiting: Mutex<HashMap<MeetingKey, WaitingEnd>>,
    open: AtomicUsize,
}

/// A discussion, and the two nodes in it, the lower id first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct MeetingKey(DiscussionRef, [NodeId; 2]);

/// An end that waits for the other.
#[derive(Debug)]
struct WaitingEnd {
    node: NodeId,
    household: IpAddr,
    call: u64,
    /// Takes the other end when it comes.
    sender: oneshot::Sender<CircuitEnd>,
}

/// One end of a circuit. Its connection becomes raw once its request has been answered.
#[derive(Debug)]
struct CircuitEnd {
    upgrade: OnUpgrade,
    household: IpAddr,
    _waiting: Seat,
}

/// The seats of the two ends of an open circuit, and the notification that they are lost.
struct CircuitSeats {
    _seats: [Seat; 2],
    eviction: Arc<Notify>,
}

/// The reason why there is no circuit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoCircuit {
    /// The director carries as many as it may.
    Crowded,
    /// The other end did not ask in time.
    Alone,
    /// The director is stopping.
    Closing,
}

impl Rendezvous {
    /// Creates the rendezvous of a director that carries this many circuits at most. One household may have half of
    /// the ends.
    pub(crate) fn new(circuits: usize) -> Self {
        let most_ends = 2 * circuits;
        Self(Arc::new(SharedCircuits {
            carrier: Carrier::new(ALL_RATE),
            most_ends,
            waiting_seats: Seats::new(
                most_ends.max(LEAST_WAITING),
                circuits.max(LEAST_WAITING / 2),
            ),
            seats: Seats::new(most_ends, circuits.max(2)),
            calls_ever: AtomicU64::new(0),
            waiting: Mutex::default(),
            open: AtomicUsize::new(0),
        }))
    }

    /// Waits until both nodes have asked for a circuit to each other, at most [`CIRCUIT_HOLD`]. The circuit begins as
    /// soon as both requests have been answered.
    pub(crate) async fn meet(
        &self,
        discussion: DiscussionRef,
        (node, peer): (NodeId, NodeId),
        household: IpAddr,
        upgrade: OnUpgrade,
        mut closing: watch::Receiver<bool>,
    ) -> Result<(), NoCircuit> {
        let eviction = Arc::default();
        let waiting = self.0.waiting_seats.take(household, &eviction);
        let mut end = CircuitEnd {
            upgrade,
            household,
            _waiting: waiting.ok_or(NoCircuit::Crowded)?,
        };
        let key = MeetingKey(discussion, [node.min(peer), node.max(peer)]);
        let (sender, receiver) = oneshot::channel();
        let call = {
            let mut waiting = self.lock();
            if let Some(first) = waiting.remove(&key) {
                if first.node == peer {
                    match first.sender.send(end) {
                        Ok(()) => return Ok(()),
                        Err(own) => end = own,
                    }
                } else if first.household != household && !first.sender.is_closed() {
                    // A request that somebody repeats elsewhere must not take the place of its sender.
                    waiting.insert(key, first);
                    return Err(NoCircuit::Crowded);
                }
            }
            // This replaces an earlier call of this node, which ends.
            let call = self.0.calls_ever.fetch_add(1, Ordering::Relaxed);
            let waiting_end = WaitingEnd {
                node,
                household,
                call,
                sender,
            };
            waiting.insert(key, waiting_end);
            call
        };
        let _place = Place {
            rendezvous: self,
            key,
            call,
        };
        let other = tokio::select! {
            other = timeout(CIRCUIT_HOLD, receiver) => other.ok().and_then(Result::ok),
            () = eviction.notified() => return Err(NoCircuit::Crowded),
            _ = closing.wait_for(|closing| *closing) => return Err(NoCircuit::Closing),
        };
        let other = other.ok_or(NoCircuit::Alone)?;
        let seats = self.seat([end.household, other.household]);
        let seats = seats.ok_or(NoCircuit::Crowded)?;
        let upgrades = if node < peer {
            [end.upgrade, other.upgrade]
        } else {
            [other.upgrade, end.upgrade]
        };
        tokio::spawn(self.clone().carry(upgrades, seats, closing));
        Ok(())
    }

    /// Takes the seats of a circuit, if there is room for it.
    fn seat(&self, households: [IpAddr; 2]) -> Option<CircuitSeats> {
        let eviction = Arc::default();
        Some(CircuitSeats {
            _seats: self.0.seats.take_all(households, &eviction)?,
            eviction,
        })
    }

    /// Returns the most connections that can be ends of circuits.
    pub(crate) fn most_ends(&self) -> usize {
        self.0.most_ends
    }

    /// Returns the number of circuits that are open.
    pub(crate) fn open_count(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Carries a circuit until one end closes it, a seat is lost, or the director stops. The first end dials over it.
    async fn carry(
        self,
        [one, other]: [OnUpgrade; 2],
        seats: CircuitSeats,
        mut closing: watch::Receiver<bool>,
    ) {
        let upgrades = async { tokio::try_join!(one, other) };
        let Ok(Ok((first, second))) = timeout(UPGRADE_TIME, upgrades).await else {
            return;
        };
        self.0.open.fetch_add(1, Ordering::Relaxed);
        let ends = [first, second].map(TokioIo::new);
        let carried = AtomicU64::new(0);
        let count = |bytes| carried.store(bytes, Ordering::Relaxed);
        let no_handshake = async {
            sleep(HANDSHAKE_TIME).await;
            if carried.load(Ordering::Relaxed) >= HANDSHAKE_BYTES {
                pending::<()>().await;
            }
        };
        tokio::select! {
            () = self.0.carrier.carry(ends, count) => {}
            () = no_handshake => {}
            () = seats.eviction.notified() => {}
            // An error means that the director was dropped.
            _ = closing.wait_for(|closing| *closing) => {}
        }
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Ignores poisoning: a map is consistent between any two calls of it.
    fn lock(&self) -> MutexGuard<'_, HashMap<MeetingKey, WaitingEnd>> {
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a call that waits, until it is answered or its caller is gone.
struct Place<'a> {
    rendezvous: &'a Rendezvous,
    key: MeetingKey,
    call: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.rendezvous.lock();
        if waiting
            .get(&self.key)
            .is_some_and(|end| end.call == self.call)
        {
            waiting.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests;

//! A lying member: it has the secret, is admitted like any other, and runs the real core of the protocol; it also
//! sends any frame that a test wants to any member, under its own signature.
//!
//! Not here: its core and its links (`driver`), and its lies (the tests).

mod driver;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ringtalk_node::identity::Identity;
use ringtalk_node::secret::Secret;
use ringtalk_proto::View;
use ringtalk_wire::{
    Channel, Frame, Item, NodeId, Opening, RingId, Seal, Sealed, ShortId, encode_item, item_to_sign,
};
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::UnboundedSender;

use crate::director::Director;
use crate::registrant::Registrant;
use crate::wait;
use driver::{DriverEvent, LiarDriver, LinkQueue};

/// The time limit for joining, and for getting the links that a member has.
const JOIN_TIMEOUT: Duration = Duration::from_secs(15);

/// Returns the ring of every discussion that has no secret.
pub fn open_lobby() -> RingId {
    RingId::lobby(&Secret::open().discussion())
}

/// A lying member. When it is dropped it disappears without leaving.
#[derive(Debug)]
pub struct Liar {
    identity: Identity,
    state: Arc<Mutex<LiarState>>,
    events: UnboundedSender<DriverEvent>,
    thread: Option<JoinHandle<()>>,
    /// The runtime on which a test waits for room on a link.
    runtime: Runtime,
}

/// The liar's knowledge of the ring.
#[derive(Debug, Default)]
struct LiarState {
    view: Option<Arc<View>>,
    /// The views of the rooms that it is in.
    rooms: BTreeMap<RingId, Arc<View>>,
    /// The frames that came on channels of rooms, or were about one.
    of_rooms: Vec<Frame>,
    linked: BTreeMap<NodeId, LinkQueue>,
    bundles: Vec<Sealed>,
    openings: Vec<Opening>,
    address: Option<SocketAddr>,
    /// How many more requests for messages it answers; `None` is no limit.
    pulls: Option<usize>,
}

impl Liar {
    /// Joins the open discussion that a director knows.
    ///
    /// # Panics
    ///
    /// If it does not get in.
    #[track_caller]
    pub fn join(director: &Director, name: &str) -> Self {
        let liar = Self::start(name, Some(director.address()));
        wait::until("the liar is a member", JOIN_TIMEOUT, &[director], || {
            let state = liar.state();
            let is_in = state.view.as_ref().is_some_and(|view| {
                let linked = view
                    .members()
                    .filter(|one| state.linked.contains_key(&one.id));
                view.contains(&liar.id()) && linked.count() + 1 == view.len().min(5)
            });
            is_in.then_some(()).ok_or(format!("{state:?}"))
        });
        liar
    }

    /// Founds a discussion of its own, without a director.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    #[track_caller]
    pub fn found(name: &str) -> Self {
        let liar = Self::start(name, None);
        wait::until("the liar is alone", JOIN_TIMEOUT, &[], || {
            liar.state().view.as_ref().map(|_| ()).ok_or("not yet")
        });
        liar
    }

    fn start(name: &str, director: Option<SocketAddr>) -> Self {
        let identity = Identity::generate().expect("random numbers");
        let state = Arc::default();
        let driver = LiarDriver::new(&identity, name, director, &state);
        let (driver, events) = driver.expect("a free port");
        Self {
            identity,
            state,
            events,
            thread: Some(std::thread::spawn(move || driver.run())),
            runtime: Builder::new_current_thread().build().expect("a runtime"),
        }
    }

    /// Sends messages, as an honest member does.
    pub fn say(&self, texts: Vec<String>) {
        let _ = self.events.send(DriverEvent::Say(texts));
    }

    /// Joins a room, as an honest member does.
    ///
    /// # Panics
    ///
    /// If it does not get in.
    #[track_caller]
    pub fn join_room(&self, room: RingId) {
        let _ = self.events.send(DriverEvent::Join(room));
        wait::until("the liar is in the room", JOIN_TIMEOUT, &[], || {
            let state = self.state();
            let view = state.rooms.get(&room);
            let is_in = view.is_some_and(|view| view.contains(&self.id()));
            is_in.then_some(()).ok_or(format!("{view:?}"))
        });
    }

    /// Returns the frames that it received on channels of rooms, or about such a channel.
    pub fn frames_of_rooms(&self) -> Vec<Frame> {
        self.state().of_rooms.clone()
    }

    /// Sends a frame that a test made in a room, if there is a channel.
    pub fn send_in_room(&self, to: NodeId, room: RingId, frame: Frame) {
        let _ = self
            .events
            .send(DriverEvent::SendInRoom(to, room, Box::new(frame)));
    }

    /// Limits how many more requests for messages it answers.
    pub fn limit_answered_pulls(&self, pulls: usize) {
        self.state().pulls = Some(pulls);
    }

    /// Returns the address that others dial.
    ///
    /// # Panics
    ///
    /// Never: it listens before a test gets it.
    pub fn address(&self) -> SocketAddr {
        self.state().address.expect("it listens")
    }

    /// Returns a client of a director with the liar's key.
    pub fn registrant(&self) -> Registrant {
        Registrant::of_node(self.identity.clone())
    }

    /// Returns its id.
    pub fn id(&self) -> NodeId {
        self.identity.id()
    }

    /// Returns its view.
    ///
    /// # Panics
    ///
    /// Never: a member has a view.
    pub fn view(&self) -> Arc<View> {
        self.state().view.clone().expect("it has joined")
    }

    /// Sends a frame that a test made, and waits for a link to the member if there is none yet.
    ///
    /// # Panics
    ///
    /// If there is no link in time.
    #[track_caller]
    pub fn send(&self, to: NodeId, frame: Frame) {
        wait::until("the liar has a link", JOIN_TIMEOUT, &[], || {
            let is_linked = self.state().linked.contains_key(&to);
            is_linked.then_some(()).ok_or("not linked")
        });
        let _ = self
            .events
            .send(DriverEvent::SendFrame(to, Box::new(frame)));
    }

    /// Sends a frame that a test made, bypassing the core, as soon as the link has room. Returns false if there is
    /// no link.
    pub fn send_with_backpressure(&self, to: &NodeId, frame: &Frame) -> bool {
        let queue = self.state().linked.get(to).cloned();
        queue.is_some_and(|queue| self.runtime.block_on(queue.send(frame)))
    }

    /// Signs these bytes with its own key.
    pub fn seal_bytes(&self, bytes: &[u8]) -> Seal {
        Seal {
            key: self.identity.public_key(),
            signature: self.identity.sign(bytes),
        }
    }

    /// Encodes and signs a bundle or an announcement with its own key.
    pub fn seal(&self, item: &impl Serialize) -> Sealed {
        let raw = encode_item(item);
        let seal = self.seal_bytes(&item_to_sign(open_lobby(), &raw));
        Sealed { raw, seal }
    }

    /// Returns the bundles of an author that it has received.
    pub fn bundles_of(&self, author: NodeId) -> Vec<Sealed> {
        let state = self.state();
        let of_author = state.bundles.iter();
        let of_author = of_author.filter(|sealed| sealed.seal.signer() == author);
        of_author.cloned().collect()
    }

    /// Returns the openings that it received in `stand` frames: requests for a second signature, and answers with
    /// one.
    pub fn openings(&self) -> Vec<Opening> {
        self.state().openings.clone()
    }

    fn state(&self) -> MutexGuard<'_, LiarState> {
        lock(&self.state)
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        let _ = self.events.send(DriverEvent::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(state: &Mutex<LiarState>) -> MutexGuard<'_, LiarState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LiarState {
    fn find_member(&self, short: ShortId) -> Option<NodeId> {
        self.view.as_ref()?.beginning_with(short).next().copied()
    }

    /// Returns true if the liar answers a frame, and false if it ignores it.
    fn answers(&mut self, frame: &Frame) -> bool {
        match (frame, &mut self.pulls) {
            (Frame::Pull(_), Some(0)) => false,
            (Frame::Pull(_), Some(pulls)) => {
                *pulls -= 1;
                true
            }
            _ => true,
        }
    }

    /// Keeps the bundles and openings in a frame, for tests to read.
    fn note(&mut self, channel: Channel, frame: &Frame) {
        if channel != Channel::LOBBY || matches!(frame, Frame::Absent(_)) {
            self.of_rooms.push(frame.clone());
        }
        match frame {
            Frame::Spread(spread) => {
                if let Item::Bundle(sealed) = &spread.item {
                    self.bundles.push(sealed.clone());
                }
            }
            Frame::Brief(brief) => {
                let expanded = brief.expand(|short| self.find_member(short));
                self.bundles.extend(expanded.ok().flatten());
            }
            Frame::Pulled(sealed) => self.bundles.push(sealed.clone()),
            Frame::Stand(opening) => self.openings.push(opening.clone()),
            _ => return,
        }
        wait::notify();
    }
}

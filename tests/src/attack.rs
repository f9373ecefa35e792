//! Attacks that keep one core busy, so that their effect on a conversation can be measured.
//!
//! Not here: the conversation, and the limits that it has to keep (the tests).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use ringtalk_node::identity::Identity;
use ringtalk_wire::{
    Addresses, Bundle, BundleMessage, Direction, Frame, Interval, Item, Join, NetworkId, NodeId,
    RingKey, Seal, SealHash, Sealed, Spread, encode, encode_item, item_to_sign,
};

use crate::event::Event;
use crate::liar::{Liar, open_lobby};
use crate::node::{JOIN_TIMEOUT, TestNode};
use crate::raw::{Raw, frame};
use crate::wait::notify;

/// The text of every made-up author.
const INVENTED_TEXT: &str = "nobody let me in";

/// The name of the former member.
pub const FORMER: &str = "former";

/// The core that attacks run on; others may use it too.
const CORE: usize = 1;

/// An action that repeats until it is stopped.
#[derive(Debug)]
pub struct Attack {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Attack {
    /// Repeats an action, and counts how often it succeeds.
    fn start(mut action: impl FnMut() -> bool + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&done));
        let thread = std::thread::spawn(move || {
            pin();
            while !stopped.load(Ordering::Relaxed) {
                counted.fetch_add(u64::from(action()), Ordering::Relaxed);
            }
        });
        Self { stop, done, thread }
    }

    /// Returns an attack that only keeps the core busy.
    pub fn busy_loop() -> Self {
        Self::start(|| {
            std::hint::black_box((0..100_000_u64).fold(0, u64::wrapping_add));
            true
        })
    }

    /// Returns an attack by a peer that links to a node, does not join, and sends these frames over and over. When
    /// its link is closed it makes another, with the next of `keys`.
    pub fn by_peer(
        victim: &TestNode,
        mut keys: impl Iterator<Item = u64> + Send + 'static,
        frames: Vec<Vec<u8>>,
    ) -> Self {
        let (address, id) = (victim.address(), victim.id());
        let mut next = 0;
        let mut link = None;
        Self::start(move || {
            if link.is_none() {
                link = keys
                    .next()
                    .and_then(|key| Raw::handshake(&address, id, key).ok());
            }
            next = (next + 1) % frames.len();
            let is_sent = link.as_mut().map(|raw| raw.send(&frames[next]));
            match is_sent {
                Some(true) => {}
                Some(false) => link = None,
                None => notify(),
            }
            is_sent == Some(true)
        })
    }

    /// Returns an attack by a member that sends these nodes a stream of bundles of many authors in turn.
    pub fn by_member(
        liar: &Arc<Liar>,
        nodes: &[Arc<TestNode>],
        authors: &Arc<Mutex<InventedAuthors>>,
    ) -> Self {
        let (liar, authors) = (Arc::clone(liar), Arc::clone(authors));
        let nodes: Vec<NodeId> = nodes.iter().map(|node| wire_id(node)).collect();
        let mut targets = nodes.into_iter().cycle();
        Self::start(move || {
            let mut authors = authors.lock().unwrap_or_else(PoisonError::into_inner);
            let frame = spread(Item::Bundle(authors.next_bundle()));
            let is_sent = targets
                .next()
                .is_some_and(|node| liar.send_with_backpressure(&node, &frame));
            if !is_sent {
                notify();
            }
            is_sent
        })
    }

    /// Stops it, and returns how many steps succeeded: at least one.
    ///
    /// # Panics
    ///
    /// If a step panicked, or none succeeded.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it does not panic");
        let done = self.done.load(Ordering::Relaxed);
        assert!(done > 0, "nothing was done");
        done
    }
}

/// Runs `start` on the core of the attacks; the threads that it starts stay there.
///
/// # Panics
///
/// If `start` panics.
pub fn pinned<T: Send>(start: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let started = scope.spawn(|| {
            pin();
            start()
        });
        started.join().expect("it does not panic")
    })
}

fn pin() {
    let mut core = CpuSet::new();
    let _ = core
        .set(CORE)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &core));
}

/// Lets a node called `former` join under a key of its own; it sends no heartbeats, so it does not stay long.
///
/// # Panics
///
/// If it is not admitted.
#[track_caller]
pub fn admit_former(coordinator: &TestNode, key: u64) -> Raw {
    let mark = coordinator.mark();
    let (address, id) = (coordinator.address(), coordinator.id());
    let mut former = Raw::handshake(&address, id, key).expect("a link");
    former.send(&encode_frame(&Frame::Join(Join {
        name: FORMER.into(),
        addresses: Addresses::default(),
        network: NetworkId::default(),
        tag: None,
    })));
    coordinator.wait_for_event("admits it", mark, JOIN_TIMEOUT, |event| match event {
        Event::Joined(member) if member.name == FORMER => Some(()),
        _ => None,
    });
    former
}

/// Makes the former member leave.
///
/// # Panics
///
/// If it is still a member.
#[track_caller]
pub fn make_former_leave(former: &mut Raw, coordinator: &TestNode) {
    former.send(&encode_frame(&Frame::Leave(0)));
    coordinator.wait_for_event("lists it no more", 0, JOIN_TIMEOUT, |event| match event {
        Event::Left(member) | Event::Failed(member) if member.name == FORMER => Some(()),
        _ => None,
    });
}

/// Authors that were never admitted, and the last message of each.
#[derive(Debug)]
pub struct InventedAuthors {
    keys: Vec<Identity>,
    last: BTreeMap<usize, (u64, SealHash)>,
    turn: usize,
}

impl InventedAuthors {
    /// Makes up `authors` authors that no node knows.
    ///
    /// # Panics
    ///
    /// If the system provides no random numbers.
    pub fn invent(authors: usize) -> Self {
        let identities = std::iter::repeat_with(|| Identity::generate().expect("random numbers"));
        Self {
            keys: identities.take(authors).collect(),
            last: BTreeMap::new(),
            turn: 0,
        }
    }

    /// Returns the next message of the next author.
    pub fn next_bundle(&mut self) -> Sealed {
        let author = &self.keys[self.turn];
        let (seq, previous) = self.last.entry(self.turn).or_default();
        *seq += 1;
        let raw = encode_item(&bundle(author.id(), *seq, *previous));
        let seal = Seal {
            key: author.public_key(),
            signature: author.sign(&item_to_sign(open_lobby(), &raw)),
        };
        *previous = seal.hash();
        self.turn = (self.turn + 1) % self.keys.len();
        Sealed { raw, seal }
    }
}

/// Returns one message of each of `authors` made-up authors, as frames that are forwarded round the ring.
pub fn invented_messages(authors: usize) -> Vec<Vec<u8>> {
    let mut invented = InventedAuthors::invent(authors);
    let frames =
        std::iter::repeat_with(|| encode_frame(&spread(Item::Bundle(invented.next_bundle()))));
    frames.take(authors).collect()
}

/// Returns a frame as links carry it.
///
/// # Panics
///
/// Never: a frame is shorter than that.
pub fn encode_frame(wanted: &Frame) -> Vec<u8> {
    let bytes = encode(wanted);
    frame(
        u32::try_from(bytes.len()).expect("a frame is short"),
        &bytes,
    )
}

/// Returns the id of a node, as frames have it.
pub fn wire_id(node: &TestNode) -> NodeId {
    NodeId::from_bytes(node.id().0.into_bytes())
}

/// Returns the frame that forwards an item round the whole ring.
pub fn spread(item: Item) -> Frame {
    Frame::Spread(Spread {
        interval: Interval {
            direction: Direction::Clockwise,
            limit: RingKey(u128::MAX),
            layout: 0,
        },
        item,
    })
}

fn bundle(author: NodeId, seq: u64, previous: SealHash) -> Bundle {
    Bundle {
        author,
        first: seq,
        previous,
        lamport: seq,
        heads: Vec::new(),
        messages: vec![BundleMessage::text(0, INVENTED_TEXT)],
    }
}

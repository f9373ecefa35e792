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
    Addresses, Bundle, Direction, Frame, Interval, Item, Join, NetworkId, NodeId, RingKey, Seal,
    SealHash, Sealed, Spread, Text, encode, encode_item, item_to_sign,
};

use crate::event::Event;
use crate::liar::Liar;
use crate::node::{IN_TIME, Node};
use crate::raw::{Raw, frame};
use crate::wait::beat;

/// The text of every made-up author.
const MADE_UP: &str = "nobody let me in";

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
    fn start(mut deed: impl FnMut() -> bool + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&done));
        let thread = std::thread::spawn(move || {
            pin();
            while !stopped.load(Ordering::Relaxed) {
                counted.fetch_add(u64::from(deed()), Ordering::Relaxed);
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
        victim: &Node,
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
                    .and_then(|key| Raw::introduce(&address, id, key).ok());
            }
            next = (next + 1) % frames.len();
            let is_sent = link.as_mut().map(|raw| raw.send(&frames[next]));
            match is_sent {
                Some(true) => {}
                Some(false) => link = None,
                None => beat(),
            }
            is_sent == Some(true)
        })
    }

    /// Returns an attack by a member that sends these nodes a stream of bundles of many authors in turn.
    pub fn by_member(liar: &Arc<Liar>, nodes: &[Arc<Node>], authors: &Arc<Mutex<Authors>>) -> Self {
        let (liar, authors) = (Arc::clone(liar), Arc::clone(authors));
        let nodes: Vec<NodeId> = nodes.iter().map(|node| wire(node)).collect();
        let mut told = nodes.into_iter().cycle();
        Self::start(move || {
            let mut authors = authors.lock().unwrap_or_else(PoisonError::into_inner);
            let said = spread(Item::Bundle(authors.say_next()));
            let is_sent = told.next().is_some_and(|node| liar.pour(&node, &said));
            if !is_sent {
                beat();
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
/// If it is not let in.
#[track_caller]
pub fn let_in(coordinator: &Node, key: u64) -> Raw {
    let mark = coordinator.mark();
    let (address, id) = (coordinator.address(), coordinator.id());
    let mut former = Raw::introduce(&address, id, key).expect("a link");
    former.send(&framed(&Frame::Join(Join {
        name: FORMER.into(),
        addresses: Addresses::default(),
        network: NetworkId::default(),
        tag: None,
    })));
    coordinator.wait_for_event("lets it in", mark, IN_TIME, |event| match event {
        Event::Joined(person) if person.name == FORMER => Some(()),
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
pub fn leave(former: &mut Raw, coordinator: &Node) {
    former.send(&framed(&Frame::Leave(0)));
    coordinator.wait_for_event("lists it no more", 0, IN_TIME, |event| match event {
        Event::Left(person) | Event::Failed(person) if person.name == FORMER => Some(()),
        _ => None,
    });
}

/// Authors that were never admitted, and the last message of each.
#[derive(Debug)]
pub struct Authors {
    keys: Vec<Identity>,
    said: BTreeMap<usize, (u64, SealHash)>,
    turn: usize,
}

impl Authors {
    /// Makes up `authors` authors that no node knows.
    ///
    /// # Panics
    ///
    /// If the system provides no random numbers.
    pub fn make_up(authors: usize) -> Self {
        let identities = std::iter::repeat_with(|| Identity::generate().expect("random numbers"));
        Self {
            keys: identities.take(authors).collect(),
            said: BTreeMap::new(),
            turn: 0,
        }
    }

    /// Returns the next message of the next author.
    pub fn say_next(&mut self) -> Sealed {
        let author = &self.keys[self.turn];
        let (seq, previous) = self.said.entry(self.turn).or_default();
        *seq += 1;
        let raw = encode_item(&words(author.id(), *seq, *previous));
        let seal = Seal {
            key: author.public_key(),
            signature: author.sign(&item_to_sign(&raw)),
        };
        *previous = seal.hash();
        self.turn = (self.turn + 1) % self.keys.len();
        Sealed { raw, seal }
    }
}

/// Returns one message of each of `authors` made-up authors, as frames that are forwarded round the ring.
pub fn made_up(authors: usize) -> Vec<Vec<u8>> {
    let mut made_up = Authors::make_up(authors);
    let said = std::iter::repeat_with(|| framed(&spread(Item::Bundle(made_up.say_next()))));
    said.take(authors).collect()
}

/// Returns a frame as links carry it.
///
/// # Panics
///
/// Never: a frame is shorter than that.
pub fn framed(what: &Frame) -> Vec<u8> {
    let bytes = encode(what);
    frame(
        u32::try_from(bytes.len()).expect("a frame is short"),
        &bytes,
    )
}

/// Returns the id of a node, as frames have it.
pub fn wire(node: &Node) -> NodeId {
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

fn words(author: NodeId, seq: u64, previous: SealHash) -> Bundle {
    Bundle {
        author,
        first: seq,
        previous,
        lamport: seq,
        heads: Vec::new(),
        messages: vec![Text {
            timestamp_ms: 0,
            text: MADE_UP.into(),
        }],
    }
}

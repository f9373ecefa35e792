//! Peers that no view lists speak, and ask, as fast as they can: nobody hears them, nobody answers, nobody leaves.
//!
//! What a member passes on is another matter: `lying_member`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use ringtalk_node::identity::Identity;
use ringtalk_tests::cluster::{Cluster, EVERYWHERE, REST};
use ringtalk_tests::event::Event;
use ringtalk_tests::id::NodeId as Id;
use ringtalk_tests::measure::{Latency, latency, report};
use ringtalk_tests::node::{IN_TIME, Node};
use ringtalk_tests::raw::{Raw, frame};
use ringtalk_tests::resources::peak_resident_kib;
use ringtalk_tests::talk::Talk;
use ringtalk_tests::wait::{beat, until};
use ringtalk_tests::{alone, knob};
use ringtalk_wire::{
    Addresses, Bundle, Direction, Frame, Interval, Item, Join, NetworkId, NodeId, Pull, Range,
    RingKey, Seal, SealHash, Sealed, Spread, Text, encode, encode_item, item_to_sign,
};

/// What everybody says whom nobody should hear.
const MADE_UP: &str = "nobody let me in";
/// How many authors a stranger makes up: more than `--json` could ever name in each line.
const AUTHORS: usize = 2_500;
/// How many messages a second the members say meanwhile.
const RATE: u32 = 50;
/// How much more memory a member may take than before.
const GROWTH_KIB: u64 = 48 * 1024;
/// What a node may send in a second to somebody whom it gives nothing: heartbeats and views.
const NEXT_TO_NOTHING: usize = 16 * 1024;

#[test]
fn what_a_stranger_says_reaches_nobody() {
    let _alone = alone();
    let mut cluster = Cluster::start(4);
    let members = cluster.live();
    let watch = Watch::on(&members);
    let talk = Talk::start(&members, RATE);
    let attack = Attack::by_stranger(&members[0], made_up(AUTHORS));
    // Waits while the attack goes on: what is shown is that it goes on without an effect.
    std::thread::sleep(knob::attack());
    report("unlisted: frames of a stranger", attack.stop());
    talk.stop();
    cluster.everything_everywhere(EVERYWHERE);
    watch.expect_undisturbed(&members);
    cluster.join().ready(IN_TIME);
    cluster.one_ring(REST);
    cluster.check();
}

#[test]
fn a_former_member_is_neither_heard_nor_answered() {
    let _alone = alone();
    let cluster = Cluster::start(3);
    let members = cluster.live();
    let coordinator = cluster.coordinator();
    let long = "what is only for members ".repeat(100);
    coordinator.paste(&vec![long; 50]);
    cluster.everything_everywhere(EVERYWHERE);

    let mark = coordinator.mark();
    let mut former = Raw::introduce(&coordinator.address(), coordinator.id(), 77).expect("a link");
    former.send(&framed(&Frame::Join(Join {
        name: "former".into(),
        addresses: Addresses::default(),
        network: NetworkId::default(),
        tag: None,
    })));
    let has = |what: fn(&Event) -> bool| {
        let journal = coordinator.journal();
        let found = journal.since(mark).any(what);
        found.then_some(()).ok_or("not yet")
    };
    until("it is a member", IN_TIME, &[], || {
        has(|event| matches!(event, Event::Joined(person) if person.name == "former"))
    });
    let range = Range {
        author: wire(coordinator.id()),
        from: 1,
        to: 50,
    };
    let pull = framed(&Frame::Pull(Pull {
        number: 1,
        ranges: vec![range],
    }));
    former.send(&pull);
    let given = received(&mut former);
    assert!(given > 50 * 2_000, "a member was given {given} bytes");

    former.send(&framed(&Frame::Leave(0)));
    until("it is a member no more", IN_TIME, &[], || {
        has(|event| {
            let (Event::Left(person) | Event::Failed(person)) = event else {
                return false;
            };
            person.name == "former"
        })
    });
    received(&mut former);
    let watch = Watch::on(&members);
    former.send(&pull);
    let given = received(&mut former);
    assert!(
        given < NEXT_TO_NOTHING,
        "a former member was given {given} bytes"
    );
    former.send(&made_up(1).concat());
    coordinator.say("after it");
    cluster.everything_everywhere(EVERYWHERE);
    watch.expect_undisturbed(&members);
    cluster.check();
}

/// The full show (`RINGTALK_ATTACK_SECONDS=60`): six rounds, each with a busy loop on one core and then with the attack
/// there. In the gate there is one short round, and only what must not happen is looked at.
#[test]
fn the_talk_goes_on_beside_a_stranger_at_full_speed() {
    let _alone = alone();
    let cluster = Cluster::start(4);
    let members = cluster.live();
    let watch = Watch::on(&members);
    let rounds = if knob::attack() < knob::FULL_ATTACK {
        1
    } else {
        6
    };
    let talk = Talk::start(&members, RATE);
    let (mut idle, mut amid) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        idle.push(over(&members, Attack::busy_loop()));
        amid.push(over(
            &members,
            Attack::by_stranger(&members[0], made_up(AUTHORS)),
        ));
    }
    talk.stop();
    cluster.everything_everywhere(EVERYWHERE);
    watch.expect_undisturbed(&members);
    let [idle, amid] = [median(&idle), median(&amid)];
    report("unlisted: p50, p99 beside a busy loop", idle);
    report("unlisted: p50, p99 beside a stranger", amid);
    if rounds > 1 {
        assert!(amid.0 <= 2 * idle.0 && amid.1 <= Duration::from_millis(50));
    }
    cluster.check();
}

/// The latency of what is said while something goes on.
fn over(members: &[Arc<Node>], attack: Attack) -> Latency {
    let began = Instant::now();
    // Waits while it goes on: what is measured is a time of talk.
    std::thread::sleep(knob::attack());
    attack.stop();
    let records: Vec<_> = members.iter().map(|node| node.record()).collect();
    latency(&records, began, Instant::now())
}

/// The middle of several p50, and of several p99.
fn median(measured: &[Latency]) -> (Duration, Duration) {
    let middle = |of: fn(&Latency) -> Duration| {
        let mut all: Vec<Duration> = measured.iter().map(of).collect();
        all.sort_unstable();
        all[all.len() / 2]
    };
    (middle(|one| one.p50), middle(|one| one.p99))
}

/// Something that one core does as fast as it can, until it is stopped.
struct Attack {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Attack {
    fn start(mut deed: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&done));
        let thread = std::thread::spawn(move || {
            let mut core = CpuSet::new();
            let _ = core
                .set(1)
                .and_then(|()| sched_setaffinity(Pid::from_raw(0), &core));
            while !stopped.load(Ordering::Relaxed) {
                deed();
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { stop, done, thread }
    }

    /// Nothing but work for the core.
    fn busy_loop() -> Self {
        Self::start(|| {
            std::hint::black_box((0..100_000_u64).fold(0, u64::wrapping_add));
        })
    }

    /// Somebody who has a link to a node, joins nothing, and says these again and again. A link that is closed is made
    /// anew, under another key.
    fn by_stranger(victim: &Node, frames: Vec<Vec<u8>>) -> Self {
        let (address, id) = (victim.address(), victim.id());
        let mut number = 1_000;
        let mut next = 0;
        let mut link = None;
        Self::start(move || {
            if link.is_none() {
                number += 1;
                link = Raw::introduce(&address, id, number).ok();
            }
            next = (next + 1) % frames.len();
            let is_sent = link.as_mut().map(|raw| raw.send(&frames[next]));
            match is_sent {
                Some(true) => {}
                Some(false) => link = None,
                None => beat(),
            }
        })
    }

    /// Ends it; gives how many steps there were.
    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it does not panic");
        self.done.load(Ordering::Relaxed)
    }
}

/// What the members were before.
struct Watch {
    marks: Vec<usize>,
    memory: Vec<u64>,
}

impl Watch {
    fn on(members: &[Arc<Node>]) -> Self {
        let peak = |node: &Arc<Node>| peak_resident_kib(node.process());
        Self {
            marks: members.iter().map(|node| node.mark()).collect(),
            memory: members.iter().map(peak).collect(),
        }
    }

    /// Nobody has left, lost anything, or heard what nobody should hear.
    #[track_caller]
    fn expect_undisturbed(&self, members: &[Arc<Node>]) {
        let known: BTreeSet<Id> = members.iter().map(|member| member.id()).collect();
        for ((node, &mark), &before) in members.iter().zip(&self.marks).zip(&self.memory) {
            let label = node.process().label();
            let journal = node.journal();
            let wrong = journal.since(mark).find(|event| match event {
                Event::Message(message) => !known.contains(&message.node_id),
                Event::Left(person) | Event::Failed(person) => person.name != "former",
                Event::Gap(_) | Event::Goodbye(_) => true,
                _ => false,
            });
            assert!(wrong.is_none(), "{label}: {wrong:?}");
            let grown = peak_resident_kib(node.process()).saturating_sub(before);
            assert!(grown <= GROWTH_KIB, "{label} takes {grown} KiB more");
        }
    }
}

/// How many bytes come within two seconds.
fn received(raw: &mut Raw) -> usize {
    let end = Instant::now() + Duration::from_secs(2);
    let mut all = 0;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        all += raw.read_some(left.max(Duration::from_millis(1))).len();
    }
    all
}

/// One message of each of so many authors that were never let in, on its way round the ring.
fn made_up(authors: usize) -> Vec<Vec<u8>> {
    let identities = std::iter::repeat_with(|| Identity::generate().expect("random numbers"));
    let spread = identities.take(authors).map(|identity| {
        let raw = encode_item(&words(identity.id()));
        let seal = Seal {
            key: identity.public_key(),
            signature: identity.sign(&item_to_sign(&raw)),
        };
        framed(&Frame::Spread(Spread {
            interval: Interval {
                direction: Direction::Clockwise,
                limit: RingKey(u128::MAX),
                layout: 0,
            },
            item: Item::Bundle(Sealed { raw, seal }),
        }))
    });
    spread.collect()
}

fn words(author: NodeId) -> Bundle {
    Bundle {
        author,
        first: 1,
        previous: SealHash::default(),
        lamport: 1,
        heads: Vec::new(),
        messages: vec![Text {
            timestamp_ms: 0,
            text: MADE_UP.into(),
        }],
    }
}

fn framed(what: &Frame) -> Vec<u8> {
    let bytes = encode(what);
    frame(
        u32::try_from(bytes.len()).expect("a frame is short"),
        &bytes,
    )
}

fn wire(id: Id) -> NodeId {
    NodeId::from_bytes(id.0.into_bytes())
}

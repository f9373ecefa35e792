//! A member lies to real nodes about others' messages, the view, the coordinator, and its own messages. Nobody
//! believes it, the users of its victims are told, and the conversation goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ringtalk_node::identity::Identity;
use ringtalk_proto::{Change, View};
use ringtalk_tests::attack::{spread, wire_id};
use ringtalk_tests::checker::{self, End, Record, Rules};
use ringtalk_tests::cluster::{Cluster, DELIVERY_TIMEOUT, SETTLE_TIMEOUT, ask_transcripts};
use ringtalk_tests::event::{Coordinator, Event, Message};
use ringtalk_tests::id::{MessageId, NodeId as Id};
use ringtalk_tests::journal::Journal;
use ringtalk_tests::liar::{Liar, open_lobby};
use ringtalk_tests::measure::report;
use ringtalk_tests::node::{JOIN_TIMEOUT, TestNode};
use ringtalk_tests::wait;
use ringtalk_tests::wait_for_turn;
use ringtalk_wire::limit::{BUNDLE_MESSAGES, PAGE_CLOCK, PAGE_ITEMS};
use ringtalk_wire::{
    Announcement, Body, Bundle, BundleMessage, Departed, Departure, Digest, Direction, Frame,
    Interval, Item, ItemId, ItemKind, Member, NodeId, Offer, Opening, Renamed, RingId, RingKey,
    Seal, SealHash, Sealed, ViewUpdate, encode_item, item_to_sign, view_to_sign,
};

/// The number of authors that the liar makes up.
const AUTHORS: usize = 4_096;
/// The number of unlisted authors of whom one member may bring messages.
const MAX_DELIVERED_AUTHORS: usize = 64;

/// The liar's message that depends on an author who does not exist, and the time limit for its delivery.
const DEPENDENT_TEXT: &str = "who said that?";
const SEARCH_TIMEOUT: Duration = Duration::from_secs(30);

/// The number of the liar's messages that are held back.
const WAITING_MESSAGES: u64 = 10_000;

/// The number of messages of a node that the liar keeps busy, and the time limit for the median delivery.
const MESSAGES: usize = 20;
const MEDIAN_LIMIT: Duration = Duration::from_millis(350);

/// The liar's honest message.
const TRUTH: &str = "this I say to everybody";

#[test]
fn a_message_in_anothers_name_is_refused() {
    let _turn = wait_for_turn();
    let scene = LiarScene::new();
    let [first, second, third] = scene.ordinary();
    let victim = wire_id(&third);
    let bundles = scene.liar.bundles_of(victim);
    let true_one = bundles.first().expect("everybody has said something");

    // In another's name, under the liar's own signature.
    let bundle = bundle_of(victim, 2, SealHash::default(), "I never said this");
    let forged = scene.liar.seal(&bundle);
    scene.lie(&first, spread(Item::Bundle(forged)));
    scene.await_error(&first, "refused", "a bundle that cannot be read");
    // Another member's signature over altered content: as its next bundle, and in place of its known one.
    let altered = Sealed {
        seal: true_one.seal,
        ..scene.liar.seal(&bundle)
    };
    scene.lie(&second, spread(Item::Bundle(altered.clone())));
    scene.await_error(&second, "refused", "a bundle that its author did not sign");
    let mut instead = true_one.bundle().expect("it came from its author");
    instead.messages[0].body = Body::Text("I did not say that".into());
    let instead = Sealed {
        seal: true_one.seal,
        ..scene.liar.seal(&instead)
    };
    scene.lie(&second, spread(Item::Bundle(instead.clone())));
    scene.lie(&first, Frame::Pulled(instead));
    let coordinator = scene.cluster.coordinator();
    scene.lie(&coordinator, Frame::Pulled(altered));
    scene.await_error(&coordinator, "refused", "its author did not sign");
    // The liar's own words, signed in another ring.
    let own = bundle_of(scene.liar.id(), 1, SealHash::default(), "said elsewhere");
    let raw = encode_item(&own);
    let elsewhere = item_to_sign(RingId::from_bytes([7; 16]), &raw);
    let seal = scene.liar.seal_bytes(&elsewhere);
    scene.lie(&third, spread(Item::Bundle(Sealed { raw, seal })));
    scene.await_error(&third, "refused", "a bundle that its author did not sign");
    scene.expect_no_effect(&[]);
}

/// A later version may say more than texts.
#[test]
fn messages_that_a_node_does_not_understand_are_passed_on_and_not_shown() {
    let _turn = wait_for_turn();
    let mut scene = LiarScene::new();
    let with = |body| BundleMessage {
        timestamp_ms: 0,
        body,
    };
    let mut bundle = bundle_of(scene.liar.id(), 1, SealHash::default(), "before");
    bundle.messages.extend([
        with(Body::Control {
            kind: 77,
            content: b"\xa0".as_slice().into(),
        }),
        with(Body::GuestText {
            guest: 5,
            text: "hidden".into(),
        }),
        wire_text("after"),
    ]);
    let sealed = scene.liar.seal(&bundle);
    let [first, ..] = scene.ordinary();
    scene.lie(&first, spread(Item::Bundle(sealed)));
    let newcomer = scene.cluster.join();
    newcomer.await_ready(JOIN_TIMEOUT);
    for node in scene.cluster.live() {
        node.await_delivery("before", DELIVERY_TIMEOUT);
        node.await_delivery("after", DELIVERY_TIMEOUT);
        let journal = node.journal();
        let shown: Vec<(u64, &str)> = journal
            .since(0)
            .filter_map(|event| match event {
                Event::Message(message) if message.node_id == Id(*scene.liar.id().as_uuid()) => {
                    Some((message.seq, message.message.as_str()))
                }
                _ => None,
            })
            .collect();
        assert_eq!(shown, [(1, "before"), (4, "after")]);
    }
}

#[test]
fn a_view_of_a_members_own_making_is_refused() {
    let _turn = wait_for_turn();
    let scene = LiarScene::new();
    let [first, second, third] = scene.ordinary();
    let coordinator = scene.cluster.coordinator();
    let view = scene.liar.view();
    let key_of_coordinator = scene.liar.bundles_of(wire_id(&coordinator))[0].seal.key;
    let seal = |update: ViewUpdate| scene.liar.seal(&Announcement::View(update));

    let (update, _) = scene.next_view(&view, eviction(&third), None);
    let forged = seal(update);
    scene.lie(&first, spread(Item::Announcement(forged.clone())));
    scene.await_error(&first, "refused", "an announcement that cannot be read");
    let mut signed = forged;
    signed.seal.key = key_of_coordinator;
    scene.lie(&second, Frame::Update(signed));
    scene.await_error(&second, "refused", "its coordinator did not sign");

    let (update, next) = scene.next_view(&view, renaming(&second), None);
    for page in next.pages() {
        scene.lie(&third, Frame::View(page.into()));
    }
    scene.await_error(
        &third,
        "refused",
        "a view that its coordinator did not sign",
    );
    scene.lie(&coordinator, Frame::Update(seal(update)));
    scene.await_error(&coordinator, "refused", "an update that cannot be read");
    scene.expect_no_effect(&[]);
}

/// The liar's message depends on an author who does not exist, and two members are shown a view that lists that
/// author. Those two search for the missing message; the others wait for ten seconds. Then all deliver the liar's
/// message.
#[test]
fn a_missing_dependency_silences_nobody() {
    let _turn = wait_for_turn();
    let scene = LiarScene::new();
    let [first, _, third] = scene.ordinary();
    let never = Identity::from_seed(&[99; 32]);
    let view = scene.liar.view();
    let liar = view.member(&scene.liar.id()).expect("it is a member");
    let invented = Member {
        id: never.id(),
        name: "nobody".to_owned(),
        key: RingKey(liar.key.0 ^ 1),
        ..liar.clone()
    };
    let comes = Change {
        opening: None,
        joined: vec![invented],
        departed: Vec::new(),
        renamed: Vec::new(),
    };
    let alone = View::founding(liar.clone(), 0, |tag| {
        scene.liar.seal_bytes(&view_to_sign(open_lobby(), tag))
    });
    let (_, both) = scene.next_view(&alone, comes, None);
    let head = ringtalk_wire::MessageId {
        author: never.id(),
        seq: 1,
    };
    let mut bundle = bundle_of(scene.liar.id(), 1, SealHash::default(), DEPENDENT_TEXT);
    bundle.heads = vec![head];
    bundle.lamport = 100;
    let raw = encode_item(&bundle);
    let seal = scene.liar.seal_bytes(&item_to_sign(open_lobby(), &raw));
    for node in scene.cluster.live() {
        let item = Item::Bundle(Sealed {
            raw: raw.clone(),
            seal,
        });
        scene.lie(&node, spread(item));
    }
    for victim in [&first, &third] {
        for page in both.pages() {
            scene.lie(victim, Frame::View(page.into()));
        }
    }
    for node in scene.cluster.live() {
        node.wait_for_event("hears the liar", 0, SEARCH_TIMEOUT, |event| match event {
            Event::Message(message) if message.message == DEPENDENT_TEXT => Some(()),
            _ => None,
        });
    }
    for node in scene.cluster.live() {
        node.say(&format!("heard: {}", node.process().label()));
    }
    scene.cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
}

#[test]
fn nobody_becomes_coordinator_by_its_own_word() {
    let _turn = wait_for_turn();
    let scene = LiarScene::new();
    let [first, second, third] = scene.ordinary();
    let coordinator = scene.cluster.coordinator();
    let view = scene.liar.view();
    for leap in [1, 1 << 40] {
        let opening = scene.opening(&view, leap);
        for node in scene.cluster.live() {
            scene.lie(&node, Frame::Stand(opening.clone()));
            scene.lie(&node, Frame::Pledge(opening.clone()));
        }
        let (update, next) = scene.next_view(&view, eviction(&coordinator), Some(opening));
        let sealed = scene.liar.seal(&Announcement::View(update));
        let [to_first, to_second] = [
            spread(Item::Announcement(sealed.clone())),
            Frame::Update(sealed),
        ];
        scene.lie(&first, to_first);
        scene.lie(&second, to_second);
        for node in [&third, &coordinator] {
            for page in next.pages() {
                scene.lie(node, Frame::View(page.into()));
            }
        }
    }
    for node in [&first, &second, &third, &coordinator] {
        scene.await_error(node, "unproven-coordinator", "no other member confirms it");
    }
    scene.expect_no_effect(&[]);
    let stood = scene.liar.openings();
    assert!(stood.is_empty(), "somebody stood for it: {stood:?}");
}

#[test]
fn a_fork_is_shown_up_everywhere() {
    let _turn = wait_for_turn();
    let scene = LiarScene::new();
    let liar = scene.liar.id();
    let bundle = bundle_of(liar, 1, SealHash::default(), TRUTH);
    let first_bundle = scene.liar.seal(&bundle);
    let [first, ..] = scene.ordinary();
    scene.lie(&first, spread(Item::Bundle(first_bundle.clone())));
    for node in scene.cluster.live() {
        node.await_delivery(TRUTH, DELIVERY_TIMEOUT);
    }
    let [predecessor, successor] = scene.neighbours_of_liar();
    let forked = ["to you I say yes", "to you I say no"].map(|text| {
        let bundle = bundle_of(liar, 2, first_bundle.seal.hash(), text);
        scene.liar.seal(&bundle)
    });
    for (node, bundle) in [&predecessor, &successor].into_iter().zip(&forked) {
        scene.lie(node, spread(Item::Bundle(bundle.clone())));
    }
    for node in scene.cluster.live() {
        scene.await_error(&node, "author-forked", "sent different messages");
    }
    // One neighbour has the bundle that this one follows, and would accept it from any other author.
    let bundle = bundle_of(liar, 3, forked[0].seal.hash(), "does anybody listen?");
    let ignored = scene.liar.seal(&bundle);
    for node in scene.cluster.live() {
        scene.lie(&node, spread(Item::Bundle(ignored.clone())));
    }
    scene.expect_no_effect(&[TRUTH, "whichever"]);
    for node in scene.cluster.live() {
        assert!(!node.journal().texts.contains("does anybody listen?"));
    }
}

/// A key costs nothing: a member makes up thousands of authors, of whom only [`MAX_DELIVERED_AUTHORS`] are delivered.
#[test]
fn thousands_of_invented_authors_stop_no_reader() {
    let _turn = wait_for_turn();
    let scene = LiarScene::new();
    let nodes = scene.cluster.live();
    for _ in 0..AUTHORS {
        let author = Identity::generate().expect("random numbers");
        let first_words = signed_bundle(&author, 1, &["first words".to_owned()]);
        for node in &nodes {
            scene.lie(node, Frame::Pulled(first_words.clone()));
        }
    }
    let lines: Vec<String> = (1..=BUNDLE_MESSAGES)
        .map(|line| format!("line {line}"))
        .collect();
    let mut rest = bundle_of(scene.liar.id(), 1, SealHash::default(), "");
    rest.messages = lines.iter().map(|line| wire_text(line)).collect();
    let rest = scene.liar.seal(&rest);
    for node in &nodes {
        scene.lie(node, Frame::Pulled(rest.clone()));
    }
    let liar = Id(*scene.liar.id().as_uuid());
    for (node, mark) in nodes.iter().zip(&scene.marks) {
        node.await_delivery(&lines[BUNDLE_MESSAGES - 1], DELIVERY_TIMEOUT);
        let made_up = |journal: &Journal| {
            let delivered = journal.since(*mark).filter(|event| match event {
                Event::Message(message) => message.unlisted,
                _ => false,
            });
            (delivered.count() >= MAX_DELIVERED_AUTHORS).then_some(())
        };
        node.wait_for("hears those whom nobody has named", JOIN_TIMEOUT, made_up);
        let journal = node.journal();
        let messages = journal.since(*mark).filter_map(|event| match event {
            Event::Message(message) => Some(message),
            _ => None,
        });
        let (of_liar, others): (Vec<_>, Vec<_>) =
            messages.partition(|message| message.node_id == liar);
        assert_eq!(
            others.len(),
            MAX_DELIVERED_AUTHORS,
            "so many are heard, once each"
        );
        let is_marked = |message: &&Message| message.unlisted && message.name.starts_with('?');
        assert!(others.iter().all(is_marked), "{others:?}");
        let texts: Vec<&String> = of_liar.iter().map(|message| &message.message).collect();
        assert_eq!(texts, lines.iter().collect::<Vec<_>>());
        assert!(of_liar.iter().all(|message| !message.unlisted));
    }
    for node in &nodes {
        node.say(&format!("still here: {}", node.process().label()));
    }
    scene.cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    for node in &nodes {
        let journal = node.journal();
        let messages = journal.since(0).filter_map(|event| match event {
            Event::Message(message) => Some(message),
            _ => None,
        });
        let last = messages.last().expect("much was said");
        assert_eq!(last.vector_clock, None);
        assert!(last.clock_size > Some(MAX_DELIVERED_AUTHORS), "{last:?}");
    }
}

/// Many messages that wait for a missing one, and clocks that name the next one over and over.
#[test]
fn waiting_messages_are_not_scanned_for_each_clock() {
    let _turn = wait_for_turn();
    let scene = LiarScene::new();
    let [victim, other] = scene.neighbours_of_liar();
    let me = scene.liar.id();
    let mut previous = SealHash::default();
    for seq in 1..=WAITING_MESSAGES {
        let mut bundle = bundle_of(me, seq, previous, "wait");
        if seq == 1 {
            bundle.heads = vec![ringtalk_wire::MessageId {
                author: wire_id(&other),
                seq: 1 << 40,
            }];
        }
        let sealed = scene.liar.seal(&bundle);
        previous = sealed.seal.hash();
        scene.send_repeatedly(&victim, &Frame::Pulled(sealed), 1);
    }
    let next = ringtalk_wire::MessageId {
        author: me,
        seq: WAITING_MESSAGES + 1,
    };
    let clock = Frame::Digest(Digest {
        entries: vec![next; PAGE_CLOCK],
        answer: false,
    });
    scene.expect_responsive(&victim, &clock);
}

/// Offers of a bundle that everybody has: each item in them is already confirmed.
#[test]
fn confirmed_items_are_not_scanned_for_each_offer() {
    let _turn = wait_for_turn();
    let scene = LiarScene::new();
    let [victim, _] = scene.neighbours_of_liar();
    let offer = Frame::Offer(Offer {
        interval: Interval {
            direction: Direction::Clockwise,
            limit: RingKey(0),
            layout: 1 << 40,
        },
        items: vec![
            ItemId {
                kind: ItemKind::Bundle,
                origin: wire_id(&victim),
                number: 1,
            };
            PAGE_ITEMS
        ],
    });
    scene.expect_responsive(&victim, &offer);
}

/// Four nodes in conversation, and a liar among them.
struct LiarScene {
    liar: Liar,
    cluster: Cluster,
    marks: Vec<usize>,
    coordinator: Coordinator,
    names: Vec<(Id, String)>,
}

impl LiarScene {
    #[track_caller]
    fn new() -> Self {
        let cluster = Cluster::start(4);
        let liar = Liar::join(&cluster.director, "eve");
        let nodes = cluster.live();
        for node in &nodes {
            node.wait_for("has a view with the liar", SETTLE_TIMEOUT, |journal| {
                (journal.view.as_ref()?.members.len() == 5).then_some(())
            });
        }
        for node in &nodes {
            node.say(&format!("the truth of {}", node.process().label()));
        }
        cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
        wait::until("the liar heard all of it", DELIVERY_TIMEOUT, &[], || {
            let has_received = |node: &Arc<TestNode>| !liar.bundles_of(wire_id(node)).is_empty();
            nodes
                .iter()
                .all(has_received)
                .then_some(())
                .ok_or("not yet")
        });
        let coordinator = cluster.coordinator().journal().current_coordinator();
        Self {
            marks: nodes.iter().map(|node| node.mark()).collect(),
            coordinator: coordinator.expect("it is ready"),
            names: names(&nodes[0]),
            liar,
            cluster,
        }
    }

    /// Returns the real nodes except the coordinator.
    fn ordinary(&self) -> [Arc<TestNode>; 3] {
        let others = self.cluster.others(&self.cluster.coordinator());
        others.try_into().expect("four nodes were started")
    }

    fn neighbours_of_liar(&self) -> [Arc<TestNode>; 2] {
        let view = self.liar.view();
        let beside = |direction| {
            let next = view.others(&self.liar.id(), direction).next();
            self.cluster
                .by_id(Id(*next.expect("five members").id.as_uuid()))
        };
        [Direction::Counterclockwise, Direction::Clockwise].map(beside)
    }

    #[track_caller]
    fn lie(&self, to: &Arc<TestNode>, frame: Frame) {
        self.liar.send(wire_id(to), frame);
    }

    /// Sends a frame this many times, as fast as it is taken.
    #[track_caller]
    fn send_repeatedly(&self, to: &Arc<TestNode>, frame: &Frame, times: usize) {
        for _ in 0..times {
            assert!(
                self.liar.send_with_backpressure(&wire_id(to), frame),
                "the link is up"
            );
        }
    }

    /// Checks that a victim's messages arrive soon and nobody is lost while the liar floods it with a frame.
    #[track_caller]
    fn expect_responsive(&self, victim: &Arc<TestNode>, frame: &Frame) {
        let others = self.cluster.others(victim);
        let stop = AtomicBool::new(false);
        let latencies = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    self.liar.send_with_backpressure(&wire_id(victim), frame);
                }
            });
            let latencies = (0..MESSAGES).map(|number| {
                let began = Instant::now();
                victim.say(&format!("awake {number}"));
                others[0].await_delivery(&format!("awake {number}"), DELIVERY_TIMEOUT);
                began.elapsed()
            });
            let mut latencies: Vec<Duration> = latencies.collect();
            stop.store(true, Ordering::Relaxed);
            latencies.sort();
            latencies
        });
        report("latency of one who is kept busy", &latencies);
        assert!(latencies[MESSAGES / 2] < MEDIAN_LIMIT, "{latencies:?}");
        for (node, mark) in self.cluster.live().iter().zip(&self.marks) {
            let journal = node.journal();
            let lost = journal
                .since(*mark)
                .find(|event| is_disturbance(event) && !matches!(event, Event::Gap(_)));
            assert!(lost.is_none(), "{}: {lost:?}", node.process().label());
        }
    }

    /// Waits until a node reports this error to its user.
    #[track_caller]
    fn await_error(&self, node: &Arc<TestNode>, code: &str, text: &str) {
        let nodes = self.cluster.live();
        let index = nodes.iter().position(|one| Arc::ptr_eq(one, node));
        let mark = self.marks[index.expect("it runs")];
        let what = format!("is told of {code}: {text}");
        node.wait_for_event(&what, mark, DELIVERY_TIMEOUT, |event| match event {
            Event::Error(error) if error.code == code && error.message.contains(text) => Some(()),
            _ => None,
        });
    }

    /// Returns the next view, with a change that the liar wants.
    fn next_view(
        &self,
        view: &View,
        change: Change,
        opening: Option<Opening>,
    ) -> (ViewUpdate, View) {
        let change = Change { opening, ..change };
        let next = view.next(change, |tag| {
            self.liar.seal_bytes(&view_to_sign(open_lobby(), tag))
        });
        next.expect("the changes are to members")
    }

    /// Returns an opening that only the liar stands for: two copies of one signature do not count as two.
    fn opening(&self, view: &View, leap: u64) -> Opening {
        let before = view.tag().epoch;
        let mut opening = Opening {
            epoch: ringtalk_wire::Epoch {
                number: before.number + leap,
                coordinator: self.liar.id(),
            },
            before,
            with: None,
            seals: Vec::new(),
        };
        let own = self.liar.seal_bytes(&opening.to_sign(open_lobby()));
        opening.seals = vec![own, own];
        opening
    }

    /// Checks, after all lies, that members, names and coordinator are the same, that nobody is lost, and that all
    /// deliver everybody's messages once. `liar_texts` are the liar's own messages.
    #[track_caller]
    fn expect_no_effect(&self, liar_texts: &[&str]) {
        let nodes = self.cluster.live();
        for node in &nodes {
            node.say(&format!("still here: {}", node.process().label()));
        }
        self.cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
        wait::sleep(
            "a lie must have no effect while a trial and an election could take place",
            Duration::from_secs(4),
        );
        for node in &nodes {
            node.say(&format!("here for good: {}", node.process().label()));
        }
        self.cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
        for (node, mark) in nodes.iter().zip(&self.marks) {
            let journal = node.journal();
            let disturbed = journal.since(*mark).find(|event| is_disturbance(event));
            assert!(
                disturbed.is_none(),
                "{}: {disturbed:?}",
                node.process().label()
            );
            assert_eq!(journal.current_coordinator(), Some(self.coordinator));
            drop(journal);
            assert_eq!(names(node), self.names);
        }
        let liar = Id(*self.liar.id().as_uuid());
        let records = with_liar(self.cluster.records(), liar, liar_texts);
        ask_transcripts(&nodes);
        let report = checker::check(&records, &Rules::default());
        report.expect_clean();
        let transcripts: Vec<Vec<MessageId>> =
            nodes.iter().map(|node| node.last_transcript()).collect();
        assert_eq!(transcripts[0].len(), 3 * nodes.len() + liar_texts.len());
        assert!(transcripts.iter().all(|one| *one == transcripts[0]));
    }
}

/// Returns true if a member is lost or renamed, the view or the coordinator changes, or messages cannot be had.
fn is_disturbance(event: &Event) -> bool {
    matches!(
        event,
        Event::View(_)
            | Event::Coordinator(_)
            | Event::Failed(_)
            | Event::Left(_)
            | Event::Renamed(_)
            | Event::Split(_)
            | Event::Merged(_)
            | Event::Gap(_)
    )
}

/// Returns the records with one added for the liar, who prints no events. A message of which it sent different
/// versions counts as one.
fn with_liar(mut records: Vec<Record>, liar: Id, texts: &[&str]) -> Vec<Record> {
    for timed in records.iter_mut().flat_map(|record| &mut record.events) {
        if let Event::Message(message) = &mut timed.event
            && message.node_id == liar
            && let Some(text) = texts.get(message.seq as usize - 1)
        {
            (*text).clone_into(&mut message.message);
        }
    }
    records.push(Record {
        label: "the liar".to_owned(),
        id: Some(liar),
        typed: texts.iter().map(ToString::to_string).collect(),
        events: Vec::new(),
        malformed: Vec::new(),
        end: End::Killed,
    });
    records
}

fn names(node: &TestNode) -> Vec<(Id, String)> {
    let journal = node.journal();
    let view = journal.view.as_ref().expect("it is ready");
    let members = view.members.iter();
    members
        .map(|member| (member.node_id, member.name.clone()))
        .collect()
}

fn eviction(victim: &TestNode) -> Change {
    Change {
        opening: None,
        joined: Vec::new(),
        departed: vec![Departed {
            id: wire_id(victim),
            how: Departure::Failed,
        }],
        renamed: Vec::new(),
    }
}

fn renaming(victim: &TestNode) -> Change {
    Change {
        opening: None,
        joined: Vec::new(),
        departed: Vec::new(),
        renamed: vec![Renamed {
            id: wire_id(victim),
            name: "a-fool".to_owned(),
        }],
    }
}

/// Returns a bundle of these messages, signed by its author.
fn signed_bundle(author: &Identity, first: u64, texts: &[String]) -> Sealed {
    let mut bundle = bundle_of(author.id(), first, SealHash::default(), "");
    bundle.messages = texts.iter().map(|text| wire_text(text)).collect();
    let raw = encode_item(&bundle);
    let seal = Seal {
        key: author.public_key(),
        signature: author.sign(&item_to_sign(open_lobby(), &raw)),
    };
    Sealed { raw, seal }
}

fn wire_text(text: &str) -> BundleMessage {
    BundleMessage::text(0, text)
}

/// Returns a bundle of one message.
fn bundle_of(author: NodeId, seq: u64, previous: SealHash, text: &str) -> Bundle {
    Bundle {
        author,
        first: seq,
        previous,
        lamport: seq,
        heads: Vec::new(),
        messages: vec![wire_text(text)],
    }
}

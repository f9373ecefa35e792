//! A member lies to real nodes about others' messages, the view, the coordinator, and its own messages. Nobody
//! believes it, the users of its victims are told, and the conversation goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ringtalk_node::identity::Identity;
use ringtalk_proto::{Change, View};
use ringtalk_tests::alone;
use ringtalk_tests::attack::{spread, wire};
use ringtalk_tests::checker::{self, End, Record, Rules};
use ringtalk_tests::cluster::{Cluster, EVERYWHERE, REST, ask_transcripts};
use ringtalk_tests::event::{Event, Message, Reign};
use ringtalk_tests::id::{MessageId, NodeId as Id};
use ringtalk_tests::journal::Journal;
use ringtalk_tests::liar::Liar;
use ringtalk_tests::measure::report;
use ringtalk_tests::node::{IN_TIME, Node};
use ringtalk_wire::limit::{BUNDLE_MESSAGES, PAGE_CLOCK, PAGE_ITEMS};
use ringtalk_wire::{
    Announcement, Bundle, Departed, Departure, Digest, Direction, Frame, Interval, Item, ItemId,
    ItemKind, Member, NodeId, Offer, Opening, Renamed, RingKey, Seal, SealHash, Sealed, Text,
    ViewUpdate, encode_item, item_to_sign, view_to_sign,
};

/// The number of authors that the liar makes up.
const AUTHORS: usize = 4_096;
/// The number of unlisted authors of whom one member may bring messages.
const HEARD: usize = 64;

/// The liar's message that depends on an author who does not exist, and the time limit for its delivery.
const ASKS: &str = "who said that?";
const SEARCHED: Duration = Duration::from_secs(30);

/// The number of the liar's messages that are held back.
const WAITING: u64 = 10_000;

/// The number of messages of a node that the liar keeps busy, and the time limit for the median delivery.
const SAID: usize = 20;
const SOON: Duration = Duration::from_millis(350);

/// The liar's honest message.
const TRUTH: &str = "this I say to everybody";

#[test]
fn a_message_in_anothers_name_is_refused() {
    let _alone = alone();
    let stage = Stage::set();
    let [first, second, third] = stage.ordinary();
    let victim = wire(&third);
    let heard = stage.liar.bundles_of(victim);
    let true_one = heard.first().expect("everybody has said something");

    // In another's name, under the liar's own signature.
    let words = words(victim, 2, SealHash::default(), "I never said this");
    let forged = stage.liar.seal(&words);
    stage.lie(&first, spread(Item::Bundle(forged)));
    stage.is_told(&first, "refused", "a bundle that cannot be read");
    // Another member's signature over altered content: as its next bundle, and in place of its known one.
    let altered = Sealed {
        seal: true_one.seal,
        ..stage.liar.seal(&words)
    };
    stage.lie(&second, spread(Item::Bundle(altered.clone())));
    stage.is_told(&second, "refused", "a bundle that its author did not sign");
    let mut instead = true_one.bundle().expect("it came from its author");
    instead.messages[0].text = "I did not say that".into();
    let instead = Sealed {
        seal: true_one.seal,
        ..stage.liar.seal(&instead)
    };
    stage.lie(&second, spread(Item::Bundle(instead.clone())));
    stage.lie(&first, Frame::Pulled(instead));
    let coordinator = stage.cluster.coordinator();
    stage.lie(&coordinator, Frame::Pulled(altered));
    stage.is_told(&coordinator, "refused", "its author did not sign");
    stage.ends_well(&[]);
}

#[test]
fn a_view_of_a_members_own_making_is_refused() {
    let _alone = alone();
    let stage = Stage::set();
    let [first, second, third] = stage.ordinary();
    let coordinator = stage.cluster.coordinator();
    let view = stage.liar.view();
    let key_of_coordinator = stage.liar.bundles_of(wire(&coordinator))[0].seal.key;
    let seal = |update: ViewUpdate| stage.liar.seal(&Announcement::View(update));

    let (update, _) = stage.changed(&view, evicted(&third), None);
    let forged = seal(update);
    stage.lie(&first, spread(Item::Announcement(forged.clone())));
    stage.is_told(&first, "refused", "an announcement that cannot be read");
    let mut signed = forged;
    signed.seal.key = key_of_coordinator;
    stage.lie(&second, Frame::Update(signed));
    stage.is_told(&second, "refused", "its coordinator did not sign");

    let (update, next) = stage.changed(&view, renamed(&second), None);
    for page in next.pages() {
        stage.lie(&third, Frame::View(page.into()));
    }
    stage.is_told(
        &third,
        "refused",
        "a view that its coordinator did not sign",
    );
    stage.lie(&coordinator, Frame::Update(seal(update)));
    stage.is_told(&coordinator, "refused", "an update that cannot be read");
    stage.ends_well(&[]);
}

/// The liar's message depends on an author who does not exist, and two members are shown a view that lists that
/// author. Those two search for the missing message; the others wait for ten seconds. Then all deliver the liar's
/// message.
#[test]
fn words_that_depend_on_nobody_deafen_nobody() {
    let _alone = alone();
    let stage = Stage::set();
    let [first, _, third] = stage.ordinary();
    let never = Identity::from_seed(&[99; 32]);
    let view = stage.liar.view();
    let liar = view.member(&stage.liar.id()).expect("it is a member");
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
        stage.liar.seal_bytes(&view_to_sign(tag))
    });
    let (_, both) = stage.changed(&alone, comes, None);
    let head = ringtalk_wire::MessageId {
        author: never.id(),
        seq: 1,
    };
    let mut bundle = words(stage.liar.id(), 1, SealHash::default(), ASKS);
    bundle.heads = vec![head];
    bundle.lamport = 100;
    let raw = encode_item(&bundle);
    let seal = stage.liar.seal_bytes(&item_to_sign(&raw));
    for node in stage.cluster.live() {
        let item = Item::Bundle(Sealed {
            raw: raw.clone(),
            seal,
        });
        stage.lie(&node, spread(item));
    }
    for victim in [&first, &third] {
        for page in both.pages() {
            stage.lie(victim, Frame::View(page.into()));
        }
    }
    for node in stage.cluster.live() {
        node.wait_for_event("hears the liar", 0, SEARCHED, |event| match event {
            Event::Message(message) if message.message == ASKS => Some(()),
            _ => None,
        });
    }
    for node in stage.cluster.live() {
        node.say(&format!("heard: {}", node.process().label()));
    }
    stage.cluster.everything_everywhere(EVERYWHERE);
}

#[test]
fn nobody_becomes_coordinator_by_its_own_word() {
    let _alone = alone();
    let stage = Stage::set();
    let [first, second, third] = stage.ordinary();
    let coordinator = stage.cluster.coordinator();
    let view = stage.liar.view();
    for leap in [1, 1 << 40] {
        let opening = stage.opening(&view, leap);
        for node in stage.cluster.live() {
            stage.lie(&node, Frame::Stand(opening.clone()));
            stage.lie(&node, Frame::Pledge(opening.clone()));
        }
        let (update, next) = stage.changed(&view, evicted(&coordinator), Some(opening));
        let sealed = stage.liar.seal(&Announcement::View(update));
        let [to_first, to_second] = [
            spread(Item::Announcement(sealed.clone())),
            Frame::Update(sealed),
        ];
        stage.lie(&first, to_first);
        stage.lie(&second, to_second);
        for node in [&third, &coordinator] {
            for page in next.pages() {
                stage.lie(node, Frame::View(page.into()));
            }
        }
    }
    for node in [&first, &second, &third, &coordinator] {
        stage.is_told(
            node,
            "unproven-coordinator",
            "no other member stands for it",
        );
    }
    stage.ends_well(&[]);
    let stood = stage.liar.openings();
    assert!(stood.is_empty(), "somebody stood for it: {stood:?}");
}

#[test]
fn a_fork_is_shown_up_everywhere() {
    let _alone = alone();
    let stage = Stage::set();
    let liar = stage.liar.id();
    let bundle = words(liar, 1, SealHash::default(), TRUTH);
    let said = stage.liar.seal(&bundle);
    let [first, ..] = stage.ordinary();
    stage.lie(&first, spread(Item::Bundle(said.clone())));
    for node in stage.cluster.live() {
        node.hears(TRUTH, EVERYWHERE);
    }
    let [predecessor, successor] = stage.neighbours_of_liar();
    let forked = ["to you I say yes", "to you I say no"].map(|text| {
        let bundle = words(liar, 2, said.seal.hash(), text);
        stage.liar.seal(&bundle)
    });
    for (node, bundle) in [&predecessor, &successor].into_iter().zip(&forked) {
        stage.lie(node, spread(Item::Bundle(bundle.clone())));
    }
    for node in stage.cluster.live() {
        stage.is_told(&node, "author-forked", "said different things");
    }
    // One neighbour has the bundle that this one follows, and would accept it from any other author.
    let bundle = words(liar, 3, forked[0].seal.hash(), "does anybody listen?");
    let ignored = stage.liar.seal(&bundle);
    for node in stage.cluster.live() {
        stage.lie(&node, spread(Item::Bundle(ignored.clone())));
    }
    stage.ends_well(&[TRUTH, "whichever"]);
    for node in stage.cluster.live() {
        assert!(!node.journal().texts.contains("does anybody listen?"));
    }
}

/// A key costs nothing: a member makes up thousands of authors, of whom only [`HEARD`] are delivered.
#[test]
fn thousands_of_authors_end_no_reader() {
    let _alone = alone();
    let stage = Stage::set();
    let nodes = stage.cluster.live();
    for _ in 0..AUTHORS {
        let author = Identity::generate().expect("random numbers");
        let first_words = says(&author, 1, &["first words".to_owned()]);
        for node in &nodes {
            stage.lie(node, Frame::Pulled(first_words.clone()));
        }
    }
    let lines: Vec<String> = (1..=BUNDLE_MESSAGES)
        .map(|line| format!("line {line}"))
        .collect();
    let mut rest = words(stage.liar.id(), 1, SealHash::default(), "");
    rest.messages = lines.iter().map(|line| said(line)).collect();
    let rest = stage.liar.seal(&rest);
    for node in &nodes {
        stage.lie(node, Frame::Pulled(rest.clone()));
    }
    let liar = Id(*stage.liar.id().as_uuid());
    for (node, mark) in nodes.iter().zip(&stage.marks) {
        node.hears(&lines[BUNDLE_MESSAGES - 1], EVERYWHERE);
        let made_up = |journal: &Journal| {
            let heard = journal.since(*mark).filter(|event| match event {
                Event::Message(message) => message.unlisted,
                _ => false,
            });
            (heard.count() >= HEARD).then_some(())
        };
        node.wait_for("hears those whom nobody has named", IN_TIME, made_up);
        let journal = node.journal();
        let messages = journal.since(*mark).filter_map(|event| match event {
            Event::Message(message) => Some(message),
            _ => None,
        });
        let (of_liar, others): (Vec<_>, Vec<_>) =
            messages.partition(|message| message.node_id == liar);
        assert_eq!(others.len(), HEARD, "so many are heard, once each");
        let is_marked = |message: &&Message| message.unlisted && message.name.starts_with('?');
        assert!(others.iter().all(is_marked), "{others:?}");
        let said: Vec<&String> = of_liar.iter().map(|message| &message.message).collect();
        assert_eq!(said, lines.iter().collect::<Vec<_>>());
        assert!(of_liar.iter().all(|message| !message.unlisted));
    }
    for node in &nodes {
        node.say(&format!("still here: {}", node.process().label()));
    }
    stage.cluster.everything_everywhere(EVERYWHERE);
    for node in &nodes {
        let journal = node.journal();
        let messages = journal.since(0).filter_map(|event| match event {
            Event::Message(message) => Some(message),
            _ => None,
        });
        let last = messages.last().expect("much was said");
        assert_eq!(last.vector_clock, None);
        assert!(last.clock_size > Some(HEARD), "{last:?}");
    }
}

/// Many messages that wait for a missing one, and clocks that name the next one over and over.
#[test]
fn words_that_wait_are_not_walked_over_for_each_clock() {
    let _alone = alone();
    let stage = Stage::set();
    let [victim, other] = stage.neighbours_of_liar();
    let me = stage.liar.id();
    let mut previous = SealHash::default();
    for seq in 1..=WAITING {
        let mut bundle = words(me, seq, previous, "wait");
        if seq == 1 {
            bundle.heads = vec![ringtalk_wire::MessageId {
                author: wire(&other),
                seq: 1 << 40,
            }];
        }
        let sealed = stage.liar.seal(&bundle);
        previous = sealed.seal.hash();
        stage.pour(&victim, &Frame::Pulled(sealed), 1);
    }
    let next = ringtalk_wire::MessageId {
        author: me,
        seq: WAITING + 1,
    };
    let clock = Frame::Digest(Digest {
        entries: vec![next; PAGE_CLOCK],
        answer: false,
    });
    stage.keeps_awake(&victim, &clock);
}

/// Offers of a bundle that everybody has: each item in them is already confirmed.
#[test]
fn what_is_confirmed_is_not_walked_over_for_each_item() {
    let _alone = alone();
    let stage = Stage::set();
    let [victim, _] = stage.neighbours_of_liar();
    let offer = Frame::Offer(Offer {
        interval: Interval {
            direction: Direction::Clockwise,
            limit: RingKey(0),
            layout: 1 << 40,
        },
        items: vec![
            ItemId {
                kind: ItemKind::Bundle,
                origin: wire(&victim),
                number: 1,
            };
            PAGE_ITEMS
        ],
    });
    stage.keeps_awake(&victim, &offer);
}

/// Four nodes in conversation, and a liar among them.
struct Stage {
    liar: Liar,
    cluster: Cluster,
    marks: Vec<usize>,
    reign: Reign,
    names: Vec<(Id, String)>,
}

impl Stage {
    #[track_caller]
    fn set() -> Self {
        let cluster = Cluster::start(4);
        let liar = Liar::join(&cluster.director, "eve");
        let nodes = cluster.live();
        for node in &nodes {
            node.wait_for("has a view with the liar", REST, |journal| {
                (journal.view.as_ref()?.members.len() == 5).then_some(())
            });
        }
        for node in &nodes {
            node.say(&format!("the truth of {}", node.process().label()));
        }
        cluster.everything_everywhere(EVERYWHERE);
        ringtalk_tests::wait::until("the liar heard all of it", EVERYWHERE, &[], || {
            let heard = |node: &Arc<Node>| !liar.bundles_of(wire(node)).is_empty();
            nodes.iter().all(heard).then_some(()).ok_or("not yet")
        });
        let reign = cluster.coordinator().journal().reign();
        Self {
            marks: nodes.iter().map(|node| node.mark()).collect(),
            reign: reign.expect("it is ready"),
            names: names(&nodes[0]),
            liar,
            cluster,
        }
    }

    /// Returns the real nodes except the coordinator.
    fn ordinary(&self) -> [Arc<Node>; 3] {
        let others = self.cluster.others(&self.cluster.coordinator());
        others.try_into().expect("four nodes were started")
    }

    fn neighbours_of_liar(&self) -> [Arc<Node>; 2] {
        let view = self.liar.view();
        let beside = |direction| {
            let next = view.others(&self.liar.id(), direction).next();
            self.cluster
                .by_id(Id(*next.expect("five members").id.as_uuid()))
        };
        [Direction::Counterclockwise, Direction::Clockwise].map(beside)
    }

    #[track_caller]
    fn lie(&self, to: &Arc<Node>, frame: Frame) {
        self.liar.tell(wire(to), frame);
    }

    /// Sends a frame this many times, as fast as it is taken.
    #[track_caller]
    fn pour(&self, to: &Arc<Node>, frame: &Frame, times: usize) {
        for _ in 0..times {
            assert!(self.liar.pour(&wire(to), frame), "the link is up");
        }
    }

    /// Checks that a victim's messages arrive soon and nobody is lost while the liar floods it with a frame.
    #[track_caller]
    fn keeps_awake(&self, victim: &Arc<Node>, frame: &Frame) {
        let others = self.cluster.others(victim);
        let stop = AtomicBool::new(false);
        let latencies = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    self.liar.pour(&wire(victim), frame);
                }
            });
            let latencies = (0..SAID).map(|number| {
                let began = Instant::now();
                victim.say(&format!("awake {number}"));
                others[0].hears(&format!("awake {number}"), EVERYWHERE);
                began.elapsed()
            });
            let mut latencies: Vec<Duration> = latencies.collect();
            stop.store(true, Ordering::Relaxed);
            latencies.sort();
            latencies
        });
        report("latency of one who is kept busy", &latencies);
        assert!(latencies[SAID / 2] < SOON, "{latencies:?}");
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
    fn is_told(&self, node: &Arc<Node>, code: &str, text: &str) {
        let nodes = self.cluster.live();
        let place = nodes.iter().position(|one| Arc::ptr_eq(one, node));
        let mark = self.marks[place.expect("it runs")];
        let what = format!("is told of {code}: {text}");
        node.wait_for_event(&what, mark, EVERYWHERE, |event| match event {
            Event::Error(error) if error.code == code && error.message.contains(text) => Some(()),
            _ => None,
        });
    }

    /// Returns the next view, with a change that the liar wants.
    fn changed(&self, view: &View, change: Change, opening: Option<Opening>) -> (ViewUpdate, View) {
        let change = Change { opening, ..change };
        let next = view.next(change, |tag| self.liar.seal_bytes(&view_to_sign(tag)));
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
        let own = self.liar.seal_bytes(&opening.to_sign());
        opening.seals = vec![own, own];
        opening
    }

    /// Checks, after all lies, that members, names and coordinator are the same, that nobody is lost, and that all
    /// deliver everybody's messages once. `said_by_liar` are the liar's own messages.
    #[track_caller]
    fn ends_well(&self, said_by_liar: &[&str]) {
        let nodes = self.cluster.live();
        for node in &nodes {
            node.say(&format!("still here: {}", node.process().label()));
        }
        self.cluster.everything_everywhere(EVERYWHERE);
        // Waits for longer than a trial and an election take: no lie may have an effect.
        std::thread::sleep(Duration::from_secs(4));
        for node in &nodes {
            node.say(&format!("here for good: {}", node.process().label()));
        }
        self.cluster.everything_everywhere(EVERYWHERE);
        for (node, mark) in nodes.iter().zip(&self.marks) {
            let journal = node.journal();
            let disturbed = journal.since(*mark).find(|event| is_disturbance(event));
            assert!(
                disturbed.is_none(),
                "{}: {disturbed:?}",
                node.process().label()
            );
            assert_eq!(journal.reign(), Some(self.reign));
            drop(journal);
            assert_eq!(names(node), self.names);
        }
        let liar = Id(*self.liar.id().as_uuid());
        let records = with_liar(self.cluster.records(), liar, said_by_liar);
        ask_transcripts(&nodes);
        let report = checker::check(&records, &Rules::default());
        report.expect_clean();
        let transcripts: Vec<Vec<MessageId>> = nodes.iter().map(|node| transcript(node)).collect();
        assert_eq!(transcripts[0].len(), 3 * nodes.len() + said_by_liar.len());
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
fn with_liar(mut records: Vec<Record>, liar: Id, said: &[&str]) -> Vec<Record> {
    for seen in records.iter_mut().flat_map(|record| &mut record.seen) {
        if let Event::Message(message) = &mut seen.event
            && message.node_id == liar
            && let Some(text) = said.get(message.seq as usize - 1)
        {
            (*text).clone_into(&mut message.message);
        }
    }
    records.push(Record {
        label: "the liar".to_owned(),
        id: Some(liar),
        typed: said.iter().map(ToString::to_string).collect(),
        seen: Vec::new(),
        malformed: Vec::new(),
        end: End::Killed,
    });
    records
}

fn transcript(node: &Node) -> Vec<MessageId> {
    let journal = node.journal();
    let last = journal
        .seen
        .iter()
        .rev()
        .find_map(|seen| match &seen.event {
            Event::Transcript(transcript) => Some(transcript.ids.clone()),
            _ => None,
        });
    last.expect("it was asked")
}

fn names(node: &Node) -> Vec<(Id, String)> {
    let journal = node.journal();
    let view = journal.view.as_ref().expect("it is ready");
    let members = view.members.iter();
    members
        .map(|member| (member.node_id, member.name.clone()))
        .collect()
}

fn evicted(victim: &Node) -> Change {
    Change {
        opening: None,
        joined: Vec::new(),
        departed: vec![Departed {
            id: wire(victim),
            how: Departure::Failed,
        }],
        renamed: Vec::new(),
    }
}

fn renamed(victim: &Node) -> Change {
    Change {
        opening: None,
        joined: Vec::new(),
        departed: Vec::new(),
        renamed: vec![Renamed {
            id: wire(victim),
            name: "a-fool".to_owned(),
        }],
    }
}

/// Returns a bundle of these messages, signed by its author.
fn says(author: &Identity, first: u64, texts: &[String]) -> Sealed {
    let mut bundle = words(author.id(), first, SealHash::default(), "");
    bundle.messages = texts.iter().map(|text| said(text)).collect();
    let raw = encode_item(&bundle);
    let seal = Seal {
        key: author.public_key(),
        signature: author.sign(&item_to_sign(&raw)),
    };
    Sealed { raw, seal }
}

fn said(text: &str) -> Text {
    Text {
        timestamp_ms: 0,
        text: text.into(),
    }
}

/// Returns a bundle of one message.
fn words(author: NodeId, seq: u64, previous: SealHash, text: &str) -> Bundle {
    Bundle {
        author,
        first: seq,
        previous,
        lamport: seq,
        heads: Vec::new(),
        messages: vec![said(text)],
    }
}

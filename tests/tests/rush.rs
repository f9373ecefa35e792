//! A member ignores backpressure and sends more than a reader can take: the reader misses only its messages.

use std::time::Duration;

use ringtalk_tests::alone;
use ringtalk_tests::attack::wire;
use ringtalk_tests::director::Director;
use ringtalk_tests::event::Event;
use ringtalk_tests::id::NodeId as Id;
use ringtalk_tests::liar::Liar;
use ringtalk_tests::node::{IN_TIME, Launch, Node};
use ringtalk_wire::limit::BUNDLE_MESSAGES;
use ringtalk_wire::{Bundle, Frame, SealHash, Text};

/// The number of full bundles that the member sends: three times what may wait.
const BUNDLES: u64 = 400;
/// The number of events that the reader reads in a second: too few for the rush.
const READ: u32 = 10_000;
/// The time limit for the reader to catch up after the rush.
const CAUGHT_UP: Duration = Duration::from_secs(60);

#[test]
fn who_reads_slowly_misses_nothing_but_of_the_member_that_does_not_wait() {
    let _alone = alone();
    let director = Director::start();
    let start = |launch: Launch| {
        let node = launch.join(&director.place()).start();
        node.ready(IN_TIME);
        node
    };
    let bob = start(Launch::new("bob"));
    let reader = start(Launch::new("reader").reading_slowly(READ));
    let liar = Liar::join(&director, "eve");
    let mut rush = Rush::of(&liar);
    for number in 0..BUNDLES {
        rush.pour(&reader);
        if number % 20 == 0 {
            bob.say(&format!("bob too has something to say: {number}"));
        }
    }
    bob.say("it is over");
    reader.hears("it is over", CAUGHT_UP);
    let said = BUNDLES / 20 + 1;
    assert_eq!(reader.journal().delivered.get(&bob.id()), Some(&said));

    let eve = Id(*liar.id().as_uuid());
    let all = BUNDLES * BUNDLE_MESSAGES as u64;
    let missed = reader.wait_for_event(
        "is told what it missed",
        0,
        CAUGHT_UP,
        |event| match event {
            Event::Gap(gap) if gap.node_id == eve => Some((gap.from, gap.to)),
            _ => None,
        },
    );
    let journal = reader.journal();
    let heard = |event: &&Event| matches!(event, Event::Message(message) if message.node_id == eve);
    let heard = journal.since(0).filter(heard).count() as u64;
    assert!(
        missed.0 > 1 && missed.1 <= all && heard < all,
        "{missed:?} of {all}, {heard} heard"
    );
    let is_end = |event: &Event| matches!(event, Event::Goodbye(_));
    assert!(!journal.since(0).any(is_end));
}

/// A sequence of bundles of one member, for one node.
struct Rush<'a> {
    liar: &'a Liar,
    said: u64,
    previous: SealHash,
}

impl<'a> Rush<'a> {
    fn of(liar: &'a Liar) -> Self {
        Self {
            liar,
            said: 0,
            previous: SealHash::default(),
        }
    }

    /// Sends one more full bundle, as soon as the link has room for it.
    fn pour(&mut self, to: &Node) {
        let line = |number: usize| Text {
            timestamp_ms: 0,
            text: format!("{:.<180}", self.said as usize + number).into(),
        };
        let bundle = Bundle {
            author: self.liar.id(),
            first: self.said + 1,
            previous: self.previous,
            lamport: self.said + 1,
            heads: Vec::new(),
            messages: (1..=BUNDLE_MESSAGES).map(line).collect(),
        };
        let sealed = self.liar.seal(&bundle);
        self.said += BUNDLE_MESSAGES as u64;
        self.previous = sealed.seal.hash();
        let poured = self.liar.pour(&wire(to), &Frame::Pulled(sealed));
        assert!(poured, "there is no link");
    }
}

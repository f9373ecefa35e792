//! A member ignores backpressure and sends more than a reader can take: the reader misses only its messages.

use std::time::Duration;

use ringtalk_tests::attack::wire_id;
use ringtalk_tests::director::Director;
use ringtalk_tests::event::Event;
use ringtalk_tests::id::NodeId as Id;
use ringtalk_tests::liar::Liar;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::wait_for_turn;
use ringtalk_wire::limit::BUNDLE_MESSAGES;
use ringtalk_wire::{Bundle, BundleMessage, Frame, SealHash};

/// The number of full bundles that the member sends: three times what may wait.
const BUNDLES: u64 = 400;
/// The number of events that the reader reads in a second: too few for the rush.
const READ_PER_SECOND: u32 = 10_000;
/// The time limit for the reader to catch up after the rush.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(60);

#[test]
fn a_slow_reader_misses_only_messages_of_a_flooding_member() {
    let _turn = wait_for_turn();
    let director = Director::start();
    let start = |launch: Launch| {
        let node = launch.join(&director.endpoint()).start();
        node.await_ready(JOIN_TIMEOUT);
        node
    };
    let bob = start(Launch::new("bob"));
    let reader = start(Launch::new("reader").with_reader_pace(READ_PER_SECOND));
    let liar = Liar::join(&director, "eve");
    let mut rush = Rush::of(&liar);
    for number in 0..BUNDLES {
        rush.send_next(&reader);
        if number % 20 == 0 {
            bob.say(&format!("bob too has something to say: {number}"));
        }
    }
    bob.say("it is over");
    reader.await_delivery("it is over", CATCH_UP_TIMEOUT);
    let sent = BUNDLES / 20 + 1;
    assert_eq!(reader.journal().delivered.get(&bob.id()), Some(&sent));

    let eve = Id(*liar.id().as_uuid());
    let all = BUNDLES * BUNDLE_MESSAGES as u64;
    let missed =
        reader.wait_for_event(
            "is told what it missed",
            0,
            CATCH_UP_TIMEOUT,
            |event| match event {
                Event::Gap(gap) if gap.node_id == eve => Some((gap.from, gap.to)),
                _ => None,
            },
        );
    let journal = reader.journal();
    let delivered =
        |event: &&Event| matches!(event, Event::Message(message) if message.node_id == eve);
    let delivered = journal.since(0).filter(delivered).count() as u64;
    assert!(
        missed.0 > 1 && missed.1 <= all && delivered < all,
        "{missed:?} of {all}, {delivered} heard"
    );
    let is_end = |event: &Event| matches!(event, Event::Goodbye(_));
    assert!(!journal.since(0).any(is_end));
}

/// A sequence of bundles of one member, for one node.
struct Rush<'a> {
    liar: &'a Liar,
    sent: u64,
    previous: SealHash,
}

impl<'a> Rush<'a> {
    fn of(liar: &'a Liar) -> Self {
        Self {
            liar,
            sent: 0,
            previous: SealHash::default(),
        }
    }

    /// Sends one more full bundle, as soon as the link has room for it.
    fn send_next(&mut self, to: &TestNode) {
        let line = |number: usize| {
            BundleMessage::text(0, format!("{:.<180}", self.sent as usize + number))
        };
        let bundle = Bundle {
            author: self.liar.id(),
            first: self.sent + 1,
            previous: self.previous,
            lamport: self.sent + 1,
            heads: Vec::new(),
            messages: (1..=BUNDLE_MESSAGES).map(line).collect(),
        };
        let sealed = self.liar.seal(&bundle);
        self.sent += BUNDLE_MESSAGES as u64;
        self.previous = sealed.seal.hash();
        let is_sent = self
            .liar
            .send_with_backpressure(&wire_id(to), &Frame::Pulled(sealed));
        assert!(is_sent, "there is no link");
    }
}

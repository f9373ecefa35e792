//! The handshake under somebody who changes what is said, and somebody who has the secret and lies.
//!
//! It must fail, or end as if nobody had meddled; and a stranger gets no answer.

use std::sync::OnceLock;

use ringtalk_node::fuzzing::{Part, handshake};
use ringtalk_node::identity::Identity;
use ringtalk_node::link::Credentials;
use ringtalk_node::secret::Secret;

use crate::reader::Reader;

/// A dialler and a node that is dialled.
pub(crate) fn credentials() -> &'static [Credentials; 2] {
    static BOTH: OnceLock<[Credentials; 2]> = OnceLock::new();
    let one = |seed| {
        let identity = Identity::from_seed(&[seed; 32]);
        Credentials::new(identity, &Secret::open()).expect("there are random numbers")
    };
    BOTH.get_or_init(|| [one(1), one(2)])
}

const PARTS: [Part; 5] = [
    Part::Opening,
    Part::DialledIntroduction,
    Part::Answer,
    Part::DiallerIntroduction,
    Part::Last,
];

/// One part is changed, or is another altogether.
pub(crate) fn check(bytes: &[u8]) {
    let [one, other] = credentials();
    let mut reader = Reader::new(bytes);
    let choice = reader.byte();
    let meant = PARTS[usize::from(choice % 5)];
    let mut changed = false;
    let mut way = |part: Part, message: &mut Vec<u8>| {
        if part != meant {
            return;
        }
        let before = message.clone();
        if choice < 128 {
            reader.edit(message);
        } else {
            message.clear();
            message.extend_from_slice(reader.rest());
        }
        changed = *message != before;
    };
    let outcome = handshake(one, other, &mut way);

    assert!(outcome.dialled.is_none_or(|key| key == other.public_key()));
    assert!(outcome.dialler.is_none_or(|key| key == one.public_key()));
    let found = outcome.dialled.is_some();
    let linked = outcome.dialler.is_some();
    if !changed {
        assert!(outcome.answered && found && linked, "it fails by itself");
        return;
    }
    match meant {
        Part::Opening => assert!(!outcome.answered, "a stranger was answered"),
        Part::Answer => assert!(outcome.answered && !found && !linked),
        Part::Last => assert!(outcome.answered && found && !linked),
        // An introduction that says the same in other words is as good.
        Part::DialledIntroduction | Part::DiallerIntroduction => assert!(outcome.answered),
    }
}

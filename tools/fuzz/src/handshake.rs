//! The handshake under an attacker who changes messages, and with a peer that has the secret and lies.
//!
//! It must fail, or end as if nobody had changed it; a stranger gets no answer.

use ringtalk_node::fuzzing::{HandshakePart, handshake};
use ringtalk_node::identity::Identity;
use ringtalk_node::link::Credentials;
use ringtalk_node::secret::Secret;

use crate::reader::Reader;

/// Returns the credentials of a dialler and of the node that it dials, in a discussion of their own for these bytes.
///
/// The fuzzer sees the values that its own bytes are compared with. With one secret for all inputs, it would learn from
/// them which tag a first message needs.
pub(crate) fn credentials(bytes: &[u8]) -> [Credentials; 2] {
    let hash = blake3::hash(bytes).to_hex();
    let secret: Secret = hash[..32].parse().expect("a secret in hexadecimal digits");
    [1, 2].map(|seed| {
        let identity = Identity::from_seed(&[seed; 32]);
        Credentials::new(identity, &secret).expect("there are random numbers")
    })
}

const PARTS: [HandshakePart; 5] = [
    HandshakePart::First,
    HandshakePart::DialledIntroduction,
    HandshakePart::Answer,
    HandshakePart::DiallerIntroduction,
    HandshakePart::Last,
];

/// Runs a handshake in which one part is changed or replaced.
pub(crate) fn check(bytes: &[u8]) {
    let [one, other] = credentials(bytes);
    let mut reader = Reader::new(bytes);
    let choice = reader.byte();
    let meant = PARTS[usize::from(choice % 5)];
    let mut changed = false;
    let mut tamper = |part: HandshakePart, message: &mut Vec<u8>| {
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
    let outcome = handshake(&one, &other, &mut tamper);

    assert!(outcome.dialled.is_none_or(|key| key == other.public_key()));
    assert!(outcome.dialler.is_none_or(|key| key == one.public_key()));
    let found = outcome.dialled.is_some();
    let linked = outcome.dialler.is_some();
    if !changed {
        assert!(
            outcome.answered && found && linked,
            "an unchanged handshake fails"
        );
        return;
    }
    match meant {
        HandshakePart::First => assert!(!outcome.answered, "a stranger got an answer"),
        HandshakePart::Answer => assert!(outcome.answered && !found && !linked),
        HandshakePart::Last => assert!(outcome.answered && found && !linked),
        // An introduction of the same value in another encoding is valid.
        HandshakePart::DialledIntroduction | HandshakePart::DiallerIntroduction => {
            assert!(outcome.answered);
        }
    }
}

//! Handshakes without a transport: what each end proves, and what is refused.

use super::*;
use crate::identity::Identity;
use crate::link::test_support::{credentials, credentials_for};
use crate::secret::Secret;

/// A handshake that a dialler has begun, with its first message.
struct Handshake {
    initiator: DiallerAfterFirst,
    first: Vec<u8>,
}

impl Handshake {
    fn by(me: &Credentials) -> Self {
        let (initiator, first) = start_handshake(me).unwrap();
        Self { initiator, first }
    }
}

#[test]
fn both_ends_learn_who_the_other_is() {
    let (here, there) = (credentials(1), credentials(2));
    let Handshake { initiator, first } = Handshake::by(&here);
    let (responder, answer) = read_first(&there, &first).unwrap().answer(&there).unwrap();
    let answered = initiator.read_answer(&answer).unwrap();
    assert_eq!(answered.key(), there.public_key());
    let (here_keys, last) = answered.finish(&here, None).unwrap();
    let (there_keys, introduction) = responder.read_last(&last).unwrap();
    let key = introduction.key;
    assert_eq!(key, here.public_key());
    // PROTOCOL.md §3.2.
    let lengths = [&first, &answer, &last].map(Vec::len);
    assert_eq!(lengths, [48, 211, 179]);

    let (mut ciphertext, mut plain) = ([0; 64], [0; 64]);
    let length = here_keys
        .write_message(0, b"hello", &mut ciphertext)
        .unwrap();
    let length = there_keys.read_message(0, &ciphertext[..length], &mut plain);
    assert_eq!(&plain[..length.unwrap()], b"hello");
}

#[test]
fn a_dialler_without_the_secret_gets_no_answer() {
    let secret = Secret::generate().unwrap();
    let Handshake { first, .. } = Handshake::by(&credentials_for(1, &secret));
    let refused = read_first(&credentials(2), &first);
    assert!(matches!(refused, Err(LinkError::Secret)));
    let refused = read_first(&credentials(2), &[7; FIRST_BYTES]);
    assert!(matches!(refused, Err(LinkError::Secret)));
}

#[test]
fn another_discussion_with_the_same_key_gets_no_answer() {
    let elsewhere = Secret::generate().unwrap().discussion();
    let stranger = credentials(1).in_discussion(elsewhere);
    let Handshake { first, .. } = Handshake::by(&stranger);
    let refused = read_first(&credentials(2), &first);
    assert!(matches!(refused, Err(LinkError::Secret)));
}

#[test]
fn a_change_to_any_byte_of_a_message_is_refused() {
    let (here, there) = (credentials(1), credentials(2));
    let changed = |message: &[u8], position: usize| {
        let mut message = message.to_vec();
        message[position] ^= 1;
        message
    };
    for position in 0..48 {
        let Handshake { first, .. } = Handshake::by(&here);
        let refused = read_first(&there, &changed(&first, position));
        assert!(matches!(refused, Err(LinkError::Secret)), "{position}");
    }
    for position in (0..211).step_by(10) {
        let Handshake { initiator, first } = Handshake::by(&here);
        let responder = read_first(&there, &first).unwrap();
        let (_, answer) = responder.answer(&there).unwrap();
        let refused = initiator.read_answer(&changed(&answer, position));
        assert!(matches!(refused, Err(LinkError::Handshake)), "{position}");
    }
    for position in (0..179).step_by(10) {
        let Handshake { initiator, first } = Handshake::by(&here);
        let responder = read_first(&there, &first).unwrap();
        let (responder, answer) = responder.answer(&there).unwrap();
        let (_, last) = initiator
            .read_answer(&answer)
            .unwrap()
            .finish(&here, None)
            .unwrap();
        let refused = responder.read_last(&changed(&last, position));
        assert!(matches!(refused, Err(LinkError::Handshake)), "{position}");
    }
}

#[test]
fn a_message_of_another_length_is_refused() {
    let (here, there) = (credentials(1), credentials(2));
    let Handshake { initiator, first } = Handshake::by(&here);
    for wrong in [&first[..47], &[], &[first.as_slice(), &[0]].concat()] {
        let refused = read_first(&there, wrong);
        assert!(matches!(refused, Err(LinkError::Handshake)));
    }
    let (_, answer) = read_first(&there, &first).unwrap().answer(&there).unwrap();
    let refused = initiator.read_answer(&answer[..40]);
    assert!(matches!(refused, Err(LinkError::Handshake)));
}

/// Returns what the dialler makes of an answer with this payload, which is made from the transcript and the Noise key
/// to sign.
fn answered_with(
    payload: impl FnOnce(&HandshakeHash, &[u8]) -> Vec<u8>,
) -> Result<PublicKey, LinkError> {
    let (here, there) = (credentials(1), credentials(2));
    let Handshake { initiator, first } = Handshake::by(&here);
    let mut state = read_first(&there, &first).unwrap().0;
    let payload = payload(&handshake_hash(&state), there.noise_public());
    let answer = write(&mut state, &payload).unwrap();
    initiator
        .read_answer(&answer)
        .map(|answered| answered.key())
}

fn introduction(key: PublicKey, owner: &Identity, signed: &[u8]) -> Vec<u8> {
    let signature = owner.sign(signed);
    let ticket = None;
    let introduction = Introduction {
        key,
        signature,
        ticket,
    };
    introduction.encode().to_vec()
}

#[test]
fn a_node_cannot_present_another_nodes_key() {
    let [ann, bob] = [3, 4].map(|number| Identity::from_seed(&[number; 32]));
    let honest = answered_with(|handshake_hash, noise_public| {
        let signed = to_sign(Role::Dialled, handshake_hash, noise_public);
        introduction(ann.public_key(), &ann, &signed)
    });
    assert_eq!(honest.unwrap(), ann.public_key());
    let impostors = [
        answered_with(|handshake_hash, noise_public| {
            let signed = to_sign(Role::Dialled, handshake_hash, noise_public);
            introduction(ann.public_key(), &bob, &signed)
        }),
        answered_with(|handshake_hash, noise_public| {
            let signed = to_sign(Role::Dialler, handshake_hash, noise_public);
            introduction(ann.public_key(), &ann, &signed)
        }),
        answered_with(|_, noise_public| {
            let signed = to_sign(Role::Dialled, &[0; 32], noise_public);
            introduction(ann.public_key(), &ann, &signed)
        }),
        answered_with(|handshake_hash, _| {
            let signed = to_sign(Role::Dialled, handshake_hash, &[0; 32]);
            introduction(ann.public_key(), &ann, &signed)
        }),
    ];
    for impostor in impostors {
        let error = impostor.unwrap_err();
        assert!(matches!(error, LinkError::Impostor(id) if id == ann.id()));
    }
}

#[test]
fn a_payload_without_an_introduction_is_refused() {
    for payload in [&b""[..], b"\xa1\x63key\x01", &[0x81; 512]] {
        let refused = answered_with(|_, _| payload.to_vec());
        assert!(matches!(refused, Err(LinkError::Handshake)));
    }
    let ann = Identity::from_seed(&[3; 32]);
    let trailing = answered_with(|handshake_hash, noise_public| {
        let signed = to_sign(Role::Dialled, handshake_hash, noise_public);
        let introduction = introduction(ann.public_key(), &ann, &signed);
        [introduction.as_slice(), &[0]].concat()
    });
    assert!(matches!(trailing, Err(LinkError::Handshake)));
}

/// The recording is played to another node, or to the same one after it has forgotten the first message.
#[test]
fn a_recorded_handshake_gets_no_further_than_the_last_message() {
    let (here, there) = (credentials(1), credentials(2));
    let Handshake { initiator, first } = Handshake::by(&here);
    let (_, answer) = read_first(&there, &first).unwrap().answer(&there).unwrap();
    let (_, last) = initiator
        .read_answer(&answer)
        .unwrap()
        .finish(&here, None)
        .unwrap();
    for node in [there, credentials(3)] {
        let (responder, _) = read_first(&node, &first).unwrap().answer(&node).unwrap();
        assert!(matches!(
            responder.read_last(&last),
            Err(LinkError::Handshake)
        ));
    }
}

/// A node on the path passes one dialler's first message on as its own; the answer is not for that node.
#[test]
fn a_signature_fits_no_other_handshake() {
    let (here, there) = (credentials(1), credentials(2));
    let Handshake { first, .. } = Handshake::by(&here);
    let (_, answer) = read_first(&there, &first).unwrap().answer(&there).unwrap();
    let Handshake { initiator, .. } = Handshake::by(&credentials(3));
    assert!(matches!(
        initiator.read_answer(&answer),
        Err(LinkError::Handshake)
    ));
}

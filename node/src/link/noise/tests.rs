//! Handshakes without a transport: what each end proves, and what is refused.

use super::*;
use crate::identity::Identity;
use crate::link::test_support::{credentials, credentials_for};
use crate::secret::Secret;

/// A handshake that a dialler has begun, with its first message.
struct Handshake {
    opened: Opened,
    opening: Vec<u8>,
}

impl Handshake {
    fn by(me: &Credentials) -> Self {
        let (opened, opening) = open(me).unwrap();
        Self { opened, opening }
    }
}

#[test]
fn both_ends_learn_who_the_other_is() {
    let (here, there) = (credentials(1), credentials(2));
    let Handshake { opened, opening } = Handshake::by(&here);
    let (shown, answer) = read_opening(&there, &opening)
        .unwrap()
        .answer(&there)
        .unwrap();
    let answered = opened.read_answer(&answer).unwrap();
    assert_eq!(answered.key(), there.public_key());
    let (here_keys, last) = answered.close(&here, None).unwrap();
    let (there_keys, shown) = shown.read_last(&last).unwrap();
    let key = shown.key;
    assert_eq!(key, here.public_key());
    // PROTOCOL.md §3.2.
    let lengths = [&opening, &answer, &last].map(Vec::len);
    assert_eq!(lengths, [48, 211, 179]);

    let (mut sealed, mut plain) = ([0; 64], [0; 64]);
    let length = here_keys.write_message(0, b"hello", &mut sealed).unwrap();
    let length = there_keys.read_message(0, &sealed[..length], &mut plain);
    assert_eq!(&plain[..length.unwrap()], b"hello");
}

#[test]
fn who_lacks_the_secret_gets_no_answer() {
    let secret = Secret::generate().unwrap();
    let Handshake { opening, .. } = Handshake::by(&credentials_for(1, &secret));
    let refused = read_opening(&credentials(2), &opening);
    assert!(matches!(refused, Err(LinkError::Secret)));
    let refused = read_opening(&credentials(2), &[7; OPENING_BYTES]);
    assert!(matches!(refused, Err(LinkError::Secret)));
}

#[test]
fn another_discussion_with_the_same_key_gets_no_answer() {
    let elsewhere = Secret::generate().unwrap().discussion();
    let stranger = credentials(1).in_discussion(elsewhere);
    let Handshake { opening, .. } = Handshake::by(&stranger);
    let refused = read_opening(&credentials(2), &opening);
    assert!(matches!(refused, Err(LinkError::Secret)));
}

#[test]
fn a_changed_message_is_refused_whichever_byte_it_is() {
    let (here, there) = (credentials(1), credentials(2));
    let changed = |message: &[u8], place: usize| {
        let mut message = message.to_vec();
        message[place] ^= 1;
        message
    };
    for place in 0..48 {
        let Handshake { opening, .. } = Handshake::by(&here);
        let refused = read_opening(&there, &changed(&opening, place));
        assert!(matches!(refused, Err(LinkError::Secret)), "{place}");
    }
    for place in (0..211).step_by(10) {
        let Handshake { opened, opening } = Handshake::by(&here);
        let approached = read_opening(&there, &opening).unwrap();
        let (_, answer) = approached.answer(&there).unwrap();
        let refused = opened.read_answer(&changed(&answer, place));
        assert!(matches!(refused, Err(LinkError::Handshake)), "{place}");
    }
    for place in (0..179).step_by(10) {
        let Handshake { opened, opening } = Handshake::by(&here);
        let approached = read_opening(&there, &opening).unwrap();
        let (shown, answer) = approached.answer(&there).unwrap();
        let (_, last) = opened
            .read_answer(&answer)
            .unwrap()
            .close(&here, None)
            .unwrap();
        let refused = shown.read_last(&changed(&last, place));
        assert!(matches!(refused, Err(LinkError::Handshake)), "{place}");
    }
}

#[test]
fn a_message_of_another_length_is_refused() {
    let (here, there) = (credentials(1), credentials(2));
    let Handshake { opened, opening } = Handshake::by(&here);
    for wrong in [&opening[..47], &[], &[opening.as_slice(), &[0]].concat()] {
        let refused = read_opening(&there, wrong);
        assert!(matches!(refused, Err(LinkError::Handshake)));
    }
    let (_, answer) = read_opening(&there, &opening)
        .unwrap()
        .answer(&there)
        .unwrap();
    let refused = opened.read_answer(&answer[..40]);
    assert!(matches!(refused, Err(LinkError::Handshake)));
}

/// Returns what the dialler makes of an answer with this payload, which is made from the transcript and the Noise key
/// to sign.
fn answered_with(
    payload: impl FnOnce(&Transcript, &[u8]) -> Vec<u8>,
) -> Result<PublicKey, LinkError> {
    let (here, there) = (credentials(1), credentials(2));
    let Handshake { opened, opening } = Handshake::by(&here);
    let mut state = read_opening(&there, &opening).unwrap().0;
    let payload = payload(&transcript(&state), there.noise_public());
    let answer = write(&mut state, &payload).unwrap();
    opened.read_answer(&answer).map(|answered| answered.key())
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
fn nobody_shows_a_key_of_somebody_else() {
    let [ann, bob] = [3, 4].map(|number| Identity::from_seed(&[number; 32]));
    let honest = answered_with(|transcript, noise_public| {
        let signed = to_sign(Role::Dialled, transcript, noise_public);
        introduction(ann.public_key(), &ann, &signed)
    });
    assert_eq!(honest.unwrap(), ann.public_key());
    let impostors = [
        answered_with(|transcript, noise_public| {
            let signed = to_sign(Role::Dialled, transcript, noise_public);
            introduction(ann.public_key(), &bob, &signed)
        }),
        answered_with(|transcript, noise_public| {
            let signed = to_sign(Role::Dialler, transcript, noise_public);
            introduction(ann.public_key(), &ann, &signed)
        }),
        answered_with(|_, noise_public| {
            let signed = to_sign(Role::Dialled, &[0; 32], noise_public);
            introduction(ann.public_key(), &ann, &signed)
        }),
        answered_with(|transcript, _| {
            let signed = to_sign(Role::Dialled, transcript, &[0; 32]);
            introduction(ann.public_key(), &ann, &signed)
        }),
    ];
    for impostor in impostors {
        let error = impostor.unwrap_err();
        assert!(matches!(error, LinkError::Impostor(id) if id == ann.id()));
    }
}

#[test]
fn a_payload_that_is_no_introduction_is_refused() {
    for payload in [&b""[..], b"\xa1\x63key\x01", &[0x81; 512]] {
        let refused = answered_with(|_, _| payload.to_vec());
        assert!(matches!(refused, Err(LinkError::Handshake)));
    }
    let ann = Identity::from_seed(&[3; 32]);
    let trailing = answered_with(|transcript, noise_public| {
        let signed = to_sign(Role::Dialled, transcript, noise_public);
        let introduction = introduction(ann.public_key(), &ann, &signed);
        [introduction.as_slice(), &[0]].concat()
    });
    assert!(matches!(trailing, Err(LinkError::Handshake)));
}

/// The recording is played to another node, or to the same one after it has forgotten the first message.
#[test]
fn a_recorded_handshake_gets_no_further_than_the_last_message() {
    let (here, there) = (credentials(1), credentials(2));
    let Handshake { opened, opening } = Handshake::by(&here);
    let (_, answer) = read_opening(&there, &opening)
        .unwrap()
        .answer(&there)
        .unwrap();
    let (_, last) = opened
        .read_answer(&answer)
        .unwrap()
        .close(&here, None)
        .unwrap();
    for node in [there, credentials(3)] {
        let (shown, _) = read_opening(&node, &opening)
            .unwrap()
            .answer(&node)
            .unwrap();
        assert!(matches!(shown.read_last(&last), Err(LinkError::Handshake)));
    }
}

/// A node on the path passes one dialler's first message on as its own; the answer is not for that node.
#[test]
fn a_signature_fits_no_other_handshake() {
    let (here, there) = (credentials(1), credentials(2));
    let Handshake { opening, .. } = Handshake::by(&here);
    let (_, answer) = read_opening(&there, &opening)
        .unwrap()
        .answer(&there)
        .unwrap();
    let Handshake { opened, .. } = Handshake::by(&credentials(3));
    assert!(matches!(
        opened.read_answer(&answer),
        Err(LinkError::Handshake)
    ));
}

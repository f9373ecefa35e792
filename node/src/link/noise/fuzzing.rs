//! For the fuzzer: a whole handshake, whatever happens to its parts on the way.
//!
//! Not here: what the fuzzer checks (`tools/fuzz`).

use ringtalk_wire::PublicKey;
use snow::HandshakeState;

use super::{
    Credentials, DialledAfterAnswer, DiallerAfterAnswer, Keys, Role, introduction, keys,
    read_first, start_handshake, write,
};

/// A part of the handshake, which one end sends to the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandshakePart {
    /// The dialler's first message.
    First,
    /// The introduction of the dialled end, before it is encrypted: a node with the secret can say anything.
    DialledIntroduction,
    /// The dialled end's message.
    Answer,
    /// The introduction of the dialler, before it is encrypted.
    DiallerIntroduction,
    /// The dialler's last message.
    Last,
}

/// The progress of a handshake.
#[derive(Clone, Default, Debug)]
pub struct Outcome {
    /// Whether the dialled end has answered, and so believes that the dialler has the secret.
    pub answered: bool,
    /// The node that the dialler has found, if it got so far.
    pub dialled: Option<PublicKey>,
    /// The node by which the dialled end was dialled, if it got so far: then it has a link.
    pub dialler: Option<PublicKey>,
    /// The keys at both ends, the dialler's first.
    pub(crate) keys: Option<[Keys; 2]>,
}

/// Leads both ends through a handshake. Each part passes through `tamper`, which may change it.
pub fn handshake(
    initiator: &Credentials,
    responder: &Credentials,
    tamper: &mut dyn FnMut(HandshakePart, &mut Vec<u8>),
) -> Outcome {
    let mut outcome = Outcome::default();
    lead(initiator, responder, tamper, &mut outcome);
    outcome
}

/// Runs the handshake. Returns `None` if one of the ends gives up.
fn lead(
    initiator: &Credentials,
    responder: &Credentials,
    tamper: &mut dyn FnMut(HandshakePart, &mut Vec<u8>),
    outcome: &mut Outcome,
) -> Option<()> {
    let (after_first, mut first) = start_handshake(initiator).ok()?;
    tamper(HandshakePart::First, &mut first);
    let mut there = read_first(responder, &first).ok()?.0;
    outcome.answered = true;

    let mut payload = encode_introduction(&there, Role::Dialled, responder);
    tamper(HandshakePart::DialledIntroduction, &mut payload);
    let mut answer = write(&mut there, &payload).ok()?;
    tamper(HandshakePart::Answer, &mut answer);
    let DiallerAfterAnswer { mut state, key } = after_first.read_answer(&answer).ok()?;
    outcome.dialled = Some(key);

    let mut payload = encode_introduction(&state, Role::Dialler, initiator);
    tamper(HandshakePart::DiallerIntroduction, &mut payload);
    let mut last = write(&mut state, &payload).ok()?;
    let here = keys(state);
    tamper(HandshakePart::Last, &mut last);
    let (there, introduction) = DialledAfterAnswer(there).read_last(&last).ok()?;
    outcome.dialler = Some(introduction.key);
    outcome.keys = Some([here, there]);
    Some(())
}

fn encode_introduction(state: &HandshakeState, role: Role, me: &Credentials) -> Vec<u8> {
    introduction(state, role, me).encode().to_vec()
}

//! For the fuzzer: a whole handshake, whatever happens to its parts on the way.
//!
//! Not here: what the fuzzer checks (`tools/fuzz`).

use ringtalk_wire::PublicKey;
use snow::HandshakeState;

use super::{
    Answered, Credentials, Keys, Role, Shown, introduction, keys, open, read_opening, write,
};

/// A part of the handshake, which one end sends to the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The dialler's first message.
    Opening,
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

/// Leads both ends through a handshake. Each part passes through `way`, which may change it.
pub fn handshake(
    initiator: &Credentials,
    responder: &Credentials,
    way: &mut dyn FnMut(Part, &mut Vec<u8>),
) -> Outcome {
    let mut outcome = Outcome::default();
    lead(initiator, responder, way, &mut outcome);
    outcome
}

/// Runs the handshake. Returns `None` if one of the ends gives up.
fn lead(
    initiator: &Credentials,
    responder: &Credentials,
    way: &mut dyn FnMut(Part, &mut Vec<u8>),
    outcome: &mut Outcome,
) -> Option<()> {
    let (opened, mut opening) = open(initiator).ok()?;
    way(Part::Opening, &mut opening);
    let mut there = read_opening(responder, &opening).ok()?.0;
    outcome.answered = true;

    let mut said = said(&there, Role::Dialled, responder);
    way(Part::DialledIntroduction, &mut said);
    let mut answer = write(&mut there, &said).ok()?;
    way(Part::Answer, &mut answer);
    let Answered { mut state, key } = opened.read_answer(&answer).ok()?;
    outcome.dialled = Some(key);

    let mut said = self::said(&state, Role::Dialler, initiator);
    way(Part::DiallerIntroduction, &mut said);
    let mut last = write(&mut state, &said).ok()?;
    let here = keys(state);
    way(Part::Last, &mut last);
    let (there, shown) = Shown(there).read_last(&last).ok()?;
    outcome.dialler = Some(shown.key);
    outcome.keys = Some([here, there]);
    Some(())
}

fn said(state: &HandshakeState, role: Role, me: &Credentials) -> Vec<u8> {
    introduction(state, role, me).encode().to_vec()
}

//! For the fuzzer: a whole handshake, whatever happens to its parts on their way.
//!
//! Not here: what must come of it (`tools/fuzz`).

use ringtalk_wire::PublicKey;
use snow::HandshakeState;

use super::{
    Answered, Credentials, Keys, Role, Shown, introduction, keys, open, read_opening, write,
};

/// Something that one end says to the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The dialler's first message.
    Opening,
    /// What the dialled end says of itself, before it is sealed: who has the secret can say anything.
    DialledIntroduction,
    /// The dialled end's message.
    Answer,
    /// What the dialler says of itself, before it is sealed.
    DiallerIntroduction,
    /// The dialler's last message.
    Last,
}

/// How far a handshake came.
#[derive(Clone, Default, Debug)]
pub struct Outcome {
    /// The dialled end has answered: it took whoever dialled for somebody with the secret.
    pub answered: bool,
    /// Whom the dialler has found, if it got so far.
    pub dialled: Option<PublicKey>,
    /// By whom the dialled end was dialled: with that it has a link.
    pub dialler: Option<PublicKey>,
    /// What is left at both ends, the dialler's first.
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

/// Nothing where one of the ends gives up.
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

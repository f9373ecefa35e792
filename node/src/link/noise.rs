//! The messages of the handshake, without a transport: `PROTOCOL.md` §3.2.
//!
//! `Noise_XXpsk0`: the dialler's first message proves that it has the discussion's secret, and says nothing else. Only
//! then does the dialled end show who it is, encrypted; the dialler does so last, once it has found the node that it
//! wants. Each end signs the handshake so far and its own Noise key, so a signature fits no other handshake, and no
//! other node's channel. Not here: reading and writing (`handshake`), replayed first messages (`replay_filter`).

use std::io;
use std::sync::Arc;

use ringtalk_wire::limit::HANDSHAKE_BYTES;
use ringtalk_wire::{Introduction, NodeId, PublicKey, RECORD_TAG_BYTES, Ticket};
use snow::{Builder, HandshakeState, Keypair, StatelessTransportState};

use super::resolver::Resolver;
use super::{Credentials, LinkError};
use crate::identity::verify;

/// The name that Noise gives to the handshake and its cryptography.
const PROTOCOL: &str = "Noise_XXpsk0_25519_AESGCM_SHA256";
/// The prefix of what is signed here, so that it is nothing that is signed elsewhere.
const DOMAIN: &[u8] = b"ringtalk link";
/// The size of an ephemeral key, in bytes.
pub(super) const EPHEMERAL_BYTES: usize = 32;
/// The size of an authentication tag, in bytes.
pub(super) const TAG_BYTES: usize = RECORD_TAG_BYTES;
/// The size of the first message, in bytes: an ephemeral key, and the proof of the secret.
const FIRST_BYTES: usize = EPHEMERAL_BYTES + TAG_BYTES;
/// The hash of the handshake so far.
type HandshakeHash = [u8; 32];

/// The result of a finished handshake: the keys of both directions.
pub(super) type Keys = Arc<StatelessTransportState>;

/// The end that signs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Role {
    Dialler = 0,
    Dialled = 1,
}

/// Generates a key pair for [`Credentials`].
pub(super) fn key_pair() -> io::Result<Keypair> {
    builder().generate_keypair().map_err(io::Error::other)
}

/// The dialler, after it sent the first message.
#[derive(Debug)]
pub(super) struct DiallerAfterFirst(HandshakeState);

/// The dialler, after it learned who was dialled, and before it says anything of itself.
#[derive(Debug)]
pub(super) struct DiallerAfterAnswer {
    state: HandshakeState,
    key: PublicKey,
}

/// Starts a handshake as the dialler, with the first message.
pub(super) fn start_handshake(me: &Credentials) -> Result<(DiallerAfterFirst, Vec<u8>), LinkError> {
    let mut state = begin(me, Role::Dialler);
    let first = write(&mut state, &[])?;
    Ok((DiallerAfterFirst(state), first))
}

impl DiallerAfterFirst {
    /// Reads the second message.
    pub(super) fn read_answer(self, answer: &[u8]) -> Result<DiallerAfterAnswer, LinkError> {
        let mut state = self.0;
        let introduction = read_introduction(&mut state, Role::Dialled, answer)?;
        let key = introduction.key;
        Ok(DiallerAfterAnswer { state, key })
    }
}

impl DiallerAfterAnswer {
    /// Returns the key of the node that was dialled.
    pub(super) const fn key(&self) -> PublicKey {
        self.key
    }

    /// Makes the third and last message. If the connection is for a circuit, the message has its ticket.
    pub(super) fn finish(
        mut self,
        me: &Credentials,
        ticket: Option<Ticket>,
    ) -> Result<(Keys, Vec<u8>), LinkError> {
        let introduction = Introduction {
            ticket,
            ..introduction(&self.state, Role::Dialler, me)
        };
        let last = write(&mut self.state, &introduction.encode())?;
        Ok((keys(self.state), last))
    }
}

/// The dialled end, after the dialler proved that it has the secret.
#[derive(Debug)]
pub(super) struct DialledAfterFirst(HandshakeState);

/// The dialled end, after it showed who it is.
#[derive(Debug)]
pub(super) struct DialledAfterAnswer(HandshakeState);

/// Reads the first message, as the dialled end.
pub(super) fn read_first(me: &Credentials, first: &[u8]) -> Result<DialledAfterFirst, LinkError> {
    if first.len() != FIRST_BYTES {
        return Err(LinkError::Handshake);
    }
    let mut state = begin(me, Role::Dialled);
    read(&mut state, first).map_err(|_| LinkError::Secret)?;
    Ok(DialledAfterFirst(state))
}

impl DialledAfterFirst {
    /// Makes the second message.
    pub(super) fn answer(
        mut self,
        me: &Credentials,
    ) -> Result<(DialledAfterAnswer, Vec<u8>), LinkError> {
        let introduction = introduction(&self.0, Role::Dialled, me);
        let answer = write(&mut self.0, &introduction.encode())?;
        Ok((DialledAfterAnswer(self.0), answer))
    }
}

impl DialledAfterAnswer {
    /// Reads the third message, in which the dialler says who it is.
    pub(super) fn read_last(mut self, last: &[u8]) -> Result<(Keys, Introduction), LinkError> {
        let introduction = read_introduction(&mut self.0, Role::Dialler, last)?;
        Ok((keys(self.0), introduction))
    }
}

fn builder<'a>() -> Builder<'a> {
    let protocol = PROTOCOL.parse().expect("Noise has such a handshake");
    Builder::with_resolver(protocol, Box::new(Resolver))
}

fn begin(me: &Credentials, role: Role) -> HandshakeState {
    let prologue = me.prologue();
    let builder = builder()
        .psk(0, me.link_key())
        .and_then(|builder| builder.local_private_key(me.noise_secret()))
        .and_then(|builder| builder.prologue(&prologue));
    let state = builder.and_then(|builder| match role {
        Role::Dialler => builder.build_initiator(),
        Role::Dialled => builder.build_responder(),
    });
    state.expect("the handshake has all the keys that it needs")
}

/// Returns the introduction of this end. The Noise key is mixed into the transcript only while the message is written,
/// so it is signed too.
fn introduction(state: &HandshakeState, role: Role, me: &Credentials) -> Introduction {
    let signed = to_sign(role, &handshake_hash(state), me.noise_public());
    Introduction {
        key: me.public_key(),
        signature: me.sign(&signed),
        ticket: None,
    }
}

/// Reads the message in which the far end, in this role, says who it is.
fn read_introduction(
    state: &mut HandshakeState,
    role: Role,
    message: &[u8],
) -> Result<Introduction, LinkError> {
    let handshake_hash = handshake_hash(state);
    let payload = read(state, message).map_err(|_| LinkError::Handshake)?;
    let introduction = Introduction::decode(&payload).map_err(|_| LinkError::Handshake)?;
    let noise_public = state.get_remote_static();
    let noise_public = noise_public.expect("the message that was just read brought it");
    let signed = to_sign(role, &handshake_hash, noise_public);
    if verify(&introduction.key, &signed, &introduction.signature) {
        Ok(introduction)
    } else {
        Err(LinkError::Impostor(NodeId::of(&introduction.key)))
    }
}

fn to_sign(role: Role, handshake_hash: &HandshakeHash, noise_public: &[u8]) -> Vec<u8> {
    [DOMAIN, &[role as u8], handshake_hash, noise_public].concat()
}

/// Returns the transcript so far, which is the same at both ends between two messages.
fn handshake_hash(state: &HandshakeState) -> HandshakeHash {
    let hash = state.get_handshake_hash();
    *hash.first_chunk().expect("SHA-256 has 32 bytes")
}

fn write(state: &mut HandshakeState, payload: &[u8]) -> Result<Vec<u8>, LinkError> {
    let mut message = vec![0; HANDSHAKE_BYTES];
    let length = state.write_message(payload, &mut message);
    message.truncate(length.map_err(io::Error::other)?);
    Ok(message)
}

fn read(state: &mut HandshakeState, message: &[u8]) -> Result<Vec<u8>, snow::Error> {
    let mut payload = vec![0; HANDSHAKE_BYTES];
    let length = state.read_message(message, &mut payload)?;
    payload.truncate(length);
    Ok(payload)
}

fn keys(state: HandshakeState) -> Keys {
    let keys = state.into_stateless_transport_mode();
    Arc::new(keys.expect("all three messages have passed"))
}

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;

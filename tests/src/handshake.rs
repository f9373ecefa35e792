//! The dialler's side of a handshake, and the records after it (`wire/PROTOCOL.md` §3).
//!
//! Written from that page alone, with another cryptography library than the node's. Not here: sockets (`raw`).

use std::io;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use snow::{Builder, HandshakeState, TransportState};
use uuid::Uuid;

use crate::id::NodeId;

/// The bytes that each end sends first: the magic, and the version.
pub const PREFACE: &[u8] = b"RTLK\x00\x0a";

/// The secret of the open discussion, which is public.
pub const OPEN: DiscussionSecret = DiscussionSecret(*b"ringtalk-open-02");

/// The maximum number of bytes of a stream in a record.
const RECORD_BYTES: usize = 65_518;

/// The last byte of the contents of a record that continues the main stream.
const MAIN_STREAM: u8 = 0;

/// A discussion's secret.
#[derive(Clone, Copy, Debug)]
pub struct DiscussionSecret(pub [u8; 16]);

impl DiscussionSecret {
    fn derive(self, label: &[u8]) -> [u8; 32] {
        let mut key = [0; 32];
        let derived = Hkdf::<Sha256>::new(Some(b"ringtalk"), &self.0).expand(label, &mut key);
        derived.expect("32 bytes can be derived");
        key
    }

    fn discussion(self) -> Uuid {
        let registration = SigningKey::from_bytes(&self.derive(b"registration"));
        fingerprint(registration.verifying_key().as_bytes())
    }
}

/// The dialler, during a handshake.
#[derive(Debug)]
pub struct Dialler {
    state: HandshakeState,
    identity: SigningKey,
    noise_public: Vec<u8>,
}

impl Dialler {
    /// Returns a dialler whose key is derived from a number, and which has this secret.
    ///
    /// # Panics
    ///
    /// If the system provides no random numbers.
    pub fn new(number: u64, secret: DiscussionSecret) -> Self {
        let pattern = || "Noise_XXpsk0_25519_AESGCM_SHA256".parse();
        let pair = Builder::new(pattern().expect("a pattern")).generate_keypair();
        let pair = pair.expect("random numbers");
        let prologue = [PREFACE, secret.discussion().as_bytes()].concat();
        let link_key = secret.derive(b"link");
        let state = Builder::new(pattern().expect("a pattern"))
            .psk(0, &link_key)
            .and_then(|builder| builder.local_private_key(&pair.private))
            .and_then(|builder| builder.prologue(&prologue))
            .and_then(Builder::build_initiator);
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        Self {
            state: state.expect("all keys are there"),
            identity: SigningKey::from_bytes(&seed),
            noise_public: pair.public,
        }
    }

    /// Returns the first message, after its length.
    pub fn first_message(&mut self) -> io::Result<Vec<u8>> {
        write(&mut self.state, &[])
    }

    /// Reads the second message, without its length, and returns the id of the node that was dialled.
    pub fn read_answer(&mut self, answer: &[u8]) -> io::Result<NodeId> {
        let hash = self.state.get_handshake_hash().to_vec();
        let mut payload = vec![0; 1024];
        let length = self.state.read_message(answer, &mut payload);
        payload.truncate(length.map_err(io::Error::other)?);
        let far = self.state.get_remote_static();
        let far = far.ok_or_else(|| wrong("an answer without a key"))?;
        let signed = [b"ringtalk link\x01", hash.as_slice(), far].concat();
        let (key, signature) = parts(&payload).ok_or_else(|| wrong("no introduction"))?;
        let verified = key.verify_strict(&signed, &signature);
        verified.map_err(|_| wrong("a signature that is none"))?;
        Ok(NodeId(fingerprint(key.as_bytes())))
    }

    /// Returns the third message, after its length, and the session that follows the handshake.
    pub fn finish(mut self) -> io::Result<(Vec<u8>, Session)> {
        let hash = self.state.get_handshake_hash().to_vec();
        let signed = [b"ringtalk link\x00", hash.as_slice(), &self.noise_public].concat();
        let key = self.identity.verifying_key();
        let introduction = [
            &b"\xa2\x63key\x58\x20"[..],
            key.as_bytes(),
            b"\x69signature\x58\x40",
            &self.identity.sign(&signed).to_bytes(),
        ];
        let last = write(&mut self.state, &introduction.concat())?;
        let session = self.state.into_transport_mode().map_err(io::Error::other)?;
        Ok((last, Session(session)))
    }
}

/// The encrypted session after the handshake.
#[derive(Debug)]
pub struct Session(TransportState);

impl Session {
    /// Encrypts bytes into records.
    ///
    /// # Panics
    ///
    /// After 2^64 records.
    pub fn encrypt(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut records = Vec::new();
        let mut record = vec![0; RECORD_BYTES + 17];
        for part in bytes.chunks(RECORD_BYTES) {
            let contents = [part, &[MAIN_STREAM]].concat();
            let length = self
                .0
                .write_message(&contents, &mut record)
                .expect("it fits");
            let prefix = u16::try_from(length).expect("a record is short");
            records.extend(prefix.to_be_bytes());
            records.extend((!prefix).to_be_bytes());
            records.extend(&record[..length]);
        }
        records
    }
}

/// Returns the key and the signature of an introduction: CBOR in which both have fixed positions.
fn parts(introduction: &[u8]) -> Option<(VerifyingKey, Signature)> {
    let rest = introduction.strip_prefix(b"\xa2\x63key\x58\x20")?;
    let (key, rest) = rest.split_at_checked(32)?;
    let signature = rest.strip_prefix(b"\x69signature\x58\x40")?;
    Some((key.try_into().ok()?, signature.try_into().ok()?))
}

fn write(state: &mut HandshakeState, payload: &[u8]) -> io::Result<Vec<u8>> {
    let mut message = vec![0; 1024];
    let length = state.write_message(payload, &mut message);
    let length = length.map_err(io::Error::other)?;
    let prefix = u16::try_from(length).expect("a message is short");
    Ok([&prefix.to_be_bytes(), &message[..length]].concat())
}

/// Returns the UUID of version 8 that identifies a key.
pub(crate) fn fingerprint(key: &[u8; 32]) -> Uuid {
    let digest = Sha256::digest(key);
    Uuid::new_v8(*digest.first_chunk().expect("SHA-256 has 32 bytes"))
}

fn wrong(what: &'static str) -> io::Error {
    io::Error::other(what)
}
